"""Grades and archives on the command line."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from tests.cli.test_commands import Run, run  # noqa: F401 - a fixture
from tests.installations import Build, Installation
from tests.visitors import send


@pytest.fixture
def made(build: Build, run: Run, monkeypatch: pytest.MonkeyPatch) -> Installation:  # noqa: F811
    """Alice and Bob have submitted; the commands work on this installation."""
    installation = build()
    monkeypatch.setenv("UNSEEN_HOME", str(installation.config.home))
    for n, who in enumerate(("alice", "bob")):
        send(installation, installation.noisy(3.0 + n, n), who)
    return installation


def test_grades_stand_alone_on_standard_output_or_in_a_file(made: Installation, run: Run, tmp_path: Path) -> None:  # noqa: F811
    printed = run("grades", "export", made.slug)
    assert printed.returncode == 0
    assert [row["username"] for row in csv.DictReader(io.StringIO(printed.stdout))] == ["alice", "bob", "carol"]
    out = tmp_path / "canvas.csv"
    assert run("grades", "export", made.slug, "--format", "canvas", "--out", str(out)).stdout == ""
    assert out.read_text(encoding="utf-8").startswith("Student,ID,")
    assert run("grades", "export", made.slug, "--format", "excel").returncode == 2
    assert run("grades", "export", "nothing").returncode == 1


def test_an_archive_is_written_once(made: Installation, run: Run, tmp_path: Path) -> None:  # noqa: F811
    target = tmp_path / "term"
    done = run("archive", made.slug, str(target), "--pseudonymous")
    assert (done.returncode, done.stdout) == (0, "")
    assert (target / "index.html").exists()
    assert len(list((target / "submissions").iterdir())) == 2
    assert "Alice" not in (target / "leaderboard-public.html").read_text(encoding="utf-8")
    again = run("archive", made.slug, str(target))
    assert again.returncode == 1
    assert "already holds something" in again.stderr


def test_an_archive_is_for_its_owners_eyes(made: Installation, run: Run, tmp_path: Path) -> None:  # noqa: F811
    assert run("archive", made.slug, str(tmp_path / "term")).returncode == 0
    assert [path for path in (tmp_path / "term").rglob("*") if path.stat().st_mode & 0o077] == []


def test_the_pages_of_an_archive_can_be_in_the_other_language(made: Installation, run: Run, tmp_path: Path) -> None:  # noqa: F811
    assert run("archive", made.slug, str(tmp_path / "term"), "--language", "zh-Hant").returncode == 0
    page = (tmp_path / "term" / "index.html").read_text(encoding="utf-8")
    assert '<html lang="zh-Hant">' in page
    assert "2026年12月7日" in page
