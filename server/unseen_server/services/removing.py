"""Taking a competition away and bringing it back: nothing is deleted, only its staff still see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from unseen_server.core.errors import Conflict
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import Competition
from unseen_server.db.session import Database
from unseen_server.services import audit, competitions
from unseen_server.services.principals import Principal


@dataclass(frozen=True)
class AtStake:
    """What students would no longer find."""

    teams: int
    submissions: int


def at_stake(db: Database, *, slug: str, principal: Principal, now: datetime) -> AtStake:
    with db.read() as session:
        return _at_stake(session, competitions.instructed(session, slug, principal, now))


def remove(db: Database, *, slug: str, principal: Principal, now: datetime) -> None:
    """Hide it from everybody but its staff."""
    with db.write() as session:
        competition = competitions.instructed(session, slug, principal, now, locked=True)
        if competition.removed_at is not None:
            raise Conflict(reason=say("This competition was removed already. You can bring it back."))
        competition.removed_at = now
        stake = _at_stake(session, competition)
        audit.record_in(session, competition, principal, now, "competition.remove", slug, **vars(stake))


def restore(db: Database, *, slug: str, principal: Principal, now: datetime) -> None:
    with db.write() as session:
        competition = competitions.instructed(session, slug, principal, now, locked=True)
        if competition.removed_at is None:
            raise Conflict(reason=say("This competition is not removed; there is nothing to bring back."))
        competition.removed_at = None
        audit.record_in(session, competition, principal, now, "competition.restore", slug)


def _at_stake(session: Session, competition: Competition) -> AtStake:
    return AtStake(
        teams=queries.boards.ranked_teams(session, competition.id),
        submissions=queries.submissions.student_submissions(session, competition.id),
    )
