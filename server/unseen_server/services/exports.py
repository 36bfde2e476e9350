"""Boards and lists as CSV files that a spreadsheet can open without running what a student wrote."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from unseen_server.services.standings import Board

# A cell that begins so may be run as a formula; a leading apostrophe makes it text (OWASP, CSV injection).
FORMULA_STARTS = tuple(
    "=+-@\t\r\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}"
)


def board_csv(board: Board) -> str:
    """The board in Kaggle's columns."""
    return _csv(
        ("Rank", "TeamName", "LastSubmissionDate", "Score", "SubmissionCount", "TeamMemberUserNames"),
        (
            (
                "" if entry.rank is None else entry.rank,
                entry.team,
                entry.last_submission_at.isoformat() if entry.last_submission_at else "",
                repr(entry.score),
                entry.entries,
                ", ".join(entry.members),
            )
            for entry in board.entries
        ),
    )


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def _harmless(cell: Any) -> Any:
    """Numbers as they are; text that a spreadsheet could take for a formula behind an apostrophe."""
    if isinstance(cell, str) and cell.lstrip().startswith(FORMULA_STARTS) and not _is_number(cell):
        return "'" + cell
    return cell


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
