"""Changing the settings of a competition after it was brought in, with what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from unseen_server.core import limits, metrics, release, schedule
from unseen_server.core.advice import Advice
from unseen_server.core.digests import stamp_of
from unseen_server.core.errors import BadRequest, Conflict
from unseen_server.core.metrics import Metric
from unseen_server.core.schedule import Moment, Phase
from unseen_server.core.sentences import N_, Sentence, say
from unseen_server.db import queries
from unseen_server.db.models import Competition
from unseen_server.db.session import Database
from unseen_server.services import advising, audit, competitions, names, releasing
from unseen_server.services.advising import Rows
from unseen_server.services.principals import Principal
from unseen_server.services.stamps import need_unchanged

MOST = 1_000_000  # of anything that is counted
COUNTED = ("daily_limit", "total_limit", "rejected_per_hour", "final_submissions", "largest_team")
# After the reveal the result stands, and with it everything it came from.
ALWAYS_FREE = frozenset({"title", "public_intervals", "late_submissions"})


@dataclass(frozen=True)
class Settings:
    """What can be changed of a competition. Instants are aware; a start of None means: when it is launched."""

    title: str
    time_zone: str
    starts_at: datetime | None
    deadline: datetime
    daily_limit: int
    total_limit: int | None
    rejected_per_hour: int
    final_submissions: int
    largest_team: int
    release: str
    public_intervals: bool
    late_submissions: bool

    @property
    def stamp(self) -> str:
        """Equal where the settings are: a form says by it what it was filled from."""
        return stamp_of(repr(self))


@dataclass(frozen=True)
class Change:
    """One setting that is to change."""

    setting: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Plan:
    """What saving would do: every change, what the people concerned will notice of it, and the advice then."""

    changes: tuple[Change, ...]
    consequences: tuple[Sentence, ...]
    advice: Advice | None = None


@dataclass(frozen=True)
class Editable:
    """The settings as they are, which of them are settled by now, and what they allow (None after the reveal)."""

    settings: Settings
    settled: frozenset[str]
    advice: Advice | None


def editable(db: Database, *, slug: str, principal: Principal, now: datetime) -> Editable:
    with db.read() as session:
        competition = competitions.instructed(session, slug, principal, now)
        settings, settled = _settings(competition), _settled(session, competition, now)
        rows = _advised_rows(session, competition)
    return Editable(settings, settled, _advice(rows, settings, now) if rows else None)


def plan(db: Database, *, slug: str, wanted: Settings, stamp: str, principal: Principal, now: datetime) -> Plan:
    """Check the wanted settings as saving them would, and say what they change; nothing is written."""
    with db.read() as session:
        competition = competitions.instructed(session, slug, principal, now)
        planned, settings = _plan(session, competition, wanted, stamp, now), _settings(competition)
        rows = _advised_rows(session, competition)
    if rows is None:
        return planned
    before, after = _advice(rows, settings, now), _advice(rows, wanted, now)
    said = (*planned.consequences, *advising.changed(before, after))
    return replace(planned, consequences=said, advice=after)


def save(db: Database, *, slug: str, wanted: Settings, stamp: str, principal: Principal, now: datetime) -> Plan:
    """Change the settings to those wanted. `stamp` is that of the settings the form was filled from: Conflict where
    somebody changed them in between."""
    with db.write() as session:
        competition = competitions.instructed(session, slug, principal, now, locked=True)
        made, before = _plan(session, competition, wanted, stamp, now), competition.release
        if not made.changes:
            return made
        for change in made.changes:
            setattr(competition, change.setting, change.new)
        if wanted.release != before:
            releasing.tell_anew(session, competition)
        for submission in queries.submissions.chosen_submissions(
            session, queries.submissions.teams_with_more_finals(session, competition.id, wanted.final_submissions)
        ):
            submission.selected = False
        competition.board_version += 1
        audit.record_in(
            session,
            competition,
            principal,
            now,
            "competition.edit",
            slug,
            changed={change.setting: [_as_json(change.old), _as_json(change.new)] for change in made.changes},
        )
        return made


def _advised_rows(session: Session, competition: Competition) -> Rows | None:
    return None if competition.revealed_at else advising.rows_of(session, competition)


def _advice(rows: Rows, settings: Settings, now: datetime) -> Advice:
    return advising.advised(
        rows,
        begins=settings.starts_at or now,
        deadline=settings.deadline,
        time_zone=settings.time_zone,
        daily_limit=settings.daily_limit,
        total_limit=settings.total_limit,
        release=settings.release,
    )


def _settings(competition: Competition) -> Settings:
    return Settings(**{name: getattr(competition, name) for name in Settings.__dataclass_fields__})


def _settled(session: Session, competition: Competition, now: datetime) -> frozenset[str]:
    """Settings that nobody can change any more."""
    every = frozenset(Settings.__dataclass_fields__)
    phase = competitions.phase_of(competition, now)
    if phase is Phase.REVEALED:
        return every - ALWAYS_FREE
    settled = set() if phase is Phase.DRAFT else {"starts_at", "time_zone"}
    if queries.submissions.student_submissions(session, competition.id):
        settled |= {"time_zone", "release"}
    return frozenset(settled)


def _plan(session: Session, competition: Competition, wanted: Settings, stamp: str, now: datetime) -> Plan:
    current = _settings(competition)
    need_unchanged(current.stamp, stamp)
    wanted = _checked(wanted, metrics.metric(competition.metric))
    old, new = asdict(current), asdict(wanted)
    changes = tuple(Change(name, old[name], new[name]) for name in old if old[name] != new[name])
    settled = _settled(session, competition, now)
    if any(change.setting in settled for change in changes):
        raise Conflict(
            reason=say(
                "Some of this is settled by now and cannot change any more. Reload the page to see what still can."
            )
        )
    if competition.launched_at is not None and wanted.starts_at is None:
        raise BadRequest(reason=say("A competition that is launched needs a time at which it opens. Write one."))
    said = _consequences(session, competition, wanted, now)
    return Plan(changes, tuple(said))


def _checked(wanted: Settings, metric: Metric) -> Settings:
    """The settings as they are kept; BadRequest for what no competition can have."""
    check_counts({name: getattr(wanted, name) for name in COUNTED})
    release.check_release(wanted.release, metric)
    schedule.checked_zone(wanted.time_zone)
    if wanted.starts_at is not None and wanted.starts_at >= wanted.deadline:
        raise BadRequest(
            reason=say(
                "It would open after its deadline, {deadline}. Set a later deadline.",
                deadline=Moment(wanted.deadline, wanted.time_zone),
            )
        )
    checked: dict[str, Any] = {name: getattr(wanted, name) for name in Settings.__dataclass_fields__}
    return Settings(**{**checked, "title": names.checked_text(wanted.title, say("A competition's title"), 200)})


def check_counts(counts: Mapping[str, int | None]) -> None:
    """BadRequest unless each is a number that a limit can be; no total limit is one, too."""
    for name, count in counts.items():
        if not (count is None and name == "total_limit") and not (type(count) is int and 1 <= count <= MOST):
            raise BadRequest(
                reason=say("A limit is a whole number from 1 to {most}. Correct {name}.", most=MOST, name=name)
            )


def _consequences(session: Session, competition: Competition, wanted: Settings, now: datetime) -> list[Sentence]:
    """What people will notice, beyond the setting itself."""
    said = _of_the_deadline(competition, wanted, now)
    today = limits.quota_day(now, wanted.time_zone)
    if wanted.daily_limit < competition.daily_limit:
        teams = queries.submissions.teams_having_used(session, competition.id, wanted.daily_limit, today)
        said += _about(teams, N_("Teams that have used that many today already, and can submit again tomorrow: {n}."))
    if wanted.total_limit and wanted.total_limit < (competition.total_limit or MOST + 1):
        teams = queries.submissions.teams_having_used(session, competition.id, wanted.total_limit)
        said += _about(teams, N_("Teams that have submitted that often already, and can submit no more: {n}."))
    if wanted.final_submissions < competition.final_submissions:
        teams = len(queries.submissions.teams_with_more_finals(session, competition.id, wanted.final_submissions))
        said += _about(teams, N_("Teams that chose more final submissions, and have to choose again: {n}."))
    if wanted.largest_team < competition.largest_team:
        teams = queries.teams.teams_larger_than(session, competition.id, wanted.largest_team)
        said += _about(teams, N_("Teams that are larger already, and stay as they are: {n}."))
    return said


def _of_the_deadline(competition: Competition, wanted: Settings, now: datetime) -> list[Sentence]:
    if wanted.deadline == competition.deadline:
        return []
    before = competitions.phase_of(competition, now)
    if before is Phase.OPEN and wanted.deadline < now:
        return [say("The new deadline has passed: the competition closes the moment you save.")]
    if before is Phase.CLOSED and competition.closed_at is not None:
        return [say("The competition was closed by hand, and a later deadline does not open it again.")]
    if before is Phase.CLOSED and wanted.deadline > now:
        return [say("The competition opens again. Files that were sent late stay late.")]
    if before is Phase.OPEN and wanted.deadline < competition.deadline:
        return [say("Students have less time than they were told. Announce it, so that nobody is surprised.")]
    return []


def _about(count: int, template: str) -> list[Sentence]:
    return [Sentence(template, {"n": count})] if count else []


def _as_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
