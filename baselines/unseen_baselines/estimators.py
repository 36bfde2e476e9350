"""The models with scikit-learn's manners, so that its tools can use them; it need not be installed."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import CannotLearn
from .features import Standardisation
from .linear import Line, LinearModel, closed_form, safe_step
from .mlp import MLP
from .optimisers import Adam, GradientDescent, Momentum, Optimiser
from .training import History, Watcher, train

Array = NDArray[np.floating]


class Estimator:
    """What scikit-learn asks of every estimator: its settings by name, and the same complaints about bad input."""

    n_features_in_: int

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _settings(type(self))}

    def set_params(self, **params: Any) -> Self:
        for name, value in params.items():
            if name not in _settings(type(self)):
                raise ValueError(
                    f"{type(self).__name__} has no setting {name!r}; it has {', '.join(_settings(type(self)))}."
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({given})"

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, RegressorTags, Tags, TargetTags

        return Tags(
            estimator_type="regressor",
            target_tags=TargetTags(required=True),
            regressor_tags=RegressorTags(),
            input_tags=InputTags(),
        )

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        raise NotImplementedError

    def predict(self, X: ArrayLike) -> Array:
        raise NotImplementedError

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """R² = 1 - Σ (ŷᵢ - yᵢ)² / Σ (yᵢ - ȳ)²"""
        labels = np.asarray(y, dtype=np.float64)
        left, all_ = np.sum((self.predict(X) - labels) ** 2), np.sum((labels - labels.mean()) ** 2)
        return float(1 - left / all_)

    def _checked(self, X: ArrayLike, y: ArrayLike, dtype: type[np.floating] = np.float64) -> tuple[Array, Array]:
        """X (n, d) and y (n,) as floats, for fit; remembers d and the columns' names."""
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        features, labels = _matrix(X, dtype), np.asarray(y)
        if labels.ndim == 2 and labels.shape[1] == 1:
            _warn_of_column_vector()
            labels = labels[:, 0]
        if labels.ndim != 1:
            raise ValueError(f"y should be a 1d array, got an array of shape {labels.shape} instead.")
        labels = labels.astype(dtype)
        if len(labels) != len(features):
            raise ValueError(f"X has {len(features)} rows and y has {len(labels)}.")
        if not np.isfinite(labels).all():
            raise ValueError("Input y contains NaN or infinity.")
        self.n_features_in_ = features.shape[1]
        names = _column_names(X)
        if names is not None:
            self.feature_names_in_ = names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        return features, labels

    def _checked_again(self, X: ArrayLike, dtype: type[np.floating] = np.float64) -> Array:
        """X (n, d) as floats, for predict: the same d columns as fit saw."""
        if not hasattr(self, "n_features_in_"):
            raise _not_fitted()(f"This {type(self).__name__} instance is not fitted yet. Call 'fit' first.")
        names, seen = _column_names(X), getattr(self, "feature_names_in_", None)
        if names is not None and seen is not None and list(names) != list(seen):
            raise ValueError(_names_differ(list(seen), list(names)))
        features, d = _matrix(X, dtype), self.n_features_in_
        if features.shape[1] != d:
            found = f"X has {features.shape[1]} features"
            raise ValueError(f"{found}, but {type(self).__name__} is expecting {d} features as input.")
        return features


