"""Every branch of what decides over slots, phases, files and scores, and of who comes in, submits and sees what, is
taken by the tests that are about it.

The quick ones do: what is slow or needs PostgreSQL takes no branch besides.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.figures import Tell

TOP = Path(__file__).parents[1]

QUOTA = ("limits", "schedule")
PARSER = ("predictions", "expected", "containers", "fast_path", "careful_path", "number_problems")
SCORING = ("metrics", "ranking", "release")
OF_CORE = ("limits", "schedule", "predictions", "predictions_fuzzed", "metrics", "ranking", "release", "ladder")

SIGNING_IN = ("passwords", "attempts", "browser_sessions", "tokens", "device_logins", "sso", "links", "joining")
PEOPLE = ("principals", "accounts", "people")
SUBMITTING = ("submit", "entries", "teams")
SEEING = ("competitions", "releasing", "standings", "boards", "submissions", "public_files", "reveal")
OF_SERVICES = (
    *("accounts", "people", "links", "device_logins", "sso", "submit", "pending", "uploads", "teamwork", "extensions"),
    *("competition_life", "ladder", "comparisons", "end", "public_files"),
)
OF_PAGES = ("pages_signin", "joining", "device", "permissions", "boards", "kept_boards", "api")


@pytest.mark.long
@pytest.mark.figure("hygiene")
@pytest.mark.parametrize(
    ("floor", "modules", "tests"),
    [
        ("core", (*QUOTA, *PARSER, *SCORING), {"core": OF_CORE}),
        ("services", (*SIGNING_IN, *PEOPLE, *SUBMITTING, *SEEING), {"services": OF_SERVICES, "web": OF_PAGES}),
    ],
    ids=["core", "services"],
)
def test_every_branch_is_taken(
    floor: str, modules: tuple[str, ...], tests: dict[str, tuple[str, ...]], tmp_path: Path, figure: Tell
) -> None:
    file = f"--data-file={tmp_path / 'coverage'}"
    coverage, quietly = [sys.executable, "-m", "coverage"], ["-n0", "-q", "-p", "no:cacheprovider"]
    of_it = [f"tests/{folder}/test_{name}.py" for folder, names in tests.items() for name in names]
    run = ["run", "--branch", file, f"--source=unseen_server.{floor}", "-m", "pytest"]
    subprocess.run(
        [*coverage, *run, *quietly, "-m", "not slow and not long", *of_it],
        cwd=TOP,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    measured = ",".join(f"server/unseen_server/{floor}/{name}.py" for name in modules)
    wanted = [file, "--show-missing", "--skip-covered", f"--include={measured}"]
    report = subprocess.run([*coverage, "report", *wanted], cwd=TOP, check=True, capture_output=True, text=True).stdout
    assert f"{len(modules)} files skipped due to complete coverage" in report, report
    figure(f"covered in {floor}", int(re.findall(r"(\d+)%", report)[-1]))
