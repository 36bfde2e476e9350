"""Passwords guessed and typed many at once, through several processes: each counts before it is compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import text
from tests.installations import Installation, install, make_folder, on_every_database, serving
from tests.visitors import PASSWORD, add

from unseen_server.config import Config
from unseen_server.services import passwords

pytestmark = on_every_database

AT_ONCE = 24
TRIALS = 4
CLASS = [f"student{n}" for n in range(AT_ONCE)]


@pytest.fixture
def school(database_url: str, tmp_path: Path) -> Iterator[Installation]:
    """An installation with a class that has passwords."""
    now = datetime.now(UTC)
    folder = make_folder(tmp_path / "bundle", now=now)
    with closing(install(Config(home=tmp_path, database_url=database_url), folder, now=now)) as made:
        for name in CLASS:
            add(made, name, name.title())
        yield made


@contextmanager
def signing_in(made: Installation) -> Iterator[Callable[[Sequence[tuple[str, str]]], Counter[int]]]:
    """Try names and passwords at once, all from one address and from browsers nobody knows, and count the statuses."""
    with serving(made, processes=2, threads=16) as server, ThreadPoolExecutor(AT_ONCE) as pool:

        def sign_in(typed: tuple[str, str]) -> int:
            form = {"name": typed[0], "password": typed[1]}
            return httpx2.post(f"{server.url}/login", data=form, timeout=60).status_code

        yield lambda typed: Counter(pool.map(sign_in, typed))


def counted(made: Installation) -> int:
    with made.db.read() as session:
        return session.execute(text("SELECT count(*) FROM failed_sign_ins")).scalar_one()


@pytest.mark.slow
def test_guesses_at_once_through_two_processes_never_pass_the_limit(school: Installation) -> None:
    limit = passwords.ATTEMPTS_AT_NAME_FROM_ADDRESS
    with signing_in(school) as at_once:
        for name in CLASS[:TRIALS]:
            assert at_once([(name, f"guess {n}") for n in range(AT_ONCE)]) == {401: limit, 429: AT_ONCE - limit}


@pytest.mark.slow
def test_a_class_that_signs_in_at_once_uses_nothing_up(school: Installation) -> None:
    with signing_in(school) as at_once:
        assert at_once([(name, "mistyped") for name in CLASS[::2]]) == {401: AT_ONCE / 2}
        for _ in range(TRIALS):
            assert at_once([(name, PASSWORD) for name in CLASS]) == {303: AT_ONCE}
    assert counted(school) == 0
