"""Who did what, written beside the deed in the same transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from unseen_server.db.models import AuditEntry, Competition, Course
from unseen_server.db.queries.asking import connection_of
from unseen_server.services.principals import Principal


def record(
    session: Session,
    *,
    actor: str,
    action: str,
    subject: str,
    now: datetime,
    course: Course | None = None,
    competition: Competition | None = None,
    **details: Any,
) -> None:
    """Add one row; `details` must be JSON and must not hold a label, a private score or a secret."""
    course_id = competition.course_id if competition else course.id if course else None
    row = {
        "at": now,
        "actor": actor,
        "action": action,
        "course_id": course_id,
        "competition_id": competition.id if competition else None,
        "subject": subject,
        "details": details,
    }
    session.flush()
    connection_of(session).execute(_RECORD, row)  # no object: every submission is recorded


_RECORD = insert(AuditEntry)


def record_in(
    session: Session,
    competition: Competition,
    principal: Principal,
    now: datetime,
    action: str,
    subject: str,
    **details: Any,
) -> None:
    """What somebody did in a competition."""
    record(
        session, actor=principal.username, action=action, subject=subject, now=now, competition=competition, **details
    )
