"""Files for very large test sets: accepted unread, scored by a worker, and then as if they had been scored at once."""

from __future__ import annotations

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.installations import COURSE, Build, Installation, install, make_folder

from unseen_server import storage, working
from unseen_server.config import Config
from unseen_server.core.errors import BadFile, Conflict, DailyLimitReached, NotFound, StorageFull, TooManyRejected
from unseen_server.db import migrate
from unseen_server.db.delivery import Delivery
from unseen_server.db.models import Competition, Score, Submission
from unseen_server.db.session import Database
from unseen_server.services import (
    archives,
    backups,
    bundles,
    doctor,
    erasing,
    finals,
    jobs,
    launching,
    rescore,
    scoring,
    standings,
    withdrawals,
)
from unseen_server.services import submissions as own
from unseen_server.services.comparisons import Comparisons
from unseen_server.services.jobs import Desk
from unseen_server.services.keys import KeyRing
from unseen_server.services.principals import SERVER
from unseen_server.services.reveal import reveal
from unseen_server.services.submit import Answer, submit
from unseen_server.web import archiving
from unseen_server.working import Tools


def desk(installation: Installation, rows_at_once: int = 10) -> Desk:
    """Where somebody works, as far as the desk knows."""
    delivery = Delivery(installation.db)
    delivery.here = True
    return Desk(delivery, rows_at_once)


@contextmanager
def left_to_workers(installation: Installation) -> Iterator[None]:
    """Over HTTP as well."""
    connected = installation.app.extensions["unseen"]
    installation.app.extensions["unseen"] = replace(connected, desk=desk(installation))
    yield
    installation.app.extensions["unseen"] = connected


def send(
    installation: Installation, content: bytes, who: str = "alice", key: str | None = None, where: Desk | None = None
) -> Answer:
    return submit(
        installation.db,
        installation.keys,
        slug=installation.slug,
        principal=installation.principal(who),
        upload=installation.upload(content, key),
        received_at=installation.now,
        signer=installation.app.extensions["unseen"].signer,
        desk=where or desk(installation),
    )


def work(installation: Installation, *refs: int) -> None:
    """As a worker does: these jobs, or whatever there is to do."""
    tools = Tools(
        installation.db, installation.keys, installation.app.extensions["unseen"].signer, lambda: installation.now
    )
    for ref in refs or jobs.due(installation.db, installation.now):
        working.work(tools, ref)


def seen(installation: Installation, ref: int, who: str = "alice") -> own.OwnSubmission:
    return own.own_submission(installation.db, ref=ref, principal=installation.principal(who))


def used(installation: Installation, who: str = "alice") -> int:
    place = installation.asking(who)
    return own.own_limits(installation.db, **place).used_today


def row(installation: Installation, ref: int) -> Submission:
    with installation.db.read() as session:
        return session.get_one(Submission, ref)


@pytest.mark.slow
def test_a_large_file_is_accepted_unread_and_scored_by_a_worker(installation: Installation) -> None:
    content = installation.noisy(3.0)
    at_once = send(installation, content, "bob", where=desk(installation, 10**6)).receipt
    pending = send(installation, content).receipt
    assert (pending.status, pending.public_score, pending.rank) == ("pending", None, None)
    assert (pending.used_today, pending.left_today) == (1, at_once.left_today)
    assert seen(installation, pending.ref).status == "pending"
    work(installation)
    scored = own.own_receipt(installation.db, ref=pending.ref, principal=installation.principal("alice"))
    assert scored.public_score == at_once.public_score
    assert scored == replace(
        pending,
        status="scored",
        public_score=at_once.public_score,
        improved=True,
        rank=2,  # bob was first with the same score
        teams=2,
    )
    assert seen(installation, pending.ref).public_score == at_once.public_score
    with installation.db.read() as session:
        (mine, bobs) = [session.get_one(Score, (ref, 1)) for ref in (pending.ref, at_once.ref)]
        assert (mine.total, mine.total_squares, mine.value) == (bobs.total, bobs.total_squares, bobs.value)
        ((_, kept),) = storage.predictions_of(session, [pending.ref])
        ((_, kept_of_bob),) = storage.predictions_of(session, [at_once.ref])
    np.testing.assert_array_equal(kept, kept_of_bob)
    assert all(finding.ok for finding in doctor.examine(installation.config, installation.db))


