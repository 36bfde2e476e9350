"""Class lists as they really come, and what becomes of them."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import func, select
from tests.installations import COURSE, Installation

from unseen_server.core.errors import Forbidden
from unseen_server.db.models import AuditEntry, Enrolment, User
from unseen_server.services import class_lists, rosters
from unseen_server.services.class_lists import BadRoster
from unseen_server.services.rosters import Difference

PLAIN = "username,email,name,student_id\nann,ann@x.edu,Ann,B01\nbo,bo@x.edu,Bo,B02\n"
CANVAS = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Homework 1 (77)\n"
    "    Points Possible,,,,,10\n"
    '"王小明, Ming",12,B09901001,b09901001,EE-01,7\n'
    '"Student, Test",99,,3f2a,EE-01,\n'
)
COOL = "學號,姓名,電子郵件\nB09901001,王小明,B09901001@ntu.edu.tw\n"
MOODLE = "First name\tSurname\tID number\tEmail address\nAnn\tLee\tB01\tann@x.edu\n小明\t王\tB02\tming@x.edu\n"


def import_(made: Installation, text: str | bytes, dry_run: bool = False, who: str = "teacher") -> rosters.Report:
    content = text.encode() if isinstance(text, str) else text
    principal = made.principal(who)
    return rosters.import_roster(
        made.db, course=COURSE, content=content, dry_run=dry_run, principal=principal, now=made.now
    )


def preview(made: Installation, text: str) -> rosters.Plan:
    return rosters.preview(made.db, course=COURSE, content=text.encode(), principal=made.principal("teacher"))


def people(text: str | bytes) -> list[tuple[str, str, str | None, str | None]]:
    content = text.encode() if isinstance(text, str) else text
    listed = class_lists.read(content)
    assert listed.problems == []
    return [(row.username, row.name, row.email, row.student_id) for row in listed.rows]


def problems(text: str | bytes) -> list[str]:
    content = text.encode() if isinstance(text, str) else text
    try:
        return [one.message for one in class_lists.read(content).problems]
    except BadRoster as refusal:
        return [one.message for one in refusal.problems]


# reading


def test_a_canvas_gradebook_is_a_class_list() -> None:
    assert people(CANVAS) == [("b09901001", "王小明, Ming", None, "B09901001")]
    assert class_lists.read(CANVAS.encode()).ignored == ["ID", "Section", "Homework 1 (77)"]


def test_so_is_a_list_of_ntu_cool() -> None:
    assert people(COOL) == [("b09901001", "王小明", "b09901001@ntu.edu.tw", "B09901001")]


def test_so_is_a_list_of_moodle() -> None:
    assert people(MOODLE) == [("b01", "Ann Lee", "ann@x.edu", "B01"), ("b02", "王小明", "ming@x.edu", "B02")]


def test_a_name_is_made_from_the_address_where_there_is_nothing_else() -> None:
    assert people("Email,Full Name\nAnn.Lee@x.edu,Ann\n")[0][0] == "ann.lee"


@pytest.mark.parametrize(
    ("encoding", "said"), [("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("utf-16", "UTF-16"), ("big5", "Big5")]
)
def test_any_common_encoding_is_read_and_named(encoding: str, said: str) -> None:
    assert people(COOL.encode(encoding)) == people(COOL)
    assert class_lists.read(COOL.encode(encoding)).encoding == said


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_any_common_separator_is_read(separator: str, newline: str) -> None:
    assert people(PLAIN.replace(",", separator).replace("\n", newline)) == people(PLAIN)


def test_empty_lines_and_empty_cells_at_the_end_are_nobody() -> None:
    assert people("\n" + PLAIN.replace("B01", "B01,,") + "\n,,,\n") == people(PLAIN)


def test_a_person_in_two_sections_is_one_person() -> None:
    assert people(PLAIN + "ann,ann@x.edu,Ann,B01\n") == people(PLAIN)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "first line should name the columns"),
        ("a,b\n1,2\n", "It reads: a, b"),
        ("email\nann@x.edu\n", "A name is needed"),
        ("name\nAnn\n", "a user name, a student id or an e-mail address"),
        ("name,姓名,email\nAnn,Ann,ann@x.edu\n", "mean the same"),
        ("name,email\nAnn,\n", "Line 2: There is no user name"),
        ("name,email\nAnn,ann\n", "is not an e-mail address"),
        ("name,username\nAnn,ann\nBo,ANN\n", "Line 3: “ANN” stands in line 2"),
        ("name,username,email\nAnn,ann,a@x.edu\nBo,bo,A@x.edu\n", "Line 3: The address a@x.edu"),
        ("name,username,學號\nAnn,ann,B1\nBo,bo,b1\n", "Line 3: The student id b1"),
        ("name,username\n\N{RIGHT-TO-LEFT OVERRIDE}Ann,ann\n", "invisible"),
        (b"PK\x03\x04 and so on", "This is a workbook"),
        (b"name,email\n\xff\xff,a@x.edu\n", "neither UTF-8 nor Big5"),
        (b"name,email\nA\0n,a@x.edu\n", "neither UTF-8 nor Big5"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str | bytes, said: str) -> None:
    assert said in " ".join(problems(text))


def test_every_problem_is_said_at_once_in_the_order_of_the_lines() -> None:
    said = problems("username,email,name\nann,x,Ann\nb o,y,Bo\nann,a@x.edu,Cy\n")
    assert [line.partition(":")[0] for line in said] == ["Line 2", "Line 3", "Line 3", "Line 4"]


# comparing and writing


def test_a_preview_says_who_is_new_who_is_enrolled_and_who_is_there(installation: Installation) -> None:
    plan = preview(installation, "username,name\nann,Ann\noutsider,Outsider\nalice,Alice\n")
    assert [(row.username, row.what) for row in plan.rows] == [
        ("ann", "added"),
        ("outsider", "enrolled"),
        ("alice", "unchanged"),
    ]


def test_a_preview_and_a_dry_run_change_nothing(installation: Installation) -> None:
    preview(installation, PLAIN)
    before = counted(installation)
    preview(installation, PLAIN)
    import_(installation, PLAIN, dry_run=True)
    assert counted(installation) == before


def test_importing_twice_changes_nothing_the_second_time(installation: Installation) -> None:
    assert import_(installation, PLAIN).added == ["ann", "bo"]
    before = counted(installation)
    again = import_(installation, PLAIN)
    assert (again.added, again.enrolled, again.unchanged) == ([], [], ["ann", "bo"])
    assert counted(installation)[:2] == before[:2]


def test_another_system_s_list_of_the_same_people_adds_nobody_twice(installation: Installation) -> None:
    import_(installation, "username,name,email,student_id\nming,王小明,b09901001@ntu.edu.tw,B09901001\n")
    assert import_(installation, COOL).unchanged == ["ming"]
    assert import_(installation, "學號,姓名\nB09901001,王小明\n").unchanged == ["ming"]


def test_what_differs_is_said_and_not_overwritten(installation: Installation) -> None:
    import_(installation, PLAIN)
    report = import_(installation, "username,email,name,student_id\nann,new@x.edu,Ann Lee,B01\n")
    assert report.differences == [
        Difference("ann", "name", "Ann", "Ann Lee"),
        Difference("ann", "email", "ann@x.edu", "new@x.edu"),
    ]
    with installation.db.read() as session:
        assert session.scalars(select(User.email).where(User.username == "ann")).one() == "ann@x.edu"


def test_a_name_made_from_an_address_is_not_taken_for_somebody_else(installation: Installation) -> None:
    import_(installation, PLAIN)
    with pytest.raises(BadRoster, match="another “ann”"):
        import_(installation, "name,email\nAnn Chen,ann@elsewhere.edu\n")


def test_an_address_of_somebody_else_keeps_the_whole_list_out(installation: Installation) -> None:
    import_(installation, PLAIN)
    before = counted(installation)
    with pytest.raises(BadRoster, match="already belongs to another user"):
        import_(installation, "username,name,email\ncy,Cy,cy@x.edu\ndi,Di,ann@x.edu\n")
    assert counted(installation) == before


def test_two_lines_that_mean_one_known_person_are_refused(installation: Installation) -> None:
    import_(installation, PLAIN)
    with pytest.raises(BadRoster, match="like line 2"):
        import_(installation, "name,email,student_id\nAnn,ann@x.edu,\nAnn L.,,B01\n")


def test_a_member_of_staff_on_the_list_keeps_their_role(installation: Installation) -> None:
    assert import_(installation, "username,name\nteacher,Teacher\n").unchanged == ["teacher"]
    assert installation.principal("teacher").is_staff


@pytest.mark.parametrize("who", ["alice", "rival"])
def test_only_the_course_s_staff_import_its_roster(installation: Installation, who: str) -> None:
    with pytest.raises(Forbidden):
        import_(installation, PLAIN, who=who)


@pytest.mark.slow
def test_five_thousand_people_take_a_moment(installation: Installation) -> None:
    rows = "".join(f"s{n},s{n}@x.edu,Student {n},B{n:05}\n" for n in range(5000))
    begun = time.monotonic()
    assert len(import_(installation, "username,email,name,student_id\n" + rows).added) == 5000
    assert len(import_(installation, "username,email,name,student_id\n" + rows).unchanged) == 5000
    assert time.monotonic() - begun < 30


def test_every_person_added_is_written_down(installation: Installation) -> None:
    import_(installation, PLAIN)
    with installation.db.read() as session:
        rows = session.execute(select(AuditEntry.action, AuditEntry.subject).order_by(AuditEntry.id.desc()).limit(5))
        assert {tuple(row) for row in rows} == {
            ("roster.import", COURSE),
            *((action, name) for action in ("user.add", "enrol") for name in ("ann", "bo")),
        }


def counted(made: Installation) -> list[int]:
    with made.db.read() as session:
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in (User, Enrolment, AuditEntry)]
