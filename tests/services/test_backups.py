"""Backup and restore: every row comes back, on either kind of database, and nothing half done passes for whole."""

from __future__ import annotations

import errno
import os
import struct
import threading
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from tests.figures import LONG, Tell
from tests.installations import Installation
from tests.postgres import administer, beside
from tests.visitors import place_baseline, send

from unseen_server.config import Config
from unseen_server.core.errors import BadRequest, Conflict
from unseen_server.db import migrate
from unseen_server.db.models import Base, Competition, Submission
from unseen_server.db.session import Database
from unseen_server.services import backups, baselines, doctor, receipts
from unseen_server.services.keys import KeyRing
from unseen_server.services.principals import SERVER
from unseen_server.services.submit import submit


@contextmanager
def empty(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Config, Database]]:
    """A database without tables, and a home."""
    home = folder / uuid.uuid4().hex
    home.mkdir()
    url, name = f"sqlite:///{home / 'unseen.db'}", f"unseen_test_{uuid.uuid4().hex[:12]}"
    server = request.getfixturevalue("postgres_server") if kind == "postgresql" else None
    if server:
        administer(server, f"CREATE DATABASE {name}")
        url = beside(server, name)
    with closing(Database(url)) as db:
        yield Config(home=home, database_url=url), db
    if server:
        administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def back_up(made: Installation, file: Path) -> backups.Manifest:
    return backups.back_up(made.config, made.db, file, schema=migrate.current(made.db) or "", now=made.now)


