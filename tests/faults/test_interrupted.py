"""kill -9 in the midst of what takes long: afterwards all is as it was, and it can be done again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, event, update
from tests.figures import LONG, Tell
from tests.installations import Installation
from tests.visitors import send

from unseen_server import working
from unseen_server.core.splits import PUBLIC
from unseen_server.db import migrate
from unseen_server.db.delivery import Delivery
from unseen_server.db.models import Job
from unseen_server.db.session import Database
from unseen_server.services import backups, correcting, doctor, jobs
from unseen_server.services import rescore as rescoring
from unseen_server.services.keys import KeyRing
from unseen_server.services.receipts import Signer
from unseen_server.services.reveal import reveal
from unseen_server.working import Tools

KILLED = 9
SELDOM = 1 if LONG else 5  # else after each so many statements
Deed = Callable[[Database], object]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork, by which a process is made to be killed")


@pytest.fixture
def made(installation: Installation) -> Installation:
    for n, who in enumerate(("alice", "bob", "alice", "carol")):
        send(installation, installation.noisy(3.0 + n, seed=n), who)
    return installation


def killed_everywhere(made: Installation, deed: Deed, *, every: int = 1) -> Iterator[int]:
    """Do it in a process that dies after its first statement, or so many more ..., until one lives to the end."""
    for statements in count(1, every):
        if not _dies(made, deed, statements):
            return
        yield statements


def _dies(made: Installation, deed: Deed, statements: int) -> bool:
    made.db.close()
    made.app.extensions["unseen"].db.close()  # connections are not to be shared with the other process
    child = os.fork()
    if child == 0:
        _do_and_exit(made, deed, statements)
    _, status = os.waitpid(child, 0)
    ended = os.waitstatus_to_exitcode(status)
    assert ended in (0, KILLED)
    return ended == KILLED


def _do_and_exit(made: Installation, deed: Deed, statements: int) -> None:
    left = iter(range(statements - 1))

    def die_in_time(*_: object) -> None:
        if next(left, None) is None:
            os._exit(KILLED)

    try:
        event.listen(Engine, "after_cursor_execute", die_in_time)
        deed(Database(made.config.database_url))
        os._exit(0)
    finally:
        os._exit(1)


def boards(made: Installation) -> list[tuple[int, str]]:
    student = made.client("alice")
    address = f"/api/competitions/{made.slug}"
    replies = [student.get(f"{address}/leaderboard?board={board}") for board in ("public", "private")]
    replies += [student.get(address), student.get(f"{address}/submissions")]
    return [(reply.status_code, reply.get_data(as_text=True)) for reply in replies]


def is_well(made: Installation) -> bool:
    return all(finding.ok for finding in doctor.examine(made.config, made.db))


@pytest.mark.slow
@pytest.mark.figure("interrupted")
def test_a_reveal_shows_all_or_nothing(made: Installation, figure: Tell) -> None:
    made.pass_deadline()
    before = boards(made)
    deed = made.asking()
    for _ in killed_everywhere(made, lambda db: reveal(db, **deed), every=2):
        figure("processes killed", 1)
        assert boards(made) == before
    assert [status for status, _ in boards(made)] == [200] * 4
    assert is_well(made)


def corrected(made: Installation) -> bytes:
    key = made.bundle.key
    labels = np.clip(key.labels + 1, *made.bundle.settings.bounds).tolist()
    rows = zip(key.ids, labels, np.where(key.usage == PUBLIC, "Public", "Private"), strict=True)
    table = "".join(f"{row_id},{label!r},{usage}\n" for row_id, label, usage in rows)
    return f"id,minutes,Usage\n{table}".encode()


@pytest.mark.slow
@pytest.mark.figure("interrupted")
def test_a_correction_counts_whole_or_not_at_all(made: Installation, figure: Tell) -> None:
    content, before, deed = corrected(made), boards(made), made.asking()

    def correct(db: Database) -> None:
        rescoring.rescore(db, KeyRing(db), content=content, **deed)

    for _ in killed_everywhere(made, correct, every=SELDOM):
        figure("processes killed", 1)
        assert boards(made) == before
    assert boards(made) != before
    assert is_well(made)


@pytest.mark.slow
@pytest.mark.figure("interrupted")
def test_an_upgrade_is_done_or_can_be_done_again(made: Installation, figure: Tell) -> None:
    migrate.downgrade(made.db, "0003")
    for _ in killed_everywhere(made, migrate.upgrade, every=4 * SELDOM):
        figure("processes killed", 1)
        assert migrate.current(made.db) == "0003"
    assert migrate.current(made.db) == migrate.newest()
    assert is_well(made)
    send(made, made.noisy(2.0), "alice")


@pytest.mark.slow
@pytest.mark.figure("interrupted")
def test_a_backup_that_is_killed_leaves_no_file_under_its_name(
    made: Installation, tmp_path: Path, figure: Tell
) -> None:
    file, schema = tmp_path / "all.zip", migrate.newest()

    def back_up(db: Database) -> None:
        backups.back_up(made.config, db, file, schema=schema, now=made.now)

    for _ in killed_everywhere(made, back_up, every=4 * SELDOM):
        figure("processes killed", 1)
        assert not file.exists()
    with backups.restored_for_a_look(file) as (config, db), closing(db):
        assert all(finding.ok for finding in doctor.examine(config, db))


@pytest.mark.slow
@pytest.mark.figure("interrupted")
def test_a_correction_that_workers_die_over_counts_once(made: Installation, figure: Tell) -> None:
    before, content = boards(made), corrected(made)
    ref = correcting.hand_in(made.db, Delivery(made.db), made.keys, content=content, **made.asking())

    def attempt(db: Database) -> None:
        working.work(Tools(db, KeyRing(db), Signer("secret"), lambda: made.now), ref)

    for _ in killed_everywhere(made, attempt, every=SELDOM):
        figure("processes killed", 1)
        assert boards(made) == before
        with made.db.write() as session:  # the lease runs out, and more of them may die than in life
            session.execute(update(Job).values(lease_until=None, attempts=0))
    after = boards(made)
    assert after != before
    attempt(made.db)
    assert boards(made) == after
    place = made.asking()
    assert rescoring.current_key(made.db, made.keys, **place).version == 2
    assert jobs.shown(made.db, ref=ref, principal=place["principal"], now=made.now).state == "done"
    assert is_well(made)
