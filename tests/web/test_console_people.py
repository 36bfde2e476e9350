"""The console's pages about courses and people, as a browser gets them."""

from __future__ import annotations

import ast
import csv
import html
import io
import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from tests.installations import COURSE, Build, Installation
from tests.visitors import browser, hidden, send
from werkzeug.test import TestResponse

from unseen_server import services
from unseen_server.services import accounts, removing, rosters
from unseen_server.services.principals import SERVER
from unseen_server.web.console.audit import ACTIONS

HERE = f"/console/courses/{COURSE}"
LIST = "Student,ID,SIS User ID,SIS Login ID\nAnn Lee,1,B01,b01\nAlice,2,,alice\n"
HOSTILE = (
    "=SUM(A1)",
    "<script>alert(1)</script>",
    "\u05d0\u05d1\u05d2 right to left",
    "🦊" * 30,
    "x" * 200,
    "@cmd|' /C calc'!A0",
)


@pytest.fixture
def made(build: Build) -> Installation:
    return build()


@pytest.fixture
def tina(made: Installation) -> FlaskClient:
    return browser(made, "tina", "Tina", "instructor")


def post(client: FlaskClient, path: str, page: str | None = None, **form: object) -> TestResponse:
    """Send a form that stands on `page`, or on the page it is sent to."""
    token = hidden(client.get(page or path).text, "csrf_token")
    return client.post(path, data={"csrf_token": token, **form})


def upload(client: FlaskClient, content: str | bytes) -> TestResponse:
    content = content.encode() if isinstance(content, str) else content
    return post(client, f"{HERE}/roster/", file=(io.BytesIO(content), "list.csv"))


def fill(made: Installation, rows: str) -> None:
    content = f"username,name\n{rows}".encode()
    rosters.import_roster(made.db, course=COURSE, content=content, dry_run=False, principal=SERVER, now=made.now)


# courses


@pytest.mark.slow
def test_the_first_page_shows_each_course_and_how_its_competitions_do(made: Installation, tina: FlaskClient) -> None:
    send(made, made.noisy(3.0))
    page = tina.get("/console/").text
    assert "Machine learning" in page
    assert "3 students" in page
    assert re.search(r'data-of="Submissions today">1<', page)
    assert "Other" not in page


def test_only_an_administrator_makes_courses(made: Installation, tina: FlaskClient) -> None:
    assert "New course" not in tina.get("/console/").text
    root = browser(made, "root", "Root")
    with made.db.write() as session:
        accounts.user_named(session, "root").is_admin = True
    form = {"slug": "nlp", "title": "NLP"}
    refused = post(root, "/console/courses/new", **form, time_zone="Taipei")
    assert (refused.status_code, "Did you mean Asia/Taipei?" in refused.text) == (400, True)
    assert 'value="NLP"' in refused.text
    answer = post(root, "/console/courses/new", **form, time_zone="Asia/Taipei")
    assert "Its clocks show 2026-11-23 12:00 Asia/Taipei" in root.get(answer.location).text


def test_a_join_code_is_shown_large_with_its_address_until_it_is_closed(made: Installation, tina: FlaskClient) -> None:
    assert post(tina, f"{HERE}/join-code", HERE).status_code == 303
    page = tina.get(HERE).text
    found = re.search(r'id="code">([0-9A-Z]{4}-[0-9A-Z]{4})<', page)
    assert found
    assert f"http://localhost/join/{found[1]}" in page
    assert made.client().get(f"/join/{found[1]}").status_code == 200
    post(tina, f"{HERE}/join-code/close", HERE)
    assert made.client().get(f"/join/{found[1]}").status_code != 200


def test_an_assistant_sees_the_course_without_what_takes_an_instructor(made: Installation) -> None:
    page = browser(made, "tess", "Tess", "assistant").get(HERE).text
    assert "Make a join code" not in page
    assert 'name="time_zone"' not in page


def test_a_removed_competition_stands_apart(made: Installation, tina: FlaskClient) -> None:
    removing.remove(made.db, slug=made.slug, principal=SERVER, now=made.now)
    assert "One removed competition" in tina.get(HERE).text


# the roster


