"""An unchanged board of 200 teams against a small JSON route, from the same server and the same clients."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from load import Reply, Request, ask_in_turn, at_once, for_seconds, get, upload
from measuring import ROUNDS, Row, show
from served import SLUG, Site, served

STUDENTS, TEST_ROWS = 200, 1000
CLIENTS = 4
SECONDS = 0.7
BOARD, SMALL = f"/competitions/{SLUG}/leaderboard", "/api/health"


def rows() -> Iterator[Row]:
    with served(students=STUDENTS, rows=TEST_ROWS, processes=1) as site:
        everybody_submits(site)
        unchanged, kept, small = in_rounds(site)
    quantity = f"an unchanged board page of {STUDENTS} teams, {{}} / a small JSON route, req/s"
    yield Row(13, quantity.format("304"), unchanged / small, 0.4, 0.7, at_least=True)
    yield Row(13, quantity.format("200 from what is kept"), kept / small, 0.4, 0.7, at_least=True)
    yield Row(None, "that small JSON route", small, unit="/s")


def everybody_submits(site: Site) -> None:
    uploads = [upload(site.submissions, site.file(), token=token) for token in site.tokens]
    assert all(reply.status == 201 for reply in ask_in_turn(site.port, uploads))


def in_rounds(site: Site) -> tuple[float, float, float]:
    """Median requests per second of the page as browsers ask for it again, of the whole page, of the small route."""
    rates: tuple[list[float], list[float], list[float]] = ([], [], [])
    for _ in range(ROUNDS + 1):
        seen = ask_in_turn(site.port, [get(BOARD)])[0]  # each minute has another tag
        for found, request in zip(rates, (get(BOARD, etag=seen.headers["etag"]), get(BOARD), get(SMALL)), strict=True):
            replies = asked_for_a_while(site, request)
            assert {reply.status for reply in replies} <= {200, 304}
            found.append(len(replies) / SECONDS)
    return statistics.median(rates[0][1:]), statistics.median(rates[1][1:]), statistics.median(rates[2][1:])


def asked_for_a_while(site: Site, request: Request) -> list[Reply]:
    return at_once(site.port, [for_seconds(SECONDS, lambda: request) for _ in range(CLIENTS)])


if __name__ == "__main__":
    show(rows())
