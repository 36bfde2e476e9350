"""Courses, and which one is meant when nobody says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from unseen_server.core import schedule
from unseen_server.core.errors import BadRequest, Conflict, NotFound
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import Course
from unseen_server.db.session import Database
from unseen_server.services import audit, names
from unseen_server.services.principals import Principal


@dataclass(frozen=True)
class StaffedCourse:
    """A course as its staff see it; `role` is the asker's."""

    slug: str
    title: str
    time_zone: str
    join_code: str | None
    role: str
    students: int
    without_password: int

    @property
    def instructed(self) -> bool:
        return self.role == "instructor"


def add_course(session: Session, slug: str, *, title: str, time_zone: str, now: datetime, actor: str) -> Course:
    names.checked_slug(slug)
    schedule.checked_zone(time_zone)
    if queries.courses.course_by_slug(session, slug):
        raise Conflict(reason=say("There is already a course “{slug}”. Choose another address.", slug=slug))
    course = Course(
        slug=slug, title=names.checked_text(title, say("A course's title"), 200), time_zone=time_zone, created_at=now
    )
    session.add(course)
    session.flush()
    audit.record(session, actor=actor, action="course.add", subject=slug, now=now, course=course)
    return course


def course_named(session: Session, slug: str) -> Course:
    course = queries.courses.course_by_slug(session, slug) if names.SLUG.fullmatch(slug) else None
    if course is None:
        known = [course.slug for course in queries.courses.all_courses(session)]
        name = names.printable(slug)
        advice = names.did_you_mean(slug, known) or say("Add it with `unseen-server course add {name}`.", name=name)
        raise NotFound(what=say("course “{name}”", name=name), advice=advice)
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


def shown(db: Database, *, course: str, principal: Principal, for_instructors: bool = False) -> StaffedCourse:
    with db.read() as session:
        permitted = instructed if for_instructors else staffed
        return _shown(session, permitted(session, course, principal), principal)


def listed(db: Database, *, principal: Principal) -> list[StaffedCourse]:
    """Those whose staff this person is on."""
    with db.read() as session:
        return [
            _shown(session, course, principal)
            for course in queries.courses.all_courses(session)
            if principal.is_staff_of(course.id)
        ]


def _shown(session: Session, course: Course, principal: Principal) -> StaffedCourse:
    return StaffedCourse(
        slug=course.slug,
        title=course.title,
        time_zone=course.time_zone,
        join_code=course.join_code,
        role=str(principal.role_in(course.id)),
        students=queries.people.students_counted(session, course.id),
        without_password=len(queries.people.people_without_password(session, course.id)),
    )


def new(db: Database, *, slug: str, title: str, time_zone: str, principal: Principal, now: datetime) -> None:
    """Add a course, as an administrator."""
    principal.need_admin()
    with db.write() as session:
        add_course(session, slug, title=title, time_zone=time_zone, now=now, actor=principal.username)


def change(db: Database, *, course: str, title: str, time_zone: str, principal: Principal, now: datetime) -> None:
    """Give the course another title, or another zone for the competitions made from now on."""
    with db.write() as session:
        target = instructed(session, course, principal)
        schedule.checked_zone(time_zone)
        title = names.checked_text(title, say("A course's title"), 200)
        before = {"title": target.title, "time_zone": target.time_zone}
        after = {"title": title, "time_zone": time_zone}
        if before == after:
            return
        target.title, target.time_zone = title, time_zone
        audit.record(
            session,
            actor=principal.username,
            action="course.change",
            subject=course,
            now=now,
            course=target,
            before=before,
            after=after,
        )


def meant(session: Session, slug: str | None, principal: Principal, now: datetime) -> Course:
    """The course of that name or, where none is named, the only one there is, made on the spot where there is none."""
    if slug:
        return course_named(session, slug)
    known = queries.courses.all_courses(session)
    if len(known) > 1:
        slugs = ", ".join(course.slug for course in known)
        raise BadRequest(reason=say("Say which course: --course with one of {slugs}.", slugs=slugs))
    if known:
        return known[0]
    return add_course(session, "course", title="Course", time_zone="UTC", now=now, actor=principal.username)
