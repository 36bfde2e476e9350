"""Telling workers that there is work: in other processes by procrastinate over PostgreSQL, in this one by an event.

What is delivered is the number of a job. Whether and how often it was delivered matters little: the table of jobs says
what there is to do, and what nobody came for is delivered again.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, text
from sqlalchemy.orm import Session

from unseen_server.db.session import Database

if TYPE_CHECKING:
    from procrastinate import App

HEARTBEAT, DEAD_AFTER = 5.0, 30.0  # seconds
WORK, LOOK_AFTER = "work", "look_after"
EVERY_QUARTER_MINUTE = "* * * * * */15"


def _schema() -> str:
    """Where procrastinate keeps its tables: apart from ours, and apart from another version of itself."""
    return "unseen_queue_" + version("procrastinate").replace(".", "_")


def _has_schema(session: Session) -> bool:
    return session.scalar(text("SELECT to_regnamespace(:schema)"), {"schema": _schema()}) is not None


_SOMEBODY_LIVES = (
    f"SELECT EXISTS (SELECT FROM {_schema()}.procrastinate_workers"  # noqa: S608
    " WHERE last_heartbeat > now() - :seconds * interval '1 second')"
)


class Delivery:
    """Hands jobs to whoever works. On SQLite that is a thread of this process, where it says that it is `here`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.called = threading.Event()
        self.here = False

    def is_staffed(self) -> bool:
        """Whether anybody would come soon; where not, long work is done within the request that asks for it."""
        if self.here:
            return True
        if self._db.is_sqlite:
            return False
        with self._db.read() as session:
            return _has_schema(session) and bool(session.scalar(text(_SOMEBODY_LIVES), {"seconds": DEAD_AFTER}))

    def deliver(self, session: Session, ref: int) -> None:
        """As part of the transaction that wrote the job down; on SQLite `call` comes after it.

        Where no worker has ever been there is nothing to deliver to: the first one looks for what there is.
        """
        if self._db.is_sqlite or not _has_schema(session):
            return
        connection = session.connection()
        connection.execute(text(_LOOK_THERE_FIRST), {"schema": _schema()})
        app = _app(self._db.url, lambda _ref: None, lambda: ())
        driver: Any = connection.connection.driver_connection
        app.tasks[WORK].configure(connection=driver).defer(ref=ref)

    def call(self) -> None:
        self.called.set()


_LOOK_THERE_FIRST = "SELECT set_config('search_path', :schema || ', ' || current_setting('search_path'), true)"


def work_until_stopped(
    db: Database, work: Callable[[int], None], look_after: Callable[[], Sequence[int]], *, at_once: int
) -> None:
    """Take what is delivered over PostgreSQL, `at_once` jobs at a time, until SIGTERM or SIGINT."""
    app = _app(db.url, work, look_after)
    _make_schema(db, app.schema_manager.get_schema())
    app.run_worker(
        concurrency=at_once,
        delete_jobs="always",
        update_heartbeat_interval=HEARTBEAT,
        stalled_worker_timeout=DEAD_AFTER,
    )


def _make_schema(db: Database, statements: str) -> None:
    with db.write() as session:
        session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:schema))"), {"schema": _schema()})
        if not _has_schema(session):
            session.execute(text(f"CREATE SCHEMA {_schema()}"))
            session.execute(text(_LOOK_THERE_FIRST), {"schema": _schema()})
            driver: Any = session.connection().connection.driver_connection
            driver.execute(statements)  # as they stand: a percent sign in them is no parameter


def _app(url: URL, work: Callable[[int], None], look_after: Callable[[], Sequence[int]]) -> App:
    """`look_after` is called four times a minute, and names what is to be delivered again."""
    from procrastinate import App, PsycopgConnector
    from procrastinate.exceptions import AlreadyEnqueued
    from procrastinate.jobs import Status

    conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
    app = App(connector=PsycopgConnector(conninfo=conninfo, kwargs={"options": f"-c search_path={_schema()}"}))

    @app.task(name=WORK)
    def do(ref: int) -> None:
        work(ref)

    @app.periodic(cron=EVERY_QUARTER_MINUTE)
    @app.task(name=LOOK_AFTER, queueing_lock=LOOK_AFTER)
    async def again(timestamp: int) -> None:
        from asgiref.sync import sync_to_async

        for ref in await sync_to_async(look_after, thread_sensitive=False)():
            with contextlib.suppress(AlreadyEnqueued):
                await do.configure(queueing_lock=f"{WORK} {ref}").defer_async(ref=ref)
        for stalled in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER):
            await app.job_manager.finish_job(stalled, Status.FAILED, delete_job=True)

    return app
