"""Deleting what says who a person was, while scores, boards and grades stay whole.

The person becomes “Removed 7”, an account that nobody can open. Predictions and scores stay where they are, so that
every rank stays what it was; what the person wrote or uploaded goes, and so do their names in the audit log.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, or_, update
from sqlalchemy.orm import Session

from unseen_server import storage
from unseen_server.core.errors import Conflict, Forbidden
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import (
    BrowserSession,
    Competition,
    Course,
    DeviceLogin,
    Extension,
    FailedSignIn,
    HeldFile,
    OneTimeLink,
    SsoIdentity,
    Submission,
    Team,
    TeamInvitation,
    Token,
    UploadTicket,
    User,
)
from unseen_server.db.session import Database
from unseen_server.services import accounts, audit, names
from unseen_server.services.principals import Principal

FILE_NAME = "removed.csv"
# What these were done to is a number or an address, though somebody may be called the same.
NUMBERED = ("submission.", "announcement.", "competition.")


@dataclass(frozen=True)
class AtStake:
    """What would be gone, or would no longer say whose it was."""

    username: str
    courses: list[str]
    teams: int
    submissions: int
    tokens: int


def at_stake(db: Database, *, username: str, principal: Principal) -> AtStake:
    with db.read() as session:
        user = _erasable(session, username, principal)
        return AtStake(
            username=user.username,
            courses=[course.title for _, course in queries.people.roles_of(session, user.id)],
            teams=len(queries.teams.teams_of(session, user.id)),
            submissions=len(queries.submissions.submissions_by(session, user.id)),
            tokens=len(queries.signing_in.tokens_of(session, user.id)),
        )


def erase(db: Database, *, username: str, principal: Principal, now: datetime) -> str:
    """Delete a person's data for good; returns the name that stands in their place.

    An administrator may do so for anybody, an instructor for a student who is and was in no other course than theirs.
    """
    with db.write() as session:
        user = queries.people.locked_user(session, _erasable(session, username, principal).id)
        called = _Called(user, queries.audit.names_before(session, user.username))
        _lock_boards(session, user)
        nobody = _free_name(session, user)
        submissions = queries.submissions.submissions_by(session, user.id)
        forgotten = _forget_work(session, submissions)
        _rename_teams(session, user, called)
        _forget_ways_in(session, user, called)
        _forget_mentions(session, user, called, nobody)
        _forget_person(user, nobody, now)
        courses = [course for _, course in queries.people.roles_of(session, user.id)]
        audit.record(
            session,
            actor=principal.username,
            action="user.erase",
            subject=nobody,
            now=now,
            course=courses[0] if len(courses) == 1 else None,
            submissions=len(submissions),
        )
    if db.objects:
        db.objects.delete(forgotten)
    return nobody


def _erasable(session: Session, username: str, principal: Principal) -> User:
    """The person, if the asker may delete them; nobody deletes themselves."""
    user = accounts.user_named(session, names.without_controls(username))
    principal.need_scope("staff")
    if not principal.is_admin:
        roles = queries.people.roles_of(session, user.id)
        own = [course for _, course in roles if principal.role_in(course.id) == "instructor"]
        is_student = len(roles) == 1 and roles[0][0].role == "student"
        if user.is_admin or not own or not is_student or _has_worked_elsewhere(session, user, own[0]):
            raise Forbidden(
                reason=say(
                    "An instructor can delete the data of a student who is in no other course. "
                    "Ask whoever administers this server to delete this person's."
                )
            )
    if user.id == principal.user_id:
        raise Conflict(reason=say("You cannot delete yourself. Ask another administrator to do it."))
    return user


def _has_worked_elsewhere(session: Session, user: User, course: Course) -> bool:
    """Whether there are teams of theirs in another course, which they were taken out of since."""
    homes = [
        session.get_one(Competition, team.competition_id).course_id for team in queries.teams.teams_of(session, user.id)
    ]
    return any(home != course.id for home in homes)


class _Called:
    """Everything a person was called, and how it is taken out of a text."""

    def __init__(self, user: User, before: Sequence[str]) -> None:
        self.display_names = {user.display_name, *before}
        marks = [mark for mark in (user.username, user.email, user.student_id) if mark]
        # Longest first, so that an address goes as a whole; never inside a longer word: “bo” is not in “bob”.
        words = "|".join(re.escape(mark) for mark in sorted(marks, key=len, reverse=True))
        self._marks = re.compile(rf"(?<![\w@.+-])(?:{words})(?![\w@+-]|\.\w)", re.IGNORECASE)
        self.keys = [names.key_of(mark) for mark in marks]

    def names(self, text: str) -> bool:
        return text in self.display_names or bool(self._marks.search(text))

    def without(self, value: Any, nobody: str) -> Any:
        """The value with nobody's name in place of the person's, all the way down."""
        if isinstance(value, str):
            return nobody if value in self.display_names else self._marks.sub(nobody, value)
        if isinstance(value, Mapping):
            return {key: self.without(inner, nobody) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.without(inner, nobody) for inner in value]
        return value


def _free_name(session: Session, user: User) -> str:
    name = f"removed-{user.id}"
    while queries.people.user_by_key(session, name):
        name += "-"
    return name


def _lock_boards(session: Session, user: User) -> None:
    """Boards name teams and members: whoever kept one is told that it is another."""
    for team in queries.teams.teams_of(session, user.id):
        queries.competitions.locked_competition(session, team.competition_id, exclusively=True).board_version += 1


def _forget_work(session: Session, submissions: Sequence[Submission]) -> list[str]:
    """Returns the keys of their files in an object store, which nothing names any more."""
    forgotten = []
    for submission in submissions:
        submission.message, submission.file_name, submission.idempotency_key = "", FILE_NAME, None
        if submission.receipt:
            # the rest is signed or the server's own: a competition may be called like a person
            submission.receipt = {**submission.receipt, "message": "", "file_name": FILE_NAME}
        forgotten.append(storage.forget_upload(session, submission.id))
    return [key for key in forgotten if key]


def _rename_teams(session: Session, user: User, called: _Called) -> None:
    """A team of one is the person; a larger one keeps its name, unless that is the person's."""
    for team in queries.teams.teams_of(session, user.id):
        if len(queries.teams.members_of(session, team.id)) == 1 or called.names(team.name):
            team.name = _free_team_name(session, team, f"Removed {user.id}")
            team.name_key = names.key_of(team.name)


