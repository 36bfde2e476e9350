"""The board against a window query over all submissions, and its page against the whole board (rows 11 to 13)."""

from __future__ import annotations

import math
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import numpy as np
from sqlalchemy import create_engine, delete, insert, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from unseen_server.app import create_app
from unseen_server.config import Config
from unseen_server.db import migrate, queries
from unseen_server.db.models import (
    AnswerKeyVersion,
    Competition,
    Course,
    PredictionVector,
    Score,
    Standing,
    Submission,
    Team,
    TeamMember,
    User,
)
from unseen_server.db.session import Database
from unseen_server.web import boards

TEAMS = 10_000
A_CLASS = 300
SIZES = (10_000, 1_000_000)
ROUNDS = 5
NOW = datetime(2026, 11, 23, tzinfo=UTC)

WINDOW = text(
    "SELECT team_id, shown FROM (SELECT team_id, shown, submissions.id AS id, row_number() OVER "
    "(PARTITION BY team_id ORDER BY shown, submissions.id) AS place FROM submissions "
    "JOIN scores ON scores.submission_id = submissions.id WHERE competition_id = 1) AS best "
    "WHERE place = 1 ORDER BY shown, id LIMIT 200"
)


POSTGRES = os.environ.get("UNSEEN_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")


@contextmanager
def filled(submissions: int) -> Iterator[Database]:
    """An SQLite database with one competition, TEAMS teams and so many submissions."""
    with tempfile.TemporaryDirectory() as folder, _filled(f"sqlite:///{Path(folder) / 'bench.db'}", submissions) as db:
        yield db


@contextmanager
def filled_postgres(submissions: int) -> Iterator[Database]:
    """The same on PostgreSQL; OperationalError where there is none."""
    name = f"unseen_bench_{uuid.uuid4().hex[:12]}"
    admin = create_engine(make_url(POSTGRES).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    try:
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        with _filled(make_url(POSTGRES).set(database=name).render_as_string(hide_password=False), submissions) as db:
            yield db
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        admin.dispose()


@contextmanager
def _filled(url: str, submissions: int) -> Iterator[Database]:
    with closing(Database(url)) as db:
        migrate.upgrade(db)
        with db.write() as session:
            _fill(session, submissions, np.random.default_rng(0))
        with db.write() as session:
            session.execute(text("ANALYZE"))
        yield db


def _fill(session: Session, submissions: int, rng: np.random.Generator) -> None:
    session.add(Course(id=1, slug="c", title="c", time_zone="UTC", created_at=NOW))
    session.flush()
    session.add(
        Competition(
            id=1, course_id=1, slug="c", title="c", metric="mse", id_column="id", target_column="y", lower_bound=0,
            upper_bound=1, time_zone="UTC", deadline=NOW + timedelta(days=1), launched_at=NOW - timedelta(days=9),
            late_submissions=True, baseline_standard_error=0.1, daily_limit=5, rejected_per_hour=30,
            final_submissions=2, release="full", public_intervals=True, baseline_score=1.0, test_rows=10,
            public_rows=5, key_version=1, board_version=0, created_at=NOW,
        )
    )  # fmt: skip
    session.flush()
    names = [{"competition_id": 1, "name": f"team {t}", "name_key": f"team {t}", "kind": "student",
              "points_public": 0, "points_private": 0, "created_at": NOW} for t in range(TEAMS)]  # fmt: skip
    session.execute(insert(Team), names)
    people = [{"id": t, "username": f"p{t}", "username_key": f"p{t}", "display_name": f"Person {t}", "is_admin": False,
               "created_at": NOW} for t in range(1, TEAMS + 1)]  # fmt: skip
    session.execute(insert(User), people)
    alone = [{"competition_id": 1, "user_id": t, "team_id": t, "joined_at": NOW} for t in range(1, TEAMS + 1)]
    session.execute(insert(TeamMember), alone)
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
    labels, usage = rng.random(10), np.arange(10, dtype=np.uint8) % 2 + 1
    key = {"ids": "\n".join(map(str, range(10))).encode(), "labels": labels.tobytes(), "usage": usage.tobytes()}
    session.add(AnswerKeyVersion(competition_id=1, version=1, created_at=NOW, **key))
    vectors = [{"submission_id": int(i) + 1, "content": rng.random(10).tobytes()} for i in best]
    session.execute(insert(PredictionVector), vectors)


def main() -> None:
    queries_only()
    with filled(SIZES[0]) as db:
        pages("SQLite", db)
    try:
        with filled_postgres(SIZES[0]) as db:
            pages("PostgreSQL", db)
    except OperationalError:
        print("no PostgreSQL: UNSEEN_TEST_POSTGRES_URL is not set and none answers on 127.0.0.1:5432")


def queries_only() -> None:
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
            times[0].append(seconds(lambda: queries.boards.public_places(session, 1, "lower", limit=200)))
            times[1].append(seconds(lambda: session.execute(WINDOW).all()))
            session.expunge_all()
    return statistics.median(times[0]), statistics.median(times[1])


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


# pages


@dataclass
class Site:
    """A server over the database, in this process, and what its pages cost."""

    db: Database

    def __post_init__(self) -> None:
        self.now = NOW
        app = create_app(
            Config(home=Path(), database_url=self.db.url.render_as_string(hide_password=False), secret_key="bench"),
            clock=lambda: self.now,
        )
        self.client = app.test_client()
        self.close = app.extensions["unseen"].db.close

    def board(self, query: str = "", tag: str = "") -> TestResponse:
        return self.client.get(f"/competitions/c/leaderboard{query}", headers={"If-None-Match": tag})

    def afresh(self, query: str = "", rows: int = boards.ROWS) -> TestResponse:
        """Nothing that was kept can be used: another minute has begun."""
        self.now += timedelta(minutes=1)
        with mock.patch.object(boards, "ROWS", rows):
            return self.board(query)


def pages(name: str, db: Database) -> None:
    with closing(Site(db)) as site:
        page, whole = fastest(lambda: site.afresh("?page=50"), lambda: site.afresh(rows=TEAMS))
        search, _ = fastest(lambda: site.afresh("?q=person+99"), lambda: None)
        sizes = [len(site.afresh(query).data) / 1000 for query in ("?page=50", "?q=person+99")]
        print(f"{name}: page 50 of 10,000 teams, drawn afresh {1000 * page:6.0f} ms, {sizes[0]:.0f} kB")
        print(f"{name}: a search among 10,000 teams           {1000 * search:6.0f} ms, {sizes[1]:.0f} kB")
        print(f"{f'{name}: that page / the whole board':68} {'':>6} {'':>6} {page / whole:9.2f}")
        for teams in (TEAMS, A_CLASS):
            with db.write() as session:
                session.execute(delete(Standing).where(Standing.team_id > teams))
            tag = site.board().headers["ETag"]
            board, small = fastest(lambda: site.board(tag=tag), lambda: site.client.get("/api/health"))  # noqa: B023
            row = f"13 {name}: an unchanged board of {teams:,} teams / a small JSON route, req/s"
            print(f"{row:68} {'0.40':>6} {'0.70':>6} {small / board:9.2f}")


def fastest(one: Callable[[], object], other: Callable[[], object]) -> tuple[float, float]:
    """The least seconds of either, in turn: what else the machine does only adds to them."""
    times = [(seconds(one), seconds(other)) for _ in range(6 * ROUNDS)]
    return min(a for a, _ in times), min(b for _, b in times)


if __name__ == "__main__":
    main()
