"""Submissions of different teams that say the same: equal predictions, or one of them a straight line of the other.

Predictions q are p again, scaled and shifted, where the rounding of both explains every row:

    |q - a p - b| <= h_q + |a| h_p      h: half the decimal step that a vector is written in

Whoever compares every pair on all rows waits for hours at a thousand teams. So a fixed sample of the rows is compared
first: whatever fits the line above has a correlation on them of at least

    1 - r^2 <= (u_p + u_q)^2            u = h / std

and all correlations are one product of matrices. Only what passes is read again and held to the line on all rows.
"""

from __future__ import annotations

import hashlib
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unseen_server.core.metrics import Floats
from unseen_server.core.sentences import Sentence, say

SAMPLED_ROWS = 256
SEVERAL = -1  # in place of a team
COARSEST = 0.04  # halves of two steps, in standard deviations, beyond which only equal predictions are told
SEED = 20150706  # which rows are sampled; it hides nothing and never changes, so that a finding is found again
VALUES_AT_ONCE = 1 << 22  # predictions in memory while they are read: 32 MB
REFS_AT_ONCE = 1000  # what a database takes in one question
_VECTORS_AT_ONCE = 64  # beside all others; few, so that soon nobody who is known to be alike is compared again
_PAIRS_AT_ONCE = 1 << 16
_ROWS_AT_ONCE = 16
_UNROUNDED = 1e-9  # half a step of values without a visible one, in ranges of theirs
_SINGLE = 2.0**-22  # what a product and two sums in single precision lose, in sizes of the largest
_FLOAT32_ERROR = 4e-6  # of a correlation, summed in single precision
_SEARCHED = 60  # thirds of an interval: (2/3)^60 = 3e-11

Read = Callable[[Sequence[int]], Iterable[tuple[int, Floats]]]


class Kind(StrEnum):
    IDENTICAL = "identical_file"
    EQUAL = "equal"
    ROUNDED = "rounded"
    AFFINE = "affine"


@dataclass(frozen=True, slots=True)
class Entry:
    """A submission to be compared; refs are in the order in which they came."""

    ref: int
    team: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Likeness:
    """The later predictions are `a` times the earlier ones plus `b`, as exactly as `kind` says."""

    kind: Kind
    a: float = 1.0
    b: float = 0.0

    def backwards(self) -> Likeness:
        return Likeness(self.kind, 1 / self.a, -self.b / self.a)

    def in_words(self) -> Sentence:
        if self.kind is Kind.IDENTICAL:
            return say("identical file")
        if self.kind is Kind.EQUAL:
            return say("equal predictions")
        if self.kind is Kind.ROUNDED:
            return say("equal up to rounding")
        return say("affine: {line}", line=f"{self.a:.6g} x {'−' if self.b < 0 else '+'} {abs(self.b):.6g}")


@dataclass(frozen=True, slots=True)
class Member:
    """A submission of a cluster and which other it is like; the first one is like none."""

    ref: int
    like: int | None
    likeness: Likeness | None


@dataclass(frozen=True, slots=True)
class Found:
    """Clusters of at least two teams, the earliest first, as are their members. `constant` vectors were left out."""

    clusters: list[list[Member]]
    compared: int
    constant: int


