"""A store of objects beside the database, in a folder that every server sees or in a bucket (S3 and what speaks as it).

An object is written once, under a key that nobody else has, before the row that names it; what no row names is swept.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from unseen_server.core.errors import BadRequest, Busy, StorageFull

CONNECT_SECONDS, REPLY_SECONDS = 2, 20
TRIES_AGAIN = 2


@dataclass(frozen=True)
class Named:
    """Where an object lies, and what it has to be."""

    key: str
    sha256: str


@dataclass(frozen=True)
class Listed:
    key: str
    written_at: datetime


class Objects:
    """Bytes by key, at `file:///folder`, or at `s3://bucket/prefix` with AWS_ENDPOINT_URL and the like beside it.

    Whatever the store cannot do now is Busy or StorageFull, and nothing was counted.
    """

    def __init__(self, url: str) -> None:
        from obstore.exceptions import BaseError
        from obstore.store import from_url

        parts = urlsplit(url)
        self._root = Path(unquote(parts.path)) if parts.scheme == "file" else None
        try:
            if parts.scheme not in ("file", "s3"):
                raise ValueError(url)
            self._store = from_url(url, mkdir=True) if self._root else from_url(url, **_over_the_network())
        except (BaseError, ValueError) as error:
            reason = "UNSEEN_OBJECTS_URL should look like file:///folder or s3://bucket/prefix."
            raise BadRequest(reason=reason) from error

    def put(self, folder: str, content: bytes) -> Named:
        """Write an object that was not there before; it is durable when this returns."""
        named = Named(f"{folder}/{uuid.uuid4().hex}", hashlib.sha256(content).hexdigest())
        self._put(named.key, content, "create")
        return named

    def put_back(self, named: Named, content: bytes) -> None:
        """Write an object from a backup where it was, over whatever lies there."""
        if named.sha256 != hashlib.sha256(content).hexdigest():
            raise ValueError(f"the object {named.key} is not what was written")
        self._put(named.key, content, "overwrite")

    def get(self, named: Named) -> bytes:
        with _refusals():
            content = bytes(self._store.get(named.key).bytes())
        if hashlib.sha256(content).hexdigest() != named.sha256:
            raise RuntimeError(f"the object {named.key} is not what was written")
        return content

    def delete(self, keys: Sequence[str]) -> None:
        """Those that are there."""
        for key in keys:
            with suppress(FileNotFoundError), _refusals():
                self._store.delete(key)

    def listed(self) -> Iterator[Listed]:
        with _refusals():
            for some in self._store.list():
                for found in some:
                    yield Listed(found["path"], found["last_modified"])

    def _put(self, key: str, content: bytes, mode: Literal["create", "overwrite"]) -> None:
        with _refusals():
            self._store.put(key, content, mode=mode, use_multipart=False)
        if self._root:
            _make_durable(self._root, self._root / key)


def _over_the_network() -> dict[str, Any]:
    waiting = {"connect_timeout": f"{CONNECT_SECONDS}s", "timeout": f"{REPLY_SECONDS}s"}
    trying = {"max_retries": TRIES_AGAIN, "retry_timeout": timedelta(seconds=REPLY_SECONDS)}
    return {"client_options": {"allow_http": True, **waiting}, "retry_config": trying}


def _make_durable(root: Path, file: Path) -> None:
    """The library only renames: what a power cut may take is brought to the disk here, with every folder above it."""
    for place in (file, *(folder for folder in file.parents if folder.is_relative_to(root))):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _refusals() -> Iterator[None]:
    from obstore.exceptions import BaseError

    try:
        yield
    except BaseError as error:
        raise (StorageFull() if "os error 28" in str(error) else Busy()) from error
