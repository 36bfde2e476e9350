"""One-time links: how a person gets their first password, or another one, without anybody else knowing it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Row
from sqlalchemy.orm import Session

from unseen_server.core.digests import digest_of
from unseen_server.core.errors import Conflict, DeadLink, Forbidden, NotFound
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import Course, Enrolment, OneTimeLink, User
from unseen_server.db.session import Database
from unseen_server.services import attempts, audit, browser_sessions, courses, names, passwords
from unseen_server.services.browser_sessions import SignedIn
from unseen_server.services.principals import Principal

Purpose = Literal["invite", "reset"]
LASTS = {"invite": timedelta(days=14), "reset": timedelta(hours=24)}
# Requests for a mail within the attempts' window: a mailbox must not be flooded, and a campus may share one address.
FORGOTTEN_BY_NAME = 3
FORGOTTEN_FROM_ADDRESS = 60


@dataclass(frozen=True)
class Link:
    """A link just made, with whom it is for. `secret` is the last part of its address and is never seen again."""

    username: str
    display_name: str
    email: str | None
    language: str | None  # in which they read, if they said so
    purpose: Purpose
    expires_at: datetime
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Holder:
    """Whom a link is for."""

    username: str
    display_name: str
    purpose: str


# making them


def issue(session: Session, user: User, purpose: Purpose, *, now: datetime, actor: str) -> str:
    """A new link, inside the caller's transaction; those before it end. Returns the secret, which is not kept."""
    return _issue(session, user, purpose, now=now, actor=actor).secret


def issue_for(db: Database, *, course: str, username: str, principal: Principal, now: datetime) -> Link:
    """A link for somebody in the course: an invitation where they have no password yet, else a reset.

    Whoever holds a link can become that person, so nobody gets one for people who may do more than themselves:
    resets are for students who are on no course's staff, and an invitation for somebody on a staff takes an
    instructor of each of those courses. Nor does it help to put somebody of another course on one's own list: links
    are made by the staff of the course that a person came to first.
    """
    with db.write() as session:
        place = courses.staffed(session, course, principal)
        user = queries.people.user_by_key(session, names.key_of(username))
        if user is None or queries.people.enrolment_of(session, place.id, user.id) is None:
            raise NotFound(
                what=say("user “{name}”", name=names.printable(username)),
                advice=say("Add them to the course first."),
            )
        if not _may_issue(principal, user, queries.people.roles_of(session, user.id)):
            raise Forbidden(
                reason=say(
                    "A link would let you sign in as this person, who may do more than you or is in other courses. "
                    "Ask whoever administers this server for a link."
                )
            )
        purpose: Purpose = "reset" if user.password_hash else "invite"
        return _issue(session, user, purpose, now=now, actor=principal.username, course=place)


def invite_all(db: Database, *, course: str, principal: Principal, now: datetime) -> list[Link]:
    """Invitations for everybody in the course who has no password yet and whom this person may invite."""
    with db.write() as session:
        place = courses.staffed(session, course, principal)
        return [
            _issue(session, user, "invite", now=now, actor=principal.username, course=place)
            for user in queries.people.people_without_password(session, place.id)
            if _may_issue(principal, user, queries.people.roles_of(session, user.id))
        ]


def note_request(db: Database, *, name: str, address: str, now: datetime) -> None:
    """Somebody at a network address says that they forgot the password of `name`; TooManyAttempts where that is often.

    Whether there is such a person makes no difference here.
    """
    limits = {
        f"forgot name:{names.key_of(name)[:100]}": FORGOTTEN_BY_NAME,
        f"forgot address:{address}": FORGOTTEN_FROM_ADDRESS,
    }
    attempts.take(db, limits, now)


def forgotten(db: Database, name: str, now: datetime) -> Link | None:
    """A reset for whoever has this name or e-mail; None where no mail can reach them."""
    with db.write() as session:
        user = queries.people.user_by_name_or_email(session, names.key_of(name), name.strip().lower())
        if user is None or user.email is None or user.disabled_at:
            return None
        return _issue(session, user, "reset", now=now, actor="visitor")


def _may_issue(principal: Principal, user: User, roles: Sequence[Row[Enrolment, Course]]) -> bool:
    first = min((enrolment for enrolment, _ in roles), key=lambda enrolment: enrolment.id)
    if user.is_admin or not principal.is_staff_of(first.course_id):
        return False
    staffed = [enrolment.course_id for enrolment, _ in roles if enrolment.role != "student"]
    if user.password_hash and not principal.is_admin:
        return not staffed
    return all(principal.role_in(course_id) == "instructor" for course_id in staffed)


def _issue(
    session: Session, user: User, purpose: Purpose, *, now: datetime, actor: str, course: Course | None = None
) -> Link:
    user = queries.people.locked_user(session, user.id)  # two links made at once would both stay alive
    if user.disabled_at:
        raise Conflict(
            reason=say("{name} is disabled and cannot sign in. Enable the account first.", name=user.username)
        )
    passwords.end_links(session, user.id)
    secret = secrets.token_urlsafe(32)
    expires_at = now + LASTS[purpose]
    session.add(
        OneTimeLink(user_id=user.id, purpose=purpose, digest=digest_of(secret), created_at=now, expires_at=expires_at)
    )
    audit.record(
        session, actor=actor, action="link.issue", subject=user.username, now=now, course=course, purpose=purpose
    )
    return Link(user.username, user.display_name, user.email, user.language, purpose, expires_at, secret)


# following them


def holder(db: Database, secret: str, now: datetime) -> Holder:
    """Whom the link is for; looking spends nothing. Raises DeadLink for one that is used, expired or unknown."""
    with db.read() as session:
        link, user = _living(session, secret, now)
        return Holder(user.username, user.display_name, link.purpose)


def follow(db: Database, secret: str, *, password: str, now: datetime) -> SignedIn:
    """Set the password, spend the link and sign in; every session from before ends."""
    with db.read() as session:
        _, user = _living(session, secret, now)  # a dead link is not worth a hash
    password_hash = passwords.hashed(password, user.username, user.email)
    with db.write() as session:
        _, user = _living(session, secret, now)
        user = queries.people.locked_user(session, user.id)
        link, _ = _living(session, secret, now)  # again: meanwhile somebody else may have used it
        link.used_at = now
        passwords.replace_password(session, user, password_hash, now=now, actor=user.username)
        return browser_sessions.begin_session(session, user, now)


def _living(session: Session, secret: str, now: datetime) -> tuple[OneTimeLink, User]:
    found = queries.signing_in.link_with_digest(session, digest_of(secret))
    if found is None:
        raise DeadLink()
    link, user = found
    if link.used_at or link.expires_at <= now or user.disabled_at:
        raise DeadLink()
    return link, user
