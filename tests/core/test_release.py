"""What a student is told of a score: on the grid, in order, and of no use for climbing."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unseen_server.core.errors import BadRequest
from unseen_server.core.leak import leak_level, leak_meaning, leak_ratio
from unseen_server.core.metrics import METRICS
from unseen_server.core.release import (
    Constants,
    check_release,
    constants,
    constants_of,
    q125,
    shown,
)

MSE = Constants(baseline_score=10.0, standard_error=0.5, grid=0.1, eta=0.2, n_public=200)
SCORES = st.floats(0, 1e12)
# (metric, R0, SE0): every kind of grid there is
KINDS = st.one_of(
    st.tuples(st.just("mse"), st.floats(1e-9, 1e9), st.floats(1e-9, 1e9)),
    st.tuples(st.sampled_from(["mse", "rmse"]), st.floats(0, 1e9), st.none()),
    st.tuples(st.just("r2"), st.floats(-10, 1), st.none()),
)


def released(kind, score):
    name, score0, error = kind
    given_constants = constants_of(METRICS[name], score0, error, n_public=100)
    score = 1 - score if name == "r2" else score
    return shown("rounded", score, given_constants), given_constants


@pytest.mark.parametrize(
    ("x", "q"),
    [
        (1, 1),
        (1.99, 1),
        (2, 2),
        (4.9, 2),
        (5, 5),
        (9.99, 5),
        (10, 10),
        (0.3, 0.2),
        (0.05, 0.05),
        (1e23, 1e23),
        (7e-9, 5e-9),
    ],
)
def test_a_grid_step_is_one_two_or_five_times_a_power_of_ten(x, q):
    assert q125(x) == q


@given(st.floats(1e-300, 1e300))
def test_the_grid_step_is_the_largest_that_is_not_above(x):
    assert q125(x) <= x < 2.5000001 * q125(x)
    assert q125(q125(x)) == q125(x)


@pytest.mark.parametrize("x", [0, -1, math.nan, math.inf])
def test_there_is_no_grid_step_for_nothing(x):
    with pytest.raises(ValueError, match="no grid step"):
        q125(x)


def test_the_grid_comes_from_the_noise_of_the_baseline():
    losses = np.array([1.0, 3.0, 5.0, 7.0])
    given_constants = constants(METRICS["mse"], losses)
    assert given_constants.baseline_score == 4.0
    assert given_constants.standard_error == pytest.approx(np.std(losses, ddof=1) / 2)
    assert (given_constants.grid, given_constants.n_public) == (0.2, 4)  # SE0 / 4 = 0.32


def test_the_constants_a_competition_keeps_give_the_same_grid_again():
    c = constants(METRICS["mse"], np.array([1.0, 3.0, 5.0, 7.0]))
    assert constants_of(METRICS["mse"], c.baseline_score, c.standard_error, c.n_public) == c


@pytest.mark.parametrize(
    ("metric", "losses", "score", "grid"),
    [
        ("rmse", [16.0, 20.25], 4.257, 0.02),  # no mean of losses: a hundredth of the baseline's score
        ("r2", [1.0, 1.1], -0.003, 0.01),  # ... of its distance from 1
        ("mse", [1.0, 1.0, 1.0], None, 0.01),  # no noise at all
        ("mse", [0.1 + 0.2, 0.3, 0.3], None, 0.002),  # none but that of the arithmetic
        ("mse", [5.0], None, 0.05),  # one row has no spread
    ],
)
def test_without_a_standard_error_the_step_is_about_two_significant_digits(metric, losses, score, grid):
    assert constants(METRICS[metric], np.array(losses), baseline_score=score).grid == grid


@pytest.mark.parametrize("name", METRICS)
def test_means_and_directions_are_those_of_the_metrics(name):
    c = constants(METRICS[name], np.array([1.0, 3.0]))
    assert (c.standard_error is not None) == METRICS[name].is_mean
    assert c.direction == METRICS[name].direction


def test_a_perfect_baseline_leaves_two_significant_digits():
    c = constants(METRICS["mse"], np.zeros(3))
    assert [shown("rounded", score, c) for score in (0.0, 0.12345, 98765.0)] == [0.0, 0.12, 99000.0]


@pytest.mark.parametrize(
    ("score", "told"),
    [
        (0.0, 0.0),
        (3.04, 3.0),
        (0.1 + 0.2, 0.3),
        (9.96, 10.0),
        (10.04, 10.0),  # rounds like the baseline
        (10.4, 10.0),  # two digits
        (10.6, 11.0),
        (1234.5, 1200.0),
        (987654321.0, 990000000.0),
    ],
)
def test_up_to_the_baseline_the_grid_and_beyond_it_two_digits(score, told):
    assert shown("rounded", score, MSE) == told


def test_worse_than_the_baseline_never_shows_as_better_than_it():
    # two digits alone would say 10
    assert shown("rounded", 10.46, Constants(10.4, 0.5, 0.1, 0.2, 200)) == 10.4
    # and 0.94 here, where higher is better
    assert shown("rounded", 0.9355, constants_of(METRICS["r2"], 0.936, None, 100)) == 0.936


def test_near_zero_significant_digits_would_tell_everything_and_the_grid_does_not():
    c = constants_of(METRICS["r2"], 0.0, None, 100)
    assert shown("rounded", -0.0012345, c) == 0.0
    assert shown("rounded", -0.0061, c) == -0.01
    assert shown("rounded", -3.456, c) == -3.5


def test_full_tells_the_score_itself():
    assert shown("full", 0.1 + 0.2, MSE) == 0.1 + 0.2


@pytest.mark.parametrize("release", ["full", "rounded"])
def test_minus_zero_is_never_shown(release):
    c = constants_of(METRICS["r2"], 0.5, None, 100)
    for score in (-0.0, -1e-9):
        assert not (shown(release, score, c) == 0 and math.copysign(1, shown(release, score, c)) < 0)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_only_finite_scores_are_released(score):
    with pytest.raises(ValueError, match="finite"):
        shown("full", score, MSE)


@given(KINDS, st.tuples(SCORES, SCORES))
def test_a_better_score_never_shows_as_worse(kind, two):
    good, bad = sorted(two)
    (good_told, c), (bad_told, _) = released(kind, good), released(kind, bad)
    assert good_told <= bad_told if c.direction == "lower" else good_told >= bad_told


@given(KINDS, SCORES)
def test_what_is_shown_shows_as_itself(kind, score):
    told, c = released(kind, score)
    assert shown("rounded", told, c) == told


@given(KINDS, SCORES)
def test_what_is_shown_lies_on_the_grid_in_its_shortest_text(kind, score):
    told, c = released(kind, score)
    steps = Fraction(repr(told)) / Fraction(repr(c.grid))
    assert steps.denominator == 1


@given(KINDS, SCORES)
def test_rounding_moves_a_score_little(kind, score):
    told, c = released(kind, score)
    score = 1 - score if kind[0] == "r2" else score
    assert abs(told - score) <= max(c.grid * 0.501, abs(score) * 0.0501)


def test_a_release_is_offered_where_its_metric_allows_it():
    check_release("rounded", METRICS["r2"])
    check_release("ladder", METRICS["mae"])
    with pytest.raises(BadRequest, match=r"R² is no mean of them\. Choose one of: full, rounded"):
        check_release("ladder", METRICS["r2"])
    with pytest.raises(BadRequest, match="Choose one of: full, rounded, ladder"):
        check_release("exact", METRICS["mse"])


@pytest.mark.parametrize(
    ("ratio", "level"), [(0, "green"), (0.1, "green"), (0.11, "amber"), (0.3, "amber"), (0.31, "red")]
)
def test_the_leak_ratio_has_a_colour_and_a_meaning(ratio, level):
    assert leak_level(ratio) == level
    assert str(leak_meaning(ratio)).endswith(".")


def test_the_leak_ratio_is_submissions_per_public_row():
    assert leak_ratio(70, 700) == 0.1


def excess_after_climbing(release, seed):
    """(private - public) of 200 uploads that keep whatever shows better, less the same of the honest start."""
    rng = np.random.default_rng(seed)
    g, r = rng.standard_normal(600), rng.standard_normal(600)
    y = np.clip(10 + 2 * g + 2 * r, 0, 20)
    order = rng.permutation(600)
    public, private = order[:200], order[200:]

    def mse(predictions, rows):
        return float(np.mean((predictions[rows] - y[rows]) ** 2))

    c = constants(METRICS["mse"], (10 - y[public]) ** 2)
    honest = current = np.clip(10 + 2 * g, 0, 20)
    for _ in range(200):
        candidate = np.clip(current + 2.4 / math.sqrt(200) * rng.standard_normal(600), 0, 20)
        if shown(release, mse(candidate, public), c) < shown(release, mse(current, public), c):
            current = candidate
    gap = mse(current, private) - mse(current, public)
    return (gap - (mse(honest, private) - mse(honest, public))) / mse(honest, public)


def test_hill_climbing_fits_the_public_rows_of_full_scores_but_hardly_of_rounded_ones():
    full, rounded = (
        np.median([excess_after_climbing(release, seed) for seed in range(12)]) for release in ("full", "rounded")
    )
    assert full > 0.5
    assert rounded < 0.2
