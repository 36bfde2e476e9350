"""What Tab offers: commands, competitions, files and submissions, in a real bash, and never a complaint."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from click.shell_completion import BashComplete

from unseen import Client, cli, completion, credentials


def offered(line: str) -> list[str]:
    """What the shell would be told for the last word of `unseen ...`."""
    *before, incomplete = line.split(" ")
    found = BashComplete(cli.cli, {}, "unseen", "_UNSEEN_COMPLETE").get_completions(before, incomplete)
    return [item.value if item.type == "plain" else f"({item.type})" for item in found]


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    monkeypatch.setattr(completion, "PATIENCE", 60.0)


@pytest.fixture
def student(live):
    token = live.token(f"student{uuid4().hex[:12]}")
    credentials.save(live.url, token)
    with Client(live.url, token) as client:
        yield client


@pytest.fixture
def sent(student, live):
    return str(student.submit(live.slug, live.bundle / "sample_submission.csv").ref)


@pytest.mark.parametrize(
    "line", ["leaderboard ", "leaderboard lec", "c files l", "download -c ", "limits --competition ", "select "]
)
def test_competitions_are_offered(student, live, line):
    assert offered(line) == [live.slug]


def test_commands_are_offered(student):
    assert set(offered("subm")) == {"submit", "submissions"}
    assert set(offered("competitions subm")) == {"submit", "submissions"}


def test_files_of_the_competition_are_offered(student, live):
    assert offered(f"download {live.slug} -f t") == ["test.csv", "train.csv"]
    assert offered("download -f t") == []
    credentials.save_settings({"competition": live.slug})
    assert offered("download -f t") == ["test.csv", "train.csv"]


def test_submissions_are_offered(student, live, sent):
    assert offered(f"select {live.slug} ") == [sent]
    assert offered(f"select -c {live.slug} ") == [sent]
    credentials.save_settings({"competition": live.slug})
    assert offered("receipt ") == [sent]
    assert offered("select ") == [live.slug, sent]


def test_a_file_comes_first_and_then_the_competition(student, live, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "predictions.csv").touch()
    assert offered("submit ") == ["(file)"]
    assert offered("submit pred") == ["(file)"]
    assert offered("submit lec") == [live.slug]
    assert offered("submit predictions.csv ") == [live.slug]
    assert offered("submit -f predictions.csv ") == [live.slug]
    assert offered(f"submit {live.slug} ") == ["(file)"]
    assert offered("validate predictions.csv l") == [live.slug]


def test_the_server_is_asked_once_for_a_while(faulty, faults):
    credentials.save(faulty.url, "unseen_test")
    faulty.replies = [faults.answer({"competitions": [{"slug": "lecture"}, {"slug": "concrete"}]})]
    assert offered("leaderboard ") == ["lecture", "concrete"]
    assert offered("leaderboard c") == ["concrete"]
    assert len(faulty.seen) == 1


def test_what_was_learnt_before_is_offered_where_nothing_answers(faulty, faults, monkeypatch):
    credentials.save(faulty.url, "unseen_test")
    faulty.replies = [faults.answer({"competitions": [{"slug": "lecture"}]}), faults.problem(403, "no", "No.")]
    assert offered("leaderboard ") == ["lecture"]
    monkeypatch.setattr(completion, "FRESH", 0.0)
    assert completion.known("competitions", lambda client: [], fresh=300.0) == [("lecture", "")]
    old = json.loads(completion.cache_file().read_text())
    completion.cache_file().write_text(json.dumps({place: {**entry, "at": 0} for place, entry in old.items()}))
    assert offered("leaderboard ") == ["lecture"]
    assert len(faulty.seen) == 2


def test_nothing_that_the_shell_would_expand_is_offered(faulty, faults):
    credentials.save(faulty.url, "unseen_test")
    slugs = ["$(touch x)", "`x`", "a b", "a;b", "*", "~", "a\nb", "lecture"]
    faulty.replies = [faults.answer({"competitions": [{"slug": slug, "title": "\x1b[31m\n"} for slug in slugs]})]
    assert offered("leaderboard ") == ["lecture"]


@pytest.mark.parametrize("damage", ["{", "[]", '{"place": 3}', '{"place": {"at": "x", "found": 3}}'])
def test_a_damaged_cache_is_written_anew(student, live, damage):
    completion.cache_file().parent.mkdir(parents=True)
    completion.cache_file().write_text(damage.replace("place", f"{live.url} competitions"))
    assert offered("leaderboard ") == [live.slug]
    assert live.slug in completion.cache_file().read_text()


def test_no_token_is_written_to_the_cache(student, live):
    offered("leaderboard ")
    assert credentials.find().token not in completion.cache_file().read_text()


# the shells


def unseen(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "unseen", *args],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        timeout=60,
    )


def asked(line: str, shell: str = "bash") -> subprocess.CompletedProcess[str]:
    """The program as a shell's script runs it."""
    words = ["unseen", *line.split(" ")]
    asking = {"_UNSEEN_COMPLETE": f"{shell}_complete", "COMP_WORDS": "\n".join(words)}
    return unseen(**asking, COMP_CWORD=words[-1] if shell == "fish" else str(len(words) - 1))


@pytest.fixture
def a_name_that_is_not_there():
    return "https://nowhere.invalid"


@pytest.fixture
def one_that_never_answers():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("where", ["a_name_that_is_not_there", "one_that_never_answers"])
@pytest.mark.parametrize("line", ["leaderboard ", "download lecture -f ", "select lecture "])
def test_where_nothing_answers_nothing_is_said(where, line, request):
    credentials.save(request.getfixturevalue(where), "unseen_test")
    done = asked(line)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


@pytest.mark.parametrize("line", ["leaderboard ", "receipt ", "select lecture ", "config set x "])
def test_without_a_log_in_nothing_is_said(line):
    done = asked(line)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def test_a_command_there_is_not_is_no_reason_to_complain():
    assert asked("nonsense ").stderr == ""


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_told_the_title_too(faulty, faults, shell):
    credentials.save(faulty.url, "unseen_test")
    faulty.replies = [faults.answer({"competitions": [{"slug": "lecture", "title": "Lectures"}]})]
    offered("leaderboard ")
    told = asked("leaderboard l", shell).stdout
    assert "lecture" in told
    assert "Lectures" in told


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_printed_and_its_installation_told(shell):
    done = unseen("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"_UNSEEN_COMPLETE={shell}_complete" in done.stdout
    assert f"unseen completion {shell}" in unseen("completion", "--help").stdout


def test_another_shell_is_answered_with_those_there_are():
    done = unseen("completion", "powershell")
    assert done.returncode == 2
    assert "bash" in done.stderr
    assert "fish" in done.stderr


BASH = """
PATH="$1:$PATH"
eval "$(unseen completion bash)"
COMP_WORDS=(unseen leaderboard le) COMP_CWORD=2
_unseen_completion unseen
echo "${COMPREPLY[@]}"
complete -p unseen
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.skipif(not Path(sys.executable).with_name("unseen").exists(), reason="`unseen` is not installed here")
def test_bash_completes_a_competition(student, live):
    offered("leaderboard ")  # so that nothing depends on how fast this machine is now
    command = ["bash", "--norc", "-c", BASH, "bash", str(Path(sys.executable).parent)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    completed, registered = done.stdout.splitlines()
    assert completed == live.slug
    assert "_unseen_completion" in registered
    assert done.stderr == ""
