"""The list of everything wrong with a competition folder, gathered before any of it is refused."""

from __future__ import annotations

from collections import Counter

from unseen_server.core.errors import BadBundle, Problem
from unseen_server.core.sentences import N_, Sentence

MOST_OF_A_KIND = 20
IN_FILE = N_("{file}: {problem}")
IN_LINE = N_("{file}, line {line}: {problem}")


class Problems:
    """Problems as they are found; at most twenty of each code are kept, all are counted."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self.counts: Counter[str] = Counter()

    def add(
        self,
        code: str,
        said: Sentence,
        *,
        file: str | Sentence,
        line: int | None = None,
        id: str | None = None,  # noqa: A002
    ) -> None:
        """What is wrong; the file it is about and the line go before it."""
        self.counts[code] += 1
        if self.counts[code] <= MOST_OF_A_KIND:
            values = {"file": file, "line": line, "problem": said}
            self.found.append(Problem(code, IN_FILE if line is None else IN_LINE, values, line=line, id=id))

    def raise_if_any(self) -> None:
        if self.found:
            raise BadBundle(self.found, self.counts)
