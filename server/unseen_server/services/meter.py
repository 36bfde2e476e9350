"""The overfitting meter of a competition, and the replay: for its staff always, for everybody after the reveal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from unseen_server import storage
from unseen_server.core import meter as core
from unseen_server.core import metrics, release, replays
from unseen_server.core.errors import NotFound
from unseen_server.core.ladder import Judged, Replay, Rung
from unseen_server.core.meter import Drift, Shown, Step, Submitted
from unseen_server.core.metrics import Floats, Metric
from unseen_server.core.ranking import Direction
from unseen_server.core.release import LADDER
from unseen_server.core.replays import Outcome
from unseen_server.core.sentences import say
from unseen_server.core.splits import IGNORED, PRIVATE, PUBLIC
from unseen_server.db import queries
from unseen_server.db.models import Competition
from unseen_server.db.session import Database
from unseen_server.services import competitions, releasing
from unseen_server.services.kept import Kept
from unseen_server.services.keys import KeyRing, LoadedKey
from unseen_server.services.principals import Principal
from unseen_server.services.releasing import History

TOP = 3
SIGNIFICANT_DIGITS = 3  # of what is told to others than the staff
AT_ONCE = 20  # prediction vectors in memory
KEPT = 16  # meters held in memory at most
PATIENCE = 5.0  # seconds that a request waits for a meter that another one computes,
MOST_WAITING = 2  # where no more than so many wait already

Tell = Callable[[float | None], float | None]


@dataclass(frozen=True)
class Point:
    """One submission in the scatter."""

    ref: int
    team: str
    public: float
    private: float


@dataclass(frozen=True)
class MeteredTeam:
    """One team. `z` is None where its best submission is its first: then both optimisms are 0.

    `public` and `private` are the scores of its best submission on the public board, `final` the private score that
    counts. The regrets say how much worse than its best submission do, on the private rows, the finals that it chose
    (None: it chose none) and those that the default rule would take.
    """

    team: str
    submissions: int
    public_rank: int | None
    private_rank: int | None
    public: float | None
    private: float | None
    final: float | None
    z: float | None
    flagged: bool
    optimism: float | None
    expected_optimism: float | None
    regret_chosen: float | None
    regret_default: float | None
    curve: list[Step]


@dataclass(frozen=True)
class Replayed:
    """How the competition would have ended under a daily limit (None: all that was submitted) and a release.

    `actual`: as it did end, with the final submissions that teams chose; everywhere else the default rule picks them.
    """

    actual: bool
    daily_limit: int | None
    release: str
    submissions: int
    winner: str | None
    winning_score: float | None
    top: list[str]
    ranks_changed: int
    optimism: float | None


@dataclass(frozen=True)
class Meter:
    """All of it. `exact`: as the staff see it; else public scores are those displayed, the rest three digits.

    None stands for what this metric, or so few submissions, cannot tell.
    """

    competition: str
    metric: str
    direction: str
    exact: bool
    public_rows: int
    private_rows: int
    submissions: int
    flagged: int
    flagged_above: float
    slope: float | None
    intercept: float | None
    kendall_tau: float | None
    optimism: float | None
    expected_optimism: float | None
    shake_up: float | None
    expected_shake_up: float | None
    regret_chosen: float | None
    regret_default: float | None
    teams: list[MeteredTeam]
    points: list[Point]
    curve: list[Step]
    replays: list[Replayed]


Meters = Kept[tuple[Any, ...], Meter]  # by everything that one depends on (_state)


def meter(db: Database, keys: KeyRing, kept: Meters, *, slug: str, principal: Principal | None, now: datetime) -> Meter:
    """NotFound before the reveal, but for the course's staff."""
    with db.read() as session:
        competition = competitions.visible(session, slug, principal, now)
        exact = principal is not None and principal.is_staff_of(competition.course_id)
        if not exact and competition.revealed_at is None:
            raise NotFound(what=say("overfitting meter"), advice=say("It opens when the course staff reveal it."))
        state = (competition.id, exact, *_state(session, competition))
    return kept.of(state, lambda: _meter(db, keys.of(competition), competition, exact=exact))


def staffs_meter(db: Database, keys: KeyRing, kept: Meters, *, slug: str, principal: Principal, now: datetime) -> Meter:
    """The same, for the course's staff alone."""
    with db.read() as session:
        competitions.staffed(session, slug, principal, now)
    return meter(db, keys, kept, slug=slug, principal=principal, now=now)


