"""Noticing that somebody else changed what a form was filled from."""

from __future__ import annotations

from unseen_server.core.errors import Conflict
from unseen_server.core.sentences import say


def need_unchanged(current: str, shown: str) -> None:
    """Conflict unless the stamp of what is there now is the one that the form was filled from."""
    if current != shown:
        raise Conflict(
            reason=say(
                "Somebody changed this after you opened the page, so nothing was saved. "
                "What you typed is still here: compare it with what is there now, and save it again."
            )
        )
