"""How people get in: browser sessions, tokens, links, devices, single sign-on, and the attempts that failed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, select, text
from sqlalchemy.orm import Session

from unseen_server.db.models import (
    BrowserSession,
    DeviceLogin,
    Enrolment,
    FailedSignIn,
    OneTimeLink,
    SsoIdentity,
    Token,
    User,
)
from unseen_server.db.queries.asking import ask


def browser_session_with_digest(session: Session, digest: str) -> tuple[BrowserSession, User, dict[int, str]] | None:
    """With whose it is, and their role in each course by its id."""
    rows = session.execute(_WITH_SESSION, {"digest": digest}).all()
    if not rows:
        return None
    came, user, *_ = rows[0]
    return came, user, {course_id: role for _, _, course_id, role in rows if course_id is not None}


def token_with_digest(session: Session, digest: str) -> tuple[Row[*tuple[Any, ...]], dict[int, str]] | None:
    """With whose it is (_OF_TOKENS, _OF_USERS), and their role in each course by its id."""
    rows = ask(session, _WITH_TOKEN, {"digest": digest}).all()
    return (rows[0], {row.course_id: row.role for row in rows if row.course_id is not None}) if rows else None


# Made once, as every request asks one of them, and making a question takes longer than asking it.
_ROLES = (Enrolment.course_id, Enrolment.role)
_WITH_SESSION = (
    select(BrowserSession, User, *_ROLES)
    .join_from(BrowserSession, User)
    .outerjoin(Enrolment, Enrolment.user_id == User.id)
    .where(BrowserSession.digest == bindparam("digest"))
)
# Of columns, as programs bring a token with every request.
_OF_TOKENS = (Token.id, Token.name, Token.scope, Token.last_used_at, Token.expires_at, Token.revoked_at)
_OF_USERS = (Token.user_id, User.username, User.display_name, User.is_admin, User.disabled_at)
_WITH_TOKEN = (
    select(*_OF_TOKENS, *_OF_USERS, *_ROLES)
    .join_from(Token, User)
    .outerjoin(Enrolment, Enrolment.user_id == User.id)
    .where(Token.digest == bindparam("digest"))
)


def tokens_of(session: Session, user_id: int) -> Sequence[Token]:
    return session.scalars(
        select(Token).where(Token.user_id == user_id, Token.revoked_at.is_(None)).order_by(Token.id.desc())
    ).all()


def link_with_digest(session: Session, digest: str) -> Row[OneTimeLink, User] | None:
    return session.execute(
        select(OneTimeLink, User)
        .join(User)
        .where(OneTimeLink.digest == digest)
        .execution_options(populate_existing=True)
    ).one_or_none()


def identity(session: Session, issuer: str, subject: str) -> SsoIdentity | None:
    return session.get(SsoIdentity, (issuer, subject))


def identities_of(session: Session, user_id: int) -> Sequence[SsoIdentity]:
    return session.scalars(select(SsoIdentity).where(SsoIdentity.user_id == user_id)).all()


def device_login_with_digest(session: Session, digest: str) -> DeviceLogin | None:
    return session.scalars(select(DeviceLogin).where(DeviceLogin.digest == digest)).one_or_none()


def device_login_with_code(session: Session, user_code: str) -> DeviceLogin | None:
    return session.scalars(select(DeviceLogin).where(DeviceLogin.user_code == user_code)).one_or_none()


def device_logins_open_from(session: Session, address: str) -> int:
    """How many log-ins that a network address asked for wait for their answer."""
    counted = select(func.count()).select_from(DeviceLogin)
    return session.scalar(counted.where(DeviceLogin.address == address, DeviceLogin.answer.is_(None))) or 0


def failed_sign_ins_of(session: Session, subject: str, most: int | None = None) -> Sequence[int]:
    """The ids of the newest that are remembered, without those that another transaction is taking off."""
    newest = select(FailedSignIn.id).where(FailedSignIn.subject == subject[:200])
    newest = newest.order_by(FailedSignIn.id.desc())
    return session.scalars(newest.limit(most).with_for_update(skip_locked=True)).all()


def failed_sign_ins_since(session: Session, subjects: Iterable[str], since: datetime) -> dict[str, int]:
    """How many each subject has; one that has none is left out."""
    kept = {subject[:200]: subject for subject in subjects}
    counted = select(FailedSignIn.subject, func.count()).group_by(FailedSignIn.subject)
    rows = session.execute(counted.where(FailedSignIn.subject.in_(kept), FailedSignIn.at > since))
    return {kept[subject]: count for subject, count in rows}


def hold_attempts(session: Session, subjects: Iterable[str]) -> None:
    """Nobody else counts attempts of these subjects until the transaction ends, which on SQLite nobody can anyway."""
    if session.get_bind().dialect.name == "postgresql":
        # in one order, so that no two wait for each other
        session.execute(_HOLD, {"subjects": [f"attempts {subject}" for subject in sorted(subjects)]})


_HOLD = text("SELECT pg_advisory_xact_lock(hashtext(subject)) FROM unnest(CAST(:subjects AS text[])) AS subject")
