"""Long work apart from the request that asked for it: handed in, worked at under a lease, shown while it lasts.

What a job changes, it changes in a transaction of its own, in which it is `completed` as well: where a worker dies
before, another begins anew as soon as the lease has run out, and where it dies after, nothing is done twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Delete, delete, insert
from sqlalchemy.orm import Session

from unseen_server.core import sentences
from unseen_server.core.errors import NotFound, StaffOnly
from unseen_server.core.release import LADDER
from unseen_server.core.sentences import N_, Sentence, say
from unseen_server.db import queries
from unseen_server.db.delivery import Delivery
from unseen_server.db.models import Competition, Course, Job, JobPiece, User
from unseen_server.db.session import Database
from unseen_server.services import competitions
from unseen_server.services.principals import Principal, principal_for

LEASE = timedelta(seconds=60)
MOST_ATTEMPTS = 3
AGAIN_AFTER = timedelta(seconds=10)  # an attempt that failed for no reason known
KEPT = timedelta(days=1)
PIECE = 4 << 20  # bytes
LISTED = 20
SCORE = "score"  # the kind of job that scores one large file
NO_SUCH_JOB = N_("job")
WHERE_JOBS_ARE = N_("The page of the competition lists its jobs.")
GONE_WRONG = N_("Something went wrong on the server, {attempts} times. Its log says what; nothing was changed.")

GIVEN = -1  # the number of the piece that a job was given; those of the file that it makes count from 0

Progress = Callable[[int, int], None]


class Overtaken(Exception):  # noqa: N818 - nothing is wrong
    """Another attempt at the job has the lease now: whatever this one was about to do, it must not."""


@dataclass(frozen=True)
class Claimed:
    """A job to be done now, by whom it was asked for, and which attempt at it this is."""

    ref: int
    kind: str
    attempt: int
    competition: Competition
    principal: Principal
    arguments: Mapping[str, Any]
    asked_at: datetime

    @property
    def is_one_too_many(self) -> bool:
        return self.attempt > MOST_ATTEMPTS


@dataclass(frozen=True)
class JobShown:
    """How far a job is: `done` of `total` steps, and in the end its result, its file, or why there is none.

    `state` is waiting, running, done or failed. `file_name` is None where no file was made or it is kept no longer. In
    a list of jobs every `result` is None.
    """

    ref: int
    kind: str
    competition: str
    asked_by: str
    state: str
    done: int
    total: int
    result: Mapping[str, Any] | None
    problem: Sentence | None
    file_name: str | None
    created_at: datetime
    ended_at: datetime | None


# handing in


def add(
    session: Session, kind: str, competition: Competition, principal: Principal, now: datetime, **arguments: Any
) -> int:
    """Write a job down, inside the caller's transaction, which has it delivered as well; `arguments` must be JSON."""
    job = Job(
        kind=kind,
        competition_id=competition.id,
        user_id=principal.user_id,
        arguments=arguments,
        created_at=now,
    )
    session.add(job)
    session.flush()
    return job.id


def hand_in(
    db: Database,
    delivery: Delivery,
    kind: str,
    *,
    slug: str,
    principal: Principal,
    now: datetime,
    given: bytes | None = None,
    **arguments: Any,
) -> int:
    """Have a worker do something for an instructor of this competition; returns the number of the job.

    `given` is a file that the worker needs. It stays as long as the job lasts, and a day longer unless it is dropped.
    """
    with db.write() as session:
        competition = competitions.instructed(session, slug, principal, now)
        ref = add(session, kind, competition, principal, now, **arguments)
        if given is not None:
            session.execute(insert(JobPiece), {"job_id": ref, "number": GIVEN, "content": given})
        delivery.deliver(session, ref)
    delivery.call()
    return ref


