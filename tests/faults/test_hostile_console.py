"""What a hostile student, an ambitious assistant or somebody else's instructor tried in the console."""

from __future__ import annotations

import pytest
from tests.installations import COURSE, Build

from unseen_server.services import class_lists, rosters
from unseen_server.services.class_lists import BadRoster


def test_nobody_but_the_staff_has_a_class_list_read(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    made, read = build(), []
    monkeypatch.setattr(class_lists, "read", read.append)
    reply = made.client("outsider").post(f"/api/courses/{COURSE}/roster", data=b"username,name\n" + b"1,2,3\n" * 9)
    assert (reply.status_code, read) == (403, [])


def test_a_class_list_of_nothing_but_faults_is_given_up(build: Build) -> None:
    made = build()
    faulty = b"username,name\n" + b"1,2,3\n" * (class_lists.MOST_ROWS + 1)
    with pytest.raises(BadRoster, match="at most") as refused:
        rosters.preview(made.db, course=COURSE, content=faulty, principal=made.principal("teacher"))
    assert len(refused.value.problems) == 1
