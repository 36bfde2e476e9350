"""What the staff do with students' teams, each time with a reason: make two one, and give one another name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy.orm import Session

from unseen_server.core.errors import BadRequest, NotFound, WrongPhase
from unseen_server.core.merging import Together
from unseen_server.core.schedule import Phase
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import Competition, Team
from unseen_server.db.session import Database
from unseen_server.services import competitions, merging, names, teamwork
from unseen_server.services.merging import Merged
from unseen_server.services.principals import Principal


def team_names(db: Database, *, slug: str, principal: Principal, now: datetime) -> Sequence[str]:
    """The students' teams, for whoever may correct them."""
    with db.read() as session:
        competition = competitions.staffed(session, slug, principal, now)
        return queries.teams.student_team_names(session, competition.id)


def propose_merge(db: Database, *, slug: str, team: str, other: str, principal: Principal, now: datetime) -> Together:
    """What the two would be as one, to be read back first; refused as merging them would be."""
    with db.read() as session:
        competition = _correctable(session, slug, principal, now)
        return merging.together(session, competition, *_two_teams(session, competition, team, other), now)


def merge(
    db: Database, *, slug: str, team: str, other: str, reason: str, principal: Principal, now: datetime
) -> Merged:
    """Make `other` part of `team`, both given by name; the staff may go beyond the limits that students keep to."""
    with _correcting(db, slug, principal, now) as (session, competition):
        host, guest = _two_teams(session, competition, team, other)
        why = names.checked_reason(reason)
        return merging.merge(session, competition, host, guest, now=now, actor=principal.username, reason=why)


def rename(db: Database, *, slug: str, team: str, name: str, reason: str, principal: Principal, now: datetime) -> str:
    """Give a team another name; returns it as it is kept."""
    with _correcting(db, slug, principal, now) as (session, competition):
        found = _students_team(session, competition, team)
        why = names.checked_reason(reason)
        return teamwork.rename(session, competition, found, name, actor=principal.username, now=now, reason=why)


@contextmanager
def _correcting(db: Database, slug: str, principal: Principal, now: datetime) -> Iterator[tuple[Session, Competition]]:
    with db.write() as session:
        yield session, _correctable(session, slug, principal, now, locked=True)


def _correctable(
    session: Session, slug: str, principal: Principal, now: datetime, *, locked: bool = False
) -> Competition:
    competition = competitions.staffed(session, slug, principal, now, locked=locked)
    phase = competitions.phase_of(competition, now)
    if phase not in (Phase.OPEN, Phase.CLOSED):
        raise WrongPhase(phase=phase, action=say("changing a team"), needed=Phase.OPEN)
    return competition


def _two_teams(session: Session, competition: Competition, team: str, other: str) -> tuple[Team, Team]:
    host, guest = _students_team(session, competition, team), _students_team(session, competition, other)
    if host.id == guest.id:
        raise BadRequest(reason=say("Name two different teams."))
    return host, guest


def _students_team(session: Session, competition: Competition, name: str) -> Team:
    team = queries.teams.team_named(session, competition.id, names.key_of(name))
    if team is None or team.kind != "student":
        known = queries.teams.student_team_names(session, competition.id)
        raise NotFound(
            what=say("team of students “{name}”", name=names.printable(name)),
            advice=names.did_you_mean(name, known) or say("The leaderboard has the names of all teams."),
        )
    return team
