"""The daily limit under attack: many uploads at once, through several processes, and never one too many."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text
from tests.figures import LONG, Tell
from tests.installations import Installation, install, make_folder, on_every_database, serving

from unseen_server.config import Config
from unseen_server.services import accounts, doctor, extensions
from unseen_server.services.extensions import Wanted
from unseen_server.services.principals import SERVER

pytestmark = on_every_database

AT_ONCE = 8
LIMIT = 3
TRIALS = 200 if LONG or "UNSEEN_MUTANT" in os.environ else 8  # a mutant has to be caught every time


@pytest.fixture
def crowded(database_url: str, tmp_path: Path) -> Iterator[Installation]:
    """An installation with one student per trial and a small daily limit."""
    now = datetime.now(UTC)
    folder = make_folder(tmp_path / "bundle", now=now, daily_limit=LIMIT)
    with closing(install(Config(home=tmp_path, database_url=database_url), folder, now=now)) as installation:
        with installation.db.write() as session:
            course = installation.course(session)
            for trial in range(TRIALS):
                user = accounts.add_user(session, f"student{trial}", now=now, actor="test")
                accounts.enrol(session, user, course, "student", now=now, actor="test")
        yield installation


def upload(client: httpx2.Client, url: str, content: bytes, token: str) -> int:
    reply = client.post(
        url, files={"file": ("p.csv", content)}, headers={"Authorization": f"Bearer {token}"}, timeout=60
    )
    return reply.status_code


@pytest.mark.slow
@pytest.mark.figure("quota")
def test_parallel_uploads_through_two_processes_never_pass_the_limit(crowded: Installation, figure: Tell) -> None:
    content = crowded.file(50.0)
    with serving(crowded, processes=2) as server, httpx2.Client() as client, ThreadPoolExecutor(AT_ONCE) as pool:
        url = f"{server.url}/api/competitions/{crowded.slug}/submissions"
        for trial in range(TRIALS):
            token = crowded.token(f"student{trial}")
            before = [upload(client, url, content, token) for _ in range(LIMIT - 1)]
            assert before == [201] * (LIMIT - 1)
            statuses = Counter(pool.map(lambda _: upload(client, url, content, token), range(AT_ONCE)))  # noqa: B023
            assert statuses == {201: 1, 429: AT_ONCE - 1}, f"trial {trial}"
            figure(f"trials on {crowded.db.engine.dialect.name}", 1)
    with crowded.db.read() as session:
        most = session.execute(text("SELECT count(*) FROM submissions GROUP BY team_id")).scalars().all()
    assert most == [LIMIT] * TRIALS
    assert [one for one in doctor.examine(crowded.config, crowded.db) if not one.ok] == []  # one unbroken chain, too


@pytest.mark.slow
def test_the_same_key_sent_many_times_at_once_counts_once(crowded: Installation) -> None:
    content, token = crowded.file(50.0), crowded.token("alice")
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "once"}
    with serving(crowded, processes=2) as server, httpx2.Client() as client, ThreadPoolExecutor(AT_ONCE) as pool:
        url = f"{server.url}/api/competitions/{crowded.slug}/submissions"

        def send(_: int) -> tuple[int, str]:
            reply = client.post(url, files={"file": ("p.csv", content)}, headers=headers, timeout=60)
            return reply.status_code, reply.text

        replies = set(pool.map(send, range(AT_ONCE)))
    assert [status for status, _ in replies] == [201]


@pytest.mark.slow
def test_of_different_files_sent_at_once_with_one_key_one_counts(crowded: Installation) -> None:
    with serving(crowded, processes=2) as server, httpx2.Client() as client, ThreadPoolExecutor(AT_ONCE) as pool:
        url = f"{server.url}/api/competitions/{crowded.slug}"
        for trial in range(5):
            who = {"Authorization": f"Bearer {crowded.token(f'student{trial}')}"}

            def send(value: int, who: dict[str, str] = who) -> httpx2.Response:
                files = {"file": ("p.csv", crowded.file(40.0 + value))}
                return client.post(
                    f"{url}/submissions", files=files, headers=who | {"Idempotency-Key": "one"}, timeout=60
                )

            statuses = Counter(reply.status_code for reply in pool.map(send, range(AT_ONCE)))
            assert statuses == {201: 1, 422: AT_ONCE - 1}, f"trial {trial}"
            assert client.get(f"{url}/limits", headers=who).json()["used_today"] == 1


@pytest.mark.slow
def test_the_extended_limit_is_as_exact_under_parallel_uploads(crowded: Installation) -> None:
    content, extra = crowded.file(50.0), 2
    with serving(crowded, processes=2) as server, httpx2.Client() as client, ThreadPoolExecutor(AT_ONCE) as pool:
        url = f"{server.url}/api/competitions/{crowded.slug}/submissions"
        for trial in range(5):
            wanted = Wanted(f"student{trial}", extra=extra, reason="a fault of the server")
            place = {"slug": crowded.slug, "principal": SERVER, "now": datetime.now(UTC)}
            extensions.grant(crowded.db, wanted=wanted, **place)
            token = crowded.token(f"student{trial}")
            statuses = Counter(pool.map(lambda _: upload(client, url, content, token), range(AT_ONCE)))  # noqa: B023
            assert statuses == {201: LIMIT + extra, 429: AT_ONCE - LIMIT - extra}, f"trial {trial}"
