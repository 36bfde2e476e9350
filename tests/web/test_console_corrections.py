"""The console's pages for submissions, extensions and corrected answers, as a browser gets them."""

from __future__ import annotations

import io
import re

import pytest
from flask.testing import FlaskClient
from tests.installations import Build, Installation
from tests.services.test_rescore import shifted, solution
from tests.services.test_submit import send
from tests.visitors import address, browser, hidden
from werkzeug.test import TestResponse

from unseen_server.core.errors import BadFile, TooManyRejected
from unseen_server.db import models
from unseen_server.services.submit import submit
from unseen_server.web import paging

SUBMISSIONS = "/console/competitions/lecture/submissions"
EXTENSIONS = "/console/competitions/lecture/extensions/"
RESCORE = "/console/competitions/lecture/rescore/"
HOSTILE = '<script>alert(1)</script>=cmd|" \u202eesrever'


@pytest.fixture
def made(build: Build) -> Installation:
    return build()


@pytest.fixture
def staff(made: Installation) -> FlaskClient:
    """An assistant's browser."""
    return browser(made, "tina", "Tina", "assistant")


@pytest.fixture
def instructor(made: Installation) -> FlaskClient:
    return browser(made, "ines", "Ines", "instructor")


def press(client: FlaskClient, path: str, page: str, **form: object) -> TestResponse:
    """Send a form of `page` to `path`."""
    return client.post(path, data={"csrf_token": hidden(client.get(page).text, "csrf_token"), **form})


# submissions


def test_the_list_shows_what_students_see_and_what_they_do_not(made: Installation, staff: FlaskClient) -> None:
    send(made, made.noisy(4.0))
    page = staff.get(SUBMISSIONS).text
    with made.db.read() as session:
        score, private = session.get_one(models.Score, (1, 1)), session.get_one(models.PrivateScore, (1, 1))
    assert f'title="{score.value}"' in page
    assert f'title="{private.value}"' in page
    assert "hidden from students" in page
    made.pass_deadline()
    made.client("teacher").post("/api/competitions/lecture/reveal")
    assert "hidden from students" not in staff.get(SUBMISSIONS).text


def test_a_long_list_comes_in_pages_that_keep_the_search(
    made: Installation, staff: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        send(made, made.file())
    monkeypatch.setattr(paging, "SIZE", 2)
    first = staff.get(f"{SUBMISSIONS}?search=alice&kind=all").text
    assert "search=alice" in first
    assert "page=2" in first
    second = staff.get(f"{SUBMISSIONS}?search=alice&page=2").text
    assert re.findall(r"/submissions/(\d)\"", second) == ["1"]
    for odd in ("page=0", "page=x", "page=99999999999", "kind=nonsense", "search=%00", "search=%25"):
        assert staff.get(f"{SUBMISSIONS}?{odd}").status_code == 200


@pytest.mark.slow
def test_a_submission_is_withdrawn_and_brought_back_with_reasons(made: Installation, staff: FlaskClient) -> None:
    ref = send(made, made.file()).ref
    one = f"{SUBMISSIONS}/{ref}"
    assert press(staff, f"{one}/withdraw", one, reason="").status_code == 400
    assert press(staff, f"{one}/withdraw", one, reason="sent for somebody else").status_code == 303
    page = staff.get(one).text
    assert "sent for somebody else" in page
    assert "withdrew a submission" in page
    own = made.client("alice").get(address(made, "/submissions")).text
    assert "sent for somebody else" in own
    assert press(staff, f"{one}/withdraw", one, reason="again").status_code == 409
    assert press(staff, f"{one}/restore", one, reason="it was theirs").status_code == 303
    assert "sent for somebody else" not in made.client("alice").get(address(made, "/submissions")).text


def test_a_file_comes_as_it_was_sent_and_is_never_shown(made: Installation, staff: FlaskClient) -> None:
    content = made.file()
    send(made, content)
    reply = staff.get(f"{SUBMISSIONS}/1/file")
    assert reply.data == content
    assert reply.headers["Content-Disposition"].startswith("attachment")
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Cache-Control"] == "private, no-store"


def test_a_submission_of_another_competition_is_not_found(made: Installation, staff: FlaskClient) -> None:
    assert staff.get(f"{SUBMISSIONS}/99").status_code == 404
    assert staff.get(f"{SUBMISSIONS}/99/file").status_code == 404


def test_names_messages_and_reasons_are_harmless(made: Installation, staff: FlaskClient) -> None:
    upload = made.upload(made.file(), message=HOSTILE, name=HOSTILE + ".csv")
    place = {"slug": made.slug, "principal": made.principal("alice"), "received_at": made.now}
    submit(made.db, made.keys, upload=upload, **place)
    one = f"{SUBMISSIONS}/1"
    press(staff, f"{one}/withdraw", one, reason="<b>why</b>")
    for page in (staff.get(SUBMISSIONS).text, staff.get(one).text):
        assert "<script>alert" not in page
        assert "<b>why" not in page
    assert "<b>why" not in made.client("alice").get(address(made, "/submissions")).text


def test_a_pause_after_rejected_files_is_ended_with_a_reason(build: Build) -> None:
    made = build(rejected_per_hour=2)
    staff = browser(made, "tina", "Tina", "assistant")
    for refused in (BadFile, BadFile, TooManyRejected):
        with pytest.raises(refused):
            send(made, b"nonsense")
    assert "Let them upload again" in staff.get(SUBMISSIONS).text
    clear = "/console/competitions/lecture/rejections/clear"
    assert press(staff, clear, SUBMISSIONS, username="alice", reason=" ").status_code == 400
    assert press(staff, clear, SUBMISSIONS, username="alice", reason="our mistake").status_code == 303
    assert send(made, made.file()).ref == 1


# extensions


def test_an_extension_is_read_back_on_both_clocks_before_it_is_granted(made: Installation, staff: FlaskClient) -> None:
    form = {"username": "alice", "until": "2026-12-10 23:59", "extra": "2", "day": "", "reason": "ill"}
    read_back = press(staff, EXTENSIONS, EXTENSIONS, **form).text
    assert "2026-12-10 23:59 Asia/Taipei (2026-12-10 15:59 UTC)" in read_back
    assert "Nobody has an extension" in read_back
    assert press(staff, EXTENSIONS, EXTENSIONS, **form, step="grant").status_code == 303
    assert "2 more submissions on 2026-11-23" in staff.get(EXTENSIONS).text
    limits = made.client("alice").get("/api/competitions/lecture/limits").get_json()
    assert (limits["extended"], limits["extra_today"]) == (True, 2)


def test_the_student_sees_the_extension_and_not_the_reason(made: Installation, staff: FlaskClient) -> None:
    form = {"username": "alice", "until": "2026-12-10 23:59", "extra": "2", "reason": "a broken leg"}
    press(staff, EXTENSIONS, EXTENSIONS, **form, step="grant")
    made.pass_deadline()
    for path in ("/submit", "/submissions", ""):
        page = made.client("alice").get(address(made, path)).text
        assert "2026-12-10 23:59" in page, path
        assert "broken leg" not in page
        assert "2026-12-10 23:59" not in made.client("bob").get(address(made, path)).text
    assert 'type="file"' in made.client("alice").get(address(made, "/submit")).text


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        ({"username": "nobody", "extra": "1", "reason": "x"}, 404, "Write the user name"),
        ({"username": "alice", "extra": "many", "reason": "x"}, 400, "whole number"),
        ({"username": "alice", "extra": "1", "reason": ""}, 400, "A reason"),
        ({"username": "alice", "until": "2026-12-01 00:00", "reason": "x"}, 400, "gives no time"),
    ],
)
def test_a_refused_extension_keeps_what_was_typed(
    made: Installation, staff: FlaskClient, form: dict[str, str], status: int, said: str
) -> None:
    reply = press(staff, EXTENSIONS, EXTENSIONS, **form)
    assert reply.status_code == status
    assert said in reply.text
    assert f'value="{form["username"]}"' in reply.text


