"""The boards: who stands where, by the public score as it was shown, and after the reveal by the private one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from unseen_server.core import metrics
from unseen_server.core.errors import BadRequest, NotFound
from unseen_server.db import queries
from unseen_server.db.models import Competition, Standing, Team
from unseen_server.db.session import Database
from unseen_server.services import competitions
from unseen_server.services.accounts import Principal

BOARDS = ("public", "private")


@dataclass(frozen=True)
class Entry:
    """One row. `previous_rank` is, on the private board, the rank on the public one; the intervals are None
    where the board shows none."""

    rank: int | None
    team: str
    score: float
    entries: int
    last_submission_at: datetime | None
    is_baseline: bool
    tier: str | None
    behind_leader: list[float] | None
    tied_with_leader: bool | None
    rank_interval: list[int] | None
    previous_rank: int | None
    members: list[str]


@dataclass(frozen=True)
class Board:
    competition: str
    board: str
    generated_at: datetime
    direction: str
    entries: list[Entry]


def board(
    db: Database, *, slug: str, which: str, principal: Principal | None, now: datetime, limit: int | None = None
) -> Board:
    """The first `limit` rows of the public board, or of the private one, which is NotFound before the reveal."""
    with db.read() as session:
        competition = competitions.visible(session, slug, principal, now)
        if which not in BOARDS:
            raise BadRequest(reason=f"There is no such board. Ask for one of: {', '.join(BOARDS)}.")
        if which == "private" and competition.revealed_at is None:
            raise NotFound(what="private leaderboard", advice="It opens when the course staff reveal it.")
        rows = _private if which == "private" else _public
        entries = rows(session, competition, limit)
        direction = metrics.metric(competition.metric).direction
        return Board(competition.slug, which, now, direction, entries)


def stamp(db: Database, *, slug: str, principal: Principal | None, now: datetime) -> str:
    """A short text that changes whenever a board of this competition does, and only then."""
    with db.read() as session:
        competition = competitions.visible(session, slug, principal, now)
        phase = competitions.phase_of(competition, now)
        return f"{phase}-{competition.board_version}-{queries.entries_counted(session, competition.id)}"


def own_team(db: Database, *, slug: str, principal: Principal | None, now: datetime) -> str | None:
    """The name under which the person is on the boards; None for a visitor and for who has not submitted yet."""
    with db.read() as session:
        competition = competitions.visible(session, slug, principal, now)
        team = queries.team_of(session, competition.id, principal.user_id) if principal else None
        return team.name if team else None


def _public(session: Session, competition: Competition, limit: int | None) -> list[Entry]:
    members = queries.members_of_teams(session, competition.id)
    direction = metrics.metric(competition.metric).direction
    rank, entries = 0, []
    for standing, team in queries.public_board(session, competition.id, direction, limit):
        rank += standing.ranked
        score = standing.score
        if score is not None:
            entries.append(_entry(team, standing, members, rank if standing.ranked else None, score, None))
    return entries


def _private(session: Session, competition: Competition, limit: int | None) -> list[Entry]:
    members = queries.members_of_teams(session, competition.id)
    return [
        _entry(team, standing, members, private.rank, private.score, private.public_rank)
        for private, standing, team in queries.private_board(session, competition.id, limit)
    ]


def _entry(
    team: Team,
    standing: Standing,
    members: dict[int, list[str]],
    rank: int | None,
    score: float,
    previous_rank: int | None,
) -> Entry:
    return Entry(
        rank=rank,
        team=team.name,
        score=score,
        entries=standing.entries,
        last_submission_at=standing.last_submission_at,
        is_baseline=team.kind == "baseline",
        tier=team.tier,
        behind_leader=None,
        tied_with_leader=None,
        rank_interval=None,
        previous_rank=previous_rank,
        members=members.get(team.id, []),
    )
