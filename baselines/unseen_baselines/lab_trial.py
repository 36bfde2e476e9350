"""A competition whose answers the lab knows: what attacks are measured on, for each seed another."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from .linear import mse

Array = NDArray[np.floating]

ROWS, PUBLIC_ROWS, TRAINING_ROWS = 600, 200, 100
LOWEST, HIGHEST, CONSTANT = 0.0, 20.0, 10.0
DAYS = 7


@dataclass(frozen=True, eq=False)
class Trial:
    """Labels y = 10 + 2g + 2r (n,), cut to 0..20; g (n,) is what a student can know, r (n,) is noise.

    `public` (n,) says which rows the board scores. `labels` may be put in two classes, 0 and 20.
    """

    seed: int
    g: Array
    y: Array
    public: NDArray[np.bool_]

    @property
    def honest(self) -> Array:
        """The best that can be known without the board."""
        return inside(10 + 2 * self.g)

    def public_error(self, predictions: Array) -> float:
        return mse(predictions[self.public], self.y[self.public])

    def private_error(self, predictions: Array) -> float:
        return mse(predictions[~self.public], self.y[~self.public])

    def gap(self, predictions: Array) -> float:
        """By how much the public score flatters."""
        return self.private_error(predictions) - self.public_error(predictions)

    def excess(self, predictions: Array) -> float:
        """How much more the public score flatters these than the honest ones, by the honest ones' public score."""
        return (self.gap(predictions) - self.gap(self.honest)) / self.public_error(self.honest)


def trial(seed: int, *, two_classes: bool = False) -> Trial:
    rng = np.random.default_rng(seed)
    g, r = rng.standard_normal(ROWS), rng.standard_normal(ROWS)
    y = inside(10 + 2 * g + 2 * r)
    public = np.zeros(ROWS, dtype=bool)
    public[rng.permutation(ROWS)[:PUBLIC_ROWS]] = True
    return Trial(seed, g, np.where(y > CONSTANT, HIGHEST, LOWEST) if two_classes else y, public)


def inside(predictions: Array) -> Array:
    """Cut to the bounds, outside of which the server refuses a prediction."""
    return np.clip(predictions, LOWEST, HIGHEST)


def row_ids() -> list[str]:
    return [f"r{row:03d}" for row in range(ROWS)]


def folder(made: Trial, slug: str, release: str, daily_limit: int) -> bytes:
    """The trial as a competition's folder, zipped; its baseline is the constant 10."""
    rng = np.random.default_rng((made.seed, 1))
    g, r = rng.standard_normal(TRAINING_ROWS), rng.standard_normal(TRAINING_ROWS)
    known = inside(10 + 2 * g + 2 * r)
    ids, usage = row_ids(), np.where(made.public, "Public", "Private")
    constant = _table("id,y", ids, np.full(ROWS, CONSTANT))
    files = {
        "competition.toml": _settings(slug, made.seed, release, daily_limit),
        "overview.md": "A scratch competition of the lab. It may be removed at any time.\n",
        "rules.md": "Attack it.\n",
        "data.md": "`y` is 10 + 2 `g` + noise of spread 2, cut to 0..20.\n",
        "train.csv": _table("id,g,y", [f"t{row:03d}" for row in range(TRAINING_ROWS)], g, known),
        "test.csv": _table("id,g", ids, made.g),
        "sample_submission.csv": constant,
        "solution.csv": _table("id,y,Usage", ids, made.y, usage),
        "baselines/constant.csv": constant,
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


def _settings(slug: str, seed: int, release: str, daily_limit: int) -> str:
    deadline = datetime.now(UTC) + timedelta(days=DAYS)
    return f"""slug = "{slug}"
title = "Lab, seed {seed}, {release}"
metric = "mse"
time_zone = "UTC"
deadline = {deadline:%Y-%m-%dT%H:%M:%S}
bounds = [{LOWEST}, {HIGHEST}]
daily_limit = {daily_limit}
release = "{release}"

[[baseline]]
name = "Constant"
tier = "simple"
file = "baselines/constant.csv"
"""


def _table(header: str, *columns: list[str] | NDArray[np.generic]) -> str:
    cells = [column if isinstance(column, list) else column.tolist() for column in columns]
    return "".join(",".join(str(cell) for cell in row) + "\n" for row in ((header,), *zip(*cells, strict=True)))
