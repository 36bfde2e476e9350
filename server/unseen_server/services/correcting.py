"""Corrections that take longer than a request should: tried out by a worker, confirmed, and done by a worker.

The file stays with the job. What the correction changes and the end of its job are one transaction, so that whoever
takes over from a worker that died does nothing twice, and the report is that of what was done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from unseen_server.core.errors import Conflict, NotFound
from unseen_server.core.sentences import N_, say
from unseen_server.db.delivery import Delivery
from unseen_server.db.models import Competition
from unseen_server.db.session import Database
from unseen_server.services import competitions, jobs, rescore
from unseen_server.services.jobs import Claimed, Progress
from unseen_server.services.keys import KeyRing
from unseen_server.services.principals import Principal
from unseen_server.services.rescore import Rescored

KIND = "rescore"
# Reading, scoring and writing down one submission takes as long as so many of its rows: 0.44 ms and 0.22 us a row
# (November 2026, two busy cores, SQLite).
A_SUBMISSION = 2_000  # rows
LONG = 9_000_000  # rows: about two seconds
FORGOTTEN = N_("That upload is no longer there: it is kept for a day. Upload it again.")
NO_SUCH_PLAN = N_("tried-out correction")


@dataclass(frozen=True)
class Plan:
    """A correction that was tried out: its job, what it would change, and the file."""

    ref: int
    report: Rescored
    content: bytes

    @property
    def since(self) -> int:
        """The version of the answers that it corrects."""
        return self.report.key_version - bool(self.report.labels_changed or self.report.usage_changed)


def is_long(db: Database, keys: KeyRing, *, slug: str, principal: Principal, now: datetime) -> bool:
    """Whether trying a correction out, or doing it, takes longer than anybody should wait for a page."""
    key = rescore.current_key(db, keys, slug=slug, principal=principal, now=now)
    return key.submissions * (key.rows + A_SUBMISSION) > LONG


def hand_in(
    db: Database,
    delivery: Delivery,
    keys: KeyRing,
    *,
    content: bytes,
    slug: str,
    principal: Principal,
    now: datetime,
    dry_run: bool = False,
    quiet: bool = False,
    since: int | None = None,
) -> int:
    """Have it done by a worker; returns the number of the job.

    Raises BadSolution at once, with everything wrong in the file. `since` is the version of the answers that it is
    meant to correct.
    """
    rescore.check(db, keys, content=content, slug=slug, principal=principal, now=now)
    place: dict[str, Any] = {"slug": slug, "principal": principal, "now": now}
    wanted: dict[str, Any] = {"dry_run": dry_run, "quiet": quiet, "since": since}
    return jobs.hand_in(db, delivery, KIND, given=content, **place, **wanted)


def planned(db: Database, *, ref: int, slug: str, principal: Principal, now: datetime) -> Plan:
    """What was tried out, for the instructors of the course. Conflict where its file is there no more."""
    with db.read() as session:
        competitions.instructed(session, slug, principal, now)
    job = jobs.shown(db, ref=ref, principal=principal, now=now)
    is_plan = job.kind == KIND and job.result is not None and bool(job.result["dry_run"])
    if not is_plan or job.competition != slug:
        raise NotFound(what=say(NO_SUCH_PLAN), advice=say("Upload the corrected answers to see what would change."))
    content = jobs.given(db, ref)
    if content is None:
        raise Conflict(reason=say(FORGOTTEN))
    return Plan(ref, msgspec.convert(job.result, Rescored), content)


# working


def work(db: Database, keys: KeyRing, claimed: Claimed, progress: Progress, clock: Callable[[], datetime]) -> None:
    """Do what was handed in and end the job. Raises Refusal where it cannot be done any more."""
    wanted, content = claimed.arguments, jobs.given(db, claimed.ref)
    if content is None:
        raise Conflict(reason=say(FORGOTTEN))
    with db.read() as session:
        _check_still_wanted(session, claimed)

    def end(session: Session, report: Rescored) -> None:
        _check_still_wanted(session, claimed)
        if not jobs.completed(session, claimed, clock(), **msgspec.to_builtins(report)):
            raise jobs.Overtaken
        jobs.drop_given(session, claimed.ref)

    report = rescore.rescore(
        db,
        keys,
        slug=claimed.competition.slug,
        content=content,
        principal=claimed.principal,
        now=clock(),
        dry_run=wanted["dry_run"],
        quiet=wanted["quiet"],
        since=wanted["since"],
        progress=progress,
        end=end,
    )
    if report.dry_run:
        with db.write() as session:
            jobs.completed(session, claimed, clock(), **msgspec.to_builtins(report))


def _check_still_wanted(session: Session, claimed: Claimed) -> None:
    """Raises StaffOnly where the asker instructs the course no more, Conflict where the competition was removed."""
    jobs.check_may_instruct(session, claimed)
    removed_at = session.get_one(Competition, claimed.competition.id).removed_at
    if removed_at is not None and removed_at >= claimed.asked_at:
        raise Conflict(
            reason=say("The competition was removed meanwhile, so nothing was corrected. Bring it back first.")
        )
