"""Boards, grades and lists as CSV files that a spreadsheet can open without running what a student wrote."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from unseen_server.services.standings import Board

# A cell that begins so may be run as a formula; a leading apostrophe makes it text (OWASP, CSV injection).
FORMULA_STARTS = tuple(
    "=+-@\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}"
)
CELL_BREAKS = ("\t", "\r", "\n")


def board_csv(board: Board) -> str:
    """The board in Kaggle's columns."""
    return csv_text(
        ("Rank", "TeamName", "LastSubmissionDate", "Score", "SubmissionCount", "TeamMemberUserNames"),
        (
            (
                entry.rank,
                entry.team,
                entry.last_submission_at.isoformat() if entry.last_submission_at else "",
                entry.score,
                entry.entries,
                ", ".join(entry.members),
            )
            for entry in board.entries
        ),
    )


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A CSV file whose text cannot run as a formula; None is an empty cell, a number stays a number, exactly."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([_harmless(cell) for cell in header])
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def _harmless(cell: Any) -> Any:
    """Numbers as they are; text that a spreadsheet could take for a formula behind an apostrophe."""
    if isinstance(cell, str) and _might_run(cell) and not _is_number(cell):
        return "'" + cell
    return cell


def _might_run(cell: str) -> bool:
    return cell.startswith(CELL_BREAKS) or cell.lstrip().startswith(FORMULA_STARTS)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