def test_an_extension_is_taken_back_with_a_reason(made: Installation, staff: FlaskClient) -> None:
    press(staff, EXTENSIONS, EXTENSIONS, username="alice", extra="1", reason="ill", step="grant")
    assert press(staff, f"{EXTENSIONS}1/withdraw", EXTENSIONS, reason="").status_code == 400
    assert press(staff, f"{EXTENSIONS}1/withdraw", EXTENSIONS, reason="well again").status_code == 303
    assert "taken back" in staff.get(EXTENSIONS).text


# corrected answers


def upload(client: FlaskClient, content: bytes) -> TestResponse:
    return press(client, RESCORE, RESCORE, file=(io.BytesIO(content), "solution.csv"))


def apply(client: FlaskClient, preview: str, **form: str) -> TestResponse:
    action = re.search(rf'action="({RESCORE}[^"]+)"', preview)
    assert action, preview
    return client.post(action[1], data={"csrf_token": hidden(preview, "csrf_token"), **form})


def test_answers_are_corrected_after_a_look_and_the_typed_name(made: Installation, instructor: FlaskClient) -> None:
    send(made, made.noisy(4.0))
    before = made.client().get("/api/competitions/lecture/leaderboard").get_json()["entries"]
    preview = upload(instructor, shifted(made)).text
    assert "Labels that differ" in preview
    assert made.client().get("/api/competitions/lecture/leaderboard").get_json()["entries"] == before
    again = apply(instructor, preview, confirm="lectur", tell="1")
    assert again.status_code == 400
    assert apply(instructor, again.text, confirm="lecture", tell="1").status_code == 303
    assert made.client().get("/api/competitions/lecture/leaderboard").get_json()["entries"] != before
    assert "The answers were corrected" in made.client("alice").get(address(made)).text
    assert apply(instructor, preview, confirm="lecture").status_code == 409


def test_it_can_be_done_without_telling_the_students(made: Installation, instructor: FlaskClient) -> None:
    apply(instructor, upload(instructor, shifted(made)).text, confirm="lecture")
    assert "were corrected" not in made.client("alice").get(address(made)).text


def test_what_is_wrong_with_the_file_is_listed(made: Installation, instructor: FlaskClient) -> None:
    reply = upload(instructor, solution(made).replace(b"Public", b"Pubic"))
    assert reply.status_code == 400
    assert "must be Public, Private or Ignored" in reply.text
    assert press(instructor, RESCORE, RESCORE).status_code == 400


def test_the_same_answers_change_nothing(made: Installation, instructor: FlaskClient) -> None:
    assert "the answers that count already" in upload(instructor, solution(made)).text


def test_the_upload_is_of_use_to_its_own_uploader_alone(made: Installation, instructor: FlaskClient) -> None:
    preview = upload(instructor, shifted(made)).text
    other = browser(made, "olga", "Olga", "instructor")
    token = hidden(other.get(RESCORE).text, "csrf_token")
    action = re.search(rf'action="({RESCORE}[^"]+)"', preview)
    assert action
    assert other.post(action[1], data={"csrf_token": token, "confirm": "lecture"}).status_code == 409
