"""What a request of Kaggle's clients says: JSON bodies, numbers, and which part of a list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from flask import request

from unseen_server.core.errors import BadRequest, NotFound
from unseen_server.core.sentences import Sentence, say
from unseen_server.web.wire import LARGEST_NUMBER, LISTED, LISTED_AT_MOST, LONGEST_JSON

T = TypeVar("T")


def body(kind: type[T]) -> T:
    """The JSON object that was sent; what it leaves out has its default, what we do not know is passed over."""
    if (request.content_length or 0) > LONGEST_JSON:
        raise BadRequest(reason=say("The request is longer than any that makes sense here."))
    try:
        return msgspec.json.decode(request.get_data() or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadRequest(reason=say("The request cannot be read: {error}.", error=error)) from None


def number(text: str, what: Sentence) -> int:
    if not re.fullmatch("[0-9]{1,18}", text):
        raise BadRequest(reason=say("{what} should be a whole number.", what=what))
    return int(text)


def reference(ref: int | str) -> int:
    """The number of a submission, as it came; one that no submission can have is NotFound like one that none has."""
    if not re.fullmatch("[0-9]{1,10}", text := str(ref)[:20]) or not 0 < int(text) <= LARGEST_NUMBER:
        raise NotFound(
            what=say("submission of yours with this number"),
            advice=say("`kaggle competitions submissions` lists those you have."),
        )
    return int(text)


@dataclass(frozen=True)
class Part:
    """Which rows of a list are wanted; a page token is the number of rows before them."""

    begin: int
    size: int

    @classmethod
    def of_list(cls, page: int = 1, size: int = 0, token: str = "") -> Part:
        size = min(size, LISTED_AT_MOST) if size > 0 else LISTED
        begin = number(token, say("A page token")) if token else (max(page, 1) - 1) * size
        return cls(min(begin, LISTED_AT_MOST), size)

    @property
    def end(self) -> int:
        return self.begin + self.size

    def of(self, rows: Sequence[T]) -> tuple[Sequence[T], str]:
        """The rows, and the token of the next part; empty where there is none."""
        return rows[self.begin : self.end], str(self.end) if len(rows) > self.end else ""