def middles(file: Path) -> list[int]:
    """A place in the midst of the content of each member."""
    content = file.read_bytes()
    with zipfile.ZipFile(file) as made:
        members = [(member.header_offset, member.compress_size) for member in made.infolist()]
    # the sizes of name and extra field stand at the end of the 30 bytes of a member's header (APPNOTE 4.3.7)
    lengths = [struct.unpack("<HH", content[at + 26 : at + 30]) for at, _ in members]
    return [at + 30 + sum(names) + size // 2 for (at, size), names in zip(members, lengths, strict=True) if size > 2]


def values(db: Database) -> dict[str, list[str]]:
    """Every row of every table as the server reads it."""
    with db.read() as session:
        return {
            table.name: sorted(map(str, session.execute(select(table)).all())) for table in Base.metadata.sorted_tables
        }


def submit_once_more(config: Config, db: Database, like: Installation) -> int:
    upload = like.upload(like.noisy(1.0, 9), key=uuid.uuid4().hex)
    place = {"slug": like.slug, "principal": like.principal("bob"), "received_at": like.now}
    signer = receipts.Signer(config.secret())
    return submit(db, KeyRing(db), upload=upload, signer=signer, **place).receipt.ref


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_every_row_comes_back_on_either_kind_of_database(
    installation: Installation, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    for n, who in enumerate(("alice", "bob", "alice")):
        send(installation, installation.noisy(3.0 - n, n), who)
    made = back_up(installation, tmp_path / "all.zip")
    with empty(kind, tmp_path, request) as (config, db):
        assert backups.restore(config, db, tmp_path / "all.zip") == made
        assert values(db) == values(installation.db)
        assert config.secret() == installation.config.secret()
        assert config.secret_key_file.stat().st_mode & 0o077 == 0
        assert submit_once_more(config, db, installation) == submit_once_more(
            installation.config, installation.db, installation
        )
        assert [found for found in doctor.examine(config, db) if not found.ok] == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_number_of_a_deleted_submission_is_not_given_again(
    installation: Installation, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    place_baseline(installation)
    place: dict[str, Any] = {"slug": installation.slug, "principal": SERVER, "now": installation.now}
    with installation.db.read() as session:
        gone, team = session.execute(select(Submission.id, Submission.team_id)).one()
    baselines.remove(installation.db, number=team, **place)
    back_up(installation, tmp_path / "all.zip")
    with empty(kind, tmp_path, request) as (config, db):
        backups.restore(config, db, tmp_path / "all.zip")
        assert submit_once_more(config, db, installation) > gone


@pytest.mark.slow
def test_an_older_schema_is_restored_and_brought_up_to_date(
    installation: Installation, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    send(installation, installation.noisy(3.0))
    for revision in sorted(migrate.known(), reverse=True):
        migrate.downgrade(installation.db, revision)
        back_up(installation, tmp_path / f"{revision}.zip")
        migrate.upgrade(installation.db)
        with empty("sqlite", tmp_path, request) as (config, db):
            backups.restore(config, db, tmp_path / f"{revision}.zip")
            assert migrate.current(db) == migrate.newest()
            assert values(db) == values(installation.db)


@pytest.mark.slow
@pytest.mark.figure("backup")
def test_a_backup_under_load_holds_all_that_was_acknowledged_before_it(
    installation: Installation, tmp_path: Path, request: pytest.FixtureRequest, figure: Tell
) -> None:
    with installation.db.write() as session:
        session.execute(update(Competition).values(daily_limit=100_000))
    installation.token("bob")
    acknowledged: list[int] = []
    enough, stop = threading.Event(), threading.Event()

    def students() -> None:
        while not stop.is_set():
            acknowledged.append(submit_once_more(installation.config, installation.db, installation))
            if len(acknowledged) >= 3:
                enough.set()

    submitting = threading.Thread(target=students)
    submitting.start()
    try:
        assert enough.wait(60)
        for n in range(20 if LONG else 5):
            before = list(acknowledged)
            back_up(installation, tmp_path / f"{n}.zip")
            with empty("sqlite", tmp_path, request) as (config, db):
                backups.restore(config, db, tmp_path / f"{n}.zip")
                with db.read() as session:
                    kept = set(session.scalars(select(Submission.id)))
                assert kept >= set(before)
                assert [found for found in doctor.examine(config, db) if not found.ok] == []
            figure(f"backups of {installation.db.engine.dialect.name}", 1)
    finally:
        stop.set()
        submitting.join(60)


@pytest.mark.slow
def test_a_damaged_backup_is_refused_and_leaves_nothing_behind(
    installation: Installation, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    send(installation, installation.noisy(3.0))
    back_up(installation, tmp_path / "all.zip")
    whole = (tmp_path / "all.zip").read_bytes()
    damaged = tmp_path / "damaged.zip"
    with empty("sqlite", tmp_path, request) as (config, db):
        for at in middles(tmp_path / "all.zip"):
            damaged.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
            with pytest.raises(BadRequest, match="Take another backup"):
                backups.restore(config, db, damaged)
            assert migrate.current(db) is None
        for end in (0, 10, len(whole) // 2, len(whole) - 1):
            damaged.write_bytes(whole[:end])
            with pytest.raises(BadRequest):
                backups.restore(config, db, damaged)
            assert migrate.current(db) is None
        assert not config.secret_key_file.exists()


@pytest.mark.slow
def test_rows_that_are_not_those_of_the_manifest_are_refused(
    installation: Installation, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The zip's own sums would not tell: somebody made a new one."""
    send(installation, installation.noisy(3.0))
    back_up(installation, tmp_path / "all.zip")
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(tmp_path / "all.zip") as made, zipfile.ZipFile(other, "w") as changed:
        for name in made.namelist():
            content = made.read(name)
            changed.writestr(name, content.replace(b"alice", b"malic") if name == "tables/users" else content)
    with empty("sqlite", tmp_path, request) as (config, db):
        with pytest.raises(BadRequest, match="Take another backup"):
            backups.restore(config, db, other)
        assert migrate.current(db) is None


def test_nothing_is_written_over(installation: Installation, tmp_path: Path) -> None:
    file = tmp_path / "all.zip"
    back_up(installation, file)
    assert file.stat().st_mode & 0o077 == 0
    before = file.read_bytes()
    with pytest.raises(Conflict, match="is there already"):
        back_up(installation, file)
    with pytest.raises(Conflict, match="already is an installation"):
        backups.restore(installation.config, installation.db, file)
    assert file.read_bytes() == before


def test_another_installations_secret_stays(
    installation: Installation, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    back_up(installation, tmp_path / "all.zip")
    with empty("sqlite", tmp_path, request) as (config, db):
        mine = config.secret()
        with pytest.raises(Conflict, match="another installation's secret"):
            backups.restore(config, db, tmp_path / "all.zip")
        assert config.secret() == mine
        assert migrate.current(db) is None


def test_a_backup_that_fails_leaves_no_file(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    folder = tmp_path / "backups"
    folder.mkdir()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        back_up(installation, folder / "all.zip")
    assert list(folder.iterdir()) == []


def test_a_backup_of_a_newer_version_says_so(
    installation: Installation, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    backups.back_up(installation.config, installation.db, tmp_path / "all.zip", schema="9999", now=installation.now)
    with (
        empty("sqlite", tmp_path, request) as (config, db),
        pytest.raises(BadRequest, match="newer than this one"),
    ):
        backups.restore(config, db, tmp_path / "all.zip")
