"""What a hostile student, an ambitious assistant or somebody else's instructor tried in the console."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from tests.installations import COURSE, Build, Installation
from tests.visitors import PASSWORD, add, address, browser, hidden, send

from unseen_server.core.errors import Conflict, Forbidden, NotSignedIn
from unseen_server.db.models import AuditEntry, Submission
from unseen_server.services import baselines, class_lists, erasing, joining, people, rosters, sso, teamwork
from unseen_server.services.bundles import DeclaredBaseline
from unseen_server.services.class_lists import BadRoster
from unseen_server.services.principals import SERVER
from unseen_server.services.sso import Identity
from unseen_server.services.submit import submit


def test_nobody_but_the_staff_has_a_class_list_read(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    made = build()
    read: list[bytes] = []
    monkeypatch.setattr(class_lists, "read", read.append)
    reply = made.client("outsider").post(f"/api/courses/{COURSE}/roster", data=b"username,name\n" + b"1,2,3\n" * 9)
    assert (reply.status_code, read) == (403, [])


def test_a_class_list_of_nothing_but_faults_is_given_up(build: Build) -> None:
    made = build()
    faulty = b"username,name\n" + b"1,2,3\n" * (class_lists.MOST_ROWS + 1)
    with pytest.raises(BadRoster, match="at most") as refused:
        rosters.preview(made.db, course=COURSE, content=faulty, principal=made.principal("teacher"))
    assert len(refused.value.problems) == 1


# names


def join(made: Installation, username: str, email: str = "") -> int:
    code = joining.set_code(made.db, course=COURSE, principal=SERVER, now=made.now)
    form = {"username": username, "email": email, "password": PASSWORD, "again": PASSWORD}
    return made.client().post(f"/join/{code}", data=form).status_code


@pytest.mark.parametrize("username", ["server", "Visitor"])
def test_nobody_acts_under_the_name_that_the_server_has_in_the_audit_log(build: Build, username: str) -> None:
    assert join(build(), username) == 400


def test_whom_a_provider_calls_the_server_gets_another_name(build: Build) -> None:
    made = build()
    sso.sign_in(made.db, Identity("https://idp.example", "1", nickname="server"), now=made.now)
    assert made.token("server-2")


@pytest.mark.parametrize("email", ["a\0b@example.edu", "a\u202eb@example.edu"])
def test_an_address_holds_nothing_unseen(installation: Installation, email: str) -> None:
    assert join(installation, "dora", email) == 400


def renamed(made: Installation, client: FlaskClient, name: str) -> int:
    form = {"name": name, "csrf_token": hidden(client.get(address(made, "/team")).text, "csrf_token")}
    return client.post(address(made, "/team/name"), data=form).status_code


@pytest.mark.parametrize(
    "name", ["Two\u200d words", "Two words\ufe0f", "Two  words", "Two\u00a0words", "T\u034fwo words"]
)
def test_no_team_passes_for_another(build: Build, name: str) -> None:
    made = build()
    assert renamed(made, browser(made, "dora", "Dora"), "Two words") == 303
    assert renamed(made, browser(made, "emil", "Emil"), name) == 409


@pytest.mark.parametrize("name", ["\ufe0f", "\U000e0101\U000e0102", "\u180b"])
def test_a_name_that_shows_nothing_is_none(build: Build, name: str) -> None:
    made = build()
    assert renamed(made, browser(made), name) == 400


def test_an_endless_search_of_the_audit_log_is_cut(build: Build) -> None:
    made = build()
    reply = made.client("teacher").get(f"/api/competitions/{made.slug}/audit", query_string={"search": "a " * 5000})
    assert reply.status_code == 200


@pytest.mark.parametrize(
    "place", ["competitions/lecture/teams/merge", "courses/ml/people", "courses/ml/people/%00/link"]
)
def test_nobody_has_a_nul_in_their_name(installation: Installation, place: str) -> None:
    client = browser(installation, role="instructor")
    csrf = hidden(client.get("/account").text, "csrf_token")
    form = {"team": "a\0b", "other": "\0", "username": "a\0b", "reason": "asked for", "csrf_token": csrf}
    reply = client.post(f"/console/{place}", data=form)
    assert 400 <= reply.status_code < 500


# deleting


def take_over(made: Installation, username: str, course: str) -> None:
    """A student of ours is taken out and then put into another course."""
    place: dict[str, Any] = {"username": username, "principal": SERVER, "now": made.now}
    people.take_out(made.db, course=COURSE, **place)
    people.add(made.db, course=course, **place, display_name="", email="", student_id="", role="student")


def test_an_instructor_deletes_no_work_of_another_course(build: Build) -> None:
    made = build()
    send(made, made.noisy(2.0), "alice")
    take_over(made, "alice", "other")
    rival = replace(made.principal("rival"), scope="staff")
    with pytest.raises(Forbidden, match="in no other course"):
        erasing.erase(made.db, username="alice", principal=rival, now=made.now)
    assert erasing.erase(made.db, username="alice", principal=SERVER, now=made.now)


def test_deleting_a_person_called_like_a_number_leaves_the_numbers_in_the_audit_log(build: Build) -> None:
    made = build()
    send(made, made.noisy(2.0), "alice")
    add(made, "1", "One")
    erasing.erase(made.db, username="1", principal=SERVER, now=made.now)
    with made.db.read() as session:
        assert session.scalars(select(AuditEntry.subject).where(AuditEntry.action == "submission.add")).all() == ["1"]


def test_a_file_on_its_way_while_its_sender_is_deleted_is_refused(installation: Installation) -> None:
    made, alice = installation, installation.principal("alice")
    send(made, made.noisy(2.0), "alice")
    erasing.erase(made.db, username="alice", principal=SERVER, now=made.now)
    with pytest.raises(NotSignedIn):
        submit(
            made.db,
            made.keys,
            slug=made.slug,
            principal=alice,
            upload=made.upload(made.noisy(3.0), message="Alice's best"),
            received_at=made.now,
        )
    with made.db.read() as session:
        assert session.scalars(select(Submission.message)).all() == [""]


# teams


def test_what_was_submitted_as_staff_becomes_no_students(build: Build) -> None:
    made = build()
    add(made, "tess", "Tess", "assistant")
    for who in ("tess", "alice"):
        send(made, made.noisy(2.0), who)
    people.change_role(made.db, course=COURSE, username="tess", role="student", principal=SERVER, now=made.now)
    place: dict[str, Any] = {"slug": made.slug, "now": made.now + timedelta(days=1)}
    invited = teamwork.invite(made.db, who="tess", principal=made.principal("alice"), **place)
    (asked,) = teamwork.own_team(made.db, principal=made.principal("tess"), **place).invitations
    assert (invited, asked.team) == ("Tess", "Alice")
    with pytest.raises(Conflict, match="as course staff"):
        teamwork.accept(made.db, team_id=asked.team_id, principal=made.principal("tess"), **place)
    with pytest.raises(Conflict, match="as course staff"):
        teamwork.invite(made.db, who="alice", principal=made.principal("tess"), **place)


def test_an_issuer_with_a_nul_is_unlinked_from_nobody(installation: Installation) -> None:
    client = browser(installation)
    form = {"issuer": "\0", "csrf_token": hidden(client.get("/account").text, "csrf_token")}
    assert client.post("/account/sso/unlink", data=form).status_code < 500


# files


@pytest.mark.parametrize("file_name", ["a\0b.csv", "x" * 400 + ".csv"])
def test_a_baselines_file_may_be_called_anything(installation: Installation, file_name: str) -> None:
    made = installation
    declared = DeclaredBaseline(name="Line", tier="simple", file=file_name)
    place: dict[str, Any] = {"slug": made.slug, "principal": SERVER, "now": made.now}
    assert baselines.add(made.db, made.keys, declared=declared, content=made.file(40.0), **place).name == "Line"
