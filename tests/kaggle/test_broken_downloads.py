"""A download that breaks off, and the real client that takes it up where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.browsing import Site, answering
from tests.installations import SLUG, install, make_folder, new_sqlite

from unseen_server.config import Config

pytestmark = pytest.mark.slow

ARRIVE_BEFORE = 3 * 2**19  # bytes; the client writes to disk by 2**20


class BreakingOff:
    """Lets the first download of a file break off, and remembers what was asked and answered."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self.seen: list[tuple[str | None, str]] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if environ["REQUEST_METHOD"] != "GET" or not environ["PATH_INFO"].endswith("train.csv"):
            return self.application(environ, start_response)

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            self.seen.append((environ.get("HTTP_RANGE"), status.split()[0]))
            return start_response(status, headers, *rest)

        parts = self.application(environ, start)
        return self.some_of(parts) if len(self.seen) == 1 else parts

    def some_of(self, parts: Any) -> Iterator[bytes]:
        arrived = 0
        try:
            for part in parts:
                yield part
                arrived += len(part)
                if arrived >= ARRIVE_BEFORE:
                    raise ConnectionError("broken off by the test")
        finally:
            parts.close()


@pytest.fixture
def large(tmp_path: Path, sqlite_template: Path) -> Iterator[Site]:
    """A server whose training data is more than the client keeps in memory."""
    folder = make_folder(tmp_path)
    header, *rows = (folder / "train.csv").read_text().splitlines(keepends=True)
    (folder / "train.csv").write_text(header + "".join(rows) * 2000)
    with (
        new_sqlite(tmp_path, sqlite_template) as url,
        closing(install(Config(home=tmp_path, database_url=url), folder)) as made,
        answering(made) as site,
    ):
        yield site


def test_it_goes_on_where_it_broke_off(large: Site, join: Callable[..., Any]) -> None:
    train = (large.made.folder / "train.csv").read_bytes()
    student = join(large)
    breaking = BreakingOff(large.made.app.wsgi_app)
    large.made.app.wsgi_app = breaking  # type: ignore[method-assign]
    told = student.competitions("download", SLUG, "-f", "train.csv")
    assert told.returncode == 0, told
    assert (student.here / "train.csv").read_bytes() == train
    first, (wanted, status) = breaking.seen
    assert first == (None, "200")
    assert wanted is not None
    assert wanted.startswith("bytes=")
    assert status == "206"
