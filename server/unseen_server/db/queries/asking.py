"""Asking for columns at less cost than through a session, for what every submission asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVarTuple

from sqlalchemy import CursorResult, Select
from sqlalchemy.orm import Session

Ts = TypeVarTuple("Ts")  # the columns of a question


def ask(session: Session, question: Select[*Ts], values: Mapping[str, Any]) -> CursorResult[*Ts]:
    """Put a question for columns, which makes no objects of them, in the transaction of the session."""
    session.flush()
    return session.connection().execute(question, values)
