"""A course's people: who sees and changes them, and what becomes of a person whose data are deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text
from tests.installations import COURSE, Installation
from tests.visitors import add, send

from unseen_server.core.errors import BadRequest, Conflict, Forbidden, NotFound, NotSignedIn, StaffOnly, WrongPassword
from unseen_server.db.models import AuditEntry, Base, Competition, PrivateScore, SubmittedFile
from unseen_server.services import (
    accounts,
    erasing,
    extensions,
    passwords,
    people,
    reveal,
    standings,
    tokens,
    withdrawals,
)
from unseen_server.services.extensions import Wanted
from unseen_server.services.people import Person
from unseen_server.services.principals import SERVER, Principal
from unseen_server.services.standings import Entry
from unseen_server.services.submit import submit

ROOT = Principal(0, "root", "Root", is_admin=True, roles={}, scope="staff")


def assistant(made: Installation, name: str) -> None:
    """Somebody on the course's staff, with a token that goes as far."""
    add(made, name, name.title(), "assistant")
    made.tokens[f"{name}:submit"] = made.token(name, "staff")


def place(made: Installation, username: str, who: str = "teacher") -> dict[str, object]:
    return {"course": COURSE, "username": username, "principal": made.principal(who), "now": made.now}


def listed(made: Installation, text: str = "", who: str = "teacher", **rows: int) -> list[str]:
    found = people.listed(made.db, course=COURSE, principal=made.principal(who), text=text, **rows)
    return [one.username for one in found.listed]


def add_person(made: Installation, username: str, who: str = "teacher", **known: str) -> None:
    blank = {"display_name": "", "email": "", "student_id": "", "role": "student"}
    people.add(made.db, **place(made, username, who), **(blank | known))


def change_role(made: Installation, username: str, role: str, who: str = "teacher") -> None:
    people.change_role(made.db, **place(made, username, who), role=role)


def person(made: Installation, username: str) -> Person:
    asked = {"course": COURSE, "username": username, "principal": made.principal("teacher")}
    return people.profile(made.db, **asked).person


# looking


def test_staff_stand_before_students_in_the_order_of_their_names(installation: Installation) -> None:
    assert listed(installation) == ["teacher", "alice", "bob", "carol"]
    assert listed(installation, offset=1, limit=2) == ["alice", "bob"]


@pytest.mark.parametrize("text", ["zoé", "ZED b09", "zed@x.edu", "09901"])
def test_people_are_found_by_any_part_of_what_says_who_they_are(installation: Installation, text: str) -> None:
    add_person(installation, "zed", display_name="王 zoé", email="zed@x.edu", student_id="B09901001")
    assert listed(installation, text) == ["zed"]


@pytest.mark.parametrize("text", ["%", "_", "'", "\0x", "nobody"])
def test_a_search_is_words_and_no_pattern(installation: Installation, text: str) -> None:
    assert listed(installation, text) == []


def test_a_person_is_seen_when_they_sign_in_use_a_token_or_submit(installation: Installation) -> None:
    assert person(installation, "carol").last_seen is None
    send(installation, installation.noisy(3.0), "carol")
    assert person(installation, "carol").last_seen == installation.now


@pytest.mark.parametrize("who", ["alice", "rival"])
def test_strangers_and_students_see_nobody(installation: Installation, who: str) -> None:
    with pytest.raises(StaffOnly):
        listed(installation, who=who)


# adding and changing


def test_a_person_is_added_or_somebody_known_is_enrolled(installation: Installation) -> None:
    add_person(installation, "zed", display_name="Zed", email="Zed@X.edu")
    assert (person(installation, "zed").email, person(installation, "zed").has_password) == ("zed@x.edu", False)
    add_person(installation, "outsider")
    assert "outsider" in listed(installation)
    with pytest.raises(Conflict, match="in this course already"):
        add_person(installation, "zed")


def test_somebody_known_with_another_address_is_not_taken_for_the_same(installation: Installation) -> None:
    with pytest.raises(Conflict, match="another address"):
        add_person(installation, "outsider", email="zed@x.edu")


def test_only_instructors_add_staff_and_change_roles(installation: Installation) -> None:
    assistant(installation, "tess")
    add_person(installation, "zed", "tess")
    for role in ("assistant", "instructor"):
        with pytest.raises(StaffOnly):
            add_person(installation, "yan", "tess", role=role)
        with pytest.raises(StaffOnly):
            change_role(installation, "zed", role, "tess")


