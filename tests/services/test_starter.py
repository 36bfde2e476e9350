"""A starter's cells are good code and good Markdown, whatever a competition and its columns are called."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt
from tests.installations import Build

from unseen_server.core import metrics
from unseen_server.core.errors import NotEnrolled, NotFound
from unseen_server.core.metrics import METRICS
from unseen_server.core.splits import PRIVATE, PUBLIC
from unseen_server.services import starter
from unseen_server.services.starter import Cell, Facts

PLAIN = Facts(
    address="https://unseen.example.edu",
    slug="lecture",
    title="Lectures",
    id_column="id",
    target_column="minutes",
    features=("pages", "words"),
    metric="mse",
    bounds=(-10.0, 200.5),
)
HOSTILE = (
    'a"b',
    "it's",
    "both ' and \"",
    "back\\slash\\",
    "ends with \\",
    "line\nbreak",
    "a\n# %%\nimport os",
    "a\r# %% [markdown]\r",
    '"""',
    "'''",
    "{curly} {{braces}}",
    "$dollar ${slug} $$",
    "#",
    "%%bash",
    "```\n```",
    "<script>alert(1)</script>",
    "![x](https://evil.example)",
    "[x](javascript:alert(1))",
    "$x$ \\(x\\)",
    "\u202ereversed",
    "line\u2028separator",
    "次數 ü 🙂",
    "\x85next\x0cpage\x0b",
    "x" * 500,
    "&lt;&#36;",
    "| a | b |",
)


def everything_called(name: str) -> Facts:
    return replace(PLAIN, title=name, id_column=name, target_column=f"{name}2", features=(name + "3", "pages"))


def assigned(cells: list[Cell], name: str) -> object:
    """What the code gives this name, where that is a literal."""
    for cell in cells:
        for node in ast.walk(ast.parse(cell.source)) if cell.is_code else ():
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
                return ast.literal_eval(node.value)
    raise KeyError(name)


def cells_of_script(text: str) -> Iterator[tuple[bool, str]]:
    """A script as an editor reads it: a cell begins wherever a line does with # %%."""
    _, *parts = re.split(r"^[ \t]*#[ \t]*%%(.*)$\n", text, flags=re.MULTILINE)
    for kind, source in zip(parts[::2], parts[1::2], strict=True):
        is_code = kind.strip() != "[markdown]"
        lines = source.strip("\n").split("\n")
        yield is_code, "\n".join(lines if is_code else [line.removeprefix("#").removeprefix(" ") for line in lines])


def cells_of_notebook(text: str) -> Iterator[tuple[bool, str]]:
    for cell in nbformat.reads(text, as_version=4).cells:
        yield cell.cell_type == "code", cell.source


# what it says


def test_the_code_names_the_competition_and_its_columns() -> None:
    cells = starter.cells(PLAIN)
    found = {name: assigned(cells, name) for name in ("SLUG", "ID", "TARGET", "FEATURES", "(LOWEST, HIGHEST)")}
    assert found == {
        "SLUG": "lecture",
        "ID": "id",
        "TARGET": "minutes",
        "FEATURES": ["pages", "words"],
        "(LOWEST, HIGHEST)": (-10.0, 200.5),
    }


def test_the_text_says_where_to_log_in_and_which_way_is_better() -> None:
    told = "\n".join(cell.source for cell in starter.cells(PLAIN) if not cell.is_code)
    assert "unseen login https://unseen.example.edu\n" in told
    assert "the measure is MSE, and a lower value is better" in told
    assert "a higher value is better" in starter.script(starter.cells(replace(PLAIN, metric="r2")))


def test_nothing_of_the_template_is_left_to_be_filled_in() -> None:
    for name in METRICS:
        assert "$" not in starter.script(starter.cells(replace(PLAIN, metric=name)))


def test_lines_fit_a_screen() -> None:
    long = replace(PLAIN, features=tuple(f"{'column' * 20} {n}" for n in range(30)))
    for facts in (PLAIN, long):
        assert max(map(len, starter.script(starter.cells(facts)).split("\n"))) <= 100


def test_no_token_has_a_place_in_it() -> None:
    assert "UNSEEN_TOKEN" not in starter.script(starter.cells(PLAIN))
    assert "token=" not in starter.script(starter.cells(PLAIN))


def functions(metric_name: str) -> dict[str, Any]:
    """The functions that the notebook defines, to be called without running the rest of it."""
    cells = starter.cells(replace(PLAIN, metric=metric_name))
    trees = [ast.parse(cell.source) for cell in cells if cell.is_code]
    defined: list[ast.stmt] = [node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)]
    room: dict[str, Any] = {"np": np, "SEED": 0}
    exec(compile(ast.Module(defined, []), "starter", "exec"), room)
    return room


@pytest.mark.parametrize("name", METRICS)
def test_the_notebook_computes_the_competitions_own_metric_and_takes_the_best(name: str) -> None:
    rng = np.random.default_rng(0)
    y, predicted = rng.normal(50, 10, 40), rng.normal(50, 10, 40)
    usage = np.where(np.arange(40) < 20, PUBLIC, PRIVATE).astype(np.uint8)
    expected = metrics.score(metrics.metric(name), y, predicted, usage).public.value
    assert functions(name)["score"](y[:20], predicted[:20]) == pytest.approx(expected)
    direction = {"lower": "idxmin", "higher": "idxmax"}[metrics.metric(name).direction]
    assert f'table["validation"].{direction}()' in starter.script(starter.cells(replace(PLAIN, metric=name)))


