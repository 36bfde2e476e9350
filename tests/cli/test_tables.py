"""Tables in a terminal."""

from __future__ import annotations

from unseen_server.cli.common import table


def test_columns_stand_below_each_other_beside_chinese_names() -> None:
    printed = table(("team", "rank"), [("王小明", 1), ("Student", 2)])
    assert printed.splitlines() == ["team     rank", "王小明   1", "Student  2"]
