"""A class list and the audit log over the interface for programs."""

from __future__ import annotations

import io

import pytest
from tests.installations import COURSE, Installation

LIST = "username,email,name,student_id\nann,ann@x.edu,Ann,B01\nalice,,Alice,\n"
ROSTER = f"/api/courses/{COURSE}/roster"


def test_a_class_list_is_imported_as_a_body_or_as_a_file(installation: Installation) -> None:
    teacher = installation.client("teacher")
    assert teacher.post(ROSTER, query_string={"dry_run": "true"}, data=LIST).json == {
        "added": ["ann"],
        "enrolled": ["ann"],
        "unchanged": ["alice"],
        "differences": [],
    }
    answer = teacher.post(ROSTER, data={"file": (io.BytesIO(LIST.encode()), "list.csv")})
    assert answer.json["added"] == ["ann"]
    assert teacher.post(ROSTER, data=LIST).json["unchanged"] == ["ann", "alice"]


def test_a_bad_class_list_is_explained_line_by_line(installation: Installation) -> None:
    answer = installation.client("teacher").post(ROSTER, data="username,name\nb o,Bo\n,\ncy cy,Cy\n")
    assert (answer.status_code, answer.json["code"]) == (400, "bad_roster")
    assert [error["line"] for error in answer.json["errors"]] == [2, 4]


@pytest.mark.parametrize(("who", "status"), [(None, 401), ("alice", 403), ("rival", 403)])
def test_only_staff_import_a_class_list_or_read_the_audit(
    installation: Installation, who: str | None, status: int
) -> None:
    client = installation.client(who)
    assert client.post(ROSTER, data=LIST).status_code == status
    assert client.get(f"/api/competitions/{installation.slug}/audit").status_code == status


def test_the_audit_says_who_did_what_and_can_be_searched(installation: Installation) -> None:
    teacher = installation.client("teacher")
    entries = teacher.get(f"/api/competitions/{installation.slug}/audit").json["entries"]
    assert [entry["action"] for entry in entries][-2:] == ["competition.launch", "competition.create"]
    found = teacher.get(f"/api/competitions/{installation.slug}/audit?search=server+LAUNCH&limit=5").json["entries"]
    assert [(entry["actor"], entry["action"]) for entry in found] == [("server", "competition.launch")]


def test_a_search_is_words_and_no_pattern(installation: Installation) -> None:
    address = f"/api/competitions/{installation.slug}/audit"
    for text in ("%", "_", "\\", "\0", "'", "nothing of the kind"):
        assert installation.client("teacher").get(address, query_string={"search": text}).status_code == 200
    assert installation.client("teacher").get(address, query_string={"search": "%"}).json["entries"] == []
