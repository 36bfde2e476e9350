"""How the entries of a board compare, computed once for each pair of submissions and kept in memory."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Generic, TypeVar

import numpy as np

from unseen_server import storage
from unseen_server.core import intervals, metrics, release
from unseen_server.core.errors import Refusal
from unseen_server.core.intervals import Centred, Compared, Field
from unseen_server.core.metrics import Floats, Metric
from unseen_server.core.release import Constants
from unseen_server.core.splits import PRIVATE, PUBLIC, AnswerKey
from unseen_server.db.models import Competition
from unseen_server.db.session import Database
from unseen_server.services import releasing
from unseen_server.services.keys import KeyRing

T = TypeVar("T")

VECTORS = 256 * 1024 * 1024  # bytes of centred losses kept
PAIRS = 64 * 1024 * 1024  # bytes of variances kept
READ_AT_ONCE = 16 * 1024 * 1024  # bytes of predictions in one question to the database
# Beyond these a board would keep people waiting after each start of the server.
MOST_RANKED = 2000  # teams whose ranks get an interval,
MOST_PAIRED = 4_000_000_000  # as long as pairs x rows are no more than this,
MOST_COMPARED = 100_000_000  # and teams that are compared with the leader: teams x rows of the test file
MOST_WAITING = 2  # requests that wait for what another one computes: a server has to have threads left for uploads

log = logging.getLogger(__name__)


class NotNow(Exception):  # noqa: N818
    """What was asked cannot be said at this moment; the board is shown without it meanwhile."""


class _Bounded(Generic[T]):
    """Things by their keys, those not used for longest forgotten first once they take more than so many bytes."""

    def __init__(self, limit: int) -> None:
        self._limit, self._held = limit, 0
        self._things: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> T | None:
        with self._lock:
            if key not in self._things:
                return None
            self._things.move_to_end(key)
            return self._things[key][0]

    def keep(self, key: Hashable, thing: T, size: int) -> None:
        with self._lock:
            self._held += size - self._things.pop(key, (None, 0))[1]
            self._things[key] = thing, size
            while self._held > self._limit:
                self._held -= self._things.popitem(last=False)[1][1]


@dataclass(frozen=True)
class _Rows:
    """One half of one version of a competition's key; `place` is what names it."""

    metric: Metric
    key: AnswerKey
    half: int
    place: tuple[int, int, int]

    @property
    def n(self) -> int:
        return self.key.n_public if self.half == PUBLIC else self.key.n_private

    def centred(self, predictions: Floats) -> Centred:
        """Of the losses on these rows. Every row's is computed before any is looked at for its half."""
        losses = self.metric.losses(self.key.labels, predictions)
        return intervals.centred(losses[self.key.usage == self.half])


@dataclass(frozen=True, eq=False)
class _Known:
    """All that is known of a board's entries `refs` (N), the leader first, and what followed for the board.

    `pairs` are the variances of their differences: (N, N), or (1, N) of the leader alone.
    """

    refs: tuple[int, ...]
    field: Field
    pairs: Floats
    compared: list[Compared]

    @property
    def size(self) -> int:
        return self.pairs.nbytes + 400 * len(self.refs)


@dataclass(frozen=True, eq=False)
class _Told:
    """What the public board says of those who were compared, by a release and the scores it showed."""

    compared: list[Compared]
    rule: tuple[str, Constants, list[float]]
    told: list[Compared]


