"""A server to measure, as its users run it: processes of its own over a new database with a class and a competition."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psutil
from load import ask_in_turn, get
from sqlalchemy import create_engine, make_url, text

from unseen_server.db import migrate
from unseen_server.db.session import Database
from unseen_server.services import accounts, bundles, courses, launching, passwords, tokens
from unseen_server.services.bundles import Bundle
from unseen_server.services.principals import SERVER

SLUG = "rush"
PASSWORD = "correct horse battery"
POSTGRES = os.environ.get("UNSEEN_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")


@dataclass
class Site:
    """`url` of the database, tokens by student; the process is the parent of those that answer."""

    port: int
    database_url: str
    home: Path
    bundle: Bundle
    tokens: list[str]
    process: subprocess.Popen[bytes]
    log: Path
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    @property
    def submissions(self) -> str:
        return f"/api/competitions/{SLUG}/submissions"

    def cpu_seconds(self) -> dict[str, float]:
        """What those that answer have spent so far, and the database's processes that serve them."""
        parent, name = psutil.Process(self.process.pid), make_url(self.database_url).database or ""
        database = [
            process
            for process in psutil.process_iter(["name", "cmdline"])
            if process.info["name"] == "postgres" and name in " ".join(process.info["cmdline"] or ())
        ]
        answering = [parent, *parent.children(recursive=True)]
        return {"server": sum(map(_spent, answering)), "database": sum(map(_spent, database))}

    def predictions(self) -> np.ndarray:
        """Between 0 and the labels, (n,), so that none is out of bounds, of as many digits as Python writes."""
        return self.bundle.key.labels * self.rng.uniform(0, 1, len(self.bundle.key.ids))

    def file(self, predictions: np.ndarray | None = None) -> bytes:
        key = self.bundle.key
        values = (self.predictions() if predictions is None else predictions).tolist()
        rows = (f"{name},{value!r}\n" for name, value in zip(key.ids, values, strict=True))
        return f"{key.id_column},{key.target_column}\n{''.join(rows)}".encode()


def _spent(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


@contextmanager
def served(
    *,
    students: int,
    rows: int,
    processes: int = 2,
    threads: int = 8,
    postgres: bool = False,
    program: Sequence[str] = ("-m", "unseen_server"),
    **settings: object,
) -> Iterator[Site]:
    """`settings` are lines of competition.toml; OperationalError where there is no PostgreSQL and one is asked for.

    `program` is what Python is started with to serve.
    """
    with tempfile.TemporaryDirectory() as folder, _database(Path(folder), postgres) as url:
        home = Path(folder)
        bundle, tokens_of_students = _filled(url, home, students, rows, settings)
        with _serving(home, url, program, processes, threads) as (port, process, log):
            yield Site(port, url, home, bundle, tokens_of_students, process, log)


@contextmanager
def _database(home: Path, postgres: bool) -> Iterator[str]:
    if not postgres:
        yield f"sqlite:///{home / 'unseen.db'}"
        return
    name = f"unseen_bench_{uuid.uuid4().hex[:12]}"
    admin = create_engine(make_url(POSTGRES).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    try:
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
        finally:
            with admin.connect() as connection:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        admin.dispose()


def _filled(url: str, home: Path, students: int, rows: int, settings: dict[str, object]) -> tuple[Bundle, list[str]]:
    now = datetime.now(UTC)
    bundle = bundles.read_bundle(_folder(home, rows, now, settings))
    password_hash = passwords.hashed(PASSWORD)  # once for all: it takes as long as it should
    with closing(Database(url)) as db:
        migrate.upgrade(db)
        with db.write() as session:
            course = courses.add_course(session, "ml", title="ML", time_zone="UTC", now=now, actor="bench")
            for number in range(students):
                user = accounts.add_user(session, f"s{number}", now=now, actor="bench")
                user.password_hash = password_hash
                accounts.enrol(session, user, course, "student", now=now, actor="bench")
        launching.create(db, bundle, course="ml", principal=SERVER, now=now)
        launching.launch(db, slug=SLUG, at=None, principal=SERVER, now=now)
        issued = [
            tokens.issue_token(db, f"s{number}", scope="submit", actor="bench", now=now) for number in range(students)
        ]
    return bundle, issued


def _folder(home: Path, rows: int, now: datetime, settings: dict[str, object]) -> Path:
    """A competition with so many test rows, from invented rows with a label that can half be known."""
    rng, labelled, folder = np.random.default_rng(1), home / "labelled.csv", home / SLUG
    x, noise = rng.normal(0, 1, (2, 2 * rows))
    lines = (f"{a!r},{b!r}\n" for a, b in zip(x.tolist(), (x + noise).tolist(), strict=True))
    labelled.write_text("x,y\n" + "".join(lines))
    bundles.init_bundle(
        folder, labelled, target="y", test_size=0.5, public=0.5, seed=3, now=now, title="Rush", time_zone="UTC",
        deadline=now + timedelta(days=7),
    )  # fmt: skip
    toml = folder / "competition.toml"
    kept = [text for text in toml.read_text().splitlines() if text.split(" ")[0] not in settings]
    first_table = next((at for at, text in enumerate(kept) if text.startswith("[[")), len(kept))
    added = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    toml.write_text("\n".join([*kept[:first_table], *added, *kept[first_table:]]) + "\n")
    return folder


@contextmanager
def _serving(
    home: Path, url: str, program: Sequence[str], processes: int, threads: int
) -> Iterator[tuple[int, subprocess.Popen[bytes], Path]]:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = home / "serve.log"
    sizes = {"--port": port, "--processes": processes, "--threads": threads}
    command = [sys.executable, *program, "serve", *(str(word) for pair in sizes.items() for word in pair)]
    with log.open("wb") as output:
        environment = {**os.environ, "UNSEEN_HOME": str(home), "UNSEEN_DATABASE_URL": url}
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
    try:
        _wait_until_it_answers(port, process, log)
        yield port, process, log
    finally:
        process.terminate()
        process.wait(60)


def _wait_until_it_answers(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    patience = time.monotonic() + 60
    while time.monotonic() < patience and process.poll() is None:
        if ask_in_turn(port, [get("/api/health")])[0].status == 200:
            return
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start: {log.read_text()}")
