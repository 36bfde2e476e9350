"""Long work apart from requests: handed in, delivered, done under a lease, and begun anew where a worker died."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from tests.installations import Installation, Server
from tests.visitors import send

from unseen_server import working
from unseen_server.core.errors import Busy, NotFound
from unseen_server.core.sentences import say
from unseen_server.db.delivery import Delivery
from unseen_server.db.session import Database
from unseen_server.services import doctor, jobs
from unseen_server.services.jobs import Claimed, JobShown, Progress
from unseen_server.services.receipts import Signer
from unseen_server.working import Task, Tools, Worker

SECONDS = 60
WANTED = {"pseudonymous": True, "language": "en"}


def tools(installation: Installation) -> Tools:
    return Tools(installation.db, installation.keys, Signer("secret"), lambda: installation.now)


def hand_in(installation: Installation, kind: str = "archive", **arguments: object) -> int:
    arguments = arguments or WANTED
    return jobs.hand_in(installation.db, Delivery(installation.db), kind, **installation.asking(), **arguments)


def shown(installation: Installation, ref: int) -> JobShown:
    place = installation.asking()
    del place["slug"]
    return jobs.shown(installation.db, ref=ref, **place)


def file_of(installation: Installation, ref: int, who: str = "teacher") -> bytes:
    _, content = jobs.file(installation.db, ref=ref, principal=installation.principal(who), now=installation.now)
    return b"".join(content)


def wait_for(installation: Installation, ref: int, *states: str) -> JobShown:
    patience = time.monotonic() + SECONDS
    while (job := shown(installation, ref)).state not in states:
        assert time.monotonic() < patience, job
        time.sleep(0.05)
    return job


@contextmanager
def worker(installation: Installation) -> Iterator[subprocess.Popen[bytes]]:
    """`unseen-server worker` in a process of its own."""
    config = installation.config
    place = {"UNSEEN_HOME": str(config.home), "UNSEEN_DATABASE_URL": config.database_url}
    command = [sys.executable, "-m", "unseen_server", "worker"]
    process = subprocess.Popen(command, env={**os.environ, **place}, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(SECONDS)


@pytest.fixture
def handed_in(installation: Installation) -> int:
    """The number of a job: the archive of a competition with a submission. No worker was there yet."""
    send(installation, installation.noisy(3.0), "alice")
    if not installation.db.is_sqlite:
        with worker(installation):  # the first one makes the queue
            patience = time.monotonic() + SECONDS
            while not Delivery(installation.db).is_staffed():
                assert time.monotonic() < patience
                time.sleep(0.05)
    return hand_in(installation)


@pytest.mark.slow
def test_a_worker_in_a_process_of_its_own_makes_the_archive(installation: Installation, handed_in: int) -> None:
    assert shown(installation, handed_in).state == "waiting"
    with worker(installation):
        job = wait_for(installation, handed_in, "done", "failed")
    assert (job.state, job.file_name) == ("done", "lecture-archive-pseudonymous.zip")
    names = zipfile.ZipFile(io.BytesIO(file_of(installation, handed_in))).namelist()
    assert "lecture/index.html" in names


@pytest.mark.slow
def test_a_worker_that_was_killed_is_replaced_by_another(installation: Installation, handed_in: int) -> None:
    claimed = jobs.claim(installation.db, handed_in, installation.now - jobs.LEASE)  # it died a minute ago
    assert claimed
    assert shown(installation, handed_in).state == "running"
    with worker(installation):
        assert wait_for(installation, handed_in, "done").state == "done"
    with installation.db.write() as session:
        assert not jobs.completed(session, claimed, installation.now)  # it comes back, and nobody listens


@pytest.mark.slow
def test_a_worker_that_is_told_to_stop_finishes_what_it_does(installation: Installation, handed_in: int) -> None:
    with worker(installation) as process:
        wait_for(installation, handed_in, "running", "done")
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    assert shown(installation, handed_in).state == "done"


@pytest.mark.slow
def test_the_server_itself_works_on_sqlite(live: Server) -> None:
    assert wait_for(live.installation, hand_in(live.installation), "done").state == "done"


def test_a_worker_survives_what_it_cannot_help(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    worker, called = Worker(tools(installation)), threading.Event()

    def due(_db: Database, _now: datetime) -> list[int]:
        looked.append(1)
        called.set()
        worker.stopping = len(looked) == 3
        raise ZeroDivisionError

    monkeypatch.setattr(jobs, "due", due)
    worker.run(called)
    assert len(looked) == 3


# under a lease


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[Claimed]:
    """The attempts at jobs of the kind "trial", every one of which fails for no reason known."""
    seen: list[Claimed] = []

    def fail(_tools: Tools, claimed: Claimed, _progress: Progress) -> None:
        seen.append(claimed)
        raise ZeroDivisionError

    monkeypatch.setitem(working.TASKS, "trial", Task(fail, working.TASKS["archive"].give_up))
    return seen


def test_one_job_is_claimed_by_one_worker(installation: Installation) -> None:
    ref = hand_in(installation)
    assert jobs.due(installation.db, installation.now) == [ref]
    assert jobs.claim(installation.db, ref, installation.now)
    assert jobs.claim(installation.db, ref, installation.now) is None
    assert jobs.due(installation.db, installation.now) == []
    assert jobs.due(installation.db, installation.now + jobs.LEASE) == [ref]


@pytest.mark.slow
def test_a_lease_that_is_renewed_does_not_run_out(installation: Installation) -> None:
    ref = hand_in(installation)
    claimed = jobs.claim(installation.db, ref, installation.now)
    assert claimed
    jobs.renew(installation.db, claimed, 3, 8, installation.now + jobs.LEASE / 2)
    assert jobs.due(installation.db, installation.now + jobs.LEASE) == []
    assert (shown(installation, ref).done, shown(installation, ref).total) == (3, 8)


def test_what_keeps_failing_is_given_up(installation: Installation, attempts: list[Claimed]) -> None:
    ref = hand_in(installation, "trial", some="argument")
    for _ in range(jobs.MOST_ATTEMPTS + 2):
        working.work(tools(installation), ref)
        installation.now += jobs.AGAIN_AFTER
    assert [attempt.attempt for attempt in attempts] == [1, 2, 3]
    job = shown(installation, ref)
    assert job.state == "failed"
    assert "3 times" in str(job.problem)


def test_a_job_tells_how_far_it_is_and_keeps_its_lease(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "TELL_EVERY", 0.01)

    def go_on(_tools: Tools, claimed: Claimed, progress: Progress) -> None:
        installation.now += jobs.LEASE / 2
        progress(3, 8)
        patience = time.monotonic() + SECONDS
        while shown(installation, claimed.ref).done != 3:
            assert time.monotonic() < patience
        assert jobs.due(installation.db, installation.now + jobs.LEASE * 0.9) == []
        with installation.db.write() as session:
            jobs.completed(session, claimed, installation.now)

    monkeypatch.setitem(working.TASKS, "trial", Task(go_on, working.TASKS["archive"].give_up))
    ref = hand_in(installation, "trial", some="argument")
    working.work(tools(installation), ref)
    assert (shown(installation, ref).state, shown(installation, ref).done) == ("done", 8)


def test_a_failed_attempt_is_not_repeated_at_once(installation: Installation, attempts: list[Claimed]) -> None:
    ref = hand_in(installation, "trial", some="argument")
    working.work(tools(installation), ref)
    working.work(tools(installation), ref)
    assert len(attempts) == 1


def test_a_refusal_is_told_and_final(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_tools: Tools, _claimed: Claimed, _progress: Progress) -> None:
        raise NotFound(what=say("page"), advice=say("Look elsewhere."))

    monkeypatch.setitem(working.TASKS, "trial", Task(refuse, working.TASKS["archive"].give_up))
    ref = hand_in(installation, "trial", some="argument")
    working.work(tools(installation), ref)
    assert str(shown(installation, ref).problem) == "There is no page here. Look elsewhere."
    assert jobs.due(installation.db, installation.now + timedelta(days=9)) == []


def test_what_only_has_to_wait_is_tried_again(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(_tools: Tools, _claimed: Claimed, _progress: Progress) -> None:
        raise Busy

    monkeypatch.setitem(working.TASKS, "trial", Task(wait, working.TASKS["archive"].give_up))
    ref = hand_in(installation, "trial", some="argument")
    working.work(tools(installation), ref)
    assert shown(installation, ref).state == "waiting"
    assert jobs.due(installation.db, installation.now + jobs.AGAIN_AFTER) == [ref]


def test_a_second_attempt_takes_over_the_file_of_the_first(installation: Installation) -> None:
    ref = hand_in(installation)
    first = jobs.claim(installation.db, ref, installation.now - jobs.LEASE)
    second = jobs.claim(installation.db, ref, installation.now)
    assert first
    assert second

    def clock() -> datetime:
        return installation.now

    def parts_of_the_second() -> Iterator[bytes]:
        yield b"s" * jobs.PIECE
        jobs.made(installation.db, first, "first.zip", [b"f" * jobs.PIECE * 3], clock)
        yield b"t"

    jobs.made(installation.db, second, "second.zip", parts_of_the_second(), clock)
    assert shown(installation, ref).file_name == "second.zip"
    assert file_of(installation, ref) == b"s" * jobs.PIECE + b"t"


def test_a_file_is_kept_for_a_day(installation: Installation) -> None:
    ref = hand_in(installation)
    working.work(tools(installation), ref)
    jobs.forget_files(installation.db, installation.now + jobs.KEPT - timedelta(seconds=1))
    assert file_of(installation, ref)
    installation.now += jobs.KEPT
    assert shown(installation, ref).file_name is None
    with pytest.raises(NotFound):
        file_of(installation, ref)  # also where nobody has deleted it yet
    jobs.forget_files(installation.db, installation.now)
    installation.now -= jobs.KEPT
    with pytest.raises(NotFound):
        file_of(installation, ref)


def test_a_job_is_for_the_staff_of_its_course(installation: Installation) -> None:
    ref = hand_in(installation)
    working.work(tools(installation), ref)
    for who in ("alice", "rival", "outsider"):
        with pytest.raises(NotFound):
            jobs.shown(installation.db, ref=ref, principal=installation.principal(who), now=installation.now)
        with pytest.raises(NotFound):
            file_of(installation, ref, who)


def on_long_work(installation: Installation) -> tuple[bool, str]:
    [finding] = [
        one
        for one in doctor.examine(installation.config, installation.db, installation.now)
        if str(one.what) == "long work"
    ]
    return finding.ok, str(finding.found)


def test_the_doctor_says_what_has_waited_for_long(installation: Installation) -> None:
    ref = hand_in(installation)
    installation.now += doctor.PATIENCE - timedelta(seconds=1)
    assert on_long_work(installation)[0]
    installation.now += timedelta(seconds=1)
    assert on_long_work(installation) == (False, "jobs that have waited for 5 minutes: 1; start a worker")
    working.work(tools(installation), ref)
    assert on_long_work(installation)[0]
    assert "long work" not in [str(one.what) for one in doctor.examine(installation.config, installation.db)]


def test_the_doctor_says_whether_a_worker_is_there(installation: Installation) -> None:
    if installation.db.is_sqlite:
        assert on_long_work(installation) == (True, "the server does it, and nothing waits")
        return
    assert on_long_work(installation) == (True, "no worker is there: it is done within the requests")
    with worker(installation):
        patience = time.monotonic() + SECONDS
        while on_long_work(installation) != (True, "a worker is there, and nothing waits"):
            assert time.monotonic() < patience


def test_nobody_works_where_nobody_was_started(installation: Installation) -> None:
    assert not Delivery(installation.db).is_staffed()
