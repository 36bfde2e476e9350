"""Submissions whose predictions and files lie in an object store: the same promises, and nothing counted without it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select
from tests.installations import Installation, install
from tests.object_store import BUCKET, Way, bucket
from tests.visitors import place_baseline, send
from werkzeug.test import TestResponse

from unseen_server import objects, storage
from unseen_server.config import Config
from unseen_server.core.errors import BadRequest, Busy
from unseen_server.db import migrate
from unseen_server.db.models import PredictionVector, StoredObject, Submission, SubmittedFile
from unseen_server.db.session import Database
from unseen_server.services import backups, baselines, doctor, erasing, receipts
from unseen_server.services.principals import SERVER


@pytest.fixture
def way(monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    monkeypatch.setattr(objects, "REPLY_SECONDS", 1)
    with bucket(monkeypatch) as made:
        yield made


@pytest.fixture
def made(
    request: pytest.FixtureRequest, database_url: str, tmp_path: Path, bundle_folder: Path
) -> Iterator[Installation]:
    """An installation whose submissions lie in a folder beside SQLite, in a bucket beside PostgreSQL."""
    url = (tmp_path / "objects").as_uri()
    if database_url.startswith("postgresql"):
        request.getfixturevalue("way")
        url = f"s3://{BUCKET}/unseen"
    with closing(install(Config(home=tmp_path, database_url=database_url, objects_url=url), bundle_folder)) as made:
        yield made


def counted(db: Database, table: type) -> int:
    with db.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def upload(made: Installation, key: str) -> TestResponse:
    return made.client("alice").post(
        f"/api/competitions/{made.slug}/submissions",
        data={"file": (io.BytesIO(made.noisy(3.0)), "p.csv")},
        headers={"Idempotency-Key": key},
    )


def stored(made: Installation) -> list[objects.Listed]:
    assert made.db.objects
    return list(made.db.objects.listed())


def test_predictions_and_file_lie_in_the_store_and_come_back(made: Installation) -> None:
    sent = [made.noisy(3.0, n) for n in range(3)]
    for content in sent:
        send(made, content)
    assert (counted(made.db, PredictionVector), counted(made.db, SubmittedFile)) == (0, 0)
    assert len(stored(made)) == counted(made.db, StoredObject) == 6
    with made.db.read() as session:
        refs = list(session.scalars(select(Submission.id).order_by(Submission.id)))
        assert [ref for ref, _ in storage.predictions_of(session, refs[::-1])] == refs
        assert [content for _, content in storage.uploaded_files(session, refs)] == sent
        (_, predictions), *_ = storage.predictions_of(session, refs)
    assert np.allclose(predictions, [float(line.split(b",")[1]) for line in sent[0].splitlines()[1:]])
    assert made.client("alice").get(f"/api/submissions/{refs[0]}/file").data == sent[0]
    assert [found for found in doctor.examine(made.config, made.db) if not found.ok] == []


def test_what_was_kept_in_the_database_before_stays_readable(installation: Installation, tmp_path: Path) -> None:
    send(installation, installation.noisy(3.0))
    with closing(Database(installation.config.database_url, (tmp_path / "objects").as_uri())) as db:
        installation.db.close()
        installation.db = db
        send(installation, installation.noisy(2.0), "bob")
        with db.read() as session:
            refs = list(session.scalars(select(Submission.id)))
            assert [ref for ref, _ in storage.predictions_of(session, refs)] == sorted(refs)
            assert len(list(storage.uploaded_files(session, refs))) == 2
        assert (counted(db, PredictionVector), counted(db, StoredObject)) == (1, 2)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["error", "silence", "cut"])
def test_without_its_store_the_server_is_busy_and_counts_nothing(
    way: Way, database_url: str, tmp_path: Path, bundle_folder: Path, mode: str
) -> None:
    config = Config(home=tmp_path, database_url=database_url, objects_url=f"s3://{BUCKET}")
    with closing(install(config, bundle_folder)) as made:
        way.mode = mode
        refused = upload(made, "again")
        assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
        assert counted(made.db, Submission) == 0
        assert made.client("alice").get(f"/api/competitions/{made.slug}/leaderboard").status_code == 200
        way.mode = "open"
        assert upload(made, "again").status_code == 201
        assert made.client("alice").get(f"/api/competitions/{made.slug}/limits").json["used_today"] == 1


def _fail(*_: object) -> None:
    raise Busy()


def test_a_commit_that_fails_counts_nothing_and_its_objects_are_swept(
    made: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(made, made.noisy(3.0))
    with monkeypatch.context() as patch:
        patch.setattr(receipts, "keep", _fail)  # the last thing before the commit
        with pytest.raises(Busy):
            send(made, made.noisy(2.0), "bob")
    assert counted(made.db, Submission) == 1
    assert len(stored(made)) == 4
    now = datetime.now(UTC)
    assert storage.sweep(made.db, now) == 0  # it may belong to a submission that is being written
    assert storage.sweep(made.db, now + timedelta(hours=2)) == 2
    assert storage.sweep(made.db, now + timedelta(hours=2)) == 0
    assert counted(made.db, StoredObject) == len(stored(made)) == 2
    assert [found for found in doctor.examine(made.config, made.db) if not found.ok] == []


def test_an_object_that_is_gone_is_told(made: Installation) -> None:
    send(made, made.noisy(3.0))
    assert made.db.objects
    made.db.objects.delete([stored(made)[0].key])
    (wrong,) = [found for found in doctor.examine(made.config, made.db) if not found.ok]
    assert "1 objects" in str(wrong.found)


def test_an_erased_persons_file_leaves_the_store_and_the_predictions_stay(made: Installation) -> None:
    send(made, made.noisy(3.0))
    erasing.erase(made.db, username="alice", principal=SERVER, now=made.now)
    assert len(stored(made)) == counted(made.db, StoredObject) == 1
    with made.db.read() as session:
        ref = session.scalars(select(Submission.id)).one()
        assert storage.uploaded_file(session, ref) == b""
        assert len(list(storage.predictions_of(session, [ref]))) == 1


def test_a_baseline_lies_there_and_goes_with_its_rows(made: Installation) -> None:
    place_baseline(made)
    assert len(stored(made)) == 2
    with made.db.read() as session:
        team = session.scalars(select(Submission.team_id)).one()
    baselines.remove(made.db, slug=made.slug, number=team, principal=SERVER, now=made.now)
    assert storage.sweep(made.db, datetime.now(UTC) + timedelta(hours=2)) == 2


@pytest.mark.slow
def test_a_backup_holds_what_lies_in_the_store(made: Installation, tmp_path: Path) -> None:
    content = made.noisy(3.0)
    send(made, content)
    backups.back_up(made.config, made.db, tmp_path / "all.zip", schema=migrate.newest(), now=made.now)
    home = tmp_path / "elsewhere"
    home.mkdir()
    url = f"sqlite:///{home / 'unseen.db'}"
    with closing(Database(url)) as db, pytest.raises(BadRequest, match="UNSEEN_OBJECTS_URL"):
        backups.restore(Config(home=home, database_url=url), db, tmp_path / "all.zip")
    place = (home / "objects").as_uri()
    with closing(Database(url, place)) as db:
        config = Config(home=home, database_url=url, objects_url=place)
        backups.restore(config, db, tmp_path / "all.zip")
        with db.read() as session:
            assert storage.uploaded_file(session, session.scalars(select(Submission.id)).one()) == content
        assert [found for found in doctor.examine(config, db) if not found.ok] == []


def test_a_server_without_the_store_says_what_is_missing(made: Installation) -> None:
    send(made, made.noisy(3.0))
    with closing(Database(made.config.database_url)) as db, db.read() as session:
        ref = session.scalars(select(Submission.id)).one()
        with pytest.raises(RuntimeError, match="set UNSEEN_OBJECTS_URL"):
            storage.uploaded_file(session, ref)
