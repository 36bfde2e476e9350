"""Corrections as long work: tried out, confirmed, and done by workers, whole and once or not at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import select, update
from tests.installations import Installation
from tests.services.test_end import board
from tests.services.test_jobs import shown, tools, wait_for, worker
from tests.services.test_rescore import busy, correct, everything, shifted, solution
from tests.services.test_submit import rows
from tests.services.test_withdrawals import well
from tests.visitors import add

from unseen_server import working
from unseen_server.core.errors import BadSolution, Conflict, NotFound, StaffOnly
from unseen_server.db import models
from unseen_server.db.delivery import Delivery
from unseen_server.services import correcting, jobs, people, removing
from unseen_server.services.jobs import JobShown
from unseen_server.services.principals import SERVER

__all__ = ["busy"]

Deed = Callable[[Installation], object]


def hand_in(made: Installation, content: bytes, who: str = "teacher", **wanted: Any) -> int:
    return correcting.hand_in(made.db, Delivery(made.db), made.keys, content=content, **made.asking(who), **wanted)


def done(made: Installation, ref: int) -> JobShown:
    working.work(tools(made), ref)
    return shown(made, ref)


def version(made: Installation) -> int:
    with made.db.read() as session:
        return session.scalars(select(models.Competition.key_version)).one()


def announced(made: Installation) -> int:
    return rows(made, models.Announcement)


@pytest.mark.slow
def test_it_is_tried_out_and_then_done_as_it_was_tried_out(busy: Installation) -> None:
    before = board(busy).entries
    expected = correct(busy, shifted(busy), dry_run=True)
    tried = hand_in(busy, shifted(busy), dry_run=True)
    assert done(busy, tried).state == "done"
    assert (board(busy).entries, version(busy)) == (before, 1)
    plan = correcting.planned(busy.db, ref=tried, **busy.asking())
    assert (plan.report, plan.content, plan.since) == (expected, shifted(busy), 1)
    ref = hand_in(busy, plan.content, since=plan.since)
    job = done(busy, ref)
    assert (job.state, job.result and job.result["dry_run"]) == ("done", False)
    assert job.result
    assert (job.result["public"], job.result["seal"]) == (
        msgspec.to_builtins(expected.public),
        busy.client().get("/api/competitions/lecture").get_json()["seal"],
    )
    assert (version(busy), announced(busy), well(busy)) == (2, 1, True)


def test_what_takes_two_seconds_is_long(busy: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not correcting.is_long(busy.db, busy.keys, **busy.asking())
    monkeypatch.setattr(correcting, "LONG", 7 * (40 + correcting.A_SUBMISSION))  # the submissions that are there
    assert not correcting.is_long(busy.db, busy.keys, **busy.asking())
    monkeypatch.setattr(correcting, "LONG", correcting.LONG - 1)
    assert correcting.is_long(busy.db, busy.keys, **busy.asking())


def test_everything_wrong_in_the_file_is_told_before_anything_is_handed_in(busy: Installation) -> None:
    before = everything(busy)
    with pytest.raises(BadSolution) as refused:
        hand_in(busy, solution(busy).replace(b"Public", b"Pubic"))
    assert len(refused.value.problems) > 1
    assert everything(busy) == before


# what happens meanwhile


def corrects(made: Installation) -> None:
    correct(made, shifted(made, by=5.0), quiet=True)


def removes(made: Installation) -> None:
    removing.remove(made.db, **{**made.asking(), "principal": SERVER})


def demotes(made: Installation) -> None:
    add(made, "ines", "Ines", "instructor")  # one has to stay
    place = {"course": "ml", "username": "teacher", "principal": SERVER, "now": made.now}
    people.change_role(made.db, role="assistant", **place)


def disables(made: Installation) -> None:
    with made.db.write() as session:
        teacher = session.scalars(select(models.User).where(models.User.username == "teacher")).one()
        teacher.disabled_at = made.now


MEANWHILE = [
    (corrects, "Somebody else corrected the answers meanwhile."),
    (removes, "The competition was removed meanwhile"),
    (demotes, "Only an instructor of Machine learning can do that."),
    (disables, "Only an instructor of Machine learning can do that."),
]


@pytest.mark.parametrize(("deed", "sentence"), MEANWHILE, ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize("dry_run", [False, True])
def test_what_happened_before_a_worker_came_stops_it(
    busy: Installation, deed: Deed, sentence: str, dry_run: bool
) -> None:
    ref = hand_in(busy, shifted(busy), since=1, dry_run=dry_run)
    deed(busy)
    before = (version(busy), rows(busy, models.Score), announced(busy))
    working.work(tools(busy), ref)
    job = jobs.shown(busy.db, ref=ref, principal=SERVER, now=busy.now)
    assert job.state == "failed"
    assert sentence in str(job.problem)
    assert (version(busy), rows(busy, models.Score), announced(busy)) == before


@pytest.mark.parametrize(("deed", "sentence"), MEANWHILE, ids=lambda value: getattr(value, "__name__", ""))
def test_what_happens_while_a_worker_scores_stops_it(
    busy: Installation, deed: Deed, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = hand_in(busy, shifted(busy))
    claimed = jobs.claim(busy.db, ref, busy.now)
    assert claimed
    reached: list[int] = []

    def progress(done: int, total: int) -> None:
        if not reached:
            deed(busy)
        reached.append(done)

    with pytest.raises((Conflict, StaffOnly), match=sentence.replace(".", r"\.")):
        correcting.work(busy.db, busy.keys, claimed, progress, lambda: busy.now)
    assert version(busy) == (2 if deed is corrects else 1)
    assert announced(busy) == 0


def test_a_worker_that_lost_its_lease_changes_nothing(busy: Installation) -> None:
    ref = hand_in(busy, shifted(busy))
    first = jobs.claim(busy.db, ref, busy.now - jobs.LEASE)
    assert first
    second = jobs.claim(busy.db, ref, busy.now)
    assert second
    with pytest.raises(jobs.Overtaken):
        correcting.work(busy.db, busy.keys, first, lambda done, total: None, lambda: busy.now)
    assert (version(busy), announced(busy)) == (1, 0)
    correcting.work(busy.db, busy.keys, second, lambda done, total: None, lambda: busy.now)
    assert (version(busy), announced(busy), shown(busy, ref).state) == (2, 1, "done")


# the file


def test_the_file_stays_as_long_as_the_job_waits_and_is_gone_once_it_counts(busy: Installation) -> None:
    ref = hand_in(busy, shifted(busy))
    busy.now += timedelta(days=9)
    jobs.forget_files(busy.db, busy.now)
    assert done(busy, ref).state == "done"
    assert jobs.given(busy.db, ref) is None


def test_what_was_tried_out_can_be_confirmed_for_a_day(busy: Installation) -> None:
    ref = hand_in(busy, shifted(busy), dry_run=True)
    working.work(tools(busy), ref)
    jobs.forget_files(busy.db, busy.now + jobs.KEPT - timedelta(seconds=1))
    assert correcting.planned(busy.db, ref=ref, **busy.asking()).content == shifted(busy)
    jobs.forget_files(busy.db, busy.now + jobs.KEPT)
    with pytest.raises(Conflict, match="no longer there"):
        correcting.planned(busy.db, ref=ref, **busy.asking())


def test_a_plan_is_for_the_instructors_of_its_competition(busy: Installation) -> None:
    tried, meant = hand_in(busy, shifted(busy), dry_run=True), hand_in(busy, shifted(busy))
    with pytest.raises(NotFound):
        correcting.planned(busy.db, ref=tried, **busy.asking())  # nobody has tried it out yet
    working.work(tools(busy), tried)
    for who in ("alice", "rival"):
        with pytest.raises(StaffOnly):
            correcting.planned(busy.db, ref=tried, **busy.asking(who))
        with pytest.raises(StaffOnly):
            hand_in(busy, shifted(busy), who)
    working.work(tools(busy), meant)
    for other in (meant, 99):
        with pytest.raises(NotFound):
            correcting.planned(busy.db, ref=other, **busy.asking())


@pytest.mark.slow
def test_a_worker_that_is_killed_leaves_it_to_another_one(busy: Installation) -> None:
    """Wherever kill -9 meets it: before, within or after."""
    ref = hand_in(busy, shifted(busy))
    with worker(busy) as process:
        wait_for(busy, ref, "running", "done")
        process.kill()
        process.wait()
    with busy.db.write() as session:  # its lease runs out
        session.execute(update(models.Job).values(lease_until=None))
    with worker(busy):
        job = wait_for(busy, ref, "done", "failed")
    assert (job.state, version(busy), announced(busy), well(busy)) == ("done", 2, 1, True)
