"""What a student is told of a public score: all of it, or as much as the noise of the public rows justifies."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unseen_server.core.errors import BadRequest
from unseen_server.core.ranking import Direction, better
from unseen_server.core.sentences import N_, Sentence, say

# Metrics that are the mean of per-row losses have a standard error, from which their grid follows.
MEANS = frozenset({"mse", "mae"})
# Metrics for which higher is better, each with the score of a perfect prediction; for all others that is 0.
_PERFECT = {"r2": 1.0}

_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)  # any two float64 divide and multiply without a visible error
_NO_GRID = math.ulp(0.0)  # finer than any score: a perfect baseline leaves nothing to measure a grid by


@dataclass(frozen=True, slots=True)
class Constants:
    """Fixed once, at launch, from the declared baseline on the public rows.

    `baseline_score` R0 and `grid` q in units of the metric, `standard_error` SE0 of R0 (None where R0 is no mean).
    """

    baseline_score: float
    standard_error: float | None
    grid: float
    n_public: int
    direction: Direction = "lower"


def constants(metric_name: str, losses: NDArray[np.float64], *, baseline_score: float | None = None) -> Constants:
    """The constants from the baseline's `losses`, shape (n_public,), and its score where that is not their mean.

    For a mean of losses (mse, mae) SE0 = std(l, ddof=1) / sqrt(n); a score that is no mean has none.
    """
    n = len(losses)
    R0 = math.fsum(losses) / n if baseline_score is None else baseline_score
    SE0 = float(np.std(losses, ddof=1) / math.sqrt(n)) if metric_name in MEANS and n > 1 else None
    return constants_of(metric_name, R0, SE0, n)


def constants_of(metric_name: str, baseline_score: float, standard_error: float | None, n_public: int) -> Constants:
    """The constants again from the two numbers that a competition keeps.

    The grid is q = q125(SE0 / 4), so that rounding moves a score by an eighth of its noise at most. Without a
    standard error (rmse, r2; or a baseline that is equally wrong in every row) q is about two significant digits of
    the baseline's distance from a perfect score, q = q125(|R0 - perfect| / 100): a fixed step rather than a number
    of digits, because significant digits become an exact oracle where a score comes near 0.
    """
    distance = abs(baseline_score - _PERFECT.get(metric_name, 0.0))
    step = distance / 100
    if standard_error is not None and standard_error > 1e-9 * distance:  # below that it is noise of the arithmetic
        step = standard_error / 4
    grid = q125(step) if step > _NO_GRID else _NO_GRID
    return Constants(baseline_score, standard_error, grid, n_public, "higher" if metric_name in _PERFECT else "lower")


def q125(x: float) -> float:
    """The largest of {1, 2, 5} * 10^k that is <= x, for x > 0."""
    if not 0 < x < math.inf:
        raise ValueError(f"no grid step for {x}")
    _, digits, exponent = Decimal(repr(x)).normalize().as_tuple()
    lead = max(m for m in (1, 2, 5) if m <= digits[0])
    return float(Decimal((0, (lead,), len(digits) - 1 + int(exponent))))


def shown(release: str, score: float, constants: Constants) -> float:
    """The public score as the student is told it; `full` or `rounded`.

    A better score never shows as worse, what is shown shows as itself, and its shortest repr lies on the grid.
    BadRequest for a release that is not offered, ValueError for a score that is not finite.
    """
    if not math.isfinite(score):
        raise ValueError("only finite scores are released")
    return _release(release)(score, constants) + 0.0  # -0.0 + 0.0 = 0.0


def check_release(release: str) -> None:
    """BadRequest unless a competition may choose this release."""
    _release(release)


def _release(name: str) -> Callable[[float, Constants], float]:
    if name == "ladder":
        raise BadRequest(reason=say('The ladder release comes later. Choose release = "rounded" (or "full") for now.'))
    if name not in RELEASES:
        raise BadRequest(
            reason=say("There is no release “{name}”. Choose one of: {known}.", name=name, known=", ".join(RELEASES))
        )
    return RELEASES[name]


def _full(score: float, constants: Constants) -> float:
    return score


def _rounded(score: float, constants: Constants) -> float:
    """round(R / q) * q up to the baseline, beyond it two significant digits, but never finer than q.

    A score worse than the baseline is never shown as better than it.
    """
    q = Decimal(repr(constants.grid))
    with localcontext(_EXACT):
        R, level = _nearest(Decimal(score), q), _nearest(Decimal(constants.baseline_score), q)
        if not better(float(level), float(R), constants.direction):
            return float(R)
        two_digits = Decimal(1).scaleb(Decimal(score).adjusted() - 1)
        coarse = _nearest(Decimal(score), max(q, two_digits))
        return float(max(coarse, level) if constants.direction == "lower" else min(coarse, level))


def _nearest(x: Decimal, step: Decimal) -> Decimal:
    return (x / step).to_integral_value() * step


# One entry per release. The ladder (Blum & Hardt 2015, repaired for squared error) will need a state per team.
RELEASES: dict[str, Callable[[float, Constants], float]] = {"full": _full, "rounded": _rounded}

Level = Literal["green", "amber", "red"]
_MEANING: dict[Level, str] = {
    "green": N_("The public scores give away little about the public rows."),
    "amber": N_("A determined team can fit the public rows noticeably: trust the private board, not the public one."),
    "red": N_("A team can fit the public rows almost at will: the public board says little about who is best."),
}


def leak_ratio(total_submissions: int, n_public: int) -> float:
    """Submissions a team may make per public row: damage by adaptive attacks grows with it."""
    return total_submissions / n_public


def leak_level(ratio: float) -> Level:
    """Green up to .1, amber up to .3, red above."""
    return "green" if ratio <= 0.1 else "amber" if ratio <= 0.3 else "red"


def leak_meaning(ratio: float) -> Sentence:
    """One sentence for the page."""
    return say(_MEANING[leak_level(ratio)])
