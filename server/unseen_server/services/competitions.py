"""Competitions as they are seen: which one is meant, who may see it, in which phase it is, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from unseen_server.core import leak, limits, metrics, schedule
from unseen_server.core.errors import NotEnrolled, NotFound
from unseen_server.core.schedule import Phase, Timetable
from unseen_server.core.sentences import Sentence, say
from unseen_server.db import queries
from unseen_server.db.models import Competition, Course, Page, Standing
from unseen_server.db.session import Database
from unseen_server.services import names, teams
from unseen_server.services.principals import Principal

ENGLISH_PAGES = "en"  # the language every other falls back to


@dataclass(frozen=True)
class Listed:
    """A competition in a list: what it is, until when, and where the asker stands.

    `phase` and `deadline` are the asker's own, where the staff gave them more time.
    """

    slug: str
    title: str
    course: str
    course_title: str
    phase: str
    metric: str
    direction: str
    starts_at: datetime | None
    deadline: datetime
    time_zone: str
    daily_limit: int
    total_limit: int | None
    final_submissions: int
    largest_team: int
    release: str
    late_submissions: bool
    teams: int
    url: str
    rank: int | None
    left_today: int | None


@dataclass(frozen=True)
class Announced:
    """What the staff tell everybody, in Markdown."""

    id: int
    markdown: str
    at: datetime


@dataclass(frozen=True)
class Seal:
    """The salted hash of one version of the hidden key; `salt` is None until the reveal."""

    version: int
    seal: str
    salt: str | None
    published_at: datetime


@dataclass(frozen=True)
class Shown(Listed):
    """One competition in full, as everybody may read it.

    `seal` is the published hash of its hidden key; `seals` are those of all its versions.
    """

    overview: str
    rules: str
    data: str
    id_column: str
    target_column: str
    test_rows: int
    public_rows: int
    bounds: list[float]
    leak_ratio: float
    leak_level: str
    leak_meaning: Sentence
    seal: str | None
    seal_salt: str | None
    seals: list[Seal]
    revealed_at: datetime | None
    announcements: list[Announced]


# who may see what


def timetable(competition: Competition, own_deadline: datetime | None = None) -> Timetable:
    """The competition's instants; with the deadline of one team (teams.own_deadline) in place of everybody's."""
    return Timetable(
        time_zone=competition.time_zone,
        launched_at=competition.launched_at,
        starts_at=competition.starts_at,
        deadline=own_deadline or competition.deadline,
        closed_at=competition.closed_at,
        revealed_at=competition.revealed_at,
        late_submissions=competition.late_submissions,
    )


def phase_of(competition: Competition, now: datetime, own_deadline: datetime | None = None) -> Phase:
    """The phase for everybody, or for a team with a deadline of its own."""
    return schedule.phase(timetable(competition, own_deadline), now)


def visible(session: Session, slug: str, principal: Principal | None, now: datetime) -> Competition:
    """The competition, if this visitor may look at its pages and boards: everybody may, once it has started."""
    # PostgreSQL cannot even be asked for a text with a NUL in it.
    competition = queries.competitions.competition_called(session, slug) if names.SLUG.fullmatch(slug) else None
    if competition is not None:
        staff = principal is not None and principal.is_staff_of(competition.course_id)
        if staff or is_open_to_all(competition, now):
            return competition
    known = [c.slug for c, _ in queries.competitions.competitions_with_courses(session) if is_open_to_all(c, now)]
    advice = names.did_you_mean(slug, known) or say("The list of competitions shows those you can take part in.")
    raise NotFound(what=say("competition “{slug}”", slug=names.printable(slug)), advice=advice)


def is_open_to_all(competition: Competition, now: datetime) -> bool:
    return competition.removed_at is None and phase_of(competition, now) is not Phase.DRAFT


def open_to(session: Session, slug: str, principal: Principal, now: datetime) -> Competition:
    """The competition, if this person takes part in its course: for data, submissions and limits."""
    competition = visible(session, slug, principal, now)
    if principal.role_in(competition.course_id) is None:
        raise NotEnrolled(course=session.get_one(Course, competition.course_id).title)
    return competition


def staffed(session: Session, slug: str, principal: Principal, now: datetime, *, locked: bool = False) -> Competition:
    """The competition, if this person is on its course's staff; a draft is NotFound for everybody else.

    `locked`: its row belongs to the caller's transaction alone, so that nobody submits or chooses meanwhile.
    """
    competition = visible(session, slug, principal, now)
    principal.need_staff(session.get_one(Course, competition.course_id))
    return _locked(session, competition) if locked else competition


def instructed(
    session: Session, slug: str, principal: Principal, now: datetime, *, locked: bool = False
) -> Competition:
    """The same, if this person instructs its course."""
    competition = visible(session, slug, principal, now)
    principal.need_instructor(session.get_one(Course, competition.course_id))
    return _locked(session, competition) if locked else competition


def _locked(session: Session, competition: Competition) -> Competition:
    return queries.competitions.locked_competition(session, competition.id, exclusively=True)


# looking


def listed(db: Database, *, principal: Principal | None, now: datetime) -> list[Listed]:
    """Those of the person's courses, the latest deadline first; for a visitor, all that have started."""
    with db.read() as session:
        return [
            _listed(session, competition, course, principal, now)
            for competition, course in queries.competitions.competitions_with_courses(session)
            if _is_listed(competition, principal, now)
        ]


