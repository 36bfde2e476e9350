"""The chained receipts of a competition, and the keys that receipts were signed with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Row, bindparam, func, select, true
from sqlalchemy.orm import Session

from unseen_server.db.models import AnswerKeyVersion, Chain, ReceiptKey, RemovedLink, Submission
from unseen_server.db.queries.asking import ask


def locked_chain(session: Session, competition_id: int) -> str:
    """The end of the chain; its row is held until the transaction ends: nobody else adds a submission meanwhile."""
    return ask(session, _LOCKED, {"competition_id": competition_id}).scalar_one()


_LOCKED = select(Chain.head).where(Chain.competition_id == bindparam("competition_id")).with_for_update()


def head(session: Session, competition_id: int) -> str:
    return session.scalars(select(Chain.head).where(Chain.competition_id == competition_id)).one()


def chained(
    session: Session, competition_id: int, after: int, limit: int, *, begun: bool = False
) -> Sequence[Row[int, str, datetime, int | None, str | None]]:
    """Submissions after that number, in their order: number, hash of the file, time, team as entered, link.

    The link is None for those from before there was a chain, which are left out where it has to have `begun`.
    """
    return session.execute(
        select(Submission.id, Submission.sha256, Submission.submitted_at, Submission.entered_as, Submission.chain)
        .where(Submission.competition_id == competition_id, Submission.id > after)
        .where(Submission.chain.is_not(None) if begun else true())
        .order_by(Submission.id)
        .limit(limit)
    ).all()


def removed_links(session: Session, competition_id: int) -> Sequence[RemovedLink]:
    """Of baselines that were taken off the board, in their order."""
    return session.scalars(
        select(RemovedLink).where(RemovedLink.competition_id == competition_id).order_by(RemovedLink.submission_id)
    ).all()


def receipt_keys(session: Session) -> Sequence[ReceiptKey]:
    """The oldest first."""
    return session.scalars(select(ReceiptKey).order_by(ReceiptKey.since, ReceiptKey.public_key)).all()


def is_known_receipt_key(session: Session, public_key: str) -> bool:
    return bool(session.scalar(select(func.count()).where(ReceiptKey.public_key == public_key)))


def sealed_versions(session: Session, competition_id: int) -> Sequence[Row[int, str | None, str | None, datetime]]:
    """Every version of the answer key without the answers: number, seal, salt, time, in their order."""
    return session.execute(
        select(AnswerKeyVersion.version, AnswerKeyVersion.seal, AnswerKeyVersion.seal_salt, AnswerKeyVersion.created_at)
        .where(AnswerKeyVersion.competition_id == competition_id)
        .order_by(AnswerKeyVersion.version)
    ).all()
