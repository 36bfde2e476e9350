"""Competitions, databases, installations and servers that tests can make."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from unseen_server.app import create_app
from unseen_server.config import Config
from unseen_server.core.splits import PUBLIC
from unseen_server.db.models import Course
from unseen_server.db.session import Database
from unseen_server.services import accounts, bundles, courses, launching, tokens
from unseen_server.services.bundles import Bundle
from unseen_server.services.entries import Upload
from unseen_server.services.keys import KeyRing
from unseen_server.services.principals import SERVER, Principal

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # 12:00 in Taipei
SLUG = "lecture"
COURSE = "ml"
STUDENTS = ("alice", "bob", "carol")
LOCAL_POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres"
SQLITE, PYTHONS_SQLITE, POSTGRES = "sqlite", "python's sqlite", "postgresql"
WITHOUT_PYSQLITE3 = str(Path(__file__).parent / "without_pysqlite3")  # before what is installed
# For tests of what depends on the journal of SQLite: marks those that take `database_url`.
on_every_database = pytest.mark.parametrize("database_url", [SQLITE, PYTHONS_SQLITE, POSTGRES], indirect=True)


# a competition


def labelled_rows(n: int = 120, seed: int = 7) -> list[tuple[int, float, float]]:
    """Pages, words and minutes of invented lectures."""
    rng = np.random.default_rng(seed)
    pages = rng.integers(20, 100, n)
    words = np.round(pages * rng.uniform(20, 60, n))
    minutes = np.round(10 + 0.8 * pages + 0.005 * words + rng.normal(0, 6, n), 1)
    return list(zip(pages.tolist(), words.tolist(), minutes.tolist(), strict=True))


def make_folder(home: Path, slug: str = SLUG, now: datetime = NOON, **settings: object) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    labelled = home / "labelled.csv"
    rows = "".join(f"{pages},{words:g},{minutes}\n" for pages, words, minutes in labelled_rows())
    labelled.write_text("pages,words,minutes\n" + rows)
    folder = home / slug
    bundles.init_bundle(
        folder,
        labelled,
        target="minutes",
        test_size=1 / 3,
        public=0.5,
        seed=3,
        now=now,
        title="Lectures",
        time_zone="Asia/Taipei",
    )
    if settings:
        configure(folder, **settings)
    return folder


def configure(folder: Path, **settings: object) -> None:
    """Set lines of competition.toml."""
    file = folder / "competition.toml"
    lines = [line for line in file.read_text().splitlines() if line.split(" ")[0] not in settings]
    added = [f"{name} = {_toml(value)}" for name, value in settings.items()]
    first_table = next((i for i, line in enumerate(lines) if line.startswith("[[")), len(lines))
    file.write_text("\n".join([*lines[:first_table], *added, *lines[first_table:]]) + "\n")


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def prediction_file(bundle: Bundle, values: np.ndarray | float) -> bytes:
    """A valid file; values (n,) in the key's order, or one for every row."""
    rows = zip(bundle.key.ids, np.broadcast_to(values, len(bundle.key.ids)).tolist(), strict=True)
    header = f"{bundle.key.id_column},{bundle.key.target_column}\n"
    return (header + "".join(f"{row_id},{value!r}\n" for row_id, value in rows)).encode()


# databases


@contextmanager
def new_sqlite(home: Path, template: Path) -> Iterator[str]:
    path = home / "unseen.db"
    shutil.copy(template, path)
    yield f"sqlite:///{path}"


# an installation


@dataclass
class Installation:
    """A course with an instructor and students and one open competition; `now` is its clock, set by the test."""

    config: Config
    db: Database
    folder: Path
    bundle: Bundle
    now: datetime = NOON
    tokens: dict[str, str] = field(default_factory=dict)
    slug: str = SLUG

    def __post_init__(self) -> None:
        self.keys = KeyRing(self.db)

    @cached_property
    def app(self) -> Flask:
        """Made when a test first asks for it: half of them never do."""
        app = create_app(self.config, clock=lambda: self.now)
        app.testing = True
        return app

    def token(self, username: str, scope: str | None = None) -> str:
        scope = scope or ("staff" if username == "teacher" else "submit")
        place = f"{username}:{scope}"
        if place not in self.tokens:
            self.tokens[place] = tokens.issue_token(self.db, username, scope=scope, actor="test", now=self.now)
        return self.tokens[place]

    def principal(self, username: str) -> Principal:
        return tokens.principal_of_token(self.db, self.token(username), self.now)

    def asking(self, username: str = "teacher") -> dict[str, Any]:
        """What services about the competition want to know, asked by this user now."""
        return {"slug": self.slug, "principal": self.principal(username), "now": self.now}

    def client(self, username: str | None = None) -> FlaskClient:
        """An HTTP client of the application, signed in with a token of this user."""
        client = self.app.test_client()
        if username:
            client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {self.token(username)}"
        return client

    def file(self, values: np.ndarray | float = 50.0) -> bytes:
        return prediction_file(self.bundle, values)

    def noisy(self, spread: float, seed: int = 0) -> bytes:
        """Predictions so far from the labels."""
        rng = np.random.default_rng(seed)
        return self.file(self.bundle.key.labels + spread * rng.standard_normal(len(self.bundle.key.ids)))

    def upload(self, content: bytes, key: str | None = None, message: str = "", name: str = "p.csv") -> Upload:
        return Upload(content, name, message, key)

    def noisy_in_public(self, spread: float, seed: int = 0) -> bytes:
        """Predictions that know nothing of a private label: so far from the public ones, random elsewhere."""
        rng, key = np.random.default_rng(seed), self.bundle.key
        public = key.labels + spread * rng.standard_normal(len(key.ids))
        return self.file(np.where(key.usage == PUBLIC, public, rng.uniform(30, 80, len(key.ids))))

    def course(self, session: Session) -> Course:
        return courses.course_named(session, COURSE)

    def pass_deadline(self) -> None:
        self.now = self.bundle.settings.deadline + timedelta(seconds=1)

    def close(self) -> None:
        if "app" in vars(self):
            self.app.extensions["unseen"].db.close()
        self.db.close()


