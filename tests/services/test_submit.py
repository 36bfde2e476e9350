"""One upload from file to receipt."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from sqlalchemy import func, select, text
from tests.installations import NOON, Build, Installation

from unseen_server.core.errors import (
    BadFile,
    BadRequest,
    DailyLimitReached,
    DeadlinePassed,
    KeyReused,
    NotEnrolled,
    NotFound,
    NotSignedIn,
    OutcomeUnknown,
    TooManyRejected,
    TotalLimitReached,
)
from unseen_server.core.predictions import read_predictions
from unseen_server.db import models, queries
from unseen_server.db import session as session_module
from unseen_server.db.session import Database
from unseen_server.services import accounts
from unseen_server.services import submit as submitting
from unseen_server.services.principals import SERVER
from unseen_server.services.submissions import own_limits, own_submissions
from unseen_server.services.submit import Receipt, check, submit


def send(installation: Installation, content: bytes, who: str = "alice", key: str | None = None) -> Receipt:
    return submit(
        installation.db,
        installation.keys,
        slug=installation.slug,
        principal=installation.principal(who),
        upload=installation.upload(content, key),
        received_at=installation.now,
    ).receipt


def rows(installation: Installation, table: type[models.Base]) -> int:
    with installation.db.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_receipt_says_what_was_counted(installation: Installation) -> None:
    receipt = send(installation, installation.file(50.0))
    assert (receipt.ref, receipt.status, receipt.rank, receipt.teams) == (1, "scored", 1, 1)
    assert (receipt.used_today, receipt.left_today, receipt.daily_limit) == (1, 4, 5)
    assert receipt.resets_at.isoformat() == "2026-11-23T16:00:00+00:00"
    assert receipt.resets_at_local.isoformat() == "2026-11-24T00:00:00+08:00"


def test_everything_a_receipt_promises_is_stored(installation: Installation) -> None:
    content = installation.file(50.0)
    receipt = send(installation, content)
    with installation.db.read() as session:
        stored = session.get_one(models.SubmittedFile, receipt.ref).content
        vector = np.frombuffer(session.get_one(models.PredictionVector, receipt.ref).content, "<f8")
        private = session.get_one(models.PrivateScore, (receipt.ref, 1))
    assert stored == content
    assert (vector == 50.0).all()
    labels, usage = installation.bundle.key.labels, installation.bundle.key.usage
    assert private.value == pytest.approx(np.mean((labels[usage == 2] - 50.0) ** 2), rel=1e-12)


def test_a_malformed_file_costs_nothing(installation: Installation) -> None:
    with pytest.raises(BadFile):
        send(installation, b"id,minutes\n1,many\n")
    assert rows(installation, models.Submission) == 0
    assert send(installation, installation.file()).left_today == 4


def test_the_daily_limit_holds_and_says_when_it_resets(installation: Installation) -> None:
    for _ in range(5):
        send(installation, installation.file())
    with pytest.raises(
        DailyLimitReached, match=r"all 5 submissions for today\. The count resets at 00:00 Asia/Taipei, in 12 h"
    ):
        send(installation, installation.file())
    assert rows(installation, models.Submission) == 5


def test_a_new_day_begins_at_midnight_in_the_zone_of_the_competition(installation: Installation) -> None:
    for _ in range(5):
        send(installation, installation.file())
    installation.now = NOON + timedelta(hours=12)
    assert send(installation, installation.file()).left_today == 4


def test_a_clock_that_goes_back_gives_no_slot_twice(installation: Installation) -> None:
    installation.now = NOON + timedelta(hours=13)
    send(installation, installation.file())
    installation.now = NOON
    assert send(installation, installation.file()).used_today == 1
    installation.now = NOON + timedelta(hours=13)
    assert send(installation, installation.file()).used_today == 2


def test_the_limit_is_the_teams_and_not_everybodys(installation: Installation) -> None:
    for _ in range(5):
        send(installation, installation.file())
    assert send(installation, installation.file(), "bob").left_today == 4


def test_the_same_key_gives_the_first_answer_and_costs_nothing(installation: Installation) -> None:
    first = send(installation, installation.file(), key="k1")
    send(installation, installation.file(40.0))
    assert send(installation, installation.file(), key="k1") == first
    assert rows(installation, models.Submission) == 2


def test_the_same_key_gives_the_first_answer_after_the_limit_and_the_deadline(installation: Installation) -> None:
    first = send(installation, installation.file(), key="k1")
    for _ in range(4):
        send(installation, installation.file())
    assert send(installation, installation.file(), key="k1") == first
    installation.pass_deadline()
    assert send(installation, installation.file(), key="k1") == first


def test_the_same_key_with_another_file_is_refused(installation: Installation) -> None:
    send(installation, installation.file(), key="k1")
    with pytest.raises(KeyReused):
        send(installation, installation.file(40.0), key="k1")
    assert rows(installation, models.Submission) == 1


def test_keys_of_different_people_have_nothing_to_do_with_each_other(installation: Installation) -> None:
    send(installation, installation.file(), key="k1")
    assert send(installation, installation.file(40.0), "bob", key="k1").ref == 2


@pytest.mark.parametrize("key", ["", "k" * 201, "ключ", "two\nlines"])
def test_a_key_that_cannot_be_kept_is_refused(build: Build, key: str) -> None:
    installation = build()
    with pytest.raises(BadRequest, match="a random UUID is best"):
        send(installation, installation.file(), key=key)


def test_a_long_message_is_refused_and_costs_nothing(build: Build) -> None:
    installation = build()
    upload = installation.upload(installation.file(), message="x" * 501)
    place = {"slug": installation.slug, "principal": installation.principal("alice"), "received_at": installation.now}
    with pytest.raises(BadRequest, match="at most 500 characters"):
        submit(installation.db, installation.keys, upload=upload, **place)
    answer = submit(installation.db, installation.keys, upload=replace(upload, message="x" * 500), **place)
    assert (answer.receipt.ref, answer.receipt.used_today) == (1, 1)


def test_nothing_is_kept_of_whoever_was_disabled_while_their_file_was_read(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(*arguments: Any) -> Any:
        accounts.disable(installation.db, "alice", principal=SERVER, now=installation.now)
        return read_predictions(*arguments)

    monkeypatch.setattr(submitting, "read_predictions", slowly)
    with pytest.raises(NotSignedIn):
        send(installation, installation.file())
    assert rows(installation, models.Submission) == 0


def lose_commits(made: Installation, patch: pytest.MonkeyPatch, *, took_place: bool, times: int) -> None:
    """The next commits break off, before or after they took place; what became of them is asked without a pause."""
    dialect, left = made.db.engine.dialect, iter(range(times))
    commit = dialect.do_commit

    def broken(connection: Any) -> None:
        is_lost = next(left, None) is not None
        if took_place or not is_lost:
            commit(connection)
        if is_lost:
            raise OutcomeUnknown()

    patch.setattr(submitting, "ASKED_AGAIN", 0)
    patch.setattr(submitting, "TIMES_ASKED", 3)
    patch.setattr(dialect, "do_commit", broken)


@pytest.mark.parametrize("metric", ["mse", "r2"])
def test_a_receipt_ranks_by_the_metrics_direction(build: Build, metric: str) -> None:
    made = build(metric=metric)
    told = [
        send(made, made.noisy(spread), who)
        for who, spread in (("alice", 20.0), ("bob", 5.0), ("alice", 40.0), ("alice", 1.0), ("bob", 30.0))
    ]
    assert [(one.rank, one.previous_rank, one.teams) for one in told] == [
        (1, None, 1),
        (1, None, 2),
        (2, 2, 2),
        (1, 2, 2),
        (2, 2, 2),
    ]


@pytest.mark.parametrize("took_place", [True, False])
def test_a_file_counts_once_whatever_became_of_its_commit(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, took_place: bool
) -> None:
    send(installation, installation.file())
    lose_commits(installation, monkeypatch, took_place=took_place, times=1)
    assert send(installation, installation.file(40.0)).used_today == 2
    assert rows(installation, models.Submission) == 2


@pytest.mark.parametrize("took_place", [True, False])
def test_who_is_told_nothing_of_a_commit_sends_the_same_again(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, took_place: bool
) -> None:
    send(installation, installation.file())
    lose_commits(installation, monkeypatch, took_place=took_place, times=4)
    with pytest.raises(OutcomeUnknown, match="with the same Idempotency-Key counts once"):
        send(installation, installation.file(40.0), key="k1")
    assert send(installation, installation.file(40.0), key="k1").used_today == 2
    assert rows(installation, models.Submission) == 2


def test_who_is_not_enrolled_is_told_so(installation: Installation) -> None:
    with pytest.raises(NotEnrolled):
        send(installation, installation.file(), "outsider")
    assert rows(installation, models.Team) == 0


def test_a_competition_nobody_has_is_not_found(installation: Installation) -> None:
    installation.slug = "lectures"
    with pytest.raises(NotFound, match="Did you mean “lecture”"):
        send(installation, installation.file())


def test_a_file_at_the_very_deadline_is_on_time(installation: Installation) -> None:
    installation.now = installation.bundle.settings.deadline
    assert not send(installation, installation.file()).late


def test_a_late_file_is_scored_marked_and_not_ranked(installation: Installation) -> None:
    installation.pass_deadline()
    receipt = send(installation, installation.noisy(1.0))
    assert receipt.late
    assert receipt.public_score is not None
    assert (receipt.rank, receipt.improved) == (None, False)


def test_a_competition_may_refuse_late_files(build: Build) -> None:
    installation = build(late_submissions=False)
    installation.pass_deadline()
    with pytest.raises(DeadlinePassed):
        send(installation, installation.file())
    assert rows(installation, models.Submission) == 0


def test_a_total_limit_holds_over_days(build: Build) -> None:
    installation = build(total_limit=2)
    send(installation, installation.file())
    installation.now += timedelta(days=1)
    assert send(installation, installation.file()).left_total == 0
    installation.now += timedelta(days=1)
    with pytest.raises(TotalLimitReached):
        send(installation, installation.file())


@pytest.mark.slow
def test_lowering_the_limit_below_what_was_used_refuses_and_breaks_nothing(installation: Installation) -> None:
    for _ in range(3):
        send(installation, installation.file())
    with installation.db.write() as session:
        session.scalars(select(models.Competition)).one().daily_limit = 2
    with pytest.raises(DailyLimitReached):
        send(installation, installation.file())
    allowance = own_limits(
        installation.db, slug=installation.slug, principal=installation.principal("alice"), now=installation.now
    )
    assert (allowance.used_today, allowance.left_today) == (3, 0)


def test_rejected_files_are_free_but_not_without_end(build: Build) -> None:
    installation = build(rejected_per_hour=3)
    for _ in range(3):
        with pytest.raises(BadFile):
            send(installation, b"nonsense")
    with pytest.raises(TooManyRejected):
        send(installation, installation.file())
    assert send(installation, installation.file(), "bob").ref == 1
    installation.now += timedelta(hours=1)
    assert send(installation, installation.file()).ref == 2


def test_a_check_counts_nothing_and_stores_nothing(installation: Installation) -> None:
    n = check(
        installation.db,
        installation.keys,
        slug=installation.slug,
        principal=installation.principal("alice"),
        upload=installation.upload(installation.file()),
        received_at=installation.now,
    )
    assert n == 40
    assert rows(installation, models.Submission) == 0
    assert rows(installation, models.TeamMember) == 0


def test_own_submissions_come_newest_first_and_without_private_scores(installation: Installation) -> None:
    send(installation, installation.file(50.0))
    send(installation, installation.file(60.0))
    mine = own_submissions(
        installation.db, slug=installation.slug, principal=installation.principal("alice"), limit=10, now=NOON
    )
    assert [submission.ref for submission in mine] == [2, 1]
    assert {submission.private_score for submission in mine} == {None}


def test_a_better_score_improves_the_standing_and_a_worse_one_does_not(installation: Installation) -> None:
    first = send(installation, installation.noisy(20.0))
    better = send(installation, installation.noisy(5.0))
    worse = send(installation, installation.noisy(30.0))
    assert better.improved
    assert better.previous_best == first.public_score
    assert not worse.improved
    assert worse.previous_best == better.public_score


def test_equal_scores_rank_by_who_came_first(installation: Installation) -> None:
    send(installation, installation.file(50.0), "alice")
    assert send(installation, installation.file(50.0), "bob").rank == 2
    assert send(installation, installation.file(50.0), "alice").rank == 1


def somebody_waits(installation: Installation) -> bool:
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with installation.db.read() as session:
        return bool(session.scalar(text(asked)))


def test_files_in_the_queue_leave_the_competition_to_who_wants_it_alone(installation: Installation) -> None:
    if installation.db.is_sqlite:
        pytest.skip("there, every writer has everything alone")
    send(installation, installation.file(50.0))
    with ThreadPoolExecutor() as pool:
        with installation.db.write() as session:
            queries.chains.locked_chain(session, 1)
            sent = pool.submit(send, installation, installation.file(51.0))
            while not somebody_waits(installation):
                assert not sent.done()
            with installation.db.write() as other:
                other.execute(text("SET LOCAL lock_timeout = '5s'"))
                assert queries.competitions.locked_competition(other, 1, exclusively=True)
        assert sent.result().ref == 2


def test_one_file_at_a_time_is_read_and_written_by_a_process(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "PATIENCE", 60.0)
    at_once, most = Counter[str](), []

    def watched(*arguments: Any) -> Any:
        at_once["reading"] += 1
        most.append(at_once["reading"])
        time.sleep(0.01)  # where others would begin
        predictions = read_predictions(*arguments)
        at_once["reading"] -= 1
        return predictions

    monkeypatch.setattr(submitting, "read_predictions", watched)
    with ThreadPoolExecutor(5) as pool:
        refs = [receipt.ref for receipt in pool.map(send, [installation] * 5, [installation.file(50.0)] * 5)]
    assert sorted(refs) == [1, 2, 3, 4, 5]
    assert most == [1] * 5


def test_nobody_waits_long_for_the_files_of_others(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "PATIENCE", 0.01)
    with installation.db.one_at_a_time():
        assert send(installation, installation.file(50.0)).ref == 1  # does not wait for itself


def test_large_files_do_not_wait_for_others_nor_others_for_them(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitting, "LARGE", len(installation.file(50.0)))
    monkeypatch.setattr(Database, "one_at_a_time", Mock(side_effect=AssertionError("it waits")))
    assert send(installation, installation.file(50.0)).ref == 1
    with pytest.raises(AssertionError, match="it waits"):
        send(installation, installation.file(5.0))
