"""Serving: several processes behind one listening socket, each with its own threads and everything imported.

waitress reads a request whole before a thread takes it, so a slow client occupies a connection and never a thread.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from types import FrameType
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import create_server
from waitress.task import WSGITask

from unseen_server.config import Config
from unseen_server.web.context import ARRIVED_AT

CONNECTIONS = 1000  # of each process; a slow client holds one for a while
BACKLOG = 1024
IDLE_SECONDS = 60
TURN_SECONDS = 1
STOP_SECONDS = 30  # for requests under way when the server is asked to stop
START_SECONDS = 10  # a worker that fails so early has found something wrong with the installation
CANNOT_WORK = 3  # the exit code of a worker that ended in an error
BIND_SECONDS = 5  # a port just left by another server may need a moment

log = logging.getLogger("unseen_server")


def serve(config: Config, *, host: str, port: int, processes: int, threads: int) -> None:
    """Serve until SIGTERM or SIGINT; then finish what is under way and return."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    listening = _listen(host, port)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a queue is what a queue is for
    print(f"Serving on http://{_shown(host)}:{port} (Ctrl-C stops)", file=sys.stderr, flush=True)  # noqa: T201
    if processes == 1 or not hasattr(os, "fork"):
        _work(config, listening, threads)
    else:
        _Herd(config, listening, processes, threads).run()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    patience = time.monotonic() + BIND_SECONDS
    while True:
        try:
            listening.bind((host, port))
            break
        except OSError as error:
            if time.monotonic() > patience:
                raise OSError(error.errno, f"Port {port} on {host} is taken. Choose another with --port") from None
            time.sleep(0.1)
    listening.listen(BACKLOG)
    return listening


class _Parser(HTTPRequestParser):
    """Notes when the last byte of a request arrived: a deadline counts by that, however long the queue is."""

    arrived_at: float | None = None

    def received(self, data: bytes) -> int:
        taken: int = super().received(data)
        if self.completed and self.arrived_at is None:
            self.arrived_at = time.time()
        return taken


class _Task(WSGITask):
    def get_environment(self) -> dict[str, Any]:
        environment: dict[str, Any] = super().get_environment()
        environment[ARRIVED_AT] = getattr(self.request, "arrived_at", None)
        return environment


class _Channel(HTTPChannel):
    parser_class = _Parser
    task_class = _Task


def _work(config: Config, listening: socket.socket, threads: int) -> None:
    """One process: build the application, then answer requests until told to stop, and finish those under way."""
    from unseen_server.app import create_app

    application = create_app(config)
    server: Any = create_server(  # one socket, so one server, whose type waitress does not tell
        application,
        sockets=[listening],
        threads=threads,
        connection_limit=CONNECTIONS,
        channel_timeout=IDLE_SECONDS,
        max_request_body_size=config.max_upload,
        clear_untrusted_proxy_headers=True,
        ident=None,
        **_proxy(config),
    )
    server.channel_class = _Channel

    def stop(_signal: int, _frame: FrameType | None) -> None:
        server.accepting = False
        server.pull_trigger()  # wakes the loop below

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while server.accepting:
        _turn(server)
    patience = time.monotonic() + STOP_SECONDS
    while time.monotonic() < patience and any(map(_is_busy, server.active_channels.values())):
        _turn(server)
    server.task_dispatcher.shutdown()


def _proxy(config: Config) -> dict[str, Any]:
    """Whose word is believed about where a request came from, and how."""
    if config.trusted_proxy is None:
        return {}
    return {"trusted_proxy": config.trusted_proxy, "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"}}


def _turn(server: Any) -> None:
    """Serve whatever is ready on any connection, or wait a moment for it."""
    wasyncore.loop(timeout=TURN_SECONDS, use_poll=True, map=server._map, count=1)


def _is_busy(channel: HTTPChannel) -> bool:
    """Whether a request is arriving, being answered, or its answer still being sent."""
    return bool(channel.request or channel.requests or channel.total_outbufs_len)


class _Herd:
    """The parent: starts the workers, replaces one that dies, and passes on the signal to stop."""

    def __init__(self, config: Config, listening: socket.socket, processes: int, threads: int) -> None:
        self._config, self._listening, self._threads = config, listening, threads
        self._processes = processes
        self._workers: set[int] = set()
        self._stopping = False
        self._started = time.monotonic()
        # Its writing end lives as long as the parent, however that ends; the workers wait for it to close.
        self._alive_reading, self._alive_writing = os.pipe()

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        while not self._stopping:
            while len(self._workers) < self._processes:
                self._workers.add(self._fork())
            self._wait_for_one()
        self._finish()

    def _fork(self) -> int:
        worker = os.fork()
        if worker:
            return worker
        try:
            # Until it has handlers of its own, a worker ends at once when it is told to stop.
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.close(self._alive_writing)
            threading.Thread(target=self._end_with_parent, daemon=True).start()
            _work(self._config, self._listening, self._threads)
            os._exit(0)
        except BaseException:
            log.exception("a worker ended in an error")
            os._exit(CANNOT_WORK)

    def _end_with_parent(self) -> None:
        os.read(self._alive_reading, 1)
        os._exit(1)  # safe at any moment: what was acknowledged is on disk

    def _wait_for_one(self) -> None:
        try:
            worker, status = os.wait()
        except InterruptedError:
            return
        self._workers.discard(worker)
        if os.waitstatus_to_exitcode(status) == CANNOT_WORK and time.monotonic() - self._started < START_SECONDS:
            self._stop(signal.SIGTERM, None)
            self._finish()
            sys.exit(1)  # the next one would fare no better
        if not self._stopping:
            log.error("worker %d ended with status %d; starting another", worker, status)
            time.sleep(0.5)

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True
        for worker in self._workers:
            os.kill(worker, signal.SIGTERM)

    def _finish(self) -> None:
        patience = time.monotonic() + STOP_SECONDS
        while self._workers and time.monotonic() < patience:
            worker, _ = os.waitpid(-1, os.WNOHANG)
            self._workers.discard(worker)
            time.sleep(0.02)
        for worker in self._workers:
            os.kill(worker, signal.SIGKILL)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
