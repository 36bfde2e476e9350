"""The boards: who stands where, by the public score as it was shown, and after the reveal by the private one."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from unseen_server.core import intervals, metrics, ranking
from unseen_server.core.errors import BadRequest, NotFound
from unseen_server.core.intervals import Compared
from unseen_server.core.ranking import Direction
from unseen_server.core.sentences import Sentence, say
from unseen_server.db import queries
from unseen_server.db.models import Competition
from unseen_server.db.session import Database
from unseen_server.services import competitions, names
from unseen_server.services.boards import Own
from unseen_server.services.comparisons import Comparisons, NotNow
from unseen_server.services.principals import Principal

BOARDS = ("public", "private")
READ_AT_ONCE = 5000  # teams in one question to the database

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """One row. `previous_rank` is, on the private board, the rank on the public one.

    `behind_leader` [low, high], whether the row may be `tied_with_leader` and its `rank_interval` [best, worst]
    (core/intervals) are None for baselines and where the board says nothing of them; on the public board they are no
    more exact than its scores.
    """

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
    note: Sentence | None
    entries: list[Entry]


class Place(NamedTuple):
    """Who stands here, by which score of which submission; the public rank and score beside a private one.

    `mark` is another one after each submission of the team that counts, where the board is the public one (boards.Own).
    """

    team_id: int
    rank: int | None
    score: float
    public_rank: int | None
    public_score: float | None
    submission_id: int | None = None
    compared: Compared | None = None
    mark: Hashable = None


@dataclass(frozen=True)
class Order:
    """A whole board without its names, best first: small enough to keep and to look through.

    `note` says whom the leader does not lead for certain. One that is not `whole` will say more in a moment.
    """

    board: str
    direction: Direction
    places: Sequence[Place]
    note: Sentence | None = None
    whole: bool = True

    @cached_property
    def ranked(self) -> int:
        """How many teams have a rank; baselines have none."""
        return sum(place.rank is not None for place in self.places)

    @cached_property
    def positions(self) -> Mapping[int, int]:
        """Where a team stands, counted from 0, baselines included."""
        return {place.team_id: position for position, place in enumerate(self.places)}

    def is_fresh_for(self, own: Own | None) -> bool:
        """Whether it counts all that one's own team has submitted."""
        if own is None or own.mark is None or self.board != "public":
            return True  # there is nothing of it that submissions change
        position = self.positions.get(own.team_id)
        return position is not None and self.places[position].mark == own.mark


@dataclass(frozen=True)
class Line:
    """One team's way: whenever its best shown public score improved, when and to what."""

    team_id: int
    team: str
    steps: Sequence[tuple[datetime, float]]


@dataclass(frozen=True)
class Progress:
    """Public scores over time, from the start to now or the end, and what the baselines reach."""

    starts_at: datetime
    ends_at: datetime
    direction: Direction
    lines: Sequence[Line]
    baselines: Sequence[tuple[str, float]]


# a board


def board(
    db: Database,
    comparisons: Comparisons | None = None,
    *,
    slug: str,
    which: str,
    principal: Principal | None,
    now: datetime,
    limit: int | None = None,
) -> Board:
    """The first `limit` rows of the public board, or of the private one, which is NotFound before the reveal."""
    found = order(db, comparisons, slug=slug, which=which, principal=principal, now=now, limit=limit)
    with db.read() as session:
        competition = competitions.visible(session, slug, principal, now)
        rows = _entries(session, competition.id, found.places)
        return Board(competition.slug, which, now, found.direction, found.note, [entry for entry in rows if entry])


def order(
    db: Database,
    comparisons: Comparisons | None = None,
    *,
    slug: str,
    which: str,
    principal: Principal | None,
    now: datetime,
    limit: int | None = None,
) -> Order:
    """Who stands where on the public board, or on the private one, which is NotFound before the reveal.

    The first `limit` of them. Without `comparisons` nothing is said of intervals and ties.
    """
    with db.read() as session:
        competition = competitions.visible(session, slug, principal, now)
        order = _order(session, competition, which, None if comparisons else limit)
    if comparisons:
        order = _with_comparisons(order, competition, comparisons)
    return replace(order, places=order.places[:limit])


def entries(
    db: Database, *, slug: str, places: Sequence[Place], principal: Principal | None, now: datetime
) -> list[Entry | None]:
    """The rows of these places; None where what is stored of a team cannot be read."""
    with db.read() as session:
        competition = competitions.visible(session, slug, principal, now)
        return list(_entries(session, competition.id, places))


def names_by_team(db: Database, *, slug: str, principal: Principal | None, now: datetime) -> Mapping[int, str]:
    """A team's name and those of its members, a line each, as they are compared."""
    with db.read() as session:
        competition = competitions.visible(session, slug, principal, now)
        found: dict[int, str] = {}
        for team_id, name in queries.boards.team_and_member_names(session, competition.id):
            found[team_id] = f"{found.get(team_id, '')}\n{names.key_of(name)}"
        return found


def matching(order: Order, known: Mapping[int, str], text: str) -> list[Place]:
    """The places of teams with this text in a name, whatever its case or width."""
    wanted = names.key_of(text)
    return [place for place in order.places if wanted in known.get(place.team_id, "")]


