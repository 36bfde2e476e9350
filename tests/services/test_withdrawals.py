"""Submissions withdrawn by the staff and brought back, before the reveal and after it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from tests.installations import Installation
from tests.services.test_end import board, choose, end
from tests.services.test_submit import send

from unseen_server.core.errors import BadFile, BadRequest, Conflict, NotFound, StaffOnly
from unseen_server.db import models
from unseen_server.services import baselines, doctor, finals, received, withdrawals
from unseen_server.services.bundles import DeclaredBaseline
from unseen_server.services.principals import SERVER
from unseen_server.services.standings import Entry
from unseen_server.services.submissions import OwnSubmission, own_limits, own_submissions


def take_out(made: Installation, ref: int, reason: str = "sent by a program", who: str = "teacher") -> None:
    place = {"slug": made.slug, "principal": made.principal(who), "now": made.now}
    withdrawals.withdraw(made.db, ref=ref, reason=reason, **place)


def bring_back(made: Installation, ref: int) -> None:
    withdrawals.restore(made.db, slug=made.slug, ref=ref, reason="it was fine", principal=SERVER, now=made.now)


def own(made: Installation, who: str = "alice") -> list[OwnSubmission]:
    return own_submissions(made.db, slug=made.slug, principal=made.principal(who), limit=10, now=made.now)


def ranks(entries: list[Entry]) -> list[tuple[str, int | None]]:
    return [(entry.team, entry.rank) for entry in entries]


def well(made: Installation) -> bool:
    return all(finding.ok for finding in doctor.examine(made.config, made.db) if "standings" in str(finding.what))


def last_deed(made: Installation, action: str) -> models.AuditEntry:
    with made.db.read() as session:
        return session.scalars(select(models.AuditEntry).where(models.AuditEntry.action == action)).all()[-1]


def test_a_withdrawn_submission_leaves_the_board_and_keeps_its_slot(installation: Installation) -> None:
    worse = send(installation, installation.noisy(9.0))
    best = send(installation, installation.noisy(2.0))
    take_out(installation, best.ref)
    (entry,) = board(installation).entries
    assert (entry.score, entry.entries) == (worse.public_score, 1)
    place = {"slug": installation.slug, "principal": installation.principal("alice"), "now": installation.now}
    assert own_limits(installation.db, **place).used_today == 2
    assert well(installation)


def test_its_team_sees_it_marked_with_the_reason(installation: Installation) -> None:
    ref = send(installation, installation.file()).ref
    take_out(installation, ref, "not your own work")
    (submission,) = own(installation)
    assert (submission.status, submission.withdrawn_reason) == ("withdrawn", "not your own work")


def test_a_team_without_a_submission_that_counts_is_on_no_board(installation: Installation) -> None:
    take_out(installation, send(installation, installation.file()).ref)
    send(installation, installation.file(), "bob")
    assert ranks(board(installation).entries) == [("Bob", 1)]
    assert ranks(end(installation).entries) == [("Bob", 1)]
    assert well(installation)


def test_bringing_it_back_leaves_everything_as_it_was(installation: Installation) -> None:
    refs = [send(installation, installation.noisy(spread)).ref for spread in (9.0, 2.0, 5.0)]
    choose(installation, refs[1])
    before, mine = board(installation).entries, own(installation)
    take_out(installation, refs[1])
    assert board(installation).entries != before
    bring_back(installation, refs[1])
    assert board(installation).entries == before
    assert own(installation) == mine
    assert well(installation)


def test_finals_chosen_or_by_default_pass_over_it(installation: Installation) -> None:
    refs = [send(installation, installation.noisy(spread, n)).ref for n, spread in enumerate((2.0, 4.0, 8.0))]
    choose(installation, refs[0])
    take_out(installation, refs[0])
    place = {"slug": installation.slug, "principal": installation.principal("alice"), "now": installation.now}
    assert finals.final(installation.db, **place).refs == refs[1:]
    with pytest.raises(NotFound):
        choose(installation, refs[0])


def test_a_choice_made_meanwhile_is_not_overturned_by_what_comes_back(installation: Installation) -> None:
    refs = [send(installation, installation.file(value)).ref for value in (50.0, 60.0, 70.0)]
    choose(installation, refs[0])
    take_out(installation, refs[0])
    choose(installation, refs[1], refs[2])
    bring_back(installation, refs[0])
    place = {"slug": installation.slug, "principal": installation.principal("alice"), "now": installation.now}
    assert finals.final(installation.db, **place).refs == refs[1:]


def test_after_the_reveal_the_private_ranks_close_up_and_the_audit_knows(installation: Installation) -> None:
    refs = [send(installation, installation.noisy(s), who).ref for s, who in ((2.0, "alice"), (4.0, "bob"))]
    before = end(installation).entries
    take_out(installation, refs[0])
    (entry,) = board(installation, "private").entries
    assert (entry.team, entry.rank, entry.previous_rank) == ("Bob", 1, 1)
    assert last_deed(installation, "submission.withdraw").details["ranks"] == {"Alice": [1, None], "Bob": [2, 1]}
    bring_back(installation, refs[0])
    assert board(installation, "private").entries == before


def test_a_late_one_and_a_baseline_can_be_withdrawn_too(installation: Installation) -> None:
    place: dict[str, Any] = {"slug": installation.slug, "principal": SERVER, "now": installation.now}
    declared = DeclaredBaseline("Mean", "simple", "mean.csv")
    baselines.add(installation.db, installation.keys, declared=declared, content=installation.file(50.0), **place)
    installation.pass_deadline()
    ref = send(installation, installation.file()).ref
    take_out(installation, 1)
    take_out(installation, ref)
    assert board(installation).entries == []
    bring_back(installation, ref)
    assert board(installation).entries == []
    assert own(installation)[0].status == "scored"
    assert well(installation)


def test_what_is_withdrawn_twice_unknown_or_without_a_reason_is_refused(installation: Installation) -> None:
    ref = send(installation, installation.file()).ref
    with pytest.raises(BadRequest):
        take_out(installation, ref, " ")
    with pytest.raises(Conflict):
        bring_back(installation, ref)
    take_out(installation, ref)
    with pytest.raises(Conflict):
        take_out(installation, ref)
    with pytest.raises(NotFound):
        take_out(installation, 99)


def test_only_the_courses_staff_withdraw_and_look(installation: Installation) -> None:
    ref = send(installation, installation.file()).ref
    for who in ("alice", "rival"):
        with pytest.raises(StaffOnly):
            take_out(installation, ref, who=who)
        place = {"slug": installation.slug, "principal": installation.principal(who), "now": installation.now}
        with pytest.raises(StaffOnly):
            received.search(installation.db, limit=10, **place)
        with pytest.raises(StaffOnly):
            received.file(installation.db, ref=ref, **place)


def found(made: Installation, text: str = "", kind: str = "all") -> list[int]:
    place = {"slug": made.slug, "principal": SERVER, "now": made.now}
    page = received.search(made.db, text=text, kind=kind, limit=10, **place)
    assert page.total == len(page.listed)
    return [one.ref for one in page.listed]


def test_submissions_are_found_by_what_is_in_them(installation: Installation) -> None:
    first = send(installation, installation.file(50.0))
    second = send(installation, installation.file(60.0), "bob")
    take_out(installation, first.ref)
    assert found(installation) == [2, 1]
    assert found(installation, "bob") == [2]
    assert found(installation, "ALICE p.csv") == [1]
    assert found(installation, second.sha256[:9]) == [2]
    assert found(installation, "%") == []
    assert found(installation, "\0") == [2, 1]
    assert found(installation, "1") >= [1]
    assert found(installation, kind="withdrawn") == [1]
    assert found(installation, kind="late") == found(installation, kind="selected") == []


def test_rejected_files_are_counted_by_person_and_their_pause_can_be_ended(installation: Installation) -> None:
    place: dict[str, Any] = {"slug": installation.slug, "principal": SERVER, "now": installation.now}
    for who in ("alice", "alice", "bob"):
        with pytest.raises(BadFile):
            send(installation, b"nonsense", who)
    counted = received.rejected(installation.db, **place)
    assert [(one.username, one.count) for one in counted] == [("alice", 2), ("bob", 1)]
    received.clear_rejected(installation.db, username="alice", reason="her editor was at fault", **place)
    assert [one.username for one in received.rejected(installation.db, **place)] == ["bob"]
    assert last_deed(installation, "rejections.clear").details == {"count": 2, "reason": "her editor was at fault"}
    with pytest.raises(Conflict):
        received.clear_rejected(installation.db, username="alice", reason="again", **place)
    installation.now += timedelta(hours=1)
    assert received.rejected(installation.db, **{**place, "now": installation.now}) == []
