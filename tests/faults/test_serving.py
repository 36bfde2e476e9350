"""The shipped server: stops gracefully, counts a deadline by the last byte, bears slow clients."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import numpy as np
import psutil
import pytest
from tests.installations import Server, free_port, install, make_folder, new_sqlite, serving

from unseen_server.config import Config
from unseen_server.connections import Shares
from unseen_server.db import sqlite

THREADS = 8  # of each process, as `serving` starts it

SLOW_CLIENTS = 100


def request_bytes(server: Server, who: str, content: bytes) -> bytes:
    """A whole upload as it goes over the wire."""
    request = httpx2.Request(
        "POST",
        f"{server.url}/api/competitions/{server.slug}/submissions",
        files={"file": ("p.csv", content)},
        headers={"Authorization": f"Bearer {server.token(who)}", "Connection": "close"},
    )
    request.read()
    headers = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return f"POST {request.url.raw_path.decode()} HTTP/1.1\r\n{headers}\r\n".encode() + request.content


def connection(server: Server) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def everything_from(wire: socket.socket) -> bytes:
    return b"".join(iter(lambda: wire.recv(65536), b""))


def test_a_server_told_to_stop_finishes_the_upload_that_is_arriving(live: Server) -> None:
    sent = request_bytes(live, "alice", live.installation.file())
    with connection(live) as wire:
        wire.sendall(sent[: len(sent) // 2])
        time.sleep(0.5)
        live.process.terminate()
        time.sleep(0.5)
        assert live.process.poll() is None
        wire.sendall(sent[len(sent) // 2 :])
        assert everything_from(wire).startswith(b"HTTP/1.1 201")
    assert live.process.wait(20) == 0


def test_a_server_told_to_stop_waits_for_a_slow_upload_and_turns_others_away(live: Server) -> None:
    sent = request_bytes(live, "alice", live.installation.file())
    with connection(live) as wire:
        wire.sendall(sent[:100])
        time.sleep(0.5)
        live.process.terminate()
        for start in range(100, len(sent), 100):
            time.sleep(0.1)
            if start > 500:
                with pytest.raises(ConnectionRefusedError):
                    connection(live)
            wire.sendall(sent[start : start + 100])
        assert everything_from(wire).startswith(b"HTTP/1.1 201")
    assert live.process.wait(20) == 0


def test_a_deadline_counts_by_the_last_byte_and_not_by_the_queue(tmp_path: Path, sqlite_template: Path) -> None:
    now = datetime.now(UTC)
    folder = make_folder(tmp_path, now=now)
    with (
        new_sqlite(tmp_path, sqlite_template) as url,
        closing(install(Config(home=tmp_path, database_url=url), folder, now=now)) as installation,
        serving(installation, processes=1, threads=1) as server,
        closing(sqlite.driver.connect(tmp_path / "unseen.db", isolation_level=None)) as other,
        ThreadPoolExecutor(2) as pool,
    ):
        requests = [request_bytes(server, who, installation.file()) for who in ("alice", "bob")]
        other.execute("BEGIN IMMEDIATE")  # the only thread will wait for this lock, and bob's file behind it

        def upload(sent: bytes) -> bytes:
            with connection(server) as wire:
                wire.sendall(sent)
                return everything_from(wire)

        replies = []
        for sent in requests:
            replies.append(pool.submit(upload, sent))
            time.sleep(0.5)
        time.sleep(1)
        released = datetime.now(UTC)
        other.execute("ROLLBACK")
        assert all(reply.result().startswith(b"HTTP/1.1 201") for reply in replies)
        listed = installation.client("bob").get(f"/api/competitions/{server.slug}/submissions").get_json()
    received = datetime.fromisoformat(listed["submissions"][0]["submitted_at"])
    assert received < released


@pytest.mark.slow
def test_slow_clients_do_not_keep_honest_ones_out(live: Server) -> None:
    sent = request_bytes(live, "alice", live.installation.file())
    with ExitStack() as slow, httpx2.Client() as honest:
        wires = [slow.enter_context(connection(live)) for _ in range(SLOW_CLIENTS)]
        for n, wire in enumerate(wires):
            wire.sendall(sent[: 40 if n % 2 else len(sent) - 10])
        for _ in range(20):
            assert honest.get(f"{live.url}/competitions/{live.slug}/leaderboard").status_code == 200


def test_a_file_of_many_rows_goes_through_the_form_and_is_scored_exactly(tmp_path: Path, sqlite_template: Path) -> None:
    now, n = datetime.now(UTC), 20_000
    folder = make_folder(tmp_path, now=now, release="full", bounds=[-1000, 1000])
    rng = np.random.default_rng(1)
    labels, predictions = rng.normal(50, 20, n), rng.normal(50, 20, n)
    ids = rng.permutation(n)
    public = rng.random(n) < 0.5
    rows = [
        f"{i},{y!r},{'Public' if half else 'Private'}" for i, y, half in zip(ids, labels.tolist(), public, strict=True)
    ]
    (folder / "solution.csv").write_text("\n".join(["id,minutes,Usage", *rows]))
    (folder / "sample_submission.csv").write_text("\n".join(["id,minutes", *(f"{i},50" for i in range(n))]))
    (folder / "test.csv").write_text("\n".join(["id,pages,words", *(f"{i},1,2" for i in range(n))]))
    (folder / "train.csv").write_text("pages,words,minutes\n1,2,50\n3,4,60\n")
    content = "\n".join(
        ["id,minutes", *(f"{i},{p!r}" for i, p in zip(ids, predictions.tolist(), strict=True))]
    ).encode()
    with (
        new_sqlite(tmp_path, sqlite_template) as url,
        closing(install(Config(home=tmp_path, database_url=url), folder, now=now)) as installation,
        serving(installation) as server,
    ):
        reply = httpx2.post(
            f"{server.url}/api/competitions/{server.slug}/submissions",
            files={"file": ("p.csv", content)},
            headers={"Authorization": f"Bearer {server.token('alice')}"},
        )
    assert reply.status_code == 201, reply.text
    assert reply.json()["public_score"] == pytest.approx(np.mean((labels - predictions)[public] ** 2), rel=1e-12)


def test_a_server_that_cannot_work_says_so_and_ends(live: Server) -> None:
    home = live.installation.config.home
    (home / "secret_key").unlink()
    (home / "secret_key").mkdir()  # no key can be read, so no worker can start
    environment = {**os.environ, "UNSEEN_HOME": str(home)}
    command = [sys.executable, "-m", "unseen_server", "serve", "--port", str(free_port())]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "secret_key" in done.stderr


def held_by(worker: psutil.Process) -> int:
    return sum(wire.status == psutil.CONN_ESTABLISHED for wire in worker.net_connections("tcp"))


def wait_until_all_work(server: Server) -> None:
    """A process has its threads for requests when it begins to accept."""
    patience = time.monotonic() + 60
    while min(worker.num_threads() for worker in psutil.Process(server.process.pid).children()) < THREADS:
        assert time.monotonic() < patience
        time.sleep(0.05)


def test_connections_are_shared_evenly_among_the_processes(live: Server) -> None:
    """Whoever accepted them all would answer a class of programs alone, for their connections stay open."""
    wait_until_all_work(live)
    with ExitStack() as open_ones:
        for wire in [open_ones.enter_context(connection(live)) for _ in range(20)]:  # all at once, then what they ask
            wire.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert wire.recv(65536).startswith(b"HTTP/1.1 200")
        shares = [held_by(worker) for worker in psutil.Process(live.process.pid).children()]
    assert sum(shares) == 20
    assert max(shares) - min(shares) <= 2


def test_the_connections_of_a_process_that_ended_keep_nobody_waiting(live: Server) -> None:
    with ExitStack() as open_ones:
        for _ in range(6):
            assert open_ones.enter_context(httpx2.Client(base_url=live.url)).get("/api/health").status_code == 200
        psutil.Process(live.process.pid).children()[0].kill()
        for _ in range(20):
            assert open_ones.enter_context(httpx2.Client(base_url=live.url)).get("/api/health").status_code == 200


def test_a_process_that_cannot_accept_leaves_connections_to_the_others() -> None:
    shares = Shares(3)
    assert shares.is_next(0)  # nobody has begun
    shares.tell(0, 3)
    shares.tell(1, 1)
    assert [shares.is_next(place) for place in (0, 1)] == [False, True]
    shares.leave(1)
    assert shares.is_next(0)
