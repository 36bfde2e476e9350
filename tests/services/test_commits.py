"""A database that goes away while it commits: what became of the submission is looked up before anything is said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text
from tests.installations import Installation, install
from tests.postgres import new_postgres

from unseen_server.config import Config
from unseen_server.services import doctor
from unseen_server.services import submit as submitting
from unseen_server.services.submit import Answer, submit


@pytest.fixture
def made(postgres_server: str, postgres_template: str, tmp_path: Path, bundle_folder: Path) -> Iterator[Installation]:
    with (
        new_postgres(postgres_server, postgres_template) as url,
        closing(install(Config(home=tmp_path, database_url=url), bundle_folder)) as installation,
    ):
        submitted(installation, None)  # her team is made
        yield installation


def submitted(made: Installation, key: str | None) -> Answer:
    place = {"slug": made.slug, "principal": made.principal("alice"), "received_at": made.now}
    return submit(made.db, made.keys, upload=made.upload(made.noisy(3.0), key=key), **place)


@pytest.mark.slow
@pytest.mark.parametrize("key", [None, "once"])
@pytest.mark.parametrize("took_place", [True, False])
def test_a_commit_of_which_nothing_was_heard_is_looked_up(
    made: Installation, key: str | None, took_place: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialect, lost = made.db.engine.dialect, []

    def commit(connection: Any) -> None:
        if lost:
            connection.commit()
            return
        lost.append(connection)
        if took_place:
            connection.commit()
        connection.dbapi_connection.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(submitting, "ASKED_AGAIN", 0)
    monkeypatch.setattr(dialect, "do_commit", commit)
    answer = submitted(made, key)
    assert len(lost) == 1
    with made.db.read() as session:
        sent = (
            session.execute(
                text("SELECT id FROM submissions WHERE idempotency_key IS NOT DISTINCT FROM :key ORDER BY id"),
                {"key": key},
            )
            .scalars()
            .all()
        )
    assert sent[-1] == answer.receipt.ref
    assert len(sent) == (2 if key is None else 1)
    assert [finding for finding in doctor.examine(made.config, made.db) if not finding.ok] == []
