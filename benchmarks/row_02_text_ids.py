"""A file of a million rows with shuffled text ids, read and scored, beside polars that only parses it (row 2)."""

from __future__ import annotations

from collections.abc import Iterator

from contest import MILLION, WITHOUT_POLARS, Contest
from measuring import Row, in_turn, show

QUANTITY = "check, align and score 1e6 rows, prefix+digits ids shuffled / polars parsing"


def rows() -> Iterator[Row]:
    contest = Contest(MILLION, "test_{}", shuffled=True)
    try:
        ours, polars = in_turn(contest.ours, contest.polars_parses)
    except ImportError:
        yield Row(2, QUANTITY, None, 3.0, 2.2, note=WITHOUT_POLARS)
    else:
        yield Row(2, QUANTITY, ours / polars, 3.0, 2.2)


if __name__ == "__main__":
    show(rows())
