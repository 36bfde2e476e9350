"""Submissions per second of two workers, which CTFd's attempts per second would stand beside (row 8)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from statistics import median

from load import at_once, upload
from measuring import ROUNDS, Row, show, syncs_per_second
from served import Site, served
from sqlalchemy.exc import OperationalError

CLIENTS, EACH = 8, 15
WITHOUT = "CTFd is not on the package registry"  # what bears its name there is empty


def rows() -> Iterator[Row]:
    yield Row(8, "submissions/s / CTFd's attempts/s, 2 workers each", None, 5, 15, at_least=True, note=WITHOUT)
    for postgres in (False, True):
        where = "PostgreSQL" if postgres else "SQLite"
        try:
            with served(students=CLIENTS, rows=1_000, postgres=postgres, daily_limit=10_000) as site:
                yield Row(
                    None,
                    f"submissions/s of 1,000 rows on {where}, 2 workers, {CLIENTS} clients",
                    _rate(site),
                    unit="/s",
                )
                if not postgres:
                    yield Row(None, "this disk's syncs", syncs_per_second(site.home), unit="/s")
        except OperationalError:
            yield Row(None, f"submissions/s on {where}", None, note="there is none at hand")


def _rate(site: Site) -> float:
    """The median of several rounds after one to warm up."""
    return median([_in_a_round(site) for _ in range(ROUNDS + 1)][1:])


def _in_a_round(site: Site) -> float:
    clients = [[upload(site.submissions, site.file(), token=token) for _ in range(EACH)] for token in site.tokens]
    begun = time.perf_counter()
    replies = at_once(site.port, clients)
    assert {reply.status for reply in replies} == {201}, Counter(reply.status for reply in replies)
    return len(replies) / (time.perf_counter() - begun)


if __name__ == "__main__":
    show(rows())
