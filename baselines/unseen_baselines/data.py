"""A competition's folder: read it as text, write the predictions.

Everything is read as text and turned into numbers by `features`, so that an id like 01 stays 01 and a cell that is no
number can be named with its line.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import BadTable
from .features import numbers

FEWEST_ROWS = 5  # below that nothing is left to validate on


@dataclass(frozen=True)
class Bundle:
    """`train` and `test` hold the features alone, as text; `y` (n,) the labels; `test_ids` the rows to predict."""

    train: pd.DataFrame
    y: NDArray[np.float64]
    test: pd.DataFrame
    test_ids: list[str]
    id_column: str
    target: str


def read_bundle(folder: Path, drop: Sequence[str] = ()) -> Bundle:
    """train.csv, test.csv and sample_submission.csv of a competition, without the columns named in `drop`.

    The sample's header names the id column and the target. Raises BadTable with a sentence for whatever is wrong.
    """
    train, test, sample = (read_table(folder / f"{name}.csv") for name in ("train", "test", "sample_submission"))
    if len(sample.columns) != 2:
        raise BadTable(
            f"sample_submission.csv has {len(sample.columns)} columns; it should have two, the id and the target."
        )
    id_column, target = sample.columns
    _require(train, "train.csv", [target])
    _require(test, "test.csv", [id_column])
    if len(train) < FEWEST_ROWS:
        raise BadTable(
            f"train.csv has {_rows(len(train))}; at least {FEWEST_ROWS} are needed to learn and to validate."
        )
    if test.empty:
        raise BadTable("test.csv has no rows, so there is nothing to predict.")

    features = [name for name in train.columns if name not in {id_column, target, *drop}]
    _require(train, "train.csv", drop)
    if not features:
        raise BadTable(f"train.csv has no column to learn from beside `{id_column}` and `{target}`.")
    _require(test, "test.csv", features)
    y = numbers(train[target], "train.csv")
    if np.isnan(y).any():
        raise BadTable(f"train.csv, line {int(np.flatnonzero(np.isnan(y))[0]) + 2}: the label `{target}` is missing.")
    return Bundle(train[features], y, test[features], list(test[id_column]), id_column, target)


def read_table(path: Path) -> pd.DataFrame:
    """A CSV with every cell as text, spaces around it taken off."""
    if not path.is_file():
        raise BadTable(
            f"There is no {path.name} in {path.parent}; "
            "a competition's folder has train.csv, test.csv and sample_submission.csv."
        )
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file, strict=True)]
    except UnicodeDecodeError:
        raise BadTable(f"{path.name} is not UTF-8 text.") from None
    except csv.Error as problem:
        raise BadTable(f"{path.name} is not a table: {problem}.") from None
    while rows and not rows[-1]:
        rows.pop()  # blank lines at the end
    if not rows:
        raise BadTable(f"{path.name} is empty.")
    header, *cells = rows
    for line, row in enumerate(cells, start=2):
        if len(row) != len(header):
            raise BadTable(f"{path.name}, line {line} has {len(row)} fields, and the header has {len(header)}.")
    twice = [name for at, name in enumerate(header) if name in header[:at]]
    if twice:
        raise BadTable(f"{path.name} has two columns named `{twice[0]}`.")
    return pd.DataFrame(cells, columns=header, dtype=str)


@dataclass(frozen=True)
class Predictions:
    """One value for each test id, in the order of test.csv."""

    id_column: str
    target: str
    ids: list[str]
    values: NDArray[np.floating]

    def text(self) -> str:
        """The prediction file: id,<target>, every float written so that it reads back the same."""
        lines = [f"{i},{float(value)!r}" for i, value in zip(self.ids, self.values, strict=True)]
        return "\n".join([f"{self.id_column},{self.target}", *lines]) + "\n"

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.text(), encoding="utf-8")

    def by_id(self) -> dict[str, float]:
        return dict(zip(self.ids, map(float, self.values), strict=True))


def _require(table: pd.DataFrame, name: str, columns: Sequence[str]) -> None:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise BadTable(f"{name} has no column `{missing[0]}`; it has {', '.join(f'`{c}`' for c in table.columns)}.")


def _rows(n: int) -> str:
    return "no rows" if n == 0 else "1 row" if n == 1 else f"{n} rows"
