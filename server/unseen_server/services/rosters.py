"""A course's list of students: read as a whole, checked as a whole, and only then written."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from unseen_server.core.errors import BadBundle, Problem, Refusal
from unseen_server.db import queries
from unseen_server.db.models import Course
from unseen_server.db.session import Database
from unseen_server.services import accounts, courses, names

REQUIRED = ("username", "email", "name", "student_id")
COLUMNS = (*REQUIRED, "display_name")


@dataclass(frozen=True)
class Report:
    """Who is new, who is enrolled by this import, and who was there already, by user name."""

    added: list[str]
    enrolled: list[str]
    unchanged: list[str]


class BadRoster(BadBundle):
    code = "bad_roster"
    template = "The roster was not imported; nobody was added. {first}"


def import_roster(db: Database, *, course: str, content: bytes, dry_run: bool, now: datetime, actor: str) -> Report:
    """Enrol everybody in the file, adding those who are not known; every problem at once, with its line."""
    rows = _rows(content)
    with db.write() as session:
        target = courses.course_named(session, course)
        report, problems = Report([], [], []), []
        for line, row in rows:
            try:
                _import_row(session, target, row, report, now, actor)
            except Refusal as refusal:
                problems.append(_problem(line, str(refusal)))
        if problems:
            raise BadRoster(problems)
        if dry_run:
            session.rollback()
    return report


def _import_row(
    session: Session, course: Course, row: Mapping[str, str], report: Report, now: datetime, actor: str
) -> None:
    username = names.checked_username(row["username"].strip())
    user = queries.user_by_key(session, names.key_of(username))
    if user is None:
        user = accounts.add_user(
            session,
            username,
            display_name=row.get("display_name") or row["name"],
            email=row["email"] or None,
            student_id=row["student_id"] or None,
            now=now,
            actor=actor,
        )
        report.added.append(username)
    if queries.enrolment_of(session, course.id, user.id):
        report.unchanged.append(username)
    else:
        accounts.enrol(session, user, course, "student", now=now, actor=actor)
        report.enrolled.append(username)


def _rows(content: bytes) -> list[tuple[int, dict[str, str]]]:
    """The rows with their line numbers; refused where the file itself cannot be read as a roster."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRoster([_problem(1, "The file is not UTF-8 text. Save it as CSV UTF-8.")]) from None
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="", restval="")
    header = tuple(column.strip().lower() for column in reader.fieldnames or ())
    if not set(REQUIRED) <= set(header) <= set(COLUMNS):
        raise BadRoster([_problem(1, f"The first line should be: {','.join(REQUIRED)}[,display_name].")])
    reader.fieldnames = header
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as fault:
        raise BadRoster([_problem(reader.line_num + 1, f"This is not CSV ({fault}).")]) from None
    surplus = [_problem(line, "There are more fields than columns.") for line, row in rows if "" in row]
    seen: dict[str, int] = {}
    for line, row in rows:
        first = seen.setdefault(names.key_of(row["username"]), line)
        if first != line:
            surplus.append(_problem(line, f"“{names.printable(row['username'])}” stands in line {first} already."))
    if surplus:
        raise BadRoster(surplus)
    return rows


def _problem(line: int, message: str) -> Problem:
    return Problem("bad_row", "Line {line}: {message}", {"line": line, "message": message}, line=line)
