"""Growth of the time of reading and scoring from 1e5 to 1e7 rows, and the memory that the largest takes (row 5)."""

from __future__ import annotations

import math
import multiprocessing
import pickle
import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import psutil
from contest import MSE, Contest
from measuring import Row, in_turn, show

from unseen_server.core.metrics import score
from unseen_server.core.predictions import read_predictions

SMALLEST, LARGEST = 100_000, 10_000_000


def rows() -> Iterator[Row]:
    few, many = Contest(SMALLEST), Contest(LARGEST)
    small, large = in_turn(few.ours, many.ours)
    exponent = math.log(large / small) / math.log(LARGEST / SMALLEST)
    yield Row(5, "growth exponent of check, align and score from 1e5 to 1e7 rows", exponent, 1.10, 1.03, unit="")
    yield Row(5, "memory for 1e7 rows, the file included / the file", memory(many) / len(many.file), 4.0, 3.0)


def memory(contest: Contest) -> int:
    """By how many bytes a fresh process grows that reads the file from disk and scores it."""
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
        file, key = Path(folder, "submission.csv"), Path(folder, "key")
        file.write_bytes(contest.file)
        key.write_bytes(pickle.dumps((contest.expected, contest.labels, contest.usage)))
        return fresh.submit(growth, file, key).result()


def growth(file: Path, key: Path) -> int:
    expected, labels, usage = pickle.loads(key.read_bytes())
    before = psutil.Process().memory_info().rss
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak counts from here
    score(MSE, labels, read_predictions(file.read_bytes(), file.name, expected), usage)
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert peak
    return int(peak[1]) * 1024 - before


if __name__ == "__main__":
    show(rows())
