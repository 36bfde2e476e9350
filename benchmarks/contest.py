"""A test set with its labels and a prediction file for it: what rows 1 to 5 of the performance table read and score."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

from unseen_server.core.metrics import METRICS, score
from unseen_server.core.predictions import Expected, canonical_order, read_predictions
from unseen_server.core.splits import PRIVATE, PUBLIC

MSE = METRICS["mse"]
MILLION = 1_000_000
WITHOUT_POLARS = "polars is not installed"


class Contest:
    """A test set of n ids of one form, labels, and a file of 17-digit predictions for it."""

    def __init__(self, n: int, form: str = "{}", *, shuffled: bool = False) -> None:
        rng = np.random.default_rng(n)
        self.form = form
        self.ids = canonical_order(map(form.format, range(n)))
        self.expected = Expected(self.ids, id_column="id", target_column="y", bounds=(-1e3, 1e3))
        self.labels = rng.normal(10, 3, n)
        self.usage = rng.choice(np.array([PUBLIC, PRIVATE], np.uint8), n)
        predictions = rng.normal(10, 3, n).tolist()
        order = rng.permutation(n).tolist() if shuffled else range(n)
        self.file = "".join(["id,y\n", *(f"{self.ids[i]},{predictions[i]!r}\n" for i in order)]).encode()

    def ours(self) -> None:
        """Check, align and score the file."""
        predictions = read_predictions(self.file, "submission.csv", self.expected)
        score(MSE, self.labels, predictions, self.usage)

    def polars_parses(self) -> None:
        """Raises ImportError where there is none."""
        import polars as pl

        ids = pl.Int64() if self.form == "{}" else pl.String()
        pl.read_csv(io.BytesIO(self.file), schema={"id": ids, "y": pl.Float64()})

    def pandas_parses(self) -> None:
        pd.read_csv(io.BytesIO(self.file))
