"""A network of ReLU layers, with the backpropagation written out by hand.

    h₀ = X                                    (n, d)    the features
    hₗ = max(0, hₗ₋₁ Wₗ + bₗ)                 (n, sₗ)   a hidden layer: a sum of hinges goes in, a hinge comes out
    ŷ  = h_L₋₁ W_L + b_L                      (n,)      the last layer is a plain sum
    L  = 1/n Σ (ŷᵢ - yᵢ)²

Backwards, with δₗ = dL/d(hₗ₋₁ Wₗ + bₗ), the slope of the loss where a layer's sum comes out (Rumelhart, Hinton &
Williams, "Learning representations by back-propagating errors", Nature 1986):

    δ_L    = 2/n (ŷ - y)
    dL/dWₗ = hₗ₋₁ᵀ δₗ
    dL/dbₗ = Σ over rows of δₗ
    δₗ₋₁   = δₗ Wₗᵀ  where hₗ₋₁ > 0, else 0   where the ReLU was flat, no slope passes
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


class MLP:
    """Layer widths `sizes` = (d, hidden …, 1). Every W and b is a view into one flat vector θ, all an optimiser sees.

    `start="he"` draws W from N(0, 2/fan_in), which keeps the size of the signal from layer to layer through ReLUs (He,
    Zhang, Ren & Sun, "Delving Deep into Rectifiers", 2015), with the last layer, which has no ReLU, at
    N(0, 1/fan_in), and b = 0. `start="naive"` draws every number from N(0, 1), for comparison: the output then grows
    with every width.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        rng: np.random.Generator,
        *,
        start: str = "he",
        dtype: type[np.floating] = np.float32,
    ) -> None:
        self.sizes = tuple(sizes)
        shapes = list(pairwise(self.sizes))
        p = sum(fan_in * fan_out + fan_out for fan_in, fan_out in shapes)
        self.theta = np.zeros(p, dtype=dtype)
        self.gradient = np.zeros(p, dtype=dtype)
        self.W, self.b = _views(self.theta, shapes)
        self.dW, self.db = _views(self.gradient, shapes)
        self._capacity = 0
        if start == "naive":
            self.theta[:] = rng.standard_normal(p)
        else:
            for W in self.W:
                gain = 1 if W is self.W[-1] else 2
                W[:] = rng.standard_normal(W.shape) * (gain / len(W)) ** 0.5

    def predict(self, X: Array) -> Array:
        """X (n, d) to ŷ (n,)."""
        h = X
        for W, b in zip(self.W[:-1], self.b[:-1], strict=True):
            h = h @ W
            h += b
            np.maximum(h, 0, out=h)
        return (h @ self.W[-1] + self.b[-1])[:, 0]

    def loss_and_gradient(self, X: Array, y: Array) -> float:
        """The MSE on X (n, d), y (n,), which must have θ's dtype; dL/dθ is left in `gradient`."""
        n = len(y)
        self._make_room(n)
        h = [X, *(buffer[:n] for buffer in self._h)]  # h[l] is (n, s_l)
        delta = [buffer[:n] for buffer in self._delta]  # delta[l] has the shape of h[l + 1]

        for layer, (W, b) in enumerate(zip(self.W, self.b, strict=True)):
            np.matmul(h[layer], W, out=h[layer + 1])
            h[layer + 1] += b
            if layer < len(self.W) - 1:
                np.maximum(h[layer + 1], 0, out=h[layer + 1])

        residual = np.subtract(h[-1][:, 0], y, out=self._residual[:n])
        loss = float(residual @ residual) / n

        np.multiply(residual, 2 / n, out=delta[-1][:, 0])
        for layer in reversed(range(len(self.W))):
            np.matmul(h[layer].T, delta[layer], out=self.dW[layer])
            np.matmul(self._ones[:n], delta[layer], out=self.db[layer])
            if layer > 0:
                np.matmul(delta[layer], self.W[layer].T, out=delta[layer - 1])
                alive = np.greater(h[layer], 0, out=self._alive[layer - 1][:n])
                delta[layer - 1] *= alive
        return loss

    def _make_room(self, n: int) -> None:
        """Buffers for n rows, kept for the next batch: allocating them anew would cost more than filling them."""
        if n <= self._capacity:
            return
        dtype = self.theta.dtype
        self._h = [np.empty((n, size), dtype) for size in self.sizes[1:]]
        self._delta = [np.empty((n, size), dtype) for size in self.sizes[1:]]
        self._alive = [np.empty((n, size), bool) for size in self.sizes[1:-1]]
        self._residual = np.empty(n, dtype)
        self._ones = np.ones(n, dtype)
        self._capacity = n


def _views(flat: Array, shapes: list[tuple[int, int]]) -> tuple[list[Array], list[Array]]:
    """One W (fan_in, fan_out) and one b (fan_out,) per layer, all inside `flat`."""
    W, b, at = [], [], 0
    for fan_in, fan_out in shapes:
        W.append(flat[at : at + fan_in * fan_out].reshape(fan_in, fan_out))
        at += fan_in * fan_out
        b.append(flat[at : at + fan_out])
        at += fan_out
    return W, b
