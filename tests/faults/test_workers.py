"""Files for very large test sets, through real servers, the real client, and workers that are killed."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from tests.figures import LONG, Tell
from tests.installations import STUDENTS, Installation, Server, install, make_folder, serving
from tests.services.test_jobs import SECONDS, worker

from unseen import Client, Refused, cli
from unseen_server.config import Config
from unseen_server.db.delivery import Delivery
from unseen_server.db.models import Job
from unseen_server.services import doctor

pytestmark = pytest.mark.slow

ROUNDS = 20 if LONG else 2
FILES = 12  # of each student


@pytest.fixture
def busy(database_url: str, tmp_path: Path) -> Iterator[Server]:
    """A server whose workers score every file."""
    now = datetime.now(UTC)
    folder = make_folder(tmp_path / "bundle", now=now, daily_limit=1000, rejected_per_hour=1000)
    config = Config(home=tmp_path, database_url=database_url)
    with (
        closing(install(config, folder, now=now)) as installation,
        serving(installation, UNSEEN_ROWS_AT_ONCE="10") as server,
    ):
        yield server


def staffed(server: Server) -> None:
    """On SQLite the server works itself; on PostgreSQL a worker has been there a moment ago."""
    if server.installation.db.is_sqlite:
        return
    patience = time.monotonic() + SECONDS
    while not Delivery(server.installation.db).is_staffed():
        assert time.monotonic() < patience
        time.sleep(0.05)


def test_the_client_waits_for_the_score(busy: Server, monkeypatch: Any, capsys: Any, tmp_path: Path) -> None:
    installation, file, bad = busy.installation, tmp_path / "p.csv", tmp_path / "bad.csv"
    file.write_bytes(installation.noisy(3.0))
    bad.write_bytes(installation.noisy(3.0) + b"nobody,1\n")
    monkeypatch.setenv("UNSEEN_URL", busy.url)
    monkeypatch.setenv("UNSEEN_TOKEN", busy.token("alice"))
    with worker(installation), Client(busy.url, busy.token("alice")) as client:
        staffed(busy)
        pending = client.submit(busy.slug, file, wait=False)
        assert pending.is_pending
        scored = client.scored(pending)
        assert (scored.ref, scored.status, scored.rank) == (pending.ref, "scored", 1)
        assert client.submission(pending.ref).public_score == scored.public_score
        with pytest.raises(Refused) as refused:
            client.submit(busy.slug, bad)
        assert "nobody" in str(refused.value)
        assert client.limits(busy.slug).used_today == 1
        assert cli.run(["submit", str(file), busy.slug]) == 0
        assert "waiting for its score" in (told := capsys.readouterr()).err
        assert f"Submission {pending.ref + 2}" in told.out
        assert cli.run(["submit", str(bad), busy.slug]) == 1
        assert "nobody" in capsys.readouterr().err
        assert cli.run(["submit", str(file), busy.slug, "--no-wait"]) == 0
        assert "is being scored" in capsys.readouterr().out


def upload_many(server: Server, who: str) -> list[int]:
    with Client(server.url, server.token(who)) as client:
        contents = [server.installation.noisy(3.0 + n, n) for n in range(FILES)]
        files = [content + b"nobody,1\n" if n % 4 == 3 else content for n, content in enumerate(contents)]
        sent = []
        for n, content in enumerate(files):
            file = server.installation.config.home / f"{who}-{n}.csv"
            file.write_bytes(content)
            sent.append(client.submit(server.slug, file, wait=False).ref)
        return sent


def forget_the_dead(installation: Installation) -> None:
    """As if a minute had passed: the leases of workers that were killed have run out."""
    with installation.db.write() as session:
        session.execute(update(Job).where(Job.state == "running").values(lease_until=installation.now))


def statuses(server: Server) -> dict[str, list[str]]:
    found = {}
    for who in STUDENTS:
        with Client(server.url, server.token(who)) as client:
            found[who] = [submission.status for submission in client.submissions(server.slug)]
    return found


@pytest.mark.figure("nodes")
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_files_are_scored_once_however_often_workers_are_killed(busy: Server, figure: Tell) -> None:
    with worker(busy.installation) as process:
        staffed(busy)
        os.killpg(process.pid, signal.SIGKILL)  # and is believed to live for a while
    with ThreadPoolExecutor(len(STUDENTS)) as pool:
        list(pool.map(lambda who: upload_many(busy, who), STUDENTS))
    for _ in range(ROUNDS):
        with worker(busy.installation) as process:
            time.sleep(random.uniform(0.8, 2.5))
            os.killpg(process.pid, signal.SIGKILL)
        forget_the_dead(busy.installation)
        figure("workers killed", 1)
    with worker(busy.installation):
        patience = time.monotonic() + SECONDS
        while any("pending" in ones for ones in statuses(busy).values()):
            assert time.monotonic() < patience
            time.sleep(0.2)
    refused = FILES // 4
    for ones in statuses(busy).values():
        assert sorted(ones) == ["refused"] * refused + ["scored"] * (FILES - refused)
    with Client(busy.url, busy.token("alice")) as client:
        assert client.limits(busy.slug).used_today == FILES - refused
    assert [
        finding for finding in doctor.examine(busy.installation.config, busy.installation.db) if not finding.ok
    ] == []
