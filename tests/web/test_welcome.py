"""Choosing a password with a link, and asking for such a link by mail."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
from flask.testing import FlaskClient
from tests.installations import Build, Installation
from tests.mail_server import PUBLIC_URL, Mailbox, mailbox, mailing
from tests.services.test_links import issued, person, signs_in
from tests.visitors import PASSWORD, browser, hidden
from werkzeug.test import TestResponse

from unseen_server.services import accounts, links
from unseen_server.web import languages
from unseen_server.web.context import SESSION_COOKIE

CHOSEN = {"password": "battery staple", "again": "battery staple"}


@pytest.fixture
def made(build: Build) -> Installation:
    return build()


def follow(made: Installation, secret: str, client: FlaskClient | None = None, **given: object) -> TestResponse:
    return (client or made.client()).post(f"/welcome/{secret}", **{"data": CHOSEN, **given})


def test_a_link_shows_whom_it_is_for_and_lets_them_in(made: Installation) -> None:
    client, secret = made.client(), issued(made, "alice", "invite")
    page = client.get(f"/welcome/{secret}")
    assert "Welcome, <bdi>Alice</bdi>" in page.text
    assert 'value="alice" readonly' in page.text
    assert follow(made, secret, client).status_code == 303
    after = client.get("/competitions")
    assert "Your password is set" in after.text
    assert "Sign out" in after.text
    assert signs_in(made, "alice", "battery staple")


def test_a_link_that_is_spent_or_never_was_one_gets_one_page_that_says_what_next(made: Installation) -> None:
    secret = issued(made, "alice")
    follow(made, secret)
    spent, unknown = made.client().get(f"/welcome/{secret}"), made.client().get("/welcome/never-issued")
    assert spent.status_code == unknown.status_code == 404
    assert "ask your course staff for a new link" in spent.text
    assert spent.text.replace(secret, "never-issued") == unknown.text
    assert follow(made, secret).status_code == 404


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"password": "battery staple", "again": "battery stable"}, "differ"),
        ({"password": "short", "again": "short"}, "at least 8 characters"),
        ({}, "at least 8 characters"),
    ],
)
def test_a_password_that_will_not_do_is_explained_and_the_link_lives(
    made: Installation, given: dict[str, str], said: str
) -> None:
    secret = issued(made, "alice")
    page = follow(made, secret, data=given)
    assert (page.status_code, said in page.text) == (400, True)
    assert "battery" not in page.text
    assert follow(made, secret).status_code == 303


def test_no_other_page_learns_the_link(made: Installation) -> None:
    for page in (made.client().get(f"/welcome/{issued(made, 'alice')}"), made.client().get("/welcome/dead")):
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "private, no-store"
        assert "next=" not in page.text


def test_a_fault_does_not_write_the_link_into_the_log(
    made: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret = issued(made, "alice")
    monkeypatch.setattr(links, "follow", lambda *_args, **_given: 1 / 0)
    with caplog.at_level(logging.DEBUG):
        assert follow(made, secret).status_code == 503
    assert "ZeroDivisionError" in caplog.text
    assert secret not in caplog.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site", "Origin": "null"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 303),
        ({"Origin": "null"}, 303),  # an older browser on this very page, which sends no referrer
        ({}, 303),
    ],
)
def test_another_sites_form_makes_nobody_somebody_else(
    made: Installation, headers: dict[str, str], status: int
) -> None:
    assert follow(made, issued(made, "alice"), headers=headers).status_code == status


def test_whoever_is_signed_in_becomes_the_links_holder_and_their_session_ends(made: Installation) -> None:
    client, old = browser(made, role="instructor"), made.client()
    old.set_cookie(SESSION_COOKIE, client.get_cookie(SESSION_COOKIE).value)
    secret = issued(made, "alice")
    page = client.get(f"/welcome/{secret}").text
    assert "somebody else is signed in: dora" in page
    assert follow(made, secret, client).status_code == 403
    assert follow(made, secret, client, data={**CHOSEN, "csrf_token": hidden(page, "csrf_token")}).status_code == 303
    assert "Alice" in client.get("/account").text
    assert "Sign out" not in old.get("/competitions").text


# forgotten


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture
def sending(made: Installation, box: Mailbox) -> Iterator[Installation]:
    """The installation with a mail server."""
    with_mail = mailing(made, box)
    yield with_mail
    with_mail.app.extensions["unseen"].db.close()


def ask(made: Installation, name: str, **given: object) -> TestResponse:
    page = made.client().post("/forgot", data={"name": name}, **given)
    for thread in threading.enumerate():  # the mail goes after the reply
        if thread.name.endswith("(_send_reset)"):
            thread.join()
    return page


def link_in(letter: EmailMessage) -> str:
    found = re.search(r"https://ml\.example\.edu/welcome/([\w-]{43})\n", letter.get_content())
    assert found
    return found[1]


@pytest.mark.slow
def test_a_link_comes_by_mail_and_works(made: Installation, sending: Installation, box: Mailbox) -> None:
    person(made, "dora", password=PASSWORD)
    assert "a link is on its way" in ask(sending, "dora@example.edu").text
    ((to, letter),) = box.letters
    assert to == "dora@example.edu"
    assert "your account dora" in letter.get_content().replace("\n", " ")
    assert follow(made, link_in(letter)).status_code == 303
    assert signs_in(made, "dora", "battery staple")


def test_the_answer_is_the_same_whoever_is_asked_for(made: Installation, sending: Installation, box: Mailbox) -> None:
    person(made, "dora", password=PASSWORD)
    answers = {ask(sending, name).text for name in ("dora", "alice", "nobody", "nobody@example.edu", "")}
    assert len(answers) == 1


def test_the_link_does_not_lead_where_the_request_says(made: Installation, sending: Installation, box: Mailbox) -> None:
    person(made, "dora", password=PASSWORD)
    ask(sending, "dora", headers={"Host": "evil.example"})
    assert PUBLIC_URL + "/welcome/" in box.letters[0][1].get_content()
    assert "evil" not in box.letters[0][1].as_string()


def test_a_letter_is_in_the_language_of_its_reader(
    made: Installation, sending: Installation, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    person(made, "dora")
    with made.db.write() as session:
        accounts.user_named(session, "dora").language = "zh-Hant"
    monkeypatch.setattr(languages, "gettext", lambda message: f"[{languages.current().code}] {message}")
    page = ask(sending, "dora", headers={"Accept-Language": "en"})
    assert '<html lang="en">' in page.text
    assert box.letters[0][1]["Subject"] == "[zh-Hant] Choose another password for Unseen"


def test_a_mailbox_is_not_flooded(made: Installation, sending: Installation, box: Mailbox) -> None:
    person(made, "dora", password=PASSWORD)
    for _ in range(links.FORGOTTEN_BY_NAME):
        ask(sending, "dora")
    page = ask(sending, "dora")
    assert (page.status_code, page.headers["Retry-After"]) == (429, "900")
    assert len(box.letters) == links.FORGOTTEN_BY_NAME


@pytest.mark.slow
def test_a_mail_server_that_fails_tells_nobody_that_the_name_is_known(
    made: Installation, sending: Installation, box: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    person(made, "dora", password=PASSWORD)
    box.refuses.add("dora@example.edu")
    assert ask(sending, "dora").text == ask(sending, "nobody").text
    assert "does not accept an address to which" in caplog.text
    assert "dora" not in caplog.text


def test_without_a_mail_server_the_staff_are_named(made: Installation) -> None:
    for page in (made.client().get("/forgot"), ask(made, "alice")):
        assert page.status_code == 200
        assert "Ask your course staff" in page.text
        assert 'action="/forgot"' not in page.text
