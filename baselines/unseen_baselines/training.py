"""The training loop: mini-batches, early stopping, divergence, and a watcher who is told everything.

The loop prints nothing. It tells a watcher after every epoch, and returns the history.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .errors import Diverged
from .optimisers import Optimiser

Array = NDArray[np.floating]


class Model(Protocol):
    """Parameters θ (p,), the gradient of the loss beside it, and the two things to do with them."""

    theta: Array
    gradient: Array

    def predict(self, X: Array) -> Array: ...

    def loss_and_gradient(self, X: Array, y: Array) -> float:
        """The MSE on the batch X (m, d), y (m,) at θ; dL/dθ is left in `gradient`."""


@dataclass(frozen=True)
class Epoch:
    """One pass over the training rows. `loss` is the mean over its batches, each measured just before its update."""

    number: int
    loss: float
    validation_loss: float | None
    best_epoch: int
    best_loss: float


class Watcher(Protocol):
    def starts(self, epochs: int) -> None: ...
    def sees(self, epoch: Epoch) -> None: ...
    def ends(self, sentence: str) -> None: ...


class Nobody:
    """Watches nothing."""

    def starts(self, epochs: int) -> None: ...
    def sees(self, epoch: Epoch) -> None: ...
    def ends(self, sentence: str) -> None: ...


@dataclass
class History:
    """What happened, epoch by epoch; epochs count from 1 and epoch 0 is the start."""

    losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = math.inf  # on validation where there is one, else on training
    updates: int = 0
    ended: str = "ran all its epochs"
    path: list[Array] | None = None  # θ before the first update and after every one

    def sentence(self) -> str:
        text = f"Training {self.ended} after {len(self.losses)} epochs and {self.updates} updates"
        if self.validation_losses:
            return f"{text}; kept epoch {self.best_epoch}, with validation loss {self.best_loss:.4g}."
        return f"{text}, with training loss {self.losses[-1]:.4g}." if self.losses else f"{text}."


def batches(X: Array, y: Array, batch_size: int, rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
    """N/B batches in a new random order; the last one may be smaller. The arrays are overwritten by the next batch."""
    n = len(y)
    if batch_size >= n:
        yield X, y
        return
    order = rng.permutation(n)
    X_batch = np.empty((batch_size, X.shape[1]), dtype=X.dtype)
    y_batch = np.empty(batch_size, dtype=y.dtype)
    for start in range(0, n, batch_size):
        rows = order[start : start + batch_size]
        m = len(rows)
        # mode="clip" lets take() write straight into the batch, without a copy in between
        np.take(X, rows, axis=0, out=X_batch[:m], mode="clip")
        np.take(y, rows, out=y_batch[:m], mode="clip")
        yield X_batch[:m], y_batch[:m]


def train(
    model: Model,
    X: Array,
    y: Array,
    *,
    optimiser: Optimiser,
    epochs: int,
    rng: np.random.Generator,
    batch_size: int | None = None,
    validation: tuple[Array, Array] | None = None,
    patience: int | None = None,
    keep_path: bool = False,
    loss_unit: float = 1.0,
    watcher: Watcher | None = None,
) -> History:
    """Move the model's θ towards a smaller loss on X (n, d), y (n,), and say how it went.

    With a `validation` pair the loss there is measured after every epoch, and the best θ is put back at the end; with
    `patience` the loop stops after that many epochs without a new best (early stopping: Prechelt, "Early Stopping - but
    when?", 1998). Ctrl-C ends the loop the same way: the best so far stays. `loss_unit` is what 1 of loss means to the
    reader, when y was scaled. Raises Diverged as soon as the loss is no number any more.
    """
    watcher = watcher or Nobody()
    history = History(path=[model.theta.copy()] if keep_path else None)
    best = model.theta.copy()
    watcher.starts(epochs)
    try:
        for number in range(1, epochs + 1):
            with np.errstate(over="ignore", invalid="ignore"):
                loss = _one_epoch(model, X, y, optimiser, batch_size or len(y), rng, history)
                watched = loss if validation is None else _loss(model, *validation)
            if not math.isfinite(watched) or not np.isfinite(model.theta).all():
                raise Diverged(history.updates, _as_array(history.path))
            history.losses.append(loss * loss_unit)
            if validation is not None:
                history.validation_losses.append(watched * loss_unit)
            if watched * loss_unit < history.best_loss:
                history.best_epoch, history.best_loss = number, watched * loss_unit
                best[:] = model.theta
            watcher.sees(_report(number, history, validated=validation is not None))
            if patience is not None and number - history.best_epoch >= patience:
                history.ended = "stopped early"
                break
    except KeyboardInterrupt:
        history.ended = "was interrupted"
    if validation is not None:
        model.theta[:] = best
    watcher.ends(history.sentence())
    return history


def _one_epoch(
    model: Model, X: Array, y: Array, optimiser: Optimiser, batch_size: int, rng: np.random.Generator, history: History
) -> float:
    total = 0.0
    for X_batch, y_batch in batches(X, y, batch_size, rng):
        loss = model.loss_and_gradient(X_batch, y_batch)
        history.updates += 1
        if not math.isfinite(loss):
            raise Diverged(history.updates, _as_array(history.path))
        optimiser.update(model.theta, model.gradient)
        total += loss * len(y_batch)
        if history.path is not None:
            history.path.append(model.theta.copy())
    return total / len(y)


def _loss(model: Model, X: Array, y: Array) -> float:
    residual = model.predict(X) - y
    return float(residual @ residual / len(y))


def _report(number: int, history: History, *, validated: bool) -> Epoch:
    seen = history.validation_losses[-1] if validated else None
    return Epoch(number, history.losses[-1], seen, history.best_epoch, history.best_loss)


def _as_array(path: list[Array] | None) -> Array | None:
    return None if path is None else np.array(path)