def _is_listed(competition: Competition, principal: Principal | None, now: datetime) -> bool:
    if competition.removed_at is not None:
        return False
    if principal is None:
        return is_open_to_all(competition, now)
    if principal.is_staff_of(competition.course_id):
        return True
    return principal.role_in(competition.course_id) is not None and is_open_to_all(competition, now)


def shown(
    db: Database, *, slug: str, principal: Principal | None, now: datetime, language: str = ENGLISH_PAGES
) -> Shown:
    """The competition; a page that was not written in `language` comes in English, else in any that it has."""
    with db.read() as session:
        competition = visible(session, slug, principal, now)
        course = session.get_one(Course, competition.course_id)
        pages = _in_language(queries.competitions.pages_of(session, competition.id), language)
        ratio = _leak_ratio(competition, now)
        return Shown(
            **vars(_listed(session, competition, course, principal, now)),
            overview=pages.get("overview", ""),
            rules=pages.get("rules", ""),
            data=pages.get("data", ""),
            id_column=competition.id_column,
            target_column=competition.target_column,
            test_rows=competition.test_rows,
            public_rows=competition.public_rows,
            bounds=[competition.lower_bound, competition.upper_bound],
            leak_ratio=ratio,
            leak_level=leak.leak_level(ratio),
            leak_meaning=leak.leak_meaning(ratio),
            seal=competition.seal,
            seal_salt=competition.seal_salt if competition.revealed_at else None,
            seals=seals_of(session, competition),
            revealed_at=competition.revealed_at,
            announcements=announced(session, competition),
        )


def seen_by(db: Database, shown: Shown, principal: Principal, now: datetime) -> Shown:
    """What everybody may read, with this person's own phase and deadline, but neither their rank nor what is left."""
    with db.read() as session:
        competition = visible(session, shown.slug, principal, now)
        if principal.role_in(competition.course_id) is None:
            return shown
        team_id = queries.teams.team_id_of(session, competition.id, principal.user_id)
        deadline = teams.own_deadline(session, competition, team_id, principal.user_id)
        return replace(shown, deadline=deadline, phase=phase_of(competition, now, deadline))


def seals_of(session: Session, competition: Competition, *, opened: bool = False) -> list[Seal]:
    """Every seal that was published, the oldest first; with the salts after the reveal, or `opened` for the server."""
    opened = opened or competition.revealed_at is not None
    found = []
    for row in queries.chains.sealed_versions(session, competition.id):
        counts = row.version == competition.key_version
        seal, salt = (competition.seal, competition.seal_salt) if counts else (row.seal, row.seal_salt)
        if seal is not None:
            published_at = max(row.created_at, competition.launched_at or row.created_at)
            found.append(Seal(row.version, seal, salt if opened else None, published_at))
    return found


def announced(session: Session, competition: Competition) -> list[Announced]:
    """What is announced now, the newest first."""
    return [
        Announced(row.id, row.markdown, row.at)
        for row in queries.competitions.announcements_of(session, competition.id)
        if row.withdrawn_at is None
    ]


def _in_language(pages: Sequence[Page], language: str) -> dict[str, str]:
    """The Markdown of each page, in the language that fits best: zh-TW is closer to zh-Hant than English is."""

    def distance(page: Page) -> int:
        ranked = (page.language == language, page.language[:2] == language[:2], page.language == ENGLISH_PAGES)
        return ranked.index(True) if True in ranked else len(ranked)

    return {page.name: page.markdown for page in sorted(pages, key=distance, reverse=True)}


def _listed(
    session: Session, competition: Competition, course: Course, principal: Principal | None, now: datetime
) -> Listed:
    direction = metrics.metric(competition.metric).direction
    rank = left = None
    deadline = competition.deadline
    if principal and principal.role_in(course.id) is not None:
        team = queries.teams.team_of(session, competition.id, principal.user_id)
        allowance = teams.allowance(session, competition, team.id if team else None, now, principal.user_id)
        deadline, left = allowance.deadline, allowance.left_today
        rank = teams.public_rank(session, competition, session.get(Standing, team.id)) if team else None
    return Listed(
        slug=competition.slug,
        title=competition.title,
        course=course.slug,
        course_title=course.title,
        phase=phase_of(competition, now, deadline),
        metric=competition.metric,
        direction=direction,
        starts_at=competition.starts_at,
        deadline=deadline,
        time_zone=competition.time_zone,
        daily_limit=competition.daily_limit,
        total_limit=competition.total_limit,
        final_submissions=competition.final_submissions,
        largest_team=competition.largest_team,
        release=competition.release,
        late_submissions=competition.late_submissions,
        teams=queries.boards.ranked_teams(session, competition.id),
        url=f"/competitions/{competition.slug}",
        rank=rank,
        left_today=left,
    )


def _leak_ratio(competition: Competition, now: datetime) -> float:
    """Submissions a team may make per public row, from the start (now, where that is not set) to the deadline."""
    days = limits.quota_days(competition.starts_at or now, competition.deadline, competition.time_zone)
    total = limits.most_submissions(days, competition.daily_limit, competition.total_limit)
    return leak.leak_ratio(total, competition.public_rows)
