"""Four processes that write into one SQLite file: nothing fails, no limit is passed, nobody waits long (row 10)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator

from load import at_once, upload
from measuring import Row, percentile, show, syncs_per_second
from served import served

PROCESSES = 4
STUDENTS = 2  # each in front of two machines at once
LIMIT, EACH = 120, 80  # uploads a student may make, and those of each machine


def rows() -> Iterator[Row]:
    with served(students=STUDENTS, rows=1_000, processes=PROCESSES, threads=2, daily_limit=LIMIT) as site:
        tokens = [token for token in site.tokens for _ in range(PROCESSES // STUDENTS)]
        clients = [
            [upload(site.submissions, site.file(), token=token, what=token) for _ in range(EACH)] for token in tokens
        ]
        begun = time.perf_counter()
        replies = at_once(site.port, clients)
        seconds = time.perf_counter() - begun
        syncs = syncs_per_second(site.home)
    accepted = [reply for reply in replies if reply.status == 201]
    of_each = Counter(reply.what for reply in accepted)
    errors = sum(reply.status not in (201, 429) for reply in replies)
    overruns = sum(abs(of_each[token] - LIMIT) for token in site.tokens)
    slowest = 1000 * percentile((reply.seconds for reply in accepted), 0.99)
    yield Row(10, f"errors of {PROCESSES} writing processes on SQLite", errors, 0, 0, unit="")
    yield Row(10, "their submissions too many or too few", overruns, 0, 0, unit="")
    yield Row(10, "their p99", slowest, 500, 150, unit=" ms")
    yield Row(None, "submitted by them", len(accepted) / seconds, unit="/s")
    yield Row(None, "syncs of this disk", syncs, unit="/s")


if __name__ == "__main__":
    show(rows())