def opened(config: Config, folder: Path, now: datetime = NOON) -> Installation:
    """An installation over a database in which `install` has put the competition of this folder."""
    bundle = bundles.read_bundle(folder)
    db = Database(config.database_url, config.objects_url)
    return Installation(config, db, folder, bundle, now, slug=bundle.settings.slug)


def install(config: Config, folder: Path, *, launched: bool = True, now: datetime = NOON) -> Installation:
    """Fill an empty database: course, teacher, students, and an outsider who takes another course."""
    made = opened(config, folder, now)
    db, bundle = made.db, made.bundle
    with db.write() as session:
        course = courses.add_course(
            session, COURSE, title="Machine learning", time_zone="Asia/Taipei", now=now, actor="test"
        )
        other = courses.add_course(session, "other", title="Other", time_zone="UTC", now=now, actor="test")
        people = (("teacher", "instructor", course), *((name, "student", course) for name in STUDENTS))
        for name, role, place in (*people, ("outsider", "student", other), ("rival", "instructor", other)):
            user = accounts.add_user(session, name, display_name=name.title(), now=now, actor="test")
            accounts.enrol(session, user, place, role, now=now, actor="test")
    launching.create(db, bundle, course=COURSE, principal=SERVER, now=now)
    if launched:
        launching.launch(db, slug=bundle.settings.slug, at=None, principal=SERVER, now=now)
    return made


class Filled:
    """SQLite databases with an installation in them, each filled once and copied from then on."""

    def __init__(self, home: Path, empty: Path) -> None:
        self._home, self._empty = home, empty
        self._made: dict[str, Path] = {}

    def __call__(self, folder: Path, *, launched: bool = True, **settings: object) -> Path:
        """The one to copy for a folder that `make_folder` made at noon with these settings."""
        key = repr((launched, sorted(settings.items())))
        if key not in self._made:
            home = self._home / str(len(self._made))
            home.mkdir()
            with new_sqlite(home, self._empty) as url:
                install(Config(home=home, database_url=url), folder, launched=launched).close()
            self._made[key] = home / "unseen.db"
        return self._made[key]


Build = Callable[..., Installation]


# a real server


@dataclass
class Server:
    """A running `unseen-server serve` over an installation, in processes of its own."""

    url: str
    installation: Installation
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def slug(self) -> str:
        return self.installation.slug

    @property
    def bundle(self) -> Path:
        return self.installation.folder

    def token(self, username: str, scope: str | None = None) -> str:
        return self.installation.token(username, scope)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(
    installation: Installation,
    *,
    port: int | None = None,
    processes: int = 2,
    threads: int = 8,
    under: Sequence[str] = (),
    logs: Path | None = None,
    **settings: str,
) -> Iterator[Server]:
    """Start the server as its users do, wait until it answers, and stop it at the end.

    `under` is a command that watches it, `settings` are variables of its environment.
    """
    port = port or free_port()
    config = installation.config
    log = (logs or config.home) / f"serve-{port}-{uuid.uuid4().hex[:6]}.log"
    place = {"UNSEEN_HOME": str(config.home), "UNSEEN_DATABASE_URL": config.database_url}
    if config.objects_url:
        place["UNSEEN_OBJECTS_URL"] = config.objects_url
    environment = {**os.environ, **place, **settings}
    sizes = {"--port": port, "--processes": processes, "--threads": threads}
    command = [*under, sys.executable, "-m", "unseen_server", "serve"]
    command += [str(word) for pair in sizes.items() for word in pair]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
    try:
        _wait_until_it_answers(process, f"http://127.0.0.1:{port}/api/health", log)
        yield Server(f"http://127.0.0.1:{port}", installation, process, log)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(30)


def _wait_until_it_answers(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    patience = time.monotonic() + 60
    while time.monotonic() < patience:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            if process.poll() is not None:
                break
            time.sleep(0.05)
    raise RuntimeError(f"the server did not start: {log.read_text()}")