def _state(session: Session, competition: Competition) -> tuple[Any, ...]:
    """Another one whenever something changes that the meter depends on."""
    found = queries.boards.board_state(session, competition.slug, None)
    return (
        competition.board_version,
        competition.key_version,
        competition.release,
        found.head if found else None,
        tuple(queries.submissions.selected_of_competition(session, competition.id)),
    )


# gathering


@dataclass(frozen=True)
class _Gathered:
    """What is stored of it. `shown`: by what submissions do stand; `start`: the predictions the ladder starts from."""

    names: Mapping[int, str]
    teams: Mapping[int, Sequence[Submitted]]
    shown: Shown
    histories: Mapping[int, History]
    start: Floats | None


def _gathered(session: Session, competition: Competition, metric: Metric, *, exact: bool) -> _Gathered:
    rows = queries.boards.metered(session, competition.id, competition.key_version)
    submitted = [
        Submitted(
            ref=row.id,
            team=row.team_id,
            entered_as=row.entered_as or row.team_id,
            day=row.quota_day,
            counts=not row.late and row.withdrawn_at is None,
            chosen=row.selected,
            score=row.value,
            told=row.value if exact else row.shown,
            private=row.private_value,
        )
        for row in rows
    ]
    return _Gathered(
        names={team_id: team.name for team_id, team in queries.teams.teams_by_id(session, competition.id).items()},
        teams=dict(core.by_team(submitted)),
        shown={row.id: row.shown for row in rows},
        histories=releasing.histories(session, competition),
        start=releasing.measured_by(session, competition) if metric.is_mean else None,
    )


@dataclass
class _Found:
    """What only the predictions tell, a team at a time.

    `ladders`: by daily limit, what was accepted and shown on the ladder; `losses`: of each team's best on the rows for
    the covariance, in the order of `means`.
    """

    drifts: dict[int, Drift] = field(default_factory=dict)
    ladders: dict[int | None, dict[int, float | None]] = field(
        default_factory=lambda: {limit: {} for limit in replays.DAILY_LIMITS}
    )
    means: list[float] = field(default_factory=list)
    losses: list[Floats] = field(default_factory=list)


@dataclass(frozen=True)
class _Rows:
    """Which rows of the key are public, private, counted at all, and looked at for the covariance."""

    public: NDArray[np.intp]
    private: NDArray[np.intp]
    counted: NDArray[np.intp]
    sampled: NDArray[np.intp]

    @classmethod
    def of(cls, key: LoadedKey) -> _Rows:
        usage = key.answers.usage
        counted = np.flatnonzero(usage != IGNORED)
        return cls(
            np.flatnonzero(usage == PUBLIC),
            np.flatnonzero(usage == PRIVATE),
            counted,
            core.rows_for_covariance(counted),
        )


def _from_predictions(
    db: Database, key: LoadedKey, competition: Competition, metric: Metric, gathered: _Gathered, rows: _Rows
) -> _Found:
    found = _Found()
    if gathered.start is None:
        return found
    start = Rung(metric.losses(key.answers.labels, gathered.start)[rows.public])
    for team, submissions in gathered.teams.items():
        counting = [one for one in submissions if one.counts]
        best = core.best_shown(counting, gathered.shown, metric.direction)
        own = {counting[0].ref, best.ref} if best else set()
        ladders = _ladders(submissions, gathered.histories[team], start, competition)
        whole: dict[int, Floats] = {}
        of = {one.ref: one for one in submissions}
        for ref, predictions in _read(db, list(of)):
            losses = metric.losses(key.answers.labels, predictions)
            if ref in own:
                whole[ref] = losses
            judged = Judged(ref, of[ref].entered_as, of[ref].score, losses[rows.public])
            for limit, (kept, replay) in ladders.items():
                if ref in kept:
                    told = replay.told(judged)
                    found.ladders[limit][ref] = told.shown if told.accepted else None
        if best is not None:
            found.means.append(metrics.total(whole[best.ref][rows.counted]) / len(rows.counted))
            found.losses.append(whole[best.ref][rows.sampled])
            d = whole[best.ref] - whole[counting[0].ref]
            found.drifts[team] = core.drift(d[rows.public], d[rows.private])
    return found


