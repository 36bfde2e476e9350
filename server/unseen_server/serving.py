"""Serving: several processes behind one listening socket, each with its own threads and everything imported."""

from __future__ import annotations

import logging
import math
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any

from flask import Flask

from unseen_server import logs
from unseen_server.app import create_app
from unseen_server.config import Config
from unseen_server.connections import FEWEST, Server, Shares
from unseen_server.readiness import make_ready
from unseen_server.working import work_beside

CONNECTIONS = 1000  # of each process; a slow client holds one for a while
FILES_OF_A_CONNECTION = 3  # itself, and temporary files for a large body and a large answer
FILES_BESIDES = 200  # the database's, the application's
BACKLOG = 1024
STOP_SECONDS = 30  # for requests under way when the server is asked to stop
START_SECONDS = 10  # a worker that fails so early has found something wrong with the installation
CANNOT_WORK = 3  # the exit code of a worker that ended in an error
BIND_SECONDS = 5  # a port just left by another server may need a moment

log = logging.getLogger("unseen_server")


def serve(config: Config, *, host: str, port: int, processes: int, threads: int) -> None:
    """Serve until SIGTERM or SIGINT; then finish what is under way and return."""
    logs.begin()
    listening = _listen(host, port)
    print(f"Serving on http://{_shown(host)}:{port} (Ctrl-C stops)", file=sys.stderr, flush=True)  # noqa: T201
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a queue is what a queue is for
    application = create_app(config)  # once for all processes; it opens nothing that a fork must not share
    make_ready(application)
    shares = Shares(processes)
    work = partial(_work, application, config, listening, threads, _connections(), shares)
    if processes == 1 or not hasattr(os, "fork"):
        work(0)
    else:
        _Herd(work, listening, shares, processes).run()


def _connections() -> int:
    """How many connections a process may hold: raises the limit of open files as far as that takes and it goes."""
    try:
        import resource
    except ImportError:  # no such limit where there is no such module
        return CONNECTIONS
    wanted = CONNECTIONS * FILES_OF_A_CONNECTION + FILES_BESIDES
    soft, hard = (math.inf if limit < 0 else limit for limit in resource.getrlimit(resource.RLIMIT_NOFILE))
    files = int(min(wanted, hard))
    if files > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    connections = max(FEWEST, (files - FILES_BESIDES) // FILES_OF_A_CONNECTION)
    if connections < CONNECTIONS:
        log.warning("only %d files may be open, so %d connections at a time; see ulimit -n", files, connections)
    return connections


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


def _work(
    application: Flask,
    config: Config,
    listening: socket.socket,
    threads: int,
    connections: int,
    shares: Shares,
    place: int,
) -> None:
    """One process: answer requests until told to stop, then finish those under way."""
    work_beside(application, place)
    server = Server(
        application,
        listening,
        most=connections,
        shares=shares,
        place=place,
        threads=threads,
        max_request_body_size=config.max_upload,
        clear_untrusted_proxy_headers=True,
        **proxy_believed(config),
    )

    def stop(_signal: int, _frame: FrameType | None) -> None:
        server.stop_accepting()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while server.accepting:
        server.turn()
    server.stop_listening()
    patience = time.monotonic() + STOP_SECONDS
    while time.monotonic() < patience and server.is_busy:
        server.turn()
    server.task_dispatcher.shutdown()


def proxy_believed(config: Config) -> dict[str, Any]:
    """Whose word is believed about where a request came from, and how."""
    if config.trusted_proxy is None:
        return {}
    return {"trusted_proxy": config.trusted_proxy, "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"}}


class _Herd:
    """The parent: starts the workers, replaces one that dies, and passes on the signal to stop."""

    def __init__(self, work: Callable[[int], None], listening: socket.socket, shares: Shares, processes: int) -> None:
        self._work, self._listening, self._shares = work, listening, shares
        self._free_places = set(range(processes))
        self._workers: dict[int, int] = {}  # the place of each
        self._stopping = False
        self._started = time.monotonic()
        # Its writing end lives as long as the parent, however that ends; the workers wait for it to close.
        self._alive_reading, self._alive_writing = os.pipe()

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        while not self._stopping:
            while self._free_places:
                place = self._free_places.pop()
                self._workers[self._fork(place)] = place
            self._wait_for_one()
        self._finish()

    def _fork(self, place: int) -> int:
        worker = os.fork()
        if worker:
            return worker
        try:
            # Until it has handlers of its own, a worker ends at once when it is told to stop.
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.close(self._alive_writing)
            threading.Thread(target=self._end_with_parent, daemon=True).start()
            self._work(place)
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
        self._forget(worker)
        if os.waitstatus_to_exitcode(status) == CANNOT_WORK and time.monotonic() - self._started < START_SECONDS:
            self._stop(signal.SIGTERM, None)
            self._finish()
            sys.exit(1)  # the next one would fare no better
        if not self._stopping:
            log.error("worker %d ended with status %d; starting another", worker, status)
            time.sleep(0.5)

    def _forget(self, worker: int) -> None:
        place = self._workers.pop(worker, None)
        if place is not None:
            self._shares.leave(place)
            self._free_places.add(place)

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True
        for worker in list(self._workers):
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(worker, signal.SIGTERM)

    def _finish(self) -> None:
        self._listening.close()
        patience = time.monotonic() + STOP_SECONDS
        while self._workers and time.monotonic() < patience:
            worker, _ = os.waitpid(-1, os.WNOHANG)
            self._forget(worker)
            time.sleep(0.02)
        for worker in self._workers:
            os.kill(worker, signal.SIGKILL)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
