"""The board against a window query over all submissions, and how either grows with their number (rows 11 and 12)."""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from unseen_server.db import migrate, queries
from unseen_server.db.models import Competition, Course, Score, Standing, Submission, Team
from unseen_server.db.session import Database

TEAMS = 10_000
SIZES = (10_000, 1_000_000)
ROUNDS = 5
NOW = datetime(2026, 11, 23, tzinfo=UTC)

WINDOW = text(
    "SELECT team_id, shown FROM (SELECT team_id, shown, submissions.id AS id, row_number() OVER "
    "(PARTITION BY team_id ORDER BY shown, submissions.id) AS place FROM submissions "
    "JOIN scores ON scores.submission_id = submissions.id WHERE competition_id = 1) AS best "
    "WHERE place = 1 ORDER BY shown, id LIMIT 200"
)


@contextmanager
def filled(submissions: int) -> Iterator[Database]:
    """An SQLite database with one competition, TEAMS teams and so many submissions."""
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{Path(folder) / 'bench.db'}")
        migrate.upgrade(db)
        rng = np.random.default_rng(0)
        with db.write() as session:
            _fill(session, submissions, rng)
        yield db
        db.close()


def _fill(session: Session, submissions: int, rng: np.random.Generator) -> None:
    session.add(Course(id=1, slug="c", title="c", time_zone="UTC", created_at=NOW))
    session.flush()
    session.add(
        Competition(
            id=1, course_id=1, slug="c", title="c", metric="mse", id_column="id", target_column="y", lower_bound=0,
            upper_bound=1, time_zone="UTC", deadline=NOW, late_submissions=True, daily_limit=5, rejected_per_hour=30,
            final_submissions=2, release="full", public_intervals=True, baseline_score=1.0, test_rows=10,
            public_rows=5, key_version=1, board_version=0, created_at=NOW,
        )
    )  # fmt: skip
    session.flush()
    names = [{"competition_id": 1, "name": f"team {t}", "name_key": f"team {t}", "kind": "student",
              "points_public": 0, "points_private": 0, "created_at": NOW} for t in range(TEAMS)]  # fmt: skip
    session.execute(insert(Team), names)
    team = rng.integers(1, TEAMS + 1, submissions)
    shown = rng.random(submissions)
    common = {"competition_id": 1, "quota_day": NOW.date(), "request_digest": "", "file_name": "", "message": "",
              "sha256": "", "submitted_at": NOW, "late": False, "selected": False}  # fmt: skip
    for start in range(0, submissions, 50_000):
        span = range(start, min(start + 50_000, submissions))
        session.execute(insert(Submission), [common | {"team_id": int(team[i]), "slot": i} for i in span])
        session.execute(insert(Score), [{"submission_id": i + 1, "key_version": 1, "n": 5, "total": 0.0,
            "total_squares": 0.0, "value": shown[i], "shown": shown[i]} for i in span])  # fmt: skip
    order = np.lexsort((shown, team))
    _, first = np.unique(team[order], return_index=True)
    best = order[first]
    ranked = {"competition_id": 1, "ranked": True, "entries": 1, "last_submission_at": NOW}
    standings = [ranked | {"team_id": int(team[i]), "score": shown[i], "submission_id": int(i) + 1} for i in best]
    session.execute(insert(Standing), standings)


def main() -> None:
    ours, window = {}, {}
    for size in SIZES:
        with filled(size) as db:
            ours[size], window[size] = interleaved(db)
    growth = math.log(ours[SIZES[-1]] / ours[SIZES[0]]) / math.log(SIZES[-1] / SIZES[0])
    ratio = window[SIZES[-1]] / ours[SIZES[-1]]
    name = "11 top 200 of 10,000 teams x 1,000,000 submissions / a window query"
    print(f"{name:68} {'1/500':>6} {'1/2000':>6} {f'1/{ratio:.0f}':>9}")
    print(f"{'12 its growth exponent in submissions':68} {'0.20':>6} {'0.05':>6} {growth:9.2f}")


def interleaved(db: Database) -> tuple[float, float]:
    """Median seconds of the standings' query and of the window query, in turn."""
    times: tuple[list[float], list[float]] = ([], [])
    with db.read() as session:
        for _ in range(ROUNDS):
            times[0].append(seconds(lambda: queries.public_board(session, 1, "lower", limit=200)))
            times[1].append(seconds(lambda: session.execute(WINDOW).all()))
            session.expunge_all()
    return statistics.median(times[0]), statistics.median(times[1])


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
