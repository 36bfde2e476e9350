"""What a baseline refuses to do, each with the sentence a person reads.

CannotLearn (a ValueError)
├── BadTable    the table has something a model cannot learn from
└── Diverged    the loss grew without bound
LabClosed       the lab has no server to play against
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class CannotLearn(ValueError):  # noqa: N818 - an answer, not a fault
    """The sentence says what stands in the way and what to do about it."""


class BadTable(CannotLearn):
    """Something is wrong with a file or a column; the sentence names it."""


class Diverged(CannotLearn):
    """`update` counts from 1; `path` is (updates, parameters), the way to the explosion, or None if it was not kept."""

    def __init__(self, update: int, path: NDArray[np.floating] | None = None) -> None:
        self.update = update
        self.path = path
        super().__init__(f"The loss grew without bound at update {update}; try a smaller learning rate.")


class LabClosed(Exception):  # noqa: N818 - an answer, not a fault
    """The lab has no server to play against; the sentence says why and what to do about it."""
