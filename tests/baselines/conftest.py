"""A server that the lab plays on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.installations import Server, install, make_folder, new_sqlite, serving

from unseen_server.config import Config


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Server]:
    """One for all that only ask it, with an instructor and two students who may attack it."""
    home, now = tmp_path_factory.mktemp("lab"), datetime.now(UTC)
    with (
        new_sqlite(home, sqlite_template) as url,
        closing(install(Config(home=home, database_url=url), make_folder(home, now=now), now=now)) as installation,
        serving(installation, processes=1) as running,
    ):
        yield running
