"""One upload from file to receipt: read, scored, counted and stored in a single transaction.

The promise: a receipt means that file, score and slot are on disk exactly once. A refusal means that nothing was
counted. No answer at all means: ask again with the same idempotency key.
"""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete
from sqlalchemy.orm import Session

from unseen_server import storage
from unseen_server.core import limits, metrics, schedule
from unseen_server.core.errors import (
    BadFile,
    BadRequest,
    Busy,
    DailyLimitReached,
    FileTooLarge,
    KeyReused,
    NotSignedIn,
    OutcomeUnknown,
    RefusedAfterwards,
    TooManyRejected,
    TotalLimitReached,
    UnsupportedFile,
)
from unseen_server.core.metrics import Scores
from unseen_server.core.predictions import read_predictions
from unseen_server.core.release import LADDER
from unseen_server.core.schedule import ClockTime
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import Competition, Rejection, Submission, Team
from unseen_server.db.session import Database
from unseen_server.services import competitions, entries, names, receipts, releasing, teams
from unseen_server.services.entries import LONGEST_FILE_NAME, PENDING, SCORED, Admitted, Upload
from unseen_server.services.jobs import Desk
from unseen_server.services.keys import KeyRing, LoadedKey
from unseen_server.services.principals import Principal
from unseen_server.services.receipts import Linked, Signature, Signer, Vouched
from unseen_server.services.releasing import Told
from unseen_server.storage import Stored

REJECTIONS_WINDOW = timedelta(hours=1)
LONGEST_MESSAGE = 500
LONGEST_IDEMPOTENCY_KEY = 200
LARGE = 1 << 20  # bytes: such a file is read beside others, which would wait for it too long
# A database that went away while it committed is asked what became of it, for 30 seconds or longer: most are back then.
TIMES_ASKED, ASKED_AGAIN = 60, 0.5


@dataclass(frozen=True)
class Receipt:
    """What a student is told of an accepted file. There is no field for a private score, so none can slip in.

    `significant`: on the ladder, whether this is a significant improvement; None under other releases.
    What makes it proof (core/receipts): the team's number, the seal of the answer key, the links of the competition's
    chain before and with this submission, and the signature over them with the key that `key_id` names.
    """

    ref: int
    status: str
    message: str
    file_name: str
    sha256: str
    submitted_at: datetime
    public_score: float | None
    selected: bool
    late: bool
    competition: str
    metric: str
    direction: str
    previous_best: float | None
    improved: bool
    rank: int | None
    previous_rank: int | None
    teams: int
    daily_limit: int
    used_today: int
    left_today: int
    total_limit: int | None
    left_total: int | None
    resets_at: datetime
    resets_at_local: datetime
    time_zone: str
    # None on receipts of older servers.
    significant: bool | None = None
    team_number: int | None = None
    seal: str | None = None
    previous_link: str | None = None
    link: str | None = None
    key_id: str | None = None
    signature: str | None = None


@dataclass(frozen=True)
class Answer:
    """The receipt, and whether it had been given before for the same request."""

    receipt: Receipt
    replayed: bool

    @property
    def is_left(self) -> bool:
        """Whether it was left for a worker to score, just now."""
        return self.receipt.status == PENDING and not self.replayed


@dataclass(frozen=True)
class Judged:
    """A file as it was read and scored under one version of the key: what is to be kept of it, and what is told."""

    key_version: int
    stored: Stored
    scores: Scores
    told: Told

    def still_holds(self, session: Session, competition: Competition, team: Team) -> bool:
        """Unless the labels were corrected meanwhile, or the team has come further; where both rows are held."""
        return competition.key_version == self.key_version and releasing.is_still_true(
            session, competition, team.id, self.told
        )


def submit(
    db: Database,
    keys: KeyRing,
    *,
    slug: str,
    principal: Principal,
    upload: Upload,
    received_at: datetime,
    signer: Signer | None = None,
    desk: Desk | None = None,
) -> Answer:
    """Accept a prediction file, or refuse it with a sentence. `received_at` is when its last byte arrived.

    Every receipt hangs in the chain of its competition; it is signed where there is a signer. A file that is left at
    the desk is accepted unread: its receipt says “pending”, and services/scoring does the rest.
    """
    principal.need_scope("submit")
    upload = _tidied(upload)
    with db.one_at_a_time() if len(upload.content) < LARGE else contextlib.nullcontext():
        return _submitted(db, keys, slug, principal, upload, received_at, signer, desk)


