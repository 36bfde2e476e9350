"""Several servers over one PostgreSQL: one limit, one chain, one board, and no upload lost when one of them dies."""

from __future__ import annotations

import os
import random
import secrets
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text
from tests.installations import STUDENTS, Installation, Server, free_port, install, make_folder, new_postgres, serving

from unseen_server.config import Config
from unseen_server.services import accounts, doctor

AT_ONCE = 8
LIMIT = 3
TRIALS = 200 if os.environ.get("UNSEEN_LONG") else 25
ROUNDS = 20 if os.environ.get("UNSEEN_LONG") else 3


@contextmanager
def shared(server: str, template: str, folder: Path, **settings: object) -> Iterator[Installation]:
    """An installation on PostgreSQL; its secret comes from the environment, as that of several servers does."""
    now = datetime.now(UTC)
    bundle = make_folder(folder / "bundle", now=now, **settings)
    with (
        pytest.MonkeyPatch.context() as patch,
        new_postgres(server, template) as url,
    ):
        patch.setenv("UNSEEN_SECRET_KEY", secrets.token_urlsafe())
        config = Config(home=folder, database_url=url, secret_key=os.environ["UNSEEN_SECRET_KEY"])
        with closing(install(config, bundle, now=now)) as installation:
            yield installation


@contextmanager
def node(installation: Installation, name: str, port: int) -> Iterator[Server]:
    """One server with a home of its own, as on another machine."""
    home = installation.config.home / name
    home.mkdir(exist_ok=True)
    elsewhere = Installation(
        replace(installation.config, home=home), installation.db, installation.folder, installation.bundle
    )
    with serving(elsewhere, port=port) as server:
        yield server


class Program:
    """A student's program: each upload has a key, and is sent to the next server until one of them answers."""

    def __init__(self, installation: Installation, username: str, ports: list[int]) -> None:
        self.content, self.username = installation.noisy(8.0), username
        self.headers = {"Authorization": f"Bearer {installation.token(username)}"}
        path = f"/api/competitions/{installation.slug}/submissions"
        self.urls = cycle(f"http://127.0.0.1:{port}{path}" for port in ports)
        self.acknowledged: dict[str, int] = {}
        self.statuses: Counter[int] = Counter()
        self.unanswered = 0

    def run(self, stop: threading.Event) -> None:
        with httpx2.Client(timeout=20) as client:
            while not stop.is_set():
                self.send(client, f"{self.username}-{secrets.token_hex()}")

    def send(self, client: httpx2.Client, key: str) -> None:
        for url in self.urls:
            try:
                reply = client.post(
                    url, files={"file": ("p.csv", self.content)}, headers={**self.headers, "Idempotency-Key": key}
                )
            except httpx2.HTTPError:
                self.unanswered += 1
                time.sleep(0.02)  # ask another one, with the same key
                continue
            self.statuses[reply.status_code] += 1
            if reply.status_code == 201:
                self.acknowledged[key] = reply.json()["ref"]
            return


def assert_there_once(installation: Installation, programs: list[Program]) -> None:
    with installation.db.read() as session:
        stored = {row.idempotency_key: row.id for row in session.execute(text("SELECT * FROM submissions"))}
    assert stored == {key: ref for program in programs for key, ref in program.acknowledged.items()}
    assert [finding for finding in doctor.examine(installation.config, installation.db) if not finding.ok] == []


