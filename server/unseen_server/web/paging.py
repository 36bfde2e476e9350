"""Long lists in pages: which rows are asked for, and which pages there are beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from flask import request

SIZE = 100
LAST = 10_000

T = TypeVar("T")


@dataclass(frozen=True)
class Paging:
    """One page of a list that is searched: `number` counts from one, `text` is what is looked for."""

    number: int
    text: str

    @property
    def offset(self) -> int:
        return (self.number - 1) * SIZE

    def pages(self, total: int) -> int:
        return max(1, -(-total // SIZE))

    def within(self, total: int) -> Paging:
        """The nearest page that there is."""
        return replace(self, number=min(self.number, self.pages(total)))

    def of(self, rows: Sequence[T]) -> Sequence[T]:
        """Those of all rows that stand on this page."""
        return rows[self.offset : self.offset + SIZE]


def asked(search: str = "search") -> Paging:
    """The page that the address asks for; `search` is the name of the field with the words."""
    number = request.args.get("page", 1, type=int)
    return Paging(min(max(number, 1), LAST), request.args.get(search, "").strip()[:200])
