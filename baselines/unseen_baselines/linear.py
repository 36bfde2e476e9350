"""A line: ŷ = w·x + b, found by a formula, or by rolling down the slope of the error surface.

Shapes everywhere: X (n, d) features, y (n,) labels, w (d,) weights, b a number, θ = (w₁ … w_d, b).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating]


def mse(predictions: ArrayLike, y: ArrayLike) -> float:
    """The mean squared error, L = 1/n Σ (ŷᵢ - yᵢ)², in the square of the label's unit."""
    residual = np.asarray(predictions, dtype=np.float64) - np.asarray(y, dtype=np.float64)
    return float(np.mean(residual**2))


@dataclass(frozen=True)
class Line:
    """w (d,) and b of ŷ = w·x + b."""

    w: Array
    b: float

    def predict(self, X: Array) -> Array:
        """X (n, d) to ŷ (n,)."""
        predictions: Array = X @ self.w + self.b
        return predictions


def closed_form(X: Array, y: Array) -> Line:
    """The line with the smallest MSE there is.

    At the minimum the slope is zero in every direction: Xᵀ(Xw + b - y) = 0 and Σ(Xw + b - y) = 0. The second says
    that the line passes through the means, so b drops out once X and y have their means taken off; what remains is
    least squares, (X - x̄) w ≈ y - ȳ. Features of very different size are no trouble once each is divided by its
    spread, and where features repeat each other lstsq takes the shortest of the many best w.
    """
    x_mean, y_mean = X.mean(axis=0), float(y.mean())
    scale = X.std(axis=0)
    scale[scale == 0] = 1
    w = np.linalg.lstsq((X - x_mean) / scale, y - y_mean, rcond=None)[0] / scale
    return Line(w, y_mean - float(x_mean @ w))


class LinearModel:
    """The same line as something to train: parameters θ (d + 1,), and the gradient of the loss at θ.

    L     = 1/n Σ (ŷᵢ - yᵢ)²         ŷ = Xw + b
    dL/dw = 2/n Xᵀ(ŷ - y)
    dL/db = 2/n Σ (ŷᵢ - yᵢ)
    """

    def __init__(self, d: int, start: ArrayLike | None = None, dtype: type[np.floating] = np.float64) -> None:
        self.theta = np.zeros(d + 1, dtype=dtype) if start is None else np.array(start, dtype=dtype)
        self.gradient = np.zeros_like(self.theta)

    def predict(self, X: Array) -> Array:
        predictions: Array = X @ self.theta[:-1] + self.theta[-1]
        return predictions

    def loss_and_gradient(self, X: Array, y: Array) -> float:
        """The MSE on X (n, d), y (n,); dL/dθ is left in `gradient`."""
        residual = self.predict(X) - y
        self.gradient[:-1] = X.T @ residual
        self.gradient[-1] = residual.sum()
        self.gradient *= 2 / len(y)
        return float(residual @ residual / len(y))

    def line(self) -> Line:
        return Line(self.theta[:-1].astype(np.float64), float(self.theta[-1]))


def safe_step(X: Array) -> float:
    """The longest learning rate with which gradient descent on X (n, d) cannot overshoot: 1/λ.

    The loss curves by the eigenvalues of its second derivative, H = 2/n [X 1]ᵀ[X 1]. Along the direction of eigenvalue
    λ one update takes the distance to the minimum from 1 to 1 - ηλ, so η = 1/λ for the largest λ stops there exactly.
    """
    with_one = np.column_stack([X, np.ones(len(X))])
    H = 2 / len(X) * with_one.T @ with_one
    return float(1 / np.linalg.eigvalsh(H)[-1])
