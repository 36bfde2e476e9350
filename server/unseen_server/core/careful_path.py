"""Reading a prediction file line by line, to say everything that is wrong with it."""

from __future__ import annotations

import io
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from unseen_server.core.errors import BadFile, Problem
from unseen_server.core.expected import LONGEST_ID, LONGEST_NUMBER, Expected, Ids
from unseen_server.core.fast_path import BLOCK, read_block
from unseen_server.core.file_sentences import more, problem, shown
from unseen_server.core.metrics import Floats
from unseen_server.core.number_problems import NUMBER, is_grouped, why_no_number
from unseen_server.core.sentences import N_, say

MOST_OF_A_KIND = 20
MOST_PROBLEMS = 100_000  # then reading stops: the next ones would cost time and say nothing new
_LINES_BETWEEN_LEAPS = 4096

_ID_AT_START = re.compile(r'[\s"]*([^,;|"\s\0]*)')
_BOM = b"\xef\xbb\xbf"

_MAGIC = (
    (b"\x89PNG", N_("a PNG picture")),
    (b"\xff\xd8\xff", N_("a JPEG picture")),
    (b"GIF8", N_("a GIF picture")),
    (b"%PDF", N_("a PDF document")),
    (b"PAR1", N_("a Parquet file")),
    (b"ARROW1", N_("an Arrow (Feather) file")),
    (b"\x93NUMPY", N_("a NumPy array")),
    (b"\x89HDF", N_("an HDF5 file")),
    (b"SQLite format 3\0", N_("an SQLite database")),
    (b"\xd0\xcf\x11\xe0", N_("an old Excel workbook")),
    (b"\x80\x02", N_("a Python pickle")),
    (b"\x80\x03", N_("a Python pickle")),
    (b"\x80\x04", N_("a Python pickle")),
    (b"\x80\x05", N_("a Python pickle")),
    (b"\x1f\x8b", N_("a gzip archive")),
    (b"PK\x03\x04", N_("a zip archive")),
    (b"BZh", N_("a bzip2 archive")),
    (b"\xfd7zXZ", N_("an xz archive")),
    (b"7z\xbc\xaf", N_("a 7-Zip archive")),
    (b"Rar!", N_("a RAR archive")),
    (b"\x28\xb5\x2f\xfd", N_("a Zstandard archive")),
    (b"{\\rtf", N_("a rich-text document")),
    (b"<!DOCTYPE", N_("a web page")),
    (b"<html", N_("a web page")),
)
_DELIMITERS = {";": N_("semicolons"), "\t": N_("tabs"), "|": N_("bars")}


class _Problems:
    """What was found so far: every kind counted, the first of each kind kept."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.total = 0
        self._kept: dict[str, list[Problem]] = {}

    def add(self, kind: str, *, line: int | None = None, row_id: str | None = None, **values: object) -> None:
        code = kind.partition(".")[0]
        self.counts[code] += 1
        self.total += 1
        if self.counts[code] <= MOST_OF_A_KIND:
            text_values = {name: shown(value) if isinstance(value, str) else value for name, value in values.items()}
            self._kept.setdefault(code, []).append(problem(kind, line=line, row_id=row_id, **text_values))

    def count_more(self, code: str, times: int) -> None:
        if times > 0:
            self.counts[code] += times
            self.total += times

    def has_room(self, code: str) -> bool:
        return self.counts[code] < MOST_OF_A_KIND

    def refusal(self) -> BadFile:
        """At most 20 of a kind, in the order of the file; where there are more, the last says how many."""
        kept = [each for found in self._kept.values() for each in found[: self._room(found[0].code)]]
        kept.sort(key=lambda each: math.inf if each.line is None else each.line)
        rest = [more(code, count - MOST_OF_A_KIND + 1) for code, count in self.counts.items() if count > MOST_OF_A_KIND]
        return BadFile(kept + rest, self.counts)

    def _room(self, code: str) -> int:
        return MOST_OF_A_KIND - (self.counts[code] > MOST_OF_A_KIND)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which fields of a row hold the id and the prediction, as far as the header lets us guess."""

    id_field: int = 0
    number_field: int = 1
    width: int = 2
    delimiter: str = ","