class Comparisons:
    """What boards say beyond their scores. It depends on predictions and keys alone, which never change, so that what
    is kept stays true, and a server that starts anew computes the same bits."""

    def __init__(self, db: Database, keys: KeyRing) -> None:
        self._db, self._keys = db, keys
        self._vectors: _Bounded[Centred] = _Bounded(VECTORS)
        self._known: _Bounded[_Known] = _Bounded(PAIRS)
        self._told: _Bounded[_Told] = _Bounded(PAIRS)
        self._locks: dict[tuple[int, int, int], threading.Lock] = {}
        self._waiting = threading.Semaphore(MOST_WAITING)

    def public(self, competition: Competition, entries: Sequence[tuple[int, float]]) -> list[Compared] | None:
        """Of the ranked entries of the public board as (submission, score shown), on the steps of what is shown.

        None where the board says nothing of them; NotNow where others are being compared.
        """
        if not competition.public_intervals:
            return None
        compared = self._compared(competition, PUBLIC, [ref for ref, _ in entries])
        if compared is None:
            return None
        rule = competition.release, releasing.constants_of(competition), [shown for _, shown in entries]
        kept = self._told.get(competition.id)
        if kept is None or kept.compared is not compared or kept.rule != rule:
            kept = _Told(compared, rule, list(_on_their_steps(*rule, compared)))
            self._told.keep(competition.id, kept, 400 * len(compared))
        return kept.told

    def private(self, competition: Competition, refs: Sequence[int]) -> list[Compared] | None:
        """Of the ranked entries of a private board that is open, exactly."""
        return self._compared(competition, PRIVATE, refs) if competition.revealed_at else None

    def _compared(self, competition: Competition, half: int, refs: Sequence[int]) -> list[Compared] | None:
        metric = metrics.metric(competition.metric)
        if not metric.is_mean or not refs or len(refs) * competition.test_rows > MOST_COMPARED:
            return None
        place = (competition.id, competition.key_version, half)
        known = self._known.get(place)
        if known is not None and known.refs == tuple(refs):
            return known.compared
        with self._turn(place) as mine:
            if not mine:
                log.info("%s is being compared; its board is shown without meanwhile", competition.slug)
                raise NotNow
            known = self._known.get(place)
            if known is None or known.refs != tuple(refs):
                try:
                    rows = _Rows(metric, self._keys.of(competition).answers, half, place)
                    known = self._found(rows, tuple(refs), known)
                except Refusal:
                    raise
                except Exception:
                    log.exception("the entries of %s cannot be compared; its board is shown without", competition.slug)
                    return None
                self._known.keep(place, known, known.size)
            return known.compared

    @contextmanager
    def _turn(self, place: tuple[int, int, int]) -> Iterator[bool]:
        """One after the other, so that nothing is computed twice; False where too many wait for their turn already."""
        lock = self._locks.setdefault(place, threading.Lock())
        mine = lock.acquire(blocking=False)
        if not mine and self._waiting.acquire(blocking=False):
            try:
                mine = lock.acquire()
            finally:
                self._waiting.release()
        try:
            yield mine
        finally:
            if mine:
                lock.release()

    def _found(self, rows: _Rows, refs: tuple[int, ...], before: _Known | None) -> _Known:
        """What is known of these entries, given what was known of those before; only what is new is computed."""
        whole = _are_ranked(len(refs), rows.n)
        field = self._field(rows, refs, before)
        pairs = np.full((len(refs) if whole else 1, len(refs)), np.nan)
        if before is not None:
            _take_over(pairs, refs, before)
        np.fill_diagonal(pairs, 0.0)
        for place in range(len(pairs)):
            wanted = np.isnan(pairs[place])
            if place > 0:
                wanted &= intervals.in_doubt(field, place)
            self._fill(rows, refs, pairs, place, np.flatnonzero(wanted).tolist())
        return _Known(refs, field, pairs, intervals.compare(field, pairs, ranks=whole))

    def _field(self, rows: _Rows, refs: tuple[int, ...], before: _Known | None) -> Field:
        of: dict[int, tuple[float, float]] = {}
        if before is not None:
            known = zip(before.field.means.tolist(), before.field.deviations.tolist(), strict=True)
            of = dict(zip(before.refs, known, strict=True))
        for ref, one in self._losses(rows, [ref for ref in refs if ref not in of]):
            of[ref] = one.mean, one.deviation
        # KeyError where the predictions of a submission are not there
        means, deviations = np.array([of[ref] for ref in refs]).T.copy()
        return Field(means, deviations, rows.n)

    def _fill(self, rows: _Rows, refs: tuple[int, ...], pairs: Floats, place: int, others: list[int]) -> None:
        """Compute the variances of the differences between the entry at this place and these others."""
        if not others:
            return
        own = next(self._losses(rows, [refs[place]]))[1].rows
        at = {refs[other]: other for other in others}
        for batch in _batches(self._losses(rows, list(at)), max(1, READ_AT_ONCE // own.nbytes)):
            found = intervals.variances(own, [one.rows for _, one in batch])
            places = [at[ref] for ref, _ in batch]
            pairs[place, places] = found
            if len(pairs) > 1:
                pairs[places, place] = found

    def _losses(self, rows: _Rows, refs: Sequence[int]) -> Iterator[tuple[int, Centred]]:
        """The centred losses of these submissions, those in memory first; the others are read a few at a time."""
        missing = []
        for ref in refs:
            kept = self._vectors.get((ref, rows.place))
            if kept is None:
                missing.append(ref)
            else:
                yield ref, kept
        many = max(1, min(500, READ_AT_ONCE // (8 * len(rows.key.ids))))
        for begin in range(0, len(missing), many):
            with self._db.read() as session:
                read = list(storage.predictions_of(session, missing[begin : begin + many]))
            for ref, predictions in read:
                one = rows.centred(predictions)
                self._vectors.keep((ref, rows.place), one, one.rows.nbytes + 400)
                yield ref, one


def _batches(things: Iterator[T], size: int) -> Iterator[list[T]]:
    while some := list(islice(things, size)):
        yield some


def _are_ranked(N: int, n: int) -> bool:
    """Whether so many entries on so many rows are all compared with each other."""
    return N <= MOST_RANKED and N * n * 8 <= VECTORS and N * (N - 1) // 2 * n <= MOST_PAIRED


def _take_over(pairs: Floats, refs: tuple[int, ...], before: _Known) -> None:
    """Enter the variances that are known already."""
    at = {ref: place for place, ref in enumerate(before.refs)}
    columns = [(place, at[ref]) for place, ref in enumerate(refs) if ref in at]
    rows = [(new, old) for new, old in columns if new < len(pairs) and old < len(before.pairs)]
    if rows:
        (new_rows, old_rows), (new_columns, old_columns) = zip(*rows, strict=True), zip(*columns, strict=True)
        pairs[np.ix_(new_rows, new_columns)] = before.pairs[np.ix_(old_rows, old_columns)]


def _on_their_steps(
    name: str, constants: Constants, shown: Sequence[float], compared: Sequence[Compared]
) -> Iterator[Compared]:
    """The ends of each interval on the coarser of the steps to which both scores are shown: an exact one would tell
    more of the public rows than the scores do."""
    steps = [release.step(name, score, constants) for score in shown]
    for step, one in zip(steps, compared, strict=True):
        if step is None or steps[0] is None or one.behind is None:
            yield one
        else:
            coarser = max(step, steps[0])
            low, high = (release.on_grid(end, coarser) for end in one.behind)
            yield replace(one, behind=(low, high))
