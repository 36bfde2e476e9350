"""Row 15: an epoch of a network in NumPy against PyTorch (float32) and scikit-learn (float64), on one thread.

Interleaved rounds, medians. 64-100-100-1, batch 64, Adam, 100,000 rows. Needs PyTorch and scikit-learn; what is missing
is said by name and skipped.

    python benchmarks/mlp_epoch.py [--rounds 5] [--rows 100000]
"""

# ruff: noqa: E402

import os

for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[name] = "1"  # before NumPy is imported

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from unseen_baselines.mlp import MLP
from unseen_baselines.optimisers import Adam
from unseen_baselines.training import train

SIZES = (64, 100, 100, 1)
BATCH = 64


def ours(X: np.ndarray, y: np.ndarray) -> Callable[[], None]:
    rng = np.random.default_rng(0)
    network, adam = MLP(SIZES, rng, dtype=X.dtype.type), Adam()
    return lambda: train(network, X, y, optimiser=adam, epochs=1, batch_size=BATCH, rng=rng)


def pytorch(X: np.ndarray, y: np.ndarray) -> Callable[[], None]:
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
        for rows in torch.randperm(len(inputs)).split(BATCH):
            adam.zero_grad()
            torch.nn.functional.mse_loss(network(inputs[rows]), labels[rows]).backward()
            adam.step()

    return epoch


def scikit_learn(X: np.ndarray, y: np.ndarray) -> Callable[[], None]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    warnings.simplefilter("ignore", ConvergenceWarning)
    network = MLPRegressor(hidden_layer_sizes=SIZES[1:-1], batch_size=BATCH, max_iter=1, alpha=0.0, random_state=0)
    return lambda: network.fit(X, y)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--rows", type=int, default=100_000)
    asked = options.parse_args()
    rng = np.random.default_rng(0)
    X = rng.standard_normal((asked.rows, SIZES[0]))
    y = np.maximum(X[:, 0], 0) + X[:, 1]
    compare(
        "float32", "PyTorch", pytorch, X.astype(np.float32), y.astype(np.float32), asked.rounds, must=1.0, goal=0.45
    )
    compare("float64", "scikit-learn", scikit_learn, X, y, asked.rounds, must=0.6, goal=0.55)


def compare(
    dtype: str, name: str, make: Callable[..., Callable[[], None]], X: np.ndarray, y: np.ndarray, rounds: int,
    *, must: float, goal: float,
) -> None:  # fmt: skip
    try:
        theirs = make(X, y)
    except ImportError:
        print(f"{dtype}: {name} is not installed, so there is nothing to compare with.")
        return
    mine = ours(X, y)
    for epoch in (mine, theirs):
        epoch()  # warm
    times: dict[str, list[float]] = {"ours": [], name: []}
    for _ in range(rounds):
        for label, epoch in (("ours", mine), (name, theirs)):
            start = time.perf_counter()
            epoch()
            times[label].append(time.perf_counter() - start)
    a, b = (statistics.median(seconds) for seconds in times.values())
    print(f"{dtype}: ours {a:.3f} s, {name} {b:.3f} s an epoch: ratio {a / b:.2f} (must {must}, goal {goal})")


if __name__ == "__main__":
    main()
