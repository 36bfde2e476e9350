"""Is this installation well? Each finding says what was looked at and what was seen."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from unseen_server import storage
from unseen_server.config import MEBIBYTE, Config
from unseen_server.core import metrics
from unseen_server.core.sentences import Sentence, say
from unseen_server.db import migrate, queries, sqlite
from unseen_server.db.delivery import Delivery
from unseen_server.db.models import AuditEntry, Competition, Course, Submission, Team, User
from unseen_server.db.session import Database
from unseen_server.services import receipts, seals

ENOUGH_SPACE = 512 * MEBIBYTE
PATIENCE = timedelta(minutes=5)


@dataclass(frozen=True)
class Finding:
    what: Sentence
    ok: bool
    found: Sentence


@dataclass(frozen=True)
class Counts:
    """How much there is of what grows; `deeds` are the rows of the audit."""

    courses: int
    people: int
    competitions: int
    teams: int
    submissions: int
    deeds: int


def counts(db: Database) -> Counts:
    with db.read() as session:
        tables = (Course, User, Competition, Team, Submission, AuditEntry)
        return Counts(*(queries.competitions.rows_in(session, table) for table in tables))


def examine(config: Config, db: Database, now: datetime | None = None) -> list[Finding]:
    """Look at everything that can be looked at without changing anything.

    `now` is None for a copy that is only looked at: nobody works there.
    """
    own = [_schema(db), *_database(db), _space(config), *_secret(config), *_standings(db), *_proofs(db), *_objects(db)]
    return own if now is None else [*own, _long_work(db, now)]


def _schema(db: Database) -> Finding:
    current, newest = migrate.current(db), migrate.newest()
    said = say("version {current}, newest {newest}", current=current, newest=newest)
    return Finding(say("schema"), current == newest, said)


def _database(db: Database) -> Iterator[Finding]:
    with db.read() as session:
        connection = session.connection()
        if not db.is_sqlite:
            version = connection.exec_driver_sql("SHOW server_version").scalar()
            yield Finding(say("database"), True, say("PostgreSQL {version}", version=version))
            return
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        intact = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
        orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    said = say(
        "SQLite {version}, journal {journal}, {intact}",
        version=sqlite.driver.sqlite_version,
        journal=journal,
        intact=intact,
    )
    yield Finding(say("database"), intact == "ok", said)
    yield Finding(say("references"), not orphans, say("{rows} rows point nowhere", rows=len(orphans)))


def _space(config: Config) -> Finding:
    free = shutil.disk_usage(config.home).free
    said = say("{free} MiB free in {folder}", free=free // MEBIBYTE, folder=config.home)
    return Finding(say("disk"), free > ENOUGH_SPACE, said)


def _secret(config: Config) -> Iterator[Finding]:
    if config.secret_key is None and config.secret_key_file.exists():
        mode = stat.S_IMODE(config.secret_key_file.stat().st_mode)
        said = say("{file} has mode {mode:o}", file=config.secret_key_file.name, mode=mode)
        yield Finding(say("secret key"), mode & 0o077 == 0, said)


def _standings(db: Database) -> Iterator[Finding]:
    """Every standing is counted again from the submissions themselves."""
    with db.read() as session:
        for competition, _ in queries.competitions.competitions_with_courses(session):
            wrong = _wrong_standings(session, competition)
            what = say("standings of {competition}", competition=competition.slug)
            yield Finding(what, not wrong, say("{teams} differ from the submissions", teams=len(wrong)))


def _proofs(db: Database) -> Iterator[Finding]:
    """Every link of every chain and every seal is computed again from what is stored."""
    with db.read() as session:
        listed = [competition for competition, _ in queries.competitions.competitions_with_courses(session)]
    for competition in listed:
        ref = receipts.first_broken(db, competition)
        what = say("chain of receipts of {competition}", competition=competition.slug)
        yield Finding(what, ref is None, _said_of_chain(ref))
        versions = [str(version) for version in seals.broken(db, competition)]
        what = say("sealed answer key of {competition}", competition=competition.slug)
        found = say("version {versions} is not what its seal says", versions=", ".join(versions))
        yield Finding(what, not versions, found if versions else say("as its seal says"))


def _objects(db: Database) -> Iterator[Finding]:
    """Whatever submissions name in an object store is there."""
    lost = storage.missing(db)
    if db.objects or lost:
        found = say("{count} objects that submissions name are missing", count=len(lost))
        yield Finding(say("object store"), not lost, found if lost else say("whatever submissions name is there"))


def _long_work(db: Database, now: datetime) -> Finding:
    """Who does it, and whether it waits for somebody."""
    with db.read() as session:
        waiting = queries.jobs.waiting(session, now, now - PATIENCE)
    if waiting:
        minutes = int(PATIENCE.total_seconds() // 60)
        found = say(
            "jobs that have waited for {minutes} minutes: {count}; start a worker", minutes=minutes, count=waiting
        )
    elif db.is_sqlite:
        found = say("the server does it, and nothing waits")
    elif Delivery(db).is_staffed():
        found = say("a worker is there, and nothing waits")
    else:
        found = say("no worker is there: it is done within the requests")
    return Finding(say("long work"), not waiting, found)


def _said_of_chain(ref: int | None) -> Sentence:
    if ref is None:
        return say("every link follows from the one before it")
    if ref == 0:
        return say("its last submissions are missing")
    return say("broken at submission {ref}: it or one before it was changed, removed or added", ref=ref)


def _wrong_standings(session: Session, competition: Competition) -> list[int]:
    """Teams whose standing is not what their submissions say."""
    direction = metrics.metric(competition.metric).direction
    kept = {
        standing.team_id: (standing.entries, standing.score, standing.submission_id)
        for standing in queries.boards.standings_of(session, competition.id)
    }
    counted = queries.boards.standings_from_submissions(session, competition.id, competition.key_version, direction)
    return [
        team
        for team in kept.keys() | counted.keys()
        if kept.get(team, (0, None, None)) != counted.get(team, (0, None, None))
    ]
