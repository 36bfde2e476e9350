"""Connections: how a request may arrive, how long either side may take, and who goes when there are too many.

waitress reads a request whole before a thread takes it and writes answers out beside the threads, so a slow client
occupies a connection and never a thread. Here is what it leaves open: deadlines that trickling cannot put off, large
bodies that have to wait until it is known who sends them, and room for whoever comes next.
"""

from __future__ import annotations

import errno
import logging
import math
import mmap
import socket
import time
from enum import Enum, auto
from threading import Lock
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.buffers import OverflowableBuffer
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer

from unseen_server.arrivals import LARGEST_HEAD, READ_AT_ONCE, Parser, Question, Task, refusal, refusal_task

FEWEST = 16  # connections at a time, however few files may be open
SLOWEST = 1000  # bytes a second, of a body or an answer
MOST_WAITING = 2 * 1024**3  # bytes of answers, in memory and temporary files, that clients are slow to fetch
TURN_SECONDS = 1
LEFT_TO_OTHERS_SECONDS = 0.02

OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

log = logging.getLogger("unseen_server")


class Stage(Enum):
    """What a connection is waiting for."""

    SILENCE = auto()  # the next request
    HEAD = auto()
    BODY = auto()
    TURN = auto()  # for us
    ANSWER = auto()  # that the client fetches it
    FAREWELL = auto()  # that the client has read the last answer and closes, too


# Seconds that a connection may be behind.
PATIENCE = {
    Stage.SILENCE: 60.0,
    Stage.HEAD: 20.0,  # counted from its first byte, however the others trickle in
    Stage.BODY: 60.0,  # that SLOWEST has not made good: a student on a bad network may pause, nobody may drip
    Stage.TURN: math.inf,
    Stage.ANSWER: 60.0,
    Stage.FAREWELL: 15.0,
}


class Channel(HTTPChannel):
    """One connection, and since when it has been behind.

    `since` moves on with every byte that comes or goes, by the time that it takes at the slowest pace that is allowed.
    """

    parser_class = Parser
    task_class = Task
    error_task_class: Any = staticmethod(refusal_task)
    # what the types of waitress do not tell
    server: Any
    socket: Any
    request: Any
    requests: list[Any]
    requests_lock: Lock

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.since = self._began = time.monotonic()
        self._stage: tuple[Stage, Any] = (Stage.SILENCE, None)
        self._moved = 0
        self._says_farewell = False
        self._asks = False  # whether the body may come; none of it is read meanwhile
        super().__init__(*arguments, **named)

    # counting bytes

    def received(self, data: bytes) -> bool:
        self._moved += len(data)
        if self.request is None:
            self._began = time.monotonic()
        taken = not self._says_farewell and bool(super().received(data))
        if self.request is not None and self.request.has_to_ask:
            self._asks = self.request.has_asked = True
            self.server.add_task(Question(self, self.request, self._told))
        return taken

    def readable(self) -> bool:
        if not self._asks and self.request is not None and self.request.waits_for_continue:
            self.request.waits_for_continue = False
            self.send_continue()  # here and not by the thread that asked, as both would send
        return not self._asks and bool(super().readable())

    def _told(self, request: Any, status: int) -> None:
        """By the thread that asked: the body may come, or is refused with this status."""
        with self.requests_lock:
            if request is self.request and status >= 400:
                request.refuse(refusal(status, "Refused"))
                self._end_request()
            self._asks = False
        self.server.pull_trigger()  # or the loop would not know that there is something to read again

    def send(self, data: bytes, do_close: bool = True) -> int:
        sent: int = super().send(data, do_close)
        self._moved += sent
        return sent

    # who is behind

    @property
    def stage(self) -> Stage:
        if self._says_farewell:
            return Stage.FAREWELL
        if self.total_outbufs_len:
            return Stage.ANSWER
        if self.requests or self._asks:
            return Stage.TURN
        if self.request is None:
            return Stage.SILENCE
        return Stage.BODY if self.request.headers_finished else Stage.HEAD

    def look(self, now: float) -> Stage:
        """Bring `since` up to date."""
        stage, moved, self._moved = self.stage, self._moved, 0
        if (stage, self.request) != self._stage or stage is Stage.TURN or (stage is Stage.SILENCE and moved):
            self._stage = (stage, self.request)
            self.since = self._began if stage in (Stage.HEAD, Stage.BODY) else now
        elif stage in (Stage.BODY, Stage.ANSWER):
            self.since = min(now, self.since + moved / SLOWEST)
        return stage

    @property
    def waiting(self) -> int:
        """Bytes of answers that are kept for this client; not of files, which are read as they are fetched."""
        return sum(len(buffer) for buffer in list(self.outbufs) if isinstance(buffer, OverflowableBuffer))

    # ending

    def give_up(self) -> None:
        """End what takes too long, with an answer where a request has begun."""
        if self.stage not in (Stage.HEAD, Stage.BODY):
            self.handle_close()
            return
        with self.requests_lock:
            self.request.refuse(refusal(408, "Request Timeout"))
            self._end_request()

    def _end_request(self) -> None:
        """Nothing more of it is read; it is answered after those before it. The caller holds the lock."""
        self.requests.append(self.request)
        self.request = None
        if len(self.requests) == 1:
            self.server.add_task(self)

    def handle_write(self) -> None:
        """Send what is ready; after the last answer, wait for the client to close.

        Closing at once would have the kernel throw away an answer that a client has not read, still sending its file.
        """
        is_last, self.close_when_flushed = self.close_when_flushed, False
        super().handle_write()
        if is_last and self.connected:
            if self.total_outbufs_len:
                self.close_when_flushed = True
            else:
                self._says_farewell = True
                self.socket.shutdown(socket.SHUT_WR)


