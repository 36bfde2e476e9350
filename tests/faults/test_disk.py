"""A disk that is full or cannot be written: what cannot be kept is refused and costs nothing, all else goes on."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from tests.faults.student import Student, says_that_nothing_was_counted
from tests.installations import PYTHONS_SQLITE, SQLITE, Installation, install, make_folder, new_sqlite, serving

from unseen_server.config import MEBIBYTE, Config
from unseen_server.db import sqlite
from unseen_server.services import doctor

pytestmark = pytest.mark.usefixtures("sqlite_library")

PAGE = 4096
STEPS = 24  # of free pages: from none to enough for a submission and its journal


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for few files and 8 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=8m,nr_inodes=60", "tmpfs", str(folder)]
    if os.name != "posix" or os.geteuid() != 0 or subprocess.run(mounting, capture_output=True).returncode:
        pytest.skip("no small disk: file systems can be mounted here by nobody, or by the superuser alone")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def installed(home: Path, template: Path, folder: Path) -> Iterator[Installation]:
    now = datetime.now(UTC)
    bundle = make_folder(folder, now=now, daily_limit=2 * STEPS)
    with (
        new_sqlite(home, template) as url,
        closing(install(Config(home=home, database_url=url), bundle, now=now)) as installation,
    ):
        installation.config.secret()
        for who in ("alice", "bob"):
            installation.token(who)
        yield installation


def fill(disk: Path, *, but: int = 0) -> Path:
    """Leave `but` bytes free; what takes the others can be removed again."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(PAGE))
        except OSError:
            file.truncate(file.tell() - but)
    return filler


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Nothing more can be written, for a while."""
    filler = fill(disk)
    yield
    filler.unlink()


@contextmanager
def crowded(disk: Path) -> Iterator[None]:
    """No file more can be made, for a while."""
    others = disk / "others"
    others.mkdir()
    with suppress(OSError):
        for n in count():
            (others / str(n)).touch()
    yield
    shutil.rmtree(others)


def unwell(installation: Installation) -> list[str]:
    """What the doctor finds wrong, but for the size of the disk."""
    found = doctor.examine(installation.config, installation.db)
    return [str(finding.what) for finding in found if not finding.ok and str(finding.what) != "disk"]


@pytest.mark.slow
def test_a_full_disk_takes_no_submission_and_leaves_all_else(
    small_disk: Path, tmp_path: Path, sqlite_template: Path
) -> None:
    with (
        installed(small_disk, sqlite_template, tmp_path) as installation,
        serving(installation) as server,  # its log is on the same disk
        Student(server) as student,
        Student(server, "bob") as newcomer,
    ):
        assert student.get("files/test.csv").status_code == 200
        filler = fill(small_disk)
        refused_and_readable(student, newcomer)
        assert student.get("files/test.csv").status_code == 200  # it had been laid out before
        assert student.get("files/train.csv").status_code == 507
        filler.unlink()
        assert student.upload("once").status_code == 201
        assert student.get("files/train.csv").content == (server.bundle / "train.csv").read_bytes()
        assert unwell(installation) == []


@pytest.mark.slow
def test_a_disk_that_takes_no_more_files_takes_what_needs_none(
    small_disk: Path, tmp_path: Path, sqlite_template: Path
) -> None:
    with (
        installed(small_disk, sqlite_template, tmp_path) as installation,
        serving(installation) as server,
        Student(server) as student,
        Student(server, "bob") as newcomer,
    ):
        with crowded(small_disk):
            if sqlite.journal() == "wal":  # the log is there already
                assert student.upload("once").status_code == 201
                assert newcomer.upload().status_code == 201
            else:
                refused_and_readable(student, newcomer)
        assert student.upload("once").status_code == 201
        assert student.used() == 1
        assert unwell(installation) == []


@pytest.mark.parametrize(
    ("sqlite_library", "filled_up", "killed"),
    [
        (SQLITE, full, False),
        (SQLITE, full, True),
        (SQLITE, crowded, False),
        (PYTHONS_SQLITE, full, False),
        pytest.param(PYTHONS_SQLITE, full, True, marks=pytest.mark.long),  # it has no log
        (PYTHONS_SQLITE, crowded, False),
    ],
    indirect=["sqlite_library"],
)
def test_a_server_that_starts_on_such_a_disk_does_the_same(
    small_disk: Path,
    tmp_path: Path,
    sqlite_template: Path,
    filled_up: Callable[[Path], AbstractContextManager[None]],
    killed: bool,
) -> None:
    """Also where the one before was killed, and its log is all that holds the last submission."""
    with installed(small_disk, sqlite_template, tmp_path) as installation:
        if killed:
            with serving(installation, logs=tmp_path) as server, Student(server) as student:
                assert student.upload().status_code == 201
                installation.close()
                os.killpg(server.process.pid, signal.SIGKILL)
        else:
            sent = {"file": (io.BytesIO(installation.noisy(8.0)), "p.csv")}
            path = f"/api/competitions/{installation.slug}/submissions"
            assert installation.client("alice").post(path, data=sent).status_code == 201
        installation.close()  # else nobody has the database open now, and its log is gone
        with ExitStack() as started:
            with filled_up(small_disk):
                assert examined(installation.config) == ["disk"]
                server = started.enter_context(serving(installation, logs=tmp_path))
                student, newcomer = (started.enter_context(Student(server, who)) for who in ("alice", "bob"))
                if filled_up is full:
                    refused_and_readable(student, newcomer, used=1)
                else:
                    assert set(student.look_around().values()) == {200}
            assert student.upload("once").status_code == 201
            assert student.used() == 2
        assert unwell(installation) == []


def examined(config: Config) -> list[str]:
    """What `unseen-server doctor` finds wrong."""
    place = {"UNSEEN_HOME": str(config.home), "UNSEEN_DATABASE_URL": config.database_url}
    command = [sys.executable, "-m", "unseen_server", "doctor", "--format", "json"]
    done = subprocess.run(command, env={**os.environ, **place}, capture_output=True, text=True, timeout=60)
    return [finding["what"] for finding in json.loads(done.stdout) if not finding["ok"]]


def refused_and_readable(student: Student, newcomer: Student, used: int = 0) -> None:
    """An upload is refused and costs nothing; everybody reads, also who had never asked before."""
    reply = student.upload("once")
    assert reply.status_code in (503, 507)
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert says_that_nothing_was_counted(reply)
    for somebody in (student, newcomer):
        statuses = somebody.look_around()
        assert statuses == dict.fromkeys(statuses, 200)
    assert (student.used(), newcomer.used()) == (used, 0)


@pytest.mark.slow
def test_wherever_in_a_submission_the_disk_fills_up_it_counts_or_does_not(
    small_disk: Path, tmp_path: Path, sqlite_template: Path
) -> None:
    with (
        installed(small_disk, sqlite_template, tmp_path / "bundle") as installation,
        serving(installation, logs=tmp_path) as server,
        Student(server) as student,
    ):
        assert student.upload().status_code == 201
        statuses = []
        for pages in range(STEPS):
            fill(small_disk, but=pages * PAGE)
            statuses.append(student.upload().status_code)
            assert student.used() == 1 + statuses.count(201)
        assert (statuses[0], statuses[-1], set(statuses)) == (507, 201, {507, 201})
        assert unwell(installation) == []


@pytest.mark.slow
def test_small_files_count_while_there_is_no_room_for_large_ones(
    small_disk: Path, tmp_path: Path, sqlite_template: Path
) -> None:
    large = bytes(2 * MEBIBYTE)
    with (
        installed(tmp_path, sqlite_template, tmp_path) as installation,
        serving(installation, processes=1, TMPDIR=str(small_disk)) as server,
        Student(server) as student,
    ):
        assert student.upload(content=large).status_code == 413  # after it had lain among the temporary files
        filler = fill(small_disk)
        reply = student.upload(content=large)
        assert reply.status_code in (503, 507)
        assert says_that_nothing_was_counted(reply)
        assert student.upload().status_code == 201
        filler.unlink()
        assert student.upload(content=large).status_code == 413
        assert student.used() == 1


@pytest.mark.slow
def test_an_installation_that_can_only_be_read_shows_its_boards(
    small_disk: Path, tmp_path: Path, sqlite_template: Path
) -> None:
    with installed(small_disk, sqlite_template, tmp_path) as installation:
        installation.close()
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        with serving(installation, logs=tmp_path) as server, Student(server) as student:
            reply = student.upload("once")
            assert reply.status_code in (503, 507)
            assert says_that_nothing_was_counted(reply)
            statuses = student.look_around()
            assert statuses == dict.fromkeys(statuses, 200)
            subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
            assert student.upload("once").status_code == 201
            assert student.used() == 1
        assert unwell(installation) == []


def test_a_key_that_a_full_disk_cannot_hold_is_made_another_time(small_disk: Path) -> None:
    config = Config(home=small_disk, database_url="sqlite://")
    with full(small_disk), pytest.raises(OSError, match="No space left"):
        config.secret()
    assert len(config.secret()) == 43


@pytest.fixture
def failing_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own that can be made to fail, after which it is only read: see `fail`."""
    image, folder = tmp_path / "image", tmp_path / "failing"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(32 * MEBIBYTE)
    making = (["mkfs.ext4", "-q", str(image)], ["mount", "-o", "loop", str(image), str(folder)])
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
        pytest.skip("no disk that can fail: file systems can be made and mounted here by nobody")
    if any(subprocess.run(command, capture_output=True).returncode for command in making):
        pytest.skip("no disk that can fail: a file cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fail(disk: Path) -> None:
    """As it does when the kernel finds an error, also while files are open for writing."""
    subprocess.run(["mount", "-o", "remount,abort", str(disk)], check=True)


@pytest.mark.slow
def test_on_a_disk_that_fails_meanwhile_what_was_stored_can_be_read(
    failing_disk: Path, tmp_path: Path, sqlite_template: Path
) -> None:
    with installed(failing_disk, sqlite_template, tmp_path) as installation:
        with serving(installation, logs=tmp_path) as server, Student(server) as student, Student(server, "bob") as new:
            assert student.upload().status_code == 201
            fail(failing_disk)
            refused_and_readable(student, new, used=1)
            installation.close()
            os.killpg(server.process.pid, signal.SIGKILL)
        with serving(installation, logs=tmp_path) as server, Student(server) as student, Student(server, "bob") as new:
            refused_and_readable(student, new, used=1)
