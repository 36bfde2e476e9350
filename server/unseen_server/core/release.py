"""What a student is told of a public score: all of it, or as much as the noise of the public rows justifies."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext

import numpy as np
from numpy.typing import NDArray

from unseen_server.core.errors import BadRequest
from unseen_server.core.metrics import Metric
from unseen_server.core.ranking import Direction, better
from unseen_server.core.sentences import say

_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)  # any two float64 divide and multiply without a visible error
_NO_GRID = math.ulp(0.0)  # finer than any score: a perfect baseline leaves nothing to measure a grid by


@dataclass(frozen=True, slots=True)
class Constants:
    """Fixed once, at launch, from the declared baseline on the public rows.

    `baseline_score` R0, `grid` q and `eta` in units of the metric, `standard_error` SE0 of R0 (None where R0 is no
    mean).
    """

    baseline_score: float
    standard_error: float | None
    grid: float
    eta: float
    n_public: int
    direction: Direction = "lower"


@dataclass(frozen=True, slots=True)
class Released:
    """What is told of one submission: `shown`, None where there is nothing to show yet, to the step `grid`.

    `accepted` is False where the ladder found no significant improvement: then `shown` repeats what was shown before,
    and the submission cannot stand on the board. `grid` is None where what is shown is exact.
    """

    shown: float | None
    accepted: bool
    grid: float | None


def constants(metric: Metric, losses: NDArray[np.float64], *, baseline_score: float | None = None) -> Constants:
    """The constants from the baseline's `losses`, shape (n_public,), and its score where that is not their mean.

    For a mean of losses (mse, mae) SE0 = std(l, ddof=1) / sqrt(n); a score that is no mean has none.
    """
    n = len(losses)
    R0 = math.fsum(losses) / n if baseline_score is None else baseline_score
    SE0 = float(np.std(losses, ddof=1) / math.sqrt(n)) if metric.is_mean and n > 1 else None
    return constants_of(metric, R0, SE0, n)


def constants_of(metric: Metric, baseline_score: float, standard_error: float | None, n_public: int) -> Constants:
    """The constants again from the two numbers that a competition keeps.

    The grid is q = q125(SE0 / 4), so that rounding moves a score by an eighth of its noise at most; the ladder's step
    is eta = q125(SE0 / 2). Without a standard error (rmse, r2; or a baseline that is equally wrong in every row) q is
    about two significant digits of the baseline's distance from a perfect score, q = q125(|R0 - perfect| / 100): a
    fixed step rather than a number of digits, because significant digits become an exact oracle where a score comes
    near 0.
    """
    distance = abs(baseline_score - metric.perfect)
    step = distance / 100
    if standard_error is not None and standard_error > 1e-9 * distance:  # below that it is noise of the arithmetic
        step = standard_error / 4
    grid, eta = (q125(x) if x > _NO_GRID else _NO_GRID for x in (step, 2 * step))
    return Constants(baseline_score, standard_error, grid, eta, n_public, metric.direction)


def q125(x: float) -> float:
    """The largest of {1, 2, 5} * 10^k that is <= x, for x > 0."""
    if not 0 < x < math.inf:
        raise ValueError(f"no grid step for {x}")
    _, digits, exponent = Decimal(repr(x)).normalize().as_tuple()
    lead = max(m for m in (1, 2, 5) if m <= digits[0])
    return float(Decimal((0, (lead,), len(digits) - 1 + int(exponent))))


def shown(release: str, score: float, constants: Constants) -> float:
    """The public score as it is told where it is told: on the ladder that is when the submission is accepted.

    A better score never shows as worse, what is shown shows as itself, and its shortest repr lies on the grid.
    ValueError for a score that is not finite.
    """
    if not math.isfinite(score):
        raise ValueError("only finite scores are released")
    return RELEASES[release](score, constants)[0] + 0.0  # -0.0 + 0.0 = 0.0


def step(release: str, score: float, constants: Constants) -> float | None:
    """The step to which a score of this size is shown; None where it is shown exactly."""
    return RELEASES[release](score, constants)[1]


def released(release: str, score: float, constants: Constants) -> Released:
    """What is told of a score that is judged by itself alone: every one, unless the ladder compares it."""
    return Released(shown(release, score, constants), accepted=True, grid=step(release, score, constants))


def offered(metric: Metric) -> list[str]:
    """The releases that a competition with this metric may choose: the ladder compares means of losses only."""
    return [name for name in RELEASES if name != LADDER or metric.is_mean]


def check_release(release: str, metric: Metric) -> None:
    """BadRequest unless a competition with this metric may choose this release."""
    known = ", ".join(offered(metric))
    if release not in RELEASES:
        raise BadRequest(reason=say("There is no release “{name}”. Choose one of: {known}.", name=release, known=known))
    if release not in offered(metric):
        raise BadRequest(
            reason=say(
                "The ladder compares losses row by row, and {metric} is no mean of them. Choose one of: {known}.",
                metric=metric.title,
                known=known,
            )
        )


def on_grid(x: float, grid: float) -> float:
    """The multiple of `grid` nearest to x, halves away from zero; its shortest repr lies on the grid."""
    with localcontext(_EXACT):
        return float(_nearest(Decimal(x), Decimal(repr(grid)))) + 0.0


def _full(score: float, constants: Constants) -> tuple[float, None]:
    return score, None


def _rounded(score: float, constants: Constants) -> tuple[float, float]:
    """round(R / q) * q up to the baseline, beyond it two significant digits, but never finer than q.

    A score worse than the baseline is never shown as better than it.
    """
    q = Decimal(repr(constants.grid))
    with localcontext(_EXACT):
        R, level = _nearest(Decimal(score), q), _nearest(Decimal(constants.baseline_score), q)
        if not better(float(level), float(R), constants.direction):
            return float(R), constants.grid
        coarser = max(q, Decimal(1).scaleb(Decimal(score).adjusted() - 1))
        coarse = _nearest(Decimal(score), coarser)
        told = max(coarse, level) if constants.direction == "lower" else min(coarse, level)
        return float(told), float(coarser)


def _ladder(score: float, constants: Constants) -> tuple[float, float]:
    return on_grid(score, constants.eta), constants.eta


def _nearest(x: Decimal, step: Decimal) -> Decimal:
    return (x / step).to_integral_value() * step


LADDER = "ladder"
# What each release tells of a score, and to which step. Whether the ladder tells it at all: core/ladder.
RELEASES: dict[str, Callable[[float, Constants], tuple[float, float | None]]] = {
    "full": _full,
    "rounded": _rounded,
    LADDER: _ladder,
}
