"""Several servers over one PostgreSQL: one limit, one chain, one board, and no upload lost when one of them dies."""

from __future__ import annotations

import os
import random
import secrets
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text
from tests.figures import LONG, Tell
from tests.installations import STUDENTS, Installation, Server, free_port, install, make_folder, serving
from tests.object_store import BUCKET, bucket
from tests.postgres import new_postgres
from tests.proxies import Asked, Proxy, in_front_of, needs_nginx

from unseen import Client, OutcomeUnknown, Receipt
from unseen_server.config import Config
from unseen_server.services import accounts, doctor, teamwork

AT_ONCE = 8
LIMIT = 3
TRIALS = 200 if LONG else 10
TEAMS = 100 if LONG else 8
MOST_ROUNDS = 4
FIRST = 30  # answers of a server before it is killed
ROUNDS = 20 if LONG else 3
REST = 0.0 if LONG else 0.2  # seconds between two uploads of a student who takes it easy


@contextmanager
def shared(
    server: str, template: str, folder: Path, objects: str | None = None, **settings: object
) -> Iterator[Installation]:
    """An installation on PostgreSQL; its secret comes from the environment, as that of several servers does."""
    now = datetime.now(UTC)
    bundle = make_folder(folder / "bundle", now=now, **settings)
    with (
        pytest.MonkeyPatch.context() as patch,
        new_postgres(server, template) as url,
    ):
        patch.setenv("UNSEEN_SECRET_KEY", secrets.token_urlsafe())
        config = Config(home=folder, database_url=url, secret_key=os.environ["UNSEEN_SECRET_KEY"], objects_url=objects)
        with closing(install(config, bundle, now=now)) as installation:
            yield installation


@contextmanager
def node(installation: Installation, name: str, port: int, **settings: str) -> Iterator[Server]:
    """One server with a home of its own, as on another machine, that believes a proxy on this one."""
    home = installation.config.home / name
    home.mkdir(exist_ok=True)
    elsewhere = Installation(
        replace(installation.config, home=home), installation.db, installation.folder, installation.bundle
    )
    with serving(elsewhere, port=port, **{"UNSEEN_TRUSTED_PROXY": "127.0.0.1", **settings}) as server:
        yield server


class Pace:
    """How fast students go on: as fast as they are answered, except while another server starts."""

    def __init__(self) -> None:
        self._rest, self._stopped = 0.0, threading.Event()

    def goes_on(self) -> bool:
        """Whether there is to be another upload; rests before it."""
        return not self._stopped.wait(self._rest)

    @contextmanager
    def eased(self) -> Iterator[None]:
        """The machine is left to who needs it more."""
        self._rest = REST
        yield
        self._rest = 0.0

    def stop(self) -> None:
        self._stopped.set()


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

    def run(self, pace: Pace) -> None:
        with httpx2.Client(timeout=20) as client:
            while pace.goes_on():
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


class Student:
    """Somebody with our client, which asks again by itself; what it could not learn is asked for with the same key."""

    def __init__(self, installation: Installation, username: str, proxy: Proxy) -> None:
        self.slug, self.username = installation.slug, username
        self.file = installation.config.home / f"{username}.csv"
        self.file.write_bytes(installation.noisy(8.0))
        self.client = Client(proxy.url, installation.token(username), transport=proxy.transport())
        self.acknowledged: dict[str, int] = {}
        self.replayed = 0

    def run(self, pace: Pace) -> None:
        with self.client:
            while pace.goes_on():
                receipt = self.submit(f"{self.username}-{secrets.token_hex()}")
                assert self.client.submission(receipt.ref).public_score == receipt.public_score
                self.client.leaderboard(self.slug)

    def submit(self, key: str) -> Receipt:
        while True:
            with suppress(OutcomeUnknown):
                receipt = self.client.submit(self.slug, self.file, idempotency_key=key)
                self.acknowledged[key] = receipt.ref
                self.replayed += receipt.replayed
                return receipt


