"""Is this installation well? Each finding says what was looked at and what was seen."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.orm import Session

from unseen_server.config import MEBIBYTE, Config
from unseen_server.core import metrics
from unseen_server.db import migrate, queries
from unseen_server.db.models import Competition
from unseen_server.db.session import Database

ENOUGH_SPACE = 512 * MEBIBYTE


@dataclass(frozen=True)
class Finding:
    what: str
    ok: bool
    found: str


def examine(config: Config, db: Database) -> list[Finding]:
    """Look at everything that can be looked at without changing anything."""
    return [_schema(db), *_database(db), _space(config), *_secret(config), *_standings(db)]


def _schema(db: Database) -> Finding:
    current, newest = migrate.current(db), migrate.newest()
    return Finding("schema", current == newest, f"version {current}, newest {newest}")


def _database(db: Database) -> Iterator[Finding]:
    with db.read() as session:
        connection = session.connection()
        if not db.is_sqlite:
            yield Finding("database", True, f"PostgreSQL {connection.exec_driver_sql('SHOW server_version').scalar()}")
            return
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        intact = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
        orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    yield Finding("database", intact == "ok", f"SQLite {sqlite3.sqlite_version}, journal {journal}, {intact}")
    yield Finding("references", not orphans, f"{len(orphans)} rows point nowhere")


def _space(config: Config) -> Finding:
    free = shutil.disk_usage(config.home).free
    return Finding("disk", free > ENOUGH_SPACE, f"{free // MEBIBYTE} MiB free in {config.home}")


def _secret(config: Config) -> Iterator[Finding]:
    if config.secret_key is None and config.secret_key_file.exists():
        mode = stat.S_IMODE(config.secret_key_file.stat().st_mode)
        yield Finding("secret key", mode & 0o077 == 0, f"{config.secret_key_file.name} has mode {mode:o}")


def _standings(db: Database) -> Iterator[Finding]:
    """Every standing is counted again from the submissions themselves."""
    with db.read() as session:
        for competition, _ in queries.competitions_with_courses(session):
            wrong = _wrong_standings(session, competition)
            yield Finding(f"standings of {competition.slug}", not wrong, f"{len(wrong)} differ from the submissions")


def _wrong_standings(session: Session, competition: Competition) -> list[int]:
    """Teams whose standing is not what their submissions say."""
    direction = metrics.metric(competition.metric).direction
    kept = {
        standing.team_id: (standing.entries, standing.score, standing.submission_id)
        for standing in queries.standings_of(session, competition.id)
    }
    counted = queries.standings_from_submissions(session, competition.id, competition.key_version, direction)
    return [
        team
        for team in kept.keys() | counted.keys()
        if kept.get(team, (0, None, None)) != counted.get(team, (0, None, None))
    ]
