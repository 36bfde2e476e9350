"""Who may do what in the console: every route of it, asked by everybody there is."""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Table, func, select
from sqlalchemy.dialects.sqlite import dialect
from tests.figures import Tell
from tests.installations import NOON, SLUG, Installation, install, new_sqlite
from tests.visitors import add, place_baseline, send
from tests.web.console_routes import ROUTES, USUAL, Route
from werkzeug.test import TestResponse

from unseen_server.config import Config
from unseen_server.db import sqlite
from unseen_server.db.models import AuditEntry, Base, BrowserSession, User
from unseen_server.services import accounts
from unseen_server.web.context import SESSION_COOKIE

CSRF = "the token of every form"
# Who is asking, and how much they may.
PEOPLE = {
    "nobody": "",
    "alice": "",  # a student of the course
    "gone": "",  # an instructor of the course whose account is disabled
    "rival": "anybody",  # an instructor of another course
    "tess": "staff",  # an assistant
    "teacher": "instructor",
    "root": "admin",
}
RANKS = ("", "anybody", "staff", "instructor", "admin")
SHUT_OUT = (303, 403, 404)


def _all_of(table: Table) -> str:
    columns = (column for column in table.c if column.name != "last_used_at")
    return str(select(*columns).order_by(*table.primary_key).compile(dialect=dialect()))


_EVERYTHING = {table.name: _all_of(table) for table in Base.metadata.sorted_tables}


class World:
    """An installation with one of everybody, put back to its beginning as often as needed.

    One open competition `lecture` (submissions 1 and 2 by alice and bob, a baseline) in the course `ml`. Its
    deadline is in two weeks; `before` of a route may change that.
    """

    def __init__(self, home: Path, folder: Path, template: Path) -> None:
        self.saved = home / "saved.db"
        with new_sqlite(home, template) as url:
            self.made = install(Config(home=home, database_url=url), folder)
        with closing(self.made.db):
            _fill(self.made)
        shutil.copy(self._file, self.saved)

    @property
    def _file(self) -> Path:
        file = self.made.db.file
        assert file
        return file

    def begin(self, route: Route) -> None:
        self.made.close()
        for left in self._file.parent.glob(self._file.name + "-*"):
            left.unlink()
        shutil.copy(self.saved, self._file)
        self.made.now = NOON
        if route.before:
            route.before(self.made)

    def client(self, name: str) -> FlaskClient:
        client = self.made.app.test_client()
        client.set_cookie(SESSION_COOKIE, f"secret of {name}")
        return client

    def form(self, route: Route) -> Mapping[str, Any]:
        """What the page's form sends; the person who may do the least may have to look something up for it."""
        return route.form(self.made, self.client(allowed(route)[0])) if callable(route.form) else route.form

    def ask(self, name: str, route: Route, form: Mapping[str, Any] | None = None, csrf: str = CSRF) -> TestResponse:
        form = self.form(route) if form is None else form
        with self.made.app.test_request_context():
            address = self.made.app.url_for(f"pages.console.{route.endpoint}", **_arguments(self.made, route))
        sent = {"data": {**form, "csrf_token": csrf}} if route.method == "POST" else {}
        return self.client(name).open(address, method=route.method, buffered=True, **sent)

    def dump(self) -> dict[str, list[Any]]:
        """Every row of every table, as SQLite has it: hundreds of times, so without SQLAlchemy."""
        with closing(sqlite.driver.connect(self._file)) as connection:
            return {name: connection.execute(statement).fetchall() for name, statement in _EVERYTHING.items()}

    def audited(self) -> int:
        with self.made.db.read() as session:
            return session.scalar(select(func.count()).select_from(AuditEntry)) or 0


def _fill(made: Installation) -> None:
    add(made, "tess", "Tess", "assistant")
    add(made, "gone", "Gone", "instructor")
    send(made, made.noisy(3.0), "alice")
    send(made, made.noisy(5.0), "bob")
    place_baseline(made)
    with made.db.write() as session:
        accounts.add_user(session, "root", is_admin=True, now=made.now, actor="test")
        for user in session.scalars(select(User)).all():
            if user.username == "gone":
                user.disabled_at = made.now
            session.add(
                BrowserSession(
                    user_id=user.id,
                    digest=hashlib.sha256(f"secret of {user.username}".encode()).hexdigest(),
                    csrf_token=CSRF,
                    created_at=made.now,
                    expires_at=made.now.replace(year=made.now.year + 1),
                )
            )


