"""Power may fail at any moment: what a reply acknowledges has reached the disk before the reply is sent."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from tests.faults.student import Student
from tests.installations import Installation, install, make_folder, new_sqlite, serving

from unseen_server.config import Config
from unseen_server.db import sqlite

CALLS = "fsync,fdatasync,unlink,unlinkat,pwrite64,sendto,sendmsg,write,writev"


@pytest.fixture
def strace() -> list[str]:
    """The command under which a server's calls to the kernel are written down, with the names of files."""
    command = ["strace", "-D", "-f", "-qq", "-y", "-s", "64", "-e", f"trace={CALLS}"]
    if not shutil.which("strace") or subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("no strace, which shows the order in which data reach the disk")
    return command


STEPS = {
    "journal on disk": r"f(?:data)?sync\(.*unseen\.db-journal>",
    "database written": r"pwrite64\(.*unseen\.db>",
    "database on disk": r"f(?:data)?sync\(.*unseen\.db>",
    "journal removed": r"unlink(?:at)?\(.*unseen\.db-journal\"",
    "folder on disk": r"f(?:data)?sync\([^,]*/home>\)",
    "object on disk": r"f(?:data)?sync\(.*/objects/competitions/1/\w+>\)",
    "its folder on disk": r"f(?:data)?sync\(.*/objects/competitions/1>\)",
    "log written": r"pwrite64\(.*unseen\.db-wal>",
    "log on disk": r"f(?:data)?sync\(.*unseen\.db-wal>",
    "acknowledged": r"(?:send|write)\w*\(.*HTTP/1.1 201",
}
# How the last of each has to follow one another. A journal that power brings back would undo what it is the journal of.
WITH_JOURNAL = [
    "journal on disk",
    "database written",
    "database on disk",
    "journal removed",
    "folder on disk",
    "acknowledged",
]
WITH_LOG = ["log written", "log on disk", "acknowledged"]
WITH_OBJECTS = ["object on disk", "its folder on disk", *WITH_LOG]


@pytest.fixture
def home(tmp_path: Path, sqlite_template: Path) -> Iterator[Path]:
    """A folder with an empty database."""
    home = tmp_path / "home"
    home.mkdir()
    with new_sqlite(home, sqlite_template):
        yield home


@pytest.mark.slow
@pytest.mark.usefixtures("sqlite_library")
def test_a_submission_is_on_disk_before_it_is_acknowledged(strace: list[str], home: Path) -> None:
    first, *later = steps_of_uploads(strace, Config(home=home, database_url=f"sqlite:///{home / 'unseen.db'}"))
    # The log is as durable as its name: the server has made it.
    assert "folder on disk" in first[first.index("log on disk" if sqlite.journal() == "wal" else "journal on disk") :]
    expected = WITH_LOG if sqlite.journal() == "wal" else WITH_JOURNAL
    for steps in later:
        last = {step: n for n, step in enumerate(steps)}
        assert sorted(last, key=last.__getitem__) == expected
    assert len(later) == 2


@pytest.mark.slow
def test_in_an_object_store_it_is_there_before_it_is_named(strace: list[str], home: Path) -> None:
    objects = (home / "objects").as_uri()
    place = Config(home=home, database_url=f"sqlite:///{home / 'unseen.db'}", objects_url=objects)
    for steps in steps_of_uploads(strace, place)[1:]:
        last = {step: n for n, step in enumerate(steps)}
        assert sorted(last, key=last.__getitem__) == WITH_OBJECTS
        assert steps.count("object on disk") == 2  # what was read of it, and the file as it came


def steps_of_uploads(strace: list[str], config: Config) -> list[list[str]]:
    """What a server did for each of three uploads, up to its answer."""
    now, top = datetime.now(UTC), config.home.parent
    folder, calls = make_folder(top / "bundle", now=now), top / "calls"
    with (
        closing(install(config, folder, now=now)) as installation,
        put_down(installation),
        serving(installation, processes=1, logs=top, under=[*strace, "-o", str(calls)]) as server,
        Student(server) as student,
    ):
        assert [student.upload().status_code for _ in range(3)] == [201] * 3
    seen = [name for call in calls.read_text().splitlines() for name, of in STEPS.items() if re.search(of, call)]
    return split(seen, "acknowledged")


@contextmanager
def put_down(installation: Installation) -> Iterator[None]:
    """Nobody has the database open but the server, whose students have their tokens."""
    installation.token("alice")
    installation.close()
    yield


def split(seen: Sequence[str], end: str) -> list[list[str]]:
    """What was seen, up to and with each `end`."""
    ends = [n + 1 for n, step in enumerate(seen) if step == end]
    return [list(seen[start:stop]) for start, stop in pairwise([0, *ends])]
