"""A file submitted for good against the same file merely received, and how long the slowest wait (rows 6 and 7)."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median
from unittest import mock

from flask import Flask, request
from load import Reply, at_once, upload
from measuring import ROUNDS, Row, percentile, show, syncs_per_second
from served import Site, served
from sqlalchemy.exc import OperationalError

from unseen_server import app
from unseen_server.cli import main

RECEIVE = "/receive"
TEST_ROWS = 1_000  # 25 KB
CLIENTS = 8
EACH = {RECEIVE: 40, "": 15}  # requests of each client in one round


def rows() -> Iterator[Row]:
    for postgres in (False, True):
        where = "PostgreSQL" if postgres else "SQLite"
        try:
            with _site(postgres) as site:
                yield from _in_rounds(site, where, counts=not postgres)
        except OperationalError:
            yield Row(None, f"submissions on {where}", None, note="there is none at hand")


def _site(postgres: bool):
    program = (__file__,)
    return served(students=CLIENTS, rows=TEST_ROWS, postgres=postgres, program=program, daily_limit=10_000)


def _in_rounds(site: Site, where: str, *, counts: bool) -> Iterator[Row]:
    """Both in turn; `counts` for the table."""
    received, submitted, times = [], [], list[float]()
    for number in range(ROUNDS + 1):
        _, bare = _round(site, RECEIVE)
        replies, durable = _round(site, site.submissions)
        if number:  # after one to warm up
            received.append(bare)
            submitted.append(durable)
            times += [reply.seconds for reply in replies]
    six, seven = (6, 7) if counts else (None, None)
    asked = ((0.20, 0.45), (6, 3)) if counts else ((), ())
    share, spread = median(submitted) / median(received), percentile(times, 0.99) / percentile(times, 0.5)
    yield Row(six, f"submitted for good / merely received, 25 KB on {where}, req/s", share, *asked[0], at_least=True)
    yield Row(seven, f"submit p99 / p50 at {CLIENTS} clients, 2 processes, on {where}", spread, *asked[1])
    yield Row(None, f"submitted on {where}", median(submitted), unit="/s")
    yield Row(None, f"p50 of submitting on {where}", 1000 * percentile(times, 0.5), unit=" ms")
    yield Row(None, "syncs of this disk", syncs_per_second(site.home), unit="/s")


def _round(site: Site, path: str) -> tuple[Sequence[Reply], float]:
    """What every client got for each of its files, and how many files that were in a second."""
    each = EACH[RECEIVE if path == RECEIVE else ""]
    clients = [[upload(path, site.file(), token=token) for _ in range(each)] for token in site.tokens]
    begun = time.perf_counter()
    replies = at_once(site.port, clients)
    assert {reply.status for reply in replies} == {201}, Counter(reply.status for reply in replies)
    return replies, len(replies) / (time.perf_counter() - begun)


def with_a_bare_view(*config: object) -> Flask:
    """The server's application with one view more, which reads a file and does nothing with it."""
    application = create_app(*config)

    @application.post(RECEIVE)
    def receive() -> tuple[str, int]:
        return str(len(request.files["file"].read())), 201

    return application


create_app = app.create_app

if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        with mock.patch.object(app, "create_app", with_a_bare_view):
            main()
    else:
        show(rows())
