"""Every branch of what decides over slots, phases, files and scores is taken by the tests that are about it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.figures import Tell

TOP = Path(__file__).parents[1]
CORE = "server/unseen_server/core"
QUOTA = ("limits", "schedule")
PARSER = ("predictions", "expected", "containers", "fast_path", "careful_path", "number_problems")
SCORING = ("metrics", "ranking", "release")
TESTS = ("limits", "schedule", "predictions", "predictions_fuzzed", "metrics", "ranking", "release", "ladder")


@pytest.mark.long
@pytest.mark.figure("hygiene")
def test_every_branch_is_taken(tmp_path: Path, figure: Tell) -> None:
    file = f"--data-file={tmp_path / 'coverage'}"
    coverage, quietly = [sys.executable, "-m", "coverage"], ["-n0", "-q", "-p", "no:cacheprovider"]
    tests = [f"tests/core/test_{name}.py" for name in TESTS]
    run = ["run", "--branch", file, "--source=unseen_server.core", "-m", "pytest"]
    subprocess.run(
        [*coverage, *run, *quietly, "-m", "not slow and not long", *tests],
        cwd=TOP,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    modules = [f"{CORE}/{name}.py" for name in (*QUOTA, *PARSER, *SCORING)]
    wanted = [file, "--show-missing", "--skip-covered", f"--include={','.join(modules)}"]
    report = subprocess.run([*coverage, "report", *wanted], cwd=TOP, check=True, capture_output=True, text=True).stdout
    assert f"{len(modules)} files skipped due to complete coverage" in report, report
    figure("covered", int(re.findall(r"(\d+)%", report)[-1]))
