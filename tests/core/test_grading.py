"""Points from baselines."""

from __future__ import annotations

import doctest
import math

import pytest

from unseen_server.core import grading
from unseen_server.core.grading import Baseline, points
from unseen_server.core.ranking import Direction

LINE = Baseline("line", points_public=3, points_private=2, public_score=9.0, private_score=9.5)
NETWORK = Baseline("network", points_public=3, points_private=4, public_score=4.0, private_score=4.4)


def got(public: float | None, private: float | None, direction: Direction = "lower") -> list[tuple[float, float]]:
    earned = points([LINE, NETWORK], public=public, private=private, direction=direction)
    return [(one.public, one.private) for one in earned]


def test_the_example_of_the_module_is_true() -> None:
    assert doctest.testmod(grading).failed == 0


@pytest.mark.parametrize(
    ("public", "private", "earned"),
    [
        (9.0, 9.5, [(3, 2), (0, 0)]),  # equal is reached
        (9.1, 9.6, [(0, 0), (0, 0)]),
        (4.0, 9.5, [(3, 2), (3, 0)]),
        (None, None, [(0, 0), (0, 0)]),
        (4.0, None, [(3, 0), (3, 0)]),  # not revealed
        (math.nan, math.inf, [(0, 0), (0, 0)]),
    ],
)
def test_a_baseline_reached_is_its_points(
    public: float | None, private: float | None, earned: list[tuple[float, float]]
) -> None:
    assert got(public, private) == earned


def test_higher_may_be_better() -> None:
    assert got(9.0, 9.5, "higher") == [(3, 2), (3, 4)]
    assert got(3.9, 4.4, "higher") == [(0, 0), (0, 4)]


def test_a_baseline_without_a_score_is_reached_by_nobody() -> None:
    hidden = Baseline("hidden", 1, 1, None, None)
    assert grading.total(points([hidden], public=0.0, private=0.0, direction="lower")) == 0.0


def test_no_baselines_no_points() -> None:
    assert grading.worth([]) == grading.total([]) == 0.0


def test_tenths_of_a_point_add_up() -> None:
    tenths = [Baseline(name, 0.1, 0.2, 1.0, 1.0) for name in ("a", "b", "c")]
    assert grading.total(points(tenths, public=1.0, private=1.0, direction="lower")) == grading.worth(tenths) == 0.9
    assert grading.total_public(points(tenths, public=1.0, private=1.0, direction="lower")) == 0.3
