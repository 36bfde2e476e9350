"""Who there is: people, their roles in courses, and what they uploaded but did not confirm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from unseen_server.db.models import (
    BrowserSession,
    Competition,
    Course,
    Enrolment,
    HeldFile,
    Submission,
    Team,
    TeamMember,
    Token,
    User,
)

VALUES_AT_ONCE = 5000


def user_by_key(session: Session, username_key: str) -> User | None:
    return session.scalar(select(User).where(User.username_key == username_key))


def user_by_name_or_email(session: Session, username_key: str, email: str) -> User | None:
    """Names before addresses: nobody is shut out by somebody whose address looks like their name."""
    found = session.scalars(select(User).where(or_(User.username_key == username_key, User.email == email))).all()
    return next((user for user in found if user.username_key == username_key), found[0] if found else None)


def user_with_email(session: Session, email: str) -> User | None:
    return session.scalar(select(User).where(User.email == email))


def users_by_keys(session: Session, username_keys: Sequence[str]) -> dict[str, User]:
    """Those of these names that there are, by name."""
    return {user.username_key: user for user in _users_in(session, User.username_key, username_keys)}


def users_by_emails(session: Session, emails: Sequence[str]) -> dict[str, User]:
    return {user.email: user for user in _users_in(session, User.email, emails) if user.email}


def _users_in(session: Session, column: InstrumentedAttribute[Any], values: Sequence[str]) -> Iterator[User]:
    """A few thousand at a time: a statement cannot hold any number of values."""
    for begin in range(0, len(values), VALUES_AT_ONCE):
        yield from session.scalars(select(User).where(column.in_(values[begin : begin + VALUES_AT_ONCE])))


def people_of(session: Session, course_id: int) -> Sequence[Row[User, Enrolment]]:
    """Everybody in a course, with their role."""
    return session.execute(
        select(User, Enrolment).join(Enrolment, Enrolment.user_id == User.id).where(Enrolment.course_id == course_id)
    ).all()


def students_counted(session: Session, course_id: int) -> int:
    counted = select(func.count()).select_from(Enrolment)
    return session.scalar(counted.where(Enrolment.course_id == course_id, Enrolment.role == "student")) or 0


def locked_user(session: Session, user_id: int) -> User:
    """The person's row as it is now, held until the transaction ends."""
    return session.scalars(
        select(User).where(User.id == user_id).with_for_update().execution_options(populate_existing=True)
    ).one()


def roles_of(session: Session, user_id: int) -> Sequence[Row[Enrolment, Course]]:
    return session.execute(
        select(Enrolment, Course).join(Course).where(Enrolment.user_id == user_id).order_by(Course.slug)
    ).all()


def role_by_course(session: Session, user_id: int) -> dict[int, str]:
    return {row.course_id: row.role for row in session.execute(_ROLES, {"user_id": user_id})}


# Asked by every file, and therefore made once.
_ROLES = select(Enrolment.course_id, Enrolment.role).where(Enrolment.user_id == bindparam("user_id"))


def enrolment_of(session: Session, course_id: int, user_id: int) -> Enrolment | None:
    return session.scalar(select(Enrolment).where(Enrolment.course_id == course_id, Enrolment.user_id == user_id))


def people_without_password(session: Session, course_id: int) -> Sequence[User]:
    """Everybody in the course who could sign in if they had one."""
    return session.scalars(
        select(User)
        .join(Enrolment)
        .where(Enrolment.course_id == course_id, User.password_hash.is_(None), User.disabled_at.is_(None))
        .order_by(User.id)
    ).all()


def held_file(session: Session, name: str, user_id: int) -> HeldFile | None:
    return session.scalar(select(HeldFile).where(HeldFile.name == name, HeldFile.user_id == user_id))


def held_files_of(session: Session, user_id: int) -> Sequence[int]:
    """Their numbers, the newest first."""
    return session.scalars(select(HeldFile.id).where(HeldFile.user_id == user_id).order_by(HeldFile.id.desc())).all()


