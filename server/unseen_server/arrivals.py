"""Arrivals: what comes before a request is the application's, and why it may not become one.

Limits of a head, one length for a body, a large body only from somebody who is known; and all that is refused is
explained by the application, in its own shape and with its own headers.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import Error, InternalServerError

from unseen_server.web.context import ARRIVED_AT, ASKED_ON_ARRIVAL, REFUSED_ON_ARRIVAL

LARGEST_HEAD = 32 * 1024  # bytes of the lines before a body, all together
LONGEST_ADDRESS = 8 * 1024
MOST_HEADERS = 100
LONGEST_CHUNK_LINE = 1024  # and the longest trailer; both are searched again with every byte that comes
READ_AT_ONCE = 32 * 1024  # an ordinary prediction file in one piece
IN_MEMORY = 512 * 1024  # bytes of a body; a larger one lies in a temporary file
FIRST_BYTES = 200  # enough to see what is asked of whom

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def refusal(code: int, reason: str) -> Error:
    """Of a request that is not let in; the application says why, where the request tells it enough to be asked."""
    error = Error(reason)
    error.code, error.reason = code, reason
    return error


class Parser(HTTPRequestParser):
    """Notes when the last byte of a request arrived: a deadline counts by that, however long the queue is."""

    request_uri: str
    body_rcv: Any
    arrived_at: float | None = None
    has_asked = False
    waits_for_continue = False
    _beginning = b""

    def received(self, data: bytes) -> int:
        self._beginning += data[: FIRST_BYTES - len(self._beginning)]
        try:
            taken: int = super().received(data)
        except OSError as error:  # the temporary file of a large body
            self.refuse(refusal(507, "Insufficient Storage") if error.errno in FULL else refusal(503, "Busy"))
        if not self.error and (excess := self._excess()):
            self.refuse(excess)
        if self.error:
            self.expect_continue = False  # or the client would be asked for what is refused
            taken = len(data)  # whatever follows is no request of its own
        if self.has_to_ask and self.expect_continue:
            self.expect_continue, self.waits_for_continue = False, True
        if self.completed and self.arrived_at is None:
            self.arrived_at = time.time()
        return taken

    def parse_header(self, header_plus: bytes) -> None:
        if self.header_bytes_received >= self.adj.max_request_header_size:
            header_plus = self._in_short
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # an address or a number that Python's own functions do not bear
            raise ParsingError(str(error)) from None
        if b"\ntransfer-encoding" in header_plus.lower() and (not self.chunked or "CONTENT_LENGTH" in self.headers):
            # A proxy in front may measure the body the other way, and see another request begin.
            raise ParsingError("A body has one length: Content-Length or, in HTTP/1.1, Transfer-Encoding: chunked")
        if header_plus.count(b"\r\n") > MOST_HEADERS + 2:  # the request's own line and the empty one
            self.refuse(refusal(431, "Request Header Fields Too Large"))
        elif len(self.request_uri) > LONGEST_ADDRESS:
            self.refuse(refusal(414, "URI Too Long"))

    @property
    def has_to_ask(self) -> bool:
        """Whether it is now to be asked if the body may come, as it would lie in a temporary file."""
        if self.has_asked or self.completed or self.body_rcv is None:
            return False
        return max(self.content_length, self.body_bytes_received + READ_AT_ONCE) > IN_MEMORY

    def stand_in(self) -> None:
        """Pass for a request to the same part of the application, which is then asked why this one is refused."""
        self.headers, self.chunked, self.body_rcv = {}, False, None
        super().parse_header(self._in_short)

    @property
    def _in_short(self) -> bytes:
        line = self._beginning.partition(b"\r\n")[0]
        path = next((path for path in (b"/api/v1/", b"/api/") if b" " + path in line), b"/")
        return b"GET %s HTTP/1.0\r\n" % path

    @property
    def is_understood(self) -> bool:
        """Whether it is known who asks for what."""
        return hasattr(self, "url_scheme")

    def refuse(self, error: Error) -> None:
        self.error, self.completed = error, True

    def _excess(self) -> Error | None:
        """What a body in chunks says too much of, before it is stored."""
        if not self.chunked or self.body_rcv is None:
            return None
        if max(len(self.body_rcv.control_line), len(self.body_rcv.trailer)) > LONGEST_CHUNK_LINE:
            return refusal(400, "Bad Request")
        if self.body_bytes_received + self.body_rcv.chunk_remainder >= self.adj.max_request_body_size:
            return refusal(413, "Request Entity Too Large")
        return None


class Task(WSGITask):
    def get_environment(self) -> dict[str, Any]:
        environment: dict[str, Any] = super().get_environment()
        environment[ARRIVED_AT] = getattr(self.request, "arrived_at", None)
        return environment


class RefusalTask(WSGITask):
    """Has the application say why a request is refused, without the body, which may never have come."""

    request: Any

    def start(self) -> None:
        super().start()
        self.set_close_on_finish()

    def get_environment(self) -> dict[str, Any]:
        environment: dict[str, Any] = super().get_environment()
        environment.pop("CONTENT_LENGTH", None)
        return environment | {"wsgi.input": BytesIO(), REFUSED_ON_ARRIVAL: self.request.error.code}


class FaultTask(ErrorTask):
    """The last resort, in plain text."""

    def execute(self) -> None:
        self.response_headers = [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
        super().execute()


class Question(RefusalTask):
    """Asks the application whether a body may come, and tells with which status it answered."""

    def __init__(self, channel: Any, request: Any, tell: Callable[[Any, int], None]) -> None:
        super().__init__(channel, request)
        self._tell = tell

    def service(self) -> None:
        status = 503

        def start_response(said: str, *_: Any) -> Callable[[bytes], object]:
            nonlocal status
            status = int(said.partition(" ")[0])
            return len  # what is written nobody reads

        try:
            answer = self.channel.server.application(self.get_environment(), start_response)
            if hasattr(answer, "close"):
                answer.close()
        finally:
            self._tell(self.request, status)

    def cancel(self) -> None:
        """The server ends."""

    def get_environment(self) -> dict[str, Any]:
        environment = WSGITask.get_environment(self)
        environment.pop("CONTENT_LENGTH", None)
        return environment | {"wsgi.input": BytesIO(), ASKED_ON_ARRIVAL: True}


def refusal_task(channel: Any, request: Any) -> ErrorTask | RefusalTask:
    if isinstance(request.error, InternalServerError):  # the application has just failed to answer
        return FaultTask(channel, request)
    if not request.is_understood:
        request.stand_in()
    return RefusalTask(channel, request)
