"""A database that somebody else holds: whoever asks is told so after five seconds, and nothing is counted."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import create_engine, make_url
from tests.faults.student import Student, says_that_nothing_was_counted
from tests.installations import Installation, install, make_folder, on_every_database, serving

from unseen_server.config import Config
from unseen_server.db import sqlite

pytestmark = on_every_database

HOLDING = {
    "sqlite": ("BEGIN EXCLUSIVE",),
    "postgresql": ("BEGIN", "LOCK TABLE users, competitions, chains, submissions IN ACCESS EXCLUSIVE MODE"),
}


@pytest.fixture
def used(database_url: str, tmp_path: Path) -> Iterator[Installation]:
    now = datetime.now(UTC)
    folder = make_folder(tmp_path / "bundle", now=now)
    with closing(install(Config(home=tmp_path, database_url=database_url), folder, now=now)) as installation:
        yield installation


@contextmanager
def held(installation: Installation, *statements: str) -> Iterator[None]:
    """Somebody else's connection, which has said this and does not go on."""
    url = make_url(installation.config.database_url)
    driver = "sqlite" if installation.db.is_sqlite else "postgresql+psycopg"
    own = {"module": sqlite.driver} if installation.db.is_sqlite else {}
    engine = create_engine(url.set(drivername=driver), isolation_level="AUTOCOMMIT", **own)
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        yield
        connection.exec_driver_sql("ROLLBACK")
    engine.dispose()


@pytest.mark.slow
def test_while_somebody_else_holds_the_database_everybody_is_told_to_come_back(used: Installation) -> None:
    with serving(used) as server, Student(server) as student, ThreadPoolExecutor() as pool:
        assert student.upload("before").status_code == 201
        with held(used, *HOLDING[used.db.engine.dialect.name]):
            uploads = [pool.submit(student.upload, f"held {n}") for n in range(3)]
            readings = [pool.submit(student.get, what) for what in ("submissions", "limits", "files")]
            replies: list[httpx2.Response] = [one.result() for one in (*uploads, *readings)]
        if used.db.is_sqlite and sqlite.journal() == "wal":  # there, nobody can keep readers out
            assert [reply.status_code for reply in replies[3:]] == [200] * 3
            replies = replies[:3]
        assert [reply.status_code for reply in replies] == [503] * len(replies)
        assert all("Retry-After" in reply.headers and says_that_nothing_was_counted(reply) for reply in replies)
        assert student.used() == 1
        assert [student.upload(f"held {n}").status_code for n in range(3)] == [201] * 3
        statuses = student.look_around()
        assert statuses == dict.fromkeys(statuses, 200)


@pytest.mark.slow
def test_who_only_reads_does_not_wait_for_somebody_else_who_writes(used: Installation) -> None:
    writing = {"sqlite": ("BEGIN IMMEDIATE",), "postgresql": ("BEGIN", "SELECT * FROM chains FOR UPDATE")}
    with serving(used) as server, Student(server) as student, ThreadPoolExecutor() as pool:
        with held(used, *writing[used.db.engine.dialect.name]):
            upload = pool.submit(student.upload, "held")
            statuses = student.look_around()
            assert statuses == dict.fromkeys(statuses, 200)
            assert not upload.done()
            assert upload.result().status_code == 503
        assert student.used() == 0
        assert student.upload("held").status_code == 201
