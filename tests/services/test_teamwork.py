"""Teams: made, joined and left by students, and never a way to one submission more."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from tests.installations import COURSE, NOON, STUDENTS, Build, Installation

from unseen_server.core import limits
from unseen_server.core.errors import (
    BadRequest,
    Busy,
    Conflict,
    Forbidden,
    LimitReached,
    NotFound,
    Refusal,
    StaffOnly,
    WrongPhase,
)
from unseen_server.core.merging import Together
from unseen_server.db import queries
from unseen_server.db.models import AuditEntry, Submission, Team, TeamInvitation, TeamMember
from unseen_server.services import (
    accounts,
    boards,
    competitions,
    doctor,
    finals,
    people,
    standings,
    submissions,
    team_corrections,
    teams,
    teamwork,
)
from unseen_server.services.principals import SERVER
from unseen_server.services.submit import Receipt, submit
from unseen_server.services.teamwork import OwnTeam


def team_of(made: Installation, who: str) -> OwnTeam:
    return teamwork.own_team(made.db, **made.asking(who))


def team_id(made: Installation, who: str) -> int:
    with made.db.read() as session:
        user = accounts.user_named(session, who)
        return session.scalar(select(TeamMember.team_id).where(TeamMember.user_id == user.id)) or 0


def team_made(made: Installation, who: str) -> Team:
    with made.db.read() as session:
        competition = competitions.visible(session, made.slug, None, made.now)
    return teams.team_of_one(made.db, competition, made.principal(who), made.now)


def send(made: Installation, who: str, spread: float = 5.0, seed: int = 0, key: str | None = None) -> Receipt:
    upload = made.upload(made.noisy(spread, seed), key=key)
    return submit(
        made.db, made.keys, slug=made.slug, principal=made.principal(who), upload=upload, received_at=made.now
    ).receipt


def invite(made: Installation, by: str, who: str) -> str:
    return teamwork.invite(made.db, who=who, **made.asking(by))


def accept(made: Installation, who: str, host: str) -> None:
    teamwork.accept(made.db, team_id=team_id(made, host), **made.asking(who))


def join(made: Installation, host: str, guest: str) -> None:
    invite(made, host, guest)
    accept(made, guest, host)


def count(made: Installation, kind: type) -> int:
    with made.db.read() as session:
        return len(session.scalars(select(kind)).all())


# making a team


def test_everybody_is_a_team_of_one_at_first(installation: Installation) -> None:
    own = team_of(installation, "alice")
    assert (own.name, [member.name for member in own.members], own.may_leave) == ("Alice", ["Alice"], False)
    assert count(installation, Team) == 0  # looking makes none


def test_two_first_files_at_once_end_in_one_team(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    first = team_made(installation, "alice")
    looks, look = iter([True]), queries.teams.team_of
    monkeypatch.setattr(queries.teams, "team_of", lambda *who: None if next(looks, False) else look(*who))
    assert team_made(installation, "alice").id == first.id
    monkeypatch.setattr(queries.teams, "team_of", lambda *_: None)
    with pytest.raises(Busy):
        team_made(installation, "alice")
    assert count(installation, Team) == 1


def test_people_of_one_name_have_teams_of_different_names(installation: Installation) -> None:
    with installation.db.write() as session:
        for who in STUDENTS:
            accounts.user_named(session, who).display_name = "Lee"
    team_made(installation, "alice")
    teamwork.rename_own(installation.db, name="Lee (carol)", **installation.asking("alice"))
    assert [team_made(installation, who).name for who in STUDENTS] == ["Lee (carol)", "Lee", "Lee (carol 2)"]


def test_an_invited_student_joins_with_what_they_have_submitted(installation: Installation) -> None:
    send(installation, "alice", 5.0)
    receipt = send(installation, "bob", 2.0, key="bobs")
    join(installation, "alice", "bob")
    own = team_of(installation, "alice")
    assert [(member.name, member.is_you) for member in own.members] == [("Alice", True), ("Bob", False)]
    board = standings.board(
        installation.db, slug=installation.slug, which="public", principal=None, now=installation.now
    )
    (entry,) = board.entries
    assert (entry.team, entry.rank, entry.entries, entry.score) == ("Alice", 1, 2, receipt.public_score)
    assert [s.ref for s in submissions.own_submissions(installation.db, limit=9, **installation.asking("bob"))] == [
        2,
        1,
    ]
    assert used_today(installation, "bob") == 2
    found = doctor.examine(installation.config, installation.db)
    assert all(finding.ok for finding in found if str(finding.what).startswith(("standings", "references")))


def test_receipts_and_repeated_requests_stay_as_they_were(installation: Installation) -> None:
    receipt = send(installation, "bob", 2.0, key="bobs")
    join(installation, "alice", "bob")
    assert send(installation, "bob", 2.0, key="bobs") == receipt
    assert submissions.own_file(installation.db, ref=receipt.ref, principal=installation.principal("alice")).content


def test_an_invitation_is_found_by_address_and_names_nobody_else(installation: Installation) -> None:
    with installation.db.write() as session:
        accounts.user_named(session, "bob").email = "bob@example.org"
        accounts.user_named(session, "outsider").email = "out@example.org"
    assert invite(installation, "alice", " Bob@Example.org ") == "Bob"
    said = set()
    for stranger in ("outsider", "out@example.org", "teacher", "nobody", "nobody@example.org"):
        with pytest.raises(NotFound) as refused:
            invite(installation, "alice", stranger)
        said.add(str(refused.value).replace(stranger, "X"))
    assert len(said) == 1


def test_an_invitation_can_be_declined_or_taken_back_and_is_gone(installation: Installation) -> None:
    for who in ("bob", "carol"):
        invite(installation, "alice", who)
        invite(installation, "alice", who)  # a second click
    host = team_id(installation, "alice")
    (invitation,) = team_of(installation, "bob").invitations
    assert (invitation.team, invitation.members, invitation.invited_by) == ("Alice", ["Alice"], "Alice")
    for _ in range(2):
        teamwork.decline(installation.db, team_id=host, **installation.asking("bob"))
    carol = team_of(installation, "alice").asked[0].user_id
    for _ in range(2):
        teamwork.take_back(installation.db, user_id=carol, **installation.asking("alice"))
    for who in ("bob", "carol"):
        assert team_of(installation, who).invitations == []
        with pytest.raises(NotFound):
            accept(installation, who, "alice")


def test_nobody_joins_without_an_invitation(installation: Installation) -> None:
    send(installation, "alice")
    with pytest.raises(NotFound):
        accept(installation, "bob", "alice")


def test_accepting_twice_is_accepting_once(installation: Installation) -> None:
    join(installation, "alice", "bob")
    accept(installation, "bob", "alice")
    assert count(installation, Team) == 1


def test_the_absorbed_teams_invitations_end(build: Build) -> None:
    made = build(largest_team=3)
    invite(made, "bob", "carol")
    invite(made, "alice", "carol")
    join(made, "alice", "bob")
    assert [invitation.team for invitation in team_of(made, "carol").invitations] == ["Alice"]
    accept(made, "carol", "alice")
    assert count(made, TeamInvitation) == 0


def test_a_team_grows_no_larger_than_allowed(build: Build) -> None:
    made = build(largest_team=2)
    invite(made, "alice", "carol")
    join(made, "alice", "bob")
    (invitation,) = team_of(made, "carol").invitations
    assert "3 people" in str(invitation.refusal)
    with pytest.raises(Conflict, match="at most 2"):
        accept(made, "carol", "alice")
    with pytest.raises(Conflict, match="full"):
        invite(made, "alice", "carol")


def test_where_everybody_works_alone_nobody_is_invited(build: Build) -> None:
    made = build(largest_team=1)
    with pytest.raises(Conflict, match="works alone"):
        invite(made, "alice", "bob")
    assert teamwork.rename_own(made.db, name="Solo", **made.asking("alice")) == "Solo"


def test_a_teams_open_invitations_are_few(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    made = build()
    monkeypatch.setattr(teamwork, "MOST_INVITATIONS", 1)
    invite(made, "alice", "bob")
    with pytest.raises(Conflict, match="not answered"):
        invite(made, "alice", "carol")


def test_a_team_is_renamed_and_no_two_names_look_alike(installation: Installation) -> None:
    send(installation, "bob")
    before = stamp(installation)
    teamwork.rename_own(installation.db, name=" Gradient Ascent ", **installation.asking("alice"))
    assert team_of(installation, "alice").name == "Gradient Ascent"
    assert stamp(installation) != before
    teamwork.rename_own(installation.db, name="gradient ascent", **installation.asking("alice"))  # one's own
    for name in ("ＢＯＢ", "bob "):
        with pytest.raises(Conflict, match="already a team"):
            teamwork.rename_own(installation.db, name=name, **installation.asking("alice"))
    with pytest.raises(BadRequest):
        teamwork.rename_own(installation.db, name="\u202eevil", **installation.asking("alice"))


def stamp(made: Installation) -> str:
    return boards.state(made.db, slug=made.slug, principal=None, now=made.now).stamp


# leaving


def test_a_team_can_be_left_before_its_first_submission(installation: Installation) -> None:
    join(installation, "alice", "bob")
    assert team_of(installation, "bob").may_leave
    teamwork.leave(installation.db, **installation.asking("bob"))
    assert [member.name for member in team_of(installation, "bob").members] == ["Bob"]
    with pytest.raises(Conflict, match="only member"):
        teamwork.leave(installation.db, **installation.asking("bob"))


def test_whoever_was_taken_out_of_the_course_sees_no_more_of_the_team(installation: Installation) -> None:
    join(installation, "alice", "bob")
    ref, bob = send(installation, "alice").ref, installation.client("bob")
    paths = [f"/api/submissions/{ref}{end}" for end in ("", "/file", "/receipt")]
    assert [bob.get(path).status_code for path in paths] == [200] * 3
    place = {"course": COURSE, "principal": installation.principal("teacher"), "now": installation.now}
    people.take_out(installation.db, username="bob", **place)
    assert [bob.get(path).status_code for path in paths] == [404] * 3


def test_nobody_leaves_what_has_submitted(installation: Installation) -> None:
    join(installation, "alice", "bob")
    send(installation, "alice")
    assert not team_of(installation, "bob").may_leave
    with pytest.raises(Conflict, match="submitted already"):
        teamwork.leave(installation.db, **installation.asking("bob"))


# the limit rule


def test_teams_that_have_submitted_more_than_one_could_wait(build: Build) -> None:
    made = build(daily_limit=2)
    for who in ("alice", "bob"):
        for seed in range(2):
            send(made, who, seed=seed)
    with pytest.raises(Conflict, match="submitted 4 times"):
        join(made, "alice", "bob")
    made.now += timedelta(days=1)
    send(made, "bob", seed=3)  # five of four: still too many
    with pytest.raises(Conflict, match="submitted 5 times"):
        accept(made, "bob", "alice")
    made.now += timedelta(days=1)
    accept(made, "bob", "alice")
    assert submissions.own_limits(made.db, **made.asking("alice")).used_total == 5


def test_what_either_used_today_the_team_has_used(build: Build) -> None:
    made = build(daily_limit=3)
    made.now += timedelta(days=2)
    for who in ("alice", "alice", "bob", "bob"):
        send(made, who)
    join(made, "alice", "bob")
    left = submissions.own_limits(made.db, **made.asking("bob"))
    assert (left.used_today, left.left_today) == (4, 0)
    with pytest.raises(LimitReached):
        send(made, "bob")
    assert slots(made) == {0: 1, 1: 1, 2: 1, 3: 1}


def slots(made: Installation) -> Counter[int]:
    with made.db.read() as session:
        return Counter(session.scalars(select(Submission.slot)))


def test_the_total_limit_holds_for_both_together(build: Build) -> None:
    made = build(total_limit=3)
    for who in ("alice", "alice", "bob", "bob"):
        send(made, who)
    with pytest.raises(Conflict, match="at most 3 times"):
        join(made, "alice", "bob")


@pytest.mark.parametrize(
    ("members", "submissions", "fits"), [(3, 10, True), (4, 10, False), (3, 11, False), (1, 0, True)]
)
def test_one_team_is_as_large_and_as_busy_as_one_team_may_be(members: int, submissions: int, fits: bool) -> None:
    assert (Together(members, 3, submissions, 10).refusal is None) == fits


# final submissions


def test_final_submissions_of_both_stay_where_there_is_room(installation: Installation) -> None:
    for who in ("alice", "bob"):
        receipt = send(installation, who)
        finals.choose(installation.db, refs=[receipt.ref], **installation.asking(who))
    join(installation, "alice", "bob")
    final = finals.final(installation.db, **installation.asking("alice"))
    assert (final.refs, final.chosen) == ([1, 2], True)


@pytest.mark.slow
def test_too_many_final_submissions_are_chosen_again(build: Build) -> None:
    made = build(final_submissions=1)
    for who in ("alice", "bob"):
        finals.choose(made.db, refs=[send(made, who).ref], **made.asking(who))
    invite(made, "alice", "bob")
    merged = teamwork.accept(made.db, team_id=team_id(made, "alice"), **made.asking("bob"))
    assert merged is not None
    assert merged.finals_cleared
    assert not finals.final(made.db, **made.asking("alice")).chosen


# who and when


def test_teams_are_for_students_while_the_competition_is_open(build: Build) -> None:
    made = build()
    invite(made, "alice", "bob")
    with pytest.raises(Forbidden):
        teamwork.rename_own(made.db, name="Staff", **made.asking("teacher"))
    with pytest.raises(Forbidden):
        teamwork.rename_own(made.db, name="Other", **made.asking("outsider"))
    made.pass_deadline()
    host = team_id(made, "alice")
    for attempt in (
        lambda: teamwork.accept(made.db, team_id=host, **made.asking("bob")),
        lambda: teamwork.rename_own(made.db, name="Late", **made.asking("alice")),
        lambda: teamwork.leave(made.db, **made.asking("alice")),
    ):
        with pytest.raises(WrongPhase):
            attempt()
    assert not team_of(made, "bob").open


def test_every_step_is_in_the_audit_log(installation: Installation) -> None:
    invite(installation, "alice", "carol")
    teamwork.decline(installation.db, team_id=team_id(installation, "alice"), **installation.asking("carol"))
    join(installation, "alice", "bob")
    teamwork.leave(installation.db, **installation.asking("bob"))
    with installation.db.read() as session:
        actions = session.scalars(select(AuditEntry.action).where(AuditEntry.action.like("team.%"))).all()
    assert actions == ["team.invite", "team.decline", "team.invite", "team.merge", "team.leave"]


# the staff


def test_the_staff_merge_and_rename_with_a_reason_beyond_the_limits(build: Build) -> None:
    made = build(largest_team=1, daily_limit=1)
    send(made, "alice")
    send(made, "bob", 2.0)
    made.pass_deadline()
    how: dict[str, Any] = {"slug": made.slug, "reason": "worked together", "principal": SERVER, "now": made.now}
    merged = team_corrections.merge(made.db, team="alice", other="BOB", **how)
    assert (merged.team, merged.members, merged.submissions) == ("Alice", 2, 2)
    assert team_corrections.rename(made.db, team="Alice", name="A & B", **how) == "A & B"
    for team, other, refusal in (("Alice", "Carol", NotFound), ("A & B", "A & B", BadRequest)):
        with pytest.raises(refusal):
            team_corrections.merge(made.db, team=team, other=other, **how)
    with pytest.raises(BadRequest):
        team_corrections.rename(made.db, team="A & B", name="C", **{**how, "reason": " "})


def test_staff_and_baselines_never_merge_and_students_do_not_correct(installation: Installation) -> None:
    send(installation, "teacher")
    send(installation, "alice")
    how: dict[str, Any] = {"slug": installation.slug, "reason": "why", "now": installation.now}
    with pytest.raises(NotFound):
        team_corrections.merge(installation.db, team="Alice", other="Teacher", principal=SERVER, **how)
    for who in ("alice", "rival"):
        with pytest.raises(StaffOnly):
            team_corrections.merge(
                installation.db, team="Alice", other="Alice", principal=installation.principal(who), **how
            )


# at once, and at random


def at_once(*deeds: Callable[[], object]) -> list[object]:
    """Do these at the same moment; what is refused counts as its refusal."""

    def answer(deed: Callable[[], object]) -> object:
        try:
            return deed()
        except Refusal as refusal:
            return type(refusal)

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(answer, deeds))


@pytest.mark.slow
@pytest.mark.parametrize("trial", range(3))
def test_submitting_while_two_teams_become_one_loses_nothing_and_wins_nothing(
    installation: Installation, trial: int
) -> None:
    made = installation
    made.now += timedelta(days=1)
    for who in ("alice", "bob"):
        send(made, who)
    invite(made, "alice", "bob")
    answers = at_once(
        lambda: accept(made, "bob", "alice"),
        *(lambda who=who, n=n: send(made, who, seed=n) for n in range(4) for who in ("alice", "bob")),
        lambda: accept(made, "bob", "alice"),
    )
    receipts = {answer.ref for answer in answers if isinstance(answer, Receipt)}
    refused = [answer for answer in answers if answer in _LIMITS]
    assert len(receipts) + len(refused) == 8
    assert team_id(made, "alice") == team_id(made, "bob")
    with made.db.read() as session:
        refs = set(session.scalars(select(Submission.id)))
        assert refs == receipts | {1, 2}
        _nothing_is_out_of_order(session)
        _nobody_passed_the_limit(session, limit=5)
    assert used_today(made, "alice") == len(refs)
    assert len(refs) >= 5 or not refused
    board = standings.board(made.db, slug=made.slug, which="public", principal=None, now=made.now)
    assert [entry.entries for entry in board.entries] == [len(refs)]


def _nobody_passed_the_limit(session: Session, limit: int) -> None:
    """Go through what happened in its order: nobody submitted who had used the day up, before the merge or after."""
    used: Counter[str] = Counter()
    team_of_person = {"alice": "alice", "bob": "bob"}
    for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id)):
        if entry.action == "submission.add":
            team = team_of_person[entry.actor]
            assert used[team] < limit
            used[team] += 1
        elif entry.action == "team.merge":
            team_of_person["bob"] = "alice"
            used["alice"] += used.pop("bob")


_LIMITS = (LimitReached, *LimitReached.__subclasses__())


def test_two_teams_that_ask_each_other_become_one_whoever_answers_first(installation: Installation) -> None:
    made = installation
    invite(made, "alice", "bob")
    invite(made, "bob", "alice")
    hosts = team_id(made, "alice"), team_id(made, "bob")
    at_once(
        lambda: teamwork.accept(made.db, team_id=hosts[0], **made.asking("bob")),
        lambda: teamwork.accept(made.db, team_id=hosts[1], **made.asking("alice")),
    )
    assert count(made, Team) == 1
    assert count(made, TeamMember) == 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_no_way_through_teams_wins_a_submission(build: Build, seed: int) -> None:
    made = build(daily_limit=2, largest_team=2)
    rng = random.Random(seed)
    for _ in range(40):
        _take_a_step(made, rng, *rng.sample(STUDENTS, 2))
        if rng.random() < 0.2:
            made.now += timedelta(hours=5)
        with made.db.read() as session:
            _nothing_is_out_of_order(session)


def _take_a_step(made: Installation, rng: random.Random, who: str, other: str) -> None:
    """One person does something; what is refused changes nothing that the test looks at."""
    step, before = rng.choice(("send", "send", "invite", "accept", "accept", "leave")), used_today(made, who)
    days = limits.quota_days(NOON, made.now, "Asia/Taipei")
    with contextlib.suppress(Conflict, LimitReached, NotFound):
        if step == "send":
            send(made, who)
            assert before < 2
        elif step == "invite":
            invite(made, who, other)
        elif step == "leave":
            teamwork.leave(made.db, **made.asking(who))
        else:
            merged = teamwork.accept(made.db, team_id=team_id(made, other), **made.asking(who))
            assert merged is None or (merged.members <= 2 and merged.submissions <= 2 * days)


def used_today(made: Installation, who: str) -> int:
    return submissions.own_limits(made.db, **made.asking(who)).used_today


def _nothing_is_out_of_order(session: Session) -> None:
    """Whoever has submitted is in the team that counts it, slots have no gaps, and no team is without members."""
    member_of = {row.user_id: row.team_id for row in session.execute(select(TeamMember.user_id, TeamMember.team_id))}
    used: dict[tuple[int, date], set[int]] = {}
    for submission in session.scalars(select(Submission)):
        assert submission.user_id is not None
        assert member_of[submission.user_id] == submission.team_id
        used.setdefault((submission.team_id, submission.quota_day), set()).add(submission.slot)
    assert all(taken == set(range(len(taken))) for taken in used.values())
    assert set(member_of.values()) == set(session.scalars(select(Team.id)))
