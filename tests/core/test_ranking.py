"""Order, ties, and default finals."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unseen_server.core.ranking import best, better, board, default_finals, in_order

NAN, INF = float("nan"), float("inf")


@dataclass(frozen=True)
class Entry:
    name: str
    score: float | None
    sequence: int
    is_baseline: bool = False


def names(entries):
    return [entry.name for entry in entries]


@pytest.mark.parametrize(
    ("a", "b", "direction", "is_better"),
    [
        (1, 2, "lower", True),
        (2, 1, "lower", False),
        (2, 1, "higher", True),
        (1, 2, "higher", False),
        (1, 1, "lower", False),
        (1, 1, "higher", False),
        (1e300, NAN, "lower", True),  # any score is better than none
        (-1e300, INF, "higher", True),
        (NAN, 1, "lower", False),
        (NAN, NAN, "lower", False),
    ],
)
def test_better_means_strictly_better_in_the_metrics_direction(a, b, direction, is_better):
    assert better(a, b, direction) is is_better


def test_ties_go_to_the_earlier_submission():
    late, early = Entry("late", 1.0, 9), Entry("early", 1.0, 3)
    assert board([late, early], "lower") == [(1, early), (2, late)]
    assert best([late, early], "higher") is early


def test_only_finite_scores_rank():
    entries = [Entry("nan", NAN, 1), Entry("none", None, 2), Entry("inf", -INF, 3), Entry("one", 1.0, 4)]
    assert names(in_order(entries, "lower")) == ["one"]
    assert [(rank, e.name) for rank, e in board(entries, "lower")] == [(1, "one")]


def test_baselines_stand_in_order_and_have_no_rank():
    entries = [Entry("a", 3.0, 1), Entry("simple", 2.0, 0, True), Entry("b", 1.0, 2)]
    assert [(rank, e.name) for rank, e in board(entries, "lower")] == [(1, "b"), (None, "simple"), (2, "a")]


def test_a_team_that_equals_a_baseline_stands_above_it():
    entries = [Entry("simple", 2.0, 0, True), Entry("a", 2.0, 5)]
    assert names(e for _, e in board(entries, "lower")) == ["a", "simple"]


def test_default_finals_are_the_best_displayed_the_earlier_first():
    entries = [Entry("c", 1.5, 3), Entry("a", 1.0, 1), Entry("b", 1.5, 2), Entry("d", NAN, 4)]
    assert names(default_finals(entries, 2, "lower")) == ["a", "b"]
    assert names(default_finals(entries[:1], 2, "lower")) == ["c"]


ENTRIES = st.lists(
    st.builds(
        Entry, st.text(max_size=2), st.sampled_from([0.5, 1.0, 1.5, None, NAN]), st.integers(0, 50), st.booleans()
    ),
    unique_by=lambda e: e.sequence,
)


@given(ENTRIES, st.sampled_from(["lower", "higher"]), st.randoms())
def test_a_board_does_not_depend_on_the_order_it_is_given(entries, direction, random):
    shuffled = random.sample(entries, len(entries))
    placed = board(entries, direction)
    assert board(shuffled, direction) == placed
    ranks = [rank for rank, _ in placed if rank is not None]
    assert ranks == list(range(1, len(ranks) + 1))
    scores = [e.score for _, e in placed]
    assert scores == sorted(scores, reverse=direction == "higher")
