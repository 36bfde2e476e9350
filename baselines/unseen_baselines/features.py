"""From a table of text to an array of numbers a model can learn from.

- a column is numeric when at least half of its filled cells are numbers; any other text in it is refused, with its line
- missing is an empty cell, NA, N/A, NaN, null, None, ? or -, in any case of letters
- a missing number becomes the column's median, and a further column of 0 and 1 says where that was done
- a category becomes one column of 0 and 1 for each value seen in training; a missing one is a value of its own, and one
  never seen before is 0 everywhere
- the models that need it standardise every column, (x - mean) / spread

Medians, values, means and spreads come from the training rows alone: nothing of the test rows may leak into them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import BadTable

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-"})
MOST_CATEGORIES = 50
LARGEST = 1e100  # beyond it squares run out of numbers

Array = NDArray[np.float64]


def is_missing(column: pd.Series) -> NDArray[np.bool_]:
    """Which cells of a text column (n,) mean "not known"."""
    return column.str.lower().isin(MISSING).to_numpy()


def parsed(column: pd.Series) -> Array:
    """The cells as numbers, NaN where a cell is none, or one too large to work with."""
    values: Array = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
    return np.where(np.abs(values) > LARGEST, np.nan, values)


def numbers(column: pd.Series, file: str) -> Array:
    """The cells as numbers, NaN where they are missing; refuses a cell that is neither, naming its line."""
    values = parsed(column)
    wrong = np.isnan(values) & ~is_missing(column)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise BadTable(f"{file}, line {at + 2}: `{column.iloc[at]}` stands in `{column.name}`, where a number belongs.")
    return values


def ratio(table: pd.DataFrame, over: str, under: str) -> pd.DataFrame:
    """The table with one column more, such as words_per_page = words / pages; missing where pages is 0."""
    for name in (over, under):
        if name not in table.columns:
            raise BadTable(f"There is no column `{name}` to divide; the columns are {', '.join(table.columns)}.")
    numerator, denominator = parsed(table[over]), parsed(table[under])
    quotient = np.divide(numerator, denominator, out=np.full(len(table), np.nan), where=denominator != 0)
    name = f"{over}_per_{under.removesuffix('s')}"
    return table.assign(**{name: ["" if np.isnan(q) else repr(float(q)) for q in quotient]})


@dataclass(frozen=True)
class Numeric:
    """A column of numbers: what a missing one becomes, and whether a 0/1 column tells of it."""

    name: str
    median: float
    flag_missing: bool

    def columns(self, table: pd.DataFrame, file: str) -> list[Array]:
        values = numbers(table[self.name], file)
        missing = np.isnan(values)
        filled = np.where(missing, self.median, values)
        return [filled, missing.astype(np.float64)] if self.flag_missing else [filled]


@dataclass(frozen=True)
class Categorical:
    """A column of names, and the values seen in training; "" stands for a missing one."""

    name: str
    values: tuple[str, ...]

    def columns(self, table: pd.DataFrame, file: str) -> list[Array]:
        cells = table[self.name].where(~is_missing(table[self.name]), "")
        return [np.asarray(cells == value, dtype=np.float64) for value in self.values]


@dataclass(frozen=True)
class Preparation:
    """What was learned from the training rows about each column."""

    parts: tuple[Numeric | Categorical, ...]

    @classmethod
    def fit(cls, table: pd.DataFrame, file: str = "train.csv") -> Preparation:
        """From the training rows, a table of text. Raises BadTable for a column that cannot be used."""
        for name in table.columns:
            _check_column(table[name], file)
        return cls(tuple(_part(table[name], file) for name in table.columns))

    def apply(self, table: pd.DataFrame, file: str = "test.csv") -> Array:
        """X (n, d), all numbers, nothing missing."""
        return np.stack([column for part in self.parts for column in part.columns(table, file)], axis=1)


@dataclass(frozen=True)
class Standardisation:
    """(x - mean) / spread for every column, both (d,)."""

    mean: NDArray[np.floating]
    spread: NDArray[np.floating]

    @classmethod
    def fit(cls, X: NDArray[np.floating]) -> Standardisation:
        """From the training rows X (n, d). A column that stands still keeps a spread of 1, so it becomes 0."""
        mean, spread = X.mean(axis=0), X.std(axis=0)
        moves = spread > 1e-12 * np.abs(X).max(axis=0, initial=0)
        return cls(mean, np.where(moves, spread, 1.0))

    def apply(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        """X (n, d) in, the same shape out."""
        scaled: NDArray[np.floating] = (X - self.mean) / self.spread
        return scaled


def _check_column(column: pd.Series, file: str) -> None:
    """Refuses a column from which nothing can be learned: every row the same, or too many names."""
    name, values = column.name, column.nunique()
    if values == 1:
        same = f"`{column.iloc[0]}`" if column.iloc[0] else "empty"
        raise BadTable(
            f"{file}: `{name}` is {same} in every row, so nothing can be learned from it. Leave it out: --drop {name}"
        )
    if not _is_numeric(column) and values > MOST_CATEGORIES:
        raise BadTable(
            f"{file}: `{name}` is text with {values} different values, more than the {MOST_CATEGORIES} a category may "
            f"have. Leave it out: --drop {name}"
        )


def _is_numeric(column: pd.Series) -> bool:
    filled = ~is_missing(column)
    return bool(filled.any()) and float(np.mean(~np.isnan(parsed(column)[filled]))) >= 0.5


def _part(column: pd.Series, file: str) -> Numeric | Categorical:
    name, missing = str(column.name), is_missing(column)
    if _is_numeric(column):
        values = numbers(column, file)
        return Numeric(name, float(np.median(values[~missing])), bool(missing.any()))
    return Categorical(name, tuple(sorted(set(column.where(~missing, "")))))
