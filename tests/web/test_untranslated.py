"""No page leaves a word untranslated: every one of them, read in a language that marks what translators have seen."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from tests.installations import COURSE, SLUG, Installation
from tests.services import test_pending as large_files
from tests.visitors import send
from tests.web.console_routes import ROUTES, Route
from tests.web.pseudo import Catalogue, untranslated
from tests.web.test_console_permissions import CSRF, World, allowed
from werkzeug.test import TestResponse

from unseen_server.services import device_logins, joining, links, reveal
from unseen_server.services.principals import SERVER
from unseen_server.web import languages

# Names that people of this installation wrote, code, and the words of Babel's own for dates and spans.
KNOWN = re.compile(
    "|".join(
        [
            r"[\u4e00-\u9fff]+",
            r"Unseen|English|Lectures|Machine learning|Asia/Taipei|UTC|MSE|RMSE|MAE|R²|CSV|Canvas|Moodle|SHA-256",
            r"\b(Alice|Bob|Carol|Dora|Teacher|Tess|Root|Rival|Gone|Outsider|A straight line|Line|Other)\b",
            r"\b(alice|bob|carol|teacher|tess|root|rival|gone|outsider|server)\b",
            r"\b(lecture|ml|other|minutes|pages|words|id|kB|MB|MiB|Public|Private|Usage)\b",
            r"[\w./-]+\.(csv|md|toml|zip|db)\b|https?://\S+|\b[0-9a-f]{12,}\b|unseen_\S*",
            r"\b[a-z_]+\.[a-z_]+\b",  # actions of the audit log
        ]
    )
)


@pytest.fixture(autouse=True)
def pseudo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody reads the language that nobody speaks."""
    monkeypatch.setattr(languages, "catalogue", lambda code: Catalogue())
    monkeypatch.setattr(languages, "current", lambda: languages.TAIWAN)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, bundle_folder: Path, sqlite_template: Path) -> Iterator[World]:
    whole = World(tmp_path_factory.mktemp("untranslated"), bundle_folder, sqlite_template)
    with closing(whole.made):
        yield whole


def a_draft(made: Installation) -> None:
    with made.db.write() as session:
        session.execute(text("UPDATE competitions SET launched_at = NULL, starts_at = NULL"))


def after_the_end(made: Installation) -> None:
    made.pass_deadline()
    made.tokens.clear()  # those of another world
    send(made, made.noisy(4.0), "carol")


def after_the_reveal(made: Installation) -> None:
    after_the_end(made)
    reveal.reveal(made.db, slug=SLUG, principal=SERVER, now=made.now)


PHASES: dict[str, Callable[[Installation], object]] = {
    "draft": a_draft,
    "open": lambda made: None,
    "closed": after_the_end,
    "revealed": after_the_reveal,
}


def addresses(made: Installation) -> Iterator[str]:
    """Every page outside of the console."""
    values = {
        "slug": SLUG,
        "ref": 1,
        "name": "train.csv",
        "code": "K7QF-2M9X",
        "secret": "never-issued",
        "filename": "",
    }
    with made.app.test_request_context():
        for rule in made.app.url_map.iter_rules():
            if "GET" in (rule.methods or ()) and not rule.rule.startswith(("/api", "/console", "/static")):
                yield made.app.url_for(rule.endpoint, **{name: values[name] for name in rule.arguments})


def read(client: FlaskClient, *paths: str) -> dict[str, list[str]]:
    """What is left untranslated on each page."""
    left = {}
    for path in paths:
        if found := unread(client.get(path, buffered=True)):
            left[path] = found
    return left


def unread(answer: TestResponse) -> list[str]:
    """Redirections are followed before anybody reads them."""
    is_page = answer.mimetype == "text/html" and not 300 <= answer.status_code < 400
    return untranslated(answer.text, KNOWN) if is_page else []


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("who", ["nobody", "alice", "carol", "teacher"])
def test_pages_for_students(world: World, phase: str, who: str) -> None:
    world.begin(Route("GET", "courses.home", "", before=PHASES[phase]))
    client = world.client(who)
    assert read(client, *addresses(world.made)) == {}


def test_the_way_in(world: World) -> None:
    world.begin(Route("GET", "courses.home", ""))
    made = world.made
    code = joining.set_code(made.db, course=COURSE, principal=SERVER, now=made.now)
    invitation = links.issue_for(made.db, course=COURSE, username="alice", principal=SERVER, now=made.now)
    assert read(made.client(), f"/join/{code}", f"/welcome/{getattr(invitation, 'secret', invitation)}") == {}


def test_letting_a_program_in(world: World) -> None:
    world.begin(Route("GET", "courses.home", ""))
    made, alice = world.made, world.client("alice")
    asked = device_logins.begin(made.db, device="laptop", address="127.0.0.1", now=made.now)
    for code, status in ((asked.user_code, 200), ("BBBB", 404)):
        page = alice.post("/device", data={"csrf_token": CSRF, "code": code})
        assert (page.status_code, unread(page)) == (status, [])


def test_the_reference(world: World) -> None:
    world.begin(Route("GET", "courses.home", ""))
    assert read(world.made.client(), "/api/reference") == {}


@pytest.mark.parametrize("kind", [b"", b"id,minutes\n1,2\n", b"\x1f\x8b", b"a;b"])
def test_the_answer_to_a_bad_file(world: World, kind: bytes) -> None:
    world.begin(Route("GET", "courses.home", ""))
    form = {"csrf_token": CSRF, "file": (io.BytesIO(kind), "p.csv"), "key": "1"}
    answer = world.client("alice").post(f"/competitions/{SLUG}/submit", data=form)
    assert answer.status_code == 400
    assert unread(answer) == []


def test_what_becomes_of_a_large_file(world: World) -> None:
    """One is refused by the worker, the next still waits for it; then everything is revealed."""
    world.begin(Route("GET", "courses.home", ""))
    made = world.made
    made.tokens.clear()  # those of another world
    refused = large_files.send(made, b"id,minutes\n1,2\n").receipt.ref
    large_files.work(made)
    waiting = large_files.send(made, made.file()).receipt.ref
    mine = f"/competitions/{SLUG}/submissions"
    both = (mine, f"{mine}/{refused}", f"{mine}/{waiting}")
    assert read(world.client("alice"), *both) == {}
    assert read(world.client("teacher"), *(f"/console{page}" for page in both)) == {}
    large_files.work(made)
    after_the_reveal(made)
    assert read(world.client("alice"), *both) == {}


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_the_console(world: World, route: Route) -> None:
    world.begin(route)
    assert unread(world.ask(allowed(route)[0], route)) == []


def test_a_word_that_nobody_marked_is_found() -> None:
    page = '<p>⟦Score⟧ 12 kB <b title="best">⟦a <i>b</i>⟧</b> worst <code>code</code><br><input placeholder="here"></p>'
    assert untranslated(page, KNOWN) == ["worst", "best", "here"]
