"""Joining a course in a browser, and the account page."""

from __future__ import annotations

import html

import pytest
from flask.testing import FlaskClient
from tests.installations import COURSE, Build, Installation
from tests.services.test_links import signs_in
from tests.visitors import PASSWORD, browser, hidden, sign_in
from werkzeug.test import TestResponse

from unseen_server.services import accounts, joining, passwords
from unseen_server.web.context import SESSION_COOKIE

ERIN = {"username": "erin", "display_name": "Erin", "email": "", "password": PASSWORD, "again": PASSWORD}


@pytest.fixture
def made(build: Build) -> Installation:
    return build()


@pytest.fixture
def code(made: Installation) -> str:
    return joining.set_code(made.db, course=COURSE, principal=made.principal("teacher"), now=made.now)


def join(client: FlaskClient, code: str, **given: str) -> TestResponse:
    return client.post(f"/join/{code}", data={**ERIN, **given})


def roles(made: Installation, name: str) -> dict[str, str]:
    return {course.slug: course.role for course in accounts.courses_of(made.db, made.principal(name).user_id)}


def test_a_typed_code_leads_to_the_course(made: Installation, code: str) -> None:
    client = made.client()
    found = client.get("/join", query_string={"code": f" {code.lower().replace('-', ' ')} "})
    assert found.location == f"/join/{code}"
    assert "Machine learning" in client.get(found.location).text


@pytest.mark.parametrize("typed", ["0000-0000", "no code", "<script>"])
def test_a_wrong_code_is_explained_where_it_was_typed(made: Installation, code: str, typed: str) -> None:
    client = made.client()
    for page in (
        client.get("/join", query_string={"code": typed}, follow_redirects=True),
        client.get(f"/join/{typed}"),
        join(client, typed),
    ):
        assert (page.status_code, "No course can be joined with this code" in page.text) == (404, True)
        assert f'value="{html.escape(typed)}"' in page.text
    assert "Machine learning" not in client.get(f"/join/{typed}").text


def test_a_newcomer_is_in_and_signed_in(made: Installation, code: str) -> None:
    client = made.client()
    assert join(client, code).location == "/competitions"
    page = client.get("/competitions").text
    assert "Welcome! Your account is made" in page
    assert "Lectures" in page
    assert roles(made, "erin") == {COURSE: "student"}


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ({"username": "alice"}, 409, "is taken"),
        ({"username": "erin lee"}, 400, "cannot be a user name"),
        ({"username": "e@x.edu"}, 400, "without “@”"),
        ({"email": "nowhere"}, 400, "not an e-mail address"),
        ({"again": "another one"}, 400, "differ"),
        ({"password": "short", "again": "short"}, 400, "at least 8"),
        ({"display_name": "a\u202eb"}, 400, "invisible"),
    ],
)
def test_what_will_not_do_is_explained_and_what_was_typed_stays(
    made: Installation, code: str, given: dict[str, str], status: int, said: str
) -> None:
    client = made.client()
    page = join(client, code, **given)
    assert (page.status_code, said in page.text) == (status, True)
    assert 'name="username"' in page.text
    assert f'value="{given.get("username", "erin")}"' in page.text
    assert PASSWORD not in page.text
    assert client.get_cookie(SESSION_COOKIE) is None


def test_no_field_of_the_form_makes_more_of_a_newcomer(made: Installation, code: str) -> None:
    join(made.client(), code, role="instructor", is_admin="1", course="other", student_id="1")
    assert roles(made, "erin") == {COURSE: "student"}
    assert not made.principal("erin").is_admin


def test_somebody_signed_in_joins_with_one_button(made: Installation, code: str) -> None:
    client = made.client()
    client.post("/login", data={"name": "nobody", "password": "wrong"})
    with made.db.write() as session:
        passwords.set_password(session, accounts.user_named(session, "outsider"), PASSWORD, now=made.now, actor="test")
    sign_in(client, "outsider")
    page = client.get(f"/join/{code}").text
    assert "You are signed in as outsider." in page
    assert client.post(f"/join/{code}").status_code == 403
    assert client.post(f"/join/{code}", data={"csrf_token": hidden(page, "csrf_token")}).status_code == 303
    assert roles(made, "outsider") == {COURSE: "student", "other": "student"}


