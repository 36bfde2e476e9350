"""An epoch of a network in NumPy beside PyTorch (float32) and scikit-learn (float64), on one thread (row 15).

64-100-100-1, batches of 64, Adam.
"""

# ruff: noqa: E402

from __future__ import annotations

import os

for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy is imported

import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
from measuring import Row, in_turn, show
from numpy.typing import NDArray

from unseen_baselines.mlp import MLP
from unseen_baselines.optimisers import Adam
from unseen_baselines.training import train

Array = NDArray[np.floating]

SIZES = (64, 100, 100, 1)
BATCH = 64
N = 50_000  # rows of an epoch
WITHOUT_PYTORCH = "PyTorch is not installed: on Linux the registry has it only with several GB of CUDA"


def rows() -> Iterator[Row]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, SIZES[0]))
    y = np.maximum(X[:, 0], 0) + X[:, 1]
    X32, y32 = X.astype(np.float32), y.astype(np.float32)
    quantity = "an epoch in NumPy / PyTorch with fused Adam, one thread, float32"
    try:
        measured, theirs = in_turn(ours(X32, y32), pytorch(X32, y32))
    except (ImportError, OSError):  # not there, or without the libraries it was built for
        yield Row(15, quantity, None, 1.0, 0.45, note=WITHOUT_PYTORCH)
    else:
        yield Row(15, quantity, measured / theirs, 1.0, 0.45)
    measured, theirs = in_turn(ours(X, y), scikit_learn(X, y))
    yield Row(15, "an epoch in NumPy / scikit-learn, one thread, float64", measured / theirs, 0.6, 0.55)


def ours(X: Array, y: Array) -> Callable[[], object]:
    rng = np.random.default_rng(0)
    network, adam = MLP(SIZES, rng, dtype=X.dtype.type), Adam()
    return lambda: train(network, X, y, optimiser=adam, epochs=1, batch_size=BATCH, rng=rng)


def pytorch(X: Array, y: Array) -> Callable[[], None]:
    """Its own fastest way that still is a plain loop: fused Adam, one shuffled index an epoch."""
    import torch

    torch.set_num_threads(1)
    inputs, labels = torch.from_numpy(X), torch.from_numpy(y)[:, None]
    layers: list[torch.nn.Module] = []
    for fan_in, fan_out in pairwise(SIZES[:-1]):
        layers += [torch.nn.Linear(fan_in, fan_out), torch.nn.ReLU()]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(SIZES[-2], 1))
    adam = torch.optim.Adam(network.parameters(), lr=0.001, fused=True)

    def epoch() -> None:
        for batch in torch.randperm(len(inputs)).split(BATCH):
            adam.zero_grad()
            torch.nn.functional.mse_loss(network(inputs[batch]), labels[batch]).backward()
            adam.step()

    return epoch


def scikit_learn(X: Array, y: Array) -> Callable[[], object]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    warnings.simplefilter("ignore", ConvergenceWarning)
    network = MLPRegressor(hidden_layer_sizes=SIZES[1:-1], batch_size=BATCH, max_iter=1, alpha=0.0, random_state=0)
    return lambda: network.fit(X, y)


if __name__ == "__main__":
    show(rows())
