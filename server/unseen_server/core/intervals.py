"""How far entries on one board really are apart: paired intervals, ties with the leader, and intervals of ranks.

All entries are judged by the same rows, so that two of them are compared row by row, which leaves out what is hard or
easy for both. With l the losses (n,) of one entry, c = l - mean(l), and n - 1 degrees of freedom,

    SE_ij^2 = sum((c_i - c_j)^2) / (n - 1) / n  =  (V_ii + V_jj - 2 V_ij) / n

Behind the leader: mean(l_i) - mean(l_1) with its 95 % t interval. Tied for first: not rejected by Holm's procedure (A
simple sequentially rejective multiple test procedure, 1979) among the N - 1 one-sided tests against the leader. Ranks:
[1 + number of significantly better, N - number of significantly worse], each pair two-sided at alpha / (N - 1), which
is the confidence statement of Mogstad, Romano, Shaikh and Wilhelm (Inference for ranks, 2024) in its simplest form.

Sums go along one fixed tree, so that no order of computing, no batch and no machine changes a bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unseen_server.core import metrics
from unseen_server.core.metrics import Floats
from unseen_server.core.sentences import Places, Sentence, say

ALPHA = 0.05
MOST_RUNS = 4  # of ranks in a sentence that can still be read
_AT_ONCE = 1 << 17  # float64 of differences at a time: they fit into a processor's cache
_BOARD_AT_ONCE = 1 << 20  # pairs of entries at a time
_MARGIN = 1e-9  # more than rounding can move a standard error


@dataclass(frozen=True, slots=True, eq=False)
class Centred:
    """The losses of one entry: their mean, their standard deviation and what is left of them, `rows` (n,)."""

    mean: float
    deviation: float
    rows: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """The entries of a board in its order, the leader first: `means` and `deviations` (N,) of `n` losses each."""

    means: Floats
    deviations: Floats
    n: int


@dataclass(frozen=True, slots=True)
class Compared:
    """An entry among the others; `behind` is None where there is one row only, `ranks` where nobody asked."""

    behind: tuple[float, float] | None
    tied: bool
    ranks: tuple[int, int] | None


def centred(losses: Floats) -> Centred:
    n = len(losses)
    mean = metrics.total(losses) / n
    rows = losses - mean
    return Centred(mean, math.sqrt(metrics.total(rows * rows) / (n - 1)) if n > 1 else 0.0, rows)


def variances(rows: Floats, others: Sequence[Floats]) -> Floats:
    """The variance of the difference of one entry's centred losses (n,) and each of these; shape (len(others),)."""
    n = len(rows)
    found = np.empty(len(others))
    many = max(1, _AT_ONCE // n)
    d = np.empty((min(many, len(others)), n))
    for begin in range(0, len(others), many):
        some = others[begin : begin + many]
        for row, other in zip(d, some, strict=False):
            np.subtract(rows, other, out=row)
        found[begin : begin + len(some)] = _sums_of_squares(d[: len(some)])
    return found / max(1, n - 1)


def _sums_of_squares(d: Floats) -> Floats:
    """Of each row of d (k, n), along a fixed tree; d is used up."""
    np.multiply(d, d, out=d)
    m = d.shape[1]
    while m > 1:
        half, odd = divmod(m, 2)
        d[:, :half] += d[:, half : 2 * half]
        if odd:
            d[:, half] = d[:, m - 1]
        m = half + odd
    return d[:, 0].copy()


def in_doubt(field: Field, place: int) -> NDArray[np.bool_]:
    """Which entries (N,) need the variance of their difference from the one at this place, to tell who is better.

    For the others it does not matter how they go together: |s_i - s_j| <= s_ij <= s_i + s_j for any two standard
    deviations, and one end decides already.
    """
    s = field.deviations
    apart = np.abs(field.means - field.means[place]) * math.sqrt(field.n)
    most = s + s[place]
    critical = _critical_of_a_pair(field)
    found = (apart <= critical * most * (1 + _MARGIN)) & (apart > critical * (np.abs(s - s[place]) - _MARGIN * most))
    found[place] = False
    return np.asarray(found)


def compare(field: Field, pairs: Floats, *, ranks: bool) -> list[Compared]:
    """Every entry against the leader and, for `ranks`, against all others.

    `pairs` (N, N), or (1, N) without ranks, are the variances of the differences; the leader's row is whole, elsewhere
    NaN stands where it does not matter (`in_doubt`).
    """
    N = len(field.means)
    if field.n < 2:  # one row says nothing of the next
        return [Compared(None, True, (1, N) if ranks else None) for _ in range(N)]
    d = field.means - field.means[0]
    SE = np.sqrt(pairs[0] / field.n)
    half = _t_beyond(ALPHA / 2, field.n - 1) * SE
    tied = ~_rejected_by_holm(_ratio(d, SE)[1:], field.n - 1)
    intervals = list(_rank_intervals(field, pairs)) if ranks else [None] * N
    return [
        Compared((low, high), one, interval)
        for low, high, one, interval in zip(
            (d - half).tolist(), (d + half).tolist(), [True, *tied.tolist()], intervals, strict=True
        )
    ]


def who_is_tied(compared: Sequence[Compared]) -> Sentence | None:
    """The sentence under a board, given its ranked entries from the top: whom its leader does not lead for certain."""
    tied = [rank for rank, one in enumerate(compared, start=1) if rank > 1 and one.tied]
    if not tied:
        return None
    runs: list[tuple[int, int]] = []
    for rank in tied:
        if runs and runs[-1][1] == rank - 1:
            runs[-1] = runs[-1][0], rank
        else:
            runs.append((rank, rank))
    if len(runs) <= MOST_RUNS:
        return say("1st is not significantly better than {places}.", places=Places(runs))
    lowest = Places([(tied[-1], tied[-1])])
    return say("1st is not significantly better than {n} others, the lowest {place}.", n=len(tied), place=lowest)


def _rejected_by_holm(t: Floats, df: int) -> NDArray[np.bool_]:
    """Which of the m hypotheses “no worse than the leader” fall: the largest t first, until one does not."""
    m = len(t)
    critical = _t_beyond(ALPHA / np.arange(m, 0, -1.0), df)
    falls = np.sort(t)[::-1] >= critical
    fallen = m if falls.all() else int(np.argmin(falls))
    rejected = np.zeros(m, dtype=bool)
    rejected[np.argsort(-t, kind="stable")[:fallen]] = True
    return rejected


def _rank_intervals(field: Field, pairs: Floats) -> Iterator[tuple[int, int]]:
    N, s, critical = len(field.means), field.deviations, _critical_of_a_pair(field)
    many = max(1, _BOARD_AT_ONCE // N)
    for begin in range(0, N, many):
        rows = slice(begin, begin + many)
        known = pairs[rows]
        reach = critical * np.where(np.isnan(known), s[rows, None] + s, np.sqrt(known)) / math.sqrt(field.n)
        behind = field.means[rows, None] - field.means  # lower is better
        better, worse = (behind > reach).sum(axis=1), (-behind > reach).sum(axis=1)
        yield from zip((1 + better).tolist(), (N - worse).tolist(), strict=True)


def _critical_of_a_pair(field: Field) -> float:
    """The t of a difference that stands, two-sided, among the N - 1 that an entry is compared in."""
    return float(_t_beyond(ALPHA / 2 / max(1, len(field.means) - 1), field.n - 1))


def _ratio(d: Floats, SE: Floats) -> Floats:
    """t; where nothing varies from row to row, a difference is beyond all noise and none is none."""
    beyond = np.where(d == 0, 0.0, np.copysign(math.inf, d))
    return np.divide(d, SE, out=beyond, where=SE > 0)


def _t_beyond(p: Floats | float, df: int) -> Floats:
    """The t that Student's distribution exceeds with probability p."""
    from scipy import special  # takes a fifth of a second, which no other command should pay

    return np.asarray(-special.stdtrit(df, p))
