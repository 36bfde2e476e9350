"""kill -9 in the middle of uploads: what was acknowledged is there afterwards, once."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import psutil
import pytest
from sqlalchemy import text
from tests.figures import LONG, Tell
from tests.installations import STUDENTS, Installation, Server, free_port, install, make_folder, serving

from unseen_server.config import Config
from unseen_server.services import doctor

ROUNDS = 20 if LONG else 3


def kill_everything(server: Server) -> None:
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait(10)


class Uploader:
    """A student's program: uploads again and again, each upload with a key of its own, and keeps the receipts."""

    def __init__(self, installation: Installation, url: str, username: str) -> None:
        self.url, self.username = url, username
        self.content, self.token = installation.noisy(8.0), installation.token(username)
        self.acknowledged: dict[str, int] = {}
        self.unanswered: list[str] = []

    def send(self, client: httpx2.Client, key: str) -> None:
        reply = client.post(
            self.url,
            files={"file": ("p.csv", self.content)},
            headers={"Authorization": f"Bearer {self.token}", "Idempotency-Key": key},
            timeout=20,
        )
        if reply.status_code == 201:
            self.acknowledged[key] = reply.json()["ref"]

    def run(self, stop: threading.Event) -> None:
        with httpx2.Client() as client:
            for n in range(1000):
                if stop.is_set():
                    return
                key = f"{self.username}-{random.getrandbits(64)}-{n}"
                try:
                    self.send(client, key)
                except httpx2.HTTPError:
                    self.unanswered.append(key)
                    time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.figure("kill")
def test_what_was_acknowledged_survives_kill_9_and_is_there_once(
    database_url: str, tmp_path: Path, figure: Tell
) -> None:
    now = datetime.now(UTC)
    folder = make_folder(tmp_path / "bundle", now=now, daily_limit=100_000)
    with closing(install(Config(home=tmp_path, database_url=database_url), folder, now=now)) as installation:
        port = free_port()
        url = f"http://127.0.0.1:{port}/api/competitions/{installation.slug}/submissions"
        uploaders = [Uploader(installation, url, name) for name in STUDENTS]
        for _ in range(ROUNDS):
            stop = threading.Event()
            with serving(installation, port=port) as server, ThreadPoolExecutor(len(uploaders)) as pool:
                running = [pool.submit(uploader.run, stop) for uploader in uploaders]
                time.sleep(random.uniform(0.5, 1.5))
                kill_everything(server)
                stop.set()
                for run in running:
                    run.result()
            figure(f"rounds on {installation.db.engine.dialect.name}", 1)
        with serving(installation, port=port), httpx2.Client() as client:
            for uploader in uploaders:
                for key in uploader.unanswered:
                    uploader.send(client, key)
        with installation.db.read() as session:
            stored = {row.idempotency_key: row.id for row in session.execute(text("SELECT * FROM submissions"))}
            halves = [
                session.scalar(text(f"SELECT count(*) FROM {table}"))
                for table in ("scores", "private_scores", "prediction_vectors", "submitted_files")
            ]
        acknowledged = {key: ref for uploader in uploaders for key, ref in uploader.acknowledged.items()}
        assert sum(len(uploader.unanswered) for uploader in uploaders) > 0, "nothing was interrupted"
        assert stored == acknowledged
        assert halves == [len(stored)] * 4
        assert [finding for finding in doctor.examine(installation.config, installation.db) if not finding.ok] == []


@pytest.mark.slow
def test_a_parent_killed_leaves_no_worker_behind(live: Server) -> None:
    workers = psutil.Process(live.process.pid).children()
    os.kill(live.process.pid, signal.SIGKILL)
    live.process.wait(10)
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert (len(workers), alive) == (2, [])


@pytest.mark.slow
def test_a_worker_killed_is_replaced_and_the_server_goes_on(live: Server) -> None:
    worker = psutil.Process(live.process.pid).children()[0]
    worker.kill()
    answered = 0
    for _ in range(40):
        with contextlib.suppress(httpx2.HTTPError):
            answered += httpx2.get(f"{live.url}/api/health", timeout=5).status_code == 200
        time.sleep(0.05)
    assert answered >= 39
    assert len(psutil.Process(live.process.pid).children()) == 2


@pytest.mark.slow
def test_a_server_told_to_stop_while_it_starts_ends_at_once(installation: Installation) -> None:
    with serving(installation) as server:
        psutil.Process(server.process.pid).children()[0].kill()
        time.sleep(0.6)  # its replacement is being made
        server.process.terminate()
        assert server.process.wait(20) == 0
