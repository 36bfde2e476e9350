"""Who stands before whom: order, ties, and which submissions are final by default."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal, Protocol, TypeVar

Direction = Literal["lower", "higher"]


class Scored(Protocol):
    """Anything with a score and its number in the order of arrival."""

    @property
    def score(self) -> float | None: ...

    @property
    def sequence(self) -> int: ...


class Entrant(Scored, Protocol):
    """What stands on a board: a team at its best, or a baseline."""

    @property
    def is_baseline(self) -> bool: ...


S = TypeVar("S", bound=Scored)
E = TypeVar("E", bound=Entrant)


def better(a: float, b: float, direction: Direction) -> bool:
    """True when `a` is strictly better than `b`; any finite score is better than one that is not."""
    if not (math.isfinite(a) and math.isfinite(b)):
        return math.isfinite(a) and not math.isfinite(b)
    return a < b if direction == "lower" else a > b


def in_order(scored: Iterable[S], direction: Direction) -> list[S]:
    """Best first, ties to the earlier submission. Only finite scores rank; the rest is left out."""
    return sorted(filter(_ranks, scored), key=lambda s: (_ascending(s, direction), s.sequence))


def best(scored: Iterable[S], direction: Direction) -> S | None:
    """The best of a team's submissions, the earlier of equals; None when none has a score."""
    return next(iter(in_order(scored, direction)), None)


def default_finals(scored: Iterable[S], count: int, direction: Direction) -> list[S]:
    """The final submissions of a team that chose none: its best `count`, ties to the earlier; then those without a
    score, the earlier first.

    The scores must be the *displayed* ones: an order by unrounded scores would tell more than the board does.
    """
    every = list(scored)
    unscored = sorted((one for one in every if not _ranks(one)), key=lambda one: one.sequence)
    return [*in_order(every, direction), *unscored][:count]


def board(entrants: Iterable[E], direction: Direction) -> list[tuple[int | None, E]]:
    """Pairs (rank, entrant) from the top: ranks 1, 2, 3 ... for teams, None for baselines in their place.

    A team that equals a baseline has reached it and stands above it, whoever came first.
    """
    ordered = sorted(filter(_ranks, entrants), key=lambda e: (_ascending(e, direction), e.is_baseline, e.sequence))
    ranks = iter(range(1, len(ordered) + 1))
    return [(None if entrant.is_baseline else next(ranks), entrant) for entrant in ordered]


def _ranks(scored: Scored) -> bool:
    return scored.score is not None and math.isfinite(scored.score)


def _ascending(scored: Scored, direction: Direction) -> float:
    assert scored.score is not None  # noqa: S101 - _ranks came before
    return scored.score if direction == "lower" else -scored.score
