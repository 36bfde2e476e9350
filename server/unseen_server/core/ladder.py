"""The ladder: a team is told of a submission only when it is significantly better than the team's best before.

Blum & Hardt, The Ladder: a reliable leaderboard for machine learning competitions, 2015 (arXiv 1502.04585). Their
parameter-free step shrinks together with an attacker's and fails for squared error; so a team starts from the declared
baseline instead of nothing, and an improvement has a least size.

    d = l_best - l_new,  accepted where  mean(d) >= max(2 std(d) / sqrt(n), eta)
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from unseen_server.core import metrics, release
from unseen_server.core.metrics import Floats
from unseen_server.core.release import LADDER, Constants, Released


@dataclass(frozen=True, slots=True, eq=False)
class Rung:
    """Where a team stands: the `losses` (n_public,) of its best so far, and what was shown of it.

    `ref` is that submission's number; None, with `shown` None, while the baseline's losses are still to be beaten.
    """

    losses: Floats
    ref: int | None = None
    shown: float | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A submission with its `score` on the public rows, where the losses (n_public,) have their mean."""

    ref: int
    team: int
    score: float
    losses: Floats


@dataclass(frozen=True, slots=True)
class Merge:
    """Team `guest` became part of team `host` after the submission with the number `after`.

    The guest's number is free from then on: another team may have it later.
    """

    after: int
    host: int
    guest: int


def judge(losses: Floats, score: float, rung: Rung, constants: Constants) -> Released:
    """What the team is told of a submission with these losses (n_public,) and their mean, by the rung it stands on.

    Nothing distinguishes a submission that is slightly better from one that is equal or far worse.
    """
    d, n = rung.losses - losses, len(losses)
    mean = metrics.total(d) / n
    std = math.sqrt(metrics.total((d - mean) ** 2) / (n - 1)) if n > 1 else math.inf
    if mean >= max(2 * std / math.sqrt(n), constants.eta):
        return release.released(LADDER, score, constants)
    return Released(rung.shown, accepted=False, grid=constants.eta)


class Replay:
    """What was told of submissions, asked in the order of their numbers from the first one on.

    `merges` are in the order in which they happened; a merged team goes on from the better of both rungs.
    """

    def __init__(self, merges: Iterable[Merge], start: Rung, constants: Constants) -> None:
        self._waiting, self._start, self._constants = deque(merges), start, constants
        self._rungs: dict[int, Rung] = {}

    def told(self, submission: Judged) -> Released:
        for merge in merged_before(submission.ref, self._waiting):
            both = [self._rungs.pop(team, self._start) for team in (merge.host, merge.guest)]
            self._rungs[merge.host] = min(both, key=_place)
        rung = self._rungs.get(submission.team, self._start)
        told = judge(submission.losses, submission.score, rung, self._constants)
        if told.accepted:
            self._rungs[submission.team] = Rung(submission.losses, submission.ref, told.shown)
        return told


def merged_before(ref: int, waiting: deque[Merge]) -> Iterator[Merge]:
    """Take from those `waiting`, in their order, what happened before that submission."""
    while waiting and waiting[0].after < ref:
        yield waiting.popleft()


def _place(rung: Rung) -> tuple[float, float]:
    """Lower is better; equals by the earlier."""
    if rung.shown is None or rung.ref is None:
        return math.inf, math.inf
    return rung.shown, rung.ref