def _order(session: Session, competition: Competition, which: str, limit: int | None) -> Order:
    if which not in BOARDS:
        raise BadRequest(reason=say("There is no such board. Ask for one of: {known}.", known=", ".join(BOARDS)))
    direction = metrics.metric(competition.metric).direction
    if which == "public":
        return Order(which, direction, _public(session, competition.id, direction, limit))
    if competition.revealed_at is None:
        raise NotFound(what=say("private leaderboard"), advice=say("It opens when the course staff reveal it."))
    places: Sequence[Any] = queries.boards.private_places(session, competition.id, limit)
    return Order(which, direction, [Place(*row) for row in places])


def _public(session: Session, competition_id: int, direction: Direction, limit: int | None) -> list[Place]:
    rank, places = 0, []
    rows: Sequence[Any] = queries.boards.public_places(session, competition_id, direction, limit)
    for team_id, ranked, *mark in rows:
        rank += ranked
        score, submission_id, *_ = mark
        places.append(Place(team_id, rank if ranked else None, score, None, None, submission_id, mark=tuple(mark)))
    return places


def _with_comparisons(order: Order, competition: Competition, comparisons: Comparisons) -> Order:
    entries = [(place.submission_id or 0, place.score) for place in order.places if place.rank is not None]
    try:
        if order.board == "public":
            compared = comparisons.public(competition, entries)
        else:
            compared = comparisons.private(competition, [ref for ref, _ in entries])
    except NotNow:
        return replace(order, whole=False)
    if compared is None:
        return order
    each = iter(compared)
    places = [place if place.rank is None else place._replace(compared=next(each)) for place in order.places]
    return replace(order, places=places, note=intervals.who_is_tied(compared))


def _entries(session: Session, competition_id: int, places: Sequence[Place]) -> Iterator[Entry | None]:
    for begin in range(0, len(places), READ_AT_ONCE):
        some = places[begin : begin + READ_AT_ONCE]
        ids = [place.team_id for place in some]
        teams = _readable_teams(session, ids)
        members = queries.teams.members_of_teams(session, competition_id, ids)
        for place in some:
            team = teams.get(place.team_id)
            yield None if team is None else _entry(place, team, members.get(place.team_id, []))


def _readable_teams(session: Session, team_ids: Sequence[int]) -> dict[int, Any]:
    """Their rows by number. What SQLite stored and cannot read back is left out; halving finds all the others."""
    try:
        return {row.id: row for row in queries.boards.standing_teams(session, team_ids)}
    except (ValueError, TypeError):
        if len(team_ids) == 1:
            log.exception("the row of team %s on the board cannot be read", team_ids[0])
            return {}
    half = len(team_ids) // 2
    return _readable_teams(session, team_ids[:half]) | _readable_teams(session, team_ids[half:])


def _entry(place: Place, team: Any, members: list[str]) -> Entry:
    compared = place.compared
    return Entry(
        rank=place.rank,
        team=team.name,
        score=place.score,
        entries=team.entries,
        last_submission_at=team.last_submission_at,
        is_baseline=team.kind == "baseline",
        tier=team.tier,
        behind_leader=list(compared.behind) if compared and compared.behind else None,
        tied_with_leader=compared.tied if compared else None,
        rank_interval=list(compared.ranks) if compared and compared.ranks else None,
        previous_rank=place.public_rank,
        members=members,
    )


# the way there


def progress(db: Database, *, slug: str, teams: Sequence[int], principal: Principal | None, now: datetime) -> Progress:
    """How the best public scores of these teams came about, of what everybody was shown of them alone."""
    with db.read() as session:
        competition = competitions.visible(session, slug, principal, now)
        direction = metrics.metric(competition.metric).direction
        begins = competition.starts_at or competition.launched_at or competition.created_at
        ends = min(now, competition.closed_at or competition.deadline)
        return Progress(
            starts_at=begins,
            ends_at=max(begins, ends),
            direction=direction,
            lines=list(_lines(session, competition, direction, teams)),
            baselines=[(row.name, row.score) for row in queries.boards.public_baselines(session, competition.id)],
        )


def way(db: Database, *, slug: str, team: int, principal: Principal | None, now: datetime) -> list[Line]:
    """How one team's best public score came about; nothing where it has none."""
    with db.read() as session:
        competition = competitions.visible(session, slug, principal, now)
        return list(_lines(session, competition, metrics.metric(competition.metric).direction, [team]))


def _lines(session: Session, competition: Competition, direction: Direction, team_ids: Sequence[int]) -> Iterator[Line]:
    steps: dict[int, list[tuple[datetime, float]]] = {team_id: [] for team_id in team_ids}
    for row in queries.boards.shown_over_time(session, competition.id, competition.key_version, team_ids):
        so_far = steps[row.team_id]
        if not so_far or ranking.better(row.shown, so_far[-1][1], direction):
            so_far.append((row.submitted_at, row.shown))
    teams = _readable_teams(session, team_ids)
    for team_id, way in steps.items():
        if way and team_id in teams:
            yield Line(team_id, teams[team_id].name, way)
