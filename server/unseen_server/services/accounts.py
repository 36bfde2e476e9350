"""People: how they are added, enrolled, renamed and kept out, and what they see of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from unseen_server.core.errors import BadRequest, Conflict, NotFound
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import Competition, Course, DeviceLogin, Enrolment, TeamMember, Token, User
from unseen_server.db.session import Database
from unseen_server.services import audit, names
from unseen_server.services.browser_sessions import end_sessions
from unseen_server.services.passwords import end_links, hashed
from unseen_server.services.principals import Principal

ROLES = ("student", "assistant", "instructor")


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
        password_hash=hashed(password, username, email) if password else None,
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
        linked = [identity.issuer for identity in queries.signing_in.identities_of(session, user_id)]
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
    """End every way in but the password: browser sessions, tokens, one-time links, programs that were let in."""
    end_sessions(session, user.id)
    end_links(session, user.id)
    session.execute(delete(DeviceLogin).where(DeviceLogin.user_id == user.id))
    session.execute(update(Token).where(Token.user_id == user.id, Token.revoked_at.is_(None)).values(revoked_at=now))