@contextmanager
def at_work(students: Sequence[Program | Student]) -> Iterator[Pace]:
    """They go on all the while; none of them may fail."""
    pace = Pace()
    with ThreadPoolExecutor(len(students)) as pool:
        running = [pool.submit(student.run, pace) for student in students]
        try:
            yield pace
        finally:
            pace.stop()
        for student in running:
            student.result(60)


def stored(installation: Installation) -> dict[str, int]:
    with installation.db.read() as session:
        return {row.idempotency_key: row.id for row in session.execute(text("SELECT * FROM submissions"))}


def acknowledged(programs: Sequence[Program | Student]) -> dict[str, int]:
    return {key: ref for program in programs for key, ref in program.acknowledged.items()}


def assert_there_once(installation: Installation, programs: Sequence[Program | Student]) -> None:
    assert stored(installation) == acknowledged(programs)
    assert [finding for finding in doctor.examine(installation.config, installation.db) if not finding.ok] == []


@pytest.mark.slow
@pytest.mark.figure("nodes")
def test_the_limit_is_exact_across_servers(
    postgres_server: str, postgres_template: str, tmp_path: Path, figure: Tell
) -> None:
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
            figure("trials of the limit", 1)
        assert [finding for finding in doctor.examine(made.config, made.db) if not finding.ok] == []


@pytest.mark.slow
@pytest.mark.figure("nodes")
def test_a_server_that_dies_under_load_loses_nothing_that_was_acknowledged(
    postgres_server: str, postgres_template: str, tmp_path: Path, figure: Tell
) -> None:
    with shared(postgres_server, postgres_template, tmp_path, daily_limit=100_000) as made, ExitStack() as stack:
        ports = [free_port(), free_port()]
        stack.enter_context(node(made, "one", ports[0]))
        programs = [Program(made, name, ports) for name in STUDENTS]
        with at_work(programs) as pace:
            for _ in range(ROUNDS):
                with ExitStack() as round_:
                    with pace.eased():
                        doomed = round_.enter_context(node(made, "two", ports[1]))
                    time.sleep(random.uniform(0.5, 1.0))
                    os.killpg(doomed.process.pid, signal.SIGKILL)
                    doomed.process.wait(10)
                    figure("servers killed", 1)
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
        with ExitStack() as replaced:
            nodes = [ExitStack(), ExitStack()]
            for n, one in enumerate(nodes):
                replaced.push(one)
                one.enter_context(node(made, f"node{n}", ports[n]))
            with at_work(programs) as pace:
                for n, one in enumerate(nodes):
                    time.sleep(0.5)
                    one.close()
                    with pace.eased():
                        one.enter_context(node(made, f"node{n}", ports[n]))
                time.sleep(0.5)
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


# behind the proxy