def test_it_stands_on_the_board_from_its_score_on(installation: Installation) -> None:
    def entries() -> list[tuple[str, int]]:
        kept = Comparisons(installation.db, installation.keys)
        board = standings.board(installation.db, kept, which="public", **installation.asking())
        return [(entry.team, entry.entries) for entry in board.entries if not entry.is_baseline]

    send(installation, installation.noisy(3.0))
    assert entries() == []
    work(installation)
    assert entries() == [("Alice", 1)]


def test_a_file_of_a_small_test_set_is_scored_at_once(installation: Installation) -> None:
    rows = len(installation.bundle.key.ids)
    assert send(installation, installation.noisy(3.0), where=desk(installation, rows)).receipt.status == "scored"


def test_where_nobody_works_it_is_scored_at_once(installation: Installation) -> None:
    nobody = Desk(Delivery(installation.db), 10)
    assert send(installation, installation.noisy(3.0), where=nobody).receipt.status == "scored"
    send(installation, installation.noisy(2.0))
    assert send(installation, installation.noisy(1.0), where=nobody).receipt.status == "scored"


class TooLate(Desk):
    """A desk that was asked before a team-mate's file was left there."""

    asked = 0

    def takes(self, db: Database, competition: Competition, team_id: int) -> bool:
        TooLate.asked += 1
        return TooLate.asked > 1 and super().takes(db, competition, team_id)


@pytest.mark.parametrize("kind", [Desk, TooLate])
def test_on_the_ladder_no_file_overtakes_one_of_its_team_that_waits(build: Build, kind: type[Desk]) -> None:
    installation = build(release="ladder", daily_limit=20)
    nobody = kind(Delivery(installation.db), 10**6)  # the bound was raised meanwhile, too
    send(installation, installation.noisy(2.0))
    assert send(installation, installation.noisy(1.0), where=nobody).receipt.status == "pending"
    assert send(installation, installation.noisy(1.0), "bob", where=nobody).receipt.status == "scored"
    work(installation)
    assert send(installation, installation.noisy(0.5), where=nobody).receipt.status == "scored"


def test_an_archive_holds_what_has_a_score(installation: Installation) -> None:
    send(installation, installation.noisy(3.0))
    send(installation, b"not,a\nfile,1\n")
    work(installation)
    send(installation, installation.noisy(2.0))
    prepared = archives.prepare(installation.db, pseudonymous=True, draw=archiving.draw, **installation.asking())
    names = [name for name, _ in archives.files(installation.db, prepared)]
    assert len(names) == prepared.count
    assert len([name for name in names if name.startswith("submissions/")]) == 1


def test_the_limit_is_exact_for_unread_files(installation: Installation) -> None:
    limit = installation.bundle.settings.daily_limit
    contents = [installation.noisy(2.0, seed) for seed in range(limit + 4)]

    def try_to_send(content: bytes) -> bool:
        try:
            return bool(send(installation, content))
        except DailyLimitReached:
            return False

    installation.principal("alice")
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(try_to_send, contents)) == limit
    work(installation)
    assert used(installation) == limit


