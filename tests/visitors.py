"""What tests of pages share: people with a browser, and what they type, press and send."""

from __future__ import annotations

import io
import re
import secrets
from typing import Any

from flask.testing import FlaskClient
from tests.installations import COURSE, Installation
from werkzeug.test import TestResponse

from unseen_server.services import accounts, baselines, courses
from unseen_server.services.bundles import DeclaredBaseline
from unseen_server.services.principals import SERVER
from unseen_server.services.submit import submit

PASSWORD = "correct horse"
PAGES = ("", "/data", "/rules", "/leaderboard")
OWN_PAGES = (*PAGES, "/submissions", "/submit", "/team")


def add(made: Installation, username: str, display_name: str, role: str = "student") -> None:
    """Somebody with a password, enrolled in the course."""
    with made.db.write() as session:
        user = accounts.add_user(
            session, username, display_name=display_name, password=PASSWORD, now=made.now, actor="test"
        )
        accounts.enrol(session, user, courses.course_named(session, COURSE), role, now=made.now, actor="test")


def browser(
    made: Installation, username: str = "dora", display_name: str = "Dora", role: str = "student"
) -> FlaskClient:
    """A browser in which somebody new has signed in."""
    add(made, username, display_name, role)
    client = made.client()
    assert sign_in(client, username).status_code == 303
    return client


def sign_in(client: FlaskClient, name: str, password: str = PASSWORD, **form: str) -> TestResponse:
    return client.post("/login", data={"name": name, "password": password, **form})


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, page
    return found[1]


def address(made: Installation, page: str = "") -> str:
    return f"/competitions/{made.slug}{page}"


def send(made: Installation, content: bytes, who: str = "alice") -> float | None:
    upload = made.upload(content, key=secrets.token_hex())
    place = {"slug": made.slug, "principal": made.principal(who), "received_at": made.now}
    return submit(made.db, made.keys, upload=upload, **place).receipt.public_score


def upload(
    client: FlaskClient, made: Installation, content: bytes, key: str | None = None, message: str = "first try"
) -> TestResponse:
    """Press the button of the upload form, as it was served, and follow it to the receipt."""
    form = client.get(address(made, "/submit")).text
    fields = {"csrf_token": hidden(form, "csrf_token"), "key": key or hidden(form, "key")}
    with_file = {**fields, "file": (io.BytesIO(content), "mine.csv"), "message": message}
    return client.post(address(made, "/submit"), data=with_file, follow_redirects=True)


def place_baseline(made: Installation, name: str = "Line", tier: str = "medium", value: float = 50.0) -> None:
    declared = DeclaredBaseline(name=name, tier=tier, file="line.csv")
    place: dict[str, Any] = {"slug": made.slug, "principal": SERVER, "now": made.now}
    baselines.add(made.db, made.keys, declared=declared, content=made.file(value), **place)


def rows_of(page: str) -> list[str]:
    return re.findall(r"<tr [^>]*data-team=.*?</tr>", page, re.DOTALL)
