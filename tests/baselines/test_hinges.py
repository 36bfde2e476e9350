"""Any curve is a constant plus a sum of hinges."""

from itertools import pairwise

import numpy as np
import pytest

from unseen_baselines.hinges import hill, through
from unseen_baselines.lecture import wavy
from unseen_baselines.linear import mse


def test_a_hill_is_flat_rises_and_is_flat_again():
    f = hill(2.0, 4.0, height=3.0)
    assert f(np.array([0.0, 2.0, 3.0, 4.0, 9.0])) == pytest.approx([0, 0, 1.5, 3, 3])


def test_the_sum_passes_through_every_corner_and_is_straight_between():
    x, y = np.array([0.0, 1.0, 1.5, 4.0]), np.array([2.0, -1.0, 5.0, 5.0])
    f = through(x, y)
    between = np.linspace(0, 4, 50)
    assert f(between) == pytest.approx(np.interp(between, x, y))


def test_more_hinges_follow_a_curve_closer():
    x = np.linspace(0, 1, 1000)
    errors = [mse(through(c, wavy(c))(x), wavy(x)) for c in (np.linspace(0, 1, k + 1) for k in (4, 8, 16, 32))]
    assert all(better < worse / 4 for worse, better in pairwise(errors))
