"""Writing one accepted file: the submission, both scores, the predictions, and the team's standing after it."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import bindparam, insert, update
from sqlalchemy.orm import Session

from unseen_server import storage
from unseen_server.core import metrics, ranking
from unseen_server.core.digests import digest_of
from unseen_server.core.metrics import Scores
from unseen_server.core.release import Released
from unseen_server.db import queries
from unseen_server.db.models import Competition, PrivateScore, Score, Standing, Submission, Team
from unseen_server.db.queries.asking import connection_of
from unseen_server.services import audit, receipts, teams
from unseen_server.services.receipts import Linked, Vouched
from unseen_server.storage import Stored

LONGEST_FILE_NAME = 255
PENDING, SCORED, REFUSED = "pending", "scored", "refused"  # the states of a submission


@dataclass(frozen=True)
class Upload:
    """What was sent: the bytes as they came, the name and message given, and the key that makes a retry safe."""

    content: bytes
    file_name: str
    message: str = ""
    idempotency_key: str | None = None

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def request_digest(self) -> str:
        return digest_of(f"{self.sha256}\n{self.message}")


@dataclass(frozen=True)
class Admitted:
    """An upload that counts: when it came, the slot of that day that it takes, and who sent it (None: the staff)."""

    upload: Upload
    submitted_at: datetime
    quota_day: date
    slot: int
    late: bool = False
    user_id: int | None = None


@dataclass(frozen=True)
class Entered:
    """What an accepted file changed on the public board, as its team may know it."""

    shown: float | None
    previous_best: float | None
    improved: bool
    rank: int | None
    previous_rank: int | None
    teams: int


def accept(
    session: Session,
    competition: Competition,
    team: Team,
    admitted: Admitted,
    stored: Stored,
    *,
    head: str,
    actor: str,
    state: str = SCORED,
) -> tuple[Vouched, Linked]:
    """Write what does not depend on what is in a file: its number, slot, content, and link of the chain.

    Inside the caller's transaction, which holds the chain's `head` and keeps the link (receipts.keep).
    """
    upload = admitted.upload
    ref = _numbered(session, team, admitted, state)
    vouched = Vouched(ref, upload.sha256, admitted.submitted_at, team.id)
    linked = receipts.add_link(session, competition, head, vouched)
    storage.keep(session, ref, stored)
    audit.record(
        session,
        actor=actor,
        action="submission.add",
        subject=str(ref),
        now=admitted.submitted_at,
        competition=competition,
        team=team.name,
        sha256=upload.sha256,
        slot=admitted.slot,
    )
    return vouched, linked


def count(
    session: Session,
    competition: Competition,
    team: Team,
    vouched: Vouched,
    scores: Scores,
    released: Released,
    *,
    late: bool,
) -> Entered:
    """Write what does: both scores, and where the team stands with them."""
    public, private = scored(competition, vouched.ref, scores, released)
    connection = connection_of(session)
    connection.execute(_SCORED, public)
    connection.execute(_SCORED_IN_PRIVATE, private)
    return _stand(session, competition, team, vouched, released, late=late)


_SCORED, _SCORED_IN_PRIVATE = insert(Score), insert(PrivateScore)


def _numbered(session: Session, team: Team, admitted: Admitted, state: str) -> int:
    """Add the submission's own row; its number is its place in the order of all."""
    upload = admitted.upload
    row = {
        "competition_id": team.competition_id,
        "team_id": team.id,
        "entered_as": team.id,
        "user_id": admitted.user_id,
        "quota_day": admitted.quota_day,
        "slot": admitted.slot,
        "idempotency_key": upload.idempotency_key,
        "request_digest": upload.request_digest,
        "file_name": upload.file_name,
        "message": upload.message,
        "sha256": upload.sha256,
        "submitted_at": admitted.submitted_at,
        "late": admitted.late,
        "state": state,
    }
    return connection_of(session).execute(_NUMBERED, row).scalar_one()


_NUMBERED = insert(Submission).returning(Submission.id)


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
    vouched: Vouched,
    released: Released,
    *,
    late: bool,
) -> Entered:
    """Bring the team's standing up to date; a late file leaves it as it was."""
    direction = metrics.metric(competition.metric).direction
    before = queries.boards.standing_by(session, competition.id, team.id, direction)
    score, submission_id, ahead, ranked = before or (None, None, 0, None)
    if ranked is None:
        ranked = queries.boards.ranked_teams(session, competition.id)
    previous_best, previous_rank = score, 1 + ahead if _is_ranked(team) and score is not None else None
    rank = previous_rank
    shown = released.shown if released.accepted else None
    improved = shown is not None and (score is None or ranking.better(shown, score, direction)) and not late
    if improved:
        score, submission_id = shown, vouched.ref
    if improved and _is_ranked(team):
        rank = teams.rank_by(session, competition, score, submission_id)
        ranked += previous_best is None
    _write_standing(session, team, None if late else vouched, score, submission_id, new=before is None)
    return Entered(
        shown=released.shown,
        previous_best=previous_best,
        improved=improved,
        rank=rank,
        previous_rank=previous_rank,
        teams=ranked,
    )


def _write_standing(
    session: Session,
    team: Team,
    counted: Vouched | None,
    score: float | None,
    submission_id: int | None,
    *,
    new: bool,
) -> None:
    """`counted` is the submission that counts as one more of the team's."""
    connection = connection_of(session)
    if new:
        place = {"team_id": team.id, "competition_id": team.competition_id, "ranked": _is_ranked(team), "entries": 0}
        connection.execute(insert(Standing), place)
    if counted:
        best = {"stands_at": score, "best": submission_id}
        connection.execute(_COUNT_ONE_MORE, {"team": team.id, "at": counted.submitted_at, **best})


_COUNT_ONE_MORE = (
    update(Standing)
    .where(Standing.team_id == bindparam("team"))
    .values(
        entries=Standing.entries + 1,
        last_submission_at=bindparam("at"),
        score=bindparam("stands_at"),
        submission_id=bindparam("best"),
    )
)


def _is_ranked(team: Team) -> bool:
    return team.kind == "student"


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
        standing = Standing(team_id=team.id, competition_id=competition.id, ranked=_is_ranked(team), entries=0)
        session.add(standing)
    return standing
