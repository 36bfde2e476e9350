"""Workers: they do the long work that was handed in, in a process of their own or in a thread of the server's.

One kind of job is one function of TASKS. It ends its job in the transaction that does what it is for (services/jobs).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from flask import Flask

from unseen_server import storage
from unseen_server.core.errors import Busy, Refusal, StorageFull
from unseen_server.core.sentences import Sentence
from unseen_server.db import delivery
from unseen_server.db.session import Database
from unseen_server.services import archives, correcting, jobs, scoring
from unseen_server.services.jobs import Claimed, Progress
from unseen_server.services.keys import KeyRing
from unseen_server.services.receipts import Signer
from unseen_server.web import archiving, languages
from unseen_server.web.context import Parts

LOOK_EVERY = 1.0  # seconds between two looks for work, where nobody calls
TELL_EVERY = 1.0  # seconds between two words about how far a job is
RENEW_EVERY = jobs.LEASE.total_seconds() / 4
TIDY_EVERY = 3600.0  # seconds

log = logging.getLogger("unseen_server.working")

T = TypeVar("T")


@dataclass(frozen=True)
class Tools:
    """What tasks work with."""

    db: Database
    keys: KeyRing
    signer: Signer
    clock: Callable[[], datetime]


@dataclass(frozen=True)
class Task:
    """`do` does a job and ends it. `give_up` takes back what asking for it had done, where it cannot be done."""

    do: Callable[[Tools, Claimed, Progress], None]
    give_up: Callable[[Tools, Claimed, Sentence], None]


def _fail(tools: Tools, claimed: Claimed, sentence: Sentence) -> None:
    with tools.db.write() as session:
        jobs.refuse(session, claimed, sentence, tools.clock())


def _archive(tools: Tools, claimed: Claimed, progress: Progress) -> None:
    """Arguments: pseudonymous (bool), language."""
    pseudonymous, language = claimed.arguments["pseudonymous"], claimed.arguments["language"]
    with tools.db.read() as session:
        jobs.check_may_instruct(session, claimed)
    with languages.speaking(language):
        archive = archives.prepare(
            tools.db,
            slug=claimed.competition.slug,
            pseudonymous=pseudonymous,
            draw=archiving.draw,
            principal=claimed.principal,
            now=claimed.asked_at,
            language=language,
        )
    written = _counted(archives.files(tools.db, archive), archive.count, progress)
    name = archives.file_name(archive)
    jobs.made(tools.db, claimed, name, archives.zipped(written, archive), tools.clock)


def _rescore(tools: Tools, claimed: Claimed, progress: Progress) -> None:
    """Arguments: dry_run, quiet (bool), since (int or None); given: solution.csv."""
    correcting.work(tools.db, tools.keys, claimed, progress, tools.clock)


def _counted(items: Iterable[T], total: int, progress: Progress) -> Iterator[T]:
    for done, item in enumerate(items):
        progress(done, total)
        yield item
    progress(total, total)


def _score(tools: Tools, claimed: Claimed, _progress: Progress) -> None:
    """Arguments: submission (its number)."""
    scoring.score(tools.db, tools.keys, claimed, tools.clock)


def _cannot_score(tools: Tools, claimed: Claimed, _sentence: Sentence) -> None:
    scoring.give_up(tools.db, claimed, tools.clock())


TASKS = {
    "archive": Task(_archive, _fail),
    "rescore": Task(_rescore, _fail),
    jobs.SCORE: Task(_score, _cannot_score),
}


def work(tools: Tools, ref: int) -> None:
    """Do one job, unless somebody else has it."""
    claimed = jobs.claim(tools.db, ref, tools.clock())
    if claimed is None:
        return
    task = TASKS[claimed.kind]
    if claimed.is_one_too_many:
        task.give_up(tools, claimed, Sentence(jobs.GONE_WRONG, {"attempts": jobs.MOST_ATTEMPTS}))
        return
    what, started = f"job {ref} ({claimed.kind} of {claimed.competition.slug})", time.monotonic()
    log.info("%s: begun, attempt %d", what, claimed.attempt)
    with _lease_held(tools, claimed) as progress:
        ended = _attempt(task, tools, claimed, progress)
    log.info("%s: %s after %.1f s", what, ended, time.monotonic() - started)


def _attempt(task: Task, tools: Tools, claimed: Claimed, progress: Progress) -> str:
    """How it went, for the log: a refusal by its code alone, as its sentence may quote a file."""
    try:
        task.do(tools, claimed, progress)
    except (Busy, StorageFull) as wait:
        jobs.give_back(tools.db, claimed, tools.clock(), begun=False)
        return f"put off ({wait.code})"
    except Refusal as refusal:
        task.give_up(tools, claimed, refusal.sentence)
        return f"refused ({refusal.code})"
    except jobs.Overtaken:
        return "left to another attempt"
    except Exception:
        log.exception("job %d (%s), attempt %d", claimed.ref, claimed.kind, claimed.attempt)
        jobs.give_back(tools.db, claimed, tools.clock(), begun=True)
        return "put off (a fault)"
    return "done"


@contextmanager
def _lease_held(tools: Tools, claimed: Claimed) -> Iterator[Progress]:
    """Renew the lease of a job while it is worked at, and pass on how far it is."""
    reached, ended = [(0, 0)], threading.Event()

    def tell() -> None:
        told, renewed = (0, 0), time.monotonic()
        while not ended.wait(TELL_EVERY):
            if reached[-1] != told or time.monotonic() > renewed + RENEW_EVERY:
                told, renewed = reached[-1], time.monotonic()
                with suppress(Refusal):  # the database is busy: next time
                    jobs.renew(tools.db, claimed, *told, tools.clock())

    telling = threading.Thread(target=tell, daemon=True)
    telling.start()
    try:
        yield lambda done, total: reached.__setitem__(-1, (done, total))
    finally:
        ended.set()
        telling.join()


# in a thread, or in a process of its own


class Worker:
    """Does what the database says there is to do, and tidies up now and then."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._tidied = -TIDY_EVERY
        self.stopping = False

    def run(self, called: threading.Event) -> None:
        """One job at a time, each as soon as somebody calls or a moment later, until `stopping`."""
        while not self.stopping:
            called.clear()
            try:
                for ref in self.look_after():
                    work(self._tools, ref)
            except Exception:
                log.exception("looking for work")  # and goes on: whoever hands work in relies on it
            called.wait(LOOK_EVERY)

    def run_delivered(self, at_once: int) -> None:
        """What is delivered over PostgreSQL, `at_once` jobs at a time, until SIGTERM or SIGINT."""
        delivery.work_until_stopped(self._tools.db, partial(work, self._tools), self.look_after, at_once=at_once)

    def look_after(self) -> list[int]:
        """The jobs that nobody works at."""
        if time.monotonic() > self._tidied + TIDY_EVERY:
            self._tidied = time.monotonic()
            jobs.forget_files(self._tools.db, self._tools.clock())
            storage.sweep(self._tools.db, self._tools.clock())
        return jobs.due(self._tools.db, self._tools.clock())


def work_beside(application: Flask, place: int) -> None:
    """On SQLite, the first of the server's processes works as well, in a thread; `place` counts them from 0."""
    parts: Parts = application.extensions["unseen"]
    parts.delivery.here = parts.db.is_sqlite
    if parts.delivery.here and place == 0:
        worker = Worker(Tools(parts.db, parts.keys, parts.signer, parts.clock))
        threading.Thread(target=worker.run, args=(parts.delivery.called,), daemon=True).start()
