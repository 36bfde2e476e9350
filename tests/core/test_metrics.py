"""Scores against exact rational arithmetic, and against scikit-learn."""

from __future__ import annotations

import hashlib
import importlib
import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.figures import LONG, Tell

from unseen_server.core.metrics import LARGEST_MAGNITUDE, METRICS, HalfScore, metric, score
from unseen_server.core.predictions import Expected, canonical_order, read_predictions
from unseen_server.core.splits import IGNORED, PRIVATE, PUBLIC

Floats = NDArray[np.float64]
MSE = METRICS["mse"]


def exact_mean(labels: Floats, predictions: Floats, name: str = "mse") -> Fraction:
    errors = [Fraction(y) - Fraction(p) for y, p in zip(labels.tolist(), predictions.tolist(), strict=True)]
    return sum((abs(e) if name == "mae" else e * e for e in errors), Fraction(0)) / len(errors)


def ulps(value: float, exact: Fraction) -> float:
    """Distance from the correctly rounded quotient, in units of its last place."""
    rounded = float(exact)
    return abs(value - rounded) / math.ulp(rounded)


def world(rng: np.random.Generator, n: int, size: float = 1.0) -> tuple[Floats, Floats, NDArray[np.uint8]]:
    labels = rng.normal(10, 3, n) * size
    predictions = labels + rng.normal(0, 10.0 ** rng.integers(-9, 2), n) * size
    usage = rng.choice(np.array([IGNORED, PUBLIC, PRIVATE], np.uint8), n)
    usage[:2] = PUBLIC, PRIVATE
    return labels, predictions, usage


def both(n: int) -> NDArray[np.uint8]:
    """Public and private rows in turn."""
    return np.resize(np.array([PUBLIC, PRIVATE], np.uint8), n)


def halves(
    labels: Floats, predictions: Floats, usage: NDArray[np.uint8], name: str
) -> list[tuple[HalfScore, Floats, Floats]]:
    scores = score(METRICS[name], labels, predictions, usage)
    return [
        (half, labels[usage == which], predictions[usage == which])
        for half, which in ((scores.public, PUBLIC), (scores.private, PRIVATE))
    ]


