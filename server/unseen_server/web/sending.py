"""Files that are sent to the server: taken into memory only where there is room for what reading them takes."""

from __future__ import annotations

import io
from contextlib import closing
from dataclasses import dataclass

from flask import Flask, Response, g, request
from werkzeug.datastructures import FileStorage

from unseen_server.core.containers import is_packed
from unseen_server.services import uploads
from unseen_server.web.context import ASKED_ON_ARRIVAL, asking, need_somebody, now, parts

# How many times the bytes that are held of a file its reading takes at most, those bytes counted.
PREDICTIONS = 2  # the file as it came and the CSV in it, which is as much again where it is not packed
BY_TICKET = "kaggle.transfers.upload"  # where a file comes with no other credential than its address
TABLES = 30  # the staff's, whose cells become texts; a zip of theirs holds two to three times its own size


@dataclass(frozen=True)
class SentFile:
    """A file that came with a request."""

    name: str
    content: bytes


def register(app: Flask) -> None:
    app.before_request(_say_whether_it_may_come)
    app.teardown_request(_leave_room)


def _say_whether_it_may_come() -> Response | None:
    """A large body takes room on the disk as it comes, and that is for nobody whom we do not know."""
    if ASKED_ON_ARRIVAL not in request.environ:
        return None
    if request.endpoint == BY_TICKET and request.view_args:
        uploads.need_ticket(parts().db, token=request.view_args["token"], now=now())
    else:
        need_somebody()
    return Response(status=204)


def sent_predictions(slug: str) -> SentFile | None:
    """The prediction file that came as the field “file”, or None."""
    sent = request.files.get("file")
    if sent is None:
        return None
    with closing(sent):
        make_room_for_predictions(slug, sent.filename or "", _size(sent))
        return SentFile(sent.filename or "", sent.read())


def sent_table() -> SentFile | None:
    """A table of the staff's, or a zip of some, that came as the field “file”, or None where none was chosen."""
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        return None
    with closing(sent):
        make_room(TABLES * _size(sent))
        return SentFile(sent.filename, sent.read())


def make_room_for_predictions(slug: str, file_name: str, size: int) -> None:
    """For all that is done with a prediction file of so many bytes, until the request is answered."""
    csv = uploads.largest(parts().db, parts().keys, **asking(slug)) if is_packed(file_name) else size
    make_room(PREDICTIONS * (size + csv))


def make_room(needed: int) -> None:
    """Take so many bytes until the request is answered; Busy where they are not free."""
    g.room_taken = g.get("room_taken", 0) + parts().room.take(needed)


def _leave_room(_: BaseException | None) -> None:
    parts().room.leave(g.pop("room_taken", 0))


def _size(sent: FileStorage) -> int:
    size: int = sent.seek(0, io.SEEK_END)
    sent.seek(0)
    return size
