"""People, their passwords, tokens and browser sessions, and who they are when they knock."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import argon2
from sqlalchemy import delete
from sqlalchemy.orm import Session

from unseen_server.core.errors import (
    BadRequest,
    Busy,
    Conflict,
    NotFound,
    NotSignedIn,
    StaffOnly,
    StorageFull,
    TokenScopeTooSmall,
    TooManyAttempts,
    WrongPassword,
)
from unseen_server.core.limits import in_words
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import BrowserSession, Course, Enrolment, FailedSignIn, Token, User
from unseen_server.db.session import Database
from unseen_server.services import audit, names

ROLES = ("student", "assistant", "instructor")
SCOPES = ("read", "submit", "staff")  # each includes those before it
SESSION_LASTS = timedelta(days=30)
SHORTEST_PASSWORD = 8
# Failed sign-ins within the window, then wait. A stranger elsewhere must not lock a student out, and a whole campus
# may share one address, so that name and address together have the least patience.
ATTEMPTS_AT_NAME_FROM_ADDRESS = 10
ATTEMPTS_AT_NAME = 100
ATTEMPTS_FROM_ADDRESS = 300
ATTEMPTS_WINDOW = timedelta(minutes=15)
LAST_USE_PRECISION = timedelta(minutes=10)  # a token's last use is not written down more often
NOT_WORTH_WAITING = 0.1  # seconds: reading goes on when the last use cannot be written down

# OWASP's second recommendation for argon2id: 19 MiB, two passes, one lane.
_hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@dataclass(frozen=True)
class Principal:
    """Who is asking: a person, their role in each course by its id, and what their token lets them do."""

    user_id: int
    username: str
    display_name: str
    is_admin: bool
    roles: Mapping[int, str]
    scope: str
    token_name: str | None = None
    token_expires_at: datetime | None = None
    language: str | None = None

    def role_in(self, course_id: int) -> str | None:
        return "instructor" if self.is_admin else self.roles.get(course_id)

    def is_staff_of(self, course_id: int) -> bool:
        return self.scope == "staff" and self.role_in(course_id) in ("assistant", "instructor")

    @property
    def is_staff(self) -> bool:
        """Whether the console has anything for this person."""
        return self.scope == "staff" and (
            self.is_admin or not {"assistant", "instructor"}.isdisjoint(self.roles.values())
        )

    def need_scope(self, needed: str) -> None:
        if SCOPES.index(self.scope) < SCOPES.index(needed):
            raise TokenScopeTooSmall(scope=self.scope, needed=needed)

    def need_staff(self, course: Course) -> None:
        """Assistants and instructors of the course, with a scope that goes as far."""
        if self.role_in(course.id) not in ("assistant", "instructor"):
            raise StaffOnly(who=say("the staff"), course=course.title)
        self.need_scope("staff")

    def need_instructor(self, course: Course) -> None:
        if self.role_in(course.id) != "instructor":
            raise StaffOnly(who=say("an instructor"), course=course.title)
        self.need_scope("staff")

    def need_instructor_somewhere(self) -> None:
        if not self.is_admin and "instructor" not in self.roles.values():
            raise StaffOnly(who=say("an instructor"), course=say("a course"))
        self.need_scope("staff")


# Who acts on the server's own command line.
SERVER = Principal(user_id=0, username="server", display_name="server", is_admin=True, roles={}, scope="staff")


@dataclass(frozen=True)
class SignedIn:
    """A fresh browser session: the cookie's secret and the token its forms must carry."""

    secret: str
    csrf_token: str
    expires_at: datetime


@dataclass(frozen=True)
class OwnToken:
    """A token as its owner sees it afterwards: never the secret."""

    id: int
    name: str
    prefix: str
    scope: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True)
class OwnCourse:
    slug: str
    title: str
    role: str


# people


