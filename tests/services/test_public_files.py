"""The public files: for who takes part, brought to this machine's disk once and whole."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from sqlalchemy import delete
from tests.installations import Installation

from unseen_server.core.errors import NotEnrolled, NotFound, StorageFull
from unseen_server.db.models import CompetitionFile
from unseen_server.services import public_files
from unseen_server.services.public_files import KeptFile

FILES = ["test.csv", "train.csv"]


def one(made: Installation, name: str, folder: Path, who: str = "alice") -> KeptFile:
    return public_files.on_disk(made.db, name=name, folder=folder, **made.asking(who))


def every(made: Installation, folder: Path) -> KeptFile:
    return public_files.all_on_disk(made.db, folder=folder, **made.asking("alice"))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_brought_once(installation: Installation, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    first = one(installation, "train.csv", folder)
    assert first.path.read_bytes() == (installation.folder / "train.csv").read_bytes()
    first.path.write_bytes(b"as it is here")
    assert one(installation, "train.csv", folder).path.read_bytes() == b"as it is here"
    assert names_in(folder) == [first.sha256]


def test_all_of_them_are_packed_once(installation: Installation, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    first = every(installation, folder)
    with zipfile.ZipFile(first.path) as archive:
        names = sorted(archive.namelist())
    assert set(FILES) <= set(names)
    written = first.path.stat().st_mtime_ns
    assert (every(installation, folder), first.path.stat().st_mtime_ns) == (first, written)


def test_a_file_that_is_not_there_is_told_with_those_that_are(installation: Installation, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"There are: .*train\.csv"):
        one(installation, "solution.csv", tmp_path)
    with installation.db.write() as session:
        session.execute(delete(CompetitionFile))
    with pytest.raises(NotFound, match="may still add some"):
        every(installation, tmp_path)


def test_who_takes_no_part_gets_none(installation: Installation, tmp_path: Path) -> None:
    with pytest.raises(NotEnrolled):
        one(installation, "train.csv", tmp_path / "kept", "outsider")
    assert not (tmp_path / "kept").exists()


def test_where_there_is_no_room_on_the_disk_no_part_of_a_file_stays(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageFull):
        one(installation, "train.csv", tmp_path / "kept")
    assert names_in(tmp_path / "kept") == []
