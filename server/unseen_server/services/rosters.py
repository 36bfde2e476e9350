"""Enrolling a class from its list: compared with who is there, shown, and then written as a whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from unseen_server.core.errors import Problem
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import Course, Enrolment, User
from unseen_server.db.session import Database
from unseen_server.services import audit, class_lists, courses, names
from unseen_server.services.class_lists import BadRoster, Row, problem
from unseen_server.services.principals import Principal

ADDED, ENROLLED, UNCHANGED = "added", "enrolled", "unchanged"


@dataclass(frozen=True)
class Difference:
    """What is known of a person and what the list says instead; nothing is overwritten by an import."""

    username: str
    field: str
    known: str
    given: str


@dataclass(frozen=True)
class Planned:
    """What an import would do with one row: add the person, enrol somebody who is known, or nothing."""

    line: int
    username: str
    name: str
    email: str | None
    student_id: str | None
    what: str


@dataclass(frozen=True)
class Plan:
    """What an import would do. Any problem keeps all of it out."""

    rows: list[Planned]
    differences: list[Difference]
    problems: list[Problem]
    encoding: str
    ignored: list[str]

    def count(self, what: str) -> int:
        return sum(row.what == what for row in self.rows)


@dataclass(frozen=True)
class Report:
    """Who is new, who is enrolled by this import (the new among them), and who was there already, by user name."""

    added: list[str]
    enrolled: list[str]
    unchanged: list[str]
    differences: list[Difference]


def preview(db: Database, *, course: str, content: bytes, principal: Principal) -> Plan:
    """What importing this list would do, and everything that keeps it out; nothing is changed."""
    listed = _read(db, course, content, principal)
    with db.read() as session:
        return _plan(session, courses.staffed(session, course, principal), listed)[0]


def import_roster(
    db: Database, *, course: str, content: bytes, dry_run: bool, principal: Principal, now: datetime
) -> Report:
    """Enrol everybody in the file, adding those who are not known; every problem at once, with its line."""
    listed = _read(db, course, content, principal)
    with db.write() as session:
        target = courses.staffed(session, course, principal)
        plan, known = _plan(session, target, listed)
        if plan.problems:
            raise BadRoster(plan.problems)
        if not dry_run:
            _write(session, target, plan, known, principal.username, now)
    return Report(
        added=_named(plan, ADDED),
        enrolled=_named(plan, ADDED, ENROLLED),
        unchanged=_named(plan, UNCHANGED),
        differences=plan.differences,
    )


def _read(db: Database, course: str, content: bytes, principal: Principal) -> class_lists.ClassList:
    """The list, read for the course's staff alone: a long one takes a while."""
    with db.read() as session:
        courses.staffed(session, course, principal)
    return class_lists.read(content)


def _named(plan: Plan, *what: str) -> list[str]:
    return [row.username for row in plan.rows if row.what in what]


# comparing


def _plan(session: Session, course: Course, listed: class_lists.ClassList) -> tuple[Plan, dict[int, User]]:
    """The plan, and who is known already by the line they stand in."""
    known, problems = _known(session, course, listed.rows)
    there = {user.id for user, _ in queries.people.people_of(session, course.id)}
    rows = [_planned(row, known.get(row.line), there) for row in listed.rows]
    differences = [one for row in listed.rows if row.line in known for one in _differences(row, known[row.line])]
    all_problems = sorted([*listed.problems, *problems], key=lambda one: one.line or 0)
    return Plan(rows, differences, all_problems, listed.encoding, listed.ignored), known


def _planned(row: Row, user: User | None, there: set[int]) -> Planned:
    what = ADDED if user is None else UNCHANGED if user.id in there else ENROLLED
    return Planned(row.line, user.username if user else row.username, row.name, row.email, row.student_id, what)


def _known(session: Session, course: Course, rows: Sequence[Row]) -> tuple[dict[int, User], list[Problem]]:
    """Who each line means, if anybody known, and the lines that cannot be told or taken."""
    by_name = queries.people.users_by_keys(session, [names.key_of(row.username) for row in rows])
    by_email = queries.people.users_by_emails(session, [row.email for row in rows if row.email])
    by_id = {user.student_id: user for user, _ in queries.people.people_of(session, course.id) if user.student_id}
    known: dict[int, User] = {}
    lines: dict[int, int] = {}
    problems: list[Problem] = []
    for row in rows:
        user = by_name.get(names.key_of(row.username))
        if user is None and row.derived:
            user = by_email.get(row.email or "") or by_id.get(row.student_id or "")
        if user is None:
            if row.email in by_email:
                taken = say("The address {email} already belongs to another user.", email=row.email)
                problems.append(problem(row.line, taken))
        elif row.derived and _somebody_else(row, user):
            doubtful = say(
                "There is another “{name}”, with another address. Add a column “username” to tell them apart.",
                name=user.username,
            )
            problems.append(problem(row.line, doubtful))
        elif lines.setdefault(user.id, row.line) != row.line:
            double = say("This is “{name}”, like line {first}. Keep one.", name=user.username, first=lines[user.id])
            problems.append(problem(row.line, double))
        else:
            known[row.line] = user
    return known, problems


def _somebody_else(row: Row, user: User) -> bool:
    """A name made from an address or an id can hit upon somebody who has neither."""
    marks = [(row.email, user.email), (row.student_id, user.student_id)]
    compared = [given == known for given, known in marks if given and known]
    return bool(compared) and not any(compared)


def _differences(row: Row, user: User) -> Iterator[Difference]:
    """Not taken over: whoever could change an address by a list could reset that person's password by mail."""
    pairs: Mapping[str, tuple[str | None, str | None]] = {
        "name": (user.display_name, row.name),
        "email": (user.email, row.email),
        "student_id": (user.student_id, row.student_id),
    }
    for field, (known, given) in pairs.items():
        if given and given != known:
            yield Difference(user.username, field, known or "", given)


# writing


def _write(session: Session, course: Course, plan: Plan, known: Mapping[int, User], actor: str, now: datetime) -> None:
    """Everybody at once, so that a class of thousands takes a moment."""
    added = {row.line: _new(row, now) for row in plan.rows if row.what == ADDED}
    session.add_all(added.values())
    session.flush()
    for user in added.values():
        audit.record(session, actor=actor, action="user.add", subject=user.username, now=now, course=course)
    for row in plan.rows:
        if row.what != UNCHANGED:
            user = added.get(row.line) or known[row.line]
            session.add(Enrolment(course_id=course.id, user_id=user.id, role="student", created_at=now))
            audit.record(
                session, actor=actor, action="enrol", subject=user.username, now=now, course=course, role="student"
            )
    audit.record(
        session,
        actor=actor,
        action="roster.import",
        subject=course.slug,
        now=now,
        course=course,
        added=plan.count(ADDED),
        enrolled=plan.count(ENROLLED),
        unchanged=plan.count(UNCHANGED),
    )


def _new(row: Planned, now: datetime) -> User:
    return User(
        username=row.username,
        username_key=names.key_of(row.username),
        display_name=row.name,
        email=row.email,
        student_id=row.student_id,
        created_at=now,
    )
