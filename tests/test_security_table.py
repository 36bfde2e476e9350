"""The tables of docs/security.md are true: every test they name exists, and every chapter is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
PAGE = (TOP / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)))


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[f"{file} {test}" for file, test in NAMED])
def test_a_test_that_is_named_exists(file: str, test: str) -> None:
    source = (TOP / file).read_text(encoding="utf-8")
    assert not test or re.search(rf"^def {test}\(", source, re.MULTILINE)


def test_the_tables_name_tests() -> None:
    assert len(NAMED) > 50


def test_no_chapter_and_no_line_of_a_table_is_left_out() -> None:
    assert re.findall(r"^### V(\d+) ", PAGE, re.MULTILINE) == [str(n) for n in range(1, 18)]
    for line in re.findall(r"^\| (?!requirement|threat).*\|$", PAGE, re.MULTILINE):
        assert "`tests/" in line, line