def read_carefully(data: bytes | bytearray, expected: Expected, *, leaps: bool = True) -> Floats:
    """The predictions, (n,) in canonical order; raises BadFile with every problem there is.

    With `leaps` it asks the fast path to take the stretches of a long file that are clean; the outcome is the same.
    """
    found = _Problems()
    reader = _Reader(expected, found, leaps)
    if data := _as_text(data.removeprefix(_BOM), expected, found):
        reader.read(data)
    if found.counts:
        raise found.refusal()
    return reader.predictions


def _as_text(data: bytes | bytearray, expected: Expected, found: _Problems) -> bytes | bytearray:
    """The bytes of the CSV, or none where a line-by-line account would be noise."""
    if not data or data.isspace():
        found.add("empty_file", header=expected.header, rows=expected.rows)
        return b""
    what = next((what for magic, what in _MAGIC if data.startswith(magic)), None)
    if what and not data.startswith(expected.header.encode()):
        found.add("not_text", what=say(what))
        return b""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or data[:64].count(0) * 3 > len(data[:64]):
        found.add("utf_16")
        return b""
    if b"\n" not in data and b"\r" in data:
        found.add("line_ends.all")
        data = data.replace(b"\r", b"\n")
    lines = data.count(b"\n")
    if lines > 10 * expected.rows + 10_000:
        found.add("too_many_lines", lines=lines, rows=expected.rows)
        return b""
    return data


