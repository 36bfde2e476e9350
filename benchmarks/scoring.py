"""Reading and scoring a prediction file beside polars and pandas: rows 1 to 5 of the performance table.

Both sides of a ratio run in turn, at least five rounds, and medians of CPU time are compared, for absolute times mean
nothing on a shared machine. Run it with `python benchmarks/scoring.py [--rounds N] [--largest 1e6]`.
"""

from __future__ import annotations

import argparse
import io
import math
import multiprocessing
import pickle
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import psutil
import sklearn.metrics

from unseen_server.core.metrics import METRICS, score
from unseen_server.core.predictions import Expected, canonical_order, read_predictions
from unseen_server.core.splits import PRIVATE, PUBLIC

MSE = METRICS["mse"]


class Contest:
    """A test set of n ids of one form, labels, and a file of 17-digit predictions for it."""

    def __init__(self, n: int, form: str = "{}", shuffled: bool = False) -> None:
        rng = np.random.default_rng(n)
        self.ids = canonical_order(map(form.format, range(n)))
        self.expected = Expected(self.ids, id_column="id", target_column="y", bounds=(-1e3, 1e3))
        self.labels = rng.normal(10, 3, n)
        self.usage = rng.choice(np.array([PUBLIC, PRIVATE], np.uint8), n)
        predictions = rng.normal(10, 3, n).tolist()
        order = rng.permutation(n).tolist() if shuffled else range(n)
        self.file = "".join(["id,y\n", *(f"{self.ids[i]},{predictions[i]!r}\n" for i in order)]).encode()
        self.schema = {"id": pl.Int64() if form == "{}" else pl.String(), "y": pl.Float64()}
        self.solution = pd.DataFrame({"id": self.ids, "label": self.labels, "usage": self.usage})
        if form == "{}":
            self.solution["id"] = self.solution["id"].astype(np.int64)

    def ours(self) -> None:
        predictions = read_predictions(self.file, "submission.csv", self.expected)
        score(MSE, self.labels, predictions, self.usage)

    def polars_parses(self) -> None:
        pl.read_csv(io.BytesIO(self.file), schema=self.schema)

    def pandas_parses(self) -> None:
        pd.read_csv(io.BytesIO(self.file))

    def the_usual_way(self) -> None:
        """What a course's script does: read, compare the sets of ids, merge, score each half."""
        frame = pd.read_csv(io.BytesIO(self.file))
        if set(frame["id"]) != set(self.solution["id"]) or frame["id"].duplicated().any() or frame["y"].isna().any():
            raise SystemExit("the file was made wrongly")
        merged = self.solution.merge(frame, on="id", validate="one_to_one")
        for half in (PUBLIC, PRIVATE):
            rows = merged[merged["usage"] == half]
            sklearn.metrics.mean_squared_error(rows["label"], rows["y"])


def ratio(rounds: int, ours: Callable[[], None], theirs: Callable[[], None], repeat: int = 1) -> float:
    """CPU time of ours / theirs: medians of interleaved rounds, after one to warm up."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        for run, found in zip((ours, theirs), times, strict=True):
            start = time.process_time()
            for _ in range(repeat):
                run()
            found.append(time.process_time() - start)
    return statistics.median(times[0][1:]) / statistics.median(times[1][1:])


def cpu_time(rounds: int, run: Callable[[], None]) -> float:
    found = []
    for _ in range(rounds):
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return statistics.median(found)


def memory(contest: Contest) -> float:
    """Peak growth of a fresh process that reads the file from disk and scores it, in sizes of the file."""
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:
        file, key = Path(folder, "submission.csv"), Path(folder, "key")
        file.write_bytes(contest.file)
        key.write_bytes(pickle.dumps((contest.expected, contest.labels, contest.usage)))
        return fresh.submit(_growth, file, key).result() / len(contest.file)


def _growth(file: Path, key: Path) -> int:
    expected, labels, usage = pickle.loads(key.read_bytes())
    before = psutil.Process().memory_info().rss
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    score(MSE, labels, read_predictions(file.read_bytes(), file.name, expected), usage)
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return (int(peak[1]) << 10 if peak else 0) - before


def rows(rounds: int, largest: int) -> Iterator[tuple[str, str, str, str]]:
    """(quantity, must, goal, measured), as each is measured."""
    for shuffled, name in ((False, "in order"), (True, "shuffled")):
        contest = Contest(1_000_000, shuffled=shuffled)
        measured = ratio(rounds, contest.ours, contest.polars_parses)
        yield f"1  1e6 rows, integer ids {name} / polars parsing", "2.5x", "1.7x", f"{measured:.2f}x"
        must, goal = ("8x", "9x") if shuffled else ("4x", "6x")
        measured = ratio(rounds, contest.the_usual_way, contest.ours)
        yield f"3  read_csv + sets + merge / 1e6 rows, integer {name}", must, goal, f"{measured:.1f}x"
    contest = Contest(1_000_000, "test_{}", shuffled=True)
    measured = ratio(rounds, contest.ours, contest.polars_parses)
    yield "2  1e6 rows, prefix+digits ids shuffled / polars parsing", "3x", "2.2x", f"{measured:.2f}x"
    measured = ratio(rounds, contest.the_usual_way, contest.ours)
    yield "3  read_csv + sets + merge / 1e6 rows, text ids shuffled", "20x", "30x", f"{measured:.1f}x"
    contest = Contest(1000)
    measured = ratio(rounds, contest.ours, contest.pandas_parses, repeat=100)
    yield "4  1,000 rows / pandas.read_csv alone", "1.0x", "0.5x", f"{measured:.2f}x"
    small = cpu_time(2 * rounds, Contest(100_000).ours)
    contest = Contest(largest)
    decades = math.log10(largest / 100_000)
    exponent = math.log10(cpu_time(rounds, contest.ours) / small) / decades
    yield f"5  growth exponent from 1e5 to {largest:.0e} rows", "1.10", "1.03", f"{exponent:.3f}"
    yield f"5  memory at {largest:.0e} rows / the file, itself counted", "4x", "3x", f"{memory(contest):.2f}x"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--largest", type=float, default=1e7, help="rows of the largest file (default 1e7)")
    chosen = options.parse_args()
    print(f"{'':68} {'must':>6} {'goal':>6} {'measured':>9}")
    for quantity, must, goal, measured in rows(max(chosen.rounds, 5), int(chosen.largest)):
        print(f"{quantity:68} {must:>6} {goal:>6} {measured:>9}", flush=True)


if __name__ == "__main__":
    main()
