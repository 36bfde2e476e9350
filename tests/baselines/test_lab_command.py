"""`unseen-baselines lab`: on a server of its own, which is gone afterwards, or on one that is named."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from click.testing import CliRunner, Result

from unseen import Client
from unseen_baselines import lab_attacks, lab_findings
from unseen_baselines.__main__ import ATTACKS, RELEASES, main
from unseen_baselines.lab_trial import trial

FEW = ("--attack", "oracle", "--release", "full", "--seeds", "3")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["lab", *arguments])


@pytest.mark.slow
def test_a_named_server_gets_a_scratch_competition_that_is_closed_again(server):
    done = run(*FEW, "--url", server.url, "--token", server.token("teacher"), "--course", "ml", "--format", "json")
    assert done.exit_code == 0, done.stderr
    [found] = json.loads(done.stdout)
    assert (found["attack"], found["release"], found["seed"], found["uploads"]) == ("oracle", "full", 3, 5)
    assert found["furthest_label"] == 0
    with Client(server.url, server.token("teacher")) as client:
        phases = [each.phase for each in client.competitions() if each.slug.startswith("lab-")]
    assert set(phases) == {"closed"}


@pytest.mark.slow
def test_the_picture_and_the_table_need_no_attack_in_particular(server, tmp_path):
    named = ("--url", server.url, "--token", server.token("teacher"), "--course", "ml")
    done = run(*FEW, *named, "--out", str(tmp_path / "pictures"))
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[1].split()[:3] == ["oracle", "full", "5"]
    assert (tmp_path / "pictures" / "lab.svg").is_file()


@pytest.mark.slow
def test_without_a_server_it_starts_its_own_touches_no_other_and_removes_it(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("UNSEEN_HOME", str(tmp_path / "untouched"))
    monkeypatch.setenv("UNSEEN_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    done = run(*FEW, "--format", "json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)[0]["furthest_label"] == 0
    assert not (tmp_path / "untouched").exists()
    assert not list((tmp_path / "temporary").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_interrupted_it_leaves_no_server_and_no_folder(tmp_path, how):
    words = [sys.executable, "-m", "unseen_baselines", "lab", "--attack", "decode", "--seeds", "0-100"]
    with subprocess.Popen(
        words,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stderr=subprocess.DEVNULL,
        # a shell's background jobs, and all they start, are deaf to Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as lab:
        try:
            server = its_server(lab)
            time.sleep(0.5)
            lab.send_signal(how)
            assert lab.wait(30) != 0
        finally:
            lab.kill()
    assert not server.is_running()
    assert not list(Path(tmp_path).iterdir())


def its_server(lab: subprocess.Popen[bytes]) -> psutil.Process:
    """The server that it starts, as soon as it is there."""
    patience = time.monotonic() + 120
    while time.monotonic() < patience:
        time.sleep(0.1)
        with suppress(psutil.Error):  # one of the commands before it has just ended
            for child in psutil.Process(lab.pid).children():
                if "serve" in child.cmdline():
                    return child
    raise AssertionError("it started no server")


def test_where_no_server_is_installed_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    done = run("--quick")
    assert done.exit_code == 1
    assert 'pip install "unseen[server]"' in done.stderr


def test_a_server_without_a_token_is_a_wrong_use():
    assert run("--url", "http://127.0.0.1:1").exit_code == 2


def test_a_server_that_does_not_answer_is_a_sentence():
    done = run(*FEW, "--url", "http://127.0.0.1:1", "--token", "unseen_x")
    assert done.exit_code == 1
    assert "http://127.0.0.1:1 cannot be reached" in done.stderr


@pytest.mark.slow
def test_an_attack_that_is_for_another_release_or_more_teams_leaves_nothing_to_play(server):
    named = ("--url", server.url, "--token", server.token("teacher"))
    for words in (("groups", "--release", "full"), ("coalition", "--release", "ladder")):
        done = run("--attack", *words, *named)
        assert done.exit_code == 1
        assert "nothing to play" in done.stderr


@pytest.mark.slow
def test_a_student_may_not_make_scratch_competitions(server):
    done = run(*FEW, "--url", server.url, "--token", server.token("alice"))
    assert done.exit_code == 1
    assert "instructor" in done.stderr


@pytest.mark.parametrize("text", ["x", "4-0", "-1", "0-4-5", "", "0-99999"])
def test_seeds_are_one_number_or_a_range(text):
    assert run("--seeds", text).exit_code == 2


def test_the_command_knows_every_attack_and_every_release():
    assert tuple(lab_attacks.ATTACKS) == ATTACKS
    assert lab_findings.RELEASES == RELEASES


def test_a_seed_gives_the_data_of_the_specification():
    rng = np.random.default_rng(4)
    g, r = rng.standard_normal(600), rng.standard_normal(600)
    made = trial(4)
    assert np.array_equal(made.y, np.clip(10 + 2 * g + 2 * r, 0, 20))
    assert np.array_equal(made.honest, np.clip(10 + 2 * g, 0, 20))
    assert made.public.sum() == 200
    assert made.excess(made.honest) == 0
