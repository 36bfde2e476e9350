"""A team's own submissions, their files, and what may still be submitted today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Row
from sqlalchemy.orm import Session

from unseen_server import storage
from unseen_server.core.errors import NotFound, RefusedAfterwards
from unseen_server.core.limits import Allowance
from unseen_server.core.release import LADDER
from unseen_server.core.sentences import Sentence, say
from unseen_server.db import queries
from unseen_server.db.models import Competition, Submission
from unseen_server.db.session import Database
from unseen_server.services import competitions, teams
from unseen_server.services.entries import SCORED
from unseen_server.services.principals import Principal
from unseen_server.services.submit import Receipt


@dataclass(frozen=True)
class OwnSubmission:
    """A submission as its own team sees it; `private_score` stays None until the reveal.

    `significant`: on the ladder, whether it was a significant improvement; else `public_score` repeats the last one
    that was, and is None before the first. None under other releases.
    `status` is “scored”, or “withdrawn” where the staff took it out, for the reason given; “pending” while a worker has
    not scored it yet, and “refused” where it could not, for the reason that `refusal` says: then it cost nothing.
    """

    ref: int
    status: str
    message: str
    file_name: str
    sha256: str
    submitted_at: datetime
    public_score: float | None
    private_score: float | None
    selected: bool
    late: bool
    significant: bool | None
    withdrawn_reason: str | None
    refusal: Sentence | None


@dataclass(frozen=True)
class UploadedFile:
    name: str
    content: bytes


def own_submissions(db: Database, *, slug: str, principal: Principal, limit: int, now: datetime) -> list[OwnSubmission]:
    """Newest first."""
    with db.read() as session:
        competition = competitions.open_to(session, slug, principal, now)
        team = queries.teams.team_of(session, competition.id, principal.user_id)
        if team is None:
            return []
        rows = queries.submissions.submissions_of_team(session, team.id, competition.key_version, limit)
        private = _private_scores(session, competition, team.id)
        return [_as_own(competition, submission, shown, accepted, private) for submission, shown, accepted in rows]


def own_submission(db: Database, *, ref: int, principal: Principal, slug: str | None = None) -> OwnSubmission:
    """Raises NotFound for a number nobody has, for one of another team and for one of another competition alike.

    Without a `slug` it may be of any competition.
    """
    with db.read() as session:
        submission, competition = _of_member(session, ref, principal)
        if slug not in (None, competition.slug):
            raise _unknown(ref)
        private = _private_scores(session, competition, submission.team_id)
        if submission.state != SCORED:
            return _as_own(competition, submission, None, None, private)
        score = queries.submissions.score_of(session, submission.id, competition.key_version)
        return _as_own(competition, submission, score.shown, score.accepted, private)


def own_receipt(db: Database, *, ref: int, principal: Principal) -> Receipt:
    """What was said when the submission came in, word for word; of a large file, when it was scored or refused."""
    with db.read() as session:
        submission, _ = _of_member(session, ref, principal)
        if submission.refusal:
            raise RefusedAfterwards.unpacked(submission.refusal)
        return msgspec.convert(submission.receipt, Receipt)


def own_file(db: Database, *, ref: int, principal: Principal) -> UploadedFile:
    with db.read() as session:
        submission, _ = _of_member(session, ref, principal)
        return UploadedFile(submission.file_name, storage.uploaded_file(session, submission.id))


def own_limits(db: Database, *, slug: str, principal: Principal, now: datetime) -> Allowance:
    with db.read() as session:
        competition = competitions.open_to(session, slug, principal, now)
        team = queries.teams.team_of(session, competition.id, principal.user_id)
        return teams.allowance(session, competition, team.id if team else None, now, principal.user_id)


def _of_member(session: Session, ref: int, principal: Principal) -> Row[Submission, Competition]:
    """Whoever was taken out of the course stays in their team, and sees no more of what it submits."""
    found = queries.submissions.submission_of_member(session, ref, principal.user_id)
    if found is None or principal.role_in(found[1].course_id) is None:
        raise _unknown(ref)
    return found


def _unknown(ref: int) -> NotFound:
    return NotFound(
        what=say("submission {ref} of yours", ref=ref), advice=say("`unseen submissions SLUG` lists those you have.")
    )


def _private_scores(session: Session, competition: Competition, team_id: int) -> dict[int, float]:
    """Asked of the database only once the competition is revealed."""
    if competition.revealed_at is None:
        return {}
    return queries.submissions.private_scores_of_team(session, team_id, competition.key_version)


def _as_own(
    competition: Competition,
    submission: Submission,
    shown: float | None,
    accepted: bool | None,
    private: dict[int, float],
) -> OwnSubmission:
    return OwnSubmission(
        ref=submission.id,
        status="withdrawn" if submission.withdrawn_at else submission.state,
        message=submission.message,
        file_name=submission.file_name,
        sha256=submission.sha256,
        submitted_at=submission.submitted_at,
        public_score=shown,
        private_score=private.get(submission.id),
        selected=submission.selected and submission.withdrawn_at is None,
        late=submission.late,
        significant=accepted if competition.release == LADDER else None,
        withdrawn_reason=submission.withdrawn_reason,
        refusal=RefusedAfterwards.unpacked(submission.refusal).sentence if submission.refusal else None,
    )
