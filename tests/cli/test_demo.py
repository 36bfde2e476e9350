"""The demo, from nothing to a board with several students."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.installations import free_port


@pytest.mark.slow
def test_the_demo_makes_two_competitions_with_submissions_and_exits_with_0(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    command = [sys.executable, "-m", "unseen_server", "demo", "--no-serve"]
    environment = {**os.environ, "UNSEEN_HOME": str(home), "UNSEEN_PORT": str(free_port())}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "Dara" in done.stdout
    record = json.loads((home / "demo.json").read_text())
    assert set(record) == {"url", "competitions", "users"}
    assert record["competitions"] == ["concrete", "lecture-length"]
    assert {user["role"] for user in record["users"]} == {"instructor", "assistant", "student"}
    assert f"{record['url']}/console" in done.stderr
    assert all(set(user) == {"username", "password", "token", "role"} for user in record["users"])
    assert stat.S_IMODE((home / "demo.json").stat().st_mode) == 0o600


@pytest.mark.slow
def test_the_demo_never_touches_an_installation_that_is_no_demo(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years of work")
    command = [sys.executable, "-m", "unseen_server", "demo", "--no-serve", "--home", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "not a demo" in done.stderr
    assert (tmp_path / "thesis.txt").exists()
