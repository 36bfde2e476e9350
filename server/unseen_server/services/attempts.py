"""How often something secret may be guessed: attempts are counted in the database, by name and by network address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import chain

from sqlalchemy import delete, insert
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
    made = queries.signing_in.failed_sign_ins_since(session, limits, now - WINDOW)
    if any(made.get(subject, 0) >= most for subject, most in limits.items()):
        seconds = int(WINDOW.total_seconds())
        raise TooManyAttempts(wait=Wait(seconds), retry_after=seconds, resets_at=now + WINDOW)


def take(db: Database, limits: Limits, now: datetime) -> None:
    """One of the attempts that are left, before it is known what comes of it; TooManyAttempts where none is.

    So however many are made at once, through whatever processes, they are no more than the limits.
    """
    with db.write() as session:
        queries.signing_in.hold_attempts(session, limits)
        refuse_too_many(session, limits, now)
        count(session, limits, now)


def count(session: Session, limits: Limits, now: datetime) -> None:
    """One more attempt of every subject; those that are no longer asked for are forgotten."""
    session.execute(delete(FailedSignIn).where(FailedSignIn.at <= now - WINDOW))
    session.execute(insert(FailedSignIn), [{"subject": subject[:200], "at": now} for subject in limits])


def forgive(session: Session, limits: Limits) -> None:
    """Whoever succeeds had only mistyped: as many attempts as the first subject has are taken off every one of them."""
    narrowest, *others = limits
    mistyped = queries.signing_in.failed_sign_ins_of(session, narrowest)
    of_others = [queries.signing_in.failed_sign_ins_of(session, subject, len(mistyped)) for subject in others]
    session.execute(delete(FailedSignIn).where(FailedSignIn.id.in_([*mistyped, *chain(*of_others)])))


def count_alone(db: Database, limits: Limits, now: datetime) -> None:
    """The same in a transaction of its own, for an attempt that failed."""
    with db.write() as session:
        count(session, limits, now)
