"""What a prediction file of one competition must contain: its header, its ids, and the bounds of its numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unseen_server.core.metrics import LARGEST_MAGNITUDE

LONGEST_ID = 64  # characters
LONGEST_NUMBER = 40  # characters
_MOST_DIGITS = 16  # of a numbered id: two words of eight
_LEAST_LIMIT = 1 << 20  # bytes; small mistakes deserve an explanation, not "too large"

_CANONICAL_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_UNWRITABLE = re.compile('[",\r\n\0]')

Positions = NDArray[np.intp]
Ids = Any  # of some rows: an array of numbers for Numbering, a list of str for Texts


def canonical_order(ids: Iterable[str]) -> list[str]:
    """Sorted as numbers where every id is a plain integer such as 7 or -3, else as text (by code point)."""
    ids = list(ids)
    return sorted(ids, key=int) if all(map(_CANONICAL_INTEGER.fullmatch, ids)) else sorted(ids)


class Expected:
    """Built once for each version of an answer key, then used for every file.

    `ids` are the test ids in canonical order, position 0 to n - 1. Bounds wider than ±1e70 are narrowed to it, for no
    score may overflow. Raises ValueError for ids or names that no file could contain, ids that repeat, and bounds that
    hold no number.
    """

    def __init__(self, ids: Sequence[str], *, id_column: str, target_column: str, bounds: tuple[float, float]) -> None:
        _refuse_unwritable([*ids, id_column, target_column])
        if not bounds[0] < bounds[1]:
            raise ValueError(f"The bounds {bounds} hold no number: the lower one comes first.")
        self.id_column, self.target_column = id_column, target_column
        self.header = f"{id_column},{target_column}"
        self.bounds = (max(bounds[0], -LARGEST_MAGNITUDE), min(bounds[1], LARGEST_MAGNITUDE))
        self.rows = len(ids)
        self.max_bytes = max(_LEAST_LIMIT, _largest_valid_file(ids, self.header))
        self.lookup = Numbering.of(ids) or Texts(tuple(ids))

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(map(self.id_at, range(self.rows)))

    def id_at(self, position: int) -> str:
        return self.lookup.text_at(position)

    def position(self, text: str) -> int:
        """Where the id `text` belongs, or -1 for one that is not in the test set."""
        return self.lookup.position(text)


@dataclass(frozen=True, eq=False)
class Texts:
    """Ids of any form, found by a hash."""

    texts: tuple[str, ...]  # (n,), in canonical order

    def text_at(self, position: int) -> str:
        return self.texts[position]

    def position(self, text: str) -> int:
        return self._position_of.get(text, -1)

    def positions(self, texts: Sequence[str]) -> Positions:
        """Position of each text; (m,) to (m,). A stranger's is -1."""
        return np.array(list(map(self._position_of.get, texts, repeat(-1))))

    def are_at(self, row: int, texts: Sequence[str]) -> bool:
        return self.texts[row : row + len(texts)] == tuple(texts)

    @cached_property
    def _position_of(self) -> dict[str, int]:
        return {text: position for position, text in enumerate(self.texts)}


@dataclass(frozen=True, eq=False)
class Numbering:
    """Ids that are one prefix and a number: 17, test_17, or test_0017 where `width` is 4 (0: no leading zeros).

    The texts are not kept: ten million strings would weigh more than a file.
    """

    prefix: str
    width: int
    numbers: NDArray[np.int64]  # (n,), in canonical order of the ids

    @classmethod
    def of(cls, ids: Sequence[str]) -> Numbering | None:
        if not ids:
            return None
        prefix = _common_prefix(min(ids), max(ids)).rstrip("0123456789")
        digits = [text[len(prefix) :] for text in ids]
        lengths = set(map(len, digits))
        all_digits = "".join(digits)
        if not (all_digits.isascii() and all_digits.isdigit() and 0 < min(lengths) <= max(lengths) <= _MOST_DIGITS):
            return None
        padded = any(text[0] == "0" and len(text) > 1 for text in digits)
        if padded and len(lengths) > 1:
            return None
        return cls(prefix, lengths.pop() if padded else 0, np.array(digits, dtype="S").astype(np.int64))

    def text_at(self, position: int) -> str:
        return f"{self.prefix}{self.numbers[position]:0{self.width or 1}d}"

    def position(self, text: str) -> int:
        digits = text.removeprefix(self.prefix)
        if not (text.startswith(self.prefix) and digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS):
            return -1
        if len(digits) != (self.width or len(str(int(digits)))):
            return -1
        number = int(digits)
        if self._table is not None:
            offset = number - self._lowest
            return int(self._table[offset]) if 0 <= offset < len(self._table) else -1
        return int(self.positions(np.array([number]))[0])

    def positions(self, numbers: NDArray[np.int64]) -> NDArray[np.integer[Any]]:
        """Position of each number; (m,) to (m,). Where one is a stranger, some are -1."""
        if self._table is not None:
            offsets = numbers - self._lowest
            if offsets.view(np.uint64).max() >= len(self._table):  # a negative offset is a huge one
                return np.full(len(numbers), -1)
            return offsets if self._is_range else self._table[offsets]
        order, ascending = self._sorted
        found = np.minimum(np.searchsorted(ascending, numbers), len(ascending) - 1)
        return np.where(ascending[found] == numbers, order[found], -1)

    def are_at(self, row: int, numbers: NDArray[np.int64]) -> bool:
        return np.array_equal(numbers, self.numbers[row : row + len(numbers)])

    @cached_property
    def _lowest(self) -> int:
        return int(self.numbers.min())

    @cached_property
    def _table(self) -> NDArray[np.int32] | None:
        """Position by number - lowest, unless the numbers lie too far apart for a table."""
        span = int(self.numbers.max()) - self._lowest + 1
        if span > 8 * len(self.numbers) + 1024:
            return None
        table = np.full(span, -1, np.int32)
        table[self.numbers - self._lowest] = np.arange(len(self.numbers), dtype=np.int32)
        return table

    @cached_property
    def _is_range(self) -> bool:
        return bool((np.diff(self.numbers) == 1).all())

    @cached_property
    def _sorted(self) -> tuple[Positions, NDArray[np.int64]]:
        order = np.argsort(self.numbers)
        return order, self.numbers[order]


def _common_prefix(a: str, b: str) -> str:
    same = (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    return a[: next(same, min(len(a), len(b)))]


def is_writable(text: str) -> bool:
    """Whether a prediction file can hold it, as an id or as the name of a column."""
    return 0 < len(text) <= LONGEST_ID and not _UNWRITABLE.search(text)


def _refuse_unwritable(texts: Sequence[str]) -> None:
    for text in texts:
        if not is_writable(text):
            raise ValueError(
                f"{text!r} cannot stand in a prediction file: ids and column names have 1 to {LONGEST_ID} characters "
                "and no quote, comma or line break."
            )
    if len(set(texts[:-2])) != len(texts) - 2:
        raise ValueError("The same id occurs twice in the test set.")


def _largest_valid_file(ids: Sequence[str], header: str) -> int:
    """Bytes: header, and rows of id, number, four quotes, comma and CRLF; a little for a BOM and blank last lines."""
    per_row = LONGEST_NUMBER + len('"",""\r\n')
    return 1024 + len(header.encode()) + len("".join(ids).encode()) + per_row * len(ids)
