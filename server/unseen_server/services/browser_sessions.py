"""Browser sessions: how they begin and end, and who is behind one."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from unseen_server.core.digests import digest_of
from unseen_server.db import queries
from unseen_server.db.models import BrowserSession, User
from unseen_server.db.session import Database
from unseen_server.services import audit
from unseen_server.services.principals import Principal, principal_for

SESSION_LASTS = timedelta(days=30)


@dataclass(frozen=True)
class SignedIn:
    """A fresh browser session: the cookie's secret and the token its forms must carry."""

    user_id: int
    secret: str
    csrf_token: str
    expires_at: datetime


def begin_session(session: Session, user: User, now: datetime) -> SignedIn:
    """Sign a person in who has shown who they are, inside the caller's transaction; always with a fresh secret."""
    signed_in = SignedIn(user.id, secrets.token_urlsafe(32), secrets.token_urlsafe(32), now + SESSION_LASTS)
    session.execute(delete(BrowserSession).where(BrowserSession.expires_at <= now))
    session.add(
        BrowserSession(
            user_id=user.id,
            digest=digest_of(signed_in.secret),
            csrf_token=signed_in.csrf_token,
            created_at=now,
            expires_at=signed_in.expires_at,
        )
    )
    return signed_in


def end_sessions(session: Session, user_id: int, *, but: str | None = None) -> None:
    """Sign a person's browsers out, all `but` the one with this secret."""
    ended = delete(BrowserSession).where(BrowserSession.user_id == user_id)
    session.execute(ended.where(BrowserSession.digest != digest_of(but)) if but else ended)


def sign_out(db: Database, secret: str) -> None:
    with db.write() as session:
        found = queries.signing_in.browser_session_with_digest(session, digest_of(secret))
        if found:
            session.delete(found[0])


def sign_out_everywhere(db: Database, principal: Principal, *, now: datetime) -> None:
    with db.write() as session:
        end_sessions(session, principal.user_id)
        audit.record(session, actor=principal.username, action="user.sign_out", subject=principal.username, now=now)


def principal_of_session(db: Database, secret: str, now: datetime) -> tuple[Principal, str] | None:
    """The person behind a browser's cookie and the token their forms carry, or None where the session has ended."""
    with db.read() as session:
        found = queries.signing_in.browser_session_with_digest(session, digest_of(secret))
        if found is None:
            return None
        row, user, roles = found
        if row.expires_at <= now or user.disabled_at:
            return None
        return principal_for(session, user, roles=roles), row.csrf_token
