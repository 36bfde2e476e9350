"""How far the public rows were overfitted: what a class's submissions promised there, against what they kept.

Only submissions that count are looked at: of student teams, on time, not withdrawn. A team's `first` is the earliest of
them, its `best` the one it stands by on the public board: the best by what was displayed, the earlier of equals.

    Blum & Hardt, The Ladder, 2015 (arXiv 1502.04585)            what reuse of a held-out set does
    Dwork et al., The reusable holdout, Science 349, 2015        the same, from the side of the analyst
    Neto et al., 2016 (arXiv 1607.00091)                         shake-up, and how much of it is noise
    Roelofs et al., A meta-analysis of overfitting in machine learning, NeurIPS 2019   the scatter of public and private
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from unseen_server.core import ranking
from unseen_server.core.metrics import Floats, total
from unseen_server.core.ranking import Direction

FLAGGED_ABOVE = 2.33  # of z: one honest team in a hundred, two or three where a best of many was picked
DRAWS = 1000  # of noise alone
ROWS_AT_MOST = 4096  # from which the covariance of teams is estimated
SEED = 1502_04585
_COMPARED_AT_ONCE = 64

Shown = Mapping[int, float | None]  # by what a submission can stand on the board, by its number


@dataclass(frozen=True, slots=True)
class Submitted:
    """A student team's submission. `entered_as` is the team as it was then; `counts`: on time and not withdrawn.

    `score` is the public one, unrounded; `told` the same as far as the reader may know it; `chosen` to be final.
    """

    ref: int
    team: int
    entered_as: int
    day: date
    counts: bool
    chosen: bool
    score: float
    told: float | None
    private: float


@dataclass(frozen=True, slots=True)
class _Placed:
    """A submission by the score that it is ranked by."""

    score: float | None
    of: Submitted

    @property
    def sequence(self) -> int:
        return self.of.ref


# what stands for a team


def best_shown(submissions: Collection[Submitted], shown: Shown, direction: Direction) -> Submitted | None:
    """By what was displayed, the earlier of equals; None where nothing was."""
    best = ranking.best((_Placed(shown[one.ref], one) for one in submissions), direction)
    return best.of if best else None


def best_private(submissions: Collection[Submitted], direction: Direction) -> Submitted | None:
    best = ranking.best((_Placed(one.private, one) for one in submissions), direction)
    return best.of if best else None


def default_finals(
    submissions: Collection[Submitted], shown: Shown, count: int, direction: Direction
) -> list[Submitted]:
    """The final submissions of a team that chose none."""
    placed = (_Placed(shown[one.ref], one) for one in submissions)
    return [one.of for one in ranking.default_finals(placed, count, direction)]


def places(submissions: Mapping[int, Submitted], scores: Mapping[int, float], direction: Direction) -> dict[int, int]:
    """Ranks 1, 2, 3 ... by team, each standing by one submission with this score; ties to the earlier submission."""
    placed = [_Placed(scores[team], one) for team, one in submissions.items()]
    return {one.of.team: rank for rank, one in enumerate(ranking.in_order(placed, direction), start=1)}


# public against private


@dataclass(frozen=True, slots=True)
class Line:
    """private = intercept + slope * public, by least squares."""

    slope: float
    intercept: float


def line(public: Floats, private: Floats) -> Line | None:
    """None where all public scores, each (n,), are one."""
    n = len(public)
    if n < 2 or (public == public[0]).all():
        return None
    x, y = total(public) / n, total(private) / n
    slope = total((public - x) * (private - y)) / total((public - x) ** 2)
    return Line(slope, y - slope * x)


def kendall(x: Floats, y: Floats) -> float | None:
    """Kendall's tau-b of pairs (n,): (concordant - discordant) / sqrt((pairs not tied in x) (pairs not tied in y)).

    Discordant pairs are counted while merging (Knight, JASA 61, 1966). None where all x or all y are one.
    """
    order = np.lexsort((y, x))
    x, y = x[order], y[order]
    pairs = len(x) * (len(x) - 1) // 2
    tied_x, tied_y = _ties(x[1:] == x[:-1]), _ties(np.diff(np.sort(y)) == 0)
    tied_both = _ties((x[1:] == x[:-1]) & (y[1:] == y[:-1]))
    if tied_x == pairs or tied_y == pairs:
        return None
    balance = pairs - tied_x - tied_y + tied_both - 2 * _inversions(y)
    return balance / math.sqrt((pairs - tied_x) * (pairs - tied_y))


def _ties(same_as_next: NDArray[np.bool_]) -> int:
    """Pairs that are equal, where equal ones stand next to each other."""
    ends = np.flatnonzero(~np.concatenate([[False], same_as_next, [False]]))
    return sum(run * (run - 1) // 2 for run in np.diff(ends).tolist())


def _inversions(y: Floats) -> int:
    """Pairs i < j with y_i > y_j."""
    if len(y) <= _COMPARED_AT_ONCE:
        return int(np.count_nonzero(np.triu(y[:, None] > y[None, :])))
    left, right = y[: len(y) // 2], y[len(y) // 2 :]
    across = len(left) - np.searchsorted(np.sort(left), right, side="right")
    return _inversions(left) + _inversions(right) + int(across.sum())


# one team


@dataclass(frozen=True, slots=True)
class Drift:
    """How d = l_best - l_first differs between the halves: `z`, and the `sd` of d on the public rows.

    None where d varies nowhere, and where a half of a single row tells nothing of it.
    """

    z: float | None
    sd: float | None


def drift(public: Floats, private: Floats) -> Drift:
    """z = (mean_priv d - mean_pub d) / sqrt(var_pub d / n_pub + var_priv d / n_priv); ddof 1.

    d on the `public` (n_public,) and the `private` rows (n_private,). An honest team's z is about standard normal:
    both halves' rows come from the same place. Whoever followed the public rows is better there alone, and z is large.
    """
    (mean_public, var_public), (mean_private, var_private) = _moments(public), _moments(private)
    error = math.sqrt(var_public / len(public) + var_private / len(private))
    z = (mean_private - mean_public) / error if 0 < error < math.inf else None
    return Drift(z, math.sqrt(var_public) if var_public < math.inf else None)


def _moments(d: Floats) -> tuple[float, float]:
    """Mean and variance; nothing is known of the variance of a single row."""
    mean = total(d) / len(d)
    return mean, total((d - mean) ** 2) / (len(d) - 1) if len(d) > 1 else math.inf


def is_flagged(z: float | None) -> bool:
    """Consistent with overfitting the public rows: never more than that."""
    return z is not None and z > FLAGGED_ABOVE


def expected_optimism(sd: float, K: int, n_public: int) -> float:
    """0.8 sd_d sqrt(2 ln K / n_public): what picking the best of K by the public rows flatters, without ill will.

    sqrt(2 ln K) standard errors is what the largest of K independent draws comes near to; submissions of one team are
    alike, hence 0.8.
    """
    return 0.8 * sd * math.sqrt(2 * math.log(K) / n_public)


def optimism(first: Submitted, best: Submitted, direction: Direction) -> float | None:
    """mean_priv d - mean_pub d: what was gained from first to best on the public rows and not on the private ones.

    0 where the best is the first; None where the public scores are not told.
    """
    if best.told is None or first.told is None:
        return None
    return loss(best.private - first.private - (best.told - first.told), direction)


def loss(difference: float, direction: Direction) -> float:
    """A difference of scores, turned so that more is worse."""
    return difference if direction == "lower" else -difference


# running best


@dataclass(frozen=True, slots=True)
class Step:
    """After so many submissions: the public score of the best one by then, and its private score."""

    number: int
    public: float
    private: float


def running_best(submissions: Sequence[Submitted], shown: Shown, direction: Direction) -> list[Step]:
    """A step wherever another submission becomes the best that is shown."""
    steps: list[Step] = []
    best: float | None = None
    for number, one in enumerate(submissions, start=1):
        score = shown[one.ref]
        if score is None or one.told is None or (best is not None and not ranking.better(score, best, direction)):
            continue
        best = score
        steps.append(Step(number, one.told, one.private))
    return steps


def median_of(curves: Collection[Sequence[Step]]) -> list[Step]:
    """The median of all teams after so many submissions; who stops keeps what they had, who is shown nothing is out."""
    numbers = sorted({step.number for steps in curves for step in steps})
    columns = {number: column for column, number in enumerate(numbers)}
    values = np.full((2, len(curves), len(numbers)), np.nan)
    for row, steps in enumerate(curves):
        for step in steps:  # in order, each up to the end: the later overwrites
            values[:, row, columns[step.number] :] = [[step.public], [step.private]]
    medians: list[Step] = []
    for column, number in enumerate(numbers):
        there = ~np.isnan(values[0, :, column])
        public, private = np.median(values[:, there, column], axis=1).tolist()
        if not medians or (medians[-1].public, medians[-1].private) != (public, private):
            medians.append(Step(number, public, private))
    return medians


# shake-up


def shake_up(public: Mapping[int, int], private: Mapping[int, int]) -> float | None:
    """mean |rank_pub - rank_priv| / N, over N teams with ranks 1 to N on both boards."""
    moved = [abs(rank - private[team]) for team, rank in public.items()]
    return sum(moved) / len(moved) ** 2 if moved else None


def expected_shake_up(means: Floats, covariance: Floats, n_public: int, n_private: int) -> float | None:
    """The shake-up of teams that are exactly as good as their losses over all counted rows say.

    Both boards are drawn, DRAWS times and from a fixed seed: their scores are normal around the teams' mean losses
    (N,), with the covariance (N, N) of losses over n_public and over n_private.
    """
    N = len(means)
    if N == 0:
        return None
    rng = np.random.default_rng(SEED)
    public, private = (
        _ranks(rng.multivariate_normal(means, covariance / n, size=DRAWS, check_valid="ignore", method="eigh"))
        for n in (n_public, n_private)
    )
    return float(np.abs(public - private).sum()) / (DRAWS * N * N)


def rows_for_covariance(counted: NDArray[np.intp]) -> NDArray[np.intp]:
    """These rows (n,), or ROWS_AT_MOST of them from a fixed seed: more would cost without telling more."""
    if len(counted) <= ROWS_AT_MOST:
        return counted
    return np.sort(np.random.default_rng(SEED).choice(counted, ROWS_AT_MOST, replace=False))


def _ranks(scores: Floats) -> NDArray[np.intp]:
    """Of each row's entries (DRAWS, N), from 0."""
    return scores.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")


# selection


def regret(submissions: Collection[Submitted], finals: Collection[Submitted], direction: Direction) -> float | None:
    """How much worse the best of the finals does on the private rows than the best of all; never below 0."""
    best, picked = best_private(submissions, direction), best_private(finals, direction)
    return loss(picked.private - best.private, direction) if best and picked else None


def mean(values: Collection[float | None]) -> float | None:
    """Of those that are known."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def by_team(submissions: Collection[Submitted]) -> Iterator[tuple[int, list[Submitted]]]:
    """Each team's submissions in their order."""
    teams: dict[int, list[Submitted]] = {}
    for one in sorted(submissions, key=lambda one: one.ref):
        teams.setdefault(one.team, []).append(one)
    yield from teams.items()
