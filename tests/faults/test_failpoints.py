"""A process that ends after any one step of a submission: nothing lost, nothing double, nothing left behind."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.faults.failing import ENDED, STEPS, answer
from tests.figures import LONG, Tell
from tests.installations import Installation, install, make_folder

from unseen_server import storage
from unseen_server.config import Config
from unseen_server.services import doctor

TIMES = 20 if LONG else 2
COUNTED = ("committed", "answered")
WRITTEN = ("submissions", "scores", "private_scores", "audit WHERE action = 'submission.add'")
Answer = tuple[int, int | None, bool]


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes made from one that has not opened a store, whose threads would not come along."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        pytest.skip("no fork, by which a process is made that ends")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.failing"])
    return context


@pytest.fixture
def made(database_url: str, tmp_path: Path) -> Iterator[Installation]:
    """Beside a store of objects; as many submissions are allowed as there are trials."""
    folder = make_folder(tmp_path / "bundle", daily_limit=TIMES * len(STEPS))
    config = Config(home=tmp_path, database_url=database_url, objects_url=(tmp_path / "objects").as_uri())
    with closing(install(config, folder)) as installation:
        yield installation


def ask(processes: ForkServerContext, made: Installation, key: str, ends_after: str | None = None) -> Answer | None:
    """What an upload is answered by a process of its own; None where it ended before it answered."""
    sent = {"path": f"/api/competitions/{made.slug}/submissions", "token": made.token("alice"), "key": key}
    sent |= {"now": made.now, "content": made.noisy(3.0)}
    hearing, asking = processes.Pipe(duplex=False)
    process = processes.Process(target=answer, args=(made.config, sent, ends_after, asking))
    process.start()
    asking.close()
    process.join(60)
    assert process.exitcode == (ENDED if ends_after else 0)
    with hearing:
        try:
            heard: Answer = hearing.recv()
        except EOFError:
            return None
        return heard


def rows(made: Installation) -> list[int]:
    with made.db.read() as session:
        return [session.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in WRITTEN]


def trial(processes: ForkServerContext, made: Installation, step: str, key: str) -> None:
    """End a process there, see what was counted, and ask again with the same key."""
    before = rows(made)
    one_more = [count + 1 for count in before]
    first = ask(processes, made, key, ends_after=step)
    assert (first is not None) == (step == "answered")
    assert rows(made) == (one_more if step in COUNTED else before), step
    again = ask(processes, made, key)
    assert again is not None
    assert (again[0], again[2]) == (201, step in COUNTED), step
    assert first is None or first[:2] == again[:2]
    assert rows(made) == one_more, step


@pytest.mark.slow
@pytest.mark.figure("failpoints")
def test_after_whatever_step_a_process_ends_the_file_counts_once(
    processes: ForkServerContext, made: Installation, figure: Tell
) -> None:
    for n in range(TIMES):
        for step in STEPS:
            trial(processes, made, step, f"{step} {n}")
            figure(f"ends on {made.db.engine.dialect.name}", 1)
    refused = ask(processes, made, "one more")
    assert refused is not None
    assert refused[0] == 429  # every slot is used, once
    left = TIMES * (STEPS.index("committed") - STEPS.index("put in the store"))
    assert storage.sweep(made.db, datetime.now(UTC) + timedelta(hours=2)) == 2 * left
    assert made.db.objects
    with made.db.read() as session:
        named = set(session.scalars(text("SELECT key FROM stored_objects")))
    assert {found.key for found in made.db.objects.listed()} == named
    assert len(named) == 2 * TIMES * len(STEPS)
    assert [finding for finding in doctor.examine(made.config, made.db) if not finding.ok] == []
