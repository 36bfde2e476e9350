"""The transaction of a submission through our code against the very same statements through the bare driver (row 9)."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import served
from measuring import ROUNDS, Row, show, syncs_per_second
from sqlalchemy import event
from sqlalchemy.orm import Session

from unseen_server.db import sqlite
from unseen_server.db.session import LOCK_TIMEOUT, Database
from unseen_server.services import tokens
from unseen_server.services.entries import Upload
from unseen_server.services.keys import KeyRing
from unseen_server.services.receipts import Signer
from unseen_server.services.submit import submit

TEST_ROWS = 1_000
IN_A_ROUND = 40


class Observed(Database):
    """A database that tells what its writers sent, each statement with its values, and how long they took in all."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.sent: list[tuple[str, Any]] = []
        self.seconds = 0.0
        self._writing = False
        event.listen(self.engine, "before_cursor_execute", self._note)

    @contextmanager
    def write(self, patience: float = LOCK_TIMEOUT) -> Iterator[Session]:
        begun, self._writing = time.perf_counter(), True
        with super().write(patience) as session:
            yield session
        self.seconds += time.perf_counter() - begun
        self._writing = False
        self.sent.append(("COMMIT", ()))

    def _note(self, _connection: object, _cursor: object, statement: str, values: Any, *_: object) -> None:
        if self._writing:
            self.sent.append((statement, values))


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        url = f"sqlite:///{home / 'unseen.db'}"
        bundle, [token] = served._filled(url, home, 1, TEST_ROWS, {"daily_limit": 10_000})
        key = bundle.key
        lines = (f"{name},{label / 2!r}\n" for name, label in zip(key.ids, key.labels.tolist(), strict=True))
        content = f"{key.id_column},{key.target_column}\n{''.join(lines)}".encode()
        with closing(Observed(url)) as db:
            rounds = [_round(db, home, token, content) for _ in range(ROUNDS + 1)][1:]
        ours, raw = (median(seconds) / IN_A_ROUND for seconds in zip(*rounds, strict=True))
        yield Row(9, "quota transactions/s through our code / through sqlite3", raw / ours, 0.35, 0.6, at_least=True)
        yield Row(None, "one of them through our code", 1000 * ours, unit=" ms")
        yield Row(None, "one of them through sqlite3", 1000 * raw, unit=" ms")
        yield Row(None, "syncs of this disk", syncs_per_second(home), unit="/s")


def _round(db: Observed, home: Path, token: str, content: bytes) -> tuple[float, float]:
    """Seconds of so many transactions; what they sent is sent again to a copy from before them."""
    keys, signer = KeyRing(db), Signer("bench")
    _submit(db, keys, signer, token, content)  # what only the first has to do
    copy = sqlite.copy(home / "unseen.db", home / "copy.db")
    db.sent, db.seconds = [], 0.0
    for _ in range(IN_A_ROUND):
        _submit(db, keys, signer, token, content)
    return db.seconds, _sent_again(copy, db.sent)


def _submit(db: Database, keys: KeyRing, signer: Signer, token: str, content: bytes) -> None:
    now = datetime.now(UTC)
    person = tokens.principal_of_token(db, token, now)
    upload = Upload(content, "p.csv", idempotency_key=uuid.uuid4().hex)
    submit(db, keys, slug=served.SLUG, principal=person, upload=upload, received_at=now, signer=signer)


def _sent_again(file: Path, statements: list[tuple[str, Any]]) -> float:
    with closing(sqlite.connect(file, LOCK_TIMEOUT)) as connection:
        begun = time.perf_counter()
        for statement, values in statements:
            connection.execute(statement, values).fetchall()
        return time.perf_counter() - begun


if __name__ == "__main__":
    show(rows())
