"""Courses, by what they are called by."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from unseen_server.db.models import Course


def course_by_slug(session: Session, slug: str) -> Course | None:
    return session.scalar(select(Course).where(Course.slug == slug))


def all_courses(session: Session) -> Sequence[Course]:
    return session.scalars(select(Course).order_by(Course.slug)).all()


def locked_course(session: Session, course_id: int) -> Course:
    """The row, held until the transaction ends: who is on its staff changes one at a time."""
    return session.scalars(select(Course).where(Course.id == course_id).with_for_update()).one()


def course_with_join_code(session: Session, code: str) -> Course | None:
    return session.scalar(select(Course).where(Course.join_code == code))
