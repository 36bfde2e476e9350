"""The reveal before an audience: the private board, opened from the bottom up as far as it is wanted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from unseen_server.core import opening
from unseen_server.core.schedule import Phase
from unseen_server.db import queries
from unseen_server.db.models import Competition, PrivateStanding
from unseen_server.db.session import Database
from unseen_server.services import competitions, reveal
from unseen_server.services.principals import Principal

SHOWN = 40  # rows on the page, the best of those that are open


@dataclass(frozen=True)
class Running:
    """An extension that has not ended: until then the person's team may still submit."""

    person: str
    until: datetime


@dataclass(frozen=True)
class Outlook:
    """What the reveal will do, or when and by whom it was done; `may_reveal` is False for assistants."""

    phase: str
    may_reveal: bool
    teams: int
    baselines: int
    chosen: int
    by_default: int
    extensions: list[Running]
    revealed_at: datetime | None
    revealed_by: str | None


@dataclass(frozen=True)
class Place:
    """An open row of the private board; a baseline has no ranks. `new`: opened by the last step."""

    rank: int | None
    public_rank: int | None
    team: str
    score: float
    is_baseline: bool
    tier: str | None
    members: list[str]
    new: bool


@dataclass(frozen=True)
class Stage:
    """What the audience sees now: the open places, best first, and nothing of those still covered.

    `opened` of `teams` are open, `below` of the open places no longer fit; `after` and `before` are the steps on
    either side, None at an end. `yardstick` are the scores that the first step opens: with as many decimals as they
    need every step is shown, so that nothing moves from one to the next.
    """

    teams: int
    opened: int
    after: int | None
    before: int | None
    places: list[Place]
    below: int
    yardstick: list[float]
    revealed_at: datetime | None

    @property
    def newest(self) -> Place | None:
        """The team that the last step opened, where it was one alone."""
        new = [place for place in self.places if place.new and not place.is_baseline]
        return new[0] if len(new) == 1 else None


def outlook(db: Database, *, slug: str, principal: Principal, now: datetime) -> Outlook:
    with db.read() as session:
        competition = competitions.staffed(session, slug, principal, now)
        rows = queries.boards.finalists(session, competition.id, competition.key_version)
        teams = {row.team_id for row in rows if row.kind == "student"}
        chosen = {row.team_id for row in rows if row.kind == "student" and row.selected}
        phase = competitions.phase_of(competition, now)
        running = queries.extensions.running_extensions(session, competition.id, now) if phase is Phase.CLOSED else ()
        return Outlook(
            phase=phase,
            may_reveal=principal.role_in(competition.course_id) == "instructor",
            teams=len(teams),
            baselines=len({row.team_id for row in rows} - teams),
            chosen=len(chosen),
            by_default=len(teams - chosen),
            extensions=[Running(user.display_name, extension.until) for extension, user in running if extension.until],
            revealed_at=competition.revealed_at,
            revealed_by=queries.audit.who_revealed(session, competition.id) if competition.revealed_at else None,
        )


def stage(db: Database, *, slug: str, opened: int, principal: Principal, now: datetime) -> Stage:
    """The private board with the last `opened` teams open: as the reveal will write it, or as it wrote it."""
    with db.read() as session:
        competition = competitions.instructed(session, slug, principal, now)
        board = _board(session, competition, now)
        teams = sum(standing.rank is not None for standing in board)
        opened = min(max(opened, 0), teams)
        before = opening.before(opened, teams)
        first_step = _first_open(teams, opening.after(0, teams) or 0)
        places = list(_places(session, competition, board, _first_open(teams, opened), _first_open(teams, before or 0)))
        return Stage(
            teams=teams,
            opened=opened,
            after=opening.after(opened, teams),
            before=before,
            places=places[:SHOWN],
            below=max(len(places) - SHOWN, 0),
            yardstick=[place.score for place in places if place.rank and place.rank >= first_step],
            revealed_at=competition.revealed_at,
        )


def _board(session: Session, competition: Competition, now: datetime) -> Sequence[PrivateStanding]:
    if competition.revealed_at is not None:
        return [standing for standing, _, _ in queries.boards.private_board(session, competition.id)]
    reveal.check_ended(session, competition, now)
    return reveal.private_standings(session, competition)


def _first_open(teams: int, opened: int) -> int:
    """The best rank that is open; past the last one where none is."""
    return teams - opened + 1


def _places(
    session: Session, competition: Competition, board: Sequence[PrivateStanding], first: int, first_before: int
) -> Iterator[Place]:
    """The open rows, best first."""
    members = queries.teams.members_of_teams(session, competition.id)
    teams = queries.teams.teams_by_id(session, competition.id)
    for standing, rank in zip(board, _opened_with(board), strict=True):
        if rank < first:
            continue
        team = teams[standing.team_id]
        yield Place(
            rank=standing.rank,
            public_rank=standing.public_rank,
            team=team.name,
            score=standing.score,
            is_baseline=standing.rank is None,
            tier=team.tier,
            members=members.get(team.id, []),
            new=rank < first_before,
        )


def _opened_with(board: Sequence[PrivateStanding]) -> list[int]:
    """The rank with which each row opens: a baseline with the team just above it, one above all with the winner."""
    ranks, above = [], 1
    for standing in board:
        above = standing.rank or above
        ranks.append(above)
    return ranks
