"""How far predictions are from the truth: mse (default), rmse, mae and r2, summed so exactly that every machine agrees.

A sum of a million float64 losses depends on the order in which a processor adds them. Here each loss is carried as an
unevaluated pair high + low, and pairs are added along one fixed tree, so that a score is the same bits everywhere and
within one unit in the last place of the true quotient.

    a + b = s + e    TwoSum       Knuth, The Art of Computer Programming 2, section 4.2.2, theorem B
    s = h + l        splitting    Dekker, A floating-point technique for extending the available precision, 1971
    pairwise sums                 Higham, Accuracy and Stability of Numerical Algorithms, section 4.2
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unseen_server.core.splits import PRIVATE, PUBLIC

Floats = NDArray[np.float64]

LARGEST_MAGNITUDE = 1e70  # labels and bounds stay below: the sum of squares of squares must not reach 1.8e308
_ROWS_AT_ONCE = 1 << 16  # what one tree adds up; another number would be other bits
_PIECE = 1 << 13  # rows whose losses are computed at once; what lies in between stays in the processor's caches
_TREE_TOP = 64  # what the vectorised tree leaves to math.fsum, which is exact
_SPLITTER = 134217729.0  # 2^27 + 1: leaves the upper 26 bits of a float64


class Pair(NamedTuple):
    """Numbers at twice the precision: the unevaluated sum high + low, each (n,), with high the far larger."""

    high: Floats
    low: Floats


@dataclass(frozen=True, slots=True)
class HalfScore:
    """The score on the public or on the private rows: n rows, sum of l, sum of l^2, and the metric's value."""

    n: int
    total: float
    total_squares: float
    value: float


@dataclass(frozen=True, slots=True)
class Scores:
    public: HalfScore
    private: HalfScore


@dataclass(frozen=True, slots=True)
class Metric:
    """One way to score.

    `pairs(labels, predictions)` gives the per-row losses; `finish(total, n, labels)` turns their exact sum over n rows
    into the value, and may ask for the labels of those rows. `is_mean` says whether the value is simply the mean of the
    losses, which paired intervals, the grid and the ladder need; `perfect` is the value of a perfect prediction.
    """

    name: str
    title: str
    direction: Literal["lower", "higher"]
    is_mean: bool
    pairs: Callable[[Floats, Floats], Pair]
    finish: Callable[[Fraction, int, Callable[[], Floats]], float]
    perfect: float = 0.0

    def losses(self, labels: Floats, predictions: Floats) -> Floats:
        """The loss of each row, (n,), rounded once."""
        high, low = self.pairs(labels, predictions)
        return np.asarray(high + low)


def metric(name: str) -> Metric:
    """The metric called `name`; ValueError lists the valid ones."""
    if name not in METRICS:
        raise ValueError(f"There is no metric {name!r}. Choose one of: {', '.join(METRICS)}.")
    return METRICS[name]


