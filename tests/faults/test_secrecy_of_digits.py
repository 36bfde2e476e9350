"""Public labels that change no displayed score change no byte that a student receives, but for ties and distances."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select, text
from tests.faults.test_secrecy import as_seen, looks, upload
from tests.installations import Installation, install, make_folder, new_sqlite
from werkzeug.test import TestResponse

from unseen_server.config import Config
from unseen_server.db.models import Score

# In the second world the last one, of carol, overtakes bob's, which is displayed as the same.
SENT = (
    *(("alice", 12.0), ("bob", 11.0), ("carol", 10.0), ("alice", 6.0), ("bob", 5.0)),
    *(("alice", 3.0), ("alice", 8.0), ("alice", 9.0), ("carol", 5.0)),
)


def move_public_labels(folder: Path, by: Iterator[float]) -> None:
    with (folder / "solution.csv").open(newline="") as source:
        rows = list(csv.reader(source))
    for row in rows[1:]:
        if row[2] == "Public":
            row[1] = f"{float(row[1]) + next(by):.1f}"
    with (folder / "solution.csv").open("w", newline="") as target:
        csv.writer(target, lineterminator="\n").writerows(rows)


@pytest.fixture(params=[(release, said) for release in ("rounded", "ladder") for said in (False, True)], ids=str)
def worlds(
    request: pytest.FixtureRequest, tmp_path: Path, sqlite_template: Path
) -> Iterator[tuple[Installation, Installation]]:
    """Two installations that differ in public labels, the second moved by half a minute or so."""
    release, said = request.param
    made = []
    for name in ("one", "two"):
        home = tmp_path / name
        folder = make_folder(home, release=release, public_intervals=said, daily_limit=30)
        if made:
            move_public_labels(folder, iter(np.random.default_rng(1).normal(0, 0.5, 20).tolist()))
        with new_sqlite(home, sqlite_template) as url:
            made.append(install(Config(home=home, database_url=url, secret_key="the same"), folder))
        with made[-1].db.write() as session:  # a salted hash, different everywhere
            session.execute(text("UPDATE competitions SET seal = 'sealed'"))
    with closing(made[0]), closing(made[1]):
        yield made[0], made[1]


def test_what_students_receive_depends_on_what_is_displayed_alone(worlds: tuple[Installation, Installation]) -> None:
    one, two = worlds
    files = [(who, one.noisy_in_public(spread, n)) for n, (who, spread) in enumerate(SENT)]
    for who, content in files:
        first, second = (upload(made.client(who), made.slug, content) for made in worlds)
        assert first.status_code == 201
        assert as_seen(first) == as_seen(second)
        one.now = two.now = one.now + timedelta(hours=3)
    scores = [unrounded(made) for made in worlds]
    assert min(abs(a - b) for a, b in zip(*scores, strict=True)) > 0.01
    assert [score[4] < score[8] for score in scores] == [True, False]
    seen = list(looked(worlds))
    assert any(b'class="curve ' in a.data for a, _ in seen)
    differing = {a.request.path.rsplit("/", 1)[1] for a, b in seen if as_seen(a) != as_seen(b)}
    # that these may tell more than the scores is written in docs/leaderboard.md
    assert differing <= ({"leaderboard"} if one.bundle.settings.public_intervals else set())


def looked(worlds: tuple[Installation, Installation]) -> Iterator[tuple[TestResponse, TestResponse]]:
    for who in ("alice", None):
        yield from zip(*(looks(made, made.client(who)) for made in worlds), strict=True)


def unrounded(made: Installation) -> list[float]:
    with made.db.read() as session:
        return list(session.scalars(select(Score.value).order_by(Score.submission_id)))
