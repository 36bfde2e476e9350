"""What course staff see first: their courses, and how each competition in them is doing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from unseen_server.core import limits
from unseen_server.core.schedule import Phase
from unseen_server.db import queries
from unseen_server.db.models import Competition
from unseen_server.db.session import Database
from unseen_server.services import competitions, courses
from unseen_server.services.courses import StaffedCourse
from unseen_server.services.principals import Principal


@dataclass(frozen=True)
class Running:
    """A competition at a glance; `today` counts the files people sent since its day began."""

    slug: str
    title: str
    phase: Phase
    starts_at: datetime | None
    deadline: datetime
    time_zone: str
    teams: int
    today: int


@dataclass(frozen=True)
class CourseOverview:
    course: StaffedCourse
    competitions: list[Running]
    removed: list[Running]


def overview(db: Database, *, principal: Principal, now: datetime) -> list[CourseOverview]:
    """Every course whose staff this person is on."""
    return [_overview(db, course, now) for course in courses.listed(db, principal=principal)]


def course_overview(db: Database, *, course: str, principal: Principal, now: datetime) -> CourseOverview:
    return _overview(db, courses.shown(db, course=course, principal=principal), now)


def _overview(db: Database, course: StaffedCourse, now: datetime) -> CourseOverview:
    with db.read() as session:
        there = queries.competitions.competitions_of(session, courses.course_named(session, course.slug).id)
        return CourseOverview(
            course,
            [_running(session, one, now) for one in there if one.removed_at is None],
            [_running(session, one, now) for one in there if one.removed_at is not None],
        )


def _running(session: Session, competition: Competition, now: datetime) -> Running:
    today = limits.quota_day(now, competition.time_zone)
    return Running(
        slug=competition.slug,
        title=competition.title,
        phase=competitions.phase_of(competition, now),
        starts_at=competition.starts_at,
        deadline=competition.deadline,
        time_zone=competition.time_zone,
        teams=queries.boards.ranked_teams(session, competition.id),
        today=queries.submissions.student_submissions_by_day(session, competition.id).get(today, 0),
    )
