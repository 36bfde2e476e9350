"""What intervals and ties cost: 200 teams on 100,000 public rows, a new best among them, and a server that starts."""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from measuring import Row, show
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from unseen_server.app import create_app
from unseen_server.config import Config
from unseen_server.core import metrics
from unseen_server.core.splits import PUBLIC
from unseen_server.db import migrate
from unseen_server.db.models import (
    AnswerKeyVersion,
    Competition,
    Course,
    PredictionVector,
    Score,
    Standing,
    Submission,
    Team,
)
from unseen_server.db.session import Database
from unseen_server.services import standings
from unseen_server.services.comparisons import Comparisons
from unseen_server.services.keys import KeyRing

TEAMS, PUBLIC_ROWS, ROUNDS = 200, 100_000, 10
NOW = datetime(2026, 11, 23, tzinfo=UTC)
PLACE = {"slug": "c", "which": "public", "principal": None, "now": NOW}


def fill(session: Session, rng: np.random.Generator) -> np.ndarray:
    """Teams whose errors go together as those of similar models do; public and private rows in halves."""
    n = 2 * PUBLIC_ROWS
    labels, usage = rng.standard_normal(n), rng.permutation(n) % 2 + PUBLIC
    session.add(Course(id=1, slug="c", title="c", time_zone="UTC", created_at=NOW))
    session.flush()
    session.add(
        Competition(
            id=1, course_id=1, slug="c", title="c", metric="mse", id_column="id", target_column="y", lower_bound=-99,
            upper_bound=99, time_zone="UTC", deadline=NOW + timedelta(days=1), launched_at=NOW - timedelta(days=9),
            late_submissions=True, baseline_standard_error=0.005, daily_limit=5, rejected_per_hour=30,
            final_submissions=2, release="rounded", public_intervals=True, baseline_score=1.0, test_rows=n,
            public_rows=PUBLIC_ROWS, key_version=1, board_version=0, created_at=NOW,
        )
    )  # fmt: skip
    session.flush()
    ids = "\n".join(map(str, range(n))).encode()
    key = {"ids": ids, "labels": labels.tobytes(), "usage": usage.astype(np.uint8).tobytes()}
    session.add(AnswerKeyVersion(competition_id=1, version=1, created_at=NOW, **key))
    session.execute(
        insert(Team),
        [{"id": t, "competition_id": 1, "name": f"team {t}", "name_key": f"team {t}", "kind": "student",
          "points_public": 0, "points_private": 0, "created_at": NOW} for t in range(1, TEAMS + 1)],
    )  # fmt: skip
    for team in range(1, TEAMS + 1):
        add(session, team, model(rng, labels), labels, usage)
    return labels


def model(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    """Half of what can be known, and errors of its own."""
    return 0.5 * labels + rng.uniform(0.1, 0.3) * rng.standard_normal(len(labels))


def add(session: Session, team: int, predictions: np.ndarray, labels: np.ndarray, usage: np.ndarray) -> None:
    """A submission of this team that becomes its displayed best."""
    score = metrics.score(metrics.metric("mse"), labels, predictions, usage.astype(np.uint8)).public
    used = session.scalar(select(Standing.entries).where(Standing.team_id == team))
    submission = Submission(
        competition_id=1, team_id=team, quota_day=NOW.date(), slot=used or 0, request_digest="", file_name="",
        message="", sha256="", submitted_at=NOW, late=False, selected=False,
    )  # fmt: skip
    session.add(submission)
    session.flush()
    session.add(PredictionVector(submission_id=submission.id, content=predictions.tobytes()))
    shown = round(score.value, 3)
    session.add(
        Score(submission_id=submission.id, key_version=1, n=score.n, total=score.total,
              total_squares=score.total_squares, value=score.value, shown=shown, accepted=True)
    )  # fmt: skip
    standing = {"score": shown, "submission_id": submission.id, "entries": (used or 0) + 1}
    if used is None:
        session.add(Standing(team_id=team, competition_id=1, ranked=True, last_submission_at=NOW, **standing))
    else:
        session.execute(update(Standing).where(Standing.team_id == team).values(**standing))


def cpu_ms(run: Callable[[], object]) -> float:
    """User and system time of this process, all its threads."""
    before = time.process_time()
    run()
    return 1000 * (time.process_time() - before)


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder, closing(Database(f"sqlite:///{folder}/bench.db")) as db:
        migrate.upgrade(db)
        rng = np.random.default_rng(0)
        with db.write() as session:
            labels = fill(session, rng)
        yield from computing(db, rng, labels)
        yield from pages(db, Path(folder))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield Row(None, "intervals: memory at most", most, unit=" MB")


def computing(db: Database, rng: np.random.Generator, labels: np.ndarray) -> Iterator[Row]:
    keys = KeyRing(db)
    with db.read() as session:
        keys.of(session.get_one(Competition, 1))
        usage = np.frombuffer(session.get_one(AnswerKeyVersion, (1, 1)).usage, dtype=np.uint8)
    compared = Comparisons(db, keys)
    yield told("a server starts: all pairs", cpu_ms(lambda: standings.order(db, compared, **PLACE)))
    yield told("the same board again", cpu_ms(lambda: standings.order(db, compared, **PLACE)))
    times = []
    for turn in range(ROUNDS):
        with db.write() as session:  # every other one takes the lead
            better = 0.52 * labels + 0.02 * rng.standard_normal(len(labels)) if turn % 2 else model(rng, labels)
            add(session, 1 + turn, better, labels, usage)
        times.append(cpu_ms(lambda: standings.order(db, compared, **PLACE)))
    yield told(f"a new best among {TEAMS} teams, median of {ROUNDS}", float(np.median(times)))
    yield told("the slowest of them", max(times))


def pages(db: Database, folder: Path) -> Iterator[Row]:
    """The board's page with all it says, and without intervals."""
    clock = [NOW]
    config = Config(home=folder, database_url=db.url.render_as_string(hide_password=False), secret_key="bench")
    app = create_app(config, clock=lambda: clock[0])
    client = app.test_client()

    def afresh() -> None:
        clock[0] += timedelta(minutes=1)
        assert client.get("/competitions/c/leaderboard").status_code == 200

    afresh()
    yield told("its page drawn afresh, with intervals", min(cpu_ms(afresh) for _ in range(ROUNDS)))
    with db.write() as session:
        session.execute(update(Competition).values(public_intervals=False, board_version=1))
    yield told("its page drawn afresh, without", min(cpu_ms(afresh) for _ in range(ROUNDS)))
    app.extensions["unseen"].db.close()


def told(what: str, ms: float) -> Row:
    return Row(None, f"intervals: {what}", ms, unit=" ms of CPU")


if __name__ == "__main__":
    show(rows())
