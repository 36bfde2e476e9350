"""What this computer keeps of keys and seals: by itself, beside other programs, and never in the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from unseen import Client, kept

SERVER = "https://unseen.example.edu"


@pytest.fixture
def student(live):
    with Client(live.url, live.token(f"student{uuid4().hex[:12]}")) as client:
        yield client


@pytest.fixture
def sent(student, live):
    return student.submit(live.slug, live.bundle / "sample_submission.csv")


def test_a_submission_from_python_keeps_key_and_seal(student, live, sent):
    assert [key.public_key for key in student.receipt_keys()] == [key.value for key in kept.keys(live.url)]
    assert [one.value for one in kept.seals(live.slug, live.url)] == [sent.seal]
    findings = student.verify(sent, live.bundle / "sample_submission.csv")
    assert [finding.ok for finding in findings] == [True] * 4


def test_a_download_from_python_keeps_the_seal(student, live, tmp_path):
    student.download(live.slug, "test.csv", tmp_path / "data")
    [seal] = student.competition(live.slug).seals
    assert [one.value for one in kept.seals(live.slug, live.url)] == [seal.seal]


def test_where_nothing_can_be_kept_a_submission_and_a_download_are_none_the_worse(student, live, tmp_path, monkeypatch):
    in_the_way = tmp_path / "a file where the folder should be"
    in_the_way.write_text("")
    monkeypatch.setenv("UNSEEN_CONFIG_DIR", str(in_the_way))
    assert student.submit(live.slug, live.bundle / "sample_submission.csv").status == "scored"
    assert student.download(live.slug, "test.csv", tmp_path / "data")


def test_a_damaged_file_does_not_hinder_a_submission_and_stays_as_it_is(student, live, own_settings):
    own_settings.mkdir()
    kept.file().write_text("{")
    assert student.submit(live.slug, live.bundle / "sample_submission.csv").status == "scored"
    assert kept.file().read_text() == "{"


def test_programs_at_the_same_time_lose_nothing_of_each_other(monkeypatch):
    monkeypatch.setattr(kept, "PATIENCE", (100_000, 0.001))
    seals = [f"{number:064x}" for number in range(40)]
    with ThreadPoolExecutor(4) as several:
        list(several.map(lambda seal: kept.keep_seals(SERVER, "lecture", [seal]), seals))
    assert sorted(one.value for one in kept.seals("lecture", SERVER)) == seals


def test_whoever_finds_it_locked_waits_until_the_other_is_done(own_settings):
    own_settings.mkdir()
    lock = own_settings / "published.json.lock"
    lock.touch()
    code = f"from unseen import kept; print('ready', flush=True); kept.keep_keys({SERVER!r}, ['ab' * 32])"
    other = [sys.executable, "-c", f"from unseen import kept; kept.PATIENCE = 100_000, 0.001\n{code}"]
    with subprocess.Popen(other, stdout=subprocess.PIPE) as waiting:
        assert waiting.stdout.readline().strip() == b"ready"
        assert kept.keys(SERVER) == []
        lock.unlink()
        assert waiting.wait(60) == 0
    assert [key.value for key in kept.keys(SERVER)] == ["ab" * 32]
    assert not lock.exists()


def test_the_lock_of_a_program_that_died_is_taken_away(own_settings):
    own_settings.mkdir()
    lock = own_settings / "published.json.lock"
    lock.touch()
    os.utime(lock, (0, 0))
    kept.keep_keys(SERVER, ["ab" * 32])
    assert [key.value for key in kept.keys(SERVER)] == ["ab" * 32]
    assert not lock.exists()


def test_a_lock_that_stays_is_left_alone_and_nothing_is_written(own_settings, monkeypatch):
    monkeypatch.setattr(kept, "PATIENCE", (2, 0.0))
    own_settings.mkdir()
    lock = own_settings / "published.json.lock"
    lock.touch()
    with pytest.raises(OSError, match="lock"):
        kept.keep_keys(SERVER, ["ab" * 32])
    assert lock.exists()
    assert not kept.file().exists()


def test_the_day_something_was_first_seen_stays(own_settings):
    own_settings.mkdir()
    kept.file().write_text(json.dumps({SERVER: {"keys": {"ab" * 32: "2026-01-01"}}}))
    kept.keep_keys(SERVER, ["ab" * 32, "cd" * 32])
    assert kept.keys(SERVER)[0].since == "2026-01-01"
