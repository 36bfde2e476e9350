"""The forms in which predictions are handed over, each made into the bytes of one file.

Nothing is checked here but what would misalign silently: the server owns the rules of the file, and explains them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

from unseen.errors import UnusablePredictions

# A path; id -> value; a DataFrame with the sample's two columns; or values in the order of sample_submission.csv.
Predictions: TypeAlias = str | PathLike[str] | Mapping[Any, Any] | Any
Names: TypeAlias = tuple[str, str]  # the id column's and the target's


@dataclass(frozen=True)
class Upload:
    """A file to be sent: read once, so that a repeated attempt sends the same bytes."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Sample:
    """What `sample_submission.csv` says: the two column names, and the ids in order."""

    names: Names
    ids: tuple[str, ...]

    @classmethod
    def parse(cls, content: bytes) -> Sample:
        header, *rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        return cls((header[0], header[1]), tuple(row[0] for row in rows if row))


def to_upload(predictions: Predictions, *, names: Callable[[], Names], sample: Callable[[], Sample]) -> Upload:
    """The file to send. `names` and `sample` ask the server, and are called only where they are needed.

    Raises UnusablePredictions with a sentence that says what to hand over instead.
    """
    if isinstance(predictions, str | PathLike):
        return from_path(Path(predictions))
    if isinstance(predictions, Mapping):
        return to_csv(names(), predictions.items())
    if hasattr(predictions, "columns"):
        columns = names()
        return to_csv(columns, frame_pairs(predictions, columns))
    if has_own_index(predictions):
        return to_csv(names(), zip(predictions.index.tolist(), predictions.tolist(), strict=True))
    return to_csv(sample().names, array_pairs(predictions, sample().ids))


def from_path(path: Path) -> Upload:
    try:
        return Upload(path.name, path.read_bytes())
    except FileNotFoundError:
        raise UnusablePredictions(f"There is no file {path}.") from None
    except IsADirectoryError:
        raise UnusablePredictions(f"{path} is a folder; name the prediction file in it.") from None
    except OSError as error:
        raise UnusablePredictions(f"{path} cannot be read: {error.strerror or error}.") from error


def to_csv(names: Names, pairs: Iterable[tuple[Any, Any]]) -> Upload:
    rows = [(str(id_), number(value)) for id_, value in pairs]
    if not rows:
        raise UnusablePredictions("There are no predictions to send.")
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return Upload("predictions.csv", text.getvalue().encode())


def number(value: Any) -> str:
    """A value as the shortest text that reads back as the same number; what is none, the server will explain."""
    if hasattr(value, "item"):  # NumPy's and PyTorch's scalars
        value = value.item()
    if isinstance(value, bool):
        return str(int(value))
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def frame_pairs(frame: Any, names: Names) -> Iterable[tuple[Any, Any]]:
    """Id and value of each row of a pandas or polars DataFrame; the id may also be pandas' named index."""
    id_column, target = names
    columns = [str(column) for column in frame.columns]
    if columns == [target] and getattr(getattr(frame, "index", None), "name", None) == id_column:
        return zip(frame.index.tolist(), column_values(frame, target), strict=True)
    if sorted(columns) != sorted(names):
        raise UnusablePredictions(
            f"The DataFrame has the columns {', '.join(columns) or '(none)'}; "
            f"this competition wants exactly {id_column} and {target}."
        )
    return zip(column_values(frame, id_column), column_values(frame, target), strict=True)


def column_values(frame: Any, name: str) -> list[Any]:
    column = frame[name]
    values: list[Any] = column.tolist() if hasattr(column, "tolist") else column.to_list()
    return values


def has_own_index(values: Any) -> bool:
    """Whether this is a pandas Series with ids of its own, which must not be matched by position."""
    index = getattr(values, "index", None)
    return hasattr(index, "tolist") and type(index).__name__ != "RangeIndex"


def array_pairs(values: Any, ids: tuple[str, ...]) -> Iterable[tuple[str, Any]]:
    """Values of shape (n,) or (n, 1) beside the sample's n ids."""
    if isinstance(values, set | frozenset):
        raise UnusablePredictions("A set has no order, so its predictions belong to no rows.")
    try:
        listed = list(values.tolist() if hasattr(values, "tolist") else values)
    except TypeError:
        raise UnusablePredictions(
            f"Predictions are a path, a mapping of id to value, a DataFrame or an array, not {type(values).__name__}."
        ) from None
    flat = [value[0] if isinstance(value, list | tuple) and len(value) == 1 else value for value in listed]
    if any(isinstance(value, list | tuple) for value in flat):
        raise UnusablePredictions("The array has more than one column; there must be one number for each test row.")
    if len(flat) != len(ids):
        raise UnusablePredictions(
            f"The array holds {len(flat)} predictions, but sample_submission.csv lists {len(ids)} ids. "
            "An array is read in the order of that file."
        )
    return zip(ids, flat, strict=True)
