"""Reading a clean prediction file a block at a time, with no Python per row.

It accepts only what the grammar accepts and gives the same values; whatever it is not sure of is None, for the careful
path to decide. A block is cut at its commas and line ends, and what lies between is looked at where it lies:

    7,0.25\\n81,1e-3\\n     delimiters   1 6 9 14      a comma and a line end in turn, or the block is not clean
                          numbers      [2:6) [10:14)   parsed by Arrow, as the valid entries of a string array
                          ids          [0:1) [7:9)     eight digits at a time, as one 64-bit word
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from unseen_server.core.expected import LONGEST_NUMBER, Expected, Ids, Numbering, Positions
from unseen_server.core.metrics import Floats

BLOCK = 1 << 18  # bytes; large enough that calls cost little, small enough for the processor's caches
_PAD = 16  # bytes on either side of a block, so that a word may reach over its edge

_BLANK_LINES_AT_END = re.compile(rb"(?:\r?\n)*\Z")
_LONGEST_BLANK_END = 64  # bytes
_COMMA, _LINE_END = b",\n"
_ALTERNATING = np.frombuffer(b",\n", np.uint16)[0]
_EVERY_OTHER = pa.py_buffer(b"\x55" * (BLOCK // 4))  # validity bitmap 1 0 1 0 ...
_LEAST = np.array([0, 0, *(10**k for k in range(1, 16))], np.int64)  # the least number of 0, 1, 2, ... digits
_AS_NUMBERS = pc.CastOptions.safe(pa.float64())
_JOINS = (  # of digits to pairs, fours and eights: the left one times 10, 100, 10,000 comes to its right neighbour
    (1 + (10 << 8), 8, 0x00FF00FF00FF00FF),
    (1 + (100 << 16), 16, 0x0000FFFF0000FFFF),
    (1 + (10_000 << 32), 32, 0x00000000FFFFFFFF),
)

Bytes = NDArray[np.uint8]


def read_quickly(data: bytes | bytearray, expected: Expected) -> Floats | None:
    """The predictions, (n,) in canonical order, or None where the file is not clean."""
    start, end = _body(data, expected)
    predictions = np.full(expected.rows, np.nan)
    row = 0
    while start < end:
        stop = min(start + BLOCK, end)
        if stop < end:
            stop = data.rfind(b"\n", start, stop) + 1
        rows = read_block(data, start, stop, expected) if stop else None
        if rows is None or not _place(*rows, row, predictions, expected):
            return None
        row, start = row + len(rows[1]), stop
    # no more rows than ids and none unknown: without a hole each id was there once
    return None if np.isnan(predictions).any() else predictions


def _body(data: bytes | bytearray, expected: Expected) -> tuple[int, int]:
    """Where the rows begin and end, without the header and without blank last lines; an empty range if in doubt."""
    start = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    line_end = data.find(b"\n", start, start + 4096) + 1
    header = bytes(data[start:line_end]).removesuffix(b"\n").removesuffix(b"\r").decode(errors="replace")
    if header not in (expected.header, f'"{expected.id_column}","{expected.target_column}"'):
        return 0, 0
    tail = bytes(data[max(line_end, len(data) - _LONGEST_BLANK_END) :])
    blank = _BLANK_LINES_AT_END.search(tail)
    end = len(data) - len(blank.group() if blank else b"")
    return (0, 0) if data[end - 1 : end] == b"\r" else (line_end, end)


def read_block(data: bytes | bytearray, start: int, stop: int, expected: Expected) -> tuple[Ids, Floats] | None:
    """Ids and values of the rows in data[start:stop], whole lines; None unless every one is clean."""
    raw: Bytes = np.frombuffer(data, np.uint8, stop - start, start)
    block = _unquoted(raw) if data.find(b'"', start, stop) >= 0 else raw
    if block is None:
        return None
    text = _padded(block, data[stop - 1] == _LINE_END)  # asked of the data: two quotes at the end leave nothing here
    cuts = _delimiters(text)
    if cuts is None:
        return None
    commas, ends = cuts[0::2].copy(), cuts[1::2]
    starts = np.concatenate(([_PAD], ends[:-1] + 1))
    if data.find(b"\r", start, stop) >= 0:
        ends -= text[ends - 1] == ord("\r")  # any other carriage return spoils an id or a number
    values = _numbers(text, cuts, expected.bounds)
    if values is None:
        return None
    numbering = expected.lookup
    if isinstance(numbering, Numbering):
        ids: Ids | None = _numbered(text, starts, commas, numbering)
    else:
        ids = _texts(text, len(values))
    exponents = data.find(b"e", start, stop) >= 0 or data.find(b"E", start, stop) >= 0
    if ids is None or (exponents and _has_long_exponent(text, cuts)):
        return None
    return ids, values


def _padded(block: Bytes, is_ended: bool) -> Bytes:
    """The block with a line end, and with digits on either side, which are no delimiters."""
    text = np.empty(_PAD + len(block) + 1 + _PAD, np.uint8)
    text[:_PAD] = text[_PAD + len(block) :] = ord("0")
    text[_PAD : _PAD + len(block)] = block
    if not is_ended:
        text[_PAD + len(block)] = _LINE_END
    return text


def _delimiters(text: Bytes) -> Positions | None:
    """Where the commas and the line ends are, which must take turns; else None."""
    cuts = (text < ord("-")).nonzero()[0]  # the delimiters, and whatever else is below the digits
    marks = text.take(cuts)
    if not _take_turns(marks):
        of_two = (marks == _COMMA) | (marks == _LINE_END)
        cuts, marks = cuts[of_two], marks[of_two]
    return cuts if _take_turns(marks) else None


def _take_turns(marks: Bytes) -> bool:
    return len(marks) > 0 and len(marks) % 2 == 0 and bool((marks.view(np.uint16) == _ALTERNATING).all())


def _unquoted(block: Bytes) -> Bytes | None:
    """The block without its quotes, if they come in pairs and each pair wraps exactly one field."""
    quotes = np.flatnonzero(block == ord('"'))
    opening, closing = quotes[0::2], quotes[1::2]
    cuts = ((block == _COMMA) | (block == _LINE_END)).nonzero()[0]
    before = np.concatenate(([ord("\n")], block))[opening]
    after = np.concatenate((block, [ord("\n")]))[closing + 1]
    paired = (
        len(opening) == len(closing)
        and np.isin(before, (ord(","), ord("\n"))).all()
        and np.isin(after, (ord(","), ord("\n"), ord("\r"))).all()
        and np.array_equal(np.searchsorted(cuts, opening), np.searchsorted(cuts, closing))
    )
    return block[block != ord('"')] if paired else None


def _numbers(text: Bytes, cuts: Positions, bounds: tuple[float, float]) -> Floats | None:
    """The numbers from behind each comma to the end of its line; moves the commas in `cuts` one on."""
    cuts[0::2] += 1
    if (cuts[1::2] - cuts[0::2]).max() > LONGEST_NUMBER:
        return None
    fields = pa.Array.from_buffers(
        pa.large_string(), len(cuts) - 1, [_EVERY_OTHER, pa.py_buffer(cuts), pa.py_buffer(text)]
    )
    try:
        parsed = pc.call_function("cast", [fields], _AS_NUMBERS)
    except pa.ArrowInvalid:
        return None
    values = np.frombuffer(parsed.buffers()[1], np.float64, len(cuts) - 1)[0::2].copy()
    # a NaN fails both
    return values if bounds[0] <= values.min() and values.max() <= bounds[1] else None


def _has_long_exponent(text: Bytes, cuts: Positions) -> bool:
    """Whether a number has four digits or more behind its e; Arrow reads such, the grammar has three at most."""
    at = np.flatnonzero((text | 32) == ord("e"))
    at = at[np.searchsorted(cuts, at, side="right") % 2 == 1]  # those in a number, not in an id
    first = at + 1 + np.isin(text[at + 1], (ord("+"), ord("-")))
    return bool((text[first[:, None] + np.arange(4)] - ord("0") < 10).all(axis=1).any())


def _numbered(text: Bytes, starts: Positions, ends: Positions, numbering: Numbering) -> NDArray[np.int64] | None:
    """The numbers of the ids, (m,), or None where one is not the prefix and a number written as it should be."""
    prefix = numbering.prefix.encode()
    for k in range(0, len(prefix), 8):
        piece = prefix[k : k + 8]
        mask = (1 << 8 * len(piece)) - 1
        if ((_words(text, starts + k) & mask) != int.from_bytes(piece, "little")).any():
            return None
    for k in (k for k, byte in enumerate(prefix) if byte in b"eE"):
        text[starts + k] = 0  # seen and out of the way: any e left is an exponent's
    lengths = ends - starts - len(prefix)
    shortest, longest = lengths.min(), lengths.max()
    if shortest < 1 or longest > 16 or (numbering.width and not shortest == longest == numbering.width):
        return None
    numbers = _eight_digits(_words(text, ends - 8), np.minimum(lengths, 8))
    if longest > 8 and numbers is not None:
        high = _eight_digits(_words(text, ends - 16), np.maximum(lengths - 8, 0))
        numbers = None if high is None else high * 10**8 + numbers
    if numbers is None or (not numbering.width and (numbers < _LEAST.take(lengths)).any()):
        return None
    return numbers


def _words(text: Bytes, at: Positions) -> NDArray[np.uint64]:
    """The eight bytes from each position on, as one number, the first byte lowest."""
    overlapping: NDArray[np.uint64] = np.ndarray((len(text) - 7,), "<u8", text.data, strides=(1,))
    return overlapping[at]


def _eight_digits(words: NDArray[np.uint64], lengths: Positions) -> NDArray[np.int64] | None:
    """The decimal numbers in the last `lengths` bytes of each word, or None where one is no digit.

    Neighbouring digits are joined in pairs, the pairs in fours, the fours in an eight, all in one register.
    """
    unused = (64 - 8 * lengths).view(np.uint64)
    x = words ^ 0x3030303030303030
    x >>= unused
    x <<= unused
    if (((x + 0x7676767676767676) | x) & 0x8080808080808080).any():
        return None
    for tens, bits, mask in _JOINS:
        x *= tens
        x >>= bits
        x &= mask
    return x.view(np.int64)


def _texts(text: Bytes, rows: int) -> list[str] | None:
    try:
        fields = text[_PAD:-_PAD].tobytes().decode()
    except UnicodeDecodeError:
        return None
    return fields.replace("\n", ",").split(",", 2 * rows)[0 : 2 * rows : 2]


def _place(ids: Ids, values: Floats, row: int, predictions: Floats, expected: Expected) -> bool:
    """Puts the values where their ids belong; `row` is where they belong if the file is in order."""
    rows = slice(row, row + len(values))
    if rows.stop > expected.rows:
        return False
    if expected.lookup.are_at(row, ids):
        predictions[rows] = values
        return True
    positions = expected.lookup.positions(ids)
    if positions.min() < 0:
        return False
    predictions[positions] = values
    return True
