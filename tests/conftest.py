"""What the tests stand on: real databases, a small competition whose answers are known, a real server."""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import make_url
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import OperationalError
from tests.figures import figure, pytest_configure, pytest_itemcollected
from tests.installations import (
    LOCAL_POSTGRES,
    POSTGRES,
    PYTHONS_SQLITE,
    SQLITE,
    WITHOUT_PYSQLITE3,
    Build,
    Filled,
    Installation,
    Server,
    install,
    make_folder,
    new_sqlite,
    opened,
    serving,
)
from tests.postgres import administer, beside, drop, drop_spares, new_postgres
from tests.sparing import (
    QUICK_HASHER,
    CompiledTemplates,
    builder_when_needed,
    compile_once,
    engine_with_compiled_statements,
    hash_of_kind,
    same_kind,
)
from werkzeug.routing import Rule

from unseen_server.config import Config
from unseen_server.db import migrate, session, sqlite
from unseen_server.db.session import Database
from unseen_server.services import passwords

__all__ = ["figure", "pytest_configure", "pytest_itemcollected"]


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: tests that wait for a server, a disk or a clock leave theirs to the others."""
    return (os.cpu_count() or 1) + 1


# Servers, programs and browsers are no matter of a moment; what holds on SQLite is tried on PostgreSQL by make test.
REAL_PARTS = ("faults", "browser", "kaggle")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what is so by its kind; files with slow marks of their own come first, none is left to the end."""
    heavy = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in heavy)
    for item in items:
        called = getattr(item, "callspec", None)
        given = called.params.values() if called else ()
        on_postgres = any(isinstance(value, str) and value == "postgresql" for value in given)
        if on_postgres or "live" in getattr(item, "fixturenames", ()) or item.path.parent.name in REAL_PARTS:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def nobodys_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the client keeps on a computer stays away from that of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNSEEN_CONFIG_DIR", str(tmp_path_factory.mktemp("settings")))
        yield


@pytest.fixture(scope="session", autouse=True)
def sparing() -> Iterator[None]:
    """Applications and databases by the thousand share what is made anew for each, and passwords are hashed at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(Flask.jinja_options, "bytecode_cache", CompiledTemplates())
        patch.setattr(Rule, "_compile_builder", builder_when_needed)
        patch.setattr(Rule, "compile", compile_once)
        patch.setattr(DefaultDialect, "__eq__", same_kind)
        patch.setattr(DefaultDialect, "__hash__", hash_of_kind)
        patch.setattr(session, "create_engine", engine_with_compiled_statements)
        patch.setattr(passwords, "_hasher", QUICK_HASHER)
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
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server that tests may use: UNSEEN_TEST_POSTGRES_URL, else a local one without a password."""
    url = os.environ.get("UNSEEN_TEST_POSTGRES_URL", LOCAL_POSTGRES)
    try:
        administer(url, "SELECT 1")
    except OperationalError:
        pytest.skip("no PostgreSQL: UNSEEN_TEST_POSTGRES_URL is not set and none answers on 127.0.0.1:5432")
    yield url
    drop_spares(url)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """The name of a database at the newest schema, to be copied."""
    name = f"unseen_test_{uuid.uuid4().hex[:12]}"
    administer(postgres_server, f"CREATE DATABASE {name}")
    with closing(Database(beside(postgres_server, name))) as db:
        migrate.upgrade(db)
    yield name
    drop(postgres_server, name)


@pytest.fixture
def without_pysqlite3(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine where Python's own SQLite is all there is, in this process and those that it starts."""
    monkeypatch.setattr(sqlite, "driver", sqlite3)
    hidden = [WITHOUT_PYSQLITE3, os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, hidden)))


@pytest.fixture(params=[SQLITE, PYTHONS_SQLITE])
def sqlite_library(request: pytest.FixtureRequest) -> None:
    """With a log where there is an SQLite that can, and with Python's own."""
    if request.param == PYTHONS_SQLITE:
        request.getfixturevalue("without_pysqlite3")


@pytest.fixture(params=[SQLITE, POSTGRES])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database at the newest schema, of either kind."""
    if request.param == PYTHONS_SQLITE:
        request.getfixturevalue("without_pysqlite3")
    if request.param in (SQLITE, PYTHONS_SQLITE):
        making = new_sqlite(tmp_path, request.getfixturevalue("sqlite_template"))
    else:
        making = new_postgres(request.getfixturevalue("postgres_server"), request.getfixturevalue("postgres_template"))
    with making as url:
        yield url


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Filled:
    return Filled(tmp_path_factory.mktemp("filled"), sqlite_template)


@pytest.fixture(scope="session")
def postgres_filled(
    postgres_server: str, postgres_template: str, bundle_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The name of a database with an installation in it, to be copied."""
    with new_postgres(postgres_server, postgres_template) as url:
        install(Config(home=tmp_path_factory.mktemp("filled"), database_url=url), bundle_folder).close()
        yield make_url(url).database


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request: pytest.FixtureRequest, tmp_path: Path, bundle_folder: Path) -> Iterator[Installation]:
    """A course with an instructor and students and one open competition, in a database of either kind."""
    if request.param == "sqlite":
        making = new_sqlite(tmp_path, request.getfixturevalue("filled")(bundle_folder))
    else:
        making = new_postgres(request.getfixturevalue("postgres_server"), request.getfixturevalue("postgres_filled"))
    with making as url, closing(opened(Config(home=tmp_path, database_url=url), bundle_folder)) as made:
        yield made


@pytest.fixture
def build(tmp_path: Path, filled: Filled) -> Iterator[Build]:
    """Make an installation on SQLite whose competition has other settings: `build(daily_limit=1)`."""
    made: list[Installation] = []

    def build_(launched: bool = True, **settings: object) -> Installation:
        home = tmp_path / f"installation-{len(made)}"
        folder = make_folder(home, **settings)
        with new_sqlite(home, filled(folder, launched=launched, **settings)) as url:
            made.append(opened(Config(home=home, database_url=url), folder))
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
