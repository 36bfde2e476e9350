"""Browsers with which somebody signed in before, told by a signed cookie that outlives the session.

Guesses that others make, at the same name or behind the same address, shut such a browser out of nothing: see OWASP on
device cookies. It gives no right by itself, so there is nothing to revoke.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from flask import current_app, request
from itsdangerous import BadData, URLSafeTimedSerializer

from unseen_server.services.passwords import KnownBrowser
from unseen_server.web.context import cookie_name

COOKIE = "unseen_known"
LASTS = timedelta(days=180)


def made_for(user_id: int) -> str:
    signed: str = _serializer().dumps([user_id, secrets.token_urlsafe(12)])
    return signed


def shown() -> KnownBrowser | None:
    """What this browser shows; None for one that is new, or whose cookie we did not make."""
    try:
        user_id, nonce = _serializer().loads(
            request.cookies.get(cookie_name(COOKIE), ""), max_age=int(LASTS.total_seconds())
        )
    except BadData:
        return None
    return KnownBrowser(user_id, nonce)


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="unseen known browser")