def test_a_role_counts_from_the_next_request(installation: Installation) -> None:
    change_role(installation, "alice", "instructor")
    assert installation.principal("alice").roles[1] == "instructor"
    change_role(installation, "alice", "student")
    assert installation.principal("alice").roles[1] == "student"


def test_an_address_is_put_right_for_students_of_one_s_own_courses_alone(installation: Installation) -> None:
    add_person(installation, "zed", email="zed@x.edu")
    contact = {"email": "Alice@X.edu", "student_id": "B01"}
    people.correct(installation.db, **place(installation, "alice"), **contact)
    assert person(installation, "alice").email == "alice@x.edu"
    with pytest.raises(Conflict, match="already belongs"):
        people.correct(installation.db, **place(installation, "zed"), **contact)
    add_person(installation, "outsider")  # who is in another course, too
    assistant(installation, "tess")
    for username in ("outsider", "tess"):
        with pytest.raises(Forbidden):
            people.correct(installation.db, **place(installation, username), email="", student_id="")
    with pytest.raises(StaffOnly):
        people.correct(installation.db, **place(installation, "alice", "tess"), **contact)


def test_an_address_that_is_right_already_is_not_written_down_as_put_right(installation: Installation) -> None:
    for _ in range(2):
        people.correct(installation.db, **place(installation, "alice"), email="alice@x.edu", student_id="")
    with installation.db.read() as session:
        corrected = session.scalars(select(AuditEntry).where(AuditEntry.action == "user.correct")).all()
    assert [entry.subject for entry in corrected] == ["alice"]


def test_a_role_that_does_not_exist_is_refused(installation: Installation) -> None:
    with pytest.raises(BadRequest, match="not a role"):
        change_role(installation, "alice", "king")


def test_nobody_changes_their_own_part(installation: Installation) -> None:
    for change in (lambda: change_role(installation, "teacher", "student"), lambda: take_out(installation, "teacher")):
        with pytest.raises(Conflict, match="your own"):
            change()


def test_a_course_keeps_one_instructor_who_can_sign_in(installation: Installation) -> None:
    add(installation, "other", "Other", "instructor")
    accounts.disable(installation.db, "other", principal=ROOT, now=installation.now)
    change = {"course": COURSE, "username": "teacher", "principal": ROOT, "now": installation.now}
    with pytest.raises(Conflict, match="last instructor"):
        people.change_role(installation.db, **change, role="assistant")
    with pytest.raises(Conflict, match="last instructor"):
        people.take_out(installation.db, **change)
    people.take_out(installation.db, **(change | {"username": "other"}))
    change_role(installation, "alice", "instructor")
    people.change_role(installation.db, **change, role="student")


def take_out(made: Installation, username: str) -> None:
    people.take_out(made.db, **place(made, username))


def test_whoever_is_taken_out_keeps_what_they_submitted(installation: Installation) -> None:
    send(installation, installation.noisy(3.0), "alice")
    take_out(installation, "alice")
    assert "alice" not in listed(installation)
    assert [entry.team for entry in board(installation)] == ["Alice"]
    with pytest.raises(Forbidden):
        send(installation, installation.noisy(3.0), "alice")
    with pytest.raises(NotFound):
        take_out(installation, "alice")


# deleting


def board(made: Installation, which: str = "public") -> list[Entry]:
    return standings.board(made.db, slug=made.slug, which=which, principal=SERVER, now=made.now).entries


def erase(made: Installation, username: str, who: str = "teacher") -> str:
    return erasing.erase(made.db, username=username, principal=made.principal(who), now=made.now)


def a_student_with_a_past(made: Installation) -> None:
    """Signs in, fails to, submits, renames herself, is granted more, has a submission withdrawn."""
    teacher = {"slug": made.slug, "principal": made.principal("teacher"), "now": made.now}
    add(made, "zelda", "Zelda Zuckerman")
    with made.db.write() as session:
        user = accounts.user_named(session, "zelda")
        user.email, user.student_id = "zelda@x.edu", "B0990-ZZ"
        accounts.enrol(session, user, made.course(session), "student", now=made.now, actor="teacher")
    passwords.sign_in(made.db, name="zelda@x.edu", password="correct horse", address="1.2.3.4", now=made.now)
    for name in ("zelda", "Zelda@x.edu"):
        with pytest.raises(WrongPassword):
            passwords.sign_in(made.db, name=name, password="wrong", address="1.2.3.4", now=made.now)
    upload = made.upload(made.noisy(2.0), key="zelda-1", message="by Zelda Zuckerman", name="zelda.csv")
    submit(made.db, made.keys, slug=made.slug, principal=made.principal("zelda"), upload=upload, received_at=made.now)
    send(made, made.noisy(4.0), "zelda")
    accounts.set_display_name(made.db, made.principal("zelda").user_id, "Zzz", now=made.now)
    extensions.grant(made.db, wanted=Wanted("zelda", extra=1, reason="zelda was ill"), **teacher)
    withdrawals.withdraw(made.db, ref=2, reason="zelda asked for it", **teacher)


