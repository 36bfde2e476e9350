"""Letting a program in through the browser: it shows a code, and whoever types that into a page signs it in (RFC 8628).

The program keeps a secret that is told to nobody else, and asks with it until the person has answered. The token is
made when it asks for the first time after that, so that a log-in nobody comes back for leaves no token behind.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Update, delete, update
from sqlalchemy.orm import Session

from unseen_server.core.digests import digest_of
from unseen_server.core.errors import (
    AccessDenied,
    AuthorizationPending,
    BadRequest,
    ExpiredToken,
    SlowDown,
    TooManyAttempts,
    UnknownDeviceCode,
)
from unseen_server.core.limits import Wait
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import DeviceLogin
from unseen_server.db.session import Database
from unseen_server.services import attempts, names, tokens
from unseen_server.services.principals import Principal

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels, so that no words arise; no digits, so that none is misread
LENGTH = 8
LASTS = timedelta(minutes=10)
INTERVAL = timedelta(seconds=5)
EARLY = timedelta(seconds=1)  # a network that once was slow makes the next question seem to come too soon
TOKEN_LASTS = timedelta(days=180)
SCOPE = "submit"
PENDING_FROM_ADDRESS = 200  # a class behind one address may log in at once
WRONG_CODES = 10  # of one person within the attempts' window
LONGEST_NAME = 60
NAMELESS = "unseen login"


@dataclass(frozen=True)
class Begun:
    """What the program is told: its secret, and the code to show to the person."""

    device_code: str = field(repr=False)
    user_code: str
    expires_in: int  # seconds
    interval: int  # seconds between two questions


@dataclass(frozen=True)
class Asked:
    """What the person is told of the program that asks, and until when its token would last."""

    user_code: str
    device: str
    address: str
    asked_at: datetime
    token_expires_at: datetime


@dataclass(frozen=True)
class LetIn:
    """The token, seen this once, and whose it is."""

    token: str = field(repr=False)
    username: str


# for the program


def begin(db: Database, *, device: str, address: str, now: datetime) -> Begun:
    """A program at a network address asks to be let in. Raises TooManyAttempts where too many from there are open."""
    secret = secrets.token_urlsafe(32)
    with db.write() as session:
        session.execute(delete(DeviceLogin).where(DeviceLogin.created_at <= now - LASTS))
        if queries.signing_in.device_logins_open_from(session, address) >= PENDING_FROM_ADDRESS:
            seconds = int(LASTS.total_seconds())
            raise TooManyAttempts(wait=Wait(seconds), retry_after=seconds, resets_at=now + LASTS)
        code = _free_code(session)
        session.add(
            DeviceLogin(
                digest=digest_of(secret),
                user_code=code,
                device=_name_of(device),
                address=address[:64],
                created_at=now,
            )
        )
    return Begun(secret, code, int(LASTS.total_seconds()), int(INTERVAL.total_seconds()))


def collect(db: Database, *, device_code: str, now: datetime) -> LetIn:
    """The program asks whether it is let in; the token is given once, however many ask for it at the same time.

    Raises AuthorizationPending while nobody has answered, SlowDown where it asks too often, AccessDenied, and
    ExpiredToken for whatever is too old, was given already or never was asked for.
    """
    with db.read() as session:
        login = queries.signing_in.device_login_with_digest(session, digest_of(device_code))
    if login is None or login.answer == "taken" or login.created_at + LASTS <= now:
        raise ExpiredToken()
    if login.asked_at is not None and now - login.asked_at < INTERVAL - EARLY:
        raise SlowDown()
    if login.answer == "approved":
        return _taken(db, login, now)
    if login.answer == "denied":
        raise AccessDenied()
    with db.write() as session:
        session.execute(update(DeviceLogin).where(DeviceLogin.id == login.id).values(asked_at=now))
    raise AuthorizationPending()


def _taken(db: Database, login: DeviceLogin, now: datetime) -> LetIn:
    with db.write() as session:
        user = queries.people.locked_user(session, login.user_id or 0)
        of_ours = update(DeviceLogin).where(DeviceLogin.id == login.id, DeviceLogin.answer == "approved")
        if not _changes_one(session, of_ours.values(answer="taken")):
            raise ExpiredToken()
        if user.disabled_at:
            raise AccessDenied()
        token = tokens.add_token(
            session,
            user,
            name=login.device,
            scope=SCOPE,
            expires_at=now + TOKEN_LASTS,
            actor=user.username,
            now=now,
        )
        return LetIn(token, user.username)


def _free_code(session: Session) -> str:
    while True:
        letters = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        code = f"{letters[:4]}-{letters[4:]}"
        if queries.signing_in.device_login_with_code(session, code) is None:
            return code


def _name_of(device: str) -> str:
    """What the program calls itself, cut; a name that could not be shown as it is counts as none."""
    with suppress(BadRequest):
        return names.checked_text(device[:LONGEST_NAME], say("A name"), LONGEST_NAME)
    return NAMELESS


# for the person


def asked_with(db: Database, typed: str, *, principal: Principal, now: datetime) -> Asked:
    """The program behind a code, which is still waiting. Wrong codes are counted by the person who types them."""
    login = _waiting(db, typed, principal, now)
    return Asked(login.user_code, login.device, login.address, login.created_at, now + TOKEN_LASTS)


def answer(db: Database, typed: str, *, allow: bool, principal: Principal, now: datetime) -> None:
    """Let the program behind a code act for this person, or refuse it; the first answer stands."""
    login = _waiting(db, typed, principal, now)
    unanswered = update(DeviceLogin).where(DeviceLogin.id == login.id, DeviceLogin.answer.is_(None))
    said = "approved" if allow else "denied"
    with db.write() as session:
        if not _changes_one(session, unanswered.values(answer=said, user_id=principal.user_id)):
            raise UnknownDeviceCode()


def canonical(typed: str) -> str | None:
    """The code as it is kept, “BCDF-GHJK”, from how people type it; None where it can be none."""
    letters = names.key_of(typed).upper().replace("-", "").replace(" ", "")
    if len(letters) != LENGTH or not set(letters) <= set(ALPHABET):
        return None
    return f"{letters[:4]}-{letters[4:]}"


def _waiting(db: Database, typed: str, principal: Principal, now: datetime) -> DeviceLogin:
    limits = {f"device code name:{names.key_of(principal.username)}": WRONG_CODES}
    code = canonical(typed)
    with db.read() as session:
        attempts.refuse_too_many(session, limits, now)
        login = queries.signing_in.device_login_with_code(session, code) if code else None
    if login is None or login.answer is not None or login.created_at + LASTS <= now:
        attempts.count_alone(db, limits, now)
        raise UnknownDeviceCode()
    return login


def _changes_one(session: Session, statement: Update) -> bool:
    """Whether a conditional change was made: of two that are sent at once only one is."""
    return session.scalar(statement.returning(DeviceLogin.id)) is not None
