"""The people of a course, on the command line."""

from __future__ import annotations

from pathlib import Path

from tests.cli.test_commands import ROSTER, Run, answer
from tests.cli.test_commands import run as run


def test_people_are_listed_promoted_taken_out_and_erased(run: Run, tmp_path: Path) -> None:
    run("init")
    run("course", "add", "ml", "--title", "ML")
    (tmp_path / "students.csv").write_text(ROSTER)
    run("roster", "import", "ml", "students.csv")
    assert [one["username"] for one in answer(run("people", "list", "ml", "--format", "json"))] == ["b01", "b02"]
    assert run("people", "role", "ml", "b02", "instructor").returncode == 0
    listed = run("people", "list", "ml", "--search", "bo").stdout
    assert "instructor" in listed
    assert "b01" not in listed
    assert "last instructor" in run("people", "remove", "ml", "b02").stderr
    assert run("people", "remove", "ml", "b01").returncode == 0
    assert answer(run("people", "erase", "b01", "--format", "json"))["username"] == "b01"
    assert run("people", "erase", "b01", "--confirm", "b02").returncode == 1
    assert run("people", "erase", "b01", "--confirm", "b01").stdout.startswith("removed-")
    assert run("people", "erase", "b01").returncode == 1


def test_a_list_of_another_system_is_imported_and_differences_are_said(run: Run, tmp_path: Path) -> None:
    run("init")
    run("course", "add", "ml", "--title", "ML")
    (tmp_path / "cool.csv").write_bytes("學號;姓名;電子郵件\nB01;王小明;b01@ntu.edu.tw\n".encode("big5"))
    assert answer(run("roster", "import", "ml", "cool.csv", "--format", "json"))["added"] == ["b01"]
    (tmp_path / "cool.csv").write_text("學號,姓名,信箱\nB01,王大明,b01@ntu.edu.tw\n")
    done = run("roster", "import", "ml", "cool.csv")
    assert "b01: name is “王小明” here and “王大明” in the list" in done.stderr