def _arguments(made: Installation, route: Route) -> dict[str, object]:
    rules = made.app.url_map.iter_rules(f"pages.console.{route.endpoint}")
    needed = {name for rule in rules for name in rule.arguments}
    return {**{name: value for name, value in {**USUAL, **route.at}.items() if name in needed}, **route.query}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, bundle_folder: Path, sqlite_template: Path) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp(f"console-{secrets.token_hex(4)}"), bundle_folder, sqlite_template)
    with closing(world.made):
        yield world


@pytest.fixture
def world(whole: World) -> World:
    return whole


def allowed(route: Route) -> list[str]:
    return [name for name, rank in PEOPLE.items() if RANKS.index(rank) >= RANKS.index(route.who)]


def of_method(method: str) -> list[Route]:
    return [route for route in ROUTES if route.method == method]


def test_every_route_of_the_console_is_listed(world: World) -> None:
    there = {
        (method, rule.endpoint.removeprefix("pages.console."))
        for rule in world.made.app.url_map.iter_rules()
        if rule.endpoint.startswith("pages.console.") or rule.rule.startswith("/console")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(route.method, route.endpoint) for route in ROUTES} == there


@pytest.mark.figure("permissions")
@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_whoever_may_not_is_shut_out_and_changes_nothing(world: World, route: Route, figure: Tell) -> None:
    world.begin(route)
    for name in PEOPLE.keys() - set(allowed(route)):
        form, before = world.form(route), world.dump()
        answer = world.ask(name, route, form)
        assert answer.status_code in SHUT_OUT, (name, answer.status)
        figure("routes by persons", 1)
        if answer.status_code == 303:
            assert answer.location.startswith("/login"), (name, answer.location)
        assert world.dump() == before, name


@pytest.mark.figure("permissions")
@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_whoever_may_is_let_in(world: World, route: Route, figure: Tell) -> None:
    for name in allowed(route):
        world.begin(route)
        answer = world.ask(name, route)
        assert answer.status_code not in (401, 403, 404), (name, answer.status, answer.text)
        figure("routes by persons", 1)
        assert not (answer.location or "").startswith("/login"), name


@pytest.mark.parametrize("route", of_method("GET"), ids=str)
def test_looking_changes_nothing(world: World, route: Route) -> None:
    world.begin(route)
    before = world.dump()
    for name in allowed(route):
        assert world.ask(name, route).status_code < 400
    assert world.dump() == before


@pytest.mark.parametrize("route", of_method("POST"), ids=str)
def test_a_form_without_its_token_changes_nothing(world: World, route: Route) -> None:
    world.begin(route)
    form, before = world.form(route), world.dump()
    assert world.ask("root", route, form, csrf="").status_code == 403
    assert world.dump() == before


@pytest.mark.parametrize("route", of_method("POST"), ids=str)
def test_what_is_done_is_written_down(world: World, route: Route) -> None:
    world.begin(route)
    form, before = world.form(route), world.audited()
    answer = world.ask(allowed(route)[0], route, form)
    assert answer.status_code < 400, answer.text
    if route.audited is True:
        assert world.audited() > before


@pytest.mark.parametrize("name", ["tess", "teacher", "root"])
def test_a_tab_is_shown_to_whoever_may_open_it(world: World, name: str) -> None:
    world.begin(ROUTES[0])
    client = world.client(name)
    page = client.get(f"/console/competitions/{SLUG}").text
    tabs = re.findall(r'href="(/console/competitions/[^"]*)"', page.split('<nav class="tabs"')[1].split("</nav>")[0])
    assert len(tabs) == (10 if name == "tess" else 13)
    assert {client.get(tab).status_code for tab in tabs} == {200}