@pytest.mark.parametrize("name", ["mse", "mae"])
def test_a_mean_is_within_one_ulp_of_the_exact_quotient(name: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(1000):
        sample = world(rng, int(rng.integers(2, 60)), size=10.0 ** rng.integers(-30, 30))
        for half, labels, predictions in halves(*sample, name):
            exact = exact_mean(labels, predictions, name)
            assert ulps(half.value, exact) <= 1
            assert ulps(half.total, exact * half.n) <= 1
            assert half.n == len(labels)


@pytest.mark.long
@pytest.mark.figure("score")
def test_a_mean_is_within_one_ulp_on_ten_thousand_vectors(figure: Tell) -> None:
    rng = np.random.default_rng(2)
    for _ in range(10_000):
        sample = world(rng, int(rng.integers(2, 400)), size=10.0 ** rng.integers(-60, 60))
        for half, labels, predictions in halves(*sample, "mse"):
            assert ulps(half.value, exact_mean(labels, predictions)) <= 1
        figure("vectors", 1)


@pytest.mark.figure("score")
def test_a_files_score_is_the_same_bits_whatever_the_order_of_its_rows(figure: Tell) -> None:
    rng = np.random.default_rng(3)
    for _ in range(1000 if LONG else 50):
        labels, predictions, usage = world(rng, int(rng.integers(2, 200)))
        expected = Expected(
            canonical_order(f"{n:x}" for n in range(len(labels))), id_column="id", target_column="y", bounds=(-1e6, 1e6)
        )
        rows = [f"{name},{value!r}" for name, value in zip(expected.ids, predictions.tolist(), strict=True)]
        scores = set()
        for order in (range(len(rows)), rng.permutation(len(rows)), rng.permutation(len(rows))):
            content = "\n".join(["id,y", *(rows[i] for i in order)]).encode()
            read = read_predictions(content, "a.csv", expected)
            scored = score(MSE, labels, read, usage)
            scores.add(tuple(half.value.hex() + half.total_squares.hex() for half in (scored.public, scored.private)))
        assert len(scores) == 1
        figure("files with their rows permuted", 1)


def test_losses_of_very_different_size_lose_nothing() -> None:
    predictions = np.ones(4002)
    predictions[:2] = 2.0**27  # its square is 2^54, to which a single 1 adds nothing
    scores = score(MSE, np.zeros(4002), predictions, both(4002))
    assert scores.public.total == scores.private.total == 2.0**54 + 2000


def test_what_the_subtraction_rounds_away_still_counts() -> None:
    labels, predictions = np.ones(4), np.full(4, -0.9999 * 2.0**-53)  # 1 - p rounds to 1, its square does not
    assert score(MSE, labels, predictions, both(4)).public.value == 1 + 2.0**-52
    assert score(METRICS["mae"], -labels, -predictions, both(4)).public.value == 1.0  # and not the float below


def test_a_vector_longer_than_one_round_is_summed_as_exactly() -> None:
    rng = np.random.default_rng(3)
    labels, predictions, usage = world(rng, 70_001)
    for half, y, p in halves(labels, predictions, usage, "mse"):
        assert ulps(half.value, exact_mean(y, p)) <= 1


def test_scores_are_the_same_bits_on_every_machine() -> None:
    # uniform bits without a library's random numbers, so that this digest holds anywhere
    words = np.frombuffer(b"".join(hashlib.sha256(bytes([i])).digest() for i in range(256)), "<u4")
    values = words.astype(np.float64) / 2**32
    scores = score(MSE, values[0::2], values[1::2], both(len(values) // 2))
    assert scores.public.value.hex() == "0x1.58958adcdc404p-3"
    assert scores.private.total_squares.hex() == "0x1.d816a54c01416p+4"


def test_rmse_is_the_root_of_mse() -> None:
    labels, predictions, usage = world(np.random.default_rng(4), 500)
    mse, rmse = (score(METRICS[name], labels, predictions, usage) for name in ("mse", "rmse"))
    assert rmse.private.value == math.sqrt(mse.private.value)
    assert rmse.private.total == mse.private.total


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("mse", "mean_squared_error"),
        ("rmse", "root_mean_squared_error"),
        ("mae", "mean_absolute_error"),
        ("r2", "r2_score"),
    ],
)
@pytest.mark.parametrize("n", [2, 3, 1000, 100_001])
def test_every_metric_agrees_with_scikit_learn(name: str, theirs: str, n: int) -> None:
    metrics = importlib.import_module("sklearn.metrics")  # here, for to load it takes a second
    rng = np.random.default_rng(n)
    labels, predictions = rng.normal(5, 2, 2 * n), rng.normal(5, 2, 2 * n)
    for half, y, p in halves(labels, predictions, both(2 * n), name):
        assert half.value == pytest.approx(getattr(metrics, theirs)(y, p), rel=1e-12, abs=0)


def test_r2_of_equal_labels_is_one_or_nothing() -> None:
    labels, usage = np.full(4, 7.0), both(4)
    assert score(METRICS["r2"], labels, labels, usage).public.value == 1.0
    assert score(METRICS["r2"], labels, labels + 1, usage).public.value == 0.0


def test_r2_of_labels_far_from_zero_keeps_its_digits() -> None:
    labels = 1e9 + np.arange(10.0)
    ours = score(METRICS["r2"], labels, labels + 0.5, both(10)).public.value
    y = [Fraction(v) for v in labels[0::2].tolist()]
    spread = sum((v - sum(y) / 5) ** 2 for v in y)
    assert ours == float(1 - Fraction(5, 4) / spread)


def test_ignored_rows_count_for_nothing() -> None:
    labels, predictions = np.array([1.0, 2.0, 3.0]), np.array([1.5, 9.0, 3.25])
    scores = score(MSE, labels, predictions, np.array([PUBLIC, IGNORED, PRIVATE], np.uint8))
    assert (scores.public.value, scores.private.value) == (0.25, 0.0625)


def test_sums_of_losses_and_of_their_squares_give_a_standard_error() -> None:
    labels, predictions, usage = world(np.random.default_rng(5), 3001)
    losses = MSE.losses(labels, predictions)[usage == PUBLIC]
    public = score(MSE, labels, predictions, usage).public
    assert public.total == pytest.approx(math.fsum(losses), rel=1e-15, abs=0)
    assert public.total_squares == pytest.approx(math.fsum(losses**2), rel=1e-14, abs=0)


def test_the_largest_numbers_allowed_stay_finite() -> None:
    labels = np.full(1000, -LARGEST_MAGNITUDE)
    public = score(MSE, labels, -labels, both(1000)).public
    assert public.value == float(4 * Fraction(LARGEST_MAGNITUDE) ** 2)
    assert math.isfinite(public.total_squares)


@pytest.mark.parametrize("value", [1e308, -1e71, math.nan, math.inf])
def test_what_could_overflow_is_refused_rather_than_scored(value: float) -> None:
    for labels, predictions in (([value, 1.0], [1.0, 1.0]), ([1.0, 1.0], [1.0, value])):
        with pytest.raises(ValueError, match="finite"):
            score(MSE, np.array(labels), np.array(predictions), both(2))


def test_bounds_too_wide_for_a_score_are_narrowed_when_a_file_is_read() -> None:
    expected = Expected(["1", "2"], id_column="id", target_column="y", bounds=(-1e308, 1e308))
    values = read_predictions(b"id,y\n1,1e70\n2,-1e70\n", "a.csv", expected)
    assert math.isfinite(score(MSE, np.zeros(2), values, both(2)).public.value)


def test_a_half_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one public and one private"):
        score(MSE, np.zeros(2), np.zeros(2), np.array([PUBLIC, PUBLIC], np.uint8))


def test_an_unknown_metric_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="mse, rmse, mae, r2"):
        metric("msee")


