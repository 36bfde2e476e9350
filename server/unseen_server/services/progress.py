"""How a competition is going: what its staff see first, and what a draft still lacks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from unseen_server.core import limits
from unseen_server.db import queries
from unseen_server.db.session import Database
from unseen_server.services import bundles, burnt, competitions, folders
from unseen_server.services.bundles import PAGES, Report
from unseen_server.services.burnt import Burnt
from unseen_server.services.principals import Principal
from unseen_server.services.submit import REJECTIONS_WINDOW

SHOWN_DAYS = 60


@dataclass(frozen=True)
class Progress:
    """What the staff of its course may see; `may_instruct` says whether the asker may also act.

    Counts are of students alone; `by_day` holds every day since the start, the last SHOWN_DAYS of them;
    `rejected` files were sent within the last hour.
    """

    may_instruct: bool
    launched: bool
    closed_at: datetime | None
    removed_at: datetime | None
    students: int
    submissions: int
    submissions_today: int
    rejected: int
    last_submission_at: datetime | None
    by_day: list[tuple[date, int]]
    missing_pages: list[str]
    baselines: int
    file_bytes: int
    burnt: Burnt


def progress(
    db: Database, *, slug: str, principal: Principal, now: datetime, for_instructors: bool = False
) -> Progress:
    with db.read() as session:
        permitted = competitions.instructed if for_instructors else competitions.staffed
        competition = permitted(session, slug, principal, now)
        today = limits.quota_day(now, competition.time_zone)
        by_day = queries.submissions.student_submissions_by_day(session, competition.id)
        written = {
            page.name for page in queries.competitions.pages_of(session, competition.id) if page.markdown.strip()
        }
        return Progress(
            may_instruct=principal.role_in(competition.course_id) == "instructor",
            launched=competition.launched_at is not None,
            closed_at=competition.closed_at,
            removed_at=competition.removed_at,
            students=queries.people.students_counted(session, competition.course_id),
            submissions=sum(by_day.values()),
            submissions_today=by_day.get(today, 0),
            rejected=queries.submissions.rejections_counted(session, competition.id, now - REJECTIONS_WINDOW),
            last_submission_at=queries.submissions.last_submission_at(session, competition.id),
            by_day=_every_day(by_day, today),
            missing_pages=[name for name in PAGES if name not in written],
            baselines=len(queries.competitions.baselines_of(session, competition.id)),
            file_bytes=sum(file.size for file in queries.competitions.files_of(session, competition.id)),
            burnt=burnt.of(session, competition),
        )


def preflight(db: Database, *, slug: str, principal: Principal, now: datetime) -> Report:
    """The pre-flight of a competition that was brought in already, for its instructors: it reads the answers."""
    with db.read() as session:
        files = folders.folder_of(session, competitions.instructed(session, slug, principal, now))
    return bundles.check_bundle(bundles.read_files(files), now)


def _every_day(by_day: dict[date, int], today: date) -> list[tuple[date, int]]:
    if not by_day:
        return []
    first = max(min(by_day), today - timedelta(days=SHOWN_DAYS - 1))
    days = range((max(today, max(by_day)) - first).days + 1)
    return [(day, by_day.get(day, 0)) for day in (first + timedelta(days=n) for n in days)]
