"""Signing in and out with a browser, and tokens made there."""

from __future__ import annotations

import re

import pytest
from tests.installations import Build, Installation
from tests.visitors import PASSWORD, add, address, browser, hidden, sign_in

from unseen_server.config import Config
from unseen_server.core.errors import NotFound, NotSignedIn
from unseen_server.services import accounts, browser_sessions, passwords, tokens
from unseen_server.web.context import SESSION_COOKIE
from unseen_server.web.signin import local_path

LIST = "/competitions"


@pytest.fixture
def made(build: Build) -> Installation:
    installation = build()
    add(installation, "dora", "Dora")
    return installation


def cookie_of(made: Installation, **arguments: object) -> str:
    return made.client().post("/login", data={"name": "dora", "password": PASSWORD}, **arguments).headers["Set-Cookie"]


@pytest.mark.parametrize("name", ["dora", "DORA", "  dora "])
def test_a_name_and_its_password_sign_in(made: Installation, name: str) -> None:
    client = made.client()
    assert sign_in(client, name).location == LIST
    assert "Dora" in client.get(LIST).text


def test_a_wrong_password_says_so_and_keeps_the_name(made: Installation) -> None:
    page = sign_in(made.client(), "dora", "wrong")
    assert page.status_code == 401
    assert "do not belong together" in page.text
    assert hidden(page.text, "next") == LIST
    assert 'value="dora"' in page.text
    assert "Set-Cookie" not in page.headers


def test_an_unknown_name_gets_the_very_same_answer(made: Installation) -> None:
    known, unknown = sign_in(made.client(), "dora", "wrong"), sign_in(made.client(), "nobody", "wrong")
    assert known.text.replace("dora", "nobody") == unknown.text


def test_too_many_wrong_passwords_are_told_to_wait(made: Installation) -> None:
    for _ in range(passwords.ATTEMPTS_AT_NAME_FROM_ADDRESS):
        sign_in(made.client(), "dora", "wrong")
    page = sign_in(made.client(), "dora")
    assert (page.status_code, page.headers["Retry-After"]) == (429, "900")


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(made: Installation) -> None:
    cookie = cookie_of(made)
    for attribute in ("HttpOnly", "SameSite=Lax", "Path=/"):
        assert attribute in cookie
    assert "Secure" not in cookie
    assert "Secure" in cookie_of(made, base_url="https://localhost")


def test_the_cookie_is_secure_behind_a_proxy_that_ends_tls(made: Installation) -> None:
    config = Config(made.config.home, made.config.database_url, public_url="https://ml.example.edu")
    behind = Installation(config, made.db, made.folder, made.bundle)
    assert "Secure" in cookie_of(behind)
    behind.app.extensions["unseen"].db.close()


@pytest.mark.parametrize(
    "after",
    [
        *("https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "/\t/evil.example"),
        *("javascript:alert(1)", " /competitions", "/\n/evil.example", "evil", "", "/x\\..\\..\\y"),
    ],
)
def test_nobody_is_sent_elsewhere_after_signing_in(made: Installation, after: str) -> None:
    client = made.client()
    assert sign_in(client, "dora", next=after).location == LIST
    assert client.get("/login", query_string={"next": after}).location == LIST


def test_a_path_of_this_server_is_kept(made: Installation) -> None:
    with made.app.test_request_context():
        for path in ("/", "/account", "/competitions/lecture/leaderboard?board=public#own"):
            assert local_path(path) == path


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost"}, 303),
        ({}, 303),
    ],
)
def test_another_sites_form_signs_nobody_in(made: Installation, headers: dict[str, str], status: int) -> None:
    sent = made.client().post("/login", data={"name": "dora", "password": PASSWORD}, headers=headers)
    assert sent.status_code == status
    assert ("Set-Cookie" in sent.headers) == (status == 303)


def test_signing_out_ends_a_copied_cookie_too(made: Installation) -> None:
    client, thief = made.client(), made.client()
    sign_in(client, "dora")
    thief.set_cookie(SESSION_COOKIE, client.get_cookie(SESSION_COOKIE).value)
    assert "Sign out" in thief.get(LIST).text
    client.post("/logout", data={"csrf_token": hidden(client.get(LIST).text, "csrf_token")})
    assert "Sign out" not in client.get(LIST).text
    assert "Sign out" not in thief.get(LIST).text