def _free_team_name(session: Session, team: Team, wanted: str) -> str:
    name, n = wanted, 1
    while queries.teams.team_named(session, team.competition_id, names.key_of(name)):
        n += 1
        name = f"{wanted} ({n})"
    return name


def _forget_ways_in(session: Session, user: User, called: _Called) -> None:
    ways = (BrowserSession, Token, OneTimeLink, SsoIdentity, DeviceLogin, HeldFile, UploadTicket, TeamInvitation)
    for table in ways:
        session.execute(delete(table).where(table.user_id == user.id))
    for key in called.keys:
        ends_in_it = FailedSignIn.subject.endswith(f" name:{key}", autoescape=True)
        session.execute(delete(FailedSignIn).where(or_(FailedSignIn.subject == f"name:{key}", ends_in_it)))


def _forget_mentions(session: Session, user: User, called: _Called, nobody: str) -> None:
    """What the staff wrote beside the person's name, and the name itself in the audit log."""
    session.execute(update(Extension).where(Extension.user_id == user.id).values(reason=""))
    session.execute(update(Extension).where(Extension.actor == user.username).values(actor=nobody))
    for text in queries.submissions.withdrawn_submissions(session):
        text.withdrawn_by = called.without(text.withdrawn_by, nobody)
        text.withdrawn_reason = called.without(text.withdrawn_reason, nobody)
    for announcement in queries.competitions.announcements_by(session, user.username):
        announcement.actor = nobody
    for entry in queries.audit.all_audit_entries(session):
        entry.actor = nobody if entry.actor == user.username else entry.actor
        if not entry.action.startswith("baseline."):  # a model may be called like a person
            if not entry.action.startswith(NUMBERED):
                entry.subject = called.without(entry.subject, nobody)
            entry.details = called.without(entry.details, nobody)


def _forget_person(user: User, nobody: str, now: datetime) -> None:
    user.username, user.username_key, user.display_name = nobody, nobody, f"Removed {user.id}"
    user.email = user.student_id = user.password_hash = user.language = None
    user.is_admin, user.disabled_at = False, user.disabled_at or now
