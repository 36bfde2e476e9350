"""A competition of 10,000 teams and any number of submissions, written by SQLite itself in seconds."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from unseen_server.db import migrate
from unseen_server.db.models import Competition, Course, Team
from unseen_server.db.session import Database

TEAMS = 10_000
NOW = datetime(2026, 11, 23, tzinfo=UTC)

# Scores from 0 to 1 without a pattern: the multiplicative hash of a submission's number.
SUBMISSIONS = """
WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < :submissions)
INSERT INTO submissions (id, competition_id, team_id, quota_day, slot, request_digest, file_name, message, sha256,
                         submitted_at, late, selected)
SELECT i, 1, 1 + i % :teams, '2026-11-23', i, '', '', '', '', '2026-11-23 00:00:00.000000', 0, 0 FROM numbers
"""
SCORES = """
INSERT INTO scores (submission_id, key_version, n, total, total_squares, value, shown, accepted)
SELECT id, 1, 5, 0, 0, id * 2654435761 % 4294967296 / 4294967296.0, id * 2654435761 % 4294967296 / 4294967296.0, 1
FROM submissions
"""
STANDINGS = """
INSERT INTO standings (team_id, competition_id, ranked, score, submission_id, entries, last_submission_at)
SELECT team_id, 1, 1, min(shown), submissions.id, count(*), submitted_at
FROM submissions JOIN scores ON scores.submission_id = submissions.id GROUP BY team_id
"""


@contextmanager
def crowded(submissions: int) -> Iterator[Database]:
    with tempfile.TemporaryDirectory() as folder, closing(Database(f"sqlite:///{Path(folder) / 'bench.db'}")) as db:
        migrate.upgrade(db)
        with db.write() as session:
            session.execute(text("PRAGMA cache_size=-500000"))  # all of it in memory until the end
            _add_teams(session)
            for statement in (SUBMISSIONS, SCORES, STANDINGS):
                sizes = {"submissions": submissions, "teams": TEAMS} if statement == SUBMISSIONS else {}
                session.execute(text(statement), sizes)
        with db.write() as session:
            session.execute(text("ANALYZE"))
        yield db


def _add_teams(session: Session) -> None:
    session.add(Course(id=1, slug="c", title="c", time_zone="UTC", created_at=NOW))
    session.flush()
    session.add(
        Competition(
            id=1, course_id=1, slug="c", title="c", metric="mse", id_column="id", target_column="y", lower_bound=0,
            upper_bound=1, time_zone="UTC", deadline=NOW + timedelta(days=1), launched_at=NOW - timedelta(days=9),
            late_submissions=True, baseline_standard_error=0.1, daily_limit=5, rejected_per_hour=30,
            final_submissions=2, release="full", public_intervals=False, baseline_score=1.0, test_rows=10,
            public_rows=5, key_version=1, board_version=0, created_at=NOW,
        )
    )  # fmt: skip
    session.flush()
    common = {"competition_id": 1, "kind": "student", "points_public": 0, "points_private": 0, "created_at": NOW}
    teams = [common | {"id": t, "name": f"team {t}", "name_key": f"team {t}"} for t in range(1, TEAMS + 1)]
    session.execute(insert(Team), teams)
