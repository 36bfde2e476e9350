"""Every submission of a competition as its staff see it, and the files that were rejected of late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from unseen_server import storage
from unseen_server.core.errors import Conflict, NotFound, RefusedAfterwards
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import Competition, Rejection, Submission
from unseen_server.db.queries.received import ReceivedRow
from unseen_server.db.session import Database
from unseen_server.services import audit, audits, competitions, names
from unseen_server.services.audits import Deed
from unseen_server.services.principals import Principal
from unseen_server.services.submissions import UploadedFile
from unseen_server.services.submit import REJECTIONS_WINDOW

KINDS = ("all", "late", "withdrawn", "selected")


@dataclass(frozen=True)
class Received:
    """A submission, for staff alone: with its exact public score and with the private one, which students do not see.

    `kind` is its team's: student, staff or baseline. Nobody in person sent a baseline's. Where it is not `accepted`,
    the ladder found no significant improvement, and `shown` repeats what was shown before. `state` is scored; or
    pending or refused, and then there are no scores; `refusal` says why it was refused.
    """

    ref: int
    team: str
    kind: str
    username: str | None
    display_name: str | None
    file_name: str
    message: str
    sha256: str
    submitted_at: datetime
    late: bool
    selected: bool
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    withdrawn_reason: str | None
    state: str
    refusal: RefusedAfterwards | None
    shown: float | None
    accepted: bool
    public_score: float | None
    private_score: float | None


@dataclass(frozen=True)
class Found:
    """Some of them, the newest first, of `total` that fit the search."""

    listed: list[Received]
    total: int


@dataclass(frozen=True)
class Rejected:
    """How many files of a person were rejected within the last hour, and since when."""

    username: str
    display_name: str
    count: int
    first_at: datetime


def search(
    db: Database,
    *,
    slug: str,
    principal: Principal,
    now: datetime,
    text: str = "",
    kind: str = "all",
    offset: int = 0,
    limit: int | None,
) -> Found:
    """Submissions in which every word of `text` occurs; a number is a ref, too."""
    with db.read() as session:
        competition = competitions.staffed(session, slug, principal, now)
        wanted = queries.received.ReceivedWanted(
            competition.id, competition.key_version, names.without_controls(text), kind
        )
        rows = queries.received.submissions_received(session, wanted, offset, limit)
        return Found([_received(row) for row in rows], queries.received.submissions_received_counted(session, wanted))


def one(db: Database, *, slug: str, ref: int, principal: Principal, now: datetime) -> tuple[Received, list[Deed]]:
    """One submission, and what was done to it, the newest first."""
    with db.read() as session:
        competition = competitions.staffed(session, slug, principal, now)
        of_competition(session, competition, ref)
        wanted = queries.received.ReceivedWanted(competition.id, competition.key_version, ref=ref)
        (row,) = queries.received.submissions_received(session, wanted, 0, 1)
        return _received(row), audits.of_submission(session, competition, ref)


def file(db: Database, *, slug: str, ref: int, principal: Principal, now: datetime) -> UploadedFile:
    """The file as it was sent."""
    with db.read() as session:
        competition = competitions.staffed(session, slug, principal, now)
        submission = of_competition(session, competition, ref)
        return UploadedFile(submission.file_name, storage.uploaded_file(session, submission.id))


def of_competition(session: Session, competition: Competition, ref: int) -> Submission:
    submission = session.get(Submission, ref)
    if submission is None or submission.competition_id != competition.id:
        raise NotFound(
            what=say("submission {ref}", ref=ref),
            advice=say("The list of submissions of this competition has their numbers."),
        )
    return submission


def _received(row: ReceivedRow) -> Received:
    submission, team, user, score, private = row
    return Received(
        ref=submission.id,
        team=team.name,
        kind=team.kind,
        username=user.username if user else None,
        display_name=user.display_name if user else None,
        file_name=submission.file_name,
        message=submission.message,
        sha256=submission.sha256,
        submitted_at=submission.submitted_at,
        late=submission.late,
        selected=submission.selected and submission.withdrawn_at is None,
        withdrawn_at=submission.withdrawn_at,
        withdrawn_by=submission.withdrawn_by,
        withdrawn_reason=submission.withdrawn_reason,
        state=submission.state,
        refusal=RefusedAfterwards.unpacked(submission.refusal) if submission.refusal else None,
        shown=score.shown if score else None,
        accepted=score is not None and score.accepted,
        public_score=score.value if score else None,
        private_score=private.value if private else None,
    )


# rejected files


def rejected(db: Database, *, slug: str, principal: Principal, now: datetime) -> list[Rejected]:
    """Who had files rejected within the last hour, the most first."""
    with db.read() as session:
        competition = competitions.staffed(session, slug, principal, now)
        return [
            Rejected(row.username, row.display_name, row.count_of_files, row.first_at)
            for row in queries.received.rejections_by_person(session, competition.id, now - REJECTIONS_WINDOW)
        ]


def clear_rejected(db: Database, *, slug: str, username: str, reason: str, principal: Principal, now: datetime) -> None:
    """Forget a person's rejected files, so that the pause they brought ends at once."""
    reason = names.checked_reason(reason)
    with db.write() as session:
        competition = competitions.staffed(session, slug, principal, now)
        user = queries.people.user_by_key(session, names.key_of(names.without_controls(username)))
        since = now - REJECTIONS_WINDOW
        count = len(queries.submissions.rejections_since(session, competition.id, user.id, since)) if user else 0
        if user is None or not count:
            raise Conflict(
                reason=say("No file of “{name}” was rejected within the last hour.", name=names.printable(username))
            )
        session.execute(
            delete(Rejection).where(Rejection.competition_id == competition.id, Rejection.user_id == user.id)
        )
        audit.record_in(
            session, competition, principal, now, "rejections.clear", user.username, count=count, reason=reason
        )