def test_signing_in_again_ends_the_session_before(made: Installation) -> None:
    client, old = made.client(), made.client()
    sign_in(client, "dora")
    old.set_cookie(SESSION_COOKIE, client.get_cookie(SESSION_COOKIE).value)
    sign_in(client, "dora")
    assert "Sign out" not in old.get(LIST).text


def test_a_cookie_made_up_beforehand_is_not_taken_over(made: Installation) -> None:
    client = made.client()
    client.set_cookie(SESSION_COOKIE, "chosen-by-somebody-else")
    sign_in(client, "dora")
    assert client.get_cookie(SESSION_COOKIE).value != "chosen-by-somebody-else"


def test_a_token_is_shown_once_and_works(build: Build) -> None:
    made = build()
    client = browser(made)
    form = {"csrf_token": hidden(client.get("/account").text, "csrf_token"), "name": "laptop", "scope": "read"}
    page = client.post("/account/tokens", data={**form, "days": "180"})
    token = re.search(r"unseen_[\w-]{40,}", page.text)
    assert (page.status_code, page.headers["Cache-Control"]) == (201, "private, no-store")
    assert token
    assert tokens.principal_of_token(made.db, token[0], made.now).scope == "read"
    after = client.get("/account").text
    assert token[0] not in after
    assert token[0][:13] in after


def test_a_revoked_token_ends_at_once_and_nobody_revokes_anothers(build: Build) -> None:
    made = build()
    client = browser(made)
    token = made.token("dora")
    page = client.get("/account").text
    form = {"csrf_token": hidden(page, "csrf_token")}
    (path,) = re.findall(r"/account/tokens/\d+/revoke", page)
    with pytest.raises(NotFound):
        tokens.revoke_token(made.db, int(path.split("/")[3]), user_id=99, actor="bob", now=made.now)
    assert client.post(path).status_code == 403
    assert tokens.principal_of_token(made.db, token, made.now)
    assert client.post(path, data=form).status_code == 303
    with pytest.raises(NotSignedIn):
        tokens.principal_of_token(made.db, token, made.now)


def test_a_token_cannot_make_another_one(build: Build) -> None:
    made = build()
    token_holder = made.client("alice")
    assert token_holder.post("/account/tokens", data={"name": "x", "scope": "staff", "days": "30"}).status_code == 403
    assert token_holder.get("/account").status_code == 403


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [{"days": "9999"}, {"days": ""}, {"scope": "root"}])
def test_a_token_outside_the_choices_is_refused(build: Build, wrong: dict[str, str]) -> None:
    client = browser(build())
    form = {"csrf_token": hidden(client.get("/account").text, "csrf_token"), "name": "x", "scope": "read", "days": "30"}
    assert client.post("/account/tokens", data={**form, **wrong}).status_code == 400


def test_a_form_sent_after_signing_out_leads_back_to_a_page_that_exists(made: Installation) -> None:
    client = made.client()
    for path, after in ((address(made, "/submit"), address(made, "/submit")), ("/logout", LIST)):
        login = client.post(path).location
        assert hidden(client.get(login).text, "next") == after


def test_a_board_from_an_earlier_session_is_not_kept(made: Installation) -> None:
    client = made.client()
    sign_in(client, "dora")
    first = client.get(address(made, "/leaderboard"))
    sign_in(client, "dora")
    second = client.get(address(made, "/leaderboard"), headers={"If-None-Match": first.headers["ETag"]})
    assert second.status_code == 200
    assert hidden(second.text, "csrf_token") != hidden(first.text, "csrf_token")


def test_nobody_is_shut_out_by_an_address_that_looks_like_their_name(build: Build) -> None:
    made = build()
    with made.db.write() as session:
        for name, email in (("mallory", "dora@example.edu"), ("dora@example.edu", None)):
            accounts.add_user(session, name, password=PASSWORD, email=email, now=made.now, actor="test")
    signed_in = passwords.sign_in(made.db, name="dora@example.edu", password=PASSWORD, address="a", now=made.now)
    found = browser_sessions.principal_of_session(made.db, signed_in.secret, made.now)
    assert found
    assert found[0].username == "dora@example.edu"
