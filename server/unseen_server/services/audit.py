"""Who did what, written beside the deed in the same transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from unseen_server.db.models import AuditEntry, Competition, Course


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
    session.add(
        AuditEntry(
            at=now,
            actor=actor,
            action=action,
            course_id=course_id,
            competition_id=competition.id if competition else None,
            subject=subject,
            details=details,
        )
    )
