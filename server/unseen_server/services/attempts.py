"""How often something secret may be guessed: attempts are counted in the database, by name and by network address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from unseen_server.core.errors import TooManyAttempts
from unseen_server.core.limits import Wait
from unseen_server.db import queries
from unseen_server.db.models import FailedSignIn
from unseen_server.db.session import Database

WINDOW = timedelta(minutes=15)

Limits = Mapping[str, int]  # how many attempts each subject has within the window


def refuse_too_many(session: Session, limits: Limits, now: datetime) -> None:
    """Raises TooManyAttempts where one of the subjects has used up its attempts."""
    since = now - WINDOW
    if any(
        queries.signing_in.failed_sign_ins_since(session, subject, since) >= most for subject, most in limits.items()
    ):
        seconds = int(WINDOW.total_seconds())
        raise TooManyAttempts(wait=Wait(seconds), retry_after=seconds, resets_at=now + WINDOW)


def count(session: Session, limits: Limits, now: datetime) -> None:
    """One more attempt of every subject; those that are no longer asked for are forgotten."""
    session.execute(delete(FailedSignIn).where(FailedSignIn.at <= now - WINDOW))
    session.add_all(FailedSignIn(subject=subject[:200], at=now) for subject in limits)


def forgive(session: Session, limits: Limits) -> None:
    """Whoever succeeds had only mistyped: as many attempts as the first subject has are taken off every one of them."""
    mistyped = len(queries.signing_in.failed_sign_ins_of(session, next(iter(limits))))
    for subject in limits if mistyped else ():
        ids = queries.signing_in.failed_sign_ins_of(session, subject)[:mistyped]
        session.execute(delete(FailedSignIn).where(FailedSignIn.id.in_(ids)))


def count_alone(db: Database, limits: Limits, now: datetime) -> None:
    """The same in a transaction of its own, for an attempt that failed."""
    with db.write() as session:
        count(session, limits, now)
