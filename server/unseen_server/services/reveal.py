"""The end: final submissions are scored on the private rows, once, and everybody sees it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from unseen_server.core import metrics, ranking
from unseen_server.core.errors import Conflict, WrongPhase
from unseen_server.core.ranking import Direction
from unseen_server.core.schedule import Phase
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import Competition, PrivateStanding, Standing
from unseen_server.db.session import Database
from unseen_server.services import audit, competitions, extensions
from unseen_server.services.principals import Principal


@dataclass(frozen=True)
class _Finalist:
    """A final submission, by its private score."""

    team_id: int
    is_baseline: bool
    sequence: int
    score: float


@dataclass(frozen=True)
class _ByPublic:
    """A submission, by what was shown of it."""

    sequence: int
    score: float | None
    row: Any


def reveal(db: Database, *, slug: str, principal: Principal, now: datetime) -> datetime:
    """Fill the private board and open it, in one transaction; a second time changes nothing.

    Returns when the competition was revealed.
    """
    with db.write() as session:
        competition = competitions.instructed(session, slug, principal, now, locked=True)
        if competition.revealed_at is not None:
            return competition.revealed_at
        check_ended(session, competition, now)
        standings = private_standings(session, competition)
        session.add_all(standings)
        competition.revealed_at = now
        competition.board_version += 1
        audit.record_in(session, competition, principal, now, "competition.reveal", slug, teams=len(standings))
    return now


def check_ended(session: Session, competition: Competition, now: datetime) -> None:
    """A Conflict unless the competition has ended, for those with an extension too, and may be revealed now."""
    phase = competitions.phase_of(competition, now)
    if phase is not Phase.CLOSED:
        raise WrongPhase(phase=phase, action=say("revealing"), needed=Phase.CLOSED)
    extensions.refuse_while_running(session, competition, now)
    if waiting := queries.submissions.pending_counted(session, competition.id):
        raise Conflict(
            reason=say(
                "Files that are still being scored: {count}. Try again in a moment; if that does not help, "
                "see that a worker runs (`unseen-server worker`).",
                count=waiting,
            )
        )


def write_anew(session: Session, competition: Competition) -> dict[str, list[int | None]]:
    """Write the private board of a revealed competition again; which teams' ranks changed, from what to what."""
    before = _ranks(session, competition)
    session.execute(delete(PrivateStanding).where(PrivateStanding.competition_id == competition.id))
    session.add_all(private_standings(session, competition))
    session.flush()
    after = _ranks(session, competition)
    return {
        team: [before.get(team), after.get(team)] for team in {**before, **after} if before.get(team) != after.get(team)
    }


def _ranks(session: Session, competition: Competition) -> dict[str, int | None]:
    return {team.name: standing.rank for standing, _, team in queries.boards.private_board(session, competition.id)}


def private_standings(session: Session, competition: Competition) -> list[PrivateStanding]:
    """The private board as it is by now, best first; the reveal is what writes it down."""
    direction = metrics.metric(competition.metric).direction
    rows = queries.boards.finalists(session, competition.id, competition.key_version)
    public = queries.boards.public_board(session, competition.id, direction)
    ranks = public_ranks(standing for standing, _ in public)
    finalists = [
        _finalist(list(team_rows), competition.final_submissions, direction)
        for _, team_rows in groupby(rows, key=lambda row: row.team_id)
    ]
    return [
        PrivateStanding(
            team_id=finalist.team_id,
            competition_id=competition.id,
            position=position,
            rank=rank,
            public_rank=ranks.get(finalist.team_id),
            score=finalist.score,
            submission_id=finalist.sequence,
        )
        for position, (rank, finalist) in enumerate(ranking.board(finalists, direction), start=1)
    ]


def _finalist(rows: Sequence[Any], count: int, direction: Direction) -> _Finalist:
    """The team's final submission that does best on the private rows, among those chosen or taken by default."""
    finals = (
        _Finalist(row.team_id, row.kind == "baseline", row.id, row.private_value)
        for row in final_rows(rows, count, direction)
    )
    best = ranking.best(finals, direction)
    if best is None:
        raise ValueError(f"team {rows[0].team_id} has no finite private score")
    return best


def final_rows(rows: Sequence[Any], count: int, direction: Direction) -> list[Any]:
    """Of one team's rows of `queries.boards.finalists`: those it chose, else those that count by default."""
    chosen = [row for row in rows if row.selected]
    if chosen:
        return chosen
    shown = [_ByPublic(row.id, row.shown, row) for row in rows]
    return [candidate.row for candidate in ranking.default_finals(shown, count, direction)]


def public_ranks(standings: Iterable[Standing]) -> dict[int, int]:
    """The rank of each ranked team, given the public board from the top."""
    ranked = (standing.team_id for standing in standings if standing.ranked)
    return {team_id: rank for rank, team_id in enumerate(ranked, start=1)}
