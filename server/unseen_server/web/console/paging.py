"""Long lists in pages: which rows are asked for, and which pages there are beside them."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

SIZE = 100
LAST = 10_000


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


def asked() -> Paging:
    number = request.args.get("page", 1, type=int)
    return Paging(min(max(number, 1), LAST), request.args.get("search", "").strip()[:200])
