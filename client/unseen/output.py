"""How answers leave the program: a table for people, CSV for spreadsheets, JSON for programs.

JSON is what the server said, number for number. CSV has the same numbers, but text that a spreadsheet would run as a
formula gets an apostrophe before it: names and messages are other people's, and CSV files are opened in spreadsheets.
"""

from __future__ import annotations

import csv
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from unseen import words

FORMULA = tuple("=+-@＝＋－＠")
LATER_CELL = re.compile(r"(;\s*)(?=[=+\-@＝＋－＠])")  # as a spreadsheet cuts it where lists are parted by semicolons


class Column(NamedTuple):
    """A column of a table: its heading, the text of a cell, and whether it is a number."""

    heading: str
    cell: Callable[[Any], str]
    number: bool = False


def write_json(content: Any) -> None:
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json_text(content, ensure_ascii=not utf8), end="")  # noqa: T201


def json_text(content: Any, ensure_ascii: bool = False) -> str:
    return json.dumps(content, indent=2, ensure_ascii=ensure_ascii) + "\n"


def write_csv(fields: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(fields)
    writer.writerows([csv_cell(row.get(field)) for field in fields] for row in rows)


def csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        text = words.plain(value)
        return LATER_CELL.sub(r"\1'", f"'{text}" if text.lstrip().startswith(FORMULA) else text)
    return json.dumps(value, ensure_ascii=False)  # numbers, true, false, and lists


def write_table(columns: Sequence[Column], rows: Sequence[Any], style: Callable[[Any], str] = lambda row: "") -> None:
    """A table as wide as the terminal; beyond a terminal as wide as it needs to be."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(
            column.heading, justify="right" if column.number else "left", no_wrap=column.number, overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(words.plain(column.cell(row))) for column in columns), style=style(row))
    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else 10_000
    Console(width=width, highlight=False).print(table)
