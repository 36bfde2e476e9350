"""What a request needs to know: who is asking, what time it is, and the server's parts."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import current_app, g, request

from unseen_server.config import Config
from unseen_server.core.errors import BadCsrfToken, NotSignedIn
from unseen_server.db.delivery import Delivery
from unseen_server.db.session import Database
from unseen_server.services import browser_sessions, names, tokens
from unseen_server.services.comparisons import Comparisons
from unseen_server.services.copies import Comparings
from unseen_server.services.jobs import Desk
from unseen_server.services.keys import KeyRing
from unseen_server.services.meter import Meters
from unseen_server.services.principals import Principal
from unseen_server.services.receipts import Signer
from unseen_server.services.room import Room

SESSION_COOKIE = "unseen_session"  # as all our cookies, under the name that `cookie_name` gives it
ARRIVED_AT = "unseen.arrived_at"  # in the WSGI environment: when the last byte came, in seconds since 1970
FOR_KAGGLE = "/api/v1/"  # below it everything is as the clients of Kaggle know it
ASKED_ON_ARRIVAL = "unseen.asked_on_arrival"  # there, too: whether a large body may come, of which nothing is there yet
REFUSED_ON_ARRIVAL = "unseen.refused_on_arrival"  # there, too: the status of a request that was not let in whole
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True)
class Parts:
    """What `create_app` connected; one per application."""

    config: Config
    db: Database
    keys: KeyRing
    comparisons: Comparisons
    meters: Meters
    copies: Comparings
    signer: Signer
    delivery: Delivery
    desk: Desk
    room: Room
    clock: Callable[[], datetime]
    downloads: Path


def parts() -> Parts:
    connected: Parts = current_app.extensions["unseen"]
    return connected


def now() -> datetime:
    return parts().clock()


def is_encrypted() -> bool:
    """Whether browsers come by https:, as far as the configuration tells."""
    encrypted: bool = current_app.config["SESSION_COOKIE_SECURE"]
    return encrypted


def cookie_name(name: str) -> str:
    """Where browsers come by https:, a name that they let nobody set but this host (RFC 6265bis, 4.1.3.2)."""
    return f"__Host-{name}" if is_encrypted() else name


def session_secret() -> str | None:
    """What this browser's cookie holds of a session, if it has one."""
    return request.cookies.get(cookie_name(SESSION_COOKIE))


def received_at() -> datetime:
    """When the last byte of this request arrived; where the server in front does not say, now."""
    arrived = request.environ.get(ARRIVED_AT)
    return now() if arrived is None else datetime.fromtimestamp(arrived, UTC)


def visitor() -> Principal | None:
    """Who is asking, or None for somebody who has not signed in. A token that does not count is refused."""
    if "visitor" not in g:
        g.visitor, g.csrf_token = _identified()
    person: Principal | None = g.visitor
    return person


def need_somebody() -> None:
    """Raises NotSignedIn where nobody is known to ask; without a look at the body, which may not have come yet."""
    kind, _, credential = request.headers.get("Authorization", "").partition(" ")
    if kind:
        _with_token(kind.lower(), credential.strip())
        return
    secret = None if is_for_kaggle() else session_secret()
    if not secret or browser_sessions.principal_of_session(parts().db, secret, now()) is None:
        raise NotSignedIn()


def signed_in() -> Principal:
    person = visitor()
    if person is None:
        raise NotSignedIn()
    return person


def asking(slug: str) -> dict[str, Any]:
    """What services about a competition want to know: which one, who asks, and when."""
    return {"slug": slug, "principal": signed_in(), "now": now()}


def csrf_token() -> str:
    """What the forms of this browser session carry; empty for visitors, whose forms change nothing of theirs."""
    visitor()
    token: str = g.csrf_token
    return token


def is_for_kaggle() -> bool:
    return f"{request.path}/".startswith(FOR_KAGGLE)


def _identified() -> tuple[Principal | None, str]:
    kind, _, credential = request.headers.get("Authorization", "").partition(" ")
    if kind:
        return _with_token(kind.lower(), credential.strip()), ""
    if is_for_kaggle():
        return None, ""  # no cookies there: its forms carry no token of a browser session
    secret = session_secret()
    found = browser_sessions.principal_of_session(parts().db, secret, now()) if secret else None
    if found is None:
        return None, ""
    person, csrf = found
    if request.method not in SAFE_METHODS:
        sent = request.headers.get("X-CSRF-Token") or request.form.get("csrf_token", "")
        if not hmac.compare_digest(sent.encode(), csrf.encode()):
            raise BadCsrfToken()
    return person, csrf


def _with_token(kind: str, credential: str) -> Principal:
    """Bearer everywhere; user name and token as well, for Kaggle's clients, where the token is that user's."""
    if kind == "bearer":
        return tokens.principal_of_token(parts().db, credential, now())
    if kind != "basic" or not is_for_kaggle():
        raise NotSignedIn()
    try:
        username, _, token = base64.b64decode(credential, validate=True).decode().partition(":")
    except ValueError:  # neither base64 nor UTF-8
        raise NotSignedIn() from None
    person = tokens.principal_of_token(parts().db, token, now())
    if names.key_of(username) != names.key_of(person.username):
        raise NotSignedIn()
    return person
