"""SQLite's two journals: each installation has the better one its library can keep, and loses nothing on the way."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.installations import WITHOUT_PYSQLITE3, Build
from tests.visitors import send

from unseen_server.core.errors import Busy
from unseen_server.db import sqlite
from unseen_server.db.session import Database
from unseen_server.services import doctor

pytestmark = pytest.mark.skipif(
    sqlite.driver is sqlite3, reason="pysqlite3 is not installed: there is one library only"
)


@contextmanager
def opened(file: Path) -> Iterator[Database]:
    with closing(Database(f"sqlite:///{file}")) as db:
        yield db


def journal(db: Database) -> object:
    with db.read() as session:
        return session.scalar(text("PRAGMA journal_mode"))


def rows(db: Database) -> int | None:
    with db.read() as session:
        return session.scalar(text("SELECT count(*) FROM t"))


def add(db: Database, content: bytes = b"") -> None:
    with db.write() as session:
        session.execute(text("CREATE TABLE IF NOT EXISTS t (content BLOB)"))
        session.execute(text("INSERT INTO t VALUES (:content)"), {"content": content})


def test_the_journal_follows_the_library_and_rows_stay(tmp_path: Path) -> None:
    file = tmp_path / "unseen.db"
    for number, (library, expected) in enumerate([(sqlite3, "delete"), (sqlite.driver, "wal")] * 2):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sqlite, "driver", library)
            with opened(file) as db:
                add(db)
                assert (journal(db), rows(db)) == (expected, number + 1)
        assert not (tmp_path / "unseen.db-wal").exists()


def test_what_a_killed_process_left_in_its_log_is_there_for_either_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, left = tmp_path / "unseen.db", tmp_path / "left"
    left.mkdir()
    with opened(file) as db:
        add(db)
        for ending in ("", "-wal"):  # as they are on disk now
            shutil.copy(f"{file}{ending}", left / f"unseen.db{ending}")
        bare = shutil.copy(file, tmp_path / "bare.db")
    monkeypatch.setattr(sqlite, "driver", sqlite3)
    with opened(left / "unseen.db") as db:
        assert (journal(db), rows(db)) == ("delete", 1)
    with closing(sqlite3.connect(bare)) as alone, pytest.raises(sqlite3.OperationalError, match="no such table"):
        alone.execute("SELECT count(*) FROM t")  # what a copy of the file without its log loses


@pytest.mark.slow
def test_a_library_that_cannot_keep_the_log_does_not_touch_it_while_others_do(tmp_path: Path) -> None:
    file = tmp_path / "unseen.db"
    code = (
        "import sys; from unseen_server.db import session; session.LOCK_TIMEOUT = 0.1\n"
        "with session.Database(f'sqlite:///{sys.argv[1]}').read() as reading: reading.connection()"
    )
    hidden = {**os.environ, "PYTHONPATH": os.pathsep.join([WITHOUT_PYSQLITE3, *sys.path])}
    with opened(file) as db:
        add(db)
        command = [sys.executable, "-c", code, str(file)]
        done = subprocess.run(command, env=hidden, capture_output=True, text=True, timeout=60)
        add(db)
        assert "NewerLog" in done.stderr
        assert "install pysqlite3" in done.stderr
        assert (journal(db), rows(db)) == ("wal", 2)


def test_a_commit_that_waited_in_vain_keeps_no_lock(tmp_path: Path, sqlite_library: None) -> None:
    file = tmp_path / "unseen.db"
    with opened(file) as db, opened(file) as others:
        add(db)
        with others.read() as reading, suppress(Busy):
            assert reading.scalar(text("SELECT count(*) FROM t")) == 1
            with db.write(patience=0.01) as session:  # in the end a writer without a log waits for who reads
                session.execute(text("INSERT INTO t VALUES ('')"))
        counted = rows(others)
        add(others)
        add(db)
        assert rows(db) == rows(others) == (counted or 0) + 2


def test_a_copy_of_a_database_in_use_has_what_is_in_the_log_only(tmp_path: Path) -> None:
    file = tmp_path / "unseen.db"
    with opened(file) as db:
        add(db)
        assert (tmp_path / "unseen.db-wal").stat().st_size
        with db.write() as session:  # nor does anybody who writes keep it waiting
            session.execute(text("INSERT INTO t VALUES ('')"))
            copy = sqlite.copy(file, tmp_path / "copy.db")
    with opened(copy) as copied:
        assert rows(copied) == 1


def test_the_log_is_cut_back_once_a_reader_that_would_not_end_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LONGEST_LOG", 1 << 20)
    file, page = tmp_path / "unseen.db", bytes(4096)
    log = tmp_path / "unseen.db-wal"
    with opened(file) as db:
        add(db)
        with db.read() as session:
            assert session.scalar(text("SELECT count(*) FROM t")) == 1
            for _ in range(40):
                add(db, page * 64)
            assert log.stat().st_size > 10 << 20  # its own view is held for it
            assert session.scalar(text("SELECT count(*) FROM t")) == 1
        for _ in range(2):  # the first writes it to the database, the second begins it anew
            add(db)
        assert log.stat().st_size <= 1 << 20
        assert rows(db) == 43
    assert not log.exists()


def test_the_doctor_says_which_journal_there_is(build: Build) -> None:
    made = build()
    send(made, made.file())
    [said] = [str(finding.found) for finding in doctor.examine(made.config, made.db) if str(finding.what) == "database"]
    assert said == f"SQLite {sqlite.driver.sqlite_version}, journal wal, ok"