def add_user(
    session: Session,
    username: str,
    *,
    now: datetime,
    actor: str,
    password: str | None = None,
    display_name: str | None = None,
    email: str | None = None,
    student_id: str | None = None,
    is_admin: bool = False,
) -> User:
    """Add a person, inside the caller's transaction. Raises Conflict where the name or the address is taken."""
    names.checked_username(username)
    if queries.user_by_key(session, names.key_of(username)):
        raise Conflict(reason=f"There is already a user “{username}”.")
    address = names.checked_email(email) if email else None
    if address and queries.user_with_email(session, address):
        raise Conflict(reason=f"The address {address} already belongs to another user.")
    user = User(
        username=username,
        username_key=names.key_of(username),
        display_name=names.checked_text(display_name or username, "A display name", 200),
        email=address,
        student_id=names.checked_text(student_id, "A student id", 64) if student_id else None,
        password_hash=hashed(password) if password else None,
        is_admin=is_admin,
        created_at=now,
    )
    session.add(user)
    session.flush()
    audit.record(session, actor=actor, action="user.add", subject=username, now=now)
    return user


def enrol(session: Session, user: User, course: Course, role: str, *, now: datetime, actor: str) -> None:
    """Give a person a role in a course, or change the one they have."""
    if role not in ROLES:
        raise BadRequest(reason=f"“{role}” is not a role. Use one of: {', '.join(ROLES)}.")
    enrolment = queries.enrolment_of(session, course.id, user.id)
    if enrolment is None:
        session.add(Enrolment(course_id=course.id, user_id=user.id, role=role, created_at=now))
    elif enrolment.role != role:
        enrolment.role = role
    else:
        return
    audit.record(session, actor=actor, action="enrol", subject=user.username, now=now, course=course, role=role)


def user_named(session: Session, username: str) -> User:
    user = queries.user_by_key(session, names.key_of(username))
    if user is None:
        raise NotFound(what=f"user “{names.printable(username)}”", advice="Add one with `unseen-server user add NAME`.")
    return user


def set_language(db: Database, user_id: int, language: str) -> None:
    """The language a person wants the pages in, wherever they sign in."""
    with db.write() as session:
        session.get_one(User, user_id).language = language


def courses_of(db: Database, user_id: int) -> list[OwnCourse]:
    with db.read() as session:
        return [
            OwnCourse(course.slug, course.title, enrolment.role)
            for enrolment, course in queries.roles_of(session, user_id)
        ]


# passwords


def checked_password(password: str) -> str:
    if len(password) < SHORTEST_PASSWORD:
        raise BadRequest(reason=f"A password needs at least {SHORTEST_PASSWORD} characters.")
    return password


def hashed(password: str) -> str:
    return _hasher.hash(checked_password(password))


def set_password(session: Session, user: User, password: str, *, now: datetime, actor: str) -> None:
    """Give a person another password and end their browser sessions; tokens are revoked one by one."""
    user.password_hash = hashed(password)
    for started in queries.browser_sessions_of(session, user.id):
        session.delete(started)
    audit.record(session, actor=actor, action="user.password", subject=user.username, now=now)


@functools.cache
def _hash_of_nobody() -> str:
    """Compared against when a name is unknown, so that the answer takes as long as for a known one."""
    return _hasher.hash(secrets.token_urlsafe(16))


def _password_fits(user: User | None, password: str) -> bool:
    known = user.password_hash if user and user.password_hash and not user.disabled_at else None
    try:
        return _hasher.verify(known or _hash_of_nobody(), password) and known is not None
    except argon2.exceptions.VerificationError:
        return False


def sign_in(db: Database, *, name: str, password: str, address: str, now: datetime) -> SignedIn:
    """Start a browser session. `address` is the network address the attempt came from, throttled like the name."""
    known_as = names.key_of(name)[:100]
    limits = {
        f"name:{known_as} address:{address}": ATTEMPTS_AT_NAME_FROM_ADDRESS,
        f"name:{known_as}": ATTEMPTS_AT_NAME,
        f"address:{address}": ATTEMPTS_FROM_ADDRESS,
    }
    since = now - ATTEMPTS_WINDOW
    with db.read() as session:
        if any(queries.failed_sign_ins_since(session, subject, since) >= most for subject, most in limits.items()):
            seconds = int(ATTEMPTS_WINDOW.total_seconds())
            raise TooManyAttempts(wait=in_words(seconds), retry_after=seconds, resets_at=now + ATTEMPTS_WINDOW)
        user = queries.user_by_name_or_email(session, names.key_of(name), name.strip().lower())
    if not _password_fits(user, password) or user is None:
        with db.write() as session:
            session.execute(delete(FailedSignIn).where(FailedSignIn.at <= since))  # no longer asked for
            session.add_all(FailedSignIn(subject=subject, at=now) for subject in limits)
        raise WrongPassword()
    signed_in = SignedIn(secrets.token_urlsafe(32), secrets.token_urlsafe(32), now + SESSION_LASTS)
    with db.write() as session:
        session.execute(delete(BrowserSession).where(BrowserSession.expires_at <= now))
        session.add(
            BrowserSession(
                user_id=user.id,
                digest=_digest(signed_in.secret),
                csrf_token=signed_in.csrf_token,
                created_at=now,
                expires_at=signed_in.expires_at,
            )
        )
    return signed_in


