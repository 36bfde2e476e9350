"""A line by brute force, by formula and by gradient descent: three ways to one answer."""

import numpy as np
import pytest

from unseen_baselines.linear import LinearModel, closed_form, mse, safe_step
from unseen_baselines.optimisers import GradientDescent
from unseen_baselines.search import LazyFunction, brute_force, lazy_function_2
from unseen_baselines.training import train


@pytest.fixture
def lectures():
    rng = np.random.default_rng(0)
    x = rng.uniform(5, 60, 40)
    return x, 1.5 * x + 8 + rng.normal(0, 5, 40)


def test_the_formula_finds_a_line_no_nudge_improves(lectures):
    x, y = lectures
    line = closed_form(x[:, None], y)
    best = mse(line.predict(x[:, None]), y)
    for dw, db in ((1e-3, 0), (-1e-3, 0), (0, 1e-2), (0, -1e-2)):
        assert mse((line.w[0] + dw) * x + line.b + db, y) > best


def test_the_formula_copes_with_features_of_very_different_size_and_with_copies():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(50, 2)) * [1, 1e6]
    y = X @ [2.0, 3e-6] + 1
    doubled = np.column_stack([X, X[:, 0]])
    assert closed_form(X, y).w == pytest.approx([2.0, 3e-6])
    assert closed_form(doubled, y).predict(doubled) == pytest.approx(y)


def test_brute_force_comes_as_near_the_formula_as_its_grid_allows(lectures):
    x, y = lectures
    grid = brute_force(x, y, np.linspace(0, 3, 301), np.linspace(0, 20, 201))
    line = closed_form(x[:, None], y)
    assert grid.losses.shape == (301, 201)
    assert grid.best_loss == pytest.approx(mse(grid.best.predict(x[:, None]), y))
    assert grid.best.w[0] == pytest.approx(line.w[0], abs=0.03)
    assert grid.best_loss >= mse(line.predict(x[:, None]), y)


def test_gradient_descent_arrives_where_the_formula_is(lectures):
    x, y = lectures
    x = (x - x.mean()) / x.std()
    model = LinearModel(1)
    train(model, x[:, None], y, optimiser=GradientDescent(0.1), epochs=200, rng=np.random.default_rng(0))
    line = closed_form(x[:, None], y)
    assert model.theta == pytest.approx([line.w[0], line.b])


def test_the_lazy_function_is_perfect_where_it_has_been_and_zero_elsewhere():
    X, y = np.array([[1.0], [2.0]]), np.array([5.0, 7.0])
    f = LazyFunction(X, y)
    assert f.predict(np.array([[1.0], [2.0], [3.0]])).tolist() == [5, 7, 0]


def test_more_random_functions_only_ever_look_better_on_validation():
    y, rng = np.array([30.0, 50.0, 90.0]), np.random.default_rng(2)
    draws = lazy_function_2(y, np.linspace(10, 110, 200), [1, 100, 10_000, 50_000], rng)
    assert draws.best == sorted(draws.best, reverse=True)
    assert draws.best[-1] < 20
    assert draws.elsewhere[-1] > 1000


@pytest.mark.parametrize("d", [1, 5, 40])
def test_the_safe_step_never_overshoots_and_a_little_more_than_twice_it_explodes(d):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(60, 1)) + 0.3 * rng.normal(size=(60, d))  # all alike: the worst case
    y = rng.normal(size=60)
    losses = []
    for factor in (1.0, 2.1):
        optimiser = GradientDescent(factor * safe_step(X))
        losses.append(train(LinearModel(d), X, y, optimiser=optimiser, epochs=60, rng=rng).losses)
    assert np.diff(losses[0]).max() < 1e-12
    assert losses[1][-1] > losses[1][0]
