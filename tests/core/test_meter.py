"""How far the public rows were overfitted, against formulas computed another way."""

from __future__ import annotations

import math
import statistics
from datetime import date

import numpy as np
import pytest
from scipy import stats

from unseen_server.core import meter, replays
from unseen_server.core.ladder import Merge
from unseen_server.core.meter import Step, Submitted

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
CLOSE = {"rel": 1e-9, "abs": 1e-12}


def submitted(ref: int, score: float = 1.0, private: float = 1.0, **other: object) -> Submitted:
    usual = {"team": 1, "entered_as": 1, "day": MONDAY, "counts": True, "chosen": False, "told": score}
    return Submitted(ref=ref, score=score, private=private, **{**usual, **other})  # type: ignore[arg-type]


def noise(seed: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(3.0, 2.0, n)


def test_z_is_the_difference_of_both_means_in_standard_errors() -> None:
    public, private = noise(1, 40) - 1.0, noise(2, 90)
    welch = stats.ttest_ind(private, public, equal_var=False).statistic
    found = meter.drift(public, private)
    assert found.z == pytest.approx(welch, **CLOSE)
    assert found.sd == pytest.approx(statistics.stdev(public.tolist()), **CLOSE)


def test_z_is_unknown_where_nothing_varies_and_of_single_rows() -> None:
    assert meter.drift(np.zeros(5), np.zeros(7)) == meter.Drift(None, 0.0)
    assert meter.drift(np.ones(1), noise(1, 7)) == meter.Drift(None, None)


def test_a_flag_needs_more_than_two_and_a_third() -> None:
    assert [meter.is_flagged(z) for z in (None, 2.33, 2.34, -9.0)] == [False, False, True, False]


def test_an_honest_team_is_flagged_about_once_in_a_hundred() -> None:
    rng = np.random.default_rng(5)
    flags = [meter.is_flagged(meter.drift(rng.normal(size=60), rng.normal(size=80)).z) for _ in range(3000)]
    assert 0.005 < sum(flags) / 3000 < 0.02


def test_the_expected_optimism_is_the_formula() -> None:
    assert meter.expected_optimism(2.5, 20, 200) == pytest.approx(0.8 * 2.5 * math.sqrt(2 * math.log(20) / 200))
    assert meter.expected_optimism(2.5, 1, 200) == 0.0


def test_optimism_is_what_was_gained_on_the_public_rows_alone() -> None:
    first, best = submitted(1, 10.0, 11.0), submitted(2, 7.0, 10.5)
    assert meter.optimism(first, best, "lower") == pytest.approx(-0.5 - -3.0)
    assert meter.optimism(first, first, "lower") == 0.0
    assert meter.optimism(submitted(1, 0.2, 0.3), submitted(2, 0.9, 0.4), "higher") == pytest.approx(0.6)
    assert meter.optimism(submitted(1, told=None), best, "lower") is None


def test_the_line_is_that_of_least_squares() -> None:
    x = noise(3, 50)
    y = 0.4 * x + noise(4, 50)
    line = meter.line(x, y)
    fitted = statistics.linear_regression(x.tolist(), y.tolist())
    assert line is not None
    assert (line.slope, line.intercept) == pytest.approx((fitted.slope, fitted.intercept), rel=1e-9)
    assert meter.line(np.ones(3), y[:3]) is None


@pytest.mark.parametrize("n", [2, 3, 64, 65, 500])
def test_kendall_counts_pairs_and_ties(n: int) -> None:
    x, y = np.round(noise(6, n)), np.round(noise(7, n) + noise(6, n), 1)
    x[0] += 1e-3
    pairs = [(i, j) for i in range(n) for j in range(i)]
    balance = sum(np.sign(x[i] - x[j]) * np.sign(y[i] - y[j]) for i, j in pairs)
    free = [sum(v[i] != v[j] for i, j in pairs) for v in (x, y)]
    assert meter.kendall(x, y) == pytest.approx(balance / math.sqrt(free[0] * free[1]), **CLOSE)


def test_kendall_agrees_with_scipy_and_is_unknown_without_differences() -> None:
    x, y = np.round(noise(8, 900), 1), np.round(noise(9, 900), 1)
    assert meter.kendall(x, y) == pytest.approx(stats.kendalltau(x, y).statistic, **CLOSE)
    assert meter.kendall(np.ones(4), y[:4]) is None
    assert meter.kendall(y[:1], y[:1]) is None


def test_the_shake_up_is_the_mean_move_as_a_share_of_the_board() -> None:
    assert meter.shake_up({7: 1, 8: 2, 9: 3, 5: 4}, {7: 2, 8: 1, 9: 3, 5: 4}) == pytest.approx(2 / 4 / 4)
    assert meter.shake_up({}, {}) is None


def test_noise_alone_shakes_equal_teams_like_a_lottery_and_distinct_ones_not_at_all() -> None:
    N = 9
    lottery = meter.expected_shake_up(np.zeros(N), np.eye(N), 50, 50)
    assert lottery == pytest.approx((N * N - 1) / (3 * N) / N, rel=0.05)  # of two independent random ranks
    assert meter.expected_shake_up(np.arange(N) * 100.0, np.eye(N), 50, 50) == 0.0
    assert meter.expected_shake_up(np.zeros(N), np.eye(N), 50, 50) == lottery
    alike = meter.expected_shake_up(np.arange(N) * 0.01, np.eye(N) * 1e-6 + 1.0, 50, 50)
    assert alike == 0.0  # teams that err together keep their places


def test_the_covariance_is_estimated_from_bounded_rows_always_the_same() -> None:
    few, many = np.arange(100), np.arange(50_000)
    assert meter.rows_for_covariance(few) is few
    rows = meter.rows_for_covariance(many)
    assert len(set(rows.tolist())) == meter.ROWS_AT_MOST
    assert (rows == meter.rows_for_covariance(many)).all()


def test_the_running_best_follows_what_was_displayed() -> None:
    entries = [submitted(1, 5.04, 7.0), submitted(2, 5.01, 6.0), submitted(3, 4.9, 8.0), submitted(4, 9.0, 1.0)]
    shown = {1: 5.0, 2: 5.0, 3: 4.9, 4: 9.0}  # the second equals the first: no step
    assert meter.running_best(entries, shown, "lower") == [Step(1, 5.04, 7.0), Step(3, 4.9, 8.0)]
    assert meter.running_best(entries, {**shown, 1: None}, "lower")[0] == Step(2, 5.01, 6.0)


def test_the_median_way_keeps_what_a_team_had_when_it_stopped() -> None:
    curves = [[Step(1, 9.0, 9.0)], [Step(1, 8.0, 8.0), Step(2, 2.0, 7.0)], [Step(2, 4.0, 1.0)]]
    assert meter.median_of(curves) == [Step(1, 8.5, 8.5), Step(2, 4.0, 7.0)]
    assert meter.median_of([]) == []


def test_regret_is_what_the_best_would_have_been_better() -> None:
    entries = [submitted(n, private=private) for n, private in enumerate((4.0, 3.0, 6.0))]
    assert meter.regret(entries, entries[::2], "lower") == 1.0
    assert meter.regret(entries, entries[:2], "higher") == 2.0
    assert meter.regret(entries, [], "lower") is None


def test_a_limit_keeps_the_first_of_each_day_and_a_merged_team_has_used_what_either_had() -> None:
    entries = [
        submitted(1, entered_as=1),
        submitted(2, entered_as=2),
        submitted(3, entered_as=1, counts=False),  # withdrawn: its slot stays used
        submitted(5, entered_as=1),
        submitted(6, entered_as=1, day=TUESDAY),
    ]
    merges = [Merge(after=4, host=1, guest=2)]
    kept = {limit: [one.ref for one in replays.within_limit(entries, merges, limit)] for limit in (1, 2, 3, 4, None)}
    assert kept == {1: [1, 2, 6], 2: [1, 2, 3, 6], 3: [1, 2, 3, 6], 4: [1, 2, 3, 5, 6], None: [1, 2, 3, 5, 6]}


def test_teams_that_merged_one_after_the_other_share_what_all_of_them_had_used() -> None:
    entries = [submitted(n, entered_as=n) for n in (1, 2, 3)] + [submitted(4, entered_as=1)]
    merges = [Merge(after=3, host=2, guest=3), Merge(after=3, host=1, guest=2)]
    assert [one.ref for one in replays.within_limit(entries, merges, 3)] == [1, 2, 3]


def test_an_outcome_ranks_the_best_final_and_ties_go_to_the_earlier() -> None:
    teams = {
        1: [submitted(1, 5.0, 3.0), submitted(4, 4.0, 9.0)],
        2: [submitted(2, 6.0, 9.0, team=2)],
        3: [submitted(3, 1.0, 4.0, team=3, chosen=True), submitted(5, 0.5, 1.0, team=3)],
    }
    shown = {1: 5.0, 2: 6.0, 3: 1.0, 4: 4.0, 5: 0.5}
    default = replays.outcome(teams, shown, 1, "lower")
    assert (dict(default.ranks), default.winning_score) == ({3: 1, 2: 2, 1: 3}, 1.0)
    chosen = replays.outcome(teams, shown, 1, "lower", as_chosen=True)
    assert (dict(chosen.ranks), chosen.winning_score) == ({3: 1, 2: 2, 1: 3}, 4.0)
    both = replays.outcome(teams, shown, 2, "lower")
    assert dict(both.ranks) == {3: 1, 1: 2, 2: 3}
    assert both.ranks_that_differ(default) == 2
    assert default.optimism == pytest.approx(((9 - 3 - (4 - 5)) + 0 + (1 - 4 - (0.5 - 1))) / 3)