class Shares:
    """How many connections each process has, in memory that all of them see.

    Whoever wakes first would take all of a class that comes at once, and keep them; so whoever has more than another
    leaves the next one to it.
    """

    AWAY = -1  # not accepting: starting, stopping or ended

    def __init__(self, processes: int) -> None:
        self._counts = memoryview(mmap.mmap(-1, 4 * processes)).cast("i")
        for place in range(processes):
            self.leave(place)

    def tell(self, place: int, connections: int) -> None:
        self._counts[place] = connections

    def leave(self, place: int) -> None:
        self._counts[place] = self.AWAY

    def is_next(self, place: int) -> bool:
        """Whether this process may take another one: whoever has one more than the fewest at most."""
        return self._counts[place] <= 1 + min((count for count in self._counts if count != self.AWAY), default=0)


class Server(TcpWSGIServer):
    """Accepts connections from a socket that listens already, `most` at a time, and makes room when there are more.

    Where there are other processes, it does so in its `place` among their `shares`.
    """

    channel_class = Channel
    active_channels: Any  # by their files' numbers
    _map: Any

    def __init__(
        self, application: Any, listening: socket.socket, *, most: int, shares: Shares, place: int, **settings: Any
    ) -> None:
        self.most = most
        self._shares, self._place = shares, place
        self._is_out_of_files = False
        self._looks_at = self._accepts_at = 0.0
        adjustments = Adjustments(
            max_request_header_size=LARGEST_HEAD,
            recv_bytes=READ_AT_ONCE,
            outbuf_high_watermark=MOST_WAITING,  # no thread ever waits for a reader
            cleanup_interval=2**31,  # `make_room` does that
            ident=None,
            **settings,
        )
        where = (listening.family, listening.type, listening.proto, listening.getsockname())
        super().__init__(application, {}, True, listening, adj=adjustments, sockinfo=where, bind_socket=False)
        shares.tell(place, 0)

    def turn(self) -> None:
        """Serve whatever is ready on any connection, or wait a moment for it; then see who takes too long."""
        # what the others have may change while it waits
        timeout = TURN_SECONDS if self._shares.is_next(self._place) else LEFT_TO_OTHERS_SECONDS
        wasyncore.loop(timeout=timeout, use_poll=True, map=self._map, count=1)
        self._tell_share()
        now = time.monotonic()
        if self._is_out_of_files or len(self.active_channels) > self.most:
            self._make_room(now)
        if now >= self._looks_at:
            self._looks_at = now + TURN_SECONDS
            self._end_what_takes_too_long(now)

    @property
    def is_busy(self) -> bool:
        """Whether any request is arriving, being answered, or its answer still being sent."""
        return any(channel.stage not in (Stage.SILENCE, Stage.FAREWELL) for channel in self.active_channels.values())

    def stop_accepting(self) -> None:
        """May be called by the handler of a signal."""
        self.accepting = False
        self._shares.leave(self._place)
        self.pull_trigger()  # wakes the turn under way

    def stop_listening(self) -> None:
        """Whoever comes from now on is turned away, and not kept waiting."""
        wasyncore.dispatcher.close(self)

    def readable(self) -> bool:
        return (
            self.accepting
            and len(self.active_channels) <= self.most
            and time.monotonic() >= self._accepts_at
            and self._shares.is_next(self._place)
        )

    def accept(self) -> tuple[socket.socket, Any] | None:
        try:
            accepted: tuple[socket.socket, Any] | None = super().accept()
        except OSError as error:
            if error.errno not in OUT_OF_FILES:
                raise
            self._is_out_of_files = True
            return None
        return accepted

    def _tell_share(self) -> None:
        """A process that cannot accept now does not keep the others from it."""
        if self.accepting and time.monotonic() >= self._accepts_at:
            self._shares.tell(self._place, len(self.active_channels))
        else:
            self._shares.leave(self._place)

    def _make_room(self, now: float) -> None:
        """Close the connections that are furthest behind, for room and files for whoever comes."""
        if self._is_out_of_files:
            self._is_out_of_files = False
            self._accepts_at = now + TURN_SECONDS
            self.most = max(FEWEST, len(self.active_channels) * 9 // 10)
            log.error("out of files or memory; from now on %d connections at a time", self.most)
        waiting_for_clients = [channel for channel in self.active_channels.values() if channel.look(now) != Stage.TURN]
        waiting_for_clients.sort(key=lambda channel: channel.since)
        for channel in waiting_for_clients[: max(0, len(self.active_channels) - self.most)]:
            channel.handle_close()
            self._accepts_at = now

    def _end_what_takes_too_long(self, now: float) -> None:
        for channel in list(self.active_channels.values()):
            patience = PATIENCE[channel.look(now)]
            if now - channel.since > patience:
                channel.give_up()
        fetching = [channel for channel in self.active_channels.values() if channel.waiting]
        if sum(channel.waiting for channel in fetching) > MOST_WAITING:
            min(fetching, key=lambda channel: channel.since).handle_close()
