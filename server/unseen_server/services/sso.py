"""Single sign-on: which person here somebody is whom a provider has vouched for."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from unseen_server.core.errors import BadRequest, Busy, Conflict, Forbidden
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import SsoIdentity, User
from unseen_server.db.session import Database
from unseen_server.services import accounts, audit, browser_sessions, names
from unseen_server.services.browser_sessions import SignedIn
from unseen_server.services.principals import Principal

LONGEST = 255  # characters of issuer and subject
NAMES_TRIED = 20


@dataclass(frozen=True)
class Identity:
    """What a provider vouches for. `email` is one that it has verified, or None; the names are suggestions."""

    issuer: str
    subject: str
    email: str | None = None
    name: str = ""
    nickname: str = ""

    def __post_init__(self) -> None:
        if not self.subject or max(len(self.issuer), len(self.subject)) > LONGEST:
            raise BadRequest(reason=say("The sign-in service names you in a way that cannot be kept here."))


@dataclass(frozen=True)
class Entry:
    """A browser session, and how this person got it: known already, found by their e-mail, or new here."""

    signed_in: SignedIn
    linked_now: bool = False
    is_new: bool = False


def sign_in(db: Database, identity: Identity, *, now: datetime) -> Entry:
    """Sign in whoever has this identity; else whoever has its e-mail address; else somebody new, in no course yet."""
    try:
        with db.write() as session:
            known = queries.signing_in.identity(session, identity.issuer, identity.subject)
            found = queries.people.user_with_email(session, identity.email) if identity.email and not known else None
            if known:
                user = queries.people.locked_user(session, known.user_id)
            elif found:
                user = _found_by_email(session, queries.people.locked_user(session, found.id), identity, now)
            else:
                user = _somebody_new(session, identity, now)
            if user.disabled_at:
                raise Forbidden(reason=say("Your account here is disabled. Ask your course staff about it."))
            return Entry(browser_sessions.begin_session(session, user, now), bool(found), not (known or found))
    except IntegrityError as error:  # somebody came twice at once; the second time they are known
        raise Busy() from error


def link(db: Database, identity: Identity, *, principal: Principal, now: datetime) -> None:
    """Let somebody who is signed in come by this identity from now on."""
    with db.write() as session:
        user = queries.people.locked_user(session, principal.user_id)
        known = queries.signing_in.identity(session, identity.issuer, identity.subject)
        if known and known.user_id == user.id:
            return
        if known:
            raise Conflict(reason=say("This identity belongs to another account here. Sign out and sign in with it."))
        _link(session, user, identity, now)


def unlink(db: Database, issuer: str, *, principal: Principal, now: datetime) -> None:
    """Forget a link again, where a password remains to sign in with."""
    with db.write() as session:
        user = queries.people.locked_user(session, principal.user_id)
        if user.password_hash is None:
            raise Conflict(reason=say("Without it you could not sign in: this account has no password."))
        session.execute(delete(SsoIdentity).where(SsoIdentity.user_id == user.id, SsoIdentity.issuer == issuer))
        audit.record(session, actor=user.username, action="sso.unlink", subject=user.username, now=now, issuer=issuer)


def _found_by_email(session: Session, user: User, identity: Identity, now: datetime) -> User:
    """Whoever the provider says owns the address has the account alone from now on.

    Nobody here has checked that whoever typed the address into the account owned it, so that their password and
    whatever else they could still come in by ends. Of staff a provider's word is not enough.
    """
    roles = queries.people.roles_of(session, user.id)
    if user.is_admin or any(enrolment.role != "student" for enrolment, _ in roles):
        raise Forbidden(
            reason=say(
                "The account with your e-mail address belongs to course staff. "
                "Sign in with your password, then link this sign-in on your account page."
            )
        )
    user.password_hash = None
    accounts.revoke_everything(session, user, now)
    _link(session, user, identity, now)
    return user


def _somebody_new(session: Session, identity: Identity, now: datetime) -> User:
    username = _free_name(session, identity)
    try:
        display_name = names.checked_text(identity.name, say("A display name"), 200)
    except BadRequest:
        display_name = username
    user = accounts.add_user(
        session, username, display_name=display_name, email=identity.email, now=now, actor=username
    )
    _link(session, user, identity, now)
    return user


def _free_name(session: Session, identity: Identity) -> str:
    """The name the provider knows them by, as far as it can be one here, with a number where it is taken."""
    known_as = identity.nickname or (identity.email or "")
    name = re.sub(r"[^A-Za-z0-9._+-]", "", known_as.split("@")[0])[:40].lstrip("._+-") or "student"
    tried = [name, *(f"{name}-{n}" for n in range(2, NAMES_TRIED))]
    keys = {one: names.key_of(one) for one in tried}
    free = (
        one
        for one, key in keys.items()
        if key not in names.RESERVED and queries.people.user_by_key(session, key) is None
    )
    return next(free, f"{name}-{secrets.token_hex(4)}")


def _link(session: Session, user: User, identity: Identity, now: datetime) -> None:
    session.add(SsoIdentity(issuer=identity.issuer, subject=identity.subject, user_id=user.id, created_at=now))
    audit.record(
        session, actor=user.username, action="sso.link", subject=user.username, now=now, issuer=identity.issuer
    )
