"""Three ways to use a gradient: follow it, let it gather speed, or give each parameter a step size of its own.

All parameters of a model lie in one flat vector θ with the gradient g = dL/dθ beside it, so that one update is a
handful of operations over whole vectors, in place, however many layers there are.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.floating]


class Optimiser(Protocol):
    def update(self, theta: Vector, gradient: Vector) -> None:
        """Move θ (p,) in place, against the gradient (p,), which may be overwritten."""


class GradientDescent:
    """θ ← θ - η g"""

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = learning_rate

    def update(self, theta: Vector, gradient: Vector) -> None:
        gradient *= self.learning_rate
        theta -= gradient


class Momentum:
    """v ← β v - η g,  θ ← θ + v.   Polyak, "Some methods of speeding up the convergence of iteration methods", 1964."""

    def __init__(self, learning_rate: float, beta: float = 0.9) -> None:
        self.learning_rate = learning_rate
        self.beta = beta
        self._v: Vector | None = None

    def update(self, theta: Vector, gradient: Vector) -> None:
        if self._v is None:
            self._v = np.zeros_like(theta)
        v = self._v
        v *= self.beta
        gradient *= self.learning_rate
        v -= gradient
        theta += v


class Adam:
    """Kingma & Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, in the faster order of section 2.

    m ← β₁ m + (1 - β₁) g            the mean of recent gradients
    v ← β₂ v + (1 - β₂) g²           the mean of their squares
    α = η √(1 - β₂ᵗ) / (1 - β₁ᵗ)     both means start at zero: this makes up for it
    θ ← θ - α m / (√v + ε)
    """

    def __init__(
        self, learning_rate: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8
    ) -> None:
        self.learning_rate = learning_rate
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self._t = 0
        self._m: Vector | None = None

    def update(self, theta: Vector, gradient: Vector) -> None:
        if self._m is None:
            self._m = np.zeros_like(theta)
            self._v = np.zeros_like(theta)
            self._step = np.empty_like(theta)
        m, v, g, step = self._m, self._v, gradient, self._step
        self._t += 1
        alpha = self.learning_rate * (1 - self.beta2**self._t) ** 0.5 / (1 - self.beta1**self._t)

        np.multiply(g, g, out=step)
        step *= 1 - self.beta2
        v *= self.beta2
        v += step

        g *= 1 - self.beta1
        m *= self.beta1
        m += g

        np.sqrt(v, out=step)
        step += self.epsilon
        np.divide(m, step, out=step)
        step *= alpha
        theta -= step
