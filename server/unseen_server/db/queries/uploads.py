"""Uploads in two steps: the tickets, and whose they are."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from unseen_server.db.models import Competition, UploadTicket, User


def ticket_with_digest(session: Session, digest: str) -> Row[UploadTicket, User, Competition] | None:
    """The ticket, held still until the transaction ends, with its owner and its competition."""
    return session.execute(
        select(UploadTicket, User, Competition)
        .join(User, User.id == UploadTicket.user_id)
        .join(Competition, Competition.id == UploadTicket.competition_id)
        .where(UploadTicket.digest == digest)
        .with_for_update(of=UploadTicket)
    ).one_or_none()


def content_size(session: Session, digest: str) -> Row[str, str, int] | None:
    """The competition's slug, the name of the ticket's file, and its bytes."""
    return session.execute(
        select(Competition.slug, UploadTicket.file_name, func.coalesce(func.length(UploadTicket.content), 0))
        .join(Competition, Competition.id == UploadTicket.competition_id)
        .where(UploadTicket.digest == digest)
    ).one_or_none()


def tickets_of(session: Session, user_id: int) -> Sequence[int]:
    """Their numbers, the newest first."""
    return session.scalars(
        select(UploadTicket.id).where(UploadTicket.user_id == user_id).order_by(UploadTicket.id.desc())
    ).all()
