"""The hand-written gradients, checked by nudging each parameter and watching the loss."""

import numpy as np
import pytest

from unseen_baselines.linear import LinearModel
from unseen_baselines.mlp import MLP
from unseen_baselines.training import Model


def nudged(model: Model, X: np.ndarray, y: np.ndarray, h: float = 1e-6) -> np.ndarray:
    """(L(θ + h) - L(θ - h)) / 2h for each parameter, from the loss alone."""
    slopes = np.empty_like(model.theta)
    for at in range(len(model.theta)):
        here = model.theta[at]
        losses = []
        for there in (here + h, here - h):
            model.theta[at] = there
            losses.append(model.loss_and_gradient(X, y))
        model.theta[at] = here
        slopes[at] = (losses[0] - losses[1]) / (2 * h)
    return slopes


@pytest.mark.parametrize("hidden", [(), (7,), (6, 5), (4, 4, 4)])
@pytest.mark.parametrize("start", ["he", "naive"])
def test_backpropagation_agrees_with_nudging(hidden, start):
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(11, 3)), rng.normal(size=11)
    network = MLP((3, *hidden, 1), rng, start=start, dtype=np.float64)
    network.theta += 0.01 * rng.normal(size=len(network.theta))  # away from b = 0, so every b matters
    slopes = nudged(network, X, y)
    network.loss_and_gradient(X, y)
    np.testing.assert_allclose(network.gradient, slopes, rtol=1e-5, atol=1e-7)


def test_a_lines_gradient_agrees_with_nudging():
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(9, 4)), rng.normal(size=9)
    model = LinearModel(4, rng.normal(size=5))
    slopes = nudged(model, X, y)
    model.loss_and_gradient(X, y)
    np.testing.assert_allclose(model.gradient, slopes, rtol=1e-6)


def test_a_smaller_batch_after_a_larger_one_leaves_nothing_of_it_behind():
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    used, fresh = (MLP((3, 6, 1), np.random.default_rng(1), dtype=np.float64) for _ in range(2))
    used.loss_and_gradient(X, y)
    assert used.loss_and_gradient(X[:4], y[:4]) == fresh.loss_and_gradient(X[:4], y[:4])
    np.testing.assert_array_equal(used.gradient, fresh.gradient)


def test_float32_and_float64_tell_the_same_story():
    X, y = np.random.default_rng(6).normal(size=(30, 3)), np.random.default_rng(7).normal(size=30)
    for dtype, close in ((np.float32, 1e-5), (np.float64, 1e-12)):
        network = MLP((3, 8, 8, 1), np.random.default_rng(1), dtype=dtype)
        assert network.gradient.dtype == dtype
        loss = network.loss_and_gradient(X.astype(dtype), y.astype(dtype))
        reference = np.mean((network.predict(X) - y) ** 2)
        assert loss == pytest.approx(reference, rel=close)
