"""The log: what happened and where, and nothing that somebody sent or that is a secret."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Iterator
from types import TracebackType

from sqlalchemy.exc import DBAPIError

Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def begin() -> None:
    """Write to standard error from now on."""
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("waitress").addFilter(without_addresses)


class Formatter(logging.Formatter):
    """Tells of an exception where it came from and of which kind it is.

    Its message only where that is the system's or the database's: libraries quote what they were given, which may be a
    line of somebody's predictions, or a label.
    """

    def formatException(self, ei: Raised) -> str:  # noqa: N802 - the library's name
        return "\n".join(_told(one) for one in reversed(list(_chain(ei[1]))))


def without_addresses(record: logging.LogRecord) -> bool:
    """waitress names the address that was asked for, which may be a one-time link."""
    record.msg = re.sub(r"(while serving) .*", r"\1 a request", str(record.msg), flags=re.DOTALL)
    return True


def _told(error: BaseException) -> str:
    frames = "".join(traceback.format_tb(error.__traceback__))
    return (
        f"Traceback (most recent call last):\n{frames}{type(error).__module__}.{type(error).__qualname__}{_said(error)}"
    )


def _said(error: BaseException) -> str:
    if isinstance(error, DBAPIError):
        return f": {str(error.orig).partition(chr(10))[0]}"  # PostgreSQL's next lines quote the row
    if isinstance(error, OSError):
        return f": {error}"
    return ""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those from which it came."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
