"""Courses, and which one is meant when nobody says."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from unseen_server.core import schedule
from unseen_server.core.errors import BadRequest, Conflict, NotFound
from unseen_server.db import queries
from unseen_server.db.models import Course
from unseen_server.services import audit, names
from unseen_server.services.accounts import Principal


def add_course(session: Session, slug: str, *, title: str, time_zone: str, now: datetime, actor: str) -> Course:
    names.checked_slug(slug)
    schedule.checked_zone(time_zone)
    if queries.course_by_slug(session, slug):
        raise Conflict(reason=f"There is already a course “{slug}”.")
    course = Course(
        slug=slug, title=names.checked_text(title, "A course's title", 200), time_zone=time_zone, created_at=now
    )
    session.add(course)
    session.flush()
    audit.record(session, actor=actor, action="course.add", subject=slug, now=now, course=course)
    return course


def course_named(session: Session, slug: str) -> Course:
    course = queries.course_by_slug(session, slug) if names.SLUG.fullmatch(slug) else None
    if course is None:
        known = [course.slug for course in queries.all_courses(session)]
        advice = names.did_you_mean(slug, known) or f"Add it with `unseen-server course add {names.printable(slug)}`."
        raise NotFound(what=f"course “{names.printable(slug)}”", advice=advice)
    return course


def staffed(session: Session, slug: str, principal: Principal) -> Course:
    """The course, if this person is an assistant or instructor of it."""
    course = course_named(session, slug)
    principal.need_staff(course)
    return course


def instructed(session: Session, slug: str, principal: Principal) -> Course:
    course = course_named(session, slug)
    principal.need_instructor(course)
    return course


def only_course(session: Session, *, now: datetime, actor: str) -> Course:
    """The course meant where none is named: the only one there is, made on the spot in a new installation."""
    known = queries.all_courses(session)
    if len(known) > 1:
        raise BadRequest(reason=f"Say which course: --course {' or '.join(course.slug for course in known)}.")
    if known:
        return known[0]
    return add_course(session, "course", title="Course", time_zone="UTC", now=now, actor=actor)
