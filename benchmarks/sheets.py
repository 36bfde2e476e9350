"""Prediction files and the scores they must get, from their text in whole numbers, by nothing of the server's."""

from __future__ import annotations

import csv
import hashlib
import multiprocessing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

BITS = 200  # every float64 that occurs here is a whole number of 2^-200


@dataclass(frozen=True)
class Sheet:
    """A prediction file, whose it is, and its mean squared error on either half."""

    student: int
    content: bytes
    public: float
    private: float

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Answers:
    """What solution.csv says: its columns, and (label, half) by id."""

    columns: Sequence[str]
    rows: Mapping[str, tuple[float, str]]


def answers(solution: Path) -> Answers:
    with solution.open(newline="") as file:
        columns, *rows = csv.reader(file)
    return Answers(columns, {name: (float(label), half) for name, label, half in rows})


def sheets(key: Answers, students: Sequence[int]) -> list[Sheet]:
    """One of each of these students, all different, some better than others; the same again in the next run."""
    with multiprocessing.Pool() as pool:
        return pool.starmap(partial(_sheet, key), enumerate(students), chunksize=25)


def _sheet(key: Answers, number: int, student: int) -> Sheet:
    rng = np.random.default_rng([7, number])
    labels = np.array([label for label, _ in key.rows.values()])
    predictions = labels * rng.uniform(rng.uniform(0, 0.9), 1, len(labels))  # towards 0, and so within the bounds
    lines = (f"{name},{value!r}\n" for name, value in zip(key.rows, predictions.tolist(), strict=True))
    content = f"{','.join(key.columns[:2])}\n{''.join(lines)}"
    return Sheet(
        student, content.encode(), *(_mean_squared_error(content, key, half) for half in ("Public", "Private"))
    )


def _mean_squared_error(content: str, key: Answers, half: str) -> float:
    """Rounded once, at the end."""
    total = n = 0
    for line in content.splitlines()[1:]:
        name, _, value = line.partition(",")
        label, its_half = key.rows[name]
        if its_half == half:
            total += (_in_units(float(value)) - _in_units(label)) ** 2
            n += 1
    return float(Fraction(total, n << 2 * BITS))


def _in_units(x: float) -> int:
    """x / 2^-BITS, exactly; ValueError where that is no whole number."""
    numerator, denominator = x.as_integer_ratio()
    return numerator << BITS + 1 - denominator.bit_length()
