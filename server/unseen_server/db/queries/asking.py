"""Asking and writing at less cost than through a session, for what every submission does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVarTuple

from sqlalchemy import Connection, CursorResult, Select
from sqlalchemy.orm import Session

Ts = TypeVarTuple("Ts")  # the columns of a question


def ask(session: Session, question: Select[*Ts], values: Mapping[str, Any]) -> CursorResult[*Ts]:
    """Put a question for columns, which makes no objects of them, in the transaction of the session."""
    session.flush()
    return connection_of(session).execute(question, values)


def connection_of(session: Session) -> Connection:
    """Of its transaction. A session takes as long to find it as the database to answer, and so it is kept."""
    kept: Connection | None = session.info.get("connection")
    if kept is None or kept.closed:
        kept = session.info["connection"] = session.connection()
    return kept