def test_every_metric_says_in_which_direction_it_is_better() -> None:
    assert {each.name: (each.title, each.direction, each.is_mean) for each in METRICS.values()} == {
        "mse": ("MSE", "lower", True),
        "rmse": ("RMSE", "lower", False),
        "mae": ("MAE", "lower", True),
        "r2": ("R²", "higher", False),
    }


SIZES = [1000, pytest.param(100_000, marks=pytest.mark.slow), pytest.param(1_000_000, marks=pytest.mark.long)]


@pytest.mark.parametrize("rows", SIZES)
@pytest.mark.parametrize("form", ["{}", "test_{}", "{:08d}", "{:x}-"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_a_file_is_scored_as_an_independent_sum_says(rows: int, form: str, shuffled: bool) -> None:
    rng = np.random.default_rng(rows)
    ids = canonical_order(form.format(i) for i in range(rows))
    labels, predictions, usage = world(rng, rows)
    order = rng.permutation(rows) if shuffled else np.arange(rows)
    values = predictions.tolist()
    body = "".join(f"{ids[i]},{values[i]!r}\n" for i in order.tolist())
    expected = Expected(ids, id_column="id", target_column="y", bounds=(-1e6, 1e6))
    read = read_predictions(f"id,y\n{body}".encode(), "a.csv", expected)
    assert np.array_equal(read, predictions)
    for half, y, p in halves(labels, read, usage, "mse"):
        assert half.value == pytest.approx(math.fsum((y - p) ** 2) / len(y), rel=1e-12, abs=0)


@pytest.mark.slow
def test_a_file_of_a_million_rows_in_any_order_is_scored_like_any_other() -> None:
    test_a_file_is_scored_as_an_independent_sum_says(1_000_000, "{}", shuffled=True)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_found_by_its_name(name: str) -> None:
    assert metric(name).name == name