def dump(made: Installation) -> str:
    with made.db.read() as session:
        return "\n".join(
            repr(tuple(row)) for table in Base.metadata.sorted_tables for row in session.execute(select(table))
        )


def test_nothing_in_the_database_says_who_a_deleted_person_was(installation: Installation) -> None:
    a_student_with_a_past(installation)
    assert dump(installation).lower().count("zelda") > 10
    nobody = erase(installation, "zelda")
    left = dump(installation).lower()
    assert nobody in left
    for name in ("zelda", "zuckerman", "zzz", "b0990-zz"):
        assert name not in left, [line for line in left.splitlines() if name in line]


def test_boards_scores_and_grades_stay_whole(installation: Installation) -> None:
    send(installation, installation.noisy(1.0), "alice")
    a_student_with_a_past(installation)
    before, version = board(installation), board_version(installation)
    nobody = erase(installation, "zelda")
    after = board(installation)
    number = nobody.removeprefix("removed-")
    assert [entry.team for entry in after] == ["Alice", f"Removed {number}"]
    assert [(entry.rank, entry.score, entry.entries) for entry in after] == [
        (entry.rank, entry.score, entry.entries) for entry in before
    ]
    assert board_version(installation) > version
    installation.pass_deadline()
    reveal.reveal(installation.db, slug=installation.slug, principal=SERVER, now=installation.now)
    assert [entry.rank for entry in board(installation, "private")] == [1, 2]


def board_version(made: Installation) -> int:
    with made.db.read() as session:
        return session.scalars(select(Competition.board_version)).one()


def test_uploads_are_gone_and_predictions_stay(installation: Installation) -> None:
    a_student_with_a_past(installation)
    erase(installation, "zelda")
    with installation.db.read() as session:
        assert set(session.scalars(select(SubmittedFile.content))) == {b""}
        assert session.scalar(select(func.count()).select_from(PrivateScore)) == 2
        assert session.scalar(text("SELECT count(*) FROM prediction_vectors")) == 2


def test_a_deleted_person_has_no_way_in(installation: Installation) -> None:
    a_student_with_a_past(installation)
    token = installation.token("zelda")
    erase(installation, "zelda")
    with pytest.raises(NotSignedIn):
        tokens.principal_of_token(installation.db, token, installation.now)
    later = installation.now + timedelta(hours=1)
    with pytest.raises(WrongPassword):
        passwords.sign_in(installation.db, name="zelda", password="correct horse", address="::1", now=later)


def test_others_whose_names_hold_the_name_keep_theirs(installation: Installation) -> None:
    add_person(installation, "bobby", display_name="Bob B.")
    add_person(installation, "bob.b", display_name="bob-by", email="bob@x.edu")
    erase(installation, "bob")
    with installation.db.read() as session:
        subjects = set(session.scalars(select(AuditEntry.subject)))
    assert {"bobby", "bob.b"} <= subjects
    assert "bob" not in subjects
    assert person(installation, "bob.b").email == "bob@x.edu"


def test_an_instructor_deletes_students_of_this_course_alone(installation: Installation) -> None:
    assistant(installation, "tess")
    add_person(installation, "outsider")  # who is in another course, too
    for username, who in (("outsider", "teacher"), ("tess", "teacher"), ("rival", "teacher"), ("alice", "rival")):
        with pytest.raises(Forbidden):
            erase(installation, username, who)
    for who in ("alice", "bob"):
        with pytest.raises(Forbidden):
            erase(installation, "alice", who)
    assert erasing.erase(installation.db, username="outsider", principal=SERVER, now=installation.now)


def test_a_deletion_is_written_down_without_the_name(installation: Installation) -> None:
    nobody = erase(installation, "alice")
    with installation.db.read() as session:
        last = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
        assert (last.actor, last.action, last.subject) == ("teacher", "user.erase", nobody)


def test_what_is_at_stake_is_counted_first(installation: Installation) -> None:
    a_student_with_a_past(installation)
    stake = erasing.at_stake(installation.db, username="zelda", principal=installation.principal("teacher"))
    assert (stake.courses, stake.teams, stake.submissions, stake.tokens) == (["Machine learning"], 1, 2, 1)
