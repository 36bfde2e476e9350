"""Passwords: what they may be, how they are changed, and signing in with one."""

from __future__ import annotations

import functools
import secrets
from dataclasses import dataclass
from datetime import datetime

import argon2
from sqlalchemy import delete
from sqlalchemy.orm import Session

from unseen_server.core import common_passwords
from unseen_server.core.errors import BadRequest, WrongPassword
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import OneTimeLink, User
from unseen_server.db.session import Database
from unseen_server.services import attempts, audit, names
from unseen_server.services.browser_sessions import SignedIn, begin_session, end_sessions
from unseen_server.services.principals import Principal

SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 1000
# Failed sign-ins within the window, then wait. A stranger elsewhere must not lock a student out, and a whole campus
# may share one address, so that name and address together have the least patience. A browser with which the person
# signed in before is counted by itself: whatever others do, at this name or behind this address, does not shut it out.
ATTEMPTS_IN_KNOWN_BROWSER = 10
ATTEMPTS_AT_NAME_FROM_ADDRESS = 10
ATTEMPTS_AT_NAME = 100
ATTEMPTS_FROM_ADDRESS = 300

# OWASP's second recommendation for argon2id: 19 MiB, two passes, one lane.
_hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@dataclass(frozen=True)
class KnownBrowser:
    """A browser that shows by a cookie of ours that this person signed in with it before; `nonce` is which one."""

    user_id: int
    nonce: str


def checked_password(password: str, *names: str | None) -> str:
    """Raises BadRequest for one that is too short, too long, or among the first that are guessed of whoever has these
    names.
    """
    if len(password) > LONGEST_PASSWORD:
        raise BadRequest(reason=say("A password may have up to {longest} characters.", longest=LONGEST_PASSWORD))
    if len(password) < SHORTEST_PASSWORD:
        raise BadRequest(reason=say("A password needs at least {shortest} characters.", shortest=SHORTEST_PASSWORD))
    if common_passwords.is_common(password):
        raise BadRequest(
            reason=say(
                "Many people have this password, so it is among the first that are guessed. "
                "Choose another one, such as three or four words that do not belong together."
            )
        )
    if common_passwords.is_a_name(password, [name for name in names if name]):
        raise BadRequest(
            reason=say(
                "This password is a name that others know. "
                "Choose another one, such as three or four words that do not belong together."
            )
        )
    return password


def hashed(password: str, *names: str | None) -> str:
    """The password as it is stored, checked first."""
    return _hasher.hash(checked_password(password, *names))


def set_password(session: Session, user: User, password: str, *, now: datetime, actor: str) -> None:
    """Give a person another password and end their browser sessions; tokens are revoked one by one."""
    replace_password(session, user, hashed(password, user.username, user.email), now=now, actor=actor)


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


def end_links(session: Session, user_id: int) -> None:
    """End the one-time links of a person that were not used; those that were stay, as they no longer work."""
    session.execute(delete(OneTimeLink).where(OneTimeLink.user_id == user_id, OneTimeLink.used_at.is_(None)))


def sign_in(
    db: Database, *, name: str, password: str, address: str, now: datetime, browser: KnownBrowser | None = None
) -> SignedIn:
    """Start a browser session. `address` is the network address the attempt came from, throttled like the name."""
    limits = _sign_in_limits(name, address)
    with db.read() as session:
        user = queries.people.user_by_name_or_email(session, names.key_of(name), name.strip().lower())
        if user and browser and browser.user_id == user.id:
            limits = {f"browser:{browser.nonce}": ATTEMPTS_IN_KNOWN_BROWSER}
        attempts.refuse_too_many(session, limits, now)
    attempts.take(db, limits, now)
    if not _password_fits(user, password) or user is None:
        raise WrongPassword()
    with db.write() as session:
        current = queries.people.locked_user(session, user.id)
        if current.disabled_at or current.password_hash != user.password_hash:  # changed while it was compared
            raise WrongPassword()
        attempts.forgive(session, limits)
        return begin_session(session, current, now)


def change_password(
    db: Database, principal: Principal, *, old: str, new: str, browser: str, address: str, now: datetime
) -> None:
    """Change one's own password: asked for the old one, throttled like signing in; other browsers are signed out."""
    limits = _sign_in_limits(principal.username, address)
    del limits[_from(address)]  # who is signed in need not wait for what others do behind the same address
    with db.read() as session:
        attempts.refuse_too_many(session, limits, now)
        user = session.get_one(User, principal.user_id)
    attempts.take(db, limits, now)
    if not _password_fits(user, old):
        raise BadRequest(reason=say("That is not the password you have now. Nothing was changed; try again."))
    with db.write() as session:
        attempts.forgive(session, limits)
    password_hash = hashed(new, user.username, user.email)
    with db.write() as session:
        user = queries.people.locked_user(session, user.id)
        replace_password(session, user, password_hash, now=now, actor=user.username, but=browser)


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


def _from(address: str) -> str:
    return f"address:{address}"


def _sign_in_limits(name: str, address: str) -> dict[str, int]:
    """The first subject is the narrowest. A name, in which anything may be typed, ends each that holds one."""
    known_as = names.key_of(name)[:100]
    return {
        f"{_from(address)} name:{known_as}": ATTEMPTS_AT_NAME_FROM_ADDRESS,
        f"name:{known_as}": ATTEMPTS_AT_NAME,
        _from(address): ATTEMPTS_FROM_ADDRESS,
    }
