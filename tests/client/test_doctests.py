"""Every example in the client's docstrings and on its page is run, by a new student of a real competition."""

from __future__ import annotations

import doctest
import inspect
import io
from pathlib import Path
from uuid import uuid4

import pytest

from unseen import client, notebook, output, predictions, progress, records, words

TOP = Path(__file__).parents[2]
MODULES = (client, notebook, output, predictions, progress, records, words)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def examples() -> list[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for module in MODULES for test in finder.find(module) if test.examples]
    page = (TOP / "docs" / "client.md").read_text(encoding="utf-8")
    code = "\n".join("" if line.startswith("```") else line for line in page.splitlines())
    return [*found, doctest.DocTestParser().get_doctest(code, {}, "docs/client.md", "docs/client.md", 0)]


EXAMPLES = examples()


@pytest.fixture
def student(live, tmp_path, monkeypatch):
    """Somebody who has logged in, has the data, and has written a prediction file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNSEEN_URL", live.url)
    monkeypatch.setenv("UNSEEN_TOKEN", live.token(f"student{uuid4().hex[:12]}"))
    (tmp_path / "data").mkdir()
    for name in ("train.csv", "test.csv", "sample_submission.csv"):
        (tmp_path / "data" / name).write_bytes((live.bundle / name).read_bytes())
    (tmp_path / "predictions.csv").write_bytes((live.bundle / "sample_submission.csv").read_bytes())
    with client.Client.from_env() as student:
        yield student


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_example_is_true(example, student):
    told = io.StringIO()
    example.globs = {**example.globs, "client": student}
    result = doctest.DocTestRunner(optionflags=OPTIONS).run(example, out=told.write)
    assert result.attempted == len(example.examples)
    assert result.failed == 0, told.getvalue()


def test_no_example_is_left_out():
    assert not [one for test in EXAMPLES for one in test.examples if doctest.SKIP in one.options]


def test_every_public_method_has_an_example():
    shown = {test.name.rpartition(".")[2] for test in EXAMPLES}
    methods = {name for name, _ in inspect.getmembers(client.Client, inspect.isroutine) if name[0] != "_"}
    assert methods - shown == {"close"}
