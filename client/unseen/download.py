"""Bringing a competition's file here: streamed, resumed where it broke off, and checked before it gets its name.

The server is trusted with the content of a file, whose SHA-256 it announces, but not with where the file goes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

from unseen.errors import ChecksumMismatch, DownloadFailed, FileInTheWay, UnsafeFileName
from unseen.records import File
from unseen.wire import Wire

Progress: TypeAlias = Callable[[int, int | None], None]  # bytes done, bytes in all where known

BLOCK = 1 << 16
RESUMPTIONS = 5
WINDOWS_DEVICES = frozenset(
    {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", *(f"{d}{n}" for d in ("COM", "LPT") for n in "123456789¹²³")}
)


def safe_name(name: str) -> str:
    """The name, when it is a plain file name on every system. Raises UnsafeFileName."""
    plain = (
        0 < len(name.encode()) <= 200
        and name.isprintable()
        and not any(c in '/\\:*?"<>|' for c in name)
        and name == name.strip(" .-")
        and name.split(".")[0].rstrip().upper() not in WINDOWS_DEVICES
    )
    if not plain:
        raise UnsafeFileName(
            f"The server calls a file {name!r}, which is not a plain file name; it was not downloaded."
        )
    return name


def is_here(file: File, target: Path) -> bool:
    """Whether exactly this file is there already. Raises FileInTheWay when it is another one of the same name."""
    if not target.exists():
        return False
    if target.is_file() and file.sha256 and digest(target).hexdigest() == file.sha256:
        return True
    raise FileInTheWay(
        f"{target} is already there and differs from the competition's. "
        "Move it away, choose another folder, or download with -o (overwrite=True) to replace it."
    )


def digest(path: Path) -> hashlib._Hash:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256")


def fetch(wire: Wire, slug: str, file: File, target: Path, progress: Progress | None = None) -> None:
    """Bring `file` to `target` through `target.part`, going on where an earlier attempt stopped.

    Raises ChecksumMismatch after throwing away what was wrong, and ServerUnreachable when the connection keeps
    breaking; what came until then stays in the part for the next time.
    """
    part = target.with_name(f"{target.name}.part")
    resumed = part.exists()
    try:
        _complete(wire, slug, file, part, progress)
    except ChecksumMismatch:
        part.unlink(missing_ok=True)
        if not resumed:
            raise
        _complete(wire, slug, file, part, progress)  # the old part may have been of an older file
    os.replace(part, target)


def _complete(wire: Wire, slug: str, file: File, part: Path, progress: Progress | None) -> None:
    import httpx2

    for attempt in range(RESUMPTIONS):
        try:
            _stream_once(wire, slug, file, part, progress)
            break
        except httpx2.TransportError as error:
            if attempt == RESUMPTIONS - 1:
                raise wire.unreachable(error) from error
    if file.sha256 and digest(part).hexdigest() != file.sha256:
        part.unlink()
        raise ChecksumMismatch(f"{file.name} arrived damaged: its SHA-256 is not the announced one. Try again.")


def _stream_once(wire: Wire, slug: str, file: File, part: Path, progress: Progress | None) -> None:
    """Ask for what is missing and write it; the server may answer with the whole file instead."""
    have = part.stat().st_size if part.exists() else 0
    if have and have == file.size:
        return
    headers = {"Accept-Encoding": "identity"}
    if have and file.sha256:
        headers |= {"Range": f"bytes={have}-", "If-Range": f'"{file.sha256}"'}
    response = wire.send(
        "GET",
        f"/api/competitions/{quote(slug, safe='')}/files/{quote(file.name, safe='')}",
        headers=headers,
        stream=True,
    )
    try:
        if response.status_code == 416:  # the part is no beginning of this file
            part.unlink()
            raise ChecksumMismatch(f"The beginning of {file.name} that was here belongs to another file. Try again.")
        wire.check(response)
        goes_on = response.status_code == 206
        _write(response.iter_raw(BLOCK), part, have if goes_on else 0, file, progress)
    finally:
        response.close()


def _write(blocks: Iterable[bytes], part: Path, done: int, file: File, progress: Progress | None) -> None:
    with part.open("ab" if done else "wb") as out:
        for block in blocks:
            out.write(block)
            done += len(block)
            if file.size is not None and done > file.size:
                raise DownloadFailed(f"{file.name} is longer than the server announced; the download was stopped.")
            if progress:
                progress(done, file.size)
