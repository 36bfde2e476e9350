"""What the tests stand on: real databases, a small competition whose answers are known, a real server."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from tests.installations import (
    LOCAL_POSTGRES,
    Build,
    Installation,
    Server,
    administer,
    beside,
    install,
    make_folder,
    new_postgres,
    new_sqlite,
    serving,
)

from unseen_server.config import Config
from unseen_server.db import migrate
from unseen_server.db.session import Database


@pytest.fixture(scope="session", autouse=True)
def nobodys_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the client keeps on a computer stays away from that of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNSEEN_CONFIG_DIR", str(tmp_path_factory.mktemp("settings")))
        yield


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A competition of 40 test rows, 20 public and 20 private, open from now for two weeks in Taipei."""
    return make_folder(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database at the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    with closing(Database(f"sqlite:///{path}")) as db:
        migrate.upgrade(db)
    return path


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """A PostgreSQL server that tests may use: UNSEEN_TEST_POSTGRES_URL, else a local one without a password."""
    url = os.environ.get("UNSEEN_TEST_POSTGRES_URL", LOCAL_POSTGRES)
    try:
        administer(url, "SELECT 1")
    except OperationalError:
        pytest.skip("no PostgreSQL: UNSEEN_TEST_POSTGRES_URL is not set and none answers on 127.0.0.1:5432")
    return url


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """The name of a database at the newest schema, to be copied."""
    name = f"unseen_test_{uuid.uuid4().hex[:12]}"
    administer(postgres_server, f"CREATE DATABASE {name}")
    with closing(Database(beside(postgres_server, name))) as db:
        migrate.upgrade(db)
    yield name
    administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database at the newest schema, of either kind."""
    if request.param == "sqlite":
        making = new_sqlite(tmp_path, request.getfixturevalue("sqlite_template"))
    else:
        making = new_postgres(request.getfixturevalue("postgres_server"), request.getfixturevalue("postgres_template"))
    with making as url:
        yield url


@pytest.fixture
def installation(database_url: str, tmp_path: Path, bundle_folder: Path) -> Iterator[Installation]:
    with closing(install(Config(home=tmp_path, database_url=database_url), bundle_folder)) as made:
        yield made


@pytest.fixture
def build(tmp_path: Path, sqlite_template: Path) -> Iterator[Build]:
    """Make an installation on SQLite whose competition has other settings: `build(daily_limit=1)`."""
    made: list[Installation] = []

    def build_(launched: bool = True, **settings: object) -> Installation:
        home = tmp_path / f"installation-{len(made)}"
        folder = make_folder(home, **settings)
        with new_sqlite(home, sqlite_template) as url:
            made.append(install(Config(home=home, database_url=url), folder, launched=launched))
        return made[-1]

    yield build_
    for installation in made:
        installation.close()


@pytest.fixture
def live(tmp_path: Path, sqlite_template: Path) -> Iterator[Server]:
    """A real server on SQLite with its real clock: `.url`, `.slug`, `.token("alice")`, `.bundle` (the folder)."""
    now = datetime.now(UTC)
    folder = make_folder(tmp_path, now=now)
    with (
        new_sqlite(tmp_path, sqlite_template) as url,
        closing(install(Config(home=tmp_path, database_url=url), folder, now=now)) as installation,
        serving(installation) as server,
    ):
        yield server
