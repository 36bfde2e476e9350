"""The people of a course, as its staff see and change them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from unseen_server.core.errors import Conflict, Forbidden, NotFound
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import Course, Enrolment, User
from unseen_server.db.session import Database
from unseen_server.services import accounts, audit, courses, names
from unseen_server.services.principals import Principal


@dataclass(frozen=True)
class Person:
    """Somebody in a course. `last_seen` is when they last signed in, used a token or submitted, as far as is known."""

    username: str
    display_name: str
    email: str | None
    student_id: str | None
    role: str
    has_password: bool
    disabled: bool
    last_seen: datetime | None


@dataclass(frozen=True)
class People:
    """Some of them, by user name, of `total` that fit the search."""

    listed: list[Person]
    total: int


@dataclass(frozen=True)
class Place:
    """The team somebody is in, in one competition of the course."""

    competition: str
    title: str
    team: str
    submissions: int


@dataclass(frozen=True)
class Profile:
    """One person, where they take part in this course, and what the asker may do about them."""

    person: Person
    places: list[Place]
    is_self: bool
    is_last_instructor: bool
    may_instruct: bool


# looking


def listed(
    db: Database, *, course: str, principal: Principal, text: str = "", offset: int = 0, limit: int | None = None
) -> People:
    """Everybody in the course for whom every word occurs in a name, the address or the student id."""
    text = names.without_controls(text)
    with db.read() as session:
        target = courses.staffed(session, course, principal)
        found = queries.people.people_found(session, target.id, text=text, offset=offset, limit=limit)
        seen = queries.people.last_seen(session, [user.id for user, _ in found])
        return People(
            [_person(user, enrolment, seen.get(user.id)) for user, enrolment in found],
            queries.people.people_counted(session, target.id, text),
        )


def profile(db: Database, *, course: str, username: str, principal: Principal) -> Profile:
    with db.read() as session:
        target = courses.staffed(session, course, principal)
        user, enrolment = _member(session, target, username)
        seen = queries.people.last_seen(session, [user.id])
        return Profile(
            person=_person(user, enrolment, seen.get(user.id)),
            places=[Place(*row) for row in queries.people.places_of(session, target.id, user.id)],
            is_self=user.id == principal.user_id,
            is_last_instructor=_is_last_instructor(session, target, enrolment),
            may_instruct=principal.role_in(target.id) == "instructor",
        )


def _person(user: User, enrolment: Enrolment, last_seen: datetime | None) -> Person:
    return Person(
        username=user.username,
        display_name=user.display_name,
        email=user.email,
        student_id=user.student_id,
        role=enrolment.role,
        has_password=user.password_hash is not None,
        disabled=user.disabled_at is not None,
        last_seen=last_seen,
    )


def _member(session: Session, course: Course, username: str) -> tuple[User, Enrolment]:
    user = queries.people.user_by_key(session, names.key_of(names.without_controls(username)))
    enrolment = queries.people.enrolment_of(session, course.id, user.id) if user else None
    if user is None or enrolment is None:
        raise NotFound(
            what=say("user “{name}”", name=names.printable(username)),
            advice=say("The list of its people has everybody."),
        )
    return user, enrolment


def _is_last_instructor(session: Session, course: Course, enrolment: Enrolment) -> bool:
    return enrolment.role == "instructor" and not queries.people.other_instructors(
        session, course.id, enrolment.user_id
    )


# changing


@dataclass(frozen=True)
class Added:
    """The course somebody is in now, and the password they got where they are new and one was made for them."""

    course: str
    password: str | None


def add(
    db: Database,
    *,
    course: str | None,
    username: str,
    display_name: str,
    email: str,
    student_id: str,
    role: str,
    principal: Principal,
    now: datetime,
    password: Callable[[], str] | None = None,
) -> Added:
    """Enrol somebody, who is added where nobody has this user name yet. Only an instructor adds staff.

    `password` is asked for one where the person is new.
    """
    with db.write() as session:
        target = courses.meant(session, course, principal, now)
        principal.need_staff(target)
        if role != "student":
            principal.need_instructor(target)
        user, chosen = queries.people.user_by_key(session, names.key_of(username)), None
        if user and queries.people.enrolment_of(session, target.id, user.id):
            raise Conflict(reason=say("{name} is in this course already.", name=user.username))
        if user and email and user.email != names.checked_email(email):
            raise Conflict(
                reason=say("There is another “{name}”, with another address. Choose another name.", name=user.username)
            )
        if user is None:
            chosen = password() if password else None
            user = accounts.add_user(
                session,
                username,
                password=chosen,
                display_name=display_name or None,
                email=email or None,
                student_id=student_id or None,
                now=now,
                actor=principal.username,
            )
        accounts.enrol(session, user, target, role, now=now, actor=principal.username)
        return Added(target.slug, chosen)


def change_role(db: Database, *, course: str, username: str, role: str, principal: Principal, now: datetime) -> None:
    """Give somebody another role, as an instructor; nobody changes their own, and one instructor stays."""
    with db.write() as session:
        target = courses.instructed(session, course, principal)
        user, enrolment = _changeable(session, target, username, principal)
        if role != "instructor":
            _need_another_instructor(session, target, enrolment)
        accounts.enrol(session, user, target, role, now=now, actor=principal.username)


def correct(
    db: Database, *, course: str, username: str, email: str, student_id: str, principal: Principal, now: datetime
) -> None:
    """Put a student's address and student id right, as an instructor.

    A password can be reset by mail, so whoever changes an address could sign in as this person: it is changed only for
    students, and only where every course they are in has the asker on its staff.
    """
    with db.write() as session:
        target = courses.instructed(session, course, principal)
        user, _ = _changeable(session, target, username, principal)
        if not principal.is_admin and not _is_student_of(session, principal, user):
            raise Forbidden(
                reason=say(
                    "This person is on a staff, or in a course of somebody else. "
                    "Ask whoever administers this server to change their address."
                )
            )
        address = names.checked_email(email) if email else None
        holder = queries.people.user_with_email(session, address) if address else None
        if holder and holder.id != user.id:
            raise Conflict(reason=say("The address {address} already belongs to another user.", address=address))
        number = names.checked_text(student_id, say("A student id"), 64) if student_id else None
        changed = [field for field, to in (("email", address), ("student_id", number)) if getattr(user, field) != to]
        user.email, user.student_id = address, number
        if changed:  # which, and not from what to what: those are personal data
            audit.record(
                session,
                actor=principal.username,
                action="user.correct",
                subject=user.username,
                now=now,
                course=target,
                changed=changed,
            )


def _is_student_of(session: Session, principal: Principal, user: User) -> bool:
    return not user.is_admin and all(
        enrolment.role == "student" and principal.is_staff_of(course.id)
        for enrolment, course in queries.people.roles_of(session, user.id)
    )


def take_out(db: Database, *, course: str, username: str, principal: Principal, now: datetime) -> None:
    """End somebody's part in the course, as an instructor. Their account, their team and what they submitted stay."""
    with db.write() as session:
        target = courses.instructed(session, course, principal)
        user, enrolment = _changeable(session, target, username, principal)
        _need_another_instructor(session, target, enrolment)
        audit.record(
            session,
            actor=principal.username,
            action="enrol.end",
            subject=user.username,
            now=now,
            course=target,
            role=enrolment.role,
        )
        session.delete(enrolment)


def _changeable(session: Session, course: Course, username: str, principal: Principal) -> tuple[User, Enrolment]:
    """Somebody else in the course, whose staff stays as it is until the transaction ends."""
    queries.courses.locked_course(session, course.id)
    user, enrolment = _member(session, course, username)
    if user.id == principal.user_id:
        raise Conflict(reason=say("You cannot change your own part in a course. Ask another instructor to do it."))
    return user, enrolment


def _need_another_instructor(session: Session, course: Course, enrolment: Enrolment) -> None:
    if _is_last_instructor(session, course, enrolment):
        raise Conflict(reason=say("This is the course's last instructor. Make somebody else an instructor first."))
