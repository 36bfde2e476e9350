"""A file of a million rows with integer ids, read and scored, beside polars that only parses it (row 1)."""

from __future__ import annotations

from collections.abc import Iterator

from contest import MILLION, WITHOUT_POLARS, Contest
from measuring import Row, in_turn, show


def rows() -> Iterator[Row]:
    for shuffled, order in ((False, "in order"), (True, "shuffled")):
        contest = Contest(MILLION, shuffled=shuffled)
        quantity = f"check, align and score 1e6 rows, integer ids {order} / polars parsing"
        try:
            ours, polars = in_turn(contest.ours, contest.polars_parses)
        except ImportError:
            yield Row(1, quantity, None, 2.5, 1.7, note=WITHOUT_POLARS)
        else:
            yield Row(1, quantity, ours / polars, 2.5, 1.7)


if __name__ == "__main__":
    show(rows())
