"""The list of everything wrong with a competition folder, gathered before any of it is refused."""

from __future__ import annotations

from collections import Counter
from typing import Any

from unseen_server.core.errors import BadBundle, Problem

MOST_OF_A_KIND = 20


class Problems:
    """Problems as they are found; at most twenty of each code are kept, all are counted."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self.counts: Counter[str] = Counter()

    def add(self, code: str, template: str, *, line: int | None = None, id: str | None = None, **values: Any) -> None:  # noqa: A002
        """A sentence; the file it is about and the line go before it."""
        self.counts[code] += 1
        if self.counts[code] <= MOST_OF_A_KIND:
            place = "{file}, line {line}: " if line is not None else "{file}: "
            self.found.append(Problem(code, place + template, {"line": line, "id": id, **values}, line=line, id=id))

    def raise_if_any(self) -> None:
        if self.found:
            raise BadBundle(self.found, self.counts)
