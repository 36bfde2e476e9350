"""Whether honest requests are answered while 1,200 slow clients keep the server waiting."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from load import Reply, Request, get, on_time, upload
from measuring import Row, percentile, show
from served import SLUG, Site, served

from crowd import Crowd, waiting_on

SECONDS = 60
PER_SECOND = 5
SETTLING = 3  # until the whole crowd is there
CROWD = Crowd(heads=500, bodies=500, readers=200, path=f"/competitions/{SLUG}/leaderboard")
STUDENTS = 60


def honest(site: Site) -> list[tuple[float, Request]]:
    """Pages, boards, uploads in turn, evenly spread."""
    kinds = [
        lambda n: get(f"/competitions/{SLUG}/leaderboard"),
        lambda n: get(f"/api/competitions/{SLUG}", token=site.tokens[n % STUDENTS]),
        lambda n: upload(site.submissions, site.file(), token=site.tokens[n % STUDENTS]),
        lambda n: get(f"/api/competitions/{SLUG}/leaderboard"),
        lambda n: get("/api/health"),
    ]
    return [(n / PER_SECOND, kinds[n % len(kinds)](n)) for n in range(SECONDS * PER_SECOND)]


def cpu_seconds(site: Site) -> float:
    """Of all processes of the server, so far."""
    children = Path(f"/proc/{site.process.pid}/task/{site.process.pid}/children").read_text().split()
    ticks = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13] for pid in children]
    return sum(int(user) + int(system) for user, system in ticks) / os.sysconf("SC_CLK_TCK")


def rows() -> Iterator[Row]:
    with served(students=STUDENTS, rows=1000) as site, waiting_on(site.port, CROWD):
        time.sleep(SETTLING)
        before, timetable = cpu_seconds(site), honest(site)
        replies: list[Reply] = on_time(site.port, timetable)
        spent = (cpu_seconds(site) - before) / SECONDS
    answered = [reply for reply in replies if 200 <= reply.status < 300]
    slow = f"beside {CROWD.heads} slow heads, {CROWD.bodies} slow bodies, {CROWD.readers} slow readers"
    share = 100 * len(answered) / len(replies)
    yield Row(None, f"honest requests answered {slow}", share, 99.5, 100, unit=" %", at_least=True)
    yield Row(None, f"p95 of honest requests {slow}", percentile((r.seconds for r in replies), 0.95), 1, 0.3, unit=" s")
    yield Row(None, "CPU of the server meanwhile, of one core", 100 * spent, unit=" %")


if __name__ == "__main__":
    show(rows())