def test_a_roster_is_looked_at_and_then_confirmed(made: Installation, tina: FlaskClient) -> None:
    preview = upload(tina, LIST).location
    page = tina.get(preview).text
    assert "Enrol one person" in page
    assert "ID</bdi>" in page  # a column that nobody asked for
    assert "b01" not in tina.get(f"{HERE}/people").text
    assert post(tina, preview).location == f"{HERE}/people"
    listed = tina.get(f"{HERE}/people").text
    assert "New: 1. Enrolled: 1. Already there: 1." in listed
    assert "b01" in listed
    assert tina.get(preview).status_code == 303  # it has served its purpose


def test_a_roster_can_be_pasted(tina: FlaskClient) -> None:
    preview = post(tina, f"{HERE}/roster/", text=LIST).location
    assert "Enrol one person" in tina.get(preview).text


def test_every_problem_of_a_roster_is_shown_beside_what_would_be_good(tina: FlaskClient) -> None:
    page = tina.get(upload(tina, "username,name,email\nb01,Bo,no\nc 1,Cy,\nd01,Di,\n").location).text
    assert "Line 2: “no” is not an e-mail address." in page
    assert "Line 3: “c 1” cannot be a user name." in page
    assert "d01" in page
    assert "Enrol" not in page


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", b"PK\x03\x04"])
def test_what_is_no_roster_is_explained_at_once(tina: FlaskClient, content: str | bytes) -> None:
    answer = upload(tina, content)
    assert answer.status_code == 400
    assert "Line 1:" in answer.text


def test_a_form_without_a_file_says_so(tina: FlaskClient) -> None:
    assert "Choose a file" in post(tina, f"{HERE}/roster/").text


def test_an_upload_of_somebody_else_is_no_upload(made: Installation, tina: FlaskClient) -> None:
    preview = upload(tina, LIST).location
    other = browser(made, "theo", "Theo", "instructor")
    assert other.get(preview).location == f"{HERE}/roster/"
    assert other.get(preview.replace(COURSE, "other")).status_code == 403


def test_a_name_taken_between_preview_and_confirmation_is_shown(made: Installation, tina: FlaskClient) -> None:
    preview = upload(tina, "name,email\nAnn,ann@x.edu\n").location
    with made.db.write() as session:
        accounts.add_user(session, "ann", email="ann@elsewhere.edu", now=made.now, actor="test")
    assert post(tina, preview).location == preview
    assert "another “ann”" in html.unescape(tina.get(preview).text)


# people


@pytest.mark.slow
def test_a_long_list_comes_in_pages_and_is_searched_on_the_server(made: Installation, tina: FlaskClient) -> None:
    fill(made, "".join(f"s{n:03},Student {n}\n" for n in range(150)))
    first, second = (tina.get(f"{HERE}/people?page={page}").text for page in (1, 2))
    assert ("s149" in first, "s149" in second) == (False, True)
    assert "Page 1 of 2" in first
    found = tina.get(f"{HERE}/people?search=student+149").text
    assert "one person" in found
    for odd in ("?page=0", "?page=x", "?page=99999999999999999999", "?search=%00", "?search=%25"):
        assert tina.get(f"{HERE}/people{odd}").status_code == 200


def test_hostile_names_are_text_on_every_page(made: Installation, tina: FlaskClient) -> None:
    fill(made, "".join(f'h{n},"{name}"\n' for n, name in enumerate(HOSTILE)))
    preview = upload(tina, "username,name\n" + "".join(f'n{n},"{name}"\n' for n, name in enumerate(HOSTILE))).location
    pages = [f"{HERE}/people", preview, f"{HERE}/audit", *(f"{HERE}/people/h{n}" for n in range(len(HOSTILE)))]
    for path in pages:
        answer = tina.get(path)
        assert answer.status_code == 200, path
        assert "<script>alert" not in answer.text, path
    links = post(tina, f"{HERE}/invitations", how="page")
    assert "<script>alert" not in links.text


def test_a_person_is_added_and_gets_a_link_that_is_shown_once(made: Installation, tina: FlaskClient) -> None:
    person = post(tina, f"{HERE}/people", username="zoe", display_name="Zoe").location
    page = post(tina, f"{person}/link", person).text
    found = re.search(r'id="link">http://localhost(/welcome/[^<]+)<', page)
    assert found
    assert found[1] not in tina.get(person).text
    assert "zoe" in made.client().get(found[1]).text


def test_a_person_who_is_there_already_is_not_added_again(tina: FlaskClient) -> None:
    answer = post(tina, f"{HERE}/people", username="alice", display_name="typed before")
    assert answer.status_code == 409
    assert 'value="typed before"' in answer.text


