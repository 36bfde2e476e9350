"""The end of a competition in the console: the reveal, the ceremony, grades and the archive."""

from __future__ import annotations

import csv
import io
import re
import zipfile

import pytest
from flask.testing import FlaskClient
from tests.installations import Build, Installation
from tests.visitors import address, browser, hidden, place_baseline, send
from werkzeug.test import TestResponse

CONSOLE = "/console/competitions/lecture"


@pytest.fixture
def made(build: Build) -> Installation:
    """Alice before Bob before Carol, and a baseline above Carol."""
    installation = build()
    for n, who in enumerate(("alice", "bob", "carol")):
        send(installation, installation.noisy(1.0 + 6 * n, n), who)
    place_baseline(installation, "Near", "strong", installation.bundle.key.labels + 10.0)
    return installation


@pytest.fixture
def teacher(made: Installation) -> FlaskClient:
    return browser(made, "tina", "Tina", "instructor")


def press(client: FlaskClient, page: str, to: str | None = None, **form: str) -> TestResponse:
    token = hidden(client.get(CONSOLE + page).text, "csrf_token")
    return client.post(CONSOLE + (to or page), data={"csrf_token": token, **form})


def private_page(made: Installation) -> int:
    return made.client("alice").get(f"/api/competitions/{made.slug}/leaderboard?board=private").status_code


# the reveal


def test_before_the_end_nothing_is_offered(made: Installation, teacher: FlaskClient) -> None:
    page = teacher.get(CONSOLE + "/reveal").text
    assert "once the competition has ended: after" in page
    assert "Reveal now" not in page
    assert teacher.get(CONSOLE + "/ceremony").status_code == 409


def test_the_reveal_needs_the_name_typed(made: Installation, teacher: FlaskClient) -> None:
    made.pass_deadline()
    refused = press(teacher, "/reveal", confirm="lectur")
    assert refused.status_code == 400
    assert "Type “lecture” to confirm" in refused.text
    assert private_page(made) == 404
    assert press(teacher, "/reveal", confirm="lecture").status_code == 303
    assert private_page(made) == 200
    page = teacher.get(CONSOLE + "/reveal").text
    assert re.search(r"was opened <time.*</time> by <bdi>tina</bdi>", page)
    assert "board=private" in page


def test_the_page_says_how_many_chose(made: Installation, teacher: FlaskClient) -> None:
    made.client("alice").put(f"/api/competitions/{made.slug}/final", json={"refs": [1]})
    made.pass_deadline()
    page = teacher.get(CONSOLE + "/reveal").text
    assert re.search(r"Chose final submissions</dt><dd>1<", page)
    assert re.search(r"Chose none</dt><dd>2<", page)


def test_an_assistant_sees_the_outlook_and_no_button(made: Installation) -> None:
    made.pass_deadline()
    page = browser(made, "tess", "Tess", "assistant").get(CONSOLE + "/reveal").text
    assert "An instructor of the course opens it." in page
    assert "Begin the ceremony" not in page


# the ceremony


def stage(client: FlaskClient, opened: int) -> str:
    answer = client.get(f"{CONSOLE}/ceremony?opened={opened}")
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    return answer.text


def names(page: str) -> list[str]:
    return re.findall(r'class="team"><bdi>(.*?)</bdi>', page)


def test_links_alone_lead_from_the_last_place_to_the_first_and_back(made: Installation, teacher: FlaskClient) -> None:
    made.pass_deadline()
    page, seen = stage(teacher, 0), []
    while link := re.search(r'id="next" rel="next" href="([^"]*)"', page):
        page = teacher.get(link[1]).text
        seen.append(names(page))
    assert seen == [["Carol"], ["Bob", "Near", "Carol"], ["Alice", "Bob", "Near", "Carol"]]
    assert "Open the board to everybody" in page
    back = re.search(r'id="back" rel="prev" href="([^"]*)"', page)
    assert back
    assert names(teacher.get(back[1]).text) == seen[1]


def test_a_step_says_who_moved(made: Installation, teacher: FlaskClient) -> None:
    made.pass_deadline()
    page = stage(teacher, 1)
    assert "Rank 3: Carol" in page
    assert "Still covered: rank 2" in page


def test_students_see_nothing_before_the_board_is_opened_to_them(made: Installation, teacher: FlaskClient) -> None:
    made.pass_deadline()
    stage(teacher, 3)
    assert private_page(made) == 404
    opened = press(teacher, "/ceremony?opened=3", to="/ceremony")
    assert opened.status_code == 303
    assert private_page(made) == 200
    board = made.client().get(opened.location).text
    assert re.findall(r'data-team="([^"]*)"', board) == names(stage(teacher, 3))


