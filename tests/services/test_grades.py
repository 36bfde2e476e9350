"""The grade book, and the files that other grade books read."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from sqlalchemy import select
from tests.installations import NOON, Installation
from tests.services.test_end import choose
from tests.services.test_submit import send

from unseen_server.core.errors import BadRequest, StaffOnly
from unseen_server.db.models import AuditEntry
from unseen_server.services import accounts, baselines, exports, grades
from unseen_server.services.bundles import DeclaredBaseline
from unseen_server.services.grades import Grade, Gradebook
from unseen_server.services.principals import SERVER
from unseen_server.services.reveal import reveal
from unseen_server.services.withdrawals import withdraw

NAMES = (
    "=HYPERLINK(1)",
    'Quo"te, Comma; "x"',
    "\N{PARTY POPPER} Emoji",
    "\u05d0\u05d1\u05d2 \u05d3",
    "N" * 200,
    "@risk",
    "-2+3",
)


def gradebook(made: Installation, who: str = "teacher") -> Gradebook:
    return grades.gradebook(made.db, slug=made.slug, principal=made.principal(who), now=made.now)


def by_name(made: Installation) -> dict[str, Grade]:
    return {grade.username: grade for grade in gradebook(made).grades}


def place(made: Installation, name: str, spread: float, public: float, private: float) -> None:
    declared = DeclaredBaseline(name, "medium", "b.csv", public, private)
    file = made.file(made.bundle.key.labels + spread)
    baselines.add(made.db, made.keys, declared=declared, content=file, slug=made.slug, principal=SERVER, now=made.now)


def end(made: Installation) -> None:
    made.pass_deadline()
    reveal(made.db, slug=made.slug, principal=SERVER, now=made.now)


def rows(content: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content)))


def export(made: Installation, style: str, who: str = "teacher") -> list[list[str]]:
    principal = made.principal(who)
    return rows(exports.export_grades(made.db, slug=made.slug, style=style, principal=principal, now=made.now).content)


@pytest.fixture
def graded(installation: Installation) -> Installation:
    """Alice beats both baselines everywhere, Bob the first alone, Carol has not submitted."""
    place(installation, "Line", 8.0, 3.0, 2.0)
    place(installation, "Network", 3.0, 3.0, 4.5)
    send(installation, installation.file(installation.bundle.key.labels + 1.0))
    send(installation, installation.file(installation.bundle.key.labels + 5.0), "bob")
    return installation


def test_before_the_reveal_only_public_points_are_there(graded: Installation) -> None:
    book, people = gradebook(graded), by_name(graded)
    assert (book.revealed, book.possible) == (False, 12.5)
    assert {name: grade.points for name, grade in people.items()} == {"alice": 6.0, "bob": 3.0, "carol": 0.0}
    assert {one.private_score for one in (*people.values(), *book.baselines)} == {None}
    assert people["alice"].points_private == 0.0


def test_after_the_reveal_both_boards_count(graded: Installation) -> None:
    end(graded)
    people = by_name(graded)
    assert {name: grade.points for name, grade in people.items()} == {"alice": 12.5, "bob": 5.0, "carol": 0.0}
    assert [(one.baseline, one.public, one.private) for one in people["bob"].earned] == [
        ("Line", 3.0, 2.0),
        ("Network", 0.0, 0.0),
    ]
    assert (people["alice"].public_rank, people["alice"].private_rank) == (1, 1)
    assert people["alice"].private_score == pytest.approx(1.0)


def test_whoever_never_submitted_is_in_the_book_with_nothing(graded: Installation) -> None:
    carol = by_name(graded)["carol"]
    assert (carol.team, carol.public_score, carol.private_score, carol.final_refs, carol.points) == (
        None, None, None, [], 0.0,
    )  # fmt: skip


def test_a_late_file_is_worth_nothing(graded: Installation) -> None:
    graded.pass_deadline()
    send(graded, graded.file(graded.bundle.key.labels), "carol")
    reveal(graded.db, slug=graded.slug, principal=SERVER, now=graded.now)
    carol = by_name(graded)["carol"]
    assert (carol.team, carol.points, carol.public_score, carol.private_score) == ("Carol", 0.0, None, None)


def test_a_withdrawn_file_is_worth_nothing(graded: Installation) -> None:
    withdraw(graded.db, slug=graded.slug, ref=3, reason="copied", principal=graded.principal("teacher"), now=graded.now)
    assert (by_name(graded)["alice"].points, by_name(graded)["alice"].final_refs) == (0.0, [])
    end(graded)
    assert {name: grade.points for name, grade in by_name(graded).items()} == {"alice": 0.0, "bob": 5.0, "carol": 0.0}


def test_the_finals_are_the_chosen_ones_or_those_by_default(graded: Installation) -> None:
    assert by_name(graded)["alice"].final_refs == [3]
    send(graded, graded.file(graded.bundle.key.labels + 2.0))
    assert by_name(graded)["alice"].final_refs == [3, 5]
    choose(graded, 5)
    assert by_name(graded)["alice"].final_refs == [5]


def test_staff_and_other_courses_are_in_no_grade_book(graded: Installation) -> None:
    send(graded, graded.file(), "teacher")
    assert set(by_name(graded)) == {"alice", "bob", "carol"}


def test_grades_are_for_the_staff_of_the_course(graded: Installation) -> None:
    for who in ("alice", "rival", "outsider"):
        with pytest.raises(StaffOnly):
            gradebook(graded, who)
        with pytest.raises(StaffOnly):
            export(graded, "csv", who)


def test_the_plain_table_has_a_row_for_everybody(graded: Installation) -> None:
    end(graded)
    header, *people = export(graded, "csv")
    assert ",".join(header) == (
        "student_id,email,username,name,team,public_score,public_rank,private_score,private_rank,final_refs,"
        "points_public,points_private,points"
    )
    bob = dict(zip(header, next(row for row in people if row[2] == "bob"), strict=True))
    assert (bob["points"], bob["public_rank"], bob["final_refs"]) == ("5.0", "2", "4")
    assert float(bob["private_score"]) == pytest.approx(25.0)
    assert len(people) == 3


@pytest.mark.slow
def test_canvas_gets_its_columns_and_what_is_possible(graded: Installation) -> None:
    end(graded)
    header, possible, *people = export(graded, "canvas")
    assert header == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Lectures"]
    assert (possible[0].strip(), possible[-1]) == ("Points Possible", "12.5")
    assert [(row[0], row[3], row[5]) for row in people] == [
        ("Alice", "alice", "12.5"),
        ("Bob", "bob", "5.0"),
        ("Carol", "carol", "0.0"),
    ]


def test_moodle_gets_grade_and_feedback(graded: Installation) -> None:
    end(graded)
    header, *people = export(graded, "moodle")
    assert header == ["Username", "ID number", "Email address", "Lectures", "Lectures (feedback)"]
    assert people[1][3] == "5.0"
    assert people[1][4].endswith("Line: 3 + 2 points.")
    assert people[2][3:] == ["0.0", "No submission."]


def test_every_export_is_written_down(graded: Installation) -> None:
    export(graded, "moodle")
    with graded.db.read() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
    assert (entry.actor, entry.action, entry.details) == (
        "teacher",
        "grades.export",
        {"format": "moodle", "students": 3},
    )


def test_another_format_is_refused_with_those_there_are(graded: Installation) -> None:
    with pytest.raises(BadRequest, match="csv, canvas, moodle"):
        export(graded, "excel")


@pytest.mark.parametrize("style", list(exports.GRADE_FILES))
def test_no_name_can_run_or_break_a_table(graded: Installation, style: str) -> None:
    with graded.db.write() as session:
        for number, name in enumerate(NAMES):
            user = accounts.add_user(
                session, f"u{number}", display_name=name, student_id=f"=B{number}", now=NOON, actor="test"
            )
            accounts.enrol(session, user, graded.course(session), "student", now=NOON, actor="test")
    table = export(graded, style)
    assert len({len(row) for row in table}) == 1
    assert not [cell for row in table for cell in row if cell.startswith(("=", "@", "+", "-"))]
    told = {cell.removeprefix("'") for row in table for cell in row}
    assert set(NAMES) <= told or style == "moodle"
    assert {f"=B{number}" for number in range(len(NAMES))} <= told


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\N{FULLWIDTH EQUALS SIGN}", " ="])
@pytest.mark.parametrize("before", ["Ann;", ";", "1;2;", '"Ann";'])
def test_no_name_can_run_where_a_spreadsheet_parts_at_semicolons(before: str, start: str) -> None:
    for line in exports.csv_text(["team", "score"], [[f"{before}{start}HYPERLINK(A1);b", -1.5]]).splitlines():
        cells = [cell.strip() for cell in line.split(";")]
        assert not [cell for cell in cells if cell.startswith(exports.FORMULA_STARTS)], line


def test_a_title_cannot_run_either(graded: Installation) -> None:
    book = replace(gradebook(graded), title="=1+1")
    assert rows(exports.canvas_csv(book))[0][-1] == "'=1+1"
