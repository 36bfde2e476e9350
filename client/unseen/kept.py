"""What a server had published when this computer first looked: kept, so that later words can be held against it.

Keys of receipts and seals of answer keys stand in `published.json` beside the settings. Nothing is ever replaced there:
what is published later is added, with the day it was first seen. `Client` keeps what it comes by on its own; where that
cannot be written, the submission or the download is none the worse.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unseen import credentials
from unseen.errors import DamagedFile, UnseenError

if TYPE_CHECKING:
    from unseen.client import Client
    from unseen.records import Receipt

BUSY = (FileExistsError, PermissionError) if os.name == "nt" else (FileExistsError,)
PATIENCE = 200, 0.025  # so many looks at the lock, so many seconds apart
ABANDONED = 60.0  # seconds after which whoever holds the lock has died; holding it takes milliseconds

log = logging.getLogger("unseen.kept")


@dataclass(frozen=True)
class Kept:
    """A public key or a seal (hexadecimal), the server that published it, and the day it was first seen.

    Both are empty where the person gave it.
    """

    value: str
    server: str = ""
    since: str = ""


def file() -> Path:
    return credentials.folder() / "published.json"


def keys(server: str | None = None) -> list[Kept]:
    """The keys that receipts of this server are signed with; of every server where none is named."""
    return [
        Kept(key, url, since)
        for url, published in _read().items()
        if server in (None, url)
        for key, since in published.get("keys", {}).items()
    ]


def seals(slug: str, server: str | None = None) -> list[Kept]:
    """The seals of a competition's answers, the first one seen first."""
    return [
        Kept(seal, url, since)
        for url, published in _read().items()
        if server in (None, url)
        for seal, since in published.get("seals", {}).get(slug, {}).items()
    ]


def keep_keys(server: str, found: Iterable[str]) -> bool:
    """Add keys; True where there were others before, and so the server has a new one."""
    had = {kept.value for kept in keys(server)}
    new = [key for key in found if key not in had]
    if new:
        with _published(server) as published:
            _add(published.setdefault("keys", {}), new)
    return bool(had and new)


def keep_seals(server: str, slug: str, found: Iterable[str]) -> None:
    had = {kept.value for kept in seals(slug, server)}
    new = [seal for seal in found if seal not in had]
    if new:
        with _published(server) as published:
            _add(published.setdefault("seals", {}).setdefault(slug, {}), new)


def after_login(client: Client) -> None:
    """Keep the server's keys; where that does not work now, the next submission tries again."""
    with suppress(UnseenError, OSError):
        keep_keys(client.url, [key.public_key for key in client.receipt_keys()])


def after_download(client: Client, slug: str) -> None:
    """Keep the seals of a competition that is seen for the first time."""
    with suppress(UnseenError, OSError):
        if not seals(slug, client.url):
            keep_seals(client.url, slug, [seal.seal for seal in client.competition(slug).seals])


def after_submission(client: Client, receipt: Receipt) -> None:
    """Keep the seal that a receipt names, and its key where that is not known; tell where the server has a new one."""
    from unseen.receipts import key_id

    with suppress(UnseenError, OSError):
        if receipt.seal:
            keep_seals(client.url, receipt.competition, [receipt.seal])
        unknown = receipt.key_id and receipt.key_id not in {key_id(kept.value) for kept in keys(client.url)}
        if unknown and keep_keys(client.url, [key.public_key for key in client.receipt_keys()]):
            log.warning("The server signs receipts with a new key since your last one. It is kept beside the former.")


def _read() -> dict[str, Any]:
    """Raises DamagedFile: what is taken for empty would be lost with the next that is kept."""
    if not file().exists():
        return {}
    content = credentials.read_json(file())
    if not content or not all(map(_is_published, content.values())):
        raise DamagedFile(
            f"{file()} is damaged, and with it what this computer had kept of keys and seals. Bring it back from a "
            "backup, or move it away to begin anew: what is kept then is only what the server says now."
        )
    return content


def _is_published(one: Any) -> bool:
    """Whether this is what is kept of a server: keys by their days, and the same for the seals of each competition."""
    if not isinstance(one, dict) or not isinstance(one.get("seals", {}), dict):
        return False
    dated = [one.get("keys", {}), *one.get("seals", {}).values()]
    return all(isinstance(days, dict) and all(isinstance(day, str) for day in days.values()) for days in dated)


@contextmanager
def _published(server: str) -> Iterator[dict[str, Any]]:
    """What is kept of a server, to be added to: read and written while nobody else does."""
    with _alone(file().with_name(f"{file().name}.lock")):
        everything = _read()
        yield everything.setdefault(server, {})
        credentials.write_json(file(), everything)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One program after the other: a file that only one of them can make. Raises OSError where it stays."""
    lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _make(lock)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _make(lock: Path) -> None:
    import time

    looks, pause = PATIENCE
    for look in range(1, looks + 1):
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0o600))
            return
        except BUSY:
            if look == looks:
                raise
        with suppress(OSError):  # whoever held it is done in the meantime
            if time.time() - lock.stat().st_mtime > ABANDONED:
                lock.unlink()
                continue
        time.sleep(pause)


def _add(days: dict[str, str], values: list[str]) -> None:
    from datetime import UTC, datetime

    today = datetime.now(UTC).date().isoformat()
    for value in values:
        days.setdefault(value, today)
