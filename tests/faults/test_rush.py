"""A deadline in small: everybody uploads, looks and signs in at once; nothing is lost, miscounted or misjudged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "rush.py"
IN_SMALL = {"students": 20, "uploads": 60, "rows": 200, "seconds": 4, "boards": 15, "sign-ins": 3}


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_rush_loses_nothing_and_judges_every_file_right(database: str, request: pytest.FixtureRequest) -> None:
    environment, choice = dict(os.environ), []
    if database == "postgresql":
        environment["UNSEEN_TEST_POSTGRES_URL"] = request.getfixturevalue("postgres_server")
        choice = ["--postgres"]
    sizes = [f"--{name}={size}" for name, size in IN_SMALL.items()]
    command = [sys.executable, str(SCRIPT), *sizes, *choice]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "faults: none" in ran.stdout
