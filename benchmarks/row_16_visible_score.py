"""From sending a file to seeing its score on the board: one request, and hardly longer than the commit (row 16)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from statistics import median

from load import ask_in_turn, get, upload
from measuring import Row, show, syncs_per_second
from served import SLUG, Site, served

FILES = 40
BOARD = f"/api/competitions/{SLUG}/leaderboard"


def rows() -> Iterator[Row]:
    with served(students=1, rows=1_000, daily_limit=1_000) as site:
        found = [_sent(site) for _ in range(FILES)][5:]
        share = median((committed + read) / committed for committed, read in found)
        yield Row(16, "requests until a score is on the board", 1, 1, 1, unit="")  # asserted below
        yield Row(16, "until the board has shown it / until its commit was acknowledged", share, None, 1.2)
        yield Row(None, "until the commit was acknowledged", 1000 * median(each for each, _ in found), unit=" ms")
        yield Row(None, "syncs of this disk", syncs_per_second(site.home), unit="/s")


def _sent(site: Site) -> tuple[float, float]:
    """Seconds until the receipt came, and then until the board did, which shows the best score of all receipts."""
    [token] = site.tokens
    committed, read = ask_in_turn(
        site.port, [upload(site.submissions, site.file(), token=token), get(BOARD, token=token)]
    )
    assert (committed.status, read.status) == (201, 200)
    receipt, [entry] = json.loads(committed.body), json.loads(read.body)["entries"]
    best = [score for score in (receipt["public_score"], receipt["previous_best"]) if score is not None]
    assert entry["score"] == min(best)
    return committed.seconds, read.seconds


if __name__ == "__main__":
    show(rows())