def score(metric: Metric, labels: Floats, predictions: Floats, usage: NDArray[np.uint8]) -> Scores:
    """Both scores of one prediction vector; labels, predictions and usage are (n,) in the same order.

    The losses of all rows are computed before any row is looked at for its half, so that time tells nothing about it.
    Raises ValueError where a value is not finite or beyond LARGEST_MAGNITUDE, or where a half has no rows.
    """
    _refuse_what_could_overflow(labels, predictions)
    public, private = _Sums(), _Sums()
    for start in range(0, len(labels), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        losses = _in_pieces(metric.pairs, labels[rows], predictions[rows])
        public.add(losses, usage[rows] == PUBLIC)
        private.add(losses, usage[rows] == PRIVATE)
    return Scores(
        public.half_score(metric, lambda: labels[usage == PUBLIC]),
        private.half_score(metric, lambda: labels[usage == PRIVATE]),
    )


def _refuse_what_could_overflow(*vectors: Floats) -> None:
    for values in vectors:
        # written so that a NaN fails it too
        if len(values) and not (values.min() >= -LARGEST_MAGNITUDE and values.max() <= LARGEST_MAGNITUDE):
            raise ValueError(f"Labels and predictions must be finite and within ±{LARGEST_MAGNITUDE:g}.")


def _in_pieces(pairs: Callable[[Floats, Floats], Pair], labels: Floats, predictions: Floats) -> Pair:
    pieces = [slice(start, start + _PIECE) for start in range(0, len(labels), _PIECE)]
    high, low = zip(*(pairs(labels[piece], predictions[piece]) for piece in pieces), strict=True)
    return Pair(np.concatenate(high), np.concatenate(low))


class _Sums:
    """The sums of l and l^2 over the rows of one half, kept as a few parts that math.fsum adds exactly."""

    def __init__(self) -> None:
        self.n = 0
        self.parts: list[float] = []
        self.parts_of_squares: list[float] = []

    def add(self, losses: Pair, mask: NDArray[np.bool_]) -> None:
        chosen = mask.nonzero()[0]
        high, low = losses.high.take(chosen), losses.low.take(chosen)
        self.n += len(chosen)
        self.parts_of_squares += _plain_pairwise_sums((high + low) ** 2)
        self.parts += _pairwise_sums(Pair(high, low))

    def half_score(self, metric: Metric, labels: Callable[[], Floats]) -> HalfScore:
        if self.n == 0:
            raise ValueError("A competition needs at least one public and one private row.")
        value = metric.finish(_exact_sum(self.parts), self.n, labels)
        return HalfScore(self.n, math.fsum(self.parts), math.fsum(self.parts_of_squares), value)


def _pairwise_sums(x: Pair) -> list[float]:
    """At most 2 * _TREE_TOP numbers whose sum is that of x, which is spent: it is added in place.

    Down a tree of fixed shape the last half comes to the first; of an odd number the middle one waits a level.
    """
    high, low = x
    while (n := len(high)) > _TREE_TOP:
        half = n // 2
        high[:half], e = _two_sum(high[:half], high[n - half :])
        low[:half] += low[n - half :]
        low[:half] += e
        high, low = high[: n - half], low[: n - half]
    return [*high.tolist(), *low.tolist()]


def total(x: Floats) -> float:
    """The sum of x (n,), added along the fixed tree: the same bits on every machine."""
    return math.fsum(_plain_pairwise_sums(x.copy()))


def _plain_pairwise_sums(x: Floats) -> list[float]:
    """The same tree with one rounding at each node, for sums that are needed to fewer digits; it spends x as well."""
    while (n := len(x)) > _TREE_TOP:
        half = n // 2
        x[:half] += x[n - half :]
        x = x[: n - half]
    return list(x.tolist())


def _exact_sum(parts: list[float]) -> Fraction:
    """Their sum to 106 bits."""
    total = math.fsum(parts)
    return Fraction(total) + Fraction(math.fsum([*parts, -total]))


def _two_sum(a: Floats, b: Floats) -> Pair:
    """a + b = s + e exactly (Knuth)."""
    s = a + b
    t = s - a
    return Pair(s, (a - (s - t)) + (b - t))


def _two_difference(a: Floats, b: Floats) -> Pair:
    """a - b = s + e exactly (Knuth)."""
    s = a - b
    t = s - a
    return Pair(s, (a - (s - t)) - (b + t))


def _squared_errors(labels: Floats, predictions: Floats) -> Pair:
    """(s + e)^2 = h^2 + l (s + h) + 2 s e, where s = h + l is cut in two by Dekker's splitter.

    h has 26 bits, so that h^2 is exact; the other two terms are 2^-26 of it, and their rounding 2^-79; e^2 is 2^-106.
    """
    s, e = _two_difference(labels, predictions)
    c = _SPLITTER * s
    h = c - (c - s)
    return Pair(h * h, (s - h) * (s + h) + (s + s) * e)


def _absolute_errors(labels: Floats, predictions: Floats) -> Pair:
    s, e = _two_difference(labels, predictions)
    return Pair(np.abs(s), np.where(s < 0, -e, e))


def _mean(total: Fraction, n: int, labels: Callable[[], Floats]) -> float:
    return float(total / n)


def _root_of_mean(total: Fraction, n: int, labels: Callable[[], Floats]) -> float:
    return math.sqrt(total / n)


def _share_explained(total: Fraction, n: int, labels: Callable[[], Floats]) -> float:
    """1 - sum (y - prediction)^2 / sum (y - mean y)^2; for labels all equal 1 or 0, as scikit-learn has it."""
    y = labels()
    mean = _exact_sum(_pairwise_sums(Pair(y.copy(), np.zeros_like(y)))) / n
    near = float(mean)
    about_near = _exact_sum(_pairwise_sums(_squared_errors(y, np.full_like(y, near))))
    spread = about_near - n * (mean - Fraction(near)) ** 2
    if (y == y[0]).all():
        return 1.0 if total == 0 else 0.0
    return float(1 - total / spread)


METRICS: dict[str, Metric] = {
    each.name: each
    for each in (
        Metric("mse", "MSE", "lower", True, _squared_errors, _mean),
        Metric("rmse", "RMSE", "lower", False, _squared_errors, _root_of_mean),
        Metric("mae", "MAE", "lower", True, _absolute_errors, _mean),
        Metric("r2", "R²", "higher", False, _squared_errors, _share_explained, perfect=1.0),
    )
}
