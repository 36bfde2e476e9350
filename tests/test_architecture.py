"""The house keeps its floors: imports go downwards, every refusal has a status, columns stay apart."""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from unseen_server.core import errors
from unseen_server.db import queries
from unseen_server.services.entries import Entered
from unseen_server.services.submit import Receipt
from unseen_server.web.errors import STATUS, status_of

TOP = Path(__file__).parents[1]


def all_refusals(above: type[errors.Refusal] = errors.Refusal) -> Iterator[type[errors.Refusal]]:
    for refusal in above.__subclasses__():
        if "code" in vars(refusal):
            yield refusal
        yield from all_refusals(refusal)


@pytest.mark.slow
def test_imports_go_downwards_only() -> None:
    # in a process of its own: it silences the loggers that are there
    linter = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    done = subprocess.run([sys.executable, "-c", linter], cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("module", queries.__all__)
def test_every_question_to_the_database_is_asked(module: str) -> None:
    asked = "\n".join(file.read_text(encoding="utf-8") for file in (TOP / "server").rglob("*.py"))
    questions = inspect.getmembers(getattr(queries, module), inspect.isfunction)
    own = [name for name, question in questions if question.__module__.endswith(f".{module}") and name[0] != "_"]
    assert own
    assert [name for name in own if f"queries.{module}.{name}(" not in asked] == []


@pytest.mark.parametrize("refusal", sorted(all_refusals(), key=lambda r: r.__name__), ids=lambda r: r.__name__)
def test_every_refusal_has_a_status(refusal: type[errors.Refusal]) -> None:
    assert 400 <= status_of(refusal) < 600
    assert status_of(refusal) != 500


def test_every_refusal_stands_in_the_tree_that_the_module_draws() -> None:
    drawn = errors.__doc__ or ""
    own = [refusal for refusal in all_refusals() if refusal.__module__ == errors.__name__]
    assert [refusal.__name__ for refusal in own if refusal.__name__ not in drawn] == []


def test_no_status_is_given_twice() -> None:
    assert len(STATUS) == len(set(STATUS))


def test_codes_are_unique() -> None:
    codes = [refusal.code for refusal in all_refusals()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("told", [Receipt, Entered])
def test_what_a_student_is_told_at_once_has_no_private_field(told: type) -> None:
    assert not [field.name for field in dataclasses.fields(told) if "private" in field.name]


@pytest.mark.slow
@pytest.mark.parametrize("program", ["unseen", "unseen_server", "unseen_baselines"])
def test_help_is_there(program: str) -> None:
    done = subprocess.run([sys.executable, "-m", program, "--help"], capture_output=True, text=True, check=True)
    assert "Usage:" in done.stdout
    assert done.stderr == ""