def _submitted(
    db: Database,
    keys: KeyRing,
    slug: str,
    principal: Principal,
    upload: Upload,
    received_at: datetime,
    signer: Signer | None,
    desk: Desk | None,
) -> Answer:
    while True:
        competition, team_id, answer = _admitted(db, slug, principal, received_at, upload)
        if answer:
            return answer
        judged, key = None, keys.of(competition)
        if desk and desk.takes(db, competition, team_id):
            stored = storage.put(db.objects, competition.id, uploaded=upload.content)
        else:
            predictions = _read(db, key, competition, principal, upload, received_at)
            judged = judge(db, key, competition, team_id, predictions, upload.content)
            stored = judged.stored
        if signer:
            receipts.publish(db, signer, received_at)
        try:
            with db.write() as session:
                head, competition, team = _locked(session, competition, principal)
                if judged and not judged.still_holds(session, competition, team):
                    continue  # judge again
                if judged and desk and desk.keeps_in_order(session, competition, team.id):
                    continue  # leave it there, too
                answer = _first_answer(session, competition, principal, upload) or _entered(
                    session, head, competition, team, principal, upload, stored, judged, received_at, signer
                )
                if desk and answer.is_left:
                    desk.leave(session, competition, principal, answer.receipt.ref, received_at)
        except OutcomeUnknown as unknown:
            if answer is None or not _was_counted(db, competition, answer.receipt, unknown):
                continue  # the whole of it once more
        if desk and answer.is_left:
            desk.delivery.call()
        return answer


def _was_counted(db: Database, competition: Competition, receipt: Receipt, unknown: OutcomeUnknown) -> bool:
    """Whether the transaction that ended in `unknown` took place after all, as soon as the database says so."""
    for _ in range(TIMES_ASKED):
        time.sleep(ASKED_AGAIN)
        with contextlib.suppress(Busy), db.write() as session:
            queries.chains.locked_chain(session, competition.id)  # held by that transaction while it is under way
            submission = session.get(Submission, receipt.ref)
            return submission is not None and submission.chain == receipt.link
    raise unknown


def check(
    db: Database, keys: KeyRing, *, slug: str, principal: Principal, upload: Upload, received_at: datetime
) -> int:
    """Read a file as a submission would and return its number of rows; nothing is counted unless it is refused."""
    upload = _tidied(upload)
    with db.read() as session:
        competition = competitions.open_to(session, slug, principal, received_at)
        _refuse_flood(session, competition, principal, received_at)
    return len(_read(db, keys.of(competition), competition, principal, upload, received_at))


def admissible(db: Database, *, slug: str, principal: Principal, now: datetime) -> Competition:
    """The competition, where a file that came now would be looked at; else refused as `submit` would refuse it.

    Early advice for who uploads in two steps: nothing is held or counted, and `submit` asks all of it again.
    """
    principal.need_scope("submit")
    competition, _, _ = _admitted(db, slug, principal, now)
    return competition


# before the transaction


def judge(
    db: Database,
    key: LoadedKey,
    competition: Competition,
    team_id: int,
    predictions: NDArray[np.float64],
    uploaded: bytes | None,
) -> Judged:
    """Score the predictions (n,), and store them, with the file as it came unless that is stored already."""
    scores = metrics.score(metrics.metric(competition.metric), key.answers.labels, predictions, key.answers.usage)
    told = releasing.tell(db, competition, key, team_id, predictions, scores)
    return Judged(key.version, storage.put(db.objects, competition.id, predictions, uploaded), scores, told)