def sign_out(db: Database, secret: str) -> None:
    with db.write() as session:
        found = queries.browser_session_with_digest(session, _digest(secret))
        if found:
            session.delete(found[0])


# tokens


def issue_token(
    db: Database,
    username: str,
    *,
    name: str = "token",
    scope: str = "submit",
    expires_at: datetime | None = None,
    actor: str,
    now: datetime,
) -> str:
    """Make a token and return it: the only time it is seen whole."""
    if scope not in SCOPES:
        raise BadRequest(reason=f"“{scope}” is not a scope. Use one of: {', '.join(SCOPES)}.")
    token = "unseen_" + secrets.token_urlsafe(32)
    with db.write() as session:
        user = user_named(session, username)
        session.add(
            Token(
                user_id=user.id,
                name=names.checked_text(name, "A token's name", 100),
                prefix=token[:13],
                digest=_digest(token),
                scope=scope,
                created_at=now,
                expires_at=expires_at,
            )
        )
        audit.record(session, actor=actor, action="token.issue", subject=user.username, now=now, scope=scope)
    return token


def own_tokens(db: Database, user_id: int) -> list[OwnToken]:
    with db.read() as session:
        return [
            OwnToken(t.id, t.name, t.prefix, t.scope, t.created_at, t.last_used_at, t.expires_at)
            for t in queries.tokens_of(session, user_id)
        ]


def revoke_token(db: Database, token_id: int, *, user_id: int, actor: str, now: datetime) -> None:
    """End a token at once; NotFound for one that is somebody else's."""
    with db.write() as session:
        token = session.get(Token, token_id)
        if token is None or token.user_id != user_id:
            raise NotFound(what="token of yours with this number", advice="Your account page lists those you have.")
        if token.revoked_at is None:
            token.revoked_at = now
            audit.record(session, actor=actor, action="token.revoke", subject=token.prefix, now=now)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


# who is asking


def principal_of_token(db: Database, token: str, now: datetime) -> Principal:
    """Raises NotSignedIn for a token that is unknown, revoked or expired, or whose owner is disabled."""
    with db.read() as session:
        found = queries.token_with_digest(session, _digest(token))
        if found is None:
            raise NotSignedIn()
        row, user = found
        if row.revoked_at or user.disabled_at or (row.expires_at and row.expires_at <= now):
            raise NotSignedIn()
        principal = Principal(
            user_id=user.id,
            username=user.username,
            display_name=user.display_name,
            is_admin=user.is_admin,
            roles=_roles(session, user.id),
            scope=row.scope,
            token_name=row.name,
            token_expires_at=row.expires_at,
        )
    if row.last_used_at is None or now - row.last_used_at > LAST_USE_PRECISION:
        with contextlib.suppress(Busy, StorageFull), db.write(patience=NOT_WORTH_WAITING) as session:
            session.get_one(Token, row.id).last_used_at = now
    return principal


def principal_of_session(db: Database, secret: str, now: datetime) -> tuple[Principal, str] | None:
    """The person behind a browser's cookie and the token their forms carry, or None where the session has ended."""
    with db.read() as session:
        found = queries.browser_session_with_digest(session, _digest(secret))
        if found is None:
            return None
        row, user = found
        if row.expires_at <= now or user.disabled_at:
            return None
        principal = Principal(
            user_id=user.id,
            username=user.username,
            display_name=user.display_name,
            is_admin=user.is_admin,
            roles=_roles(session, user.id),
            scope="staff",
            language=user.language,
        )
        return principal, row.csrf_token


def _roles(session: Session, user_id: int) -> dict[int, str]:
    return {enrolment.course_id: enrolment.role for enrolment, _ in queries.roles_of(session, user_id)}