@dataclass(frozen=True)
class Desk:
    """Where files for test sets of more than `rows_at_once` rows are left for a worker, if there is one."""

    delivery: Delivery
    rows_at_once: int

    def takes(self, db: Database, competition: Competition, team_id: int) -> bool:
        """Whether this competition's are, or the team has one waiting that a later one must not overtake."""
        if competition.test_rows > self.rows_at_once and self.delivery.is_staffed():
            return True
        with db.read() as session:
            return self.keeps_in_order(session, competition, team_id)

    def keeps_in_order(self, session: Session, competition: Competition, team_id: int) -> bool:
        """Whether a file of the team waits that has to be scored first: the ladder judges each by those before it."""
        return competition.release == LADDER and bool(queries.submissions.pending_of_teams(session, [team_id]))

    def leave(
        self, session: Session, competition: Competition, principal: Principal, submission_id: int, now: datetime
    ) -> None:
        """Inside the transaction that accepts the file."""
        self.delivery.deliver(session, add(session, SCORE, competition, principal, now, submission=submission_id))


# looking


def shown(db: Database, *, ref: int, principal: Principal, now: datetime) -> JobShown:
    """For the staff of the course; to anybody else there is no such job, and to nobody one that scores one file."""
    with db.read() as session:
        job, competition = _found(session, ref, principal)
        return _shown(session, job, competition, now, job.result)


def listed(db: Database, *, slug: str, principal: Principal, now: datetime) -> list[JobShown]:
    """The newest jobs of a competition, except the scoring of single files."""
    with db.read() as session:
        competition = competitions.staffed(session, slug, principal, now)
        found = queries.jobs.of_competition(session, competition.id, SCORE, LISTED)
        return [_shown(session, job, competition, now, None) for job in found]


def file(db: Database, *, ref: int, principal: Principal, now: datetime) -> tuple[str, Iterator[bytes]]:
    """What the file that a job made is called, and its content, piece by piece; for instructors.

    NotFound where there is none, or none any more.
    """
    with db.read() as session:
        job, competition = _found(session, ref, principal)
        principal.need_instructor(session.get_one(Course, competition.course_id))
        first = queries.jobs.piece(session, ref, 0)
    if first is None or job.file_name is None or not _is_kept(job, now):
        raise NotFound(what=say("file of this job"), advice=say("It is kept for a day. Ask for it again."))
    return job.file_name, _pieces(db, ref, first)


def _is_kept(job: Job, now: datetime) -> bool:
    """Whether the file of a job can still be had."""
    return job.ended_at is not None and now < job.ended_at + KEPT


def _pieces(db: Database, ref: int, piece: bytes | None) -> Iterator[bytes]:
    number = 0
    while piece is not None:
        yield piece
        number += 1
        with db.read() as session:
            piece = queries.jobs.piece(session, ref, number)


def _found(session: Session, ref: int, principal: Principal) -> tuple[Job, Competition]:
    job = session.get(Job, ref)
    competition = session.get(Competition, job.competition_id) if job else None
    if job is None or job.kind == SCORE or competition is None or not principal.is_staff_of(competition.course_id):
        raise NotFound(what=say(NO_SUCH_JOB), advice=say(WHERE_JOBS_ARE))
    return job, competition


def _shown(
    session: Session, job: Job, competition: Competition, now: datetime, result: Mapping[str, Any] | None
) -> JobShown:
    return JobShown(
        ref=job.id,
        kind=job.kind,
        competition=competition.slug,
        asked_by=session.get_one(User, job.user_id).username,
        state=job.state,
        done=job.done,
        total=job.total,
        result=result,
        problem=sentences.unpacked(job.problem) if job.problem else None,
        file_name=job.file_name if _is_kept(job, now) else None,
        created_at=job.created_at,
        ended_at=job.ended_at,
    )


# working


def due(db: Database, now: datetime) -> list[int]:
    """The jobs that nobody works at."""
    with db.read() as session:
        return list(queries.jobs.due(session, now))


def given(db: Database, ref: int) -> bytes | None:
    """The file that a job was given, as long as it is there."""
    with db.read() as session:
        return queries.jobs.piece(session, ref, GIVEN)


def drop_given(session: Session, ref: int) -> None:
    """Forget it: it has served its purpose."""
    session.execute(delete(JobPiece).where(JobPiece.job_id == ref, JobPiece.number == GIVEN))


