"""Train a named model on a competition's folder and predict its test rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .data import Bundle, Predictions, read_bundle
from .estimators import Committee, Estimator, LinearRegressor, MeanRegressor, MLPRegressor
from .features import Preparation, ratio
from .training import Watcher

MODELS: dict[str, Callable[[int | None, float, Watcher | None], Estimator]] = {
    "mean": lambda seed, share, watcher: MeanRegressor(),
    "linear": lambda seed, share, watcher: LinearRegressor(),
    "linear-gd": lambda seed, share, watcher: LinearRegressor("gradient-descent", watcher=watcher),
    "mlp": lambda seed, share, watcher: MLPRegressor(random_state=seed, validation_share=share, watcher=watcher),
    "committee": lambda seed, share, watcher: Committee(random_state=seed, validation_share=share, watcher=watcher),
}


def fit_and_predict(
    folder: Path,
    name: str,
    out: Path | None = None,
    *,
    seed: int | None = None,
    validation_share: float = 0.15,
    drop: Sequence[str] = (),
    ratios: Sequence[tuple[str, str]] = (),
    watcher: Watcher | None = None,
) -> Predictions:
    """What the model `name` (see MODELS) predicts for the test rows, also written to `out` when it is given.

    `ratios` are pairs of columns to divide, such as ("words", "pages"). Raises CannotLearn with a sentence.
    """
    bundle = read_bundle(folder, drop)
    X, X_test = prepared(bundle, ratios)
    values = MODELS[name](seed, validation_share, watcher).fit(X, bundle.y).predict(X_test).astype(np.float64)
    predictions = Predictions(bundle.id_column, bundle.target, bundle.test_ids, values)
    if out is not None:
        predictions.write(out)
    return predictions


def prepared(bundle: Bundle, ratios: Sequence[tuple[str, str]] = ()) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """X (n, d) of the training rows and X (k, d) of the test rows, as numbers."""
    train, test = bundle.train, bundle.test
    for over, under in ratios:
        train, test = ratio(train, over, under), ratio(test, over, under)
    preparation = Preparation.fit(train)
    return preparation.apply(train, "train.csv"), preparation.apply(test, "test.csv")
