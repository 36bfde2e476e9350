"""Checking an opened answer key: whether it is what its seal said before, and what one's own file really scores.

The seal is the SHA-256 of the opened file, so that `sha256sum` checks it as well. Scores are computed once more here,
by the formulas alone.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from unseen.errors import UnusablePredictions

Pairs = Sequence[tuple[float, float]]  # label, prediction


@dataclass(frozen=True)
class OwnScores:
    """The scores of a prediction file on both halves, computed on this computer."""

    metric: str
    public: float
    private: float


def seal_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def labels_of(content: bytes) -> dict[str, tuple[float, str]]:
    """Label and half (Public, Private, Ignored) by id. The first line is the salt, the second the header."""
    try:
        rows = [line.rsplit(",", 2) for line in content.decode().rstrip("\n").split("\n")[2:]]
        return {id_: (float(label), half) for id_, label, half in rows}
    except ValueError:
        raise UnusablePredictions("That is not an opened answer key: salt, header, then id,label,half.") from None


def own_scores(content: bytes, predictions: Mapping[str, float], metric: str) -> OwnScores:
    """What these predictions score. Raises UnusablePredictions where ids differ or the metric is not known here."""
    labels = labels_of(content)
    if labels.keys() != predictions.keys():
        raise UnusablePredictions("The predictions have other ids than the answer key.")
    if metric not in METRICS:
        raise UnusablePredictions(f"This program does not know the metric {metric}; it knows {', '.join(METRICS)}.")

    def half(name: str) -> float:
        return METRICS[metric]([(label, predictions[id_]) for id_, (label, half) in labels.items() if half == name])

    try:
        return OwnScores(metric, half("Public"), half("Private"))
    except ArithmeticError:
        raise UnusablePredictions(
            f"With this key {metric} is not defined: a half has no rows or a single label, or numbers are too large."
        ) from None


def predictions_of(content: bytes) -> dict[str, float]:
    """The predictions by id, from a plain CSV that the server accepted."""
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
        return {id_: float(value) for id_, value in filter(None, rows[1:])}
    except (ValueError, csv.Error):
        raise UnusablePredictions("The predictions should be a plain CSV file; unpack a .zip or .gz first.") from None


def mse(pairs: Pairs) -> float:
    return math.fsum((y - p) ** 2 for y, p in pairs) / len(pairs)


def mae(pairs: Pairs) -> float:
    return math.fsum(abs(y - p) for y, p in pairs) / len(pairs)


def rmse(pairs: Pairs) -> float:
    return math.sqrt(mse(pairs))


def r2(pairs: Pairs) -> float:
    """1 - sum (y - p)^2 / sum (y - mean y)^2"""
    mean = math.fsum(y for y, _ in pairs) / len(pairs)
    return 1 - math.fsum((y - p) ** 2 for y, p in pairs) / math.fsum((y - mean) ** 2 for y, _ in pairs)


METRICS: Mapping[str, Callable[[Pairs], float]] = {"mse": mse, "rmse": rmse, "mae": mae, "r2": r2}