@pytest.mark.slow
def test_a_ceremony_can_be_shown_again(made: Installation, teacher: FlaskClient) -> None:
    made.pass_deadline()
    before = stage(teacher, 2)
    press(teacher, "/reveal", confirm="lecture")
    teacher.get(CONSOLE + "/reveal")  # says the notice
    assert stage(teacher, 2) == before
    assert "Open the board to everybody" not in stage(teacher, 3)


@pytest.mark.slow
def test_no_byte_of_a_step_depends_on_a_covered_place(build: Build) -> None:
    """Two worlds in which the two best swap what they predict on the private rows."""
    pages = []
    for swapped in (False, True):
        made = build()
        key = made.bundle.key
        for who, offset in (("alice", 1.0), ("bob", 2.0), ("carol", 9.0)):
            private = (
                {"alice": 2.5, "bob": 0.25}.get(who, 9.0) if swapped else {"alice": 0.125, "bob": 1.0}.get(who, 9.0)
            )
            values = key.labels + offset
            values[key.usage == 2] = key.labels[key.usage == 2] + private
            send(made, made.file(values), who)
        teacher = browser(made, "tina", "Tina", "instructor")
        made.pass_deadline()
        token = hidden(stage(teacher, 1), "csrf_token")
        pages.append([stage(teacher, n).replace(token, "") for n in (0, 1)])
        assert len(names(stage(teacher, 1))) == 1
    assert pages[0] == pages[1]


# grades


def test_the_page_shows_points_and_what_they_are_made_of(made: Installation, teacher: FlaskClient) -> None:
    page = teacher.get(CONSOLE + "/grades").text
    assert "Private scores, ranks and points appear here after the reveal" in page
    assert names_of_students(page) == ["Alice", "Bob", "Carol"]


def names_of_students(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><bdi>(.*?)</bdi> <span class="members">', page)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=ALI", ["Alice"]),
        ("q=o", ["Bob", "Carol"]),
        ("sort=public", ["Alice", "Bob", "Carol"]),
        ("sort=nonsense&page=-3", ["Alice", "Bob", "Carol"]),
        ("page=99999", []),
        ("q=%3Cb%3E", []),
    ],
)
def test_grades_can_be_searched_and_ordered(
    made: Installation, teacher: FlaskClient, query: str, found: list[str]
) -> None:
    answer = teacher.get(f"{CONSOLE}/grades?{query}")
    assert answer.status_code == 200
    assert names_of_students(answer.text) == found
    assert "<b>" not in answer.text


@pytest.mark.slow
@pytest.mark.parametrize(("style", "name"), [("csv", ""), ("canvas", "-canvas"), ("moodle", "-moodle")])
def test_grades_are_downloaded_by_a_form(made: Installation, teacher: FlaskClient, style: str, name: str) -> None:
    answer = press(teacher, "/grades", to="/grades/export", format=style)
    assert answer.headers["Content-Disposition"] == f"attachment; filename=lecture-grades{name}.csv"
    assert len(list(csv.reader(io.StringIO(answer.text)))) == (5 if style == "canvas" else 4)


def test_grades_over_http_are_for_staff_and_in_known_formats(made: Installation) -> None:
    answer = made.client("teacher").get(f"/api/competitions/{made.slug}/grades?format=moodle")
    assert "rank 1" in answer.text
    assert made.client("teacher").get(f"/api/competitions/{made.slug}/grades").json["revealed"] is False
    assert made.client("alice").get(f"/api/competitions/{made.slug}/grades").status_code == 403
    assert made.client("teacher").get(f"/api/competitions/{made.slug}/grades?format=xls").status_code == 400


# the archive


def test_the_archive_comes_as_a_zip_after_the_name_is_typed(made: Installation, teacher: FlaskClient) -> None:
    assert press(teacher, "/archive", people="pseudonyms", confirm="").status_code == 400
    assert press(teacher, "/archive", people="", confirm="lecture").status_code == 400
    answer = press(teacher, "/archive", people="pseudonyms", confirm="lecture")
    assert answer.headers["Content-Disposition"] == "attachment; filename=lecture-archive-pseudonymous.zip"
    with zipfile.ZipFile(io.BytesIO(answer.data)) as packed:
        assert packed.testzip() is None
        assert "lecture/index.html" in packed.namelist()
        assert b"Alice" not in b"".join(packed.read(name) for name in packed.namelist())


def test_nothing_of_the_end_is_linked_from_a_students_page(made: Installation) -> None:
    page = made.client("alice").get(address(made)).text
    for part in ("ceremony", "grades", "archive"):
        assert part not in page
