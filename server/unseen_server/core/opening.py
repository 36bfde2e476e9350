"""In which steps the private ranks are opened before an audience: from the bottom up, the last ones one by one."""

from __future__ import annotations

from itertools import chain

ONE_BY_ONE = 10  # the best teams, each for itself
AT_ONCE = 20  # of the teams below them


def steps(teams: int) -> list[int]:
    """How many teams are open after each step: 0 first, `teams` last.

    >>> steps(53)
    [0, 3, 23, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53]
    """
    below = max(teams - ONE_BY_ONE, 0)
    return sorted({0, *chain(range(below, 0, -AT_ONCE), range(below, teams + 1))})


def after(opened: int, teams: int) -> int | None:
    """The step after so many open teams; None when all are open."""
    return next((step for step in steps(teams) if step > opened), None)


def before(opened: int, teams: int) -> int | None:
    """The step before; None when nothing is open yet."""
    return next((step for step in reversed(steps(teams)) if step < opened), None)