class MeanRegressor(Estimator):
    """Predicts the mean of the training labels, whatever it is asked: the least a competition entry should beat."""

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        _, labels = self._checked(X, y)
        self.mean_ = float(labels.mean())
        return self

    def predict(self, X: ArrayLike) -> Array:
        return np.full(len(self._checked_again(X)), self.mean_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class LinearRegressor(Estimator):
    """A line, by the formula; or by gradient descent on standardised features with `method="gradient-descent"`.

    Without a `learning_rate` it takes the longest step that cannot overshoot in any direction (see `linear.safe_step`).
    """

    def __init__(
        self,
        method: str = "closed-form",
        learning_rate: float | None = None,
        epochs: int = 1000,
        watcher: Watcher | None = None,
    ) -> None:
        self.method = method
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.watcher = watcher

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        features, labels = self._checked(X, y)
        if self.method == "closed-form":
            self.line_ = closed_form(features, labels)
        elif self.method == "gradient-descent":
            self.line_ = self._descend(features, labels)
        else:
            raise ValueError(f"method is closed-form or gradient-descent, not {self.method!r}.")
        return self

    def _descend(self, X: Array, y: Array) -> Line:
        scale = Standardisation.fit(X)
        model, scaled_X = LinearModel(X.shape[1]), scale.apply(X)
        step = safe_step(scaled_X) if self.learning_rate is None else self.learning_rate
        self.history_ = train(
            model,
            scaled_X,
            y,
            optimiser=GradientDescent(step),
            epochs=self.epochs,
            rng=np.random.default_rng(0),  # all rows at once: nothing is left to chance
            watcher=self.watcher,
        )
        scaled = model.line()
        w = scaled.w / scale.spread  # w·(x - mean)/spread + b, told in the original units
        return Line(w, scaled.b - float(scale.mean @ w))

    def predict(self, X: ArrayLike) -> Array:
        features = self._checked_again(X)
        return self.line_.predict(features)


class MLPRegressor(Estimator):
    """A network of ReLU layers on standardised features and labels, stopped early on rows it holds back itself.

    `validation_share` of the rows are held back; training ends after `patience` epochs without a better validation
    loss, and the best parameters are put back. With `early_stopping=False` all rows are learned from, for all epochs.
    """

    def __init__(
        self,
        hidden: Sequence[int] = (100, 100),
        optimiser: str = "adam",
        learning_rate: float = 0.005,
        batch_size: int = 32,
        epochs: int = 1000,
        early_stopping: bool = True,
        validation_share: float = 0.15,
        patience: int = 100,
        start: str = "he",
        dtype: str = "float32",
        random_state: int | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        self.hidden = hidden
        self.optimiser = optimiser
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation_share = validation_share
        self.patience = patience
        self.start = start
        self.dtype = dtype
        self.random_state = random_state
        self.watcher = watcher

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        features, labels = self._checked(X, y)
        if len(labels) < 2:
            raise ValueError("MLPRegressor needs more than 1 sample: one to learn from, one to validate on.")
        rng = np.random.default_rng(_seed(self.random_state))
        self.dtype_ = np.dtype(self.dtype).type
        held_back = self._hold_back(len(labels), rng)
        X_train, y_train = features[~held_back], labels[~held_back]
        self._scale = Standardisation.fit(X_train)
        self._y_mean, self._y_spread = float(y_train.mean()), float(y_train.std()) or 1.0
        self.network_ = MLP((self.n_features_in_, *self.hidden, 1), rng, start=self.start, dtype=self.dtype_)
        self.history_: History = train(
            self.network_,
            *self._scaled(X_train, y_train),
            optimiser=self._make_optimiser(),
            epochs=self.epochs,
            rng=rng,
            batch_size=self.batch_size,
            validation=self._scaled(features[held_back], labels[held_back]) if self.early_stopping else None,
            patience=self.patience if self.early_stopping else None,
            loss_unit=self._y_spread**2,
            watcher=self.watcher,
        )
        self.n_iter_ = len(self.history_.losses)
        return self

    def predict(self, X: ArrayLike) -> Array:
        features = self._checked_again(X)
        # float64 here even for float32 parameters: the answer for a row must not depend on the rows beside it
        return self.network_.predict(self._scale.apply(features)) * self._y_spread + self._y_mean

    def _hold_back(self, n: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """(n,), true for the rows to validate on: at least one when stopping early, else none."""
        rows = max(1, round(self.validation_share * n)) if self.early_stopping else 0
        return rng.permutation(n) < rows

    def _scaled(self, X: Array, y: Array) -> tuple[Array, Array]:
        labels = (y - self._y_mean) / self._y_spread
        return self._scale.apply(X).astype(self.dtype_), labels.astype(self.dtype_)

    def _make_optimiser(self) -> Optimiser:
        makers = {"adam": Adam, "momentum": Momentum, "gradient-descent": GradientDescent}
        if self.optimiser not in makers:
            raise ValueError(f"optimiser is one of {', '.join(makers)}, not {self.optimiser!r}.")
        made: Optimiser = makers[self.optimiser](self.learning_rate)
        return made


class Committee(Estimator):
    """The mean of several networks, each started anew and stopped early on other rows: their mistakes partly cancel."""

    def __init__(
        self, members: int = 8, hidden: Sequence[int] = (100, 100), epochs: int = 1000, validation_share: float = 0.15,
        random_state: int | None = None,
        watcher: Watcher | None = None,
    ) -> None:  # fmt: skip
        self.members = members
        self.hidden = hidden
        self.epochs = epochs
        self.validation_share = validation_share
        self.random_state = random_state
        self.watcher = watcher

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        features, labels = self._checked(X, y)
        seeds = np.random.default_rng(_seed(self.random_state)).integers(2**31, size=self.members)
        self.networks_: list[MLPRegressor] = []
        for seed in seeds:
            self.networks_.append(self._member(int(seed)).fit(features, labels))
            if self.networks_[-1].history_.ended == "was interrupted":
                break  # whoever pressed Ctrl-C wants no further ones
        return self

    def _member(self, seed: int) -> MLPRegressor:
        return MLPRegressor(
            self.hidden,
            epochs=self.epochs,
            validation_share=self.validation_share,
            random_state=seed,
            watcher=self.watcher,
        )

    def predict(self, X: ArrayLike) -> Array:
        features = self._checked_again(X)
        predictions: Array = np.mean([network.predict(features) for network in self.networks_], axis=0)
        return predictions


def _settings(kind: type) -> list[str]:
    return sorted(set(inspect.signature(kind).parameters) - {"args", "kwargs"})


def _seed(random_state: Any) -> Any:
    """scikit-learn also hands over its older kind of generator."""
    return random_state.randint(2**31 - 1) if isinstance(random_state, np.random.RandomState) else random_state


def _matrix(X: ArrayLike, dtype: type[np.floating]) -> Array:
    if hasattr(X, "toarray"):
        raise TypeError("Sparse data was passed, but dense data is required. Use X.toarray() to convert it.")
    raw = np.asarray(X)
    if np.iscomplexobj(raw):
        raise ValueError("Complex data not supported.")
    if raw.ndim != 2:
        raise ValueError(f"Expected 2D array, got {raw.ndim}D array instead. Reshape your data with X.reshape(-1, 1).")
    if raw.shape[0] == 0:
        raise ValueError(f"Found array with 0 sample(s) (shape={raw.shape}) while a minimum of 1 is required.")
    if raw.shape[1] == 0:
        raise ValueError(f"Found array with 0 feature(s) (shape={raw.shape}) while a minimum of 1 is required.")
    features = raw.astype(dtype)
    if not np.isfinite(features).all():
        raise ValueError("Input X contains NaN or infinity.")
    return features


def _column_names(X: ArrayLike) -> NDArray[np.object_] | None:
    """A DataFrame's column names, when all are text."""
    names = getattr(X, "columns", None)
    return None if names is None or not all(isinstance(n, str) for n in names) else np.asarray(names, dtype=object)


def _names_differ(seen: list[str], names: list[str]) -> str:
    """scikit-learn's own words, which its checks compare."""
    text = "The feature names should match those that were passed during fit.\n"
    unseen, missing = sorted(set(names) - set(seen)), sorted(set(seen) - set(names))
    if unseen:
        text += "Feature names unseen at fit time:\n" + "".join(f"- {name}\n" for name in unseen)
    if missing:
        text += "Feature names seen at fit time, yet now missing:\n" + "".join(f"- {name}\n" for name in missing)
    if not unseen and not missing:
        text += "Feature names must be in the same order as they were in fit.\n"
    return text


def _not_fitted() -> type[Exception]:
    if "sklearn" in sys.modules:
        from sklearn.exceptions import NotFittedError

        kind: type[Exception] = NotFittedError
        return kind
    return CannotLearn


def _warn_of_column_vector() -> None:
    if "sklearn" in sys.modules:
        import warnings

        from sklearn.exceptions import DataConversionWarning

        warnings.warn("A column-vector y was passed when a 1d array was expected.", DataConversionWarning, stacklevel=4)
