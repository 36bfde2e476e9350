"""The command without a server: its help, its exit codes, where it writes, and what it imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import click
import pytest

from unseen import cli, credentials

LISTED = ("list", "files", "download", "submit", "submissions", "leaderboard", "limits", "select", "validate")


def unseen(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "unseen", *args],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


@pytest.fixture
def logged_in(faulty):
    credentials.save(faulty.url, "unseen_test")
    return faulty


def test_help_exits_0_and_names_every_command():
    done = unseen("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    assert all(f"  {name} " in done.stdout for name in (*LISTED, "login", "logout", "whoami", "config", "competitions"))


@pytest.mark.parametrize("name", LISTED)
def test_each_command_works_in_its_group_under_its_alias_and_alone(name, capsys):
    for path in (["competitions", name], ["c", name], [name]):
        assert cli.run([*path, "--help"]) == 0
    assert capsys.readouterr().out.count("Usage: unseen") == 3


def test_starting_imports_nothing_heavy():
    code = "import sys; from unseen import cli; cli.run(['--help']); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "click" in modules
    assert not {"numpy", "pandas", "httpx2", "rich", "platformdirs"} & set(modules)


def test_submitting_imports_neither_numpy_nor_pandas(logged_in, faults, tmp_path):
    logged_in.replies = [faults.answer(faults.RECEIPT, 201)]
    (tmp_path / "p.csv").write_text("id,y\n")
    code = "import sys; from unseen import cli; cli.run(sys.argv[1:]); print(*sys.modules)"
    command = [sys.executable, "-c", code, "submit", "p.csv", "lecture"]
    modules = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()
    assert logged_in.seen
    assert "httpx2" in modules
    assert not {"numpy", "pandas"} & set(modules)


def test_an_unknown_command_is_answered_with_the_nearest_and_with_all(capsys):
    assert cli.run(["leaderbord"]) == 2
    told = capsys.readouterr()
    assert "“leaderboard”" in told.err
    assert "validate" in told.err
    assert told.out == ""


def test_without_a_log_in_the_exit_code_is_4_and_the_sentence_says_how(capsys):
    assert cli.run(["list"]) == 4
    assert "unseen login" in capsys.readouterr().err


@pytest.mark.parametrize(
    "args",
    [
        *(["files"], ["submit"], ["submit", "a.csv"], ["validate"], ["select"], ["leaderboard", "x", "-c", "y"]),
        *(
            ["submit", "a", "b", "c"],
            ["select", "x", "y"],
            ["select", "x", "1", "--clear"],
            ["list", "--format", "xml"],
        ),
        *(["config", "set", "colour", "red"], ["submissions", "x", "-n", "0"], ["login"], ["login", "x.example"], []),
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_2_and_leaves_standard_output_alone(args, capsys):
    assert cli.run(args) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err


def test_a_missing_file_is_a_sentence_and_exits_1(logged_in, capsys):
    assert cli.run(["submit", "nowhere.csv", "lecture"]) == 1
    assert "There is no file nowhere.csv" in capsys.readouterr().err
    assert logged_in.seen == []


def test_an_unforeseen_fault_is_a_sentence_and_no_traceback(logged_in, monkeypatch, capsys):
    def fall_over(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("unseen.client.Client.competitions", fall_over)
    assert cli.run(["list"]) == 1
    told = capsys.readouterr().err
    assert "ZeroDivisionError: oh" in told
    assert "Traceback" not in told


def test_an_interruption_exits_130_and_tells_how_to_learn_the_outcome(logged_in, monkeypatch, tmp_path, capsys):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("unseen.client.Client.submit", interrupt)
    assert cli.run(["submit", "p.csv", "lecture", "--key", "abc"]) == 130
    assert "--key abc" in capsys.readouterr().err


def test_an_unknown_outcome_is_told_with_the_key(logged_in, faults, tmp_path, capsys):
    logged_in.replies = [faults.Reply(lost=True)]
    (tmp_path / "p.csv").write_text("id,y\n")
    assert cli.run(["submit", str(tmp_path / "p.csv"), "lecture"]) == 1
    assert f"--key {logged_in.seen[0].headers['Idempotency-Key']}" in capsys.readouterr().err


def test_a_refusal_tells_each_problem_with_its_line_and_what_next(logged_in, faults, tmp_path, capsys):
    errors = [{"code": "bad", "message": "`1,5` looks like a decimal comma; write 1.5", "line": 7, "id": "a"}]
    detail = f"The file was not accepted and cost no submission. {errors[0]['message']}"
    logged_in.replies = [faults.problem(400, "bad_file", detail, errors=errors)]
    (tmp_path / "p.csv").write_text("id,y\n")
    assert cli.run(["submit", str(tmp_path / "p.csv"), "lecture"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("decimal comma") == 1
    assert "line 7: `1,5` looks like" in told.err
    assert f"unseen validate {tmp_path / 'p.csv'} lecture" in told.err


def test_what_others_wrote_cannot_drive_the_terminal(logged_in, faults, capsys):
    entries = [{"team": "[red]evil\x1b[31m", "rank": 1, "score": 0.1, "entries": 1}]
    board = faults.answer({"competition": "lecture", "direction": "lower", "entries": entries})
    logged_in.replies = [board, faults.answer({"username": "alice"}), board]
    assert cli.run(["leaderboard", "lecture"]) == 0
    assert cli.run(["leaderboard", "lecture", "--format", "csv"]) == 0
    told = capsys.readouterr().out
    assert told.count("[red]evil") == 2
    assert "\x1b" not in told


def test_a_board_says_who_is_tied_and_between_which_ranks(logged_in, faults, capsys):
    note = "1st is not significantly better than 2nd."
    said = [([0.0, 0.0], True, [1, 2]), ([-0.1, 0.3], True, [1, 2]), ([0.5, 0.9], False, [3, 3])]
    entries = [
        {"team": f"team{n}", "rank": n, "score": 0.1 * n, "behind_leader": b, "tied_with_leader": t, "rank_interval": r}
        for n, (b, t, r) in enumerate(said, start=1)
    ]
    board = faults.answer({"direction": "lower", "note": note, "entries": entries})
    logged_in.replies = [board, faults.answer({"username": "alice"}), board]
    assert cli.run(["leaderboard", "lecture"]) == 0
    told = capsys.readouterr()
    rows = [line.split() for line in told.out.splitlines() if "team" in line and "rank" not in line]
    assert [row[3:5] if "tied" in row else row[3:4] for row in rows] == [["tied", "1-2"], ["tied", "1-2"], ["3"]]
    assert note in told.err
    assert cli.run(["leaderboard", "lecture", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["entries"] == entries


def test_a_private_board_says_who_rose_in_place_of_who_came_last(logged_in, faults, capsys):
    entry = {"team": "one", "rank": 1, "previous_rank": 3, "score": 16.31886847905858, "entries": 5}
    dated = {**entry, "last_submission_at": "2026-12-01T00:00:00Z"}
    logged_in.replies = [faults.answer({"direction": "lower", "entries": [dated]}), faults.answer({"username": "a"})]
    assert cli.run(["leaderboard", "lecture"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["rank", "change", "team", "score", "entries"]
    assert rows[-1].split() == ["1", "+2", "one", "16.31886847905858", "5"]


def test_beyond_a_terminal_there_is_no_bar_no_colour_and_no_cut(logged_in, faults):
    entries = [{"team": "team " * 40 + "end", "rank": 1, "score": 0.1, "entries": 1, "is_baseline": False}]
    logged_in.replies = [faults.answer({"direction": "lower", "entries": entries}), faults.answer({"username": "a"})]
    done = unseen("leaderboard", "lecture", COLUMNS="")
    assert "team end" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.slow
def test_output_is_utf8_in_a_pipe_whatever_the_locale(logged_in, faults):
    logged_in.replies = [faults.answer({"competitions": [{"slug": "x", "title": "混凝土"}]})]
    for form in ("table", "csv"):
        assert "混凝土" in unseen("list", "--format", form, LC_ALL="C", PYTHONIOENCODING="ascii").stdout


def test_settings_are_kept_shown_and_forgotten(capsys):
    assert cli.run(["config", "set", "competition", "lecture"]) == 0
    assert cli.run(["config", "show", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["competition"] == "lecture"
    assert cli.run(["config", "unset", "competition"]) == 0
    assert cli.run(["config", "show", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["competition"] is None


def test_the_folder_of_the_settings_can_be_asked_for(own_settings, capsys):
    assert cli.run(["config", "path"]) == 0
    assert capsys.readouterr().out == f"{own_settings}\n"


@pytest.mark.parametrize("args", [("p.csv", "x"), ("x", "p.csv"), ("p.csv",)])
def test_file_and_competition_may_stand_in_either_order(args, tmp_path, monkeypatch):
    (tmp_path / "p.csv").touch()
    monkeypatch.chdir(tmp_path)
    assert cli.file_and_slug(args, None, None if len(args) == 2 else "x") == ("p.csv", "x")


def test_with_f_the_argument_is_the_competition():
    assert cli.file_and_slug(("x",), "p.csv", None) == ("p.csv", "x")


def test_a_submission_is_named_by_digits_alone(monkeypatch):
    assert cli.slug_and_refs(("x", "1", "2"), None) == ("x", [1, 2])
    monkeypatch.setenv("UNSEEN_COMPETITION", "y")
    assert cli.slug_and_refs(("1", "2"), None) == ("y", [1, 2])
    with pytest.raises(click.UsageError):
        cli.slug_and_refs(("x", "one"), None)