def test_everybody_without_a_password_is_invited_by_a_table_that_runs_nothing(
    made: Installation, tina: FlaskClient
) -> None:
    fill(made, 'h1,"=SUM(A1)"\n')
    answer = post(tina, f"{HERE}/invitations", how="csv")
    assert answer.headers["Cache-Control"] == "private, no-store"
    rows = {row["Username"]: row for row in csv.DictReader(io.StringIO(answer.text))}
    assert set(rows) == {"teacher", "alice", "bob", "carol", "h1"}
    assert rows["h1"]["Name"] == "'=SUM(A1)"
    assert made.client().get(rows["alice"]["Link"].removeprefix("http://localhost")).status_code == 200


def test_a_link_for_somebody_who_may_do_more_is_refused_on_the_page(made: Installation, tina: FlaskClient) -> None:
    browser(made, "theo", "Theo", "instructor")
    answer = post(tina, f"{HERE}/people/theo/link", f"{HERE}/people/theo")
    assert answer.status_code == 403
    assert "Ask whoever administers this server" in answer.text


def test_a_role_is_changed_and_the_own_one_is_not(tina: FlaskClient) -> None:
    alice = f"{HERE}/people/alice"
    assert "Assistant" in tina.get(post(tina, f"{alice}/role", alice, role="assistant").location).text
    own = f"{HERE}/people/tina"
    assert post(tina, f"{own}/role", own, role="student").status_code == 409


def test_nobody_is_taken_out_or_deleted_by_one_click(made: Installation, tina: FlaskClient) -> None:
    alice = f"{HERE}/people/alice"
    for deed, page in (("remove", alice), ("erase", f"{alice}/erase")):
        answer = post(tina, f"{alice}/{deed}", page, confirm="yes")
        assert answer.status_code == 400
        assert "Type “alice” to confirm" in answer.text
    assert post(tina, f"{alice}/erase", confirm="alice").status_code == 303
    assert tina.get(alice).status_code == 404


# the audit


def test_the_audit_says_in_words_who_did_what_and_finds_it(made: Installation, tina: FlaskClient) -> None:
    send(made, made.noisy(3.0))
    page = tina.get(f"/console/competitions/{made.slug}/audit").text
    assert "launched the competition: <bdi>lecture</bdi>" in page
    assert "submitted: <bdi>1</bdi>" in page
    found = tina.get(f"/console/competitions/{made.slug}/audit?search=alice").text
    assert "one entry" in found
    assert "lecture" in tina.get(f"{HERE}/audit").text
    assert "Nothing fits" in tina.get(f"{HERE}/audit?search=zzz").text


def test_the_audit_as_a_table_runs_nothing(made: Installation, tina: FlaskClient) -> None:
    with made.db.write() as session:
        accounts.add_user(session, "eve", now=made.now, actor="test")
    fill(made, "eve,Eve\n")
    rows = list(csv.DictReader(io.StringIO(tina.get(f"{HERE}/audit.csv?search=eve").text)))
    assert [(row["Who"], row["Action"], row["Subject"]) for row in rows] == [("server", "enrol", "eve")]


def test_every_action_has_words() -> None:
    """What services write down is in ACTIONS, and nothing else is."""
    nouns = {action.partition(".")[0] for action in ACTIONS}
    said = {
        node.value
        for file in Path(str(services.__file__)).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    actions = {text for text in said if re.fullmatch(rf"({'|'.join(nouns)})\.(?!csv|toml)[a-z_]+", text)}
    assert actions == {action for action in ACTIONS if "." in action}


# health


def test_health_is_for_administrators_and_says_what_is_wrong(made: Installation, tina: FlaskClient) -> None:
    assert tina.get("/console/health").status_code == 403
    with made.db.write() as session:
        accounts.user_named(session, "tina").is_admin = True
    assert "Everything is well." in tina.get("/console/health").text
    send(made, made.noisy(3.0))
    with made.db.write() as session:
        session.connection().exec_driver_sql("UPDATE standings SET entries = 7")
    page = tina.get("/console/health").text
    assert "One thing needs attention." in page
    assert "1 differ from the submissions" in page


@pytest.mark.slow
def test_an_upload_is_forgotten_after_a_day(made: Installation, tina: FlaskClient) -> None:
    preview = upload(tina, LIST).location
    made.now += timedelta(days=1)
    assert tina.get(preview).location == f"{HERE}/roster/"
    assert "Upload it again" in tina.get(f"{HERE}/roster/").text
