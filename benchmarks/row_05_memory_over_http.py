"""How far the memory of a server grows while it takes in a large file over HTTP, and how long others wait (row 5)."""

from __future__ import annotations

import gzip
import io
import os
import re
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import psutil
from load import Reply, ask_in_turn, get, upload
from measuring import Row, percentile, show
from served import Site, served
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from unseen_server.core.splits import PRIVATE, PUBLIC, AnswerKey
from unseen_server.db.models import AnswerKeyVersion, Competition
from unseen_server.db.session import Database
from unseen_server.services.keys import packed

ROWS = 10_000_000
ROWS_ON_POSTGRES = 1_000_000  # compressing a large value takes PostgreSQL long, and no memory of ours
IDLE = 0.5  # seconds without much work
MOST_WAITS = 20
PAUSE = 0.02  # seconds between the questions of somebody else


def rows() -> Iterator[Row]:
    os.environ["UNSEEN_MAX_UPLOAD_MB"] = "512"  # rows of 17 digits are a little more than a server takes by itself
    os.environ["UNSEEN_ROWS_AT_ONCE"] = str(ROWS)  # else a worker reads them after the reply
    with served(students=1, rows=1000, processes=1, daily_limit=100, bounds=[-1e6, 1e6]) as site:
        csv = lengthened(site, ROWS)
        for kind, name, content in (
            ("a .csv", "submission.csv", csv),
            ("a .csv.gz", "submission.csv.gz", gzip.compress(csv, 1)),
            ("a .zip", "submission.zip", zipped(csv)),
        ):
            with somebody_else(site) as waits:
                growth, reply = sent(site, name, content)
            yield Row(5, f"growth of the server that takes {kind} of 1e7 rows / its CSV", growth / len(csv), 4.0, 3.0)
            if content is not csv:
                yield Row(None, "  the same / its bytes as they came", growth / len(content))
            yield Row(None, "  others wait meanwhile, median", 1000 * percentile(waits, 0.5), unit=" ms")
            yield Row(None, "  others wait meanwhile, at most", 1000 * max(waits), unit=" ms")
            yield Row(None, "  from the first byte to the receipt", reply.seconds, unit=" s")
        growth = grown(site, lambda: ask_in_turn(site.port, [get("/api/submissions/1/file", token=site.tokens[0])]))
        yield Row(None, "growth of the server that gives the file back / the file", growth / len(csv))
    yield from rows_on_postgres()


def rows_on_postgres() -> Iterator[Row]:
    quantity = "growth of the server that takes a .csv of 1e6 rows, on PostgreSQL / its CSV"
    try:
        with served(students=1, rows=1000, processes=1, postgres=True, bounds=[-1e6, 1e6]) as site:
            csv = lengthened(site, ROWS_ON_POSTGRES)
            sent(site, "submission.csv", csv)  # what is made once is made
            yield Row(5, quantity, sent(site, "submission.csv", csv)[0] / len(csv), 4.0, 3.0)
    except OperationalError:
        yield Row(5, quantity, None, note="no PostgreSQL")


def lengthened(site: Site, rows: int) -> bytes:
    """A file for the competition once its key has so many rows: with a folder of them, making it would take minutes."""
    rng = np.random.default_rng(5)
    usage = rng.choice(np.array([PUBLIC, PRIVATE], np.uint8), rows)
    key = AnswerKey("id", "y", tuple(map(str, range(rows))), rng.normal(0, 1, rows), usage)
    with closing(Database(site.database_url)) as db, db.write() as session:
        session.execute(update(AnswerKeyVersion).values(**packed(key)))
        session.execute(update(Competition).values(test_rows=rows, public_rows=key.n_public))
    site.bundle = replace(site.bundle, key=key)
    assert sent(site, "submission.csv", b"id,y\n", status=400)  # reads the key, which stays in memory
    return site.file()


def zipped(csv: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("submission.csv", csv)
    return content.getvalue()


def sent(site: Site, name: str, content: bytes, status: int = 201) -> tuple[int, Reply]:
    """By how many bytes the server grew at most, and what it answered."""
    request = upload(site.submissions, content, token=site.tokens[0], name=name)
    replies: list[Reply] = []
    growth = grown(site, lambda: replies.extend(ask_in_turn(site.port, [request])))
    assert replies[0].status == status, replies[0].body
    return growth, replies[0]


def grown(site: Site, do: Callable[[], object]) -> int:
    process = Path(f"/proc/{site.process.pid}")
    before = kilobytes(process, "VmRSS")
    (process / "clear_refs").write_text("5", encoding="ascii")  # the peak counts from here
    do()
    wait_until_idle(site)  # what is computed for the board afterwards counts, too
    return 1024 * (kilobytes(process, "VmHWM") - before)


def wait_until_idle(site: Site) -> None:
    process = psutil.Process(site.process.pid)
    for _ in range(MOST_WAITS):
        if process.cpu_percent(interval=IDLE) < 10:
            return


def kilobytes(process: Path, name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", (process / "status").read_text(encoding="ascii"))
    assert found
    return int(found[1])


@contextmanager
def somebody_else(site: Site) -> Iterator[list[float]]:
    """Asks a small question again and again; the seconds until each answer."""
    waits: list[float] = []
    done = threading.Event()

    def ask() -> None:
        with closing(HTTPConnection("127.0.0.1", site.port)) as connection:
            while not done.wait(PAUSE):
                start = time.perf_counter()
                connection.request("GET", "/api/health")
                connection.getresponse().read()
                waits.append(time.perf_counter() - start)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield waits
    finally:
        done.set()
        asking.join()


if __name__ == "__main__":
    show(rows())