def test_a_bad_file_is_explained_afterwards_and_costs_nothing(installation: Installation) -> None:
    good = installation.noisy(3.0)
    first, bad = send(installation, good).receipt, send(installation, good + b"nobody,1\n", key="k").receipt
    last = send(installation, installation.noisy(1.0)).receipt
    work(installation)
    assert [seen(installation, one.ref).status for one in (first, bad, last)] == ["scored", "refused", "scored"]
    assert "nobody" in str(seen(installation, bad.ref).refusal)
    with pytest.raises(BadFile) as told:
        own.own_receipt(installation.db, ref=bad.ref, principal=installation.principal("alice"))
    with pytest.raises(BadFile) as at_once:
        send(installation, good + b"nobody,1\n", "bob", where=desk(installation, 10**6))
    assert str(told.value) == str(at_once.value)
    assert [str(problem.message) for problem in told.value.problems] == [
        str(problem.message) for problem in at_once.value.problems
    ]
    with pytest.raises(BadFile):
        send(installation, good + b"nobody,1\n", key="k")  # the same request again
    assert used(installation) == 2
    assert sorted(row(installation, one.ref).slot for one in (first, last)) == [0, 1]
    limit = installation.bundle.settings.daily_limit
    for seed in range(limit - 2):
        send(installation, installation.noisy(2.0, seed))
    with pytest.raises(DailyLimitReached):
        send(installation, good)
    assert all(finding.ok for finding in doctor.examine(installation.config, installation.db))  # the chain, too


def test_bad_files_found_later_count_against_the_flood_limit(build: Build) -> None:
    installation = build(rejected_per_hour=2)
    for _ in range(2):
        send(installation, b"not,a\nfile,1\n")
        work(installation)
    with pytest.raises(TooManyRejected):
        send(installation, installation.noisy(3.0))


