"""Who did what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, Row, func, or_, select
from sqlalchemy.orm import Session

from unseen_server.db.models import (
    AuditEntry,
    Competition,
)


def who_revealed(session: Session, competition_id: int) -> str | None:
    """The user name of whoever opened the private board."""
    return session.scalar(
        select(AuditEntry.actor)
        .where(AuditEntry.competition_id == competition_id, AuditEntry.action == "competition.reveal")
        .order_by(AuditEntry.id)
        .limit(1)
    )


def audit_entries(
    session: Session,
    *,
    course_id: int | None = None,
    competition_id: int | None = None,
    text: str = "",
    before: int | None = None,
    offset: int = 0,
    limit: int | None = None,
) -> Sequence[Row[AuditEntry, str | None]]:
    """What was done in a course or a competition, the newest first, each with the competition's slug.

    `before`: only those with smaller numbers.
    """
    return session.execute(
        select(AuditEntry, Competition.slug)
        .outerjoin(Competition, Competition.id == AuditEntry.competition_id)
        .where(*_audited(course_id, competition_id, text), *([] if before is None else [AuditEntry.id < before]))
        .order_by(AuditEntry.id.desc())
        .offset(offset)
        .limit(limit)
    ).all()


def audit_entries_counted(
    session: Session, *, course_id: int | None = None, competition_id: int | None = None, text: str = ""
) -> int:
    counted = select(func.count()).select_from(AuditEntry)
    return session.scalar(counted.where(*_audited(course_id, competition_id, text))) or 0


def _audited(course_id: int | None, competition_id: int | None, text: str) -> Iterator[ColumnElement[bool]]:
    if course_id is not None:
        yield AuditEntry.course_id == course_id
    if competition_id is not None:
        yield AuditEntry.competition_id == competition_id
    for word in text.split():
        columns = (AuditEntry.actor, AuditEntry.action, AuditEntry.subject)
        yield or_(*(column.icontains(word, autoescape=True) for column in columns))


def deeds_to_submission(session: Session, competition_id: int, ref: int) -> Sequence[AuditEntry]:
    """The newest first."""
    return session.scalars(
        select(AuditEntry)
        .where(
            AuditEntry.competition_id == competition_id,
            AuditEntry.action.startswith("submission."),
            AuditEntry.subject == str(ref),
        )
        .order_by(AuditEntry.id.desc())
    ).all()


def names_before(session: Session, username: str) -> Sequence[str]:
    """The display names a person had, from the audit."""
    renamed = session.scalars(
        select(AuditEntry.details).where(AuditEntry.action == "user.rename", AuditEntry.subject == username)
    )
    return [str(details[when]) for details in renamed for when in ("before", "after") if when in details]


def all_audit_entries(session: Session) -> Iterator[AuditEntry]:
    """Some at a time: there is no end to them."""
    yield from session.scalars(select(AuditEntry).execution_options(yield_per=1000))
