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

from unseen.credentials import at_home
from unseen.errors import UnusablePredictions

# A path; id -> value; a DataFrame with the sample's two columns; a Series with ids of its own; or values beside ids,
# without them in the order of sample_submission.csv.
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


def to_upload(
    predictions: Predictions,
    *,
    names: Callable[[], Names],
    sample: Callable[[], Sample],
    ids: Iterable[Any] | None = None,
) -> Upload:
    """The file to send. `names` and `sample` ask the server, and are called only where they are needed.

    Raises UnusablePredictions with a sentence that says what to hand over instead.
    """
    if ids is not None:
        return to_csv(names(), pairs_with_ids(predictions, ids))
    if isinstance(predictions, str | PathLike):
        return from_path(at_home(predictions))
    if isinstance(predictions, Mapping):
        return to_csv(names(), predictions.items())
    if hasattr(predictions, "columns"):
        columns = names()
        return to_csv(columns, frame_pairs(predictions, columns))
    wanted = sample()
    if has_own_index(predictions, wanted.ids):
        return to_csv(wanted.names, series_pairs(predictions, wanted.ids))
    return to_csv(wanted.names, array_pairs(predictions, wanted.ids))


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


def has_own_index(values: Any, ids: tuple[str, ...]) -> bool:
    """Whether this is a pandas Series with an index other than 0, 1, 2 and so on, which is what pandas makes itself.

    Also a Series that was cut or turned round has one, and must not be matched by position. Raises UnusablePredictions
    where 0, 1, 2 are ids as well, in another order, so that either could be meant.
    """
    if not has_an_index(values):
        return False
    index = values.index
    if type(index).__name__ != "RangeIndex" or (index.start, index.step) != (0, 1):
        return True
    counted = tuple(map(str, index))
    if counted != ids and sorted(counted) == sorted(ids):
        raise UnusablePredictions(
            "The index of the Series could be these ids, or merely count its rows. Submit it with ids=series.index, "
            "or, where it is in the order of sample_submission.csv, as series.to_numpy()."
        )
    return False


def series_pairs(series: Any, ids: tuple[str, ...]) -> Iterable[tuple[Any, Any]]:
    """A Series' values by its index, in whatever order it is; the index must be of the sample's ids."""
    labels, known = series.index.tolist(), set(ids)
    strangers = [label for label in labels if str(label) not in known]
    if strangers:
        raise UnusablePredictions(
            f"The index of the Series is not of this competition's ids: {strangers[0]!r} is none. Submit it with "
            "ids=test[id column], or, where it is in the order of sample_submission.csv, as series.to_numpy()."
        )
    return zip(labels, series.tolist(), strict=True)


def pairs_with_ids(values: Any, ids: Any) -> Iterable[tuple[Any, Any]]:
    """Values of shape (n,) or (n, 1) beside n ids; a Series beside a Series only where their indexes agree."""
    if isinstance(values, str | PathLike | Mapping) or hasattr(values, "columns"):
        raise UnusablePredictions("A file, a mapping and a DataFrame bring their own ids; leave `ids` away.")
    if isinstance(ids, str | set | frozenset):
        raise UnusablePredictions("`ids` is a list, an array or a Series with one id for each prediction, in order.")
    if has_an_index(values) and has_an_index(ids) and list(values.index) != list(ids.index):
        raise UnusablePredictions(
            "The predictions and the ids are two Series with different indexes, so it is not certain which belong "
            "together. Where it is by position, hand over predictions.to_numpy()."
        )
    listed, flat = column(ids), column(values)
    if len(flat) != len(listed):
        raise UnusablePredictions(f"There are {len(flat)} predictions, but {len(listed)} ids.")
    return zip(listed, flat, strict=True)


def has_an_index(values: Any) -> bool:
    return hasattr(getattr(values, "index", None), "tolist")


def array_pairs(values: Any, ids: tuple[str, ...]) -> Iterable[tuple[str, Any]]:
    """Values of shape (n,) or (n, 1) beside the sample's n ids."""
    flat = column(values)
    if len(flat) != len(ids):
        raise UnusablePredictions(
            f"The array holds {len(flat)} predictions, but sample_submission.csv lists {len(ids)} ids. "
            "An array is read in the order of that file; for another order name the ids with `ids`."
        )
    return zip(ids, flat, strict=True)


def column(values: Any) -> list[Any]:
    """The n elements of something of shape (n,) or (n, 1)."""
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
    return flat
