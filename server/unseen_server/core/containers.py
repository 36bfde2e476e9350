"""Taking the CSV out of what was uploaded, never unpacking more than a valid file could be."""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import IO, Any

from unseen_server.core.errors import BadFile, FileTooLarge, Problem, UnsupportedFile
from unseen_server.core.file_sentences import problem, shown
from unseen_server.core.sentences import N_, say

_CHUNK = 1 << 16  # bytes fed to the decompressor at a time
_MOST_GZIP_MEMBERS = 10_000  # each costs a copy of the chunk behind it
_MOST_ZIP_MEMBERS = 10_000  # zipfile makes an object of each, 20 times as large as what it is made from

_GZIP, _ZIP = b"\x1f\x8b", b"PK"
_MEMBER = b"PK\1\2"  # begins a member's entry in the directory
_ORDINARY = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # zipfile unpacks the others without a limit
_KINDS = {".csv": N_("a plain CSV file"), ".csv.gz": N_("a gzip file"), ".zip": N_("a zip archive")}


def is_packed(file_name: str) -> bool:
    """Whether a file of this name is unpacked before it is read."""
    return file_name.lower().endswith((".gz", ".zip"))


def unpack(data: bytes, file_name: str, limit: int) -> bytes | bytearray:
    """The CSV inside `data`, at most `limit` bytes.

    Raises UnsupportedFile by the name, FileTooLarge, and BadFile where name and content disagree or an archive is
    damaged, encrypted, empty, or holds several files.
    """
    named = next((suffix for suffix in _KINDS if file_name.lower().endswith(suffix)), None)
    if named is None:
        raise UnsupportedFile(file_name=shown(file_name) or say("A file without a name"))
    found = _container(data)
    if found != named:
        kind = say("an Excel workbook") if _is_workbook(data) else say(_KINDS[found])
        raise _bad("wrong_name", file_name=shown(file_name), named=say(_KINDS[named]), found=kind, suffix=found)
    if found == ".csv":
        if len(data) > limit:
            raise too_large(limit)
        return data
    return _gunzip(data, limit) if found == ".csv.gz" else _unzip(data, limit)


def too_large(limit: int) -> FileTooLarge:
    return FileTooLarge(
        limit=f"{limit / 2**20:.1f} MiB",
        advice=say("No valid file here is that large: one row for each test id, numbers of at most 40 characters."),
    )


def _bad(kind: str, **values: Any) -> BadFile:
    found: Problem = problem(kind, **values)
    return BadFile([found], {found.code: 1})


def _container(data: bytes) -> str:
    if data.startswith(_GZIP):
        return ".csv.gz"
    return ".zip" if data.startswith((_ZIP + b"\x03\x04", _ZIP + b"\x05\x06")) else ".csv"


def _gunzip(data: bytes, limit: int) -> bytearray:
    """RFC 1952, with several members one after another and zero bytes as padding at the end."""
    text, rest, members, position = bytearray(), b"", 1, 0
    member = zlib.decompressobj(wbits=31)
    try:
        while position < len(data) or rest:
            if not rest:
                rest, position = data[position : position + _CHUNK], position + _CHUNK
            if member.eof:
                if not rest.strip(b"\0"):
                    rest = b""
                    continue
                member, members = zlib.decompressobj(wbits=31), members + 1
                if members > _MOST_GZIP_MEMBERS:
                    raise _bad("damaged_archive", what="gzip")
            text += member.decompress(rest, limit + 1 - len(text))
            if len(text) > limit:
                raise too_large(limit)
            rest = member.unused_data if member.eof else member.unconsumed_tail
    except zlib.error:
        raise _bad("damaged_archive", what="gzip") from None
    if not member.eof:
        raise _bad("damaged_archive", what="gzip")
    return text


def _unzip(data: bytes, limit: int) -> bytearray:
    if (members := data.count(_MEMBER)) > _MOST_ZIP_MEMBERS:
        raise _bad("several_files", count=members, names="…")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            member = _only_csv(archive)
            with archive.open(member) as unpacked:
                return _read_at_most(limit, unpacked)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError):
        raise _bad("damaged_archive", what="zip") from None


def _only_csv(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [member for member in archive.infolist() if not _is_litter(member)]
    if any(member.filename == "[Content_Types].xml" for member in members):
        raise _bad("not_text", what=say("an Excel workbook"))
    if not members:
        raise _bad("empty_archive")
    if len(members) > 1:
        names = ", ".join(shown(member.filename) for member in members[:5])
        raise _bad("several_files", count=len(members), names=names)
    member = members[0]
    if not member.filename.lower().endswith(".csv"):
        raise _bad("no_csv_inside", name=shown(member.filename))
    if member.flag_bits & 0x1:
        raise _bad("encrypted_archive")
    if member.compress_type not in _ORDINARY:
        raise _bad("unusual_compression")
    return member


def _is_litter(member: zipfile.ZipInfo) -> bool:
    """Folders, and what macOS and Windows leave behind."""
    name = member.filename.rpartition("/")[2]
    return (
        member.is_dir()
        or member.filename.startswith("__MACOSX/")
        or name.startswith("._")
        or name in (".DS_Store", "Thumbs.db")
    )


def _read_at_most(limit: int, unpacked: IO[bytes]) -> bytearray:
    text = bytearray()
    while chunk := unpacked.read(min(_CHUNK, limit + 1 - len(text))):
        text += chunk
        if len(text) > limit:
            raise too_large(limit)
    return text


def _is_workbook(data: bytes) -> bool:
    return data.startswith(_ZIP) and b"[Content_Types].xml" in data[:4096]