class _Reader:
    """Walks through the lines once; `predictions` has a hole (NaN) where no good row was seen."""

    def __init__(self, expected: Expected, found: _Problems, leaps: bool) -> None:
        self.expected, self.found, self.leaps = expected, found, leaps
        self.lo, self.hi = expected.bounds
        self.predictions = np.full(expected.rows, np.nan)
        self.first_line = np.zeros(expected.rows, np.int64)  # of each id; 0: not seen yet
        self.layout: _Layout | None = None  # until the header was read

    def read(self, data: bytes | bytearray) -> None:
        lines = self._lines(data)
        number, first = next(lines)
        layout = _Layout() if first is None else self._header(number, first)
        if layout is None:
            return
        self.layout = layout
        if first is not None and self.found.counts["missing_header"]:
            self._row(number, first, layout)
        for number, line in lines:
            if line is not None:
                self._row(number, line, layout)
            if self.found.total > MOST_PROBLEMS:
                self.found.add("too_many_problems", line=number)
                return
        if self.found.counts or number > 1 or self.first_line.any():
            self._report_missing_ids()
        else:
            self.found.add("no_rows", rows=self.expected.rows)

    def _lines(self, data: bytes | bytearray) -> Iterator[tuple[int, str | None]]:
        """Numbered lines without their ends (None: unreadable); empty ones are a problem, save behind the last row."""
        stream, number, last = io.BytesIO(data), 0, 0
        while raw := stream.readline():
            number += 1
            if raw not in (b"\n", b"\r\n"):
                self._report_blank_lines(last, number)
                last = number
                yield number, self._decoded(number, raw)
            if self.leaps and number % _LINES_BETWEEN_LEAPS == 1 and (rows := self._leap(data, stream, number)):
                self._report_blank_lines(last, number + 1)
                last = number = number + rows

    def _report_blank_lines(self, last: int, number: int) -> None:
        for empty in range(last + 1, number):
            self.found.add("blank_line", line=empty)

    def _leap(self, data: bytes | bytearray, stream: io.BytesIO, number: int) -> int:
        """Takes clean blocks behind line `number` whole, as the fast path does, and returns how many rows that were."""
        rows = 0
        while self.layout == _Layout():
            start = stream.tell()
            stop = data.rfind(b"\n", start, start + BLOCK) + 1
            block = read_block(data, start, stop, self.expected) if stop > start else None
            if block is None or not self._take(*block, number + rows):
                break
            rows += len(block[1])
            stream.seek(stop)
        return rows

    def _take(self, ids: Ids, values: Floats, number: int) -> bool:
        """Places the rows behind line `number`, unless an id among them is unknown or was seen before."""
        positions = self.expected.lookup.positions(ids)
        if positions.min() < 0 or self.first_line[positions].any():
            return False
        lines = np.arange(number + 1, number + 1 + len(values))
        self.first_line[positions] = lines
        if (self.first_line[positions] != lines).any():  # twice in this block
            self.first_line[positions] = 0
            return False
        self.predictions[positions] = values
        return True

    def _decoded(self, number: int, raw: bytes) -> str | None:
        """The text of a line, or None after saying why there is none."""
        if raw.endswith(b"\n"):
            raw = raw[: -2 if raw.endswith(b"\r\n") else -1]
        try:
            line = raw.decode()
        except UnicodeDecodeError as error:
            self._unreadable("not_utf_8", number, raw.decode(errors="replace"), byte=f"0x{raw[error.start]:02X}")
            return None
        if "\0" in line or "\r" in line:
            self._unreadable("nul_byte" if "\0" in line else "line_ends", number, line)
            return None
        return line

    def _header(self, number: int, line: str) -> _Layout | None:
        """Checks the header; None where it gives no idea how to read the rows below."""
        expected = self.expected
        delimiter = _delimiter(line)
        if delimiter != ",":
            self.found.add(
                "delimiter.header", line=number, delimiter=say(_DELIMITERS[delimiter]), header=expected.header
            )
        names = _fields(line, delimiter)
        wanted = [expected.id_column, expected.target_column]
        if names == wanted:
            return _Layout(delimiter=delimiter)
        values: dict[str, Any] = {"line": number, "seen": line, "header": expected.header}
        if names is None:
            self.found.add("stray_quote", line=number, seen=line)
            return None
        if len(names) == 2 and (expected.position(names[0]) >= 0 or NUMBER.fullmatch(names[1])):
            self.found.add("missing_header", **values)
            return _Layout(delimiter=delimiter)
        loose = [_loose(name) for name in names]
        if not set(map(_loose, wanted)) <= set(loose):
            self.found.add("wrong_header", **values)
            return _Layout(delimiter=delimiter) if len(names) == 2 else None
        layout = _Layout(loose.index(_loose(wanted[0])), loose.index(_loose(wanted[1])), len(names), delimiter)
        self.found.add(_header_kind(names, wanted), **values)
        return layout

    def _row(self, number: int, line: str, layout: _Layout) -> None:
        fields = _fields(line, layout.delimiter)
        if fields is None:
            self._unreadable("stray_quote", number, line)
        elif not line.strip():
            self.found.add("blank_line", line=number)
        elif len(fields) == layout.width:
            self._id_and_number(number, fields[layout.id_field], fields[layout.number_field])
        elif layout.width == 2 and self.expected.position(fields[0]) >= 0 and is_grouped(",".join(fields[1:])):
            self._id_and_number(number, fields[0], ",".join(fields[1:]))
        else:
            self._wrong_width(number, line, fields, layout.width)

    def _wrong_width(self, number: int, line: str, fields: list[str], width: int) -> None:
        other = _delimiter(line)
        if len(fields) == 1 and other != ",":
            self._unreadable("delimiter", number, line, delimiter=say(_DELIMITERS[other]))
            return
        kind = "short_row" if len(fields) < width else "long_row"
        values = {"count": len(fields), "wanted": width, "header": self.expected.header}
        self._unreadable(kind, number, line, **values)

    def _unreadable(self, kind: str, number: int, line: str, **values: object) -> None:
        """One sentence about such a line is enough: the id it begins with is not missing as well."""
        start = _ID_AT_START.match(line)
        row_id = start.group(1)[:LONGEST_ID] if start else ""
        position = self.expected.position(row_id)
        if position >= 0 and not self.first_line[position]:
            self.first_line[position] = number
        self.found.add(kind, line=number, row_id=row_id or None, seen=line, **values)

    def _id_and_number(self, number: int, row_id: str, text: str) -> None:
        position = self.expected.position(row_id)
        value = self._number(number, row_id, text)
        if position < 0:
            self._unknown_id(number, row_id)
        elif self.first_line[position]:
            self.found.add(
                "duplicate_id", line=number, row_id=row_id, seen=row_id, first=int(self.first_line[position])
            )
        else:
            self.first_line[position] = number
            self.predictions[position] = value

    def _number(self, number: int, row_id: str, text: str) -> float:
        if NUMBER.fullmatch(text) and len(text) <= LONGEST_NUMBER:
            value = float(text)
            if self.lo <= value <= self.hi:
                return value
            kind, write = ("out_of_bounds" if math.isfinite(value) else "not_finite"), ""
        else:
            kind, write = why_no_number(text)
        self.found.add(
            kind,
            line=number,
            row_id=row_id[:LONGEST_ID],
            seen=text,
            write=write,
            length=len(text),
            lo=_plain(self.lo),
            hi=_plain(self.hi),
        )
        return math.nan

    def _unknown_id(self, number: int, row_id: str) -> None:
        values: dict[str, Any] = {"line": number, "row_id": row_id[:LONGEST_ID], "seen": row_id}
        if not row_id:
            self.found.add("unknown_id.empty", **values)
        elif len(row_id) > LONGEST_ID:
            self.found.add("id_too_long", length=len(row_id), **values)
        elif self.found.has_room("unknown_id") and (near := _near(row_id, self.expected)):
            self.found.add("unknown_id.near", near=near, **values)
        else:
            self.found.add("unknown_id", **values)

    def _report_missing_ids(self) -> None:
        missing = np.flatnonzero(self.first_line == 0)
        for position in missing[:MOST_OF_A_KIND].tolist():
            row_id = self.expected.id_at(position)
            self.found.add("missing_id", row_id=row_id, seen=row_id, rows=self.expected.rows)
        self.found.count_more("missing_id", len(missing) - MOST_OF_A_KIND)


