"""How many board pages a second remain while 50 submissions a second come in, with all of it on the same cores."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from itertools import cycle

from load import Page, Reply, Request, ask_in_turn, beside, for_seconds, upload
from measuring import ROUNDS, Row, percentile, show, syncs_per_second
from served import SLUG, Site, served

STUDENTS, TEST_ROWS = 200, 1000
READERS = 4
UPLOADS = 50  # a second
SECONDS = 2.5
BOARD = f"/competitions/{SLUG}/leaderboard"


def rows() -> Iterator[Row]:
    with served(students=STUDENTS, rows=TEST_ROWS, daily_limit=100) as site:
        uploads = prepared(site)
        assert all(reply.status == 201 for reply in ask_in_turn(site.port, [next(uploads) for _ in range(STUDENTS)]))
        alone, crowded, accepted, costs = in_rounds(site, uploads)
        yield Row(14, f"loss of page rate while {UPLOADS} submissions a second come in", 100 * (1 - crowded / alone),
                  50, 20, unit=" %")  # fmt: skip
        yield Row(None, "board pages a second without them, with them", alone, unit="/s", note=f"{crowded:.0f}/s")
        yield Row(None, "p95 of the pages beside them", 1000 * costs["page"], unit=" ms")
        yield Row(None, "submissions accepted a second; their p95", accepted, unit="/s",
                  note=f"{1000 * costs['upload']:.0f} ms")  # fmt: skip
        yield Row(None, "cores that the clients took meanwhile", costs["clients"], unit="")
        yield Row(None, "cores that the server took meanwhile", costs["server"], unit="")
        yield Row(None, "syncs of this disk", syncs_per_second(site.home), unit="/s")


def prepared(site: Site) -> Iterator[Request]:
    """A file of each student in turn, each better than nothing: some of them improve, most do not."""
    for token in cycle(site.tokens):
        yield upload(site.submissions, site.file(), token=token)


def in_rounds(site: Site, uploads: Iterator[Request]) -> tuple[float, float, float, dict[str, float]]:
    """Medians: pages a second alone, and beside submissions; of those, how many were accepted a second."""
    alone, crowded, accepted = [], [], []
    pages, sent, spent = list[Reply](), list[Reply](), {"clients": 0.0, "server": 0.0}
    for turn in range(ROUNDS + 1):
        found, _ = beside(site.port, readers(), [])
        alone.append(rate(found))
        timetable = [(n / UPLOADS, next(uploads)) for n in range(int(UPLOADS * SECONDS))]
        before = {"clients": time.process_time(), "server": site.cpu_seconds()["server"]}
        found, answers = beside(site.port, readers(), timetable)
        crowded.append(rate(found))
        accepted.append(sum(reply.status == 201 for reply in answers) / SECONDS)
        if turn:
            spent["clients"] += time.process_time() - before["clients"]
            spent["server"] += site.cpu_seconds()["server"] - before["server"]
            pages, sent = pages + found, sent + answers
    cores = {name: seconds / (ROUNDS * SECONDS) for name, seconds in spent.items()}
    slowest = {
        "page": percentile((r.seconds for r in pages), 0.95),
        "upload": percentile((r.seconds for r in sent), 0.95),
    }
    medians = (statistics.median(found[1:]) for found in (alone, crowded, accepted))
    return *medians, cores | slowest


def readers() -> list[Iterator[Request | Page]]:
    """Browsers that ask whether the page has changed as soon as they have it."""
    browsers = [Page(BOARD) for _ in range(READERS)]
    return [for_seconds(SECONDS, lambda browser=browser: browser) for browser in browsers]


def rate(replies: Sequence[Reply]) -> float:
    assert {reply.status for reply in replies} <= {200, 304}
    return len(replies) / SECONDS


if __name__ == "__main__":
    show(rows())
