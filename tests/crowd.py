"""Many teams at once, written where their submissions would have written them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from tests.installations import Installation

from unseen_server.db.models import Base, Competition, Score, Standing, Submission, Team, TeamMember, User
from unseen_server.services import names


def gather(made: Installation, named: Sequence[str], *, first: float = 1.0) -> None:
    """A team of one for each name, with the scores `first`, `first + 1`, ... in this order; then an hour passes."""
    now = made.now
    with made.db.write() as session:
        in_it = {"competition_id": session.scalars(select(Competition.id)).one()}
        people = written(
            session,
            (
                User(username=f"one{n}", username_key=f"one{n}", display_name=f"Person {n}", created_at=now)
                for n in range(len(named))
            ),
        )
        teams = written(
            session,
            (Team(**in_it, name=name, name_key=names.key_of(name), kind="student", created_at=now) for name in named),
        )
        pairs = list(zip(people, teams, strict=True))
        written(session, (TeamMember(**in_it, user_id=u.id, team_id=t.id, joined_at=now) for u, t in pairs))
        nothing: dict[str, Any] = {"request_digest": "", "file_name": "", "message": "", "sha256": "", "late": False}
        sent = {**in_it, **nothing, "quota_day": now.date(), "slot": 0, "submitted_at": now}
        entered = written(session, (Submission(**sent, team_id=t.id, user_id=u.id) for u, t in pairs))
        for n, submission in enumerate(entered):
            score, sums = first + n, {"key_version": 1, "n": 20, "total": 0.0, "total_squares": 0.0}
            session.add(Score(**sums, submission_id=submission.id, value=score, shown=score))
            place = {"team_id": submission.team_id, "submission_id": submission.id, "ranked": True, "entries": 1}
            session.add(Standing(**in_it, **place, score=score, last_submission_at=now))
    made.now += timedelta(hours=1)


def written(session: Session, rows: Any) -> list[Any]:
    """These rows, with their numbers."""
    added: list[Base] = list(rows)
    session.add_all(added)
    session.flush()
    return added