def _read(db: Database, refs: Sequence[int]) -> Iterator[tuple[int, Floats]]:
    """A few at a time, and no transaction is open while they are looked at."""
    for begin in range(0, len(refs), AT_ONCE):
        with db.read() as session:
            some = list(storage.predictions_of(session, refs[begin : begin + AT_ONCE]))
        yield from some


def _ladders(
    submissions: Sequence[Submitted], history: History, start: Rung, competition: Competition
) -> Mapping[int | None, tuple[Collection[int], Replay]]:
    """By daily limit: which submissions of a team there would have been, and the ladder that judges them."""
    constants = releasing.constants_of(competition)
    return {
        limit: (
            {one.ref for one in replays.within_limit(submissions, history.merges, limit)},
            Replay(history.merges, start, constants),
        )
        for limit in replays.DAILY_LIMITS
    }


# the meter


def _meter(db: Database, key: LoadedKey, competition: Competition, *, exact: bool) -> Meter:
    metric, rows = metrics.metric(competition.metric), _Rows.of(key)
    with db.read() as session:
        gathered = _gathered(session, competition, metric, exact=exact)
    found = _from_predictions(db, key, competition, metric, gathered, rows)
    tell: Tell = _exactly if exact else _coarsely
    counting = {team: own for team, every in gathered.teams.items() if (own := [one for one in every if one.counts])}
    teams = _teams(competition, metric.direction, gathered, counting, found, rows)
    every = [one for own in counting.values() for one in own]
    ranked = [team for team in teams if team.public_rank is not None and team.private_rank is not None]
    return Meter(
        competition=competition.slug,
        metric=competition.metric,
        direction=metric.direction,
        exact=exact,
        public_rows=len(rows.public),
        private_rows=len(rows.private),
        submissions=len(every),
        flagged=sum(team.flagged for team in teams),
        flagged_above=core.FLAGGED_ABOVE,
        **_scatter([one for one in every if one.told is not None], tell),
        optimism=tell(core.mean([team.optimism for team in teams])),
        expected_optimism=tell(core.mean([team.expected_optimism for team in teams])),
        shake_up=tell(_shake_up(ranked)),
        expected_shake_up=tell(_by_noise(found, rows)),
        regret_chosen=tell(core.mean([team.regret_chosen for team in teams])),
        regret_default=tell(core.mean([team.regret_default for team in teams])),
        teams=[_told(team, tell) for team in teams],
        points=[
            Point(one.ref, gathered.names[one.team], one.told, one.private) for one in every if one.told is not None
        ],
        curve=core.median_of([team.curve for team in teams if team.curve]),
        replays=_replays(competition, metric, gathered, counting, found, tell),
    )


def _exactly(value: float | None) -> float | None:
    return value


def _coarsely(value: float | None) -> float | None:
    """To so few digits that no single public score can be worked out from it."""
    return None if value is None else float(f"{value:.{SIGNIFICANT_DIGITS}g}")


def _scatter(points: Sequence[Submitted], tell: Tell) -> dict[str, float | None]:
    public = np.array([one.told for one in points], dtype=np.float64)
    private = np.array([one.private for one in points])
    fitted = core.line(public, private)
    return {
        "slope": tell(fitted.slope if fitted else None),
        "intercept": tell(fitted.intercept if fitted else None),
        "kendall_tau": tell(core.kendall(public, private)),
    }


def _teams(
    competition: Competition,
    direction: Direction,
    gathered: _Gathered,
    counting: Mapping[int, Sequence[Submitted]],
    found: _Found,
    rows: _Rows,
) -> list[MeteredTeam]:
    """Unrounded, by their place on the private rows."""
    shown, count = gathered.shown, competition.final_submissions
    default = {team: core.default_finals(own, shown, count, direction) for team, own in counting.items()}
    chosen = {team: [one for one in own if one.chosen] for team, own in counting.items()}
    bests = {team: core.best_shown(own, shown, direction) for team, own in counting.items()}
    ends = {team: core.best_private(chosen[team] or default[team], direction) for team in counting}
    on_public = core.places(
        {team: best for team, best in bests.items() if best},
        {team: score for team, best in bests.items() if best and (score := shown[best.ref]) is not None},
        direction,
    )
    on_private = core.places(
        {team: end for team, end in ends.items() if end},
        {team: end.private for team, end in ends.items() if end},
        direction,
    )
    return [
        _team(
            counting[team],
            found.drifts.get(team),
            bests[team],
            ends[team],
            direction,
            rows,
            team=gathered.names[team],
            public_rank=on_public.get(team),
            private_rank=on_private.get(team),
            regret_chosen=core.regret(counting[team], chosen[team], direction),
            regret_default=core.regret(counting[team], default[team], direction),
            curve=core.running_best(counting[team], shown, direction),
        )
        for team in sorted(counting, key=lambda team: on_private.get(team, len(counting) + 1))
    ]


