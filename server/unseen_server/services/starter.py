"""A first notebook for a competition: one list of cells, written as a script or as a notebook.

The template is cut into cells before anything is put in. Titles and column names are data: in code they are string
literals, in Markdown one line with every mark escaped, so that none of them can begin a cell or end a string.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from string import Template
from typing import Any

from unseen_server.core import metrics
from unseen_server.db.session import Database
from unseen_server.services import competitions, public_files
from unseen_server.services.names import printable
from unseen_server.services.principals import Principal

# Beyond them the columns are found when the notebook runs, not listed in it.
MOST_FEATURES = 40
LONGEST_LIST = 4000  # characters
WIDTH = 80

TEMPLATE = Path(__file__).parents[1] / "starter" / "template.txt"

_MARKER = re.compile(r"^# %%(.*)\n", re.MULTILINE)
_MARKDOWN = str.maketrans(
    {"&": "&amp;", "<": "&lt;", "\\": "&#92;", "$": "&#36;"} | {mark: f"\\{mark}" for mark in "`*_[]{}#|~>"}
)
_SQUARED = {"constant": "mean", "loss": "np.mean((y - predicted) ** 2)", "slope": "2 * (H @ w2 + b2 - y)"}
_ABSOLUTE = {"constant": "median", "loss": "np.mean(np.abs(y - predicted))", "slope": "np.sign(H @ w2 + b2 - y)"}
_SCORES = {
    "mse": ("return np.mean((y - predicted) ** 2)",),
    "rmse": ("return np.sqrt(np.mean((y - predicted) ** 2))",),
    "mae": ("return np.mean(np.abs(y - predicted))",),
    "r2": (
        "spread = np.sum((y - y.mean()) ** 2)",
        "return 1 - np.sum((y - predicted) ** 2) / spread if spread else 0.0",
    ),
}


@dataclass(frozen=True)
class Facts:
    """What a starter says of its competition. `features` is None where they are too many to be listed."""

    address: str
    slug: str
    title: str
    id_column: str
    target_column: str
    features: tuple[str, ...] | None
    metric: str
    bounds: tuple[float, float]


@dataclass(frozen=True)
class Cell:
    name: str
    is_code: bool
    source: str


def facts(db: Database, *, slug: str, principal: Principal, now: datetime, folder: Path, address: str) -> Facts:
    """For whoever may download the files, which are kept in `folder`; `address` is this server's."""
    asked: dict[str, Any] = {"slug": slug, "principal": principal, "now": now}
    train, test = (
        _header(public_files.on_disk(db, name=name, folder=folder, **asked).path) for name in ("train.csv", "test.csv")
    )
    shown = competitions.shown(db, **asked)
    return Facts(
        address=address,
        slug=slug,
        title=shown.title,
        id_column=shown.id_column,
        target_column=shown.target_column,
        features=_listed(train, test, without=shown.id_column),
        metric=shown.metric,
        bounds=(shown.bounds[0], shown.bounds[1]),
    )


def _header(path: Path) -> list[str]:
    """The names of the columns; none where one of them is too long for a name."""
    with path.open(encoding="utf-8-sig", newline="") as file, suppress(csv.Error):
        return next(row for row in csv.reader(file) if row)
    return []


def _listed(train: Sequence[str], test: Sequence[str], *, without: str) -> tuple[str, ...] | None:
    """The columns of test.csv that train.csv has as well, but for the id."""
    features = tuple(name for name in test if name in train and name != without)
    can_be_listed = train and test and len(features) <= MOST_FEATURES and sum(map(len, features)) <= LONGEST_LIST
    return features if can_be_listed else None


# cells


def cells(facts: Facts) -> list[Cell]:
    """The cells of this competition's starter."""
    _, *parts = _MARKER.split(TEMPLATE.read_text(encoding="utf-8"))
    numbers, made = count(1), []
    for kind, source in zip(parts[::2], parts[1::2], strict=True):
        if kind.strip() == "[markdown]":
            text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in source.strip("\n").split("\n"))
            made.append(Cell(f"text-{next(numbers)}", False, Template(text).substitute(_words(facts))))
        else:
            made.append(Cell(kind.strip(), True, Template(source.strip("\n")).substitute(_code(facts))))
    return made


def _words(facts: Facts) -> Mapping[str, str]:
    """What is put into Markdown."""
    metric = metrics.metric(facts.metric)
    line = {"title": facts.title, "target": facts.target_column, "metric_title": metric.title}
    return {
        **{name: markdown(text) for name, text in line.items()},
        "direction": metric.direction,
        "constant": _training(facts)["constant"],
        "address": facts.address,
        "about_linear": (
            "It makes the squared error small, which is not the measure here but not far from it."
            if facts.metric == "mae"
            else "No other line has a smaller squared error on the training rows."
        ),
    }


def _code(facts: Facts) -> Mapping[str, str]:
    """What is put into code."""
    metric = metrics.metric(facts.metric)
    return {
        **_training(facts),
        "slug_text": literal(facts.slug),
        "id_text": literal(facts.id_column),
        "target_text": literal(facts.target_column),
        "features": _features(facts),
        "bounds": f"{facts.bounds[0]!r}, {facts.bounds[1]!r}",
        "metric_title": metric.title,
        "direction": metric.direction,
        "score": "\n".join(f"    {line}" for line in _SCORES[facts.metric]),
        "idxbest": "idxmin" if metric.direction == "lower" else "idxmax",
    }


def _training(facts: Facts) -> Mapping[str, str]:
    """The constant, the loss and its slope that go with the metric."""
    return _ABSOLUTE if facts.metric == "mae" else _SQUARED


def _features(facts: Facts) -> str:
    if facts.features is None:
        return "[name for name in test.columns if name in train.columns and name != ID]"
    lines = "".join(f"    {literal(name)},\n" for name in facts.features)
    return f"[\n{lines}]" if lines else "[]"


def literal(text: str) -> str:
    """The text as a Python string in double quotes; a long one in pieces, on lines of their own."""
    pieces = list(_pieces(text))
    return pieces[0] if len(pieces) == 1 else "(\n{}    )".format("".join(f"        {piece}\n" for piece in pieces))


def _pieces(text: str) -> list[str]:
    whole = repr(text) if '"' in text else '"' + repr("'" + text)[2:]  # with a ' in it, repr chooses "
    if len(whole) <= WIDTH:
        return [whole]
    middle = len(text) // 2
    return [*_pieces(text[:middle]), *_pieces(text[middle:])]


def markdown(text: str) -> str:
    """The text as itself within a line of Markdown; a very long one is cut."""
    return printable(" ".join(text.split())).translate(_MARKDOWN)


# forms


def script(cells: Sequence[Cell]) -> str:
    """A Python script whose cells begin with `# %%`, as editors and jupytext read them."""
    return "\n".join(f"# %%{_script_cell(cell)}\n" for cell in cells)


def _script_cell(cell: Cell) -> str:
    if cell.is_code:
        return f"\n{cell.source}"
    return " [markdown]\n" + "\n".join(f"# {line}".rstrip() for line in cell.source.split("\n"))


def notebook(cells: Sequence[Cell]) -> str:
    """A notebook in Jupyter's format 4.5 (https://nbformat.readthedocs.io/en/latest/format_description.html)."""
    content = {
        "cells": [_notebook_cell(cell) for cell in cells],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _notebook_cell(cell: Cell) -> dict[str, object]:
    common = {"id": cell.name, "metadata": {}, "source": cell.source.splitlines(keepends=True)}
    if cell.is_code:
        return {"cell_type": "code", "execution_count": None, "outputs": [], **common}
    return {"cell_type": "markdown", **common}
