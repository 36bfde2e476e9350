"""Backup, restore and upgrade on the command line."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.test_commands import Run, run  # noqa: F401 - a fixture
from tests.installations import Build, Installation
from tests.visitors import send

from unseen_server.db import migrate
from unseen_server.db.session import Database


@pytest.fixture
def made(build: Build, run: Run, monkeypatch: pytest.MonkeyPatch) -> Installation:  # noqa: F811
    installation = build()
    monkeypatch.setenv("UNSEEN_HOME", str(installation.config.home))
    send(installation, installation.noisy(3.0))
    return installation


@pytest.mark.slow
def test_what_was_backed_up_is_looked_over_and_restored_elsewhere(
    made: Installation,
    run: Run,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "all.zip"
    done = run("backup", str(file), "--format", "json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["rows"]["submissions"] == 1
    looked = run("doctor", "--backup", str(file))
    assert looked.returncode == 0
    assert "every link follows" in looked.stdout
    monkeypatch.setenv("UNSEEN_HOME", str(tmp_path / "elsewhere" / "home"))
    restored = run("restore", str(file))
    assert restored.returncode == 0
    assert "Restored" in restored.stdout
    assert run("doctor").returncode == 0
    assert made.slug in run("competition", "list").stdout
    assert run("restore", str(file)).returncode == 1


def test_a_backup_writes_over_nothing(made: Installation, run: Run, tmp_path: Path) -> None:  # noqa: F811
    file = tmp_path / "all.zip"
    file.write_text("mine")
    refused = run("backup", str(file))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "is there already" in refused.stderr
    assert file.read_text() == "mine"


@pytest.mark.slow
def test_an_upgrade_keeps_a_backup_that_can_be_restored(
    made: Installation,
    run: Run,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    migrate.downgrade(made.db, "0003")
    upgraded = run("upgrade")
    assert upgraded.returncode == 0
    assert "Upgraded the database from 0003" in upgraded.stderr
    (kept,) = made.config.home.glob("before-upgrade-from-0003-*.zip")
    monkeypatch.setenv("UNSEEN_HOME", str(tmp_path / "elsewhere"))
    assert run("restore", str(kept)).returncode == 0
    with closing(Database(f"sqlite:///{tmp_path / 'elsewhere' / 'unseen.db'}")) as db:
        assert migrate.current(db) == migrate.newest()
