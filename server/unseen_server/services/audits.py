"""Looking up who did what, in a course or in a competition: for its staff."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from unseen_server.db import queries
from unseen_server.db.models import AuditEntry, Competition
from unseen_server.db.session import Database
from unseen_server.services import competitions, courses, exports, names
from unseen_server.services.principals import Principal

AT_ONCE = 1_000  # in memory
HEADER = ("Number", "At", "Who", "Action", "Subject", "Competition", "Details")
LONGEST_SEARCH = 200  # characters: a database takes only so many conditions


@dataclass(frozen=True)
class Deed:
    """One thing that was done. `subject` is what it was done to; `competition` is its slug, where there is one."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    competition: str | None
    details: dict[str, Any]


@dataclass(frozen=True)
class Deeds:
    """Some of them, the newest first, of `total` that fit the search."""

    listed: list[Deed]
    total: int


def of_course(
    db: Database, *, course: str, principal: Principal, text: str = "", offset: int = 0, limit: int | None = None
) -> Deeds:
    """What was done in the course and its competitions; every word of `text` occurs in who, what or to what."""
    with db.read() as session:
        target = courses.staffed(session, course, principal)
        return _found(session, target.id, None, text, offset, limit)


def of_competition(
    db: Database,
    *,
    slug: str,
    principal: Principal,
    now: datetime,
    text: str = "",
    offset: int = 0,
    limit: int | None = None,
) -> Deeds:
    with db.read() as session:
        competition = competitions.staffed(session, slug, principal, now)
        return _found(session, None, competition.id, text, offset, limit)


def of_submission(session: Session, competition: Competition, ref: int) -> list[Deed]:
    """What was done to one submission, the newest first."""
    return [_deed(entry, competition.slug) for entry in queries.audit.deeds_to_submission(session, competition.id, ref)]


def as_csv(deeds: Deeds) -> str:
    return exports.csv_text(HEADER, map(_cells, deeds.listed))


def csv_of_course(db: Database, *, course: str, principal: Principal, text: str = "") -> Iterator[str]:
    """The same as a table, piece by piece, as there is no end to what was done."""
    with db.read() as session:
        target = courses.staffed(session, course, principal)
    return _pieces(db, target.id, None, text)


def csv_of_competition(
    db: Database, *, slug: str, principal: Principal, now: datetime, text: str = ""
) -> Iterator[str]:
    with db.read() as session:
        competition = competitions.staffed(session, slug, principal, now)
    return _pieces(db, None, competition.id, text)


def _pieces(db: Database, course_id: int | None, competition_id: int | None, text: str) -> Iterator[str]:
    wanted: dict[str, Any] = {"course_id": course_id, "competition_id": competition_id, "text": _searched(text)}
    yield exports.csv_rows([HEADER])
    before = None
    while True:
        with db.read() as session:
            rows = queries.audit.audit_entries(session, **wanted, before=before, limit=AT_ONCE)
            deeds = [_deed(entry, competition) for entry, competition in rows]
        if not deeds:
            return
        yield exports.csv_rows(map(_cells, deeds))
        before = deeds[-1].id


def _cells(one: Deed) -> tuple[Any, ...]:
    return (one.id, one.at.isoformat(), one.actor, one.action, one.subject, one.competition, _json(one.details))


def _found(
    session: Session, course_id: int | None, competition_id: int | None, text: str, offset: int, limit: int | None
) -> Deeds:
    text = _searched(text)
    rows = queries.audit.audit_entries(
        session, course_id=course_id, competition_id=competition_id, text=text, offset=offset, limit=limit
    )
    total = queries.audit.audit_entries_counted(session, course_id=course_id, competition_id=competition_id, text=text)
    return Deeds([_deed(entry, competition) for entry, competition in rows], total)


def _searched(text: str) -> str:
    return names.without_controls(text)[:LONGEST_SEARCH]


def _deed(entry: AuditEntry, competition: str | None) -> Deed:
    return Deed(entry.id, entry.at, entry.actor, entry.action, entry.subject, competition, entry.details)


def _json(details: dict[str, Any]) -> str:
    return msgspec.json.encode(details).decode() if details else ""