def _team(
    submissions: Sequence[Submitted],
    drift: Drift | None,
    best: Submitted | None,
    end: Submitted | None,
    direction: Direction,
    rows: _Rows,
    **known: Any,
) -> MeteredTeam:
    K, sd = len(submissions), drift.sd if drift else None
    return MeteredTeam(
        submissions=K,
        public=best.told if best else None,
        private=best.private if best else None,
        final=end.private if end else None,
        z=drift.z if drift else None,
        flagged=core.is_flagged(drift.z if drift else None),
        optimism=core.optimism(submissions[0], best, direction) if best else None,
        expected_optimism=None if sd is None else core.expected_optimism(sd, K, len(rows.public)),
        **known,
    )


def _told(team: MeteredTeam, tell: Tell) -> MeteredTeam:
    return replace(
        team,
        z=tell(team.z),
        optimism=tell(team.optimism),
        expected_optimism=tell(team.expected_optimism),
        regret_chosen=tell(team.regret_chosen),
        regret_default=tell(team.regret_default),
    )


def _shake_up(teams: Sequence[MeteredTeam]) -> float | None:
    """Among these teams, which stand on both boards and are given by their place on the private one."""
    by_public = sorted(range(len(teams)), key=lambda place: teams[place].public_rank or 0)
    public = {place: rank for rank, place in enumerate(by_public, start=1)}
    return core.shake_up(public, {place: place + 1 for place in public})


def _by_noise(found: _Found, rows: _Rows) -> float | None:
    if not found.losses or len(rows.sampled) < 2:
        return None
    covariance = np.atleast_2d(np.cov(np.array(found.losses), ddof=1))
    return core.expected_shake_up(np.array(found.means), covariance, len(rows.public), len(rows.private))


# the replay


def _replays(
    competition: Competition,
    metric: Metric,
    gathered: _Gathered,
    counting: Mapping[int, Sequence[Submitted]],
    found: _Found,
    tell: Tell,
) -> list[Replayed]:
    """How it ended first; then every release that the metric allows under every limit."""
    finals, direction = competition.final_submissions, metric.direction
    actual = replays.outcome(counting, gathered.shown, finals, direction, as_chosen=True)
    every = sum(map(len, counting.values()))
    lines = [_line(actual, actual, every, gathered, tell, competition.daily_limit, competition.release)]
    for limit in replays.DAILY_LIMITS:
        kept = {
            team: [one for one in replays.within_limit(every, gathered.histories[team].merges, limit) if one.counts]
            for team, every in gathered.teams.items()
        }
        kept = {team: own for team, own in kept.items() if own}
        many = sum(map(len, kept.values()))
        for name in release.offered(metric):
            shown = found.ladders[limit] if name == LADDER else _shown_by(name, kept, competition)
            end = replays.outcome(kept, shown, finals, direction)
            lines.append(_line(end, actual, many, gathered, tell, limit, name))
    return lines


def _shown_by(name: str, kept: Mapping[int, Collection[Submitted]], competition: Competition) -> Shown:
    constants = releasing.constants_of(competition)
    return {one.ref: release.shown(name, one.score, constants) for own in kept.values() for one in own}


def _line(
    end: Outcome, actual: Outcome, many: int, gathered: _Gathered, tell: Tell, limit: int | None, name: str
) -> Replayed:
    top = [gathered.names[team] for team in list(end.ranks)[:TOP]]
    return Replayed(
        actual=end is actual,
        daily_limit=limit,
        release=name,
        submissions=many,
        winner=top[0] if top else None,
        winning_score=end.winning_score,
        top=top,
        ranks_changed=end.ranks_that_differ(actual),
        optimism=tell(end.optimism),
    )