def _tidied(upload: Upload) -> Upload:
    """Names and messages are data for people: cut to what the table holds, without control characters."""
    key = upload.idempotency_key
    if key is not None and (not key.isascii() or not key.isprintable() or not 0 < len(key) <= LONGEST_IDEMPOTENCY_KEY):
        raise BadRequest(
            reason=say("An Idempotency-Key has 1 to 200 printable ASCII characters; a random UUID is best.")
        )
    if len(upload.message) > LONGEST_MESSAGE:
        raise BadRequest(
            reason=say(
                "A message has at most {longest} characters. Shorten it and send the file again.",
                longest=LONGEST_MESSAGE,
            )
        )
    return Upload(
        content=upload.content,
        file_name=names.without_controls(upload.file_name)[-LONGEST_FILE_NAME:],
        message=names.without_controls(upload.message),
        idempotency_key=key,
    )


def _admitted(
    db: Database, slug: str, principal: Principal, now: datetime, upload: Upload | None = None
) -> tuple[Competition, int, Answer | None]:
    """The competition and the person's team, made on the spot for whoever is enrolled and comes first.

    With the answer that this very upload already got, if it did; else refused where any file would be.
    """
    while True:
        with db.read() as session:
            competition = competitions.open_to(session, slug, principal, now)
            team_id = queries.teams.team_id_of(session, competition.id, principal.user_id)
            if team_id is not None:
                answer = _first_answer(session, competition, principal, upload) if upload else None
                if answer is None:
                    _refuse_whatever_file(session, competition, team_id, principal, now)
                return competition, team_id, answer
        teams.team_of_one(db, competition, principal, now)


def _read(
    db: Database, key: LoadedKey, competition: Competition, principal: Principal, upload: Upload, now: datetime
) -> NDArray[np.float64]:
    """Predictions (n,) aligned to the key's ids; a refused file is noted for the flood limit and costs nothing else."""
    try:
        return read_predictions(upload.content, upload.file_name, key.expected)
    except (BadFile, FileTooLarge, UnsupportedFile):
        with db.write() as session:
            session.execute(delete(Rejection).where(Rejection.at <= now - REJECTIONS_WINDOW))  # no longer asked for
            session.add(Rejection(competition_id=competition.id, user_id=principal.user_id, at=now))
        raise


# refusals


def _refuse_whatever_file(
    session: Session, competition: Competition, team_id: int, principal: Principal, received_at: datetime
) -> None:
    allowance = teams.allowance(session, competition, team_id, received_at)
    schedule.admit(competitions.timetable(competition, allowance.deadline), received_at)
    _refuse_over_quota(competition, allowance, received_at)
    _refuse_flood(session, competition, principal, received_at)


def _first_answer(session: Session, competition: Competition, principal: Principal, upload: Upload) -> Answer | None:
    """The receipt this very request already got, if it did."""
    if upload.idempotency_key is None:
        return None
    earlier = queries.submissions.submission_with_key(
        session, competition.id, principal.user_id, upload.idempotency_key
    )
    if earlier is None:
        return None
    if earlier.request_digest != upload.request_digest:
        raise KeyReused(ref=earlier.id)
    if earlier.refusal:
        raise RefusedAfterwards.unpacked(earlier.refusal)
    return Answer(msgspec.convert(earlier.receipt, Receipt), replayed=True)


def _refuse_over_quota(competition: Competition, allowance: limits.Allowance, received_at: datetime) -> None:
    if allowance.left_total == 0:
        raise TotalLimitReached(total_limit=allowance.total_limit, resets_at=None, retry_after=None)
    if allowance.left_today == 0:
        seconds = _seconds(allowance.resets_at - received_at)
        raise DailyLimitReached(
            daily_limit=allowance.daily_limit,
            resets=ClockTime(allowance.resets_at, competition.time_zone),
            wait=limits.Wait(seconds),
            resets_at=allowance.resets_at,
            retry_after=seconds,
        )


def _refuse_flood(session: Session, competition: Competition, principal: Principal, now: datetime) -> None:
    recent = queries.submissions.rejections_since(session, competition.id, principal.user_id, now - REJECTIONS_WINDOW)
    if len(recent) >= competition.rejected_per_hour:
        again = recent[-competition.rejected_per_hour] + REJECTIONS_WINDOW
        seconds = _seconds(again - now)
        raise TooManyRejected(
            limit=competition.rejected_per_hour, wait=limits.Wait(seconds), retry_after=seconds, resets_at=again
        )


