"""Any curve = a constant + a sum of hinges c max(0, w x + b): why a layer of ReLUs can be bent into anything.

One hinge is flat and then rises for ever. Two of them make a hill: one starts a rise, the other stops it. Hills one
after another, as steep as the curve is between its corners, follow the curve; with more corners they follow it closer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


@dataclass(frozen=True)
class HingeSum:
    """constant + Σ cᵢ max(0, wᵢ x + bᵢ); c, w and b are (k,)."""

    constant: float
    c: Array
    w: Array
    b: Array

    def terms(self, x: Array) -> Array:
        """x (n,) to every hinge by itself, (n, k)."""
        terms: Array = self.c * np.maximum(0, np.multiply.outer(x, self.w) + self.b)
        return terms

    def __call__(self, x: Array) -> Array:
        """x (n,) to (n,)."""
        total: Array = self.constant + self.terms(x).sum(axis=1)
        return total


def hill(left: float, right: float, height: float) -> HingeSum:
    """0 before `left`, `height` after `right`, a straight rise between: two hinges, the second undoing the first."""
    slope = height / (right - left)
    return HingeSum(0.0, np.array([slope, -slope]), np.ones(2), np.array([-left, -right]))


def through(x: Array, y: Array) -> HingeSum:
    """The piecewise-linear curve through the corners x (k + 1,), rising, and y (k + 1,): one hinge for each piece.

    At each corner a hinge sets in that makes up the difference between the slope before it and the slope after it.
    """
    slopes = np.diff(y) / np.diff(x)
    return HingeSum(float(y[0]), np.diff(slopes, prepend=0.0), np.ones(len(slopes)), -x[:-1])
