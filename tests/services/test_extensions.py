"""More time and more submissions for one student: what it changes, for whom, and until when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from tests.installations import COURSE, NOON, Build, Installation
from tests.services.test_end import board, choose
from tests.services.test_submit import send

from unseen_server.core.errors import (
    BadRequest,
    Conflict,
    DailyLimitReached,
    NotFound,
    StaffOnly,
    TotalLimitReached,
    WrongPhase,
)
from unseen_server.core.limits import Allowance
from unseen_server.db import models
from unseen_server.services import accounts, competitions, courses, extensions, finals, launching
from unseen_server.services.extensions import Granted, Wanted
from unseen_server.services.principals import SERVER
from unseen_server.services.reveal import reveal
from unseen_server.services.submissions import own_limits

AFTER = "2026-12-10 23:59"  # three days after the deadline, in Taipei


def grant(made: Installation, who: str = "alice", by: str = "teacher", **wanted: Any) -> Granted:
    principal = made.principal(by)
    asked = Wanted(who, **{"reason": "ill for a week", **wanted})
    return extensions.grant(made.db, slug=made.slug, wanted=asked, principal=principal, now=made.now)


def withdraw(made: Installation, number: int | None) -> Granted:
    return extensions.withdraw(made.db, number=number or 0, reason="by mistake", principal=SERVER, now=made.now)


def limits_of(made: Installation, who: str = "alice") -> Allowance:
    return own_limits(made.db, slug=made.slug, principal=made.principal(who), now=made.now)


def phase_for(made: Installation, who: str) -> str:
    return competitions.shown(made.db, slug=made.slug, principal=made.principal(who), now=made.now).phase


def share_a_team(made: Installation, one: str, other: str) -> None:
    """`other` joins the team of `one`."""
    with made.db.write() as session:
        people = {user.username: user.id for user in session.scalars(select(models.User))}
        team = session.scalars(select(models.TeamMember).where(models.TeamMember.user_id == people[one])).one()
        session.add(
            models.TeamMember(
                competition_id=team.competition_id, user_id=people[other], team_id=team.team_id, joined_at=made.now
            )
        )


def test_more_time_makes_a_file_on_time_that_is_late_for_the_others(installation: Installation) -> None:
    granted = grant(installation, until=AFTER)
    assert granted.until is not None
    assert granted.until.isoformat() == "2026-12-10T15:59:00+00:00"
    installation.pass_deadline()
    on_time = send(installation, installation.noisy(3.0))
    assert (on_time.late, on_time.rank) == (False, 1)
    assert send(installation, installation.noisy(1.0), "bob").late
    assert [entry.team for entry in board(installation).entries] == ["Alice"]


def test_the_own_deadline_is_exact_to_the_instant(installation: Installation) -> None:
    until = grant(installation, until=AFTER).until
    assert until is not None
    installation.now = until
    assert not send(installation, installation.file()).late
    installation.now = until + timedelta(microseconds=1)
    assert send(installation, installation.file()).late


def test_an_extended_student_is_admitted_where_late_files_are_refused(build: Build) -> None:
    made = build(late_submissions=False)
    grant(made, until=AFTER)
    made.pass_deadline()
    assert not send(made, made.file()).late


def test_the_phase_and_the_deadline_are_ones_own(installation: Installation) -> None:
    until = grant(installation, until=AFTER).until
    installation.pass_deadline()
    assert [phase_for(installation, who) for who in ("alice", "bob")] == ["open", "closed"]
    allowance = limits_of(installation)
    assert (allowance.deadline, allowance.extended) == (until, True)
    assert limits_of(installation, "bob").deadline == installation.bundle.settings.deadline


def test_finals_may_be_chosen_until_ones_own_deadline(installation: Installation) -> None:
    for who in ("alice", "bob"):
        send(installation, installation.file(), who)
    grant(installation, until=AFTER)
    installation.pass_deadline()
    assert choose(installation, 1).chosen
    with pytest.raises(WrongPhase):
        choose(installation, 2, who="bob")


def test_more_time_is_the_whole_teams_and_the_longest_counts(installation: Installation) -> None:
    send(installation, installation.file())
    share_a_team(installation, "alice", "bob")
    grant(installation, "bob", until="2026-12-09 12:00")
    longest = grant(installation, "alice", until=AFTER)
    assert limits_of(installation, "bob").deadline == longest.until
    withdraw(installation, longest.id)
    assert limits_of(installation, "alice").deadline.isoformat() == "2026-12-09T04:00:00+00:00"


def test_an_extension_never_ends_before_the_deadline_of_all(installation: Installation) -> None:
    grant(installation, until=AFTER)
    with installation.db.write() as session:
        session.scalars(select(models.Competition)).one().deadline += timedelta(days=30)
    assert not limits_of(installation).extended


def test_extra_submissions_count_for_their_day_and_in_total(build: Build) -> None:
    made = build(daily_limit=2, total_limit=3)
    grant(made, extra=2)
    assert [send(made, made.file()).left_today for _ in range(4)] == [3, 2, 1, 0]
    made.now += timedelta(days=1)
    assert send(made, made.file()).left_total == 0
    with pytest.raises(TotalLimitReached, match="all 5 submissions"):
        send(made, made.file())


def test_a_refund_is_gone_with_its_day(build: Build) -> None:
    made = build(daily_limit=1)
    grant(made, extra=1)
    assert [send(made, made.file()).left_today for _ in range(2)] == [1, 0]
    with pytest.raises(DailyLimitReached, match="all 2 submissions for today"):
        send(made, made.file())
    made.now += timedelta(days=1)
    assert limits_of(made).left_today == 1


def test_extra_submissions_may_be_for_a_later_day(installation: Installation) -> None:
    grant(installation, extra=3, day="2026-11-25")
    assert limits_of(installation).extra_today == 0
    installation.now += timedelta(days=2)
    assert (limits_of(installation).extra_today, limits_of(installation).left_today) == (3, 8)


def test_what_is_withdrawn_gives_nothing_and_takes_no_submission_back(build: Build) -> None:
    made = build(daily_limit=1)
    granted = grant(made, until=AFTER, extra=2)
    for _ in range(3):
        send(made, made.file())
    withdraw(made, granted.id)
    assert (limits_of(made).left_today, limits_of(made).used_today, limits_of(made).extended) == (0, 3, False)
    with pytest.raises(Conflict):
        withdraw(made, granted.id)


def test_who_has_no_team_yet_sees_it_too(installation: Installation) -> None:
    grant(installation, until=AFTER, extra=1)
    assert (limits_of(installation).extended, limits_of(installation).left_today) == (True, 6)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({}, "a later deadline, extra submissions, or both"),
        ({"until": "2026-12-01 12:00"}, "gives no time"),
        ({"until": "soon"}, "is not a date"),
        ({"extra": -1}, "whole number"),
        ({"extra": 10**9}, "whole number"),
        ({"extra": 1, "day": "2026-11-22"}, "is over"),
        ({"extra": 1, "day": "tomorrow"}, "is not a day"),
        ({"extra": 1, "reason": " "}, "A reason should have"),
    ],
)
def test_what_makes_no_sense_is_refused(build: Build, wanted: dict[str, Any], said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        grant(build(), **wanted)


def test_an_extension_is_for_somebody_of_the_course(installation: Installation) -> None:
    for who in ("nobody", "outsider", "rival", "a\0b", ""):
        with pytest.raises(NotFound):
            grant(installation, who, until=AFTER)


def test_a_student_is_found_by_any_of_their_names(installation: Installation) -> None:
    with installation.db.write() as session:
        user = accounts.add_user(
            session, "b09", display_name="Dora Li", email="dora@example.edu", student_id="B09", now=NOON, actor="test"
        )
        accounts.enrol(session, user, courses.course_named(session, COURSE), "student", now=NOON, actor="test")
    for typed in ("B09", "Dora Li", "Dora@example.edu", " b09 "):
        assert grant(installation, typed, extra=1).username == "b09"


def test_two_of_one_name_are_asked_for_by_user_name(installation: Installation) -> None:
    with installation.db.write() as session:
        for username in ("lee1", "lee2"):
            user = accounts.add_user(session, username, display_name="Lee", now=NOON, actor="test")
            accounts.enrol(session, user, courses.course_named(session, COURSE), "student", now=NOON, actor="test")
    with pytest.raises(Conflict, match="lee1, lee2"):
        grant(installation, "Lee", extra=1)


def test_only_the_courses_staff_grant_and_withdraw(installation: Installation) -> None:
    number = grant(installation, until=AFTER).id or 0
    for who in ("alice", "rival"):
        with pytest.raises(StaffOnly):
            grant(installation, by=who, until=AFTER)
        with pytest.raises(StaffOnly):
            extensions.withdraw(
                installation.db, number=number, reason="x", principal=installation.principal(who), now=NOON
            )


def test_the_reveal_waits_for_whoever_may_still_submit(installation: Installation) -> None:
    granted = grant(installation, until=AFTER)
    installation.pass_deadline()
    with pytest.raises(Conflict, match="Alice may submit until 2026-12-10 23:59 Asia/Taipei"):
        reveal(installation.db, slug=installation.slug, principal=SERVER, now=installation.now)
    withdraw(installation, granted.id)
    assert reveal(installation.db, slug=installation.slug, principal=SERVER, now=installation.now)


def test_closing_after_the_deadline_ends_every_extension(installation: Installation) -> None:
    grant(installation, until=AFTER)
    installation.pass_deadline()
    launching.close(installation.db, slug=installation.slug, principal=SERVER, now=installation.now)
    assert phase_for(installation, "alice") == "closed"
    assert send(installation, installation.file()).late
    assert reveal(installation.db, slug=installation.slug, principal=SERVER, now=installation.now)
    with pytest.raises(Conflict, match="over for everybody"):
        grant(installation, until=AFTER)


def test_closing_once_more_changes_nothing(installation: Installation) -> None:
    installation.pass_deadline()
    launching.close(installation.db, slug=installation.slug, principal=SERVER, now=installation.now)
    with installation.db.read() as session:
        assert session.scalars(select(models.Competition.closed_at)).one() is None


def test_what_was_granted_is_listed_and_audited_with_its_reason(installation: Installation) -> None:
    granted = grant(installation, until=AFTER, extra=1)
    withdraw(installation, granted.id)
    (listed,) = extensions.listed(installation.db, slug=installation.slug, principal=SERVER, now=installation.now)
    assert (listed.username, listed.reason, listed.live, listed.actor) == ("alice", "ill for a week", False, "teacher")
    with installation.db.read() as session:
        rows = session.scalars(select(models.AuditEntry).where(models.AuditEntry.action.startswith("extension"))).all()
    assert [(row.action, row.details["reason"]) for row in rows] == [
        ("extension.add", "ill for a week"),
        ("extension.withdraw", "by mistake"),
    ]


def test_the_default_rule_counts_what_came_within_the_own_deadline(installation: Installation) -> None:
    grant(installation, until=AFTER)
    installation.pass_deadline()
    ref = send(installation, installation.noisy(2.0)).ref
    place = {"slug": installation.slug, "principal": installation.principal("alice"), "now": installation.now}
    assert finals.final(installation.db, **place).refs == [ref]
