"""Finding near-copies among 1000 teams x 10 submissions x 5000 rows, in a database, with 100 copies planted.

Whole numbers are too coarse beside a standard deviation of 15 to tell a line from a similar model: none is to be found.

Run it with `python benchmarks/copies.py [--teams N] [--each N] [--rows N]`.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from measuring import Row, show
from sqlalchemy import insert

from unseen_server import storage
from unseen_server.core.copies import Entry, find
from unseen_server.core.metrics import Floats
from unseen_server.db.models import Base, PredictionVector
from unseen_server.db.session import Database

PLANTED = 100
WRITINGS: dict[str, int | None] = {"all digits": None, "4 decimals": 4, "1 decimal": 1, "whole numbers": 0}


def vectors(count: int, n: int, decimals: int | None) -> Iterator[Floats]:
    """Models of one truth, a quarter of which correlate by .9998; the last ones are lines of the first ones."""
    rng = np.random.default_rng(1)
    truth = rng.normal(50, 15, n)
    firsts: list[Floats] = []
    for number in range(count):
        if number < count - PLANTED:
            model = truth + rng.normal(0, 15 * rng.choice([0.014, 0.1, 0.3, 1.0]), n)
            firsts += [model] * (len(firsts) < PLANTED)
        else:
            model = 1.5 * firsts[number - count] - 7
        yield model if decimals is None else model.round(decimals)


def filled(db: Database, count: int, n: int, decimals: int | None) -> list[Entry]:
    """Vectors without their submissions: this database holds nobody to anything."""
    entries = []
    with db.engine.execution_options(writing=True).begin() as connection:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        for number, values in enumerate(vectors(count, n, decimals), 1):
            content = values.astype("<f8").tobytes()
            connection.execute(insert(PredictionVector), {"submission_id": number, "content": content})
            entries.append(Entry(number, number, hashlib.sha256(content).hexdigest()))
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=OFF")
    return entries


def memory(line: str) -> int:
    """Of this process, in MB: VmRSS is what it has, VmHWM the most it had."""
    found = re.search(rf"{line}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) >> 10 if found else 0


def rows() -> Iterator[Row]:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--teams", type=int, default=1000)
    options.add_argument("--each", type=int, default=10)
    options.add_argument("--rows", type=int, default=5000)
    chosen = options.parse_args()
    for name, decimals in WRITINGS.items():
        with tempfile.TemporaryDirectory() as folder, closing(Database(f"sqlite:///{folder}/copies.db")) as db:
            Base.metadata.create_all(db.engine)
            entries = filled(db, chosen.teams * chosen.each, chosen.rows, decimals)

            def read(refs: Sequence[int], db: Database = db) -> list[tuple[int, Floats]]:
                with db.read() as session:
                    return list(storage.predictions_of(session, refs))

            Path("/proc/self/clear_refs").write_text("5")  # the most counts from here
            before, start = memory("VmRSS"), time.process_time()
            found = find(entries, chosen.rows, read)
            seconds = time.process_time() - start
            note = f"{len(found.clusters)} found, {memory('VmHWM') - before} MB more memory"
            yield Row(None, f"copies among {len(entries):,} files of {name}", seconds, unit=" s of CPU", note=note)


if __name__ == "__main__":
    show(rows())