@pytest.fixture(params=["folder", "bucket"])
def objects(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where the servers keep files: a folder that both see, or a bucket."""
    if request.param == "folder":
        yield (tmp_path / "objects").as_uri()
        return
    with bucket(monkeypatch):
        yield f"s3://{BUCKET}/unseen"


@contextmanager
def two_behind_a_proxy(made: Installation, folder: Path) -> Iterator[tuple[Proxy, list[int]]]:
    ports = [free_port(), free_port()]
    with ExitStack() as stack:
        for n, port in enumerate(ports):
            stack.enter_context(node(made, f"node{n}", port))
        yield stack.enter_context(in_front_of(ports, folder / "nginx")), ports


def team_up(made: Installation, host: str, guest: str) -> None:
    with made.db.write() as session:
        for name in (host, guest):
            user = accounts.add_user(session, name, now=made.now, actor="test")
            accounts.enrol(session, user, made.course(session), "student", now=made.now, actor="test")
    teamwork.invite(made.db, who=guest, **made.asking(host))
    (asked,) = teamwork.own_team(made.db, **made.asking(guest)).invitations
    teamwork.accept(made.db, team_id=asked.team_id, **made.asking(guest))


@pytest.mark.slow
@pytest.mark.figure("nodes")
@needs_nginx
def test_the_limit_of_a_team_is_exact_through_the_proxy(
    postgres_server: str, postgres_template: str, tmp_path: Path, objects: str, figure: Tell
) -> None:
    with ExitStack() as stack:
        made = stack.enter_context(shared(postgres_server, postgres_template, tmp_path, objects, daily_limit=LIMIT))
        proxy, ports = stack.enter_context(two_behind_a_proxy(made, tmp_path))
        client = stack.enter_context(proxy.client())
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))

        def upload(token: str) -> int:
            return client.post(
                f"/api/competitions/{made.slug}/submissions",
                files={"file": ("p.csv", made.file(50.0))},
                headers={"Authorization": f"Bearer {token}"},
            ).status_code

        for trial in range(TEAMS):
            team_up(made, f"host{trial}", f"guest{trial}")
            tokens = [made.token(f"host{trial}"), made.token(f"guest{trial}")]
            assert [upload(token) for token in tokens[: LIMIT - 1]] == [201] * (LIMIT - 1)
            statuses = Counter(pool.map(upload, tokens * (AT_ONCE // 2)))
            assert statuses == {201: 1, 429: AT_ONCE - 1}, f"trial {trial}"
            figure("teams at the limit", 1)
        assert {server for asked in proxy.asked() for server in asked.servers} >= {f"127.0.0.1:{n}" for n in ports}
        assert [finding for finding in doctor.examine(made.config, made.db) if not finding.ok] == []


@pytest.mark.slow
@needs_nginx
def test_a_student_behind_the_proxy_gets_a_receipt_whichever_server_dies(
    postgres_server: str, postgres_template: str, tmp_path: Path, objects: str
) -> None:
    settings = {"daily_limit": 100_000}
    with shared(postgres_server, postgres_template, tmp_path, objects, **settings) as made, ExitStack() as stack:
        ports = [free_port(), free_port()]
        stack.enter_context(node(made, "one", ports[0]))
        proxy = stack.enter_context(in_front_of(ports, tmp_path / "nginx"))
        students = [Student(made, name, proxy) for name in STUDENTS]
        with at_work(students) as pace:
            for _ in range(MOST_ROUNDS):
                with ExitStack() as round_:
                    with pace.eased():
                        doomed = round_.enter_context(node(made, "two", ports[1]))
                    waited_for = len(sent_to(proxy, ports[1])) + FIRST
                    while len(sent_to(proxy, ports[1])) < waited_for:  # nginx leaves it alone for 10 s after a failure
                        time.sleep(0.05)
                    os.killpg(doomed.process.pid, signal.SIGKILL)
                    doomed.process.wait(10)
                if interrupted(proxy):
                    break
        uploads = [one for one in proxy.asked() if one.request.startswith("POST")]
        assert {one.status for one in uploads} == {201, 502}
        assert not [one for one in uploads if one.was_sent_twice], "nginx sent an upload to two servers"
        assert_there_once(made, students)


def interrupted(proxy: Proxy) -> list[Asked]:
    return [one for one in proxy.asked() if one.request.startswith("POST") and one.status == 502]


def sent_to(proxy: Proxy, port: int) -> list[Asked]:
    return [one for one in proxy.asked() if f"127.0.0.1:{port}" in one.servers and one.status < 500]


@needs_nginx
def test_an_upload_that_is_sent_to_both_servers_counts_once(
    postgres_server: str, postgres_template: str, tmp_path: Path
) -> None:
    with (
        shared(postgres_server, postgres_template, tmp_path) as made,
        two_behind_a_proxy(made, tmp_path) as (proxy, _),
        closing(Client(proxy.url, made.token("alice"), transport=proxy.transport())) as alice,
    ):
        (tmp_path / "p.csv").write_bytes(made.noisy(8.0))
        receipts = [alice.submit(made.slug, tmp_path / "p.csv", idempotency_key="once") for _ in range(4)]
        assert [receipt.replayed for receipt in receipts] == [False, True, True, True]
        assert len({receipt.ref for receipt in receipts}) == 1
        servers = {one.servers[-1] for one in proxy.asked() if one.request.startswith("POST")}
        assert len(servers) == 2
        assert alice.limits(made.slug).used_today == 1
