"""The ladder: only significant improvements are told, from the baseline down, and a replay tells them again."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unseen_server.core.ladder import Judged, Merge, Replay, Rung, judge
from unseen_server.core.metrics import METRICS
from unseen_server.core.release import constants

N = 400


def class_of(seed=0):
    """Labels (N,), honest predictions, the rung of a constant 10, and the constants it gives."""
    rng = np.random.default_rng(seed)
    g, r = rng.standard_normal(N), rng.standard_normal(N)
    y = np.clip(10 + 2 * g + 2 * r, 0, 20)
    baseline = (y - 10) ** 2
    return y, np.clip(10 + 2 * g, 0, 20), Rung(baseline), constants(METRICS["mse"], baseline)


def told(losses, rung, c):
    return judge(losses, float(np.mean(losses)), rung, c)


def test_the_rule_is_that_of_the_paper_with_a_floor():
    y, honest, start, c = class_of()
    rng = np.random.default_rng(1)
    for size in np.geomspace(0.001, 3, 60):
        losses = (y - (honest + size * rng.standard_normal(N))) ** 2
        d = start.losses - losses
        significant = np.mean(d) >= max(2 * np.std(d, ddof=1) / math.sqrt(N), c.eta)
        released = told(losses, start, c)
        assert released.accepted == significant
        assert released.grid == c.eta
        if significant:
            assert released.shown == pytest.approx(round(np.mean(losses) / c.eta) * c.eta, rel=1e-12)


@given(st.floats(-50, 50), st.integers(0, 20))
def test_what_is_no_improvement_is_told_in_the_same_words_however_bad_it_is(shift, seed):
    y, honest, start, c = class_of()
    best = told((y - honest) ** 2, start, c)
    rung = Rung((y - honest) ** 2, 1, best.shown)
    noise = np.random.default_rng(seed).standard_normal(N)
    released = told((y - (honest + shift + 0.01 * noise)) ** 2, rung, c)
    assert released == (best.__class__)(best.shown, False, c.eta)


def test_nothing_is_shown_before_the_baseline_is_beaten():
    y, _, start, c = class_of()
    for predictions in (10.0, 0.0, 20.0):
        released = told((y - predictions) ** 2, start, c)
        assert (released.shown, released.accepted) == (None, False)


def test_each_accepted_one_shows_better_by_a_step_at_least():
    y, honest, rung, c = class_of()
    shown = [math.inf]
    for share in np.linspace(0, 1, 40):
        losses = (y - (10 + share * (honest - 10))) ** 2
        released = told(losses, rung, c)
        if released.accepted:
            assert released.shown <= shown[-1] - c.eta * 0.999
            shown.append(released.shown)
            rung = Rung(losses, len(shown), released.shown)
    assert len(shown) > 3


def test_a_descending_staircase_prints_few_values():
    """Steps as small as one likes were each significant to the parameter-free ladder: their spread shrinks too."""
    y, honest, start, c = class_of()
    rung, values = start, []
    for k in range(1000):
        losses = (y - (10 + k / 1000 * (honest - 10))) ** 2
        released = told(losses, rung, c)
        if released.accepted:
            values.append(released.shown)
            rung = Rung(losses, k, released.shown)
    assert len(values) <= (c.baseline_score - np.mean((y - honest) ** 2)) / c.eta + 1


@pytest.mark.parametrize("n", [1, 2])
def test_a_row_or_two_prove_nothing_unless_every_one_improves_alike(n):
    y = np.arange(n, dtype=float)
    c = constants(METRICS["mse"], (y - 5) ** 2)
    released = told(np.zeros(n), Rung((y - 5.0) ** 2), c)
    assert released.accepted == (n == 2)


def test_equal_files_are_no_improvement_even_where_a_step_is_nothing():
    zeros = np.zeros(N)
    c = constants(METRICS["mse"], zeros)
    assert not told(zeros, Rung(zeros), c).accepted


def submissions(y, honest, seed):
    """Forty files of four teams, better and worse."""
    rng = np.random.default_rng(seed)
    for ref in range(1, 41):
        share, noise = rng.uniform(0, 1), rng.uniform(0, 2)
        losses = (y - (10 + share * (honest - 10) + noise * rng.standard_normal(N))) ** 2
        yield Judged(ref, int(rng.integers(4)), float(np.mean(losses)), losses)


def by_hand(every, merges, start, c):
    """The same, told as it happened: one rung a team, in a dictionary of all that was accepted."""
    accepted, became, answers = [], {}, []
    for one in every:
        for merge in merges:
            if merge.after < one.ref:
                became[merge.guest] = merge.host
        mine = {one.team} | {guest for guest, host in became.items() if host == one.team}
        own = [(shown, ref, losses) for team, shown, ref, losses in accepted if team in mine]
        shown, ref, losses = min(own, key=lambda rung: rung[:2], default=(None, None, start.losses))
        answer = told(one.losses, Rung(losses, ref, shown), c)
        answers.append((one.ref, answer))
        if answer.accepted:
            accepted.append((one.team, answer.shown, one.ref, one.losses))
    return answers


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("merges", [[], [Merge(15, 0, 1)], [Merge(10, 0, 1), Merge(25, 2, 3)]])
def test_a_replay_tells_what_was_told_and_a_merged_team_goes_on_from_the_better_rung(seed, merges):
    y, honest, start, c = class_of(seed)
    gone = {merge.guest: merge for merge in merges}
    every = [
        one if one.team not in gone or one.ref <= gone[one.team].after else Judged(one.ref, gone[one.team].host, *rest)
        for one in submissions(y, honest, seed)
        for rest in [(one.score, one.losses)]
    ]
    replay = Replay(merges, start, c)
    answers = [(one.ref, replay.told(one)) for one in every]
    assert answers == by_hand(every, merges, start, c)
    assert any(released.accepted for _, released in answers)