def _fields(line: str, delimiter: str) -> list[str] | None:
    """The fields of a line without their quotes, or None where a quote does not wrap a whole field."""
    if '"' not in line:
        return line.split(delimiter)
    fields, position = [], 0
    while True:
        if line.startswith('"', position):
            end = line.find('"', position + 1)
            fields.append(line[position + 1 : end])
            position = end + 1
            if end < 0 or line[position : position + 1] not in ("", delimiter):
                return None
        else:
            end = line.find(delimiter, position)
            fields.append(line[position : len(line) if end < 0 else end])
            if '"' in fields[-1]:
                return None
            position = len(line) if end < 0 else end
        if position == len(line):
            return fields
        position += 1


def _delimiter(line: str) -> str:
    """What seems to separate the columns of a line: a comma unless there is none and another mark is there."""
    return "," if "," in line else next((mark for mark in _DELIMITERS if mark in line), ",")


def _loose(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip("\ufeff'` \t").casefold()


def _header_kind(names: list[str], wanted: list[str]) -> str:
    if len(names) > 2:
        return (
            "wrong_header.index"
            if _loose(names[0]).startswith(("unnamed", "index")) or not names[0]
            else "wrong_header.extra"
        )
    return "wrong_header.swapped" if names == wanted[::-1] else "wrong_header.spelling"


def _near(row_id: str, expected: Expected) -> str:
    """A test id that differs only by spaces, quotes, case, leading zeros, a trailing .0 or the prefix; or nothing."""
    bare = unicodedata.normalize("NFKC", row_id).strip().strip("'`")
    whole = re.sub(r"\.0*$", "", bare)
    digits = re.sub(r"^.*?([0-9]*)$", r"\1", whole)
    model = expected.id_at(0)
    prefix = model.rstrip("0123456789")
    for each in (
        bare,
        whole,
        bare.lower(),
        bare.upper(),
        bare.title(),
        whole.lstrip("0") or "0",
        whole.zfill(len(model)),
    ):
        if expected.position(each) >= 0:
            return each
    for number in (digits, digits.lstrip("0") or "0", digits.zfill(len(model) - len(prefix))):
        if digits and expected.position(prefix + number) >= 0:
            return prefix + number
    return ""


def _plain(bound: float) -> str:
    return repr(bound).removesuffix(".0")
