"""A worker apart from the server."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType

import click

from unseen_server import logs
from unseen_server.cli.common import database, note, now
from unseen_server.config import Config
from unseen_server.services.keys import KeyRing
from unseen_server.services.receipts import Signer
from unseen_server.working import Tools, Worker


@click.command()
@click.option("--at-once", type=click.IntRange(1, 64), default=1, show_default=True, help="Jobs done side by side.")
def worker(at_once: int) -> None:
    """Do the long work that the servers hand in: large files, corrections, archives; until stopped.

    Beside servers on PostgreSQL; on SQLite the server does it itself.
    """
    logs.begin()
    for library in ("alembic", "procrastinate"):  # what is done is told in our words
        logging.getLogger(library).setLevel(logging.WARNING)
    with database() as db:
        working = Worker(Tools(db, KeyRing(db), Signer(Config.from_environment().secret()), now))
        note("Waiting for work (Ctrl-C stops)")
        if not db.is_sqlite:
            working.run_delivered(at_once)
            return
        called = threading.Event()

        def stop(_signal: int, _frame: FrameType | None) -> None:
            working.stopping = True
            called.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        working.run(called)