@pytest.mark.slow
def test_the_limit_is_exact_across_servers(postgres_server: str, postgres_template: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        made = stack.enter_context(shared(postgres_server, postgres_template, tmp_path, daily_limit=LIMIT))
        with made.db.write() as session:
            for trial in range(TRIALS):
                user = accounts.add_user(session, f"student{trial}", now=made.now, actor="test")
                accounts.enrol(session, user, made.course(session), "student", now=made.now, actor="test")
        servers = [stack.enter_context(node(made, name, free_port())) for name in ("one", "two")]
        client = stack.enter_context(httpx2.Client(timeout=60))
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))

        def upload(to: int, token: str) -> int:
            return client.post(
                f"{servers[to % 2].url}/api/competitions/{made.slug}/submissions",
                files={"file": ("p.csv", made.file(50.0))},
                headers={"Authorization": f"Bearer {token}"},
            ).status_code

        for trial in range(TRIALS):
            token = made.token(f"student{trial}")
            assert [upload(n, token) for n in range(LIMIT - 1)] == [201] * (LIMIT - 1)
            statuses = Counter(pool.map(upload, range(AT_ONCE), [token] * AT_ONCE))
            assert statuses == {201: 1, 429: AT_ONCE - 1}, f"trial {trial}"
        assert [finding for finding in doctor.examine(made.config, made.db) if not finding.ok] == []


@pytest.mark.slow
def test_a_server_that_dies_under_load_loses_nothing_that_was_acknowledged(
    postgres_server: str, postgres_template: str, tmp_path: Path
) -> None:
    with shared(postgres_server, postgres_template, tmp_path, daily_limit=100_000) as made, ExitStack() as stack:
        ports = [free_port(), free_port()]
        stack.enter_context(node(made, "one", ports[0]))
        programs = [Program(made, name, ports) for name in STUDENTS]
        stop = threading.Event()
        pool = stack.enter_context(ThreadPoolExecutor(len(programs)))
        running = [pool.submit(program.run, stop) for program in programs]
        try:
            for _ in range(ROUNDS):
                with node(made, "two", ports[1]) as doomed:
                    time.sleep(random.uniform(0.5, 1.0))
                    os.killpg(doomed.process.pid, signal.SIGKILL)
                    doomed.process.wait(10)
        finally:
            stop.set()
        for program in running:
            program.result(60)
        assert sum(program.unanswered for program in programs) > 0, "nothing was interrupted"
        assert {status for program in programs for status in program.statuses} == {201}
        assert_there_once(made, programs)


@pytest.mark.slow
def test_servers_replaced_one_after_the_other_answer_everything(
    postgres_server: str, postgres_template: str, tmp_path: Path
) -> None:
    """A rolling upgrade as students see it: some server answers, and never with an error."""
    with shared(postgres_server, postgres_template, tmp_path, daily_limit=100_000) as made:
        ports = [free_port(), free_port()]
        programs = [Program(made, name, ports) for name in STUDENTS]
        stop = threading.Event()
        with ThreadPoolExecutor(len(programs)) as pool, ExitStack() as replaced:
            nodes = [ExitStack(), ExitStack()]
            for n, one in enumerate(nodes):
                replaced.push(one)
                one.enter_context(node(made, f"node{n}", ports[n]))
            running = [pool.submit(program.run, stop) for program in programs]
            try:
                for n, one in enumerate(nodes):
                    time.sleep(0.5)
                    one.close()
                    one.enter_context(node(made, f"node{n}", ports[n]))
                time.sleep(0.5)
            finally:
                stop.set()
            for program in running:
                program.result(60)
        assert {status for program in programs for status in program.statuses} == {201}
        assert_there_once(made, programs)


@pytest.mark.slow
def test_what_one_server_acknowledged_every_other_shows(
    postgres_server: str, postgres_template: str, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        made = stack.enter_context(shared(postgres_server, postgres_template, tmp_path))
        one, two = (stack.enter_context(node(made, name, free_port())) for name in ("one", "two"))
        client = stack.enter_context(
            httpx2.Client(timeout=60, headers={"Authorization": f"Bearer {made.token('alice')}"})
        )
        path = f"/api/competitions/{made.slug}"
        for spread in (9.0, 6.0, 3.0):
            sent = client.post(f"{one.url}{path}/submissions", files={"file": ("p.csv", made.noisy(spread))}).json()
            board = client.get(f"{two.url}{path}/leaderboard").json()
            assert board["entries"][0]["score"] == sent["public_score"]
            receipt = client.get(f"{two.url}/api/submissions/{sent['ref']}/receipt").json()
            assert receipt["signature"] == sent["signature"]