def _seconds(span: timedelta) -> int:
    return max(1, math.ceil(span.total_seconds()))


# inside the transaction


def _locked(session: Session, competition: Competition, principal: Principal) -> tuple[str, Competition, Team]:
    """The end of the chain, the competition and the person's team by now, for which nobody else submits meanwhile.

    The chain comes first, for which all queue: where new ones kept joining those who share the competition's row,
    whoever wants it alone, to correct labels or to reveal, would never have a turn on PostgreSQL.
    """
    head = queries.chains.locked_chain(session, competition.id)
    competition = queries.competitions.locked_again(session, competition)
    team, is_disabled = queries.teams.locked_team_of(session, competition.id, principal.user_id)
    if is_disabled:
        raise NotSignedIn()  # deleted meanwhile: nothing of theirs may be kept any more
    return head, competition, team


def _entered(
    session: Session,
    head: str,
    competition: Competition,
    team: Team,
    principal: Principal,
    upload: Upload,
    stored: Stored,
    judged: Judged | None,
    received_at: datetime,
    signer: Signer | None,
) -> Answer:
    """Admit and count the file now that nobody else can, and write all that is known of it."""
    allowance = teams.allowance(session, competition, team.id, received_at)
    late = schedule.admit(competitions.timetable(competition, allowance.deadline), received_at)
    _refuse_over_quota(competition, allowance, received_at)
    day = limits.quota_day(received_at, competition.time_zone)
    admitted = Admitted(upload, received_at, day, allowance.used_today, late, principal.user_id)
    state = SCORED if judged else PENDING
    vouched, linked = entries.accept(
        session, competition, team, admitted, stored, head=head, actor=principal.username, state=state
    )
    signed = receipts.sign(signer, competition, vouched, linked) if signer else None
    receipt = _receipt(competition, admitted, vouched, linked, allowance, signed)
    if judged:
        receipt = with_scores(session, competition, team, vouched, judged, receipt)
    receipts.keep(session, receipt.ref, linked, msgspec.to_builtins(receipt))
    return Answer(receipt, replayed=False)


def _receipt(
    competition: Competition,
    admitted: Admitted,
    vouched: Vouched,
    linked: Linked,
    before: limits.Allowance,
    signed: Signature | None,
) -> Receipt:
    """Of a file that has no score yet."""
    return Receipt(
        ref=vouched.ref,
        status=PENDING,
        message=admitted.upload.message,
        file_name=admitted.upload.file_name,
        sha256=admitted.upload.sha256,
        submitted_at=admitted.submitted_at,
        public_score=None,
        selected=False,
        late=admitted.late,
        competition=competition.slug,
        metric=competition.metric,
        direction=metrics.metric(competition.metric).direction,
        previous_best=None,
        improved=False,
        rank=None,
        previous_rank=None,
        teams=0,
        daily_limit=before.daily_limit,
        used_today=before.used_today + 1,
        left_today=before.left_today - 1,
        total_limit=before.total_limit,
        left_total=None if before.left_total is None else before.left_total - 1,
        resets_at=before.resets_at,
        resets_at_local=schedule.local(before.resets_at, before.time_zone),
        time_zone=competition.time_zone,
        team_number=vouched.team_id,
        previous_link=linked.previous,
        link=linked.link,
        **vars(signed) if signed else {},
    )


def with_scores(
    session: Session,
    competition: Competition,
    team: Team,
    vouched: Vouched,
    judged: Judged,
    receipt: Receipt,
) -> Receipt:
    """Count the file's scores, and tell its team of them as it may know them."""
    entered = entries.count(session, competition, team, vouched, judged.scores, judged.told.released, late=receipt.late)
    return replace(
        receipt,
        status=SCORED,
        public_score=entered.shown,
        significant=judged.told.released.accepted if competition.release == LADDER else None,
        previous_best=entered.previous_best,
        improved=entered.improved,
        rank=entered.rank,
        previous_rank=entered.previous_rank,
        teams=entered.teams,
    )
