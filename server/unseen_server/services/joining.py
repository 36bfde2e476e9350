"""Joining a course with its code, which the staff write on the board: always as a student, never as more."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from unseen_server.core.errors import BadRequest, Conflict, NameTaken, UnknownJoinCode
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import Course
from unseen_server.db.session import Database
from unseen_server.services import accounts, attempts, audit, browser_sessions, courses, names, passwords
from unseen_server.services.browser_sessions import SignedIn
from unseen_server.services.principals import Principal

# Crockford's digits and letters: no I, L, O or U. Eight of them are 40 bits.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 8
MISREAD = str.maketrans("OIL", "011", " -")
WRONG_CODES_FROM_ADDRESS = 300  # a class behind one address may mistype it


@dataclass(frozen=True)
class Open:
    """A course that can be joined, by its code."""

    code: str
    title: str


# for the staff


def set_code(db: Database, *, course: str, principal: Principal, now: datetime) -> str:
    """Open the course to whoever knows the code that is returned; a code it had before no longer works."""
    code = _new_code()
    with db.write() as session:
        place = courses.instructed(session, course, principal)
        place.join_code = code
        audit.record(session, actor=principal.username, action="join_code.set", subject=course, now=now, course=place)
    return code


def close_code(db: Database, *, course: str, principal: Principal, now: datetime) -> None:
    with db.write() as session:
        place = courses.instructed(session, course, principal)
        place.join_code = None
        audit.record(session, actor=principal.username, action="join_code.close", subject=course, now=now, course=place)


def _new_code() -> str:
    letters = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return f"{letters[:4]}-{letters[4:]}"


# for those who come


def canonical(typed: str) -> str | None:
    """The code as it is kept, “K7QF-2M9X”, from how people type it; None where it can be none."""
    letters = names.key_of(typed).upper().translate(MISREAD)
    if len(letters) != LENGTH or not set(letters) <= set(ALPHABET):
        return None
    return f"{letters[:4]}-{letters[4:]}"


def course_with_code(db: Database, code: str, *, address: str, now: datetime) -> Open:
    """The course behind a code; wrong codes are counted by the network address they come from."""
    limits = _limits(address)
    with db.read() as session:
        attempts.refuse_too_many(session, limits, now)
        try:
            course = _course(session, code)
            return Open(str(course.join_code), course.title)
        except UnknownJoinCode:
            pass
    attempts.count_alone(db, limits, now)
    raise UnknownJoinCode()


def join(db: Database, *, code: str, principal: Principal, address: str, now: datetime) -> str:
    """Enrol somebody who is signed in, and return the course's title; whoever is in the course keeps their role."""
    course_with_code(db, code, address=address, now=now)
    with db.write() as session:
        course = _course(session, code)
        # One enrolment, however often the button is pressed.
        user = queries.people.locked_user(session, principal.user_id)
        if queries.people.enrolment_of(session, course.id, user.id) is None:
            accounts.enrol(session, user, course, "student", now=now, actor=user.username)
        return course.title


def join_as_somebody_new(
    db: Database,
    *,
    code: str,
    username: str,
    display_name: str,
    email: str,
    password: str,
    address: str,
    now: datetime,
) -> SignedIn:
    """Make an account, enrol it as a student and sign in. An e-mail may be left out; nobody has checked it."""
    course_with_code(db, code, address=address, now=now)
    if "@" in username:  # it could pass for somebody else's address when they sign in
        raise BadRequest(reason=say("Choose a user name without “@”; the e-mail address has a field of its own."))
    names.checked_username(username)
    password_hash = passwords.hashed(password, username, email)
    try:
        with db.write() as session:
            course = _course(session, code)
            user = accounts.add_user(
                session, username, display_name=display_name, email=email or None, now=now, actor=username
            )
            user.password_hash = password_hash
            accounts.enrol(session, user, course, "student", now=now, actor=username)
            return browser_sessions.begin_session(session, user, now)
    except (Conflict, IntegrityError):  # the latter where two came with one name at once
        attempts.count_alone(db, _limits(address), now)
        raise NameTaken() from None


def _course(session: Session, code: str) -> Course:
    kept = canonical(code)
    course = queries.courses.course_with_join_code(session, kept) if kept else None
    if course is None:
        raise UnknownJoinCode()
    return course


def _limits(address: str) -> attempts.Limits:
    return {f"join address:{address}": WRONG_CODES_FROM_ADDRESS}