def test_what_the_server_cannot_score_costs_nothing(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = send(installation, installation.noisy(3.0)).receipt.ref

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(scoring, "read_predictions", fail)
        for _ in range(jobs.MOST_ATTEMPTS + 1):
            assert seen(installation, ref).status == "pending"
            work(installation)
            installation.now += jobs.AGAIN_AFTER
    assert seen(installation, ref).status == "refused"
    assert "cost no submission" in str(seen(installation, ref).refusal)
    assert used(installation) == 0


def test_a_job_that_failed_too_often_ends_where_another_scored_its_file(installation: Installation) -> None:
    send(installation, installation.noisy(3.0))
    (ref,) = jobs.due(installation.db, installation.now)
    for _ in range(jobs.MOST_ATTEMPTS):  # each by a worker that dies
        jobs.claim(installation.db, ref, installation.now)
        installation.now += jobs.LEASE
    later = send(installation, installation.noisy(1.0, 1)).receipt.ref
    work(installation, max(jobs.due(installation.db, installation.now)))
    assert seen(installation, later).status == "scored"
    work(installation, ref)
    assert jobs.due(installation.db, installation.now + jobs.LEASE) == []


def test_a_store_that_is_away_costs_no_attempt(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = send(installation, installation.noisy(3.0)).receipt.ref

    def fail(*_: object) -> None:
        raise StorageFull()

    with monkeypatch.context() as patch:
        patch.setattr(scoring, "read_predictions", fail)
        for _ in range(jobs.MOST_ATTEMPTS + 3):
            work(installation)
            installation.now += jobs.AGAIN_AFTER
    work(installation)
    assert seen(installation, ref).status == "scored"


def test_the_same_request_gets_the_pending_receipt_and_then_the_scored_one(installation: Installation) -> None:
    content = installation.noisy(3.0)
    first = send(installation, content, key="once")
    again = send(installation, content, key="once")
    assert again.replayed
    assert again.receipt == first.receipt
    assert len(jobs.due(installation.db, installation.now)) == 1
    work(installation)
    later = send(installation, content, key="once")
    assert later.replayed
    assert (later.receipt.ref, later.receipt.status) == (first.receipt.ref, "scored")
    assert used(installation) == 1


def test_files_of_a_team_are_scored_in_their_order(build: Build) -> None:
    """The ladder judges each against those before it, and a replay has to find the same."""
    installation = build(release="ladder", daily_limit=20)
    spreads = (9.0, 3.0, 6.0, 1.0, 0.5)
    refs = [send(installation, installation.noisy(spread, n)).receipt.ref for n, spread in enumerate(spreads)]
    work(installation, *reversed(jobs.due(installation.db, installation.now)))
    told = {ref: (seen(installation, ref).public_score, seen(installation, ref).significant) for ref in refs}
    assert {significant for _, significant in told.values()} == {True, False}
    for ref, spread, n in zip(refs, spreads, range(5), strict=True):
        bobs = send(installation, installation.noisy(spread, n), "bob", where=desk(installation, 10**6)).receipt
        assert told[ref] == (bobs.public_score, bobs.significant)


@pytest.fixture
def pending(installation: Installation) -> int:
    return send(installation, installation.noisy(3.0)).receipt.ref


def test_nothing_ends_while_a_file_waits(installation: Installation, pending: int) -> None:
    with pytest.raises(NotFound):
        finals.choose(installation.db, refs=[pending], **installation.asking("alice"))
    with pytest.raises(Conflict, match="no score"):
        withdrawals.withdraw(installation.db, ref=pending, reason="a reason", **installation.asking())
    installation.pass_deadline()
    with pytest.raises(Conflict, match="still being scored"):
        reveal(installation.db, **installation.asking())
    work(installation)
    reveal(installation.db, **installation.asking())
    assert seen(installation, pending).private_score is not None


def test_a_correction_meanwhile_counts_for_it(installation: Installation, pending: int) -> None:
    key = installation.bundle.key
    lines = zip(key.ids, (key.labels + 1).tolist(), key.usage.tolist(), strict=True)
    usages = {0: "Ignored", 1: "Public", 2: "Private"}
    solution = f"{key.id_column},{key.target_column},Usage\n" + "".join(
        f"{one},{label!r},{usages[usage]}\n" for one, label, usage in lines
    )
    rescore.rescore(installation.db, installation.keys, content=solution.encode(), **installation.asking())
    work(installation)
    again = send(installation, installation.noisy(3.0), "bob", where=desk(installation, 10**6)).receipt
    assert seen(installation, pending).public_score == again.public_score


@pytest.mark.slow
def test_a_person_who_is_erased_is_not_scored_any_more(installation: Installation, pending: int) -> None:
    erasing.erase(installation.db, username="alice", principal=SERVER, now=installation.now)
    work(installation)
    assert row(installation, pending).state == "refused"


def test_it_waits_in_an_object_store_as_well(tmp_path: Path, database_url: str) -> None:
    config = Config(home=tmp_path, database_url=database_url, objects_url=f"file://{tmp_path}/objects")
    with closing(install(config, make_folder(tmp_path / "bundle"))) as installation:
        ref = send(installation, installation.noisy(3.0)).receipt.ref
        work(installation)
        assert seen(installation, ref).status == "scored"
        assert storage.missing(installation.db) == []
        assert storage.sweep(installation.db, installation.now + timedelta(days=1)) == 0


def test_two_workers_at_one_file_score_it_once(installation: Installation, pending: int) -> None:
    (ref,) = jobs.due(installation.db, installation.now)
    first = jobs.claim(installation.db, ref, installation.now - jobs.LEASE)
    second = jobs.claim(installation.db, ref, installation.now)
    assert first
    assert second
    with ThreadPoolExecutor(2) as pool:
        for run in [
            pool.submit(scoring.score, installation.db, installation.keys, one, lambda: installation.now)
            for one in (first, second)
        ]:
            run.result()
    assert seen(installation, pending).status == "scored"
    assert used(installation) == 1


@pytest.mark.slow
def test_a_backup_brings_back_what_waits(installation: Installation, tmp_path: Path, pending: int) -> None:
    file = tmp_path / "backup.zip"
    schema = migrate.current(installation.db) or ""
    backups.back_up(installation.config, installation.db, file, schema=schema, now=installation.now)
    work(installation)
    with backups.restored_for_a_look(file) as (_, db):
        tools = Tools(db, KeyRing(db), installation.app.extensions["unseen"].signer, lambda: installation.now)
        for ref in jobs.due(db, installation.now):
            working.work(tools, ref)
        again = own.own_submission(db, ref=pending, principal=installation.principal("alice"))
    assert again == seen(installation, pending)


# over HTTP


@pytest.mark.slow
def test_pages_say_what_becomes_of_a_file(installation: Installation) -> None:
    alice, teacher = installation.client("alice"), installation.client("teacher")
    page = f"/competitions/{installation.slug}"

    def upload(content: bytes) -> str:
        form = {"file": (io.BytesIO(content), "p.csv"), "message": "large"}
        reply = alice.post(f"{page}/submit", data=form, content_type="multipart/form-data")
        assert reply.status_code == 303
        return str(reply.headers["Location"])

    with left_to_workers(installation):
        good, bad = upload(installation.noisy(3.0)), upload(b"not,a\nfile,1\n")
        assert "counts, and is being scored" in alice.get(good).text
        assert "data-refresh" in alice.get(good).text
        assert "being scored" in alice.get(f"{page}/submissions").text
        assert "being scored" in teacher.get(f"/console{page}/submissions").text
        work(installation)
    assert "Submission 1 counts" in alice.get(good).text
    assert "Submission 2 was not accepted" in alice.get(bad).text
    assert "data-refresh" not in alice.get(good).text + alice.get(bad).text
    assert "not accepted" in alice.get(f"{page}/submissions").text
    for ref in (1, 2):
        assert teacher.get(f"/console{page}/submissions/{ref}").status_code == 200
    assert "cost no submission" in teacher.get(f"/console{page}/submissions/2").text


def test_a_refused_file_is_shown_in_its_own_competition_alone(installation: Installation, tmp_path: Path) -> None:
    other = bundles.read_bundle(make_folder(tmp_path, "other"))
    launching.create(installation.db, other, course=COURSE, principal=SERVER, now=installation.now)
    launching.launch(installation.db, slug="other", at=None, principal=SERVER, now=installation.now)
    refs = [send(installation, content).receipt.ref for content in (b"not,a\nfile,1\n", installation.noisy(3.0))]
    alice = installation.client("alice")
    for _ in ("pending", "refused and scored"):
        for ref in refs:
            assert alice.get(f"/competitions/{installation.slug}/submissions/{ref}").status_code == 200
            assert alice.get(f"/competitions/other/submissions/{ref}").status_code == 404
        work(installation)


def test_scoring_one_file_is_no_job_that_staff_follow(installation: Installation, pending: int) -> None:
    """Its submission tells what becomes of it; the list of jobs leaves it out, and so do their pages."""
    teacher = installation.client("teacher")
    jobs_of_it = f"/console/competitions/{installation.slug}/jobs"
    (job,) = jobs.due(installation.db, installation.now)
    for page in (f"{jobs_of_it}/{job}", f"{jobs_of_it}/{job}/file", f"/api/jobs/{job}", f"/api/jobs/{job}/file"):
        assert teacher.get(page).status_code == 404


def test_a_reply_that_promises_a_score_tells_nothing_of_the_file(installation: Installation) -> None:
    """The same for a perfect file and for one with mistakes, but for what names it."""
    alice, replies = installation.client("alice"), []
    with left_to_workers(installation):
        for content in (installation.file(installation.bundle.key.labels), installation.noisy(9.0), b"bad"):
            form = {"file": (io.BytesIO(content), "p.csv")}
            reply = alice.post(f"/api/competitions/{installation.slug}/submissions", data=form)
            assert reply.status_code == 202
            told = reply.get_json()
            for name in ("ref", "sha256", "used_today", "left_today", "previous_link", "link", "signature"):
                del told[name]
            replies.append(told)
    assert replies[0] == replies[1] == replies[2]