def find(entries: Sequence[Entry], n: int, read: Read) -> Found:
    """Compare all submissions of n rows; `read` gives the predictions (n,) of those it is asked for.

    Constant vectors say nothing about each other, for any two are a straight line; they are left out and counted.
    """
    by_ref, at_once = {entry.ref: entry for entry in entries}, min(max(1, VALUES_AT_ONCE // n), REFS_AT_ONCE)
    sketches = _Sketches(_sampled_rows(n))
    for refs in parts(sorted(by_ref), at_once):
        for ref, predictions in read(refs):
            sketches.add(by_ref[ref], predictions)
    same = _Same(len(sketches.distinct))
    for i, others in _candidates(sketches, n, same):
        _hold_to_the_line(sketches.distinct, i, others, same, read, at_once)
    clusters = [_members(sketches.distinct, whole) for whole in same.clusters()]
    several = [cluster for cluster in clusters if len({by_ref[member.ref].team for member in cluster}) > 1]
    return Found(sorted(several, key=lambda cluster: cluster[0].ref), len(entries), sketches.constant)


def parts(refs: Sequence[int], size: int = REFS_AT_ONCE) -> Iterator[Sequence[int]]:
    return (refs[start : start + size] for start in range(0, len(refs), size))


# two vectors


def likeness(p: Floats, q: Floats, half_p: float, half_q: float) -> Likeness | None:
    """How q follows from p, both (n,) and not constant; None where rounding does not explain the difference."""
    if (p == q).all():
        return Likeness(Kind.EQUAL)
    if np.abs(q - p).max() <= _just_above(half_p + half_q) and _is_telling(len(p), half_p, half_q, q.std()):
        return Likeness(Kind.ROUNDED)
    return _on_a_line(p, q, half_p, half_q)


def _on_a_line(p: Floats, q: Floats, half_p: float, half_q: float) -> Likeness | None:
    """Least squares; where its largest residual is too large, the line whose largest residual is the smallest."""
    x, y = p - p.mean(), q - q.mean()
    a = float(x @ y / (x @ x))
    arithmetic = 1e-14 * float(np.abs(q).max() + abs(a) * np.abs(p).max())
    tolerance = half_q + abs(a) * half_p + arithmetic
    residuals = y - a * x
    if a == 0 or not _is_telling(len(p), abs(a) * half_p, half_q, q.std()) or residuals.std() > _just_above(tolerance):
        return None  # no line has a smaller mean square
    if np.abs(residuals).max() > tolerance:
        # |residuals| of the best line are at most these, so that its slope is no further away than
        reach = float(2 * np.abs(residuals).max() / np.ptp(x))
        a = _flattest(x, y, half_p, a - reach, a + reach)
        if np.ptp(y - a * x) / 2 > _just_above(half_q + abs(a) * half_p + arithmetic):
            return None
    residuals = q - a * p
    return Likeness(Kind.AFFINE, a, float(residuals.mean()))


def _flattest(x: Floats, y: Floats, half_p: float, low: float, high: float) -> float:
    """The slope between low and high that leaves the least to explain, a convex function of it (thirds)."""
    sign = math.copysign(1, low + high)

    def unexplained(a: float) -> float:
        return float(np.ptp(y - a * x)) / 2 - sign * a * half_p

    for _ in range(_SEARCHED):
        third = (high - low) / 3
        if unexplained(low + third) < unexplained(high - third):
            high -= third
        else:
            low += third
    return (low + high) / 2


def _is_telling(n: int, half: float, other: float, std: float) -> bool:
    return half + other <= std * float(_coarsest(n, half, other))


def _coarsest(n: int, half: ArrayLike, other: ArrayLike) -> Floats:
    """The largest sum of halves, in standard deviations, at which n rows still tell a copy from a similar model.

    Models that correlate by .9999 differ by .014 standard deviations; n rows should overlook it less than once in a
    million times. Where one vector is much finer than the other, in steps of h, a difference d shows in E|d| / h of all
    rows. Where both are alike, only in E(|d| - h)+ / h of them, since either may be rounded its own way; solved for h,
    that grows like the logarithm of n.
    """
    uneven = np.minimum(half, other) <= 0.2 * np.maximum(half, other)
    return np.where(uneven, min(COARSEST, 0.0004 * n), min(COARSEST, 0.0045 * math.log(n) - 0.006))


def _just_above(tolerance: float) -> float:
    return tolerance * (1 + 1e-9)


# rounding


def half_step(p: Floats) -> float:
    """What rounding can explain of values (n,): half the coarsest power of ten at which all of them are exact."""
    largest = float(np.abs(p).max())
    half = max((_decimal_step(p, largest) or 0.0) / 2, _UNROUNDED * float(np.ptp(p)))
    if half < _SINGLE * largest and _is_single(p[:SAMPLED_ROWS]):
        return _SINGLE * largest
    return half


def _decimal_step(p: Floats, largest: float) -> float | None:
    most = min(22, 15 - math.ceil(math.log10(max(largest, 1e-7))))  # beyond 15 digits every float64 is a decimal
    scales = 10.0 ** np.arange(most + 1)
    head = p[:8, None]
    for scale in scales[(np.rint(head * scales) / scales == head).all(axis=0)]:
        if (np.rint(p * scale) / scale == p).all():
            return float(1 / scale) if scale > 1 else _whole_step(p, largest)
    return None


def _whole_step(p: Floats, largest: float) -> float:
    step = 1.0
    while 10 * step <= largest and not np.fmod(p, 10 * step).any():
        step *= 10
    return step


def _is_single(p: Floats) -> bool:
    """Whether the values may have been in single precision: they are, or have no more digits than it needs."""
    if (p.astype(np.float32) == p).all():
        return True
    sizes = np.abs(p[p != 0])
    scales = 10.0 ** (8 - np.floor(np.log10(sizes)))
    return bool((np.rint(sizes * scales) / scales == sizes).all())


# the sample of rows


@dataclass
class _Distinct:
    """One vector and everybody who sent it, the earliest first."""

    entries: list[Entry]
    half: float

    @property
    def first(self) -> int:
        return self.entries[0].ref

    @property
    def only_team(self) -> int:
        return self.entries[0].team if len({entry.team for entry in self.entries}) == 1 else SEVERAL


@dataclass
class _Sketches:
    """What is kept of each distinct vector: the values of the sampled rows."""

    rows: NDArray[np.intp]
    distinct: list[_Distinct] = field(default_factory=list)
    samples: list[Floats] = field(default_factory=list)
    constant: int = 0
    _places: dict[bytes, int] = field(default_factory=dict)

    def add(self, entry: Entry, predictions: Floats) -> None:
        if (predictions == predictions[0]).all():
            self.constant += 1
            return
        place = self._places.setdefault(hashlib.blake2b(predictions.tobytes()).digest(), len(self.distinct))
        if place < len(self.distinct):
            self.distinct[place].entries.append(entry)
        else:
            self.distinct.append(_Distinct([entry], half_step(predictions)))
            self.samples.append(predictions[self.rows])


def _sampled_rows(n: int) -> NDArray[np.intp]:
    if n <= SAMPLED_ROWS:
        return np.arange(n)
    return np.sort(np.random.default_rng(SEED).choice(n, SAMPLED_ROWS, replace=False))


def _candidates(sketches: _Sketches, n: int, same: _Same) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Each vector with the later ones that could be like it; those that turn out to be are not compared again."""
    if not sketches.samples:
        return
    centred = np.stack(sketches.samples)  # (N, m)
    centred -= centred.mean(axis=1, keepdims=True)
    norms = np.sqrt((centred**2).sum(axis=1))
    norms[norms == 0] = 1.0  # one value on all sampled rows correlates with nothing: compared by equality alone
    centred /= norms[:, None]
    u = np.array([one.half for one in sketches.distinct]) / norms * math.sqrt(centred.shape[1])
    teams = np.array([one.only_team for one in sketches.distinct])
    room = 1.5 * np.sqrt(1 / centred.shape[1] + np.abs(centred).max(axis=1) ** 2)
    sketch = _Sketch(n, centred.astype(np.float32), u.astype(np.float32), teams, room.astype(np.float32))
    for start in range(0, len(centred), _VECTORS_AT_ONCE):
        i, j = sketch.alike(start, same.root)
        for each in range(start, min(start + _VECTORS_AT_ONCE, len(centred))):
            low, high = np.searchsorted(i, (each, each + 1))
            yield each, j[low:high]


@dataclass(frozen=True)
class _Sketch:
    """The sampled rows z (N, m), each vector of mean 0 and length 1; its half step u in standard deviations; teams."""

    n: int
    z: NDArray[np.float32]
    u: NDArray[np.float32]
    teams: NDArray[np.intp]
    room: NDArray[np.float32]  # how far a row's rounding can turn the line towards itself: the root of its leverage

    def alike(self, start: int, root: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Pairs i < j, in order, of a block of vectors with all later ones; not of those with the same root."""
        block = slice(start, start + _VECTORS_AT_ONCE)
        r = self.z[block] @ self.z[start:].T
        u = self.u[block, None] + self.u[None, start:]
        rows, columns = np.nonzero((1 - np.abs(r) <= 0.75 * u * u + np.float32(_FLOAT32_ERROR)) & (u < 1.5 * COARSEST))
        slopes, i, j = r[rows, columns], rows + start, columns + start
        others = (i < j) & (root[i] != root[j]) & ((self.teams[i] != self.teams[j]) | (self.teams[i] == SEVERAL))
        # looser than at the end, for the spread of a sample is not that of all rows
        telling = self.u[i] + self.u[j] <= 1.5 * _coarsest(self.n, self.u[i], self.u[j])
        wanted = np.flatnonzero(others & telling)
        split = np.array_split(wanted, 1 + len(wanted) // _PAIRS_AT_ONCE)
        kept = np.concatenate([part[self._still_alike(i[part], j[part], slopes[part])] for part in split])
        return i[kept], j[kept]

    def _still_alike(self, i: NDArray[np.intp], j: NDArray[np.intp], slopes: NDArray[np.float32]) -> NDArray[np.intp]:
        """Row by row, with room for a line that is not quite that of all rows; most pairs are out at once."""
        m, left = self.z.shape[1], np.arange(len(i))
        most = (1 + self.room[i]) * (self.u[i] + self.u[j]) / math.sqrt(m) + np.float32(_FLOAT32_ERROR)
        for start in range(0, m, _ROWS_AT_ONCE):
            part = self.z[:, start : start + _ROWS_AT_ONCE]
            off = np.abs(part[j[left]] - slopes[left, None] * part[i[left]]).max(axis=1)
            left = left[off <= most[left]]
        return left


# clusters


class _Same:
    """Which vectors are alike so far: sets that grow together, and the likenesses that joined them."""

    def __init__(self, n: int) -> None:
        self.root = np.arange(n)
        self._edges: list[list[tuple[int, Likeness]]] = [[] for _ in range(n)]

    def join(self, i: int, j: int, likeness: Likeness) -> None:
        self.root[self.root == self.root[j]] = self.root[i]
        self._edges[i].append((j, likeness))
        self._edges[j].append((i, likeness.backwards()))

    def clusters(self) -> list[list[tuple[int, int | None, Likeness | None]]]:
        """Each vector with the one it is like, outwards from the first of its cluster."""
        found, seen = [], set[int]()
        for first in range(len(self._edges)):
            if first in seen:
                continue
            cluster: list[tuple[int, int | None, Likeness | None]] = [(first, None, None)]
            seen.add(first)
            ahead = deque([first])
            while ahead:
                i = ahead.popleft()
                for j, likeness in self._edges[i]:
                    if j not in seen:
                        seen.add(j)
                        ahead.append(j)
                        cluster.append((j, i, likeness))
            found.append(cluster)
        return found


def _hold_to_the_line(
    distinct: Sequence[_Distinct], i: int, others: NDArray[np.intp], same: _Same, read: Read, at_once: int
) -> None:
    """Compare a vector with its candidates on all rows; whoever is known to be alike is not read again."""
    others = others[same.root[others] != same.root[i]]
    if not len(others):
        return
    p = dict(read([distinct[i].first])).get(distinct[i].first)
    if p is None:
        return  # taken away since
    places = {distinct[j].first: j for j in others.tolist()}
    for refs in parts(sorted(places), at_once):
        for ref, q in read(refs):
            j = places[ref]
            found = likeness(p, q, distinct[i].half, distinct[j].half)
            if found:
                same.join(i, j, found)


def _members(distinct: Sequence[_Distinct], cluster: Sequence[tuple[int, int | None, Likeness | None]]) -> list[Member]:
    """Every submission of a cluster, in the order in which they came."""
    members = []
    for place, like, found in cluster:
        one = distinct[place]
        members.append(Member(one.first, None if like is None else distinct[like].first, found))
        files = {one.entries[0].sha256: one.first}
        for entry in one.entries[1:]:
            kind = Kind.IDENTICAL if entry.sha256 in files else Kind.EQUAL
            members.append(Member(entry.ref, files.get(entry.sha256, one.first), Likeness(kind)))
            files.setdefault(entry.sha256, entry.ref)
    return sorted(members, key=lambda member: member.ref)
