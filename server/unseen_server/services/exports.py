"""Boards, grades and lists as CSV files that a spreadsheet can open without running what a student wrote."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from unseen_server.core.errors import BadRequest
from unseen_server.core.sentences import Sentence, say
from unseen_server.db.session import Database
from unseen_server.services import audit, competitions, grades
from unseen_server.services.grades import Grade, Gradebook
from unseen_server.services.principals import Principal
from unseen_server.services.standings import Board

Tell = Callable[[Sentence], str]

# A cell that begins so may be run as a formula; a leading apostrophe makes it text (OWASP, CSV injection).
FORMULA_STARTS = tuple(
    "=+-@\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}"
)
CELL_BREAKS = ("\t", "\r", "\n")
# Where lists are parted by semicolons, as in much of Europe, a spreadsheet cuts a text there, whatever its quotes.
LATER_CELL = re.compile(rf"([;\r\n]\s*)(?=[{re.escape(''.join(FORMULA_STARTS))}])")


def board_csv(board: Board) -> str:
    """The board in Kaggle's columns, and after them in ours."""
    return csv_text(
        (
            *("Rank", "TeamName", "LastSubmissionDate", "Score", "SubmissionCount", "TeamMemberUserNames"),
            *("BehindLeaderLow", "BehindLeaderHigh", "TiedWithLeader", "RankBest", "RankWorst"),
        ),
        (
            (
                entry.rank,
                entry.team,
                entry.last_submission_at.isoformat() if entry.last_submission_at else "",
                entry.score,
                entry.entries,
                ", ".join(entry.members),
                *(entry.behind_leader or ("", "")),
                "" if entry.tied_with_leader is None else str(entry.tied_with_leader).lower(),
                *(entry.rank_interval or ("", "")),
            )
            for entry in board.entries
        ),
    )


# grades


@dataclass(frozen=True)
class Exported:
    file_name: str
    content: str


def export_grades(
    db: Database, *, slug: str, style: str, principal: Principal, now: datetime, tell: Tell = str
) -> Exported:
    """The grade book as a file in one of GRADE_FILES; who took it is written down."""
    if style not in GRADE_FILES:
        raise BadRequest(
            reason=say("Grades come in these formats: {known}. Choose one of them.", known=", ".join(GRADE_FILES))
        )
    book = grades.gradebook(db, slug=slug, principal=principal, now=now)
    with db.write() as session:
        competition = competitions.staffed(session, slug, principal, now)
        audit.record_in(
            session, competition, principal, now, "grades.export", slug, format=style, students=len(book.grades)
        )
    suffix = "" if style == "csv" else f"-{style}"
    return Exported(f"{slug}-grades{suffix}.csv", GRADE_FILES[style](book, tell))


def grades_csv(book: Gradebook, tell: Tell = str) -> str:
    """Everything the grade book knows, one student a row."""
    return csv_text(
        (
            *("student_id", "email", "username", "name", "team"),
            *("public_score", "public_rank", "private_score", "private_rank", "final_refs"),
            *("points_public", "points_private", "points"),
        ),
        (
            (
                *(grade.student_id, grade.email, grade.username, grade.name, grade.team),
                *(grade.public_score, grade.public_rank, grade.private_score, grade.private_rank),
                " ".join(map(str, grade.final_refs)),
                *(grade.points_public, grade.points_private, grade.points),
            )
            for grade in book.grades
        ),
    )


def canvas_csv(book: Gradebook, tell: Tell = str) -> str:
    """For Canvas, Grades > Import: it finds a student by the SIS user ID or login, and makes the assignment by title.

    The ID column is Canvas's own number of a student, which nobody else knows; it may stay empty.
    """
    nobody = ("", "", "", "")
    return csv_text(
        ("Student", "ID", "SIS User ID", "SIS Login ID", "Section", book.title),
        [
            ("    Points Possible", *nobody, book.possible),
            *((grade.name, "", grade.student_id, grade.username, book.course, grade.points) for grade in book.grades),
        ],
    )


def moodle_csv(book: Gradebook, tell: Tell = str) -> str:
    """For Moodle, Grades > Import > CSV: students by any of the first three columns, grade and feedback mapped by hand.

    Moodle wants both: a feedback imported alone empties the grades (docs.moodle.org, “Grade import”).
    """
    return csv_text(
        ("Username", "ID number", "Email address", book.title, f"{book.title} (feedback)"),
        (
            (grade.username, grade.student_id, grade.email, grade.points, _feedback(book, grade, tell))
            for grade in book.grades
        ),
    )


def _feedback(book: Gradebook, grade: Grade, tell: Tell) -> str:
    """What the grade is made of, for the student."""
    if grade.public_score is None and grade.private_score is None:
        return tell(say("No submission."))
    said = []
    if grade.public_score is not None:
        said.append(say("Public score {score:.6g}, rank {rank}.", score=grade.public_score, rank=grade.public_rank))
    if grade.private_score is not None:
        said.append(say("Private score {score:.6g}, rank {rank}.", score=grade.private_score, rank=grade.private_rank))
    said += [
        say("{name}: {public:g} + {private:g} points.", name=one.baseline, public=one.public, private=one.private)
        for one in grade.earned
        if one.public or one.private
    ]
    return " ".join(map(tell, said))


# Every way to write a grade book down, by its name in addresses and commands.
GRADE_FILES: Mapping[str, Callable[[Gradebook, Tell], str]] = {
    "csv": grades_csv,
    "canvas": canvas_csv,
    "moodle": moodle_csv,
}


# CSV


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A CSV file whose text cannot run as a formula; None is an empty cell, a number stays a number, exactly."""
    return csv_rows(chain([header], rows))


def csv_rows(rows: Iterable[Sequence[Any]]) -> str:
    """A part of one."""
    text = io.StringIO()
    csv.writer(text).writerows([_harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def _harmless(cell: Any) -> Any:
    """Numbers as they are; text that a spreadsheet could take for a formula behind an apostrophe."""
    if not isinstance(cell, str) or _is_number(cell):
        return cell
    return LATER_CELL.sub(r"\1'", "'" + cell if _might_run(cell) else cell)


def _might_run(cell: str) -> bool:
    return cell.startswith(CELL_BREAKS) or cell.lstrip().startswith(FORMULA_STARTS)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
