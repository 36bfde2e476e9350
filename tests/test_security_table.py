"""The tables of docs/security.md are whole: every chapter is there, and a test in every line."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).parents[1] / "docs" / "security.md").read_text(encoding="utf-8")


def test_no_chapter_is_left_out() -> None:
    assert re.findall(r"^### V(\d+) ", PAGE, re.MULTILINE) == [str(n) for n in range(1, 18)]


def test_every_line_of_a_table_names_a_test() -> None:
    lines = re.findall(r"^\| (?!requirement|threat).*\|$", PAGE, re.MULTILINE)
    assert len(lines) > 50
    assert [line for line in lines if "`tests/" not in line] == []
