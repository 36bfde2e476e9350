"""The steps in which private ranks are opened."""

from __future__ import annotations

import doctest
from itertools import pairwise

import pytest

from unseen_server.core import opening
from unseen_server.core.opening import after, before, steps


def test_the_example_of_the_module_is_true() -> None:
    assert doctest.testmod(opening).failed == 0


@pytest.mark.parametrize("teams", [0, 1, 9, 10, 11, 30, 31, 300, 301])
def test_every_team_is_opened_once_and_the_best_ten_one_by_one(teams: int) -> None:
    opened = steps(teams)
    widths = [b - a for a, b in pairwise(opened)]
    assert sum(widths) == teams
    assert all(1 <= width <= 20 for width in widths)
    assert widths[-10:] == [1] * min(10, teams) if teams <= 10 else set(widths[-10:]) == {1}


def test_a_class_of_300_is_opened_in_25_steps() -> None:
    assert len(steps(300)) == 1 + 15 + 10


def test_next_and_back_lead_from_one_step_to_another() -> None:
    assert [after(n, 33) for n in (0, 3, 22, 23, 32, 33)] == [3, 23, 23, 24, 33, None]
    assert [before(n, 33) for n in (33, 24, 23, 3, 2, 0)] == [32, 23, 3, 0, 0, None]
