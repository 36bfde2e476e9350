"""Tokens: made, listed and revoked by their owners, and who comes with one."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from unseen_server.core.digests import digest_of
from unseen_server.core.errors import BadRequest, Busy, Conflict, NotFound, NotSignedIn, StorageFull
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import Token, User
from unseen_server.db.session import Database
from unseen_server.services import audit, names
from unseen_server.services.accounts import user_named
from unseen_server.services.principals import SCOPES, Principal

LAST_USE_PRECISION = timedelta(minutes=10)  # a token's last use is not written down more often
NOT_WORTH_WAITING = 0.1  # seconds: reading goes on when the last use cannot be written down


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
    with db.write() as session:
        user = user_named(session, username)
        if user.disabled_at:
            raise Conflict(reason=say("{name} is disabled. Enable the account first.", name=user.username))
        return add_token(session, user, name=name, scope=scope, expires_at=expires_at, actor=actor, now=now)


def add_token(
    session: Session,
    user: User,
    *,
    name: str,
    scope: str,
    expires_at: datetime | None,
    actor: str,
    now: datetime,
) -> str:
    """The same inside the caller's transaction."""
    if scope not in SCOPES:
        raise BadRequest(
            reason=say(
                "“{scope}” is not a scope. Use one of: {scopes}.",
                scope=names.printable(scope),
                scopes=", ".join(SCOPES),
            )
        )
    token = "unseen_" + secrets.token_urlsafe(32)
    session.add(
        Token(
            user_id=user.id,
            name=names.checked_text(name, say("A token's name"), 100),
            prefix=token[:13],
            digest=digest_of(token),
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
            for t in queries.signing_in.tokens_of(session, user_id)
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


def principal_of_token(db: Database, token: str, now: datetime) -> Principal:
    """Raises NotSignedIn for a token that is unknown, revoked or expired, or whose owner is disabled."""
    with db.read() as session:
        found = queries.signing_in.token_with_digest(session, digest_of(token))
        if found is None:
            raise NotSignedIn()
    row, roles = found
    if row.revoked_at or row.disabled_at or (row.expires_at and row.expires_at <= now):
        raise NotSignedIn()
    if row.last_used_at is None or now - row.last_used_at > LAST_USE_PRECISION:
        with contextlib.suppress(Busy, StorageFull), db.write(patience=NOT_WORTH_WAITING) as session:
            session.get_one(Token, row.id).last_used_at = now
    return Principal(
        user_id=row.user_id,
        username=row.username,
        display_name=row.display_name,
        is_admin=row.is_admin,
        roles=roles,
        scope=row.scope,
        token_name=row.name,
        token_expires_at=row.expires_at,
    )
