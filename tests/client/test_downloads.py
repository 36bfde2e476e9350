"""A file arrives whole or not at all, and only where it belongs; the double breaks off, lies and names paths."""

from __future__ import annotations

import hashlib

import pytest

from unseen import NotFound, ServerUnreachable
from unseen.download import safe_name
from unseen.errors import ChecksumMismatch, DownloadFailed, FileInTheWay, UnsafeFileName

CONTENT = bytes(range(256)) * 1000


def asked_for_files(faulty) -> int:
    return sum("/files" in request.path for request in faulty.seen)


@pytest.fixture
def listing(faults):
    def make(name="train.csv", content=CONTENT, **other):
        entry = {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest(), **other}
        return faults.answer({"files": [entry]})

    return make


@pytest.fixture
def whole(faults):
    return faults.Reply(200, CONTENT)


@pytest.fixture
def ranged(faults):
    """The rest of the file when a range is asked for, as the real server gives it."""

    def reply(request):
        start = request.headers.get("Range")
        if start is None:
            return faults.Reply(200, CONTENT)
        return faults.Reply(206, CONTENT[int(start.removeprefix("bytes=").removesuffix("-")) :])

    return reply


def test_a_file_that_arrives_whole_gets_its_name(faulty, client, listing, whole, tmp_path):
    faulty.replies = [listing(), whole]
    assert client.download("lecture", path=tmp_path / "new") == [tmp_path / "new" / "train.csv"]
    assert (tmp_path / "new" / "train.csv").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["train.csv"]


def test_a_broken_download_goes_on_where_it_stopped(faulty, faults, client, listing, ranged, tmp_path):
    cut = faults.Reply(200, CONTENT[:100_000], claimed=len(CONTENT))
    faulty.replies = [listing(), cut, ranged]
    client.download("lecture", path=tmp_path)
    assert (tmp_path / "train.csv").read_bytes() == CONTENT
    first, second = [request for request in faulty.seen if "/files/" in request.path]
    assert "Range" not in first.headers
    assert 0 < int(second.headers["Range"].removeprefix("bytes=").removesuffix("-")) <= 100_000
    assert second.headers["If-Range"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'


def test_a_download_that_never_comes_through_keeps_its_part_for_the_next(
    faulty, faults, client, listing, ranged, tmp_path
):
    faulty.replies = [listing(), lambda request: faults.Reply(200, CONTENT[:100_000], claimed=len(CONTENT))]
    with pytest.raises(ServerUnreachable):
        client.download("lecture", path=tmp_path)
    assert [path.name for path in tmp_path.glob("train*")] == ["train.csv.part"]
    faulty.replies = [listing(), ranged]
    client.download("lecture", path=tmp_path)
    assert (tmp_path / "train.csv").read_bytes() == CONTENT


def test_a_damaged_file_is_thrown_away(faulty, faults, client, listing, tmp_path):
    faulty.replies = [listing(), faults.Reply(200, CONTENT[:-1] + b"!")]
    with pytest.raises(ChecksumMismatch):
        client.download("lecture", path=tmp_path)
    assert not list(tmp_path.glob("train*"))


def test_a_part_of_an_older_file_is_not_built_upon(faulty, client, listing, ranged, tmp_path):
    (tmp_path / "train.csv.part").write_bytes(b"old" * 1000)
    faulty.replies = [listing(), ranged]
    client.download("lecture", path=tmp_path)
    assert (tmp_path / "train.csv").read_bytes() == CONTENT


def test_a_server_that_sends_the_whole_file_again_is_understood(faulty, client, listing, whole, tmp_path):
    (tmp_path / "train.csv.part").write_bytes(CONTENT[:1000])
    faulty.replies = [listing(), whole]
    client.download("lecture", path=tmp_path)
    assert (tmp_path / "train.csv").read_bytes() == CONTENT
    assert asked_for_files(faulty) == 2


def test_a_part_longer_than_the_file_is_not_built_upon(faulty, faults, client, listing, whole, tmp_path):
    (tmp_path / "train.csv.part").write_bytes(CONTENT + b"more")
    faulty.replies = [listing(), faults.Reply(416, b"", {"Content-Type": "text/plain"}), whole]
    client.download("lecture", path=tmp_path)
    assert (tmp_path / "train.csv").read_bytes() == CONTENT


def test_a_file_without_end_is_stopped(faulty, faults, client, listing, tmp_path):
    faulty.replies = [listing(), faults.Reply(200, CONTENT + b"more")]
    with pytest.raises(DownloadFailed, match="longer"):
        client.download("lecture", path=tmp_path)
    assert not (tmp_path / "train.csv").exists()


def test_a_file_that_is_here_already_is_not_fetched_again(faulty, client, listing, tmp_path):
    (tmp_path / "train.csv").write_bytes(CONTENT)
    faulty.replies = [listing()]
    assert client.download("lecture", path=tmp_path) == [tmp_path / "train.csv"]
    assert asked_for_files(faulty) == 1


def test_a_different_file_of_that_name_is_left_alone(faulty, client, listing, whole, tmp_path):
    (tmp_path / "train.csv").write_text("mine")
    faulty.replies = [listing(), whole]
    with pytest.raises(FileInTheWay):
        client.download("lecture", path=tmp_path)
    assert (tmp_path / "train.csv").read_text() == "mine"


def test_a_different_file_of_that_name_is_replaced_on_demand(faulty, client, listing, whole, tmp_path):
    (tmp_path / "train.csv").write_text("mine")
    faulty.replies = [listing(), whole]
    client.download("lecture", path=tmp_path, overwrite=True)
    assert (tmp_path / "train.csv").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "name",
    [
        *("../evil", "a/b", "a\\b", "C:evil", "/etc/passwd", "..", ".", "", ".bashrc", "-rf", "x\n", "x\x1b[31m"),
        *("CON", "nul.csv", "com1.txt", "con .csv", "COM¹", "conin$", "ends.", "ends ", "a" * 300, "evil\u202ecsv"),
    ],
)
def test_a_name_that_could_write_elsewhere_is_refused(faulty, client, listing, whole, tmp_path, name):
    faulty.replies = [listing(name=name), whole]
    with pytest.raises(UnsafeFileName):
        client.download("lecture", path=tmp_path / "here")
    assert len(faulty.seen) == 1


@pytest.mark.parametrize("name", ["train.csv", "sample_submission.csv", "混凝土.csv", "a b.csv", "console.csv"])
def test_a_plain_name_is_kept(name):
    assert safe_name(name) == name


def test_a_file_the_competition_does_not_have_is_answered_with_those_it_has(faulty, client, listing):
    faulty.replies = [listing()]
    with pytest.raises(NotFound, match=r"train\.csv"):
        client.download("lecture", "trian.csv")
