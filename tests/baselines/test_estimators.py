"""The models keep scikit-learn's manners, and do their work."""

import importlib
import subprocess
import sys

import numpy as np
import pytest

from unseen_baselines.estimators import Committee, LinearRegressor, MeanRegressor, MLPRegressor
from unseen_baselines.training import Epoch, Nobody


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Estimator .* does not inherit from:UserWarning")
@pytest.mark.parametrize(
    "estimator",
    [
        MeanRegressor(),
        LinearRegressor(),
        LinearRegressor("gradient-descent"),
        MLPRegressor(epochs=60, random_state=0),
        Committee(members=2, epochs=60, random_state=0),
    ],
    ids=repr,
)
def test_scikit_learns_own_checks_pass(estimator):
    checks = importlib.import_module("sklearn.utils.estimator_checks")  # here, for to load it takes two seconds
    checks.check_estimator(estimator, on_skip=None)


def curve(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (n, 2))
    return X, 50 + 10 * np.abs(X[:, 0]) + 5 * X[:, 1] + rng.normal(0, 0.5, n)


def test_a_network_finds_the_kink_a_line_cannot():
    (X, y), (X_test, y_test) = curve(300, 0), curve(200, 1)
    line = LinearRegressor().fit(X, y)
    network = MLPRegressor((30,), epochs=200, random_state=0).fit(X, y)
    assert network.score(X_test, y_test) > 0.98 > 0.7 > line.score(X_test, y_test)


def test_both_ways_to_a_line_agree():
    X, y = curve(100, 2)
    by_formula, by_descent = LinearRegressor().fit(X, y), LinearRegressor("gradient-descent").fit(X, y)
    np.testing.assert_allclose(by_formula.predict(X), by_descent.predict(X), rtol=1e-6)


def test_the_same_seed_gives_the_same_network_and_another_another():
    X, y = curve(60, 3)
    first, again, other = (MLPRegressor(epochs=5, random_state=s).fit(X, y).predict(X) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_early_stopping_is_what_a_network_does_unless_told_otherwise():
    X, y = curve(60, 4)
    stopped = MLPRegressor(epochs=3000, patience=10, random_state=0).fit(X, y)
    assert stopped.history_.ended == "stopped early"
    assert len(stopped.history_.validation_losses) < 3000
    unstopped = MLPRegressor(epochs=5, early_stopping=False, random_state=0).fit(X, y)
    assert unstopped.history_.validation_losses == []


def test_the_rows_held_back_never_set_the_scales():
    X, y = curve(40, 5)
    network = MLPRegressor(epochs=1, random_state=0)
    held_back = network._hold_back(40, np.random.default_rng(0))
    X[held_back] += 1e6
    network.fit(X, y)
    np.testing.assert_allclose(network._scale.mean, X[~held_back].mean(axis=0))


@pytest.mark.slow
def test_scikit_learns_tools_can_use_the_models():
    selection = importlib.import_module("sklearn.model_selection")
    X, y = curve(120, 6)
    assert selection.cross_val_score(LinearRegressor(), X, y, cv=3).shape == (3,)


@pytest.mark.slow
def test_scikit_learn_need_not_be_installed():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import numpy as np\n"
        "from unseen_baselines.estimators import MLPRegressor\n"
        "print(MLPRegressor(epochs=2, random_state=0).fit(np.eye(6), np.arange(6)).predict(np.eye(6)).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "(6,)\n"


def test_an_interrupted_committee_trains_no_further_members():
    class Impatient(Nobody):
        def sees(self, epoch: Epoch) -> None:
            if epoch.number == 3:
                raise KeyboardInterrupt

    X, y = curve(60, 7)
    committee = Committee(members=4, random_state=0, watcher=Impatient()).fit(X, y)
    assert len(committee.networks_) == 1
    assert np.isfinite(committee.predict(X)).all()
