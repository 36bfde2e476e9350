"""Large files: accepted unread by services/submit, and scored here by a worker, each team's in the order they came.

Until then a submission is pending: it has its number, its slot and its link of the chain, and no score. One that cannot
be scored is refused, and its slot given back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
from sqlalchemy.orm import Session

from unseen_server import storage
from unseen_server.core import errors
from unseen_server.core.errors import BadFile, FileTooLarge, Refusal, UnsupportedFile
from unseen_server.core.predictions import read_predictions
from unseen_server.core.sentences import N_, Sentence
from unseen_server.db import queries
from unseen_server.db.models import Competition, Rejection, Submission, Team
from unseen_server.db.session import Database
from unseen_server.services import audit, jobs, submit
from unseen_server.services.entries import PENDING, REFUSED, SCORED
from unseen_server.services.jobs import Claimed
from unseen_server.services.keys import KeyRing
from unseen_server.services.principals import SERVER
from unseen_server.services.receipts import Vouched
from unseen_server.services.submit import Judged, Receipt

NOT_SCORED = N_("The server could not score this file, and it cost no submission. Send it again, or tell the staff.")


def score(db: Database, keys: KeyRing, claimed: Claimed, clock: Callable[[], datetime]) -> None:
    """Score the submission that the job is for, and before it those that its team sent earlier."""
    while (oldest := _oldest(db, claimed)) is not None:
        submission, competition, content = oldest
        key = keys.of(competition)
        try:
            predictions = read_predictions(content, submission.file_name, key.expected)
        except (BadFile, FileTooLarge, UnsupportedFile) as refusal:
            _refuse(db, claimed, submission.id, refusal.sentence, clock(), refusal)
            continue
        judged = submit.judge(db, key, competition, submission.team_id, predictions, None)
        with db.write() as session:
            _count(session, claimed, submission.id, judged, clock())
    _no_longer_pending(db, claimed, clock())


def give_up(db: Database, claimed: Claimed, now: datetime) -> None:
    """Refuse the submission that the job is for, as the server could not score it; those before it come first."""
    oldest, own = _oldest(db, claimed), claimed.arguments["submission"]
    if oldest is None:
        _no_longer_pending(db, claimed, now)
    elif oldest[0].id == own:
        _refuse(db, claimed, own, Sentence(NOT_SCORED), now)
    else:
        jobs.begin_anew(db, claimed, now)


def _no_longer_pending(db: Database, claimed: Claimed, now: datetime) -> None:
    """End the job, where that of a later file has scored this one, or its sender was erased."""
    with db.write() as session:
        jobs.completed(session, claimed, now)


def _oldest(db: Database, claimed: Claimed) -> tuple[Submission, Competition, bytes] | None:
    """The first pending submission of the team whose file the job is about; None where that one waits no longer."""
    with db.read() as session:
        own = session.get_one(Submission, claimed.arguments["submission"])
        if own.state != PENDING:
            return None
        first = session.get_one(Submission, queries.submissions.pending_of_teams(session, [own.team_id])[0])
        competition = session.get_one(Competition, first.competition_id)
        return first, competition, storage.uploaded_file(session, first.id)


def _count(session: Session, claimed: Claimed, ref: int, judged: Judged, now: datetime) -> None:
    """Give a submission its scores, unless it has them by now or they no longer hold; then it is looked at again."""
    locked = _locked(session, claimed, ref)
    if locked is None or not judged.still_holds(session, locked[1], locked[2]):
        return
    submission, competition, team = locked
    storage.keep(session, ref, judged.stored)
    vouched = Vouched(ref, submission.sha256, submission.submitted_at, submission.entered_as or team.id)
    accepted = msgspec.convert(submission.receipt, Receipt)
    submission.state = SCORED
    session.flush()
    receipt = submit.with_scores(session, competition, team, vouched, judged, accepted)
    submission.receipt = msgspec.to_builtins(receipt)
    competition.board_version += 1  # the chain went on when the file came, before it counted on the board
    _end(session, claimed, ref, now)


def _refuse(
    db: Database, claimed: Claimed, ref: int, sentence: Sentence, now: datetime, refusal: Refusal | None = None
) -> None:
    """Refuse a submission and give its slot back; a file that is at fault counts among its sender's rejected ones."""
    with db.write() as session:
        locked = _locked(session, claimed, ref)
        if locked is None:
            return
        submission, competition, team = locked
        submission.state, submission.refusal = REFUSED, errors.packed(sentence, refusal)
        _give_back_slot(session, submission)
        if refusal:
            session.add(Rejection(competition_id=competition.id, user_id=submission.user_id, at=now))
        audit.record_in(session, competition, SERVER, now, "submission.refuse", str(ref), team=team.name)
        _end(session, claimed, ref, now)


def _give_back_slot(session: Session, submission: Submission) -> None:
    """The last of that day moves into the slot, so that those in use have no hole."""
    free, day, team_id = submission.slot, submission.quota_day, submission.team_id
    last = queries.submissions.used_slots(session, team_id, day) - 1
    submission.slot = -submission.id
    session.flush()
    if last != free:
        queries.submissions.in_slot(session, team_id, day, last).slot = free


def _end(session: Session, claimed: Claimed, ref: int, now: datetime) -> None:
    if ref == claimed.arguments["submission"]:
        jobs.completed(session, claimed, now)


def _locked(session: Session, claimed: Claimed, ref: int) -> tuple[Submission, Competition, Team] | None:
    """As a submission is entered: nobody else submits for the team meanwhile. None where it is pending no longer."""
    queries.chains.locked_chain(session, claimed.competition.id)
    competition = queries.competitions.locked_competition(session, claimed.competition.id, exclusively=True)
    submission = session.get_one(Submission, ref)
    team = queries.teams.locked_team(session, submission.team_id)
    session.refresh(submission)
    return (submission, competition, team) if submission.state == PENDING else None