def claim(db: Database, ref: int, now: datetime) -> Claimed | None:
    """Take the lease of a job; None where somebody else has it, or it has ended."""
    with db.write() as session:
        job = queries.jobs.to_begin(session, ref, now)
        if job is None:
            return None
        job.state, job.lease_until, job.attempts = "running", now + LEASE, job.attempts + 1
        return Claimed(
            ref=job.id,
            kind=job.kind,
            attempt=job.attempts,
            competition=session.get_one(Competition, job.competition_id),
            principal=principal_for(session, session.get_one(User, job.user_id)),
            arguments=job.arguments,
            asked_at=job.created_at,
        )


def check_may_instruct(session: Session, claimed: Claimed) -> None:
    """Raises StaffOnly where whoever asked for the job does not instruct the course any more."""
    course = session.get_one(Course, claimed.competition.course_id)
    user = session.get_one(User, claimed.principal.user_id)
    if user.disabled_at is not None:
        raise StaffOnly(who=say("an instructor"), course=course.title)
    principal_for(session, user).need_instructor(course)


def renew(db: Database, claimed: Claimed, done: int, total: int, now: datetime) -> None:
    """Say how far it is, and that it is still worked at."""
    with db.write() as session:
        if job := queries.jobs.held(session, claimed.ref, claimed.attempt):
            job.done, job.total, job.lease_until = done, total, now + LEASE


def completed(session: Session, claimed: Claimed, now: datetime, **result: Any) -> bool:
    """End the job within the transaction that does what it was for; False where another attempt has the lease now."""
    job = queries.jobs.held(session, claimed.ref, claimed.attempt)
    if job is None:
        return False
    job.state, job.result, job.ended_at, job.lease_until, job.done = "done", result, now, None, job.total
    return True


def made(
    db: Database, claimed: Claimed, file_name: str, content: Iterable[bytes], clock: Callable[[], datetime]
) -> None:
    """Keep the file that the job was for, and end it."""
    for number, piece in enumerate(_in_pieces(content)):
        with db.write() as session:
            if queries.jobs.held(session, claimed.ref, claimed.attempt) is None:
                return  # another attempt has the lease now
            if number == 0:
                session.execute(_made_by(claimed.ref))  # in an attempt before
            session.execute(insert(JobPiece), {"job_id": claimed.ref, "number": number, "content": piece})
    with db.write() as session:
        if completed(session, claimed, clock()):
            session.get_one(Job, claimed.ref).file_name = file_name


def _made_by(ref: int) -> Delete:
    return delete(JobPiece).where(JobPiece.job_id == ref, JobPiece.number != GIVEN)


def _in_pieces(content: Iterable[bytes]) -> Iterator[bytes]:
    gathered = bytearray()
    for some in content:
        gathered += some
        while len(gathered) >= PIECE:
            yield bytes(gathered[:PIECE])
            del gathered[:PIECE]
    if gathered:
        yield bytes(gathered)


def refuse(session: Session, claimed: Claimed, sentence: Sentence, now: datetime) -> None:
    """End the job with the reason why it cannot be done, however often it is tried."""
    if job := queries.jobs.held(session, claimed.ref, claimed.attempt):
        job.state, job.problem, job.ended_at, job.lease_until = "failed", sentences.packed(sentence), now, None


def give_back(db: Database, claimed: Claimed, now: datetime, *, begun: bool) -> None:
    """Leave it for another attempt in a moment; one that had not `begun`, for want of something, is not counted."""
    with db.write() as session:
        if job := queries.jobs.held(session, claimed.ref, claimed.attempt):
            job.state, job.lease_until = "waiting", now + AGAIN_AFTER
            job.attempts -= not begun


def begin_anew(db: Database, claimed: Claimed, now: datetime) -> None:
    """Leave it for later, and count its attempts from then on."""
    with db.write() as session:
        if job := queries.jobs.held(session, claimed.ref, claimed.attempt):
            job.state, job.lease_until, job.attempts = "waiting", now + AGAIN_AFTER, 0


def forget_files(db: Database, now: datetime) -> None:
    """Delete what jobs made, or were given, that ended a day ago or earlier."""
    with db.read() as session:
        old = queries.jobs.ended_before(session, now - KEPT)
    for ref in old:
        with db.write() as session:
            session.execute(delete(JobPiece).where(JobPiece.job_id == ref))
