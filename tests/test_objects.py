"""The object store: written once, read back whole, and Busy where it cannot answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.object_store import BUCKET, Way, bucket

from unseen_server import objects
from unseen_server.core.errors import BadRequest, Busy
from unseen_server.objects import Named, Objects


@pytest.fixture
def way(monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    monkeypatch.setattr(objects, "REPLY_SECONDS", 1)
    with bucket(monkeypatch) as made:
        yield made


@pytest.fixture(params=["file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    if request.param == "file":
        return Objects(f"file://{tmp_path / 'objects here'}".replace(" ", "%20"))
    request.getfixturevalue("way")
    return Objects(f"s3://{BUCKET}/course")


@pytest.mark.slow
def test_what_was_put_is_got_listed_and_deleted(store: Objects) -> None:
    one, other = store.put("7", b"1,2\n"), store.put("7", b"")
    assert one.key.startswith("7/")
    assert (store.get(one), store.get(other)) == (b"1,2\n", b"")
    assert {found.key for found in store.listed()} == {one.key, other.key}
    store.delete([one.key, one.key])
    assert {found.key for found in store.listed()} == {other.key}
    with pytest.raises(FileNotFoundError):
        store.get(one)


def test_a_large_object_comes_back_whole(store: Objects) -> None:
    content = bytes(range(256)) * 50_000
    assert store.get(store.put("7", content)) == content


def test_an_object_that_was_changed_is_not_taken_for_what_was_written(store: Objects) -> None:
    named = store.put("7", b"1,2\n")
    with pytest.raises(RuntimeError, match="not what was written"):
        store.get(Named(named.key, "0" * 64))


@pytest.mark.parametrize("mode", ["error", "silence", "cut"])
def test_a_store_that_does_not_answer_is_busy(way: Way, mode: str) -> None:
    store = Objects(f"s3://{BUCKET}")
    named = store.put("7", b"before")
    way.mode = mode
    with pytest.raises(Busy):
        store.put("7", b"meanwhile")
    with pytest.raises(Busy):
        store.get(named)
    with pytest.raises(Busy):
        list(store.listed())
    way.mode = "open"
    assert store.get(named) == b"before"
    assert [found.key for found in store.listed()] == [named.key]


@pytest.mark.parametrize("url", ["", "objects", "https://example.org/x", "s3:"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadRequest, match="UNSEEN_OBJECTS_URL"):
        Objects(url)