@pytest.mark.parametrize("name", METRICS)
def test_what_the_network_is_trained_for_is_what_is_scored(name: str) -> None:
    """Its loss puts predictions in the order of their scores."""
    rng, room = np.random.default_rng(1), functions(name)
    y = rng.normal(50, 10, 30)
    tried = [y + rng.standard_t(2, 30) for _ in range(20)]
    worst_last = 1 if metrics.metric(name).direction == "lower" else -1
    by_score = sorted(tried, key=lambda predicted: worst_last * room["score"](y, predicted))
    by_loss = sorted(tried, key=lambda predicted: room["loss"](y, predicted))
    assert all(one is other for one, other in zip(by_score, by_loss, strict=True))


@pytest.mark.parametrize("name", METRICS)
def test_the_networks_gradients_are_those_of_its_loss(name: str) -> None:
    """Each parameter is nudged, and the loss follows its slope."""
    rng, room, nudge = np.random.default_rng(2), functions(name), 1e-6
    X, y = rng.normal(0, 1, (12, 3)), rng.normal(0, 1, 12)
    parameters = [rng.normal(0, 1, shape) for shape in ((3, 5), 5, 5, 1)]
    slopes = room["gradients"](parameters, X, y)
    for parameter, slope in zip(parameters, slopes, strict=True):
        for place in np.ndindex(parameter.shape):
            losses = []
            for sign in (1, -1):
                parameter[place] += sign * nudge
                losses.append(room["loss"](y, room["forward"](parameters, X)))
                parameter[place] -= sign * nudge
            assert slope[place] == pytest.approx((losses[0] - losses[1]) / (2 * nudge), abs=1e-6)


# names that are data


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_is_a_string_in_code_and_nothing_else(name: str) -> None:
    cells = starter.cells(everything_called(name))
    assert assigned(cells, "ID") == name
    assert assigned(cells, "TARGET") == f"{name}2"
    assert assigned(cells, "FEATURES") == [f"{name}3", "pages"]
    plain = starter.cells(PLAIN)
    assert [(cell.name, cell.is_code) for cell in cells] == [(cell.name, cell.is_code) for cell in plain]
    for cell, usual in zip(cells, plain, strict=True):
        if cell.is_code:
            compile(cell.source, cell.name, "exec")
            assert shape(cell.source) == shape(usual.source)


def shape(source: str) -> list[str]:
    """The kinds of a program's statements and expressions, without what its constants say."""
    return [type(node).__name__ for node in ast.walk(ast.parse(source))]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_is_plain_text_in_markdown(name: str) -> None:
    parsed = MarkdownIt().parse(starter.cells(everything_called(name))[0].source)
    heading = parsed[1]
    assert [token.type for token in parsed if token.level == 0] == [
        *("heading_open", "heading_close"),
        *("paragraph_open", "paragraph_close"),
    ]
    assert {child.type for child in heading.children or ()} <= {"text", "text_special"}
    shown = "".join(child.content for child in heading.children or ())
    assert shown == starter.printable(" ".join(name.split()))


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_script_and_notebook_have_the_same_cells(name: str) -> None:
    cells = starter.cells(everything_called(name))
    notebook, script = starter.notebook(cells), starter.script(cells)
    nbformat.validate(json.loads(notebook), relax_add_props=False)
    compile(script, "starter.py", "exec")
    there = [(cell.is_code, cell.source) for cell in cells]
    assert list(cells_of_notebook(notebook)) == there
    assert list(cells_of_script(script)) == there


def test_pandas_reads_every_hostile_name_as_it_is_written() -> None:
    """So that the names in the code find their columns."""
    for name in HOSTILE:
        text = io.StringIO(newline="")
        csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["id", name], ["1", "2"]])
        assert list(pd.read_csv(io.StringIO(text.getvalue(), newline="")).columns) == ["id", name]


# what a competition gives


def test_features_are_the_columns_that_both_tables_have(build: Build) -> None:
    made = build()
    asked = starter.facts(made.db, folder=made.config.home / "d", address="http://here", **made.asking("alice"))
    assert asked == replace(PLAIN, address="http://here", bounds=tuple(made.bundle.settings.bounds))


@pytest.mark.parametrize("columns", [41, 1])
def test_columns_too_many_or_too_long_to_list_are_found_when_it_runs(tmp_path: Path, columns: int) -> None:
    names = [f"{n:0{5000 if columns == 1 else 3}}" for n in range(columns)]
    assert starter._listed(["id", *names], ["id", *names], without="id") is None
    cells = starter.cells(replace(PLAIN, features=None))
    assert "FEATURES = [name for name in test.columns" in starter.script(cells)


def test_a_name_no_csv_reader_takes_is_no_reason_to_fail(tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    file.write_text(f"id,{'x' * 11_000_000}\n1,2\n")
    assert starter._header(file) == []


def test_it_is_for_those_who_may_download_the_files(build: Build) -> None:
    made = build()
    asked = {"folder": made.config.home, "address": "http://here"}
    with pytest.raises(NotEnrolled):
        starter.facts(made.db, **asked, **made.asking("outsider"))
    with pytest.raises(NotFound):
        starter.facts(made.db, **asked, **(made.asking("alice") | {"slug": "another"}))


def test_a_draft_has_one_for_its_staff_alone(build: Build) -> None:
    made = build(launched=False)
    asked = {"folder": made.config.home, "address": "http://here"}
    assert starter.facts(made.db, **asked, **made.asking("teacher")).slug == made.slug
    with pytest.raises(NotFound):
        starter.facts(made.db, **asked, **made.asking("alice"))
