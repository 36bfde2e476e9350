"""Three ways to use a gradient, against their formulas."""

import numpy as np
import pytest

from unseen_baselines.optimisers import Adam, GradientDescent, Momentum


def test_gradient_descent_goes_against_the_gradient():
    theta = np.array([1.0, 2.0])
    GradientDescent(0.1).update(theta, np.array([10.0, -10.0]))
    assert theta == pytest.approx([0.0, 3.0])


def test_momentum_gathers_speed():
    theta, momentum = np.zeros(1), Momentum(1.0, beta=0.5)
    for _ in range(3):
        momentum.update(theta, np.ones(1))
    assert theta == pytest.approx([-(1 + 1.5 + 1.75)])


def test_adam_takes_the_steps_of_the_papers_algorithm_1():
    gradients = np.random.default_rng(0).normal(size=(50, 4))
    theta, adam = np.ones(4), Adam(0.01, epsilon=0.0)  # the faster order only moves ε
    m, v, plain = np.zeros(4), np.zeros(4), np.ones(4)
    for t, g in enumerate(gradients, start=1):
        adam.update(theta, g.copy())
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        plain = plain - 0.01 * (m / (1 - 0.9**t)) / np.sqrt(v / (1 - 0.999**t))
    assert theta == pytest.approx(plain)
