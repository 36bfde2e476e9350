"""Announcements: what the staff tell everybody in a competition, written, shown on its pages, and withdrawn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from unseen_server.core.errors import BadRequest, Conflict, NotFound
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import Announcement
from unseen_server.db.session import Database
from unseen_server.services import audit, competitions
from unseen_server.services.competitions import Announced
from unseen_server.services.principals import Principal

LONGEST = 10_000  # characters


@dataclass(frozen=True)
class Written(Announced):
    """An announcement as the staff see it: who wrote it, and when it was withdrawn."""

    actor: str
    withdrawn_at: datetime | None


def current(db: Database, *, slug: str, principal: Principal | None, now: datetime) -> list[Announced]:
    """What whoever may look at the competition is told now, the newest first."""
    with db.read() as session:
        return competitions.announced(session, competitions.visible(session, slug, principal, now))


def written(db: Database, *, slug: str, principal: Principal, now: datetime) -> list[Written]:
    """Everything ever announced, the newest first."""
    with db.read() as session:
        competition = competitions.staffed(session, slug, principal, now)
        return [
            Written(row.id, row.markdown, row.at, row.actor, row.withdrawn_at)
            for row in queries.competitions.announcements_of(session, competition.id)
        ]


def checked(markdown: str) -> str:
    """The text as it is kept; refused where there is nothing in it, or too much."""
    text = markdown.replace("\r\n", "\n").strip()
    if not text:
        raise BadRequest(reason=say("There is nothing to announce yet. Write a sentence first."))
    if len(text) > LONGEST or "\0" in text:
        raise BadRequest(reason=say("An announcement has at most {longest} characters. Shorten it.", longest=LONGEST))
    return text


def publish(db: Database, *, slug: str, markdown: str, principal: Principal, now: datetime) -> Announced:
    text = checked(markdown)
    with db.write() as session:
        competition = competitions.staffed(session, slug, principal, now, locked=True)
        row = Announcement(competition_id=competition.id, markdown=text, actor=principal.username, at=now)
        session.add(row)
        session.flush()
        competition.board_version += 1  # the board's page shows it, too
        audit.record_in(session, competition, principal, now, "announcement.publish", str(row.id))
        return Announced(row.id, row.markdown, row.at)


def withdraw(db: Database, *, slug: str, number: int, principal: Principal, now: datetime) -> None:
    """Take an announcement off the pages; its staff still see it."""
    with db.write() as session:
        competition = competitions.staffed(session, slug, principal, now, locked=True)
        row = session.get(Announcement, number)
        if row is None or row.competition_id != competition.id:
            raise NotFound(
                what=say("announcement {number}", number=number),
                advice=say("Look at the list of announcements of this competition."),
            )
        if row.withdrawn_at is not None:
            raise Conflict(reason=say("This announcement was withdrawn already."))
        row.withdrawn_at = now
        competition.board_version += 1
        audit.record_in(session, competition, principal, now, "announcement.withdraw", str(number))
