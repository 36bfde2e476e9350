"""More time or more submissions for one student, with the reason: granted by the staff, and taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from unseen_server.core import limits, schedule
from unseen_server.core.errors import BadRequest, Conflict, NotFound
from unseen_server.core.schedule import Moment
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import Competition, Course, Extension, User
from unseen_server.db.session import Database
from unseen_server.services import audit, competitions, names
from unseen_server.services.principals import Principal

MOST_EXTRA = 1000


@dataclass(frozen=True)
class Wanted:
    """What is asked for, as it was typed: a local date and time, a number of submissions and their day."""

    username: str
    until: str | None = None
    extra: int = 0
    day: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class Granted:
    """An extension as the staff see it. `id` is None while it is only proposed, `live` while it can still be used."""

    id: int | None
    username: str
    display_name: str
    until: datetime | None
    extra: int
    day: date | None
    reason: str
    actor: str
    at: datetime
    withdrawn_at: datetime | None
    live: bool


def listed(db: Database, *, slug: str, principal: Principal, now: datetime) -> list[Granted]:
    """All that were ever granted, the newest first."""
    with db.read() as session:
        competition = competitions.staffed(session, slug, principal, now)
        return [
            _granted(competition, row, user, now)
            for row, user in queries.extensions.extensions_of(session, competition.id)
        ]


def students(db: Database, *, slug: str, principal: Principal, now: datetime) -> list[tuple[str, str]]:
    """User and display names of those who may be granted something, by name."""
    with db.read() as session:
        competition = competitions.staffed(session, slug, principal, now)
        return [
            (user.username, user.display_name) for user in queries.people.students_of(session, competition.course_id)
        ]


def propose(db: Database, *, slug: str, wanted: Wanted, principal: Principal, now: datetime) -> Granted:
    """What would be granted, to be read back first; refused as the granting would be."""
    with db.read() as session:
        competition = competitions.staffed(session, slug, principal, now)
        row, user = _checked(session, competition, wanted, principal, now)
        return _granted(competition, row, user, now)


def grant(db: Database, *, slug: str, wanted: Wanted, principal: Principal, now: datetime) -> Granted:
    with db.write() as session:
        competition = competitions.staffed(session, slug, principal, now, locked=True)
        row, user = _checked(session, competition, wanted, principal, now)
        session.add(row)
        competition.board_version += 1  # the board's page tells the student their own deadline
        session.flush()
        audit.record_in(
            session,
            competition,
            principal,
            now,
            "extension.add",
            user.username,
            id=row.id,
            until=row.until.isoformat() if row.until else None,
            extra=row.extra,
            day=row.quota_day.isoformat() if row.quota_day else None,
            reason=row.reason,
        )
        return _granted(competition, row, user, now)


def withdraw(
    db: Database, *, number: int, reason: str, principal: Principal, now: datetime, slug: str | None = None
) -> Granted:
    """Take an extension back, of the competition `slug` where one is named; what was sent under it stays on time."""
    with db.write() as session:
        row = session.get(Extension, number)
        home = session.get_one(Competition, row.competition_id) if row else None
        if row is None or home is None or slug not in (None, home.slug):
            raise NotFound(
                what=say("extension {number}", number=number), advice=say("The list of extensions has their numbers.")
            )
        competition = competitions.staffed(session, home.slug, principal, now, locked=True)
        user = session.get_one(User, row.user_id)
        if row.withdrawn_at is not None:
            raise Conflict(reason=say("This extension was withdrawn already."))
        row.withdrawn_at = now
        competition.board_version += 1
        audit.record_in(
            session,
            competition,
            principal,
            now,
            "extension.withdraw",
            user.username,
            id=row.id,
            reason=names.checked_reason(reason),
        )
        return _granted(competition, row, user, now)


def refuse_while_running(session: Session, competition: Competition, now: datetime) -> None:
    """Conflict while somebody may still submit on time, though the deadline has passed for everybody else."""
    running = queries.extensions.running_extensions(session, competition.id, now)
    if running:
        last, user = running[0]
        raise Conflict(
            reason=say(
                "{name} may submit until {until}. "
                "Wait until then, withdraw the extension, or close the competition for everybody.",
                name=user.display_name,
                until=Moment(last.until or now, competition.time_zone),
            )
        )


# what may be granted


def _checked(
    session: Session, competition: Competition, wanted: Wanted, principal: Principal, now: datetime
) -> tuple[Extension, User]:
    if competition.revealed_at or competition.closed_at:
        raise Conflict(reason=say("The competition is over for everybody, so an extension would give nothing."))
    user = _student(session, competition, wanted.username)
    until = _later(competition, wanted.until, now) if wanted.until else None
    extra, day = wanted.extra, _day(competition, wanted, now)
    if not until and not extra:
        raise BadRequest(reason=say("Grant a later deadline, extra submissions, or both."))
    row = Extension(
        competition_id=competition.id,
        user_id=user.id,
        until=until,
        extra=extra,
        quota_day=day,
        reason=names.checked_reason(wanted.reason),
        actor=principal.username,
        at=now,
        withdrawn_at=None,
    )
    return row, user


def _student(session: Session, competition: Competition, typed: str) -> User:
    """Whoever of the course is meant by a user name, an e-mail address, a student id or a name."""
    typed = names.without_controls(typed)
    found = queries.people.people_known_as(session, competition.course_id, typed, names.key_of(typed))
    if len(found) > 1:
        raise Conflict(
            reason=say(
                "Several people are called “{name}”. Write the user name of the one you mean: {usernames}.",
                name=names.printable(typed),
                usernames=", ".join(user.username for user in found),
            )
        )
    if not found:
        course = session.get_one(Course, competition.course_id)
        raise NotFound(
            what=say("“{name}” in {course}", name=names.printable(typed), course=course.title),
            advice=say("Write the user name, the e-mail address or the student id of somebody in this course."),
        )
    return found[0]


def _later(competition: Competition, until: str, now: datetime) -> datetime:
    """The instant meant; refused where it would give no time."""
    instant = schedule.local_to_utc(until, competition.time_zone)
    if instant <= max(competition.deadline, now):
        raise BadRequest(
            reason=say(
                "{until} gives no time: an extension ends after the deadline, {deadline}, and after now.",
                until=Moment(instant, competition.time_zone),
                deadline=Moment(competition.deadline, competition.time_zone),
            )
        )
    return instant


def _day(competition: Competition, wanted: Wanted, now: datetime) -> date | None:
    """The quota day that extra submissions are for: today where none is named."""
    if not 0 <= wanted.extra <= MOST_EXTRA:
        raise BadRequest(reason=say("Extra submissions are a whole number from 1 to {most}.", most=MOST_EXTRA))
    if not wanted.extra:
        return None
    today = limits.quota_day(now, competition.time_zone)
    try:
        day = date.fromisoformat(wanted.day.strip()) if wanted.day else today
    except ValueError:
        raise BadRequest(
            reason=say("“{text}” is not a day. Write it like 2026-12-01.", text=names.printable(wanted.day or ""))
        ) from None
    if day < today:
        raise BadRequest(
            reason=say("{day} is over. Extra submissions are for today, {today}, or a later day.", day=day, today=today)
        )
    return day


def _granted(competition: Competition, row: Extension, user: User, now: datetime) -> Granted:
    over = row.withdrawn_at or competition.revealed_at or competition.closed_at
    has_time = row.until is not None and row.until >= now
    has_days = row.quota_day is not None and row.quota_day >= limits.quota_day(now, competition.time_zone)
    return Granted(
        id=row.id,
        username=user.username,
        display_name=user.display_name,
        until=row.until,
        extra=row.extra,
        day=row.quota_day,
        reason=row.reason,
        actor=row.actor,
        at=row.at,
        withdrawn_at=row.withdrawn_at,
        live=not over and (has_time or has_days),
    )
