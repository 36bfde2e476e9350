"""Answers as a notebook shows them: small tables of plain HTML, whose colours are the notebook's own.

Names, messages and titles are other people's. Each cell is escaped, holds nothing invisible, and is kept apart from its
neighbours, so that a name written from right to left turns no score round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any, TypeVar

from unseen import tables, words
from unseen.output import Column
from unseen.records import Competition, File, Leaderboard, Receipt, Record, Submission

if TYPE_CHECKING:
    import pandas

AnyRecord = TypeVar("AnyRecord", bound=Record)


class Table(list[AnyRecord]):
    """A list of records of one kind, which a notebook shows as a table.

    >>> files = client.files("lecture")
    >>> len(files), files.to_pandas().shape[0]
    (3, 3)
    """

    def __init__(self, records: Iterable[AnyRecord], kind: type[AnyRecord]) -> None:
        super().__init__(records)
        self.kind = kind

    def to_pandas(self) -> pandas.DataFrame:
        """A DataFrame with a row for each record and a column for each of its fields."""
        return frame(self, self.kind)

    def _repr_html_(self) -> str:
        now = datetime.now(UTC)
        columns: dict[type[Record], Callable[[], list[Column]]] = {
            Competition: lambda: tables.competition_columns(now),
            File: lambda: tables.file_columns(now),
            Submission: lambda: tables.submission_columns([one for one in self if isinstance(one, Submission)], now),
        }
        return table(columns[self.kind](), self) if self else "<p>There are none.</p>"


def leaderboard(board: Leaderboard) -> str:
    """The board with its remarks; one's own row is marked and bold."""
    shown = table(tables.leaderboard_columns(board, datetime.now(UTC)), board.entries, lambda entry: entry.mine)
    return shown + "".join(f"<p>{cell(remark)}</p>" for remark in tables.board_remarks(board))


def receipt(one: Receipt) -> str:
    """The receipt's heading, then what it says, a line each."""
    left = 'style="text-align:left"'
    lines = (
        f'<tr><th scope="row" {left}>{cell(name)}</th><td {left}>{cell(value)}</td></tr>'
        for name, value in tables.receipt_lines(one, datetime.now(UTC))
    )
    return f"<p><b>{cell(tables.receipt_heading(one))}</b></p><table><tbody>{''.join(lines)}</tbody></table>"


def table(columns: Sequence[Column], rows: Iterable[Any], mine: Callable[[Any], bool] = lambda row: False) -> str:
    head = "".join(f'<th scope="col" style="{side(column)}">{cell(column.heading)}</th>' for column in columns)
    body = "".join(f"<tr>{''.join(row_cells(columns, row, mine(row)))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def row_cells(columns: Sequence[Column], row: Any, mine: bool) -> Iterable[str]:
    for column in columns:
        shown = cell(column.cell(row))
        yield f'<td style="{side(column)}">{f"<b>{shown}</b>" if mine else shown}</td>'


def side(column: Column) -> str:
    return f"text-align:{'right' if column.number else 'left'}"


def cell(text: str) -> str:
    return f"<bdi>{escape(words.plain(text))}</bdi>"


def frame(records: Iterable[Record], kind: type[Record]) -> pandas.DataFrame:
    """A row for each record, a column for each field of its kind; `raw` is left out."""
    import pandas  # here, because the client works without it

    names = [one.name for one in fields(kind) if one.name != "raw"]
    return pandas.DataFrame([[getattr(record, name) for name in names] for record in records], columns=names)
