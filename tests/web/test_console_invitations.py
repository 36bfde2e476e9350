"""Invitations by mail, sent from the console through a real mail server."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from tests.installations import COURSE, Build, Installation
from tests.mail_server import PUBLIC_URL, Mailbox, mailbox, mailing
from tests.visitors import PASSWORD, add, hidden
from werkzeug.test import TestResponse

from unseen_server.services import accounts, passwords, rosters
from unseen_server.services.principals import SERVER

HERE = f"/console/courses/{COURSE}"
LIST = b"username,name,email\nann,Ann,ann@x.edu\nbo,Bo,bo@x.edu\ncy,Cy,\n"


@pytest.fixture
def made(build: Build) -> Installation:
    """Three people without a password, one of them without an address; everybody else has one."""
    made = build()
    rosters.import_roster(made.db, course=COURSE, content=LIST, dry_run=False, principal=SERVER, now=made.now)
    with made.db.write() as session:
        for name in ("teacher", "alice", "bob", "carol"):
            passwords.set_password(session, accounts.user_named(session, name), PASSWORD, now=made.now, actor="test")
    add(made, "tina", "Tina", "instructor")
    return made


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture
def tina(made: Installation, box: Mailbox) -> Iterator[FlaskClient]:
    """An instructor's browser, on a server that sends mail."""
    sending = mailing(made, box)
    yield signed_in(sending)
    sending.app.extensions["unseen"].db.close()


def signed_in(made: Installation) -> FlaskClient:
    client = made.app.test_client()
    client.post("/login", base_url=PUBLIC_URL, data={"name": "tina", "password": PASSWORD})
    return client


def post(client: FlaskClient, path: str, page: str, **form: str) -> TestResponse:
    token = hidden(client.get(page, base_url=PUBLIC_URL).text, "csrf_token")
    return client.post(path, base_url=PUBLIC_URL, data={"csrf_token": token, **form})


def invite(client: FlaskClient) -> str:
    return html.unescape(post(client, f"{HERE}/invitations", f"{HERE}/invitations", how="mail").text)


def test_invitations_are_mailed_and_the_others_links_are_shown(tina: FlaskClient, box: Mailbox) -> None:
    page = invite(tina)
    assert {to for to, _ in box.letters} == {"ann@x.edu", "bo@x.edu"}
    assert "2 invitations were mailed." in page
    assert re.findall(r"<bdi>(\w+)</bdi></span></th>", page) == ["cy"]
    for _, letter in box.letters:
        assert f"{PUBLIC_URL}/welcome/" in letter.get_content()


def test_an_address_that_is_not_accepted_gets_its_link_another_way(tina: FlaskClient, box: Mailbox) -> None:
    box.refuses.add("bo@x.edu")
    page = invite(tina)
    assert "One invitation was mailed." in page
    assert re.findall(r"<bdi>(\w+)</bdi></span></th>", page) == ["bo", "cy"]


def test_no_link_is_lost_when_the_mail_server_is_gone(made: Installation, box: Mailbox) -> None:
    box.server = replace(box.server, port=1)
    sending = mailing(made, box)
    page = invite(signed_in(sending))
    sending.app.extensions["unseen"].db.close()
    assert "The mail server did not take the mail." in page
    assert re.findall(r"<bdi>(\w+)</bdi></span></th>", page) == ["ann", "bo", "cy"]


def test_one_person_s_link_is_mailed(tina: FlaskClient, box: Mailbox) -> None:
    ann = f"{HERE}/people/ann"
    answer = post(tina, f"{ann}/link", ann, how="mail")
    assert "on its way to ann@x.edu" in tina.get(answer.location, base_url=PUBLIC_URL).text
    assert [to for to, _ in box.letters] == ["ann@x.edu"]
