"""Take part in the machine-learning competitions of a course: `from unseen import Client`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unseen.client import Client
    from unseen.errors import (
        LimitReached,
        NotFound,
        NotLoggedIn,
        OutcomeUnknown,
        Problem,
        Refused,
        ServerUnreachable,
        UnseenError,
        UnusablePredictions,
    )
    from unseen.notebook import Table
    from unseen.records import (
        Account,
        Chain,
        Check,
        Competition,
        File,
        Final,
        Job,
        Leaderboard,
        LeaderboardEntry,
        Limits,
        Receipt,
        ReceiptKey,
        Seal,
        Submission,
    )

__all__ = [
    "Account",
    "Chain",
    "Check",
    "Client",
    "Competition",
    "File",
    "Final",
    "Job",
    "Leaderboard",
    "LeaderboardEntry",
    "LimitReached",
    "Limits",
    "NotFound",
    "NotLoggedIn",
    "OutcomeUnknown",
    "Problem",
    "Receipt",
    "ReceiptKey",
    "Refused",
    "Seal",
    "ServerUnreachable",
    "Submission",
    "Table",
    "UnseenError",
    "UnusablePredictions",
]

ROOMS = ("unseen.client", "unseen.notebook", "unseen.errors", "unseen.records")


def __getattr__(name: str) -> Any:
    """Import a name when it is first asked for, so that `unseen --help` waits for none of them."""
    if name == "__version__":
        return import_module("importlib.metadata").version("unseen")
    if name in __all__:
        return next(getattr(room, name) for room in map(import_module, ROOMS[::-1]) if hasattr(room, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
