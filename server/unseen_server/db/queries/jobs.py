"""Long work, and who does it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, defer

from unseen_server.db.models import Job, JobPiece


def _may_begin(now: datetime) -> ColumnElement[bool]:
    return Job.state.in_(("waiting", "running")) & or_(Job.lease_until.is_(None), Job.lease_until <= now)


def due(session: Session, now: datetime) -> Sequence[int]:
    """The numbers of those that nobody works at, the oldest first."""
    return session.scalars(select(Job.id).where(_may_begin(now)).order_by(Job.id)).all()


def waiting(session: Session, now: datetime, since: datetime) -> int:
    """How many of those that nobody works at were handed in by then."""
    return session.scalar(select(func.count(Job.id)).where(_may_begin(now), Job.created_at <= since)) or 0


def to_begin(session: Session, ref: int, now: datetime) -> Job | None:
    """The job, held still until the transaction ends, unless somebody works at it or it has ended."""
    return session.scalar(select(Job).where(Job.id == ref, _may_begin(now)).with_for_update())


def held(session: Session, ref: int, attempt: int) -> Job | None:
    """The job, held still until the transaction ends, if it is still this attempt that counts."""
    mine = (Job.id == ref) & (Job.attempts == attempt) & (Job.state == "running")
    return session.scalar(select(Job).where(mine).with_for_update())


def of_competition(session: Session, competition_id: int, but: str, at_most: int) -> Sequence[Job]:
    """The newest first, without those of that kind, and without their results, which may be long."""
    return session.scalars(
        select(Job)
        .where(Job.competition_id == competition_id, Job.kind != but)
        .order_by(Job.id.desc())
        .limit(at_most)
        .options(defer(Job.result, raiseload=True))
    ).all()


def piece(session: Session, ref: int, number: int) -> bytes | None:
    return session.scalar(select(JobPiece.content).where(JobPiece.job_id == ref, JobPiece.number == number))


def ended_before(session: Session, when: datetime) -> Sequence[int]:
    """Of those whose file, if they made one, is still there."""
    return session.scalars(
        select(Job.id).join(JobPiece, JobPiece.job_id == Job.id).where(Job.ended_at <= when).distinct()
    ).all()
