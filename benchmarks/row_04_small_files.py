"""A file of a thousand rows, read and scored, beside pandas that only parses it (row 4)."""

from __future__ import annotations

from collections.abc import Iterator

from contest import Contest
from measuring import Row, in_turn, show


def rows() -> Iterator[Row]:
    contest = Contest(1000)
    ours, pandas = in_turn(contest.ours, contest.pandas_parses, rounds=15, repeat=100)
    yield Row(4, "check, align and score 1,000 rows / pandas.read_csv alone", ours / pandas, 1.0, 0.5)


if __name__ == "__main__":
    show(rows())
