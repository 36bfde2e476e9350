"""What each kind of request costs the server in CPU time, disk and memory: the figures behind docs/capacity.md.

python benchmarks/costs.py [--postgres], where the CPU time includes that of the database.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from urllib.parse import quote_plus

import psutil
from load import Page, Request, ask_in_turn, form, get, upload
from measuring import ROUNDS, Row, show
from served import PASSWORD, SLUG, Site, served
from sqlalchemy import create_engine, make_url, text

POSTGRES = "--postgres" in sys.argv
STUDENTS = 200
MANY = 30  # requests of a kind in each round
KIB, MIB = 1024, 1024 * 1024
BOARD, PAGE = f"/api/competitions/{SLUG}/leaderboard", f"/competitions/{SLUG}/leaderboard"

Asked = Sequence[Request | Page]


def rows() -> Iterator[Row]:
    for size, many in ((1_000, 40), (10_000, 20), (100_000, 4)):
        yield from _of_a_file(size, many)
    yield from _of_a_class()


def _of_a_file(size: int, many: int) -> Iterator[Row]:
    with served(students=1, rows=size, processes=1, postgres=POSTGRES, daily_limit=10_000) as site:
        before = _on_disk(site)
        spent = _milliseconds(site, lambda: [_upload(site) for _ in range(many)]) / many
        kept = (_on_disk(site) - before) / many / (ROUNDS + 1)
        yield Row(None, f"a file of {size:,} rows and {len(site.file()) / KIB:,.0f} KiB: CPU", spent, unit=" ms")
        yield Row(None, f"a file of {size:,} rows: disk", kept / KIB, unit=" KiB")


def _of_a_class() -> Iterator[Row]:
    """What else is asked for, with everybody on the board."""
    with served(students=STUDENTS, rows=10_000, processes=1, postgres=POSTGRES, daily_limit=10_000) as site:
        yield Row(None, "a process before its first request: memory", _resident(site), unit=" MiB")
        ask_in_turn(site.port, (_upload(site, number) for number in range(STUDENTS)))
        page, listing = Page(PAGE), get(BOARD)
        kinds: dict[str, Callable[[int], Asked]] = {
            "a page that has not changed (304)": lambda many: [page] * many,
            "a page that has not changed, to somebody new": lambda many: [Page(PAGE) for _ in range(many)],
            "the board over the API": lambda many: [listing] * many,
            "signing in": lambda many: [_sign_in(number) for number in range(many)],
            "a file": lambda many: [_upload(site, number) for number in range(many)],
            "a file, and the page after it": lambda many: _after_files(site, many, page),
            "a file, and the board over the API after it": lambda many: _after_files(site, many, listing),
        }
        for what, asked in kinds.items():
            spent = _milliseconds(site, partial(asked, MANY)) / MANY
            yield Row(None, f"{STUDENTS} teams: {what}: CPU", spent, unit=" ms")
        yield Row(None, "a process after all of them: memory", _resident(site), unit=" MiB")


def _after_files(site: Site, many: int, reading: Request | Page) -> Asked:
    return [request for number in range(many) for request in (_upload(site, number), reading)]


def _upload(site: Site, student: int = 0) -> Request:
    return upload(site.submissions, site.file(), token=site.tokens[student])


def _sign_in(student: int) -> Request:
    return form("/login", f"name=s{student}&password={quote_plus(PASSWORD)}")


def _milliseconds(site: Site, asked: Callable[[], Asked]) -> float:
    """CPU time that the server spends on these requests: the median of several rounds after one to warm up."""
    found = []
    for _ in range(ROUNDS + 1):
        requests = asked()
        before = _cpu_seconds(site)
        replies = ask_in_turn(site.port, requests)
        assert all(200 <= reply.status < 400 for reply in replies), {reply.status for reply in replies}
        found.append(_cpu_seconds_at_rest(site) - before)
    return 1000 * statistics.median(found[1:])


def _cpu_seconds_at_rest(site: Site) -> float:
    """After what a reply leaves to be done has been done."""
    before, now = -1.0, _cpu_seconds(site)
    while now > before:
        time.sleep(0.1)
        before, now = now, _cpu_seconds(site)
    return now


def _cpu_seconds(site: Site) -> float:
    return sum(site.cpu_seconds().values())


def _resident(site: Site) -> float:
    return float(psutil.Process(site.process.pid).memory_info().rss / MIB)


def _on_disk(site: Site) -> int:
    if not POSTGRES:
        return (site.home / "unseen.db").stat().st_size
    with closing(
        create_engine(make_url(site.database_url).set(drivername="postgresql+psycopg")).connect()
    ) as connection:
        return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)


if __name__ == "__main__":
    show(rows())