def people_known_as(session: Session, course_id: int, text: str, key: str) -> Sequence[User]:
    """Whoever of the course has this user name (by its key); else this e-mail address, student id or display name."""
    enrolled = select(User).join(Enrolment, Enrolment.user_id == User.id).where(Enrolment.course_id == course_id)
    by_name = session.scalars(enrolled.where(User.username_key == key)).all()
    if by_name:
        return by_name
    meant = or_(User.email == text.lower(), User.student_id == text, User.display_name == text)
    return session.scalars(enrolled.where(meant).order_by(User.id)).all()


def student_named(session: Session, course_id: int, username_key: str, email: str) -> User | None:
    """The student of this course with that name or, where no one has it, with that address."""
    found = session.scalars(
        select(User)
        .join(Enrolment, Enrolment.user_id == User.id)
        .where(
            Enrolment.course_id == course_id,
            Enrolment.role == "student",
            User.disabled_at.is_(None),
            or_(User.username_key == username_key, User.email == email),
        )
    ).all()
    return next((user for user in found if user.username_key == username_key), found[0] if found else None)


def students_of(session: Session, course_id: int) -> Sequence[User]:
    """Who is enrolled as a student, by name."""
    return session.scalars(
        select(User)
        .join(Enrolment, Enrolment.user_id == User.id)
        .where(Enrolment.course_id == course_id, Enrolment.role == "student")
        .order_by(User.display_name, User.id)
    ).all()


def people_found(
    session: Session, course_id: int, *, text: str = "", offset: int = 0, limit: int | None = None
) -> Sequence[Row[User, Enrolment]]:
    """Staff before students, then by user name; every word of the text occurs in a name, the address or the id."""
    return session.execute(
        select(User, Enrolment)
        .join(Enrolment, Enrolment.user_id == User.id)
        .where(Enrolment.course_id == course_id, *_is_somebody(text))
        .order_by(Enrolment.role == "student", User.username_key)
        .offset(offset)
        .limit(limit)
    ).all()


def people_counted(session: Session, course_id: int, text: str = "") -> int:
    counted = select(func.count()).select_from(User).join(Enrolment, Enrolment.user_id == User.id)
    return session.scalar(counted.where(Enrolment.course_id == course_id, *_is_somebody(text))) or 0


def _is_somebody(text: str) -> Iterator[ColumnElement[bool]]:
    for word in text.split():
        columns = (User.username, User.display_name, User.email, User.student_id)
        yield or_(*(column.icontains(word, autoescape=True) for column in columns))


def last_seen(session: Session, user_ids: Sequence[int]) -> dict[int, datetime]:
    """When each of these people last signed in, used a token or submitted; without those who never did."""
    latest: dict[int, datetime] = {}
    for owner, column in (
        (BrowserSession.user_id, BrowserSession.created_at),
        (Token.user_id, Token.last_used_at),
        (Submission.user_id, Submission.submitted_at),
    ):
        for user_id, at in session.execute(
            select(owner, func.max(column)).where(owner.in_(user_ids), column.is_not(None)).group_by(owner)
        ):
            if user_id and at:
                latest[user_id] = max(at, latest.get(user_id, at))
    return latest


def places_of(session: Session, course_id: int, user_id: int) -> Sequence[Row[str, str, str, int]]:
    """In each competition of the course: its slug and title, the person's team, and what they submitted themselves."""
    return session.execute(
        select(Competition.slug, Competition.title, Team.name, func.count(Submission.id))
        .join(Team, Team.competition_id == Competition.id)
        .join(TeamMember, TeamMember.team_id == Team.id)
        .outerjoin(Submission, and_(Submission.team_id == Team.id, Submission.user_id == TeamMember.user_id))
        .where(Competition.course_id == course_id, TeamMember.user_id == user_id)
        .group_by(Competition.id, Competition.slug, Competition.title, Team.id, Team.name)
        .order_by(Competition.id)
    ).all()


def other_instructors(session: Session, course_id: int, user_id: int) -> int:
    """How many there are besides this person who can sign in."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Enrolment)
            .join(User, User.id == Enrolment.user_id)
            .where(
                Enrolment.course_id == course_id,
                Enrolment.role == "instructor",
                User.disabled_at.is_(None),
                User.id != user_id,
            )
        )
        or 0
    )
