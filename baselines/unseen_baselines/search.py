"""Finding a function by trying many: brute force on a grid, and the lecture's two lazy functions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .linear import Line

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Grid:
    """The error surface: losses[i, j] = L(w[i], b[j]), of shape (len(w), len(b))."""

    w: Array
    b: Array
    losses: Array

    @property
    def best(self) -> Line:
        i, j = np.unravel_index(np.argmin(self.losses), self.losses.shape)
        return Line(self.w[[i]], float(self.b[j]))

    @property
    def best_loss(self) -> float:
        return float(self.losses.min())


def brute_force(x: Array, y: Array, w: Array, b: Array) -> Grid:
    """The MSE of every line ŷ = w x + b on the grid, for one feature x (n,).

    L(w, b) = mean((w x + b - y)²), multiplied out so that no array has the rows, the w and the b at once:
    w² mean(x²) + 2 w b mean(x) + b² - 2 w mean(x y) - 2 b mean(y) + mean(y²).
    """
    W, B = w[:, None], b[None, :]
    losses = W * W * np.mean(x * x) + 2 * W * B * x.mean() + B * B
    losses = losses - 2 * W * np.mean(x * y) - 2 * B * y.mean() + np.mean(y * y)
    return Grid(w, b, losses)


class LazyFunction:
    """Remembers the training rows and says 0 to everything else: a perfect training loss, and useless."""

    def __init__(self, X: Array, y: Array) -> None:
        self._known = {tuple(row): float(label) for row, label in zip(X, y, strict=True)}

    def predict(self, X: Array) -> Array:
        return np.array([self._known.get(tuple(row), 0.0) for row in X])


@dataclass(frozen=True)
class Draws:
    """The best of ever more random functions: `best[k]` is the lowest validation MSE among the first `count[k]`."""

    count: list[int]
    best: list[float]
    elsewhere: list[float]  # what that same function gets on data nobody chose it by


def lazy_function_2(y_validation: Array, y_elsewhere: Array, draws: list[int], rng: np.random.Generator) -> Draws:
    """Draw functions that say anything at all, 0 to 120 minutes, and keep the one that is best on validation.

    A random function's answers are random numbers, so drawing functions is drawing answers, here in blocks.
    """
    best, elsewhere, found = np.inf, np.inf, Draws(draws, [], [])
    drawn = 0
    for count in draws:
        while drawn < count:
            block = min(count - drawn, 20_000)
            answers = rng.uniform(0, 120, (block, len(y_validation)))
            losses = np.mean((answers - y_validation) ** 2, axis=1)
            if losses.min() < best:
                best = float(losses.min())
                elsewhere = float(np.mean((rng.uniform(0, 120, len(y_elsewhere)) - y_elsewhere) ** 2))
            drawn += block
        found.best.append(best)
        found.elsewhere.append(elsewhere)
    return found
