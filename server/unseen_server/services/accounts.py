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
from sqlalchemy import delete, select, update
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
    WrongPassword,
)
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import BrowserSession, Competition, Course, Enrolment, OneTimeLink, TeamMember, Token, User
from unseen_server.db.session import Database
from unseen_server.services import attempts, audit, names

ROLES = ("student", "assistant", "instructor")
SCOPES = ("read", "submit", "staff")  # each includes those before it
SESSION_LASTS = timedelta(days=30)
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 1000
# Failed sign-ins within the window, then wait. A stranger elsewhere must not lock a student out, and a whole campus
# may share one address, so that name and address together have the least patience.
ATTEMPTS_AT_NAME_FROM_ADDRESS = 10
ATTEMPTS_AT_NAME = 100
ATTEMPTS_FROM_ADDRESS = 300
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

    def need_admin(self) -> None:
        if not self.is_admin:
            raise StaffOnly(who=say("an administrator"), course=say("this server"))
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
class Account:
    """A person as they see themselves."""

    username: str
    display_name: str
    email: str | None
    student_id: str | None
    has_password: bool
    linked_with: list[str]  # the issuers of single sign-on


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
    if queries.people.user_by_key(session, names.key_of(username)):
        raise Conflict(reason=say("There is already a user “{name}”.", name=username))
    address = names.checked_email(email) if email else None
    if address and queries.people.user_with_email(session, address):
        raise Conflict(reason=say("The address {address} already belongs to another user.", address=address))
    user = User(
        username=username,
        username_key=names.key_of(username),
        display_name=names.checked_text(display_name or username, say("A display name"), 200),
        email=address,
        student_id=names.checked_text(student_id, say("A student id"), 64) if student_id else None,
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
        known = ", ".join(ROLES)
        raise BadRequest(
            reason=say("“{role}” is not a role. Use one of: {roles}.", role=names.printable(role), roles=known)
        )
    enrolment = queries.people.enrolment_of(session, course.id, user.id)
    if enrolment is None:
        session.add(Enrolment(course_id=course.id, user_id=user.id, role=role, created_at=now))
    elif enrolment.role != role:
        enrolment.role = role
    else:
        return
    if role != "student":
        end_links(session, user.id)  # whoever was given one could become more than they were trusted with
    audit.record(session, actor=actor, action="enrol", subject=user.username, now=now, course=course, role=role)


def user_named(session: Session, username: str) -> User:
    user = queries.people.user_by_key(session, names.key_of(username))
    if user is None:
        raise NotFound(
            what=say("user “{name}”", name=names.printable(username)),
            advice=say("Add one with `unseen-server user add NAME`."),
        )
    return user


def own_account(db: Database, user_id: int) -> Account:
    with db.read() as session:
        user = session.get_one(User, user_id)
        linked = [identity.issuer for identity in queries.people.identities_of(session, user_id)]
        return Account(
            user.username, user.display_name, user.email, user.student_id, user.password_hash is not None, linked
        )


def set_display_name(db: Database, user_id: int, name: str, *, now: datetime) -> None:
    """What others see; a team keeps the name it has."""
    name = names.checked_text(name, say("A display name"), 200)
    with db.write() as session:
        user = queries.people.locked_user(session, user_id)
        if user.display_name == name:
            return
        audit.record(
            session,
            actor=user.username,
            action="user.rename",
            subject=user.username,
            now=now,
            before=user.display_name,
            after=name,
        )
        user.display_name = name
        shown_in = select(TeamMember.competition_id).where(TeamMember.user_id == user_id)
        session.execute(  # boards name the members of teams
            update(Competition)
            .where(Competition.id.in_(shown_in))
            .values(board_version=Competition.board_version + 1)
            .execution_options(synchronize_session=False)
        )


def set_language(db: Database, user_id: int, language: str) -> None:
    """The language a person wants the pages in, wherever they sign in."""
    with db.write() as session:
        session.get_one(User, user_id).language = language


def courses_of(db: Database, user_id: int) -> list[OwnCourse]:
    with db.read() as session:
        return [
            OwnCourse(course.slug, course.title, enrolment.role)
            for enrolment, course in queries.people.roles_of(session, user_id)
        ]


def disable(db: Database, username: str, *, principal: Principal, now: datetime) -> None:
    """Keep a person out: browsers are signed out, tokens revoked and links ended at once. What they did stays."""
    principal.need_admin()
    with db.write() as session:
        user = queries.people.locked_user(session, user_named(session, username).id)
        if user.id == principal.user_id:
            raise Conflict(reason=say("You cannot disable yourself. Ask another administrator to do it."))
        if user.disabled_at:
            return
        user.disabled_at = now
        revoke_everything(session, user, now)
        audit.record(session, actor=principal.username, action="user.disable", subject=user.username, now=now)


def enable(db: Database, username: str, *, principal: Principal, now: datetime) -> None:
    """Let a person sign in again with the password they had; their tokens stay revoked."""
    principal.need_admin()
    with db.write() as session:
        user = queries.people.locked_user(session, user_named(session, username).id)
        if user.disabled_at is None:
            return
        user.disabled_at = None
        audit.record(session, actor=principal.username, action="user.enable", subject=user.username, now=now)


def revoke_everything(session: Session, user: User, now: datetime) -> None:
    """End every way in but the password: browser sessions, tokens, one-time links."""
    end_sessions(session, user.id)
    end_links(session, user.id)
    session.execute(update(Token).where(Token.user_id == user.id, Token.revoked_at.is_(None)).values(revoked_at=now))


# passwords


def checked_password(password: str) -> str:
    if len(password) > LONGEST_PASSWORD:
        raise BadRequest(reason=say("A password may have up to {longest} characters.", longest=LONGEST_PASSWORD))
    if len(password) < SHORTEST_PASSWORD:
        raise BadRequest(reason=say("A password needs at least {shortest} characters.", shortest=SHORTEST_PASSWORD))
    return password


def hashed(password: str) -> str:
    return _hasher.hash(checked_password(password))


def set_password(session: Session, user: User, password: str, *, now: datetime, actor: str) -> None:
    """Give a person another password and end their browser sessions; tokens are revoked one by one."""
    replace_password(session, user, hashed(password), now=now, actor=actor)


def replace_password(
    session: Session, user: User, password_hash: str, *, now: datetime, actor: str, but: str | None = None
) -> None:
    """The same with a hash made beforehand: it takes long and a transaction should not wait for it.

    `but` is the secret of a browser session that goes on.
    """
    user.password_hash = password_hash
    end_sessions(session, user.id, but=but)
    end_links(session, user.id)
    audit.record(session, actor=actor, action="user.password", subject=user.username, now=now)


def change_password(
    db: Database, principal: Principal, *, old: str, new: str, browser: str, address: str, now: datetime
) -> None:
    """Change one's own password: asked for the old one, throttled like signing in; other browsers are signed out."""
    limits = _sign_in_limits(principal.username, address)
    with db.read() as session:
        attempts.refuse_too_many(session, limits, now)
        user = session.get_one(User, principal.user_id)
    if not _password_fits(user, old):
        _count(db, limits, now)
        raise BadRequest(reason=say("That is not the password you have now. Nothing was changed; try again."))
    password_hash = hashed(new)
    with db.write() as session:
        user = queries.people.locked_user(session, user.id)
        replace_password(session, user, password_hash, now=now, actor=user.username, but=browser)


def end_links(session: Session, user_id: int) -> None:
    """End the one-time links of a person that were not used; those that were stay, as they no longer work."""
    session.execute(delete(OneTimeLink).where(OneTimeLink.user_id == user_id, OneTimeLink.used_at.is_(None)))


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


# browser sessions


def sign_in(db: Database, *, name: str, password: str, address: str, now: datetime) -> SignedIn:
    """Start a browser session. `address` is the network address the attempt came from, throttled like the name."""
    limits = _sign_in_limits(name, address)
    with db.read() as session:
        attempts.refuse_too_many(session, limits, now)
        user = queries.people.user_by_name_or_email(session, names.key_of(name), name.strip().lower())
    if not _password_fits(user, password) or user is None:
        _count(db, limits, now)
        raise WrongPassword()
    with db.write() as session:
        current = queries.people.locked_user(session, user.id)
        if current.disabled_at or current.password_hash != user.password_hash:  # changed while it was compared
            raise WrongPassword()
        return begin_session(session, current, now)


def begin_session(session: Session, user: User, now: datetime) -> SignedIn:
    """Sign a person in who has shown who they are, inside the caller's transaction; always with a fresh secret."""
    signed_in = SignedIn(secrets.token_urlsafe(32), secrets.token_urlsafe(32), now + SESSION_LASTS)
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


def end_sessions(session: Session, user_id: int, *, but: str | None = None) -> None:
    """Sign a person's browsers out, all `but` the one with this secret."""
    ended = delete(BrowserSession).where(BrowserSession.user_id == user_id)
    session.execute(ended.where(BrowserSession.digest != _digest(but)) if but else ended)


def sign_out_everywhere(db: Database, principal: Principal, *, now: datetime) -> None:
    with db.write() as session:
        end_sessions(session, principal.user_id)
        audit.record(session, actor=principal.username, action="user.sign_out", subject=principal.username, now=now)


def _sign_in_limits(name: str, address: str) -> attempts.Limits:
    known_as = names.key_of(name)[:100]
    return {
        f"name:{known_as} address:{address}": ATTEMPTS_AT_NAME_FROM_ADDRESS,
        f"name:{known_as}": ATTEMPTS_AT_NAME,
        f"address:{address}": ATTEMPTS_FROM_ADDRESS,
    }


def _count(db: Database, limits: attempts.Limits, now: datetime) -> None:
    with db.write() as session:
        attempts.count(session, limits, now)


def sign_out(db: Database, secret: str) -> None:
    with db.write() as session:
        found = queries.people.browser_session_with_digest(session, _digest(secret))
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
        raise BadRequest(
            reason=say(
                "“{scope}” is not a scope. Use one of: {scopes}.",
                scope=names.printable(scope),
                scopes=", ".join(SCOPES),
            )
        )
    token = "unseen_" + secrets.token_urlsafe(32)
    with db.write() as session:
        user = user_named(session, username)
        if user.disabled_at:
            raise Conflict(reason=say("{name} is disabled. Enable the account first.", name=user.username))
        session.add(
            Token(
                user_id=user.id,
                name=names.checked_text(name, say("A token's name"), 100),
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
            for t in queries.people.tokens_of(session, user_id)
        ]


def revoke_token(db: Database, token_id: int, *, user_id: int, actor: str, now: datetime) -> None:
    """End a token at once; NotFound for one that is somebody else's."""
    with db.write() as session:
        token = session.get(Token, token_id)
        if token is None or token.user_id != user_id:
            raise NotFound(
                what=say("token of yours with this number"), advice=say("Your account page lists those you have.")
            )
        if token.revoked_at is None:
            token.revoked_at = now
            audit.record(session, actor=actor, action="token.revoke", subject=token.prefix, now=now)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


# who is asking


def principal_of_token(db: Database, token: str, now: datetime) -> Principal:
    """Raises NotSignedIn for a token that is unknown, revoked or expired, or whose owner is disabled."""
    with db.read() as session:
        found = queries.people.token_with_digest(session, _digest(token))
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
        found = queries.people.browser_session_with_digest(session, _digest(secret))
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
    return {enrolment.course_id: enrolment.role for enrolment, _ in queries.people.roles_of(session, user_id)}