def test_a_token_joins_nothing(made: Installation, code: str) -> None:
    assert made.client("outsider").post(f"/join/{code}").status_code == 403


def test_another_sites_form_makes_no_account(made: Installation, code: str) -> None:
    sent = made.client().post(f"/join/{code}", data=ERIN, headers={"Sec-Fetch-Site": "cross-site"})
    assert sent.status_code == 403
    assert not signs_in(made, "erin", PASSWORD)


# the account page


def fill(client: FlaskClient, action: str, **given: str) -> TestResponse:
    token = hidden(client.get("/account").text, "csrf_token")
    return client.post(f"/account/{action}", data={"csrf_token": token, **given})


def test_the_name_that_others_see_is_changed(made: Installation) -> None:
    client = browser(made)
    assert fill(client, "name", display_name="Dora <b>謎</b>").status_code == 303
    assert "<bdi>Dora &lt;b&gt;謎&lt;/b&gt;</bdi>" in client.get("/account").text
    page = fill(client, "name", display_name="\u202e")
    assert (page.status_code, 'role="alert"' in page.text) == (400, True)


def test_the_password_is_changed_with_the_old_one(made: Installation) -> None:
    client, elsewhere = browser(made), made.client()
    sign_in(elsewhere, "dora")
    new = {"password": "battery staple", "again": "battery staple"}
    wrong = fill(client, "password", old="wrong", **new)
    assert (wrong.status_code, "not the password you have now" in wrong.text) == (400, True)
    assert fill(client, "password", old=PASSWORD, **{**new, "again": "x"}).status_code == 400
    assert fill(client, "password", old=PASSWORD, **new).status_code == 303
    assert "Your password is changed" in client.get("/account").text
    assert "Sign out" not in elsewhere.get("/competitions").text
    assert signs_in(made, "dora", "battery staple")


def test_guessing_the_old_password_is_stopped(made: Installation) -> None:
    client = browser(made)
    for _ in range(passwords.ATTEMPTS_AT_NAME_FROM_ADDRESS):
        fill(client, "password", old="wrong", password=PASSWORD, again=PASSWORD)
    page = fill(client, "password", old=PASSWORD, password=PASSWORD, again=PASSWORD)
    assert (page.status_code, page.headers["Retry-After"]) == (429, "900")


def test_signing_out_everywhere_is_one_button(made: Installation) -> None:
    client, elsewhere = browser(made), made.client()
    sign_in(elsewhere, "dora")
    assert fill(client, "sign-out-everywhere").location == "/login"
    assert "Sign out" not in client.get("/competitions").text
    assert "Sign out" not in elsewhere.get("/competitions").text


@pytest.mark.parametrize("action", ["name", "password", "sign-out-everywhere", "tokens", "tokens/1/revoke", "sso"])
def test_no_form_of_the_account_page_is_taken_without_its_token_or_from_a_token(
    made: Installation, action: str
) -> None:
    client = browser(made)
    before = client.get("/account").text
    assert client.post(f"/account/{action}", data={"display_name": "x"}).status_code == 403
    assert made.client("dora").post(f"/account/{action}", data={"display_name": "x"}).status_code == 403
    assert "<bdi>Dora</bdi>" in before
    assert "<bdi>Dora</bdi>" in client.get("/account").text


def test_the_language_goes_with_the_person(made: Installation) -> None:
    client = browser(made)
    token = hidden(client.get("/account").text, "csrf_token")
    client.post("/language", data={"csrf_token": token, "language": "zh-Hant", "next": "/account"})
    elsewhere = made.client()
    sign_in(elsewhere, "dora")
    assert '<html lang="zh-Hant">' in elsewhere.get("/account").text


def test_the_account_shows_when_a_token_was_last_used(made: Installation) -> None:
    client = browser(made)
    made.token("dora")
    assert "never" in client.get("/account").text
    made.client("dora").get("/api/whoami")
    assert "just now" in client.get("/account").text
