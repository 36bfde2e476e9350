"""PostgreSQL stopped and started again under uploads: nothing acknowledged is lost, nothing counted twice, no 500."""

from __future__ import annotations

import os
import secrets
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text
from tests.faults.student import Student
from tests.figures import LONG, Tell
from tests.installations import STUDENTS, free_port, install, make_folder, serving

from unseen_server.config import Config
from unseen_server.db import migrate
from unseen_server.db.session import Database
from unseen_server.services import doctor

ROUNDS = 10 if LONG else 2
HOW = ("immediate", "fast")


@dataclass(frozen=True)
class Postgres:
    """A server of the test's own, which the test may stop as it likes."""

    programs: Path
    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        self._run("initdb", "--auth=trust", "--username=postgres", "--no-sync")

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        self._run("pg_ctl", "start", "--wait", "--silent", "-l", str(self.folder / "log"), "-o", options)

    def stop(self, how: str) -> None:
        self._run("pg_ctl", "stop", "--wait", "--silent", "-m", how)

    def _run(self, program: str, *words: str) -> None:
        as_whom = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # which refuses the superuser
        command = [*as_whom, str(self.programs / program), "-D", str(self.folder), *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


@pytest.fixture
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    if not found:
        pytest.skip("no PostgreSQL to start and stop: its programs are not in /usr/lib/postgresql")
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    if os.geteuid() == 0:
        subprocess.run(["chown", "postgres", str(folder)], check=True)
    made = Postgres(found[-1].parent, folder, free_port())
    made.make()
    made.start()
    yield made
    made.stop("immediate")
    subprocess.run(["rm", "-r", str(folder)], check=True)


class Program:
    """Uploads again and again, each with a key of its own that it sends until the answer is definite."""

    def __init__(self, student: Student, who: str) -> None:
        self.student, self.who = student, who
        self.acknowledged: dict[str, int] = {}
        self.statuses: Counter[int] = Counter()

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.send(f"{self.who}-{secrets.token_hex()}")

    def send(self, key: str) -> None:
        while key not in self.acknowledged:
            try:
                reply = self.student.upload(key)
            except httpx2.HTTPError:
                continue
            self.statuses[reply.status_code] += 1
            if reply.status_code == 201:
                self.acknowledged[key] = reply.json()["ref"]
            else:
                time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.figure("nodes")
def test_a_database_that_is_started_again_has_everything_that_was_acknowledged_once(
    postgres: Postgres, tmp_path: Path, figure: Tell
) -> None:
    now = datetime.now(UTC)
    folder = make_folder(tmp_path / "bundle", now=now, daily_limit=100_000)
    with closing(Database(postgres.url)) as db:
        migrate.upgrade(db)
    with (
        closing(install(Config(home=tmp_path, database_url=postgres.url), folder, now=now)) as installation,
        serving(installation) as server,
        ExitStack() as students,
    ):
        stop = threading.Event()
        programs = [Program(students.enter_context(Student(server, who)), who) for who in STUDENTS]
        with ThreadPoolExecutor(len(programs)) as pool:
            running = [pool.submit(program.run, stop) for program in programs]
            for how in HOW * (ROUNDS // 2):
                time.sleep(1)
                postgres.stop(how)
                time.sleep(0.3)
                postgres.start()
                figure("restarts of PostgreSQL", 1)
            time.sleep(0.5)
            stop.set()
            for run in running:
                run.result()
        statuses = programs[0].student.look_around()
        assert statuses == dict.fromkeys(statuses, 200)
        with installation.db.read() as session:
            stored = {row.idempotency_key: row.id for row in session.execute(text("SELECT * FROM submissions"))}
        assert stored == {key: ref for program in programs for key, ref in program.acknowledged.items()}
        assert {status for program in programs for status in program.statuses} == {201, 503}
        assert [finding for finding in doctor.examine(installation.config, installation.db) if not finding.ok] == []
