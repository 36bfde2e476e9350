"""A million rows scored as a course's script does it, with pandas and scikit-learn, beside ours (row 3)."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from contest import MILLION, Contest
from measuring import Row, in_turn, show
from sklearn.metrics import mean_squared_error

from unseen_server.core.splits import PRIVATE, PUBLIC

# form of the ids, whether shuffled, what it is called, must, goal
CASES = (
    ("{}", False, "integer ids in order", 4.0, 6.0),
    ("{}", True, "integer ids shuffled", 8.0, 9.0),
    ("test_{}", True, "text ids shuffled", 20.0, 30.0),
)


def rows() -> Iterator[Row]:
    for form, shuffled, name, must, goal in CASES:
        contest = Contest(MILLION, form, shuffled=shuffled)
        usual, ours = in_turn(the_usual_way(contest), contest.ours)
        yield Row(3, f"read_csv, sets, merge and sklearn / ours, 1e6 {name}", usual / ours, must, goal, at_least=True)


def the_usual_way(contest: Contest) -> Callable[[], None]:
    """Read, compare the sets of ids, merge, score each half."""
    solution = pd.DataFrame({"id": contest.ids, "label": contest.labels, "usage": contest.usage})
    if contest.form == "{}":
        solution["id"] = solution["id"].astype(np.int64)

    def run() -> None:
        frame = pd.read_csv(io.BytesIO(contest.file))
        assert set(frame["id"]) == set(solution["id"])
        assert not frame["id"].duplicated().any()
        assert not frame["y"].isna().any()
        merged = solution.merge(frame, on="id", validate="one_to_one")
        for half in (PUBLIC, PRIVATE):
            of_half = merged[merged["usage"] == half]
            mean_squared_error(of_half["label"], of_half["y"])

    return run


if __name__ == "__main__":
    show(rows())
