"""A competition from bundle to closing: brought in as a draft, opened with its key sealed, ended."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from unseen_server.core import metrics, receipts, schedule, yardstick
from unseen_server.core.errors import BadRequest, Conflict, WrongPhase
from unseen_server.core.metrics import Floats
from unseen_server.core.predictions import read_predictions
from unseen_server.core.schedule import Phase
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import (
    AnswerKeyVersion,
    Chain,
    Competition,
    CompetitionFile,
    Course,
    Page,
    StoredFile,
    Yardstick,
)
from unseen_server.db.session import Database
from unseen_server.services import audit, baselines, competitions, courses
from unseen_server.services.bundles import Bundle
from unseen_server.services.competitions import Shown
from unseen_server.services.keys import LoadedKey, packed, unpacked
from unseen_server.services.principals import Principal

FIRST = 1  # the version of a competition's first answer key


def create(
    db: Database, bundle: Bundle, *, course: str | None, principal: Principal, now: datetime, origin: str = "folder"
) -> Shown:
    """Bring a bundle in as a draft, all of it or nothing; the audit says from what it was made."""
    settings, key, measure = bundle.settings, bundle.key, _measure(bundle)
    with db.write() as session:
        home = courses.meant(session, course, principal, now)
        principal.need_instructor(home)
        if queries.competitions.competition_called(session, settings.slug):
            raise Conflict(
                reason=say(
                    "There is already a competition at the address “{slug}”. Choose another slug.", slug=settings.slug
                )
            )
        competition = _row(bundle, home, measure, now)
        session.add(competition)
        session.flush()
        session.add(Yardstick(competition_id=competition.id, content=measure.astype("<f8").tobytes()))
        session.add(Chain(competition_id=competition.id, head=receipts.START))
        session.add(AnswerKeyVersion(competition_id=competition.id, version=FIRST, created_at=now, **packed(key)))
        _add_pages_and_files(session, competition, bundle, now)
        audit.record_in(session, competition, principal, now, "competition.create", competition.slug, origin=origin)
        loaded = LoadedKey(FIRST, key, bundle.expected())
        for declared in settings.baselines:
            content = bundle.baseline_files[declared.file]
            baselines.place(
                session, competition, loaded, declared=declared, content=content, actor=principal.username, now=now
            )
    return competitions.shown(db, slug=settings.slug, principal=principal, now=now)


def launch(db: Database, *, slug: str, at: str | None, principal: Principal, now: datetime) -> Shown:
    """Open a draft now, at its own `starts_at`, or at a given time; publish the salted hash of its answer key.

    One that is launched and waits for its start can be given another; the hash stays.
    """
    with db.write() as session:
        competition = _waiting(session, slug, principal, now, locked=True)
        starts_at = _opening(competition, at, now)
        if competition.launched_at is None:
            _launch(session, competition, starts_at, principal, now)
        elif at is None:
            opens = schedule.Moment(starts_at, competition.time_zone)
            raise Conflict(reason=say("The competition is launched already; it opens {opens}.", opens=opens))
        else:
            moved = {"old": str(competition.starts_at), "new": str(starts_at)}
            competition.starts_at = starts_at
            _bump(session, competition, principal, "competition.reschedule", now, starts_at=moved)
    return competitions.shown(db, slug=slug, principal=principal, now=now)


def planned(db: Database, *, slug: str, at: str | None, principal: Principal, now: datetime) -> datetime:
    """When `launch` would open it, to be looked at before; refused as `launch` would refuse it."""
    with db.read() as session:
        return _opening(_waiting(session, slug, principal, now), at, now)


def _waiting(session: Session, slug: str, principal: Principal, now: datetime, *, locked: bool = False) -> Competition:
    """The competition, where it has not opened yet and may."""
    competition = competitions.instructed(session, slug, principal, now, locked=locked)
    if competition.removed_at is not None:
        raise Conflict(reason=say("The competition is removed. Bring it back first, then launch it."))
    phase = competitions.phase_of(competition, now)
    if phase is not Phase.DRAFT:
        raise WrongPhase(phase=phase, action=say("launching"), needed=say("a draft"))
    return competition


def _opening(competition: Competition, at: str | None, now: datetime) -> datetime:
    """When it would open; refused where that is not before its deadline."""
    starts_at = schedule.local_to_utc(at, competition.time_zone) if at else competition.starts_at or now
    if starts_at >= competition.deadline or now >= competition.deadline:
        deadline = schedule.Moment(competition.deadline, competition.time_zone)
        raise BadRequest(
            reason=say("It would open after its deadline, {deadline}. Set a later deadline.", deadline=deadline)
        )
    return starts_at


def _launch(
    session: Session, competition: Competition, starts_at: datetime, principal: Principal, now: datetime
) -> None:
    key = unpacked(competition, queries.competitions.answer_key(session, competition.id, competition.key_version))
    competition.launched_at, competition.starts_at = now, starts_at
    competition.seal_salt = secrets.token_hex(16)
    competition.seal = key.sealed_hash(competition.seal_salt)
    _bump(session, competition, principal, "competition.launch", now, seal=competition.seal)


def close(db: Database, *, slug: str, principal: Principal, now: datetime) -> Shown:
    """End a competition for everybody: before its deadline, or after it for those with an extension.

    One that has ended already stays as it is.
    """
    with db.write() as session:
        competition = competitions.instructed(session, slug, principal, now, locked=True)
        phase = competitions.phase_of(competition, now)
        if phase is Phase.DRAFT:
            raise WrongPhase(phase=phase, action=say("closing"), needed=say("open"))
        if phase is Phase.OPEN or queries.extensions.running_extensions(session, competition.id, now):
            competition.closed_at = now
            _bump(session, competition, principal, "competition.close", now)
    return competitions.shown(db, slug=slug, principal=principal, now=now)


def _row(bundle: Bundle, course: Course, measure: Floats, now: datetime) -> Competition:
    """The competition as it stands in its table, not yet launched."""
    settings, key = bundle.settings, bundle.key
    constants = yardstick.constants(metrics.metric(settings.metric), key, measure)
    return Competition(
        course_id=course.id,
        slug=settings.slug,
        title=settings.title,
        metric=settings.metric,
        id_column=key.id_column,
        target_column=key.target_column,
        lower_bound=settings.bounds[0],
        upper_bound=settings.bounds[1],
        time_zone=settings.time_zone,
        starts_at=settings.starts_at,
        deadline=settings.deadline,
        late_submissions=settings.late_submissions,
        daily_limit=settings.daily_limit,
        total_limit=settings.total_limit,
        rejected_per_hour=settings.rejected_per_hour,
        final_submissions=settings.final_submissions,
        largest_team=settings.largest_team,
        release=settings.release,
        public_intervals=settings.public_intervals,
        baseline_score=constants.baseline_score,
        baseline_standard_error=constants.standard_error,
        test_rows=len(key.ids),
        public_rows=key.n_public,
        key_version=FIRST,
        board_version=0,
        created_at=now,
    )


def _bump(
    session: Session, competition: Competition, principal: Principal, action: str, now: datetime, **details: Any
) -> None:
    competition.board_version += 1
    audit.record_in(session, competition, principal, now, action, competition.slug, **details)


def _measure(bundle: Bundle) -> Floats:
    """The predictions (n,) that scores are measured by: the first declared baseline's, else the mean training label."""
    declared = bundle.settings.baselines
    if declared:
        return read_predictions(bundle.baseline_files[declared[0].file], declared[0].file, bundle.expected())
    return np.full(len(bundle.key.ids), bundle.training_mean)


def _add_pages_and_files(session: Session, competition: Competition, bundle: Bundle, now: datetime) -> None:
    for (name, language), markdown in bundle.pages.items():
        session.add(Page(competition_id=competition.id, name=name, language=language, markdown=markdown))
    for name, content in bundle.public_files.items():
        sha256 = hashlib.sha256(content).hexdigest()
        if session.get(StoredFile, sha256) is None:
            session.add(StoredFile(sha256=sha256, content=content))
            session.flush()
        session.add(
            CompetitionFile(
                competition_id=competition.id,
                name=name,
                size=len(content),
                sha256=sha256,
                modified_at=now.replace(microsecond=0),
            )
        )
