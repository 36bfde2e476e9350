"""The instructor's command line, as a script uses it."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.installations import labelled_rows

from unseen_server.cli import main
from unseen_server.core.errors import WrongPassword
from unseen_server.db.session import Database
from unseen_server.services import browser_sessions, passwords


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """`run("user", "add", "alice")`: the command in a home of its own; standard input is empty unless given."""
    monkeypatch.setenv("UNSEEN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("UNSEEN_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    mask = os.umask(0o022)

    def run_(*arguments: str, given: str = "") -> Done:
        monkeypatch.setattr(sys, "argv", ["unseen-server", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        code = 0
        try:
            main()
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        printed = capsys.readouterr()
        return Done(code, printed.out, printed.err)

    yield run_
    os.umask(mask)


@pytest.fixture
def labelled(tmp_path: Path) -> str:
    rows = "".join(f"{pages},{words:g},{minutes}\n" for pages, words, minutes in labelled_rows())
    (tmp_path / "labelled.csv").write_text("pages,words,minutes\n" + rows)
    return "labelled.csv"


def answer(done: Done) -> dict[str, object]:
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_labelled_csv_becomes_a_competition_by_commands_alone(run: Run, labelled: str, tmp_path: Path) -> None:
    assert answer(run("init", "--format", "json"))["password"]
    assert run("course", "add", "ml", "--title", "Machine learning", "--time-zone", "Asia/Taipei").returncode == 0
    made = answer(run("competition", "init", "talks", "--from", labelled, "--target", "minutes", "--format", "json"))
    assert made["rows"] == {"test": 36, "public": 11, "private": 25}
    assert run("competition", "check", "talks").returncode == 0
    assert answer(run("competition", "create", "talks", "--format", "json"))["phase"] == "draft"
    launched = answer(run("competition", "launch", "talks", "--format", "json"))
    assert (launched["phase"], len(str(launched["seal"]))) == ("open", 64)
    simple = str(tmp_path / "talks" / "sample_submission.csv")
    added = answer(run("baseline", "add", "talks", simple, "--name", "Mean", "--tier", "simple", "--format", "json"))
    assert added["tier"] == "simple"
    assert "Refused" in run("reveal", "talks").stderr
    assert answer(run("competition", "close", "talks", "--format", "json"))["phase"] == "closed"
    board = answer(run("reveal", "talks", "--format", "json"))
    assert [entry["team"] for entry in board["entries"]] == ["Mean"]  # type: ignore[attr-defined]
    listed = json.loads(run("competition", "list", "--format", "json").stdout)
    assert [competition["phase"] for competition in listed] == ["revealed"]
    assert run("doctor").returncode == 0


def test_a_token_stands_alone_on_standard_output(run: Run) -> None:
    run("init")
    assert run("user", "add", "alice").returncode == 0
    done = run("token", "issue", "alice")
    assert done.stdout.startswith("unseen_")
    assert len(done.stdout.split()) == 1


def test_a_password_can_be_given_and_is_then_not_printed(run: Run) -> None:
    done = run("init", "--admin", "prof", "--password-stdin", given="a good password\n")
    assert done.returncode == 0
    assert "a good password" not in done.stdout + done.stderr
    assert "at least 8" in run("user", "add", "eve", "--password-stdin", given="short\n").stderr


def test_nothing_works_before_init_and_init_works_once(run: Run) -> None:
    assert "unseen-server init" in run("course", "list").stderr
    assert run("init").returncode == 0
    again = run("init")
    assert (again.returncode, again.stdout) == (1, "")


@pytest.mark.parametrize("wrong", [["--admin", "not a name"], ["--password-stdin"]])
def test_an_init_that_is_refused_leaves_nothing_half_made(run: Run, wrong: list[str]) -> None:
    assert run("init", *wrong, given="short\n").returncode == 1
    assert run("init").returncode == 0


def test_a_database_elsewhere_is_an_installation_too(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_DATABASE_URL", f"sqlite:///{tmp_path / 'elsewhere.db'}")
    assert "unseen-server init" in run("course", "list").stderr
    assert run("init").returncode == 0
    assert run("course", "list").returncode == 0


def test_a_database_that_does_not_answer_is_quoted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    done = run("course", "list")
    assert done.returncode == 1
    assert "port 1" in done.stderr


def test_a_missing_driver_is_named_with_what_brings_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSEEN_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    done = run("course", "list")
    assert done.returncode == 1
    assert "unseen[cluster]" in done.stderr


def test_an_upgrade_makes_no_installation_without_an_instructor(run: Run) -> None:
    assert "unseen-server init" in run("upgrade").stderr
    assert run("init").returncode == 0
    assert "up to date" in run("upgrade").stderr


def test_a_student_of_the_roster_signs_in_once_a_password_is_made(run: Run, tmp_path: Path) -> None:
    run("init")
    run("course", "add", "ml", "--title", "ML")
    (tmp_path / "students.csv").write_text(ROSTER)
    run("roster", "import", "ml", "students.csv")
    made = str(answer(run("user", "password", "b01", "--format", "json"))["password"])
    with closing(Database(f"sqlite:///{tmp_path / 'home' / 'unseen.db'}")) as db:
        place = {"name": "b01", "address": "here", "now": datetime.now(UTC)}
        old = passwords.sign_in(db, password=made, **place)
        assert run("user", "password", "b01", "--password-stdin", given="another one\n").stdout == "user      b01\n"
        with pytest.raises(WrongPassword):
            passwords.sign_in(db, password=made, **place)
        assert browser_sessions.principal_of_session(db, old.secret, place["now"]) is None
        assert passwords.sign_in(db, password="another one", **place)


def test_what_is_written_is_for_its_owner_alone(run: Run, tmp_path: Path, labelled: str) -> None:
    run("init")
    run("competition", "init", "talks", "--from", labelled, "--target", "minutes")
    for file in (
        tmp_path / "home" / "unseen.db",
        tmp_path / "home" / "secret_key",
        tmp_path / "talks" / "solution.csv",
    ):
        assert file.stat().st_mode & 0o077 == 0, file


ROSTER = (
    "username,email,name,student_id,display_name\nb01,b01@example.edu,Ann,B01,Ann A.\nb02,b02@example.edu,Bo,B02,\n"
)


def test_a_roster_is_imported_whole_and_again_without_harm(run: Run, tmp_path: Path) -> None:
    run("init")
    run("course", "add", "ml", "--title", "ML")
    (tmp_path / "students.csv").write_text(ROSTER)
    dry = answer(run("roster", "import", "ml", "students.csv", "--dry-run", "--format", "json"))
    assert answer(run("roster", "import", "ml", "students.csv", "--format", "json")) == dry
    again = answer(run("roster", "import", "ml", "students.csv", "--format", "json"))
    assert (again["added"], again["unchanged"]) == ([], ["b01", "b02"])


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("b03,not an address,Cy,B03,\n", "is not an e-mail address"),
        ("b01,other@example.edu,Ann,B01,\n", "stands in line 2 already"),
        ("b 3,b03@example.edu,Cy,B03,\n", "cannot be a user name"),
        ("b03,b01@example.edu,Cy,B03,\n", "already belongs"),
        ("b03,b03@example.edu,Cy,B03,Cy,more\n", "more fields than columns"),
        pytest.param(f"b03,b03@example.edu,{'C' * 10_000_001},B03,\n", "field larger than", id="a field without end"),
    ],
)
def test_one_bad_row_keeps_the_whole_roster_out(run: Run, tmp_path: Path, bad: str, said: str) -> None:
    run("init")
    run("course", "add", "ml", "--title", "ML")
    (tmp_path / "students.csv").write_text(ROSTER + bad)
    done = run("roster", "import", "ml", "students.csv")
    assert done.returncode == 1
    assert "Line 4" in done.stderr
    assert said in done.stderr
    assert run("user", "add", "b01", "--course", "ml", "--format", "json").returncode == 0


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["course", "add", "Not A Slug", "--title", "x"], 1),
        (["course", "add", "ml"], 2),
        (["user", "add", "a", "--role", "king"], 2),
        (["token", "issue", "nobody"], 1),
        (["competition", "launch", "nothing"], 1),
        (["competition", "check", "nowhere"], 1),
        (["nonsense"], 2),
    ],
)
def test_a_refusal_exits_with_1_and_a_wrong_call_with_2(run: Run, command: list[str], code: int) -> None:
    run("init")
    done = run(*command)
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr
    assert "Traceback" not in done.stderr
