"""Split advice: what a team may submit, what that does to the public rows, and what would help."""

import math

import numpy as np
import pytest

from unseen_server.core.advice import Spread, advice, lines, recommended_public_share, spread
from unseen_server.core.metrics import METRICS


def test_advice_counts_what_a_team_may_submit():
    a = advice(309, days=14, daily_limit=5, n_public=154, spread=Spread(10.0, measured=True))
    assert (a.submissions, a.n_private, a.level) == (70, 155, "red")
    assert a.leak_ratio == a.worst_case_gap == 70 / 154
    assert a.honest_optimism == pytest.approx(0.8 * 10 * math.sqrt(2 * math.log(70) / 154))
    assert a.resolution == pytest.approx(2.49 * 10 / math.sqrt(155))
    assert advice(309, days=14, daily_limit=5, total_limit=20).submissions == 20


def test_advice_warns_of_too_few_public_rows_and_names_a_total_limit_that_helps():
    a = advice(1000, days=14, daily_limit=5, n_public=300)
    assert "at least 700 rows" in str(a.warnings[0])
    assert "at most 30 in all" in str(a.warnings[0])
    assert advice(1000, days=14, daily_limit=5, n_public=300, total_limit=30).warnings == ()


def test_advice_warns_of_a_small_private_part_and_of_a_hopeless_public_one():
    assert "fewer private rows (30)" in str(advice(100, days=1, daily_limit=1, n_public=70).warnings[0])
    assert "fewer than 200" in str(advice(100, days=1, daily_limit=1, n_public=70).warnings[1])


def test_small_test_sets_keep_more_rows_private():
    assert [recommended_public_share(n) for n in (4999, 5000)] == [0.3, 0.5]
    assert advice(1000, days=1, daily_limit=5).n_public == 300


def test_two_baselines_give_the_spread_between_two_models():
    rng = np.random.default_rng(1)
    labels, a, b, c = rng.normal(size=(4, 50))
    losses = [(labels - predictions) ** 2 for predictions in (a, b, c)]
    found = spread(METRICS["mse"], labels, [a, b])
    assert found == Spread(pytest.approx(np.std(losses[0] - losses[1], ddof=1)), measured=True)
    pairs = [np.std(losses[i] - losses[j], ddof=1) for i, j in ((0, 1), (0, 2), (1, 2))]
    assert spread(METRICS["mse"], labels, [a, b, c]).sd == pytest.approx(np.median(pairs))


@pytest.mark.parametrize("baselines", [0, 1, 2])
def test_without_two_different_baselines_the_spread_is_guessed_from_the_mean(baselines):
    labels = np.random.default_rng(2).normal(size=40)
    guess = np.std(np.abs(labels - labels.mean()), ddof=1)
    found = spread(METRICS["mae"], labels, [np.zeros(40)] * baselines)
    assert found == Spread(pytest.approx(guess), measured=False)


@pytest.mark.parametrize("metric", ["rmse", "r2"])
def test_a_metric_that_is_no_mean_has_no_spread_and_no_ladder(metric):
    assert spread(METRICS[metric], np.arange(10.0)) is None
    a = advice(2000, days=20, daily_limit=5, n_public=600, metric=METRICS[metric])
    assert (a.sd_pair, a.honest_optimism, a.resolution) == (None, None, None)
    assert "mse and mae would allow" in str(a.suggestions[0])
    assert [line.value for line in lines(a)].count("–") == 3


@pytest.mark.parametrize(
    ("n_public", "daily_limit", "release", "suggested"),
    [
        (500, 51, "rounded", True),
        (500, 50, "rounded", False),  # a leak ratio of .1 is green
        (499, 51, "rounded", False),
        (500, 51, "full", True),
        (500, 51, "ladder", False),
    ],
)
def test_the_ladder_is_suggested_where_it_would_help(n_public, daily_limit, release, suggested):
    a = advice(2000, days=1, daily_limit=daily_limit, n_public=n_public, release=release)
    assert ['release = "ladder"' in str(each) for each in a.suggestions] == [True] * suggested


def test_a_ladder_on_few_rows_and_scores_in_full_are_warned_of():
    few = advice(2000, days=1, daily_limit=5, n_public=499, release="ladder")
    assert "fewer than 500" in str(few.warnings[0])
    assert advice(2000, days=1, daily_limit=5, n_public=500, release="ladder").warnings == ()
    full = advice(2000, days=1, daily_limit=5, n_public=300, release="full")
    assert "301 submissions recover every public label" in str(full.warnings[0])


def test_the_table_says_every_number_with_its_colour_in_words():
    a = advice(309, days=14, daily_limit=5, n_public=154, spread=Spread(101.0, measured=True))
    said = {str(line.name): str(line.value) for line in lines(a)}
    assert said == {
        "Public and private rows": "154 and 155",
        "Submissions a team may make": "70",
        "Leak ratio": "0.45 (red)",
        "Worst-case gap": "0.45",
        "Honest optimism": "19",
        "Private resolution": "20",
        "Spread between two models": "100",
    }
    assert all(str(line.meaning).endswith(".") for line in lines(a))
