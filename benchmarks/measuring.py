"""Rows of the performance table: what was measured, what it must reach, and both sides of it in turn."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

ROUNDS = 5  # after one to warm up
ROWS_TO = "UNSEEN_BENCH_ROWS"  # names the file that rows are appended to, for the table at the end
SYNCS = 50


@dataclass(frozen=True)
class Row:
    """One line of the table; `number` is its row in the list of figures to reach, None for what is only told.

    A side that cannot be measured here has no `measured` and says in `note` why. `at_least`: the larger the better.
    """

    number: int | None
    quantity: str
    measured: float | None
    must: float | None = None
    goal: float | None = None
    unit: str = "x"
    at_least: bool = False
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "left out"
        if self.must is None:
            return ""
        if self._reaches(self.goal if self.goal is not None else self.must):
            return "goal"
        return "must" if self._reaches(self.must) else "MISSED"

    def _reaches(self, bound: float) -> bool:
        assert self.measured is not None
        return self.measured >= bound if self.at_least else self.measured <= bound

    def shown(self, figure: float | None) -> str:
        if figure is None:
            return ""
        digits = (
            0 if figure == int(figure) and not 0 < figure < 10 else 1 if figure >= 10 else 2 if figure >= 0.095 else 4
        )
        return f"{figure:,.{digits}f}{self.unit}"

    def cells(self) -> tuple[str, str, str, str, str, str]:
        sign = "≥ " if self.at_least else "≤ "
        bounds = (sign + self.shown(bound) if bound is not None else "" for bound in (self.must, self.goal))
        number = "" if self.number is None else str(self.number)
        quantity = f"{self.quantity} ({self.note})" if self.note else self.quantity
        return (number, quantity, *bounds, self.shown(self.measured), self.verdict)


def line(cells: tuple[str, str, str, str, str, str]) -> str:
    number, quantity, must, goal, measured, verdict = cells
    return f"{number:>2}  {quantity:84} {must:>10} {goal:>10} {measured:>10}  {verdict}".rstrip()


def show(rows: Iterable[Row]) -> None:
    """Print each row as soon as it is measured, and keep it for the table at the end."""
    for row in rows:
        print(line(row.cells()), flush=True)
        if kept := os.environ.get(ROWS_TO):
            with Path(kept).open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(row)) + "\n")


def in_turn(
    one: Callable[[], object],
    other: Callable[[], object],
    *,
    rounds: int = ROUNDS,
    repeat: int = 1,
    clock: Callable[[], float] = time.process_time,
) -> tuple[float, float]:
    """Median seconds of either, of interleaved rounds after one to warm up; CPU time unless another clock is given."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        for run, found in zip((one, other), times, strict=True):
            start = clock()
            for _ in range(repeat):
                run()
            found.append((clock() - start) / repeat)
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]


def syncs_per_second(folder: Path) -> float:
    """How often this disk makes 4 KiB durable, for whatever waits for that."""
    file = folder / "syncs"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT)
    try:
        start = time.perf_counter()
        for _ in range(SYNCS):
            os.write(descriptor, b"\0" * 4096)
            os.fdatasync(descriptor)
        return SYNCS / (time.perf_counter() - start)
    finally:
        os.close(descriptor)
        file.unlink()
