"""The first 200 of 10,000 teams against a window query over all their submissions, and how either grows."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

from crowded import crowded
from measuring import Row, in_turn, show
from sqlalchemy import text

from unseen_server.db import queries
from unseen_server.db.session import Database

FEW, MANY = 10_000, 1_000_000
FIRST = 200
OFTEN = 20  # to one window query

WINDOW = text(
    "SELECT team_id, shown, id FROM (SELECT team_id, shown, submissions.id AS id, row_number() OVER "
    "(PARTITION BY team_id ORDER BY shown, submissions.id) AS place FROM submissions "
    "JOIN scores ON scores.submission_id = submissions.id WHERE competition_id = 1) AS best "
    "WHERE place = 1 ORDER BY shown, id LIMIT :first"
)


def rows() -> Iterator[Row]:
    few, _ = seconds(FEW)
    many, window = seconds(MANY)
    quantity = f"top {FIRST} of 10,000 teams x {MANY:,} submissions / a window query over all"
    yield Row(11, quantity, many / window, 1 / 500, 1 / 2000)
    yield Row(12, "its growth exponent in submissions", math.log(many / few) / math.log(MANY / FEW), 0.2, 0.05, unit="")


def seconds(submissions: int) -> tuple[float, float]:
    """CPU of the board's query and of the window query, which name the same teams."""
    with crowded(submissions) as db:
        assert ours(db) == by_window(db)
        times: list[float] = []

        def often() -> None:
            start = time.process_time()
            for _ in range(OFTEN):
                ours(db)
            times.append((time.process_time() - start) / OFTEN)

        _, window = in_turn(often, lambda: by_window(db))
        return sorted(times)[len(times) // 2], window


def ours(db: Database) -> list[tuple[int, float, int]]:
    with db.read() as session:
        found = queries.boards.public_places(session, 1, "lower", limit=FIRST)
        return [(row.team_id, row.score, row.submission_id) for row in found]


def by_window(db: Database) -> list[tuple[int, float, int]]:
    with db.read() as session:
        return [tuple(row) for row in session.execute(WINDOW, {"first": FIRST})]


if __name__ == "__main__":
    show(rows())
