"""Writing one accepted file: the submission, both scores, the predictions, and the team's standing after it."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from unseen_server import storage
from unseen_server.core import metrics, ranking
from unseen_server.core.digests import digest_of
from unseen_server.core.metrics import Scores
from unseen_server.core.release import Released
from unseen_server.db import queries
from unseen_server.db.models import Competition, PrivateScore, Score, Standing, Submission, Team
from unseen_server.services import audit, receipts, teams
from unseen_server.services.receipts import Linked

LONGEST_FILE_NAME = 255


@dataclass(frozen=True)
class Upload:
    """What was sent: the bytes as they came, the name and message given, and the key that makes a retry safe."""

    content: bytes
    file_name: str
    message: str = ""
    idempotency_key: str | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def request_digest(self) -> str:
        return digest_of(f"{self.sha256}\n{self.message}")


@dataclass(frozen=True)
class Entered:
    """What an accepted file changed on the public board, as its team may know it, and its link of the chain."""

    shown: float | None
    previous_best: float | None
    improved: bool
    rank: int | None
    previous_rank: int | None
    teams: int
    linked: Linked


def enter(
    session: Session,
    competition: Competition,
    team: Team,
    submission: Submission,
    scores: Scores,
    released: Released,
    predictions: NDArray[np.float64],
    content: bytes,
    *,
    actor: str,
) -> Entered:
    """Write everything one file leaves behind, inside the caller's transaction."""
    linked = receipts.add_link(session, submission, team.id)
    public, private = scored(competition, submission.id, scores, released)
    session.add_all([Score(**public), PrivateScore(**private)])
    storage.keep(session, submission.id, predictions, content)
    audit.record(
        session,
        actor=actor,
        action="submission.add",
        subject=str(submission.id),
        now=submission.submitted_at,
        competition=competition,
        team=team.name,
        sha256=submission.sha256,
        slot=submission.slot,
    )
    return _stand(session, competition, team, submission, released, linked)


def scored(
    competition: Competition, submission_id: int, scores: Scores, released: Released
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both halves as rows under the key that counts now; the public one with what the student is told of it."""
    place = {"submission_id": submission_id, "key_version": competition.key_version}
    return {**place, **asdict(scores.public), **asdict(released)}, {**place, **asdict(scores.private)}


def _stand(
    session: Session,
    competition: Competition,
    team: Team,
    submission: Submission,
    released: Released,
    linked: Linked,
) -> Entered:
    """Bring the team's standing up to date; a late file leaves it as it was."""
    direction = metrics.metric(competition.metric).direction
    standing = _standing_of(session, competition, team)
    previous_best = standing.score
    previous_rank = teams.public_rank(session, competition, standing)
    shown = released.shown if released.accepted else None
    improved = shown is not None and (previous_best is None or ranking.better(shown, previous_best, direction))
    if not submission.late:
        standing.entries += 1
        standing.last_submission_at = submission.submitted_at
        if improved:
            standing.score, standing.submission_id = shown, submission.id
    session.flush()
    return Entered(
        shown=released.shown,
        previous_best=previous_best,
        improved=improved and not submission.late,
        rank=teams.public_rank(session, competition, standing),
        previous_rank=previous_rank,
        teams=queries.boards.ranked_teams(session, competition.id),
        linked=linked,
    )


def stand_anew(session: Session, competition: Competition, team: Team) -> None:
    """Count the team's standing again from its submissions, which were moved, withdrawn or brought back."""
    session.flush()
    direction = metrics.metric(competition.metric).direction
    counted = queries.boards.standings_from_submissions(
        session, competition.id, competition.key_version, direction, team.id
    ).get(team.id, (0, None, None))
    standing = _standing_of(session, competition, team)
    standing.entries, standing.score, standing.submission_id = counted
    standing.last_submission_at = queries.submissions.last_on_time(session, team.id)
    session.flush()


def all_stand_anew(session: Session, competition: Competition) -> None:
    """Find every team's best again after its submissions were scored anew; how many there are, and when, stays."""
    session.flush()
    direction = metrics.metric(competition.metric).direction
    counted = queries.boards.standings_from_submissions(session, competition.id, competition.key_version, direction)
    for standing in queries.boards.standings_of(session, competition.id):
        _, standing.score, standing.submission_id = counted.get(standing.team_id, (0, None, None))
    session.flush()


def _standing_of(session: Session, competition: Competition, team: Team) -> Standing:
    """The team's standing, made empty where it has none yet."""
    standing = session.get(Standing, team.id)
    if standing is None:
        standing = Standing(team_id=team.id, competition_id=competition.id, ranked=team.kind == "student", entries=0)
        session.add(standing)
    return standing
