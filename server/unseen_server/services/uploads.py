"""A file sent apart from submitting it: a ticket is asked for, the file is sent with it, then it is submitted.

A ticket lets whoever holds it send one file and nothing else; only its owner can submit what came. From the first
attempt to submit on the file stays as it is, so that a repeated attempt is the same request and counts once.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from unseen_server.core.containers import too_large
from unseen_server.core.digests import digest_of
from unseen_server.core.errors import BadRequest, NotEnrolled, NotFound
from unseen_server.core.sentences import say
from unseen_server.db import queries
from unseen_server.db.models import Competition, UploadTicket
from unseen_server.db.session import Database
from unseen_server.services import competitions, names, submit
from unseen_server.services.entries import LONGEST_FILE_NAME, Upload
from unseen_server.services.keys import KeyRing
from unseen_server.services.principals import Principal

KEPT = timedelta(hours=1)
KEPT_OF_EACH = 3  # tickets of one person; the oldest make room


@dataclass(frozen=True)
class Arrived:
    """What came with a ticket, and the competition it is for."""

    slug: str
    title: str
    upload: Upload


@dataclass(frozen=True)
class Announced:
    """A file that came with a ticket: where it belongs, what it is called, and its bytes."""

    slug: str
    file_name: str
    size: int


def begin(
    db: Database, keys: KeyRing, *, slug: str, principal: Principal, file_name: str, size: int, now: datetime
) -> str:
    """A ticket for a file of `size` bytes; refused where no such file could be submitted now.

    It is seen whole this once. What is older than an hour is forgotten here.
    """
    competition = submit.admissible(db, slug=slug, principal=principal, now=now)
    _refuse_too_large(keys, competition, size)
    token = secrets.token_urlsafe(32)
    with db.write() as session:
        session.execute(delete(UploadTicket).where(UploadTicket.created_at <= now - KEPT))
        too_many = queries.uploads.tickets_of(session, principal.user_id)[KEPT_OF_EACH - 1 :]
        session.execute(delete(UploadTicket).where(UploadTicket.id.in_(too_many)))
        session.add(
            UploadTicket(
                digest=digest_of(token),
                user_id=principal.user_id,
                competition_id=competition.id,
                file_name=names.without_controls(file_name)[-LONGEST_FILE_NAME:],
                created_at=now,
            )
        )
    return token


def receive(db: Database, keys: KeyRing, *, token: str, size: int, read: Callable[[], bytes], now: datetime) -> None:
    """Keep the file of a ticket, in place of one that came with it before; NotFound once it was submitted.

    Nothing is read for a stranger, nor of a file whose announced `size` is too much already.
    """
    with db.read() as session:
        _refuse_too_large(keys, _unused_ticket(session, token, now)[1], size)
    content = read()
    with db.write() as session:
        ticket, competition = _unused_ticket(session, token, now)
        _refuse_too_large(keys, competition, len(content))
        ticket.content = content


def need_ticket(db: Database, *, token: str, now: datetime) -> None:
    """Raises NotFound where no file may be sent with it."""
    with db.read() as session:
        _unused_ticket(session, token, now)


def hand_in(
    db: Database, *, token: str, slug: str | None, message: str, principal: Principal, now: datetime
) -> Arrived:
    """What came with the person's own ticket, to be submitted; a `slug` has to be its competition's."""
    with db.write() as session:
        ticket, owner_id, competition = _live_ticket(session, token, now)
        if owner_id != principal.user_id or slug not in (None, competition.slug):
            raise _unknown()
        if ticket.content is None:
            raise BadRequest(reason=say("The file of this upload has not arrived. Send it again from the beginning."))
        ticket.used_at = ticket.used_at or now
        upload = Upload(ticket.content, ticket.file_name, message, idempotency_key=f"upload-{ticket.digest}")
        return Arrived(competition.slug, competition.title, upload)


def largest(db: Database, keys: KeyRing, *, slug: str, principal: Principal, now: datetime) -> int:
    """Bytes of the largest file, unpacked, that can be valid there; none where whoever asks will be refused."""
    try:
        with db.read() as session:
            competition = competitions.open_to(session, slug, principal, now)
    except (NotFound, NotEnrolled):
        return 0
    return keys.of(competition).expected.max_bytes


def announced(db: Database, *, token: str) -> Announced | None:
    """What came with a ticket, without reading it."""
    with db.read() as session:
        found = queries.uploads.content_size(session, digest_of(token))
        return found and Announced(*found)


def _live_ticket(session: Session, token: str, now: datetime) -> tuple[UploadTicket, int, Competition]:
    found = queries.uploads.ticket_with_digest(session, digest_of(token))
    if found is None:
        raise _unknown()
    ticket, owner, competition = found
    if owner.disabled_at or ticket.created_at <= now - KEPT:
        raise _unknown()
    return ticket, owner.id, competition


def _unused_ticket(session: Session, token: str, now: datetime) -> tuple[UploadTicket, Competition]:
    ticket, _, competition = _live_ticket(session, token, now)
    if ticket.used_at:
        raise _unknown()
    return ticket, competition


def _refuse_too_large(keys: KeyRing, competition: Competition, size: int) -> None:
    limit = keys.of(competition).expected.max_bytes
    if size > limit:
        raise too_large(limit)


def _unknown() -> NotFound:
    return NotFound(
        what=say("upload with this token"),
        advice=say("It was used already, is older than an hour, or is for something else. Send the file again."),
    )
