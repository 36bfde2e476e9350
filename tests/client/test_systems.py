"""What differs between Linux, macOS and Windows: the home folder, byte order marks, consoles that lack characters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from unseen import credentials, opened, output
from unseen.predictions import Sample, to_upload


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("HOME", "USERPROFILE"):  # which one counts depends on the system
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path


def test_a_prediction_file_may_be_named_from_home(home):
    (home / "p.csv").write_bytes(b"id,y\r\n")
    sample = Sample(("id", "y"), ("a",))
    assert to_upload("~/p.csv", names=lambda: sample.names, sample=lambda: sample).content == b"id,y\r\n"


def test_the_settings_may_be_named_from_home(home, monkeypatch):
    monkeypatch.setenv("UNSEEN_CONFIG_DIR", "~/settings")
    credentials.save_settings({"competition": "lecture"})
    assert (home / "settings" / "config.json").exists()


def test_files_are_downloaded_below_home(home, faulty, faults, client):
    entry = {"name": "train.csv", "size": 3, "sha256": None}
    faulty.replies = [faults.answer({"files": [entry]}), faults.Reply(200, b"a,b"), faults.problem(404, "no", "No.")]
    assert client.download("lecture", path="~/data") == [home / "data" / "train.csv"]
    assert (home / "data" / "train.csv").read_bytes() == b"a,b"


@pytest.mark.parametrize("mark", ["\ufeff", "\ufeff".encode().decode("cp1252")])
def test_a_token_that_powershell_pipes_is_understood(mark):
    assert credentials.clean_token(f"{mark}unseen_x\r\n") == "unseen_x"


def test_settings_that_notepad_saved_are_understood(own_settings):
    own_settings.mkdir()
    (own_settings / "config.json").write_bytes(b'\xef\xbb\xbf{"competition": "lecture"}\r\n')
    assert credentials.setting("competition") == "lecture"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp950"])
def test_what_goes_into_a_pipe_is_utf_8_whatever_the_console_has(encoding, faulty, faults):
    credentials.save(faulty.url, "unseen_test")
    faulty.replies = [faults.answer({"competitions": [{"slug": "concrete", "title": "混凝土 – Ångström"}]})]
    done = subprocess.run(
        [sys.executable, "-m", "unseen", "list"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        timeout=60,
        check=True,
    )
    assert "混凝土 – Ångström" in done.stdout.decode()
    assert done.stderr == b""


def test_csv_has_one_line_for_each_row_whatever_is_in_a_cell(capsys):
    output.write_csv(("a", "b"), [{"a": "one\r\ntwo", "b": 'x"y'}])
    assert capsys.readouterr().out.count("\n") == 2


def test_every_file_is_opened_with_its_encoding():
    """A process that warns where a file would be read in the encoding of the system."""
    code = "from unseen import credentials, kept; credentials.save_settings({}); credentials.setting('x'); kept.keys()"
    command = [sys.executable, "-X", "warn_default_encoding", "-W", "error::EncodingWarning", "-c", code]
    subprocess.run(command, check=True, timeout=60, cwd=Path(__file__).parent)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_prediction_file_is_read_whatever_ends_its_lines_and_whatever_an_id_holds(end):
    rows = ["id,minutes", "a\u2028b,1.5", '"c,\n""d""",2.5', ""]
    content = ("\ufeff" + end.join(rows)).encode()
    assert opened.predictions_of(content) == {"a\u2028b": 1.5, 'c,\n"d"': 2.5}
