"""Taking a competition away and bringing it back: nothing is deleted, only its staff still see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
        competition = _locked(session, slug, principal, now)
        if competition.removed_at is not None:
            raise Conflict(reason=say("This competition was removed already. You can bring it back."))
        competition.removed_at = now
        _record(session, competition, principal, "competition.remove", now, **vars(_at_stake(session, competition)))


def restore(db: Database, *, slug: str, principal: Principal, now: datetime) -> None:
    with db.write() as session:
        competition = _locked(session, slug, principal, now)
        if competition.removed_at is None:
            raise Conflict(reason=say("This competition is not removed; there is nothing to bring back."))
        competition.removed_at = None
        _record(session, competition, principal, "competition.restore", now)


def _locked(session: Session, slug: str, principal: Principal, now: datetime) -> Competition:
    competition = competitions.instructed(session, slug, principal, now)
    return queries.competitions.locked_competition(session, competition.id, exclusively=True)


def _at_stake(session: Session, competition: Competition) -> AtStake:
    return AtStake(
        teams=queries.boards.ranked_teams(session, competition.id),
        submissions=queries.submissions.student_submissions(session, competition.id),
    )


def _record(
    session: Session, competition: Competition, principal: Principal, action: str, now: datetime, **details: Any
) -> None:
    audit.record(
        session,
        actor=principal.username,
        action=action,
        subject=competition.slug,
        now=now,
        competition=competition,
        **details,
    )
