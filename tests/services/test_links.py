"""One-time links: who may make one for whom, and that each works once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text
from tests.installations import COURSE, Installation

from unseen_server.core.errors import BadRequest, Conflict, DeadLink, Forbidden, NotFound, Refusal, StaffOnly
from unseen_server.db import queries
from unseen_server.services import accounts, browser_sessions, links, passwords, tokens
from unseen_server.services.principals import SERVER

PASSWORD = "correct horse"


def person(
    made: Installation, name: str, role: str = "student", course: str = COURSE, password: str | None = None
) -> None:
    with made.db.write() as session:
        user = queries.people.user_by_key(session, name) or accounts.add_user(
            session, name, password=password, email=f"{name}@example.edu", now=made.now, actor="test"
        )
        place = queries.courses.course_by_slug(session, course)
        if place:
            accounts.enrol(session, user, place, role, now=made.now, actor="test")


def issued(made: Installation, username: str, purpose: links.Purpose = "reset") -> str:
    with made.db.write() as session:
        user = accounts.user_named(session, username)
        return links.issue(session, user, purpose, now=made.now, actor="test")


def for_(made: Installation, username: str, by: str, course: str = COURSE) -> links.Link:
    staff = tokens.principal_of_token(made.db, made.token(by, "staff"), made.now)
    return links.issue_for(made.db, course=course, username=username, principal=staff, now=made.now)


def signs_in(made: Installation, name: str, password: str) -> bool:
    try:
        passwords.sign_in(made.db, name=name, password=password, address="there", now=made.now)
    except Refusal:
        return False
    return True


def test_a_link_sets_the_password_and_signs_in(installation: Installation) -> None:
    started = links.follow(installation.db, issued(installation, "alice"), password=PASSWORD, now=installation.now)
    assert browser_sessions.principal_of_session(installation.db, started.secret, installation.now)
    assert signs_in(installation, "alice", PASSWORD)


def test_looking_at_a_link_spends_nothing(installation: Installation) -> None:
    secret = issued(installation, "alice", "invite")
    for _ in range(3):
        assert links.holder(installation.db, secret, installation.now).username == "alice"


def test_a_link_works_once_however_many_follow_it_together(installation: Installation) -> None:
    secret = issued(installation, "alice")

    def follow(n: int) -> bool:
        try:
            links.follow(installation.db, secret, password=f"{PASSWORD} {n}", now=installation.now)
        except DeadLink:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(follow, range(6))) == 1
    assert sum(signs_in(installation, "alice", f"{PASSWORD} {n}") for n in range(6)) == 1


@pytest.mark.parametrize(("purpose", "days"), [("invite", 14), ("reset", 1)])
def test_a_link_ends_in_time(installation: Installation, purpose: links.Purpose, days: int) -> None:
    secret = issued(installation, "alice", purpose)
    end = installation.now + timedelta(days=days)
    assert links.holder(installation.db, secret, end - timedelta(seconds=1))
    with pytest.raises(DeadLink):
        links.holder(installation.db, secret, end)


def test_a_new_link_ends_the_one_before(installation: Installation) -> None:
    first, second = issued(installation, "alice", "invite"), issued(installation, "alice")
    with pytest.raises(DeadLink):
        links.holder(installation.db, first, installation.now)
    assert links.holder(installation.db, second, installation.now)


@pytest.mark.parametrize("how", ["password", "disabled", "promoted"])
def test_what_changes_a_person_ends_their_links(installation: Installation, how: str) -> None:
    secret, now = issued(installation, "alice"), installation.now
    if how == "disabled":
        accounts.disable(installation.db, "alice", principal=SERVER, now=now)
    else:
        with installation.db.write() as session:
            user = accounts.user_named(session, "alice")
            if how == "password":
                passwords.set_password(session, user, PASSWORD, now=now, actor="test")
            else:
                accounts.enrol(session, user, installation.course(session), "assistant", now=now, actor="test")
    with pytest.raises(DeadLink):
        links.follow(installation.db, secret, password=PASSWORD, now=now)


def test_a_refused_password_spends_nothing(installation: Installation) -> None:
    secret = issued(installation, "alice")
    with pytest.raises(BadRequest):
        links.follow(installation.db, secret, password="short", now=installation.now)
    assert links.holder(installation.db, secret, installation.now)


def test_a_link_signs_the_persons_browsers_out(installation: Installation) -> None:
    person(installation, "dora", password=PASSWORD)
    before = passwords.sign_in(installation.db, name="dora", password=PASSWORD, address="a", now=installation.now)
    links.follow(installation.db, issued(installation, "dora"), password="another one", now=installation.now)
    assert browser_sessions.principal_of_session(installation.db, before.secret, installation.now) is None


def test_only_a_digest_is_kept(installation: Installation) -> None:
    secret = issued(installation, "alice")
    with installation.db.read() as session:
        kept = str(session.execute(text("SELECT * FROM one_time_links")).all())
        kept += str(session.execute(text("SELECT * FROM audit")).all())
    assert secret not in kept
    assert len(secret) >= 43


def test_nobody_disabled_gets_a_link(installation: Installation) -> None:
    accounts.disable(installation.db, "alice", principal=SERVER, now=installation.now)
    with pytest.raises(Conflict):
        for_(installation, "alice", by="teacher")


# who may make one


def test_an_assistant_invites_and_resets_students_of_the_course(installation: Installation) -> None:
    person(installation, "helper", "assistant")
    assert for_(installation, "alice", by="helper").purpose == "invite"
    person(installation, "dora", password=PASSWORD)
    assert for_(installation, "dora", by="helper").purpose == "reset"


@pytest.mark.parametrize("by", ["helper", "teacher"])
@pytest.mark.parametrize("password", [None, PASSWORD])
@pytest.mark.parametrize("target", ["admin", "instructor elsewhere", "assistant elsewhere"])
def test_nobody_gets_a_link_for_somebody_who_may_do_more(
    installation: Installation, by: str, password: str | None, target: str
) -> None:
    person(installation, "helper", "assistant")
    person(installation, "chief", password=password)  # a student here, too
    if target == "admin":
        with installation.db.write() as session:
            accounts.user_named(session, "chief").is_admin = True
    else:
        person(installation, "chief", target.split()[0], course="other")
    with pytest.raises(Forbidden):
        for_(installation, "chief", by=by)


@pytest.mark.parametrize("password", [None, PASSWORD])
def test_putting_somebody_on_the_own_list_gives_no_power_over_them(
    installation: Installation, password: str | None
) -> None:
    person(installation, "classmate", course="other", password=password)
    person(installation, "classmate")
    with pytest.raises(Forbidden):
        for_(installation, "classmate", by="teacher")
    assert for_(installation, "classmate", by="rival", course="other")
    staff = installation.principal("teacher")
    invited = links.invite_all(installation.db, course=COURSE, principal=staff, now=installation.now)
    assert "classmate" not in {link.username for link in invited}


def test_an_instructor_invites_new_staff_of_the_own_course_and_an_assistant_does_not(
    installation: Installation,
) -> None:
    person(installation, "helper", "assistant")
    person(installation, "newcomer", "instructor")
    with pytest.raises(Forbidden):
        for_(installation, "newcomer", by="helper")
    assert for_(installation, "newcomer", by="teacher").purpose == "invite"


def test_staff_with_a_password_are_reset_by_no_colleague(installation: Installation) -> None:
    person(installation, "colleague", "instructor", password=PASSWORD)
    person(installation, "helper", "assistant", password=PASSWORD)
    for target in ("colleague", "helper"):
        with pytest.raises(Forbidden):
            for_(installation, target, by="teacher")


def test_an_admin_resets_staff_but_no_admin(installation: Installation) -> None:
    person(installation, "root")
    with installation.db.write() as session:
        accounts.user_named(session, "root").is_admin = True
    person(installation, "colleague", "instructor", password=PASSWORD)
    assert for_(installation, "colleague", by="root").purpose == "reset"
    with pytest.raises(Forbidden):
        for_(installation, "root", by="root")


@pytest.mark.parametrize("by", ["alice", "rival"])
def test_others_get_no_link(installation: Installation, by: str) -> None:
    with pytest.raises(StaffOnly):
        for_(installation, "bob", by=by)


@pytest.mark.parametrize("name", ["outsider", "nobody"])
def test_who_is_not_in_the_course_is_as_unknown_as_who_does_not_exist(installation: Installation, name: str) -> None:
    with pytest.raises(NotFound, match=f"There is no user “{name}” here. Add them to the course"):
        for_(installation, name, by="teacher")


def test_everybody_without_a_password_is_invited_but_for_those_above(installation: Installation) -> None:
    person(installation, "dora", password=PASSWORD)
    person(installation, "helper", "assistant")
    person(installation, "chief")
    person(installation, "chief", "instructor", course="other")
    accounts.disable(installation.db, "carol", principal=SERVER, now=installation.now)
    helper = tokens.principal_of_token(installation.db, installation.token("helper", "staff"), installation.now)
    made = links.invite_all(installation.db, course=COURSE, principal=helper, now=installation.now)
    assert {link.username for link in made} == {"alice", "bob"}
    for link in made:
        assert links.holder(installation.db, link.secret, installation.now).username == link.username


# forgotten


def forgotten(made: Installation, name: str) -> links.Link | None:
    links.note_request(made.db, name=name, address="there", now=made.now)
    return links.forgotten(made.db, name, made.now)


def test_a_forgotten_password_is_found_by_name_and_by_address(installation: Installation) -> None:
    person(installation, "dora")
    for name in ("DORA", " dora@Example.edu"):
        link = forgotten(installation, name)
        assert link
        assert (link.username, link.email, link.purpose) == ("dora", "dora@example.edu", "reset")
    assert forgotten(installation, "alice") is None  # no address to send to
    assert forgotten(installation, "nobody") is None
    accounts.disable(installation.db, "dora", principal=SERVER, now=installation.now)
    assert forgotten(installation, "dora") is None


def test_asking_again_and_again_is_throttled_alike_for_known_and_unknown(installation: Installation) -> None:
    person(installation, "dora")
    for name in ("dora", "nobody"):
        for _ in range(links.FORGOTTEN_BY_NAME):
            forgotten(installation, name)
        with pytest.raises(Refusal) as refused:
            forgotten(installation, name)
        assert refused.value.code == "too_many_attempts"
    installation.now += timedelta(minutes=15)
    assert forgotten(installation, "dora")
