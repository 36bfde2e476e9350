"""Prediction files, bad and good, for the test set IDS: for the parser itself, and to be posted over HTTP.

Every bad file names the codes it must be refused with, a piece of the sentence, and the line the sentence is about.
"""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

IDS = ("7", "8", "9", "10", "11", "12")
ID_COLUMN, TARGET_COLUMN = "id", "minutes"
HEADER = "id,minutes"
BOUNDS = (-100.0, 200.0)

ROWS = ("7,50", "8,60.5", "9,-3", "10,1e2", "11,.5", "12,200")
VALUES = (50.0, 60.5, -3.0, 100.0, 0.5, 200.0)


@dataclass(frozen=True)
class Case:
    """A file that must be refused: as `bad_file` with these problems, unless `refusal` says otherwise."""

    name: str
    data: bytes
    codes: tuple[str, ...]
    fragment: str
    line: int | None = None
    file_name: str = "submission.csv"
    refusal: str = "bad_file"


@dataclass(frozen=True)
class Good:
    """A file that must be accepted, with the values in the order of IDS."""

    name: str
    data: bytes
    values: tuple[float, ...] = VALUES
    file_name: str = "submission.csv"


def lines(*changes: tuple[int, str], end: str = "\n") -> bytes:
    """The clean file with some lines replaced, counted from 1, the header's."""
    text = [HEADER, *ROWS]
    for line, replacement in changes:
        text[line - 1] = replacement
    return "".join(line + end for line in text).encode()


CLEAN = lines()


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def encrypted_zip() -> bytes:
    """A zip whose flags say that it wants a password (zipfile cannot write a real one)."""
    data = bytearray(zipped(("submission.csv", CLEAN)))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def gzip_bomb(megabytes: int = 64) -> bytes:
    return gzip.compress(bytes(megabytes << 20))


def zip_bomb(megabytes: int = 64) -> bytes:
    return zipped(("submission.csv", bytes(megabytes << 20)))


# What may stand where a number should: the text, the code, a piece of the sentence.
_NUMBERS = (
    ("", "missing_value", "is empty"),
    ('""', "missing_value", "is empty"),
    ("NaN", "missing_value", "`NaN` is no prediction"),
    ("nan", "missing_value", "needs a number"),
    ("-nan", "missing_value", "needs a number"),
    ("NA", "missing_value", "`NA`"),
    ("N/A", "missing_value", "`N/A`"),
    ("<NA>", "missing_value", "`<NA>`"),
    ("null", "missing_value", "`null`"),
    ("NULL", "missing_value", "`NULL`"),
    ("None", "missing_value", "`None`"),
    ("-", "missing_value", "`-`"),
    (".", "missing_value", "`.`"),
    ("?", "missing_value", "`?`"),
    ("inf", "not_finite", "from -100 to 200"),
    ("-inf", "not_finite", "not finite"),
    ("Infinity", "not_finite", "not finite"),
    ("+INF", "not_finite", "not finite"),
    ("∞", "not_finite", "not finite"),
    ("1e309", "not_finite", "`1e309` is not finite"),
    ("-1e999", "not_finite", "not finite"),
    ("1e308", "out_of_bounds", "from -100 to 200"),
    ("200.00000000000003", "out_of_bounds", "outside the bounds"),
    ("-100.1", "out_of_bounds", "outside the bounds"),
    ('"60,5"', "decimal_comma", "Write 60.5"),
    ("60,5", "decimal_comma", "looks like a decimal comma"),
    ("-1,25", "decimal_comma", "Write -1.25"),
    ("1.234,5", "decimal_comma", "Write 1234.5"),
    ("1,234.5", "thousands_separator", "Write 1234.5"),
    ('"1,234,567"', "thousands_separator", "Write 1234567"),
    ("1 234.5", "thousands_separator", "Write 1234.5"),
    ("1\u202f234", "thousands_separator", "Write 1234"),
    ("1'234", "thousands_separator", "Write 1234"),
    ("1_000", "thousands_separator", "Write 1000"),
    ("1_0", "not_a_number", "Write one such as"),
    ("６０.５", "not_ascii", "Write 60.5"),
    ("٦٠", "not_ascii", "outside ASCII"),
    ("−5", "not_ascii", "Write -5"),
    ("60．5", "not_ascii", "Write 60.5"),
    ("६०", "not_ascii", "outside ASCII"),
    (" 60.5", "spaces", "Write 60.5"),
    ("60.5 ", "spaces", "spaces around"),
    ("\t60.5", "spaces", "spaces around"),
    ("\u00a060.5", "spaces", "spaces around"),
    ('" 60.5"', "spaces", "spaces around"),
    ("0x3C", "not_a_number", "Write 60"),
    ("0b11", "not_a_number", "is not a number"),
    ("60.5%", "not_a_number", "Write 60.5"),
    ("$60.5", "not_a_number", "Write 60.5"),
    ("'60.5'", "not_a_number", "Write 60.5"),
    ("=60.5", "not_a_number", "Write 60.5"),
    ("[60.5]", "not_a_number", "Write 60.5"),
    ("sixty", "not_a_number", "`sixty` is not a number"),
    ("60.5.1", "not_a_number", "is not a number"),
    ("1e", "not_a_number", "is not a number"),
    ("e5", "not_a_number", "is not a number"),
    ("+-1", "not_a_number", "is not a number"),
    ("++1", "not_a_number", "is not a number"),
    ("--1", "not_a_number", "is not a number"),
    ("+", "not_a_number", "is not a number"),
    ("1f", "not_a_number", "is not a number"),
    ("1d5", "not_a_number", "is not a number"),
    ("1e5.0", "not_a_number", "is not a number"),
    ("1 2", "not_a_number", "is not a number"),
    ("(60)", "not_a_number", "is not a number"),
    ("true", "not_a_number", "is not a number"),
    ("60.5min", "not_a_number", "is not a number"),
    ("\u200b60", "not_ascii", "Write 60"),
    ("1e0001", "exponent_too_long", "three digits"),
    ("1e-0001", "exponent_too_long", "three digits"),
    ("1E+00000000001", "exponent_too_long", "three digits"),
    ("60." + "0" * 38, "number_too_long", "has 41 characters"),
    ("0" * 39 + "60", "number_too_long", "at most 40"),
    ("1" * 400, "number_too_long", "has 400 characters"),
    ("60\x1b[31m", "not_a_number", "\\x1b"),
    ("<script>alert(1)</script>", "not_a_number", "is not a number"),
    ("{0.__class__}", "not_a_number", "{0.__class__}"),
)

# What may stand where an id should, in the line of 8: the text, the code, a piece of the sentence.
_WRONG_IDS = (
    ("08", "unknown_id", "Did you mean `8`?"),
    ("8.0", "unknown_id", "Did you mean `8`?"),
    ("+8", "unknown_id", "Did you mean `8`?"),
    (" 8", "unknown_id", "Did you mean `8`?"),
    ("8 ", "unknown_id", "Did you mean `8`?"),
    ("'8'", "unknown_id", "Did you mean `8`?"),
    ("８", "unknown_id", "Did you mean `8`?"),
    ("id_8", "unknown_id", "Did you mean `8`?"),
    ("0x8", "unknown_id", "not in the test set"),
    ("13", "unknown_id", "the id `13` is not in the test set"),
    ("-8", "unknown_id", "not in the test set"),
    ("8" * 16, "unknown_id", "not in the test set"),
    ("9223372036854775816", "unknown_id", "not in the test set"),
    ("18446744073709551624", "unknown_id", "not in the test set"),
    ("", "unknown_id", "the id is empty"),
    ("é", "unknown_id", "`é`"),
    ("x" * 65, "id_too_long", "has 65 characters"),
    ("9" * 5000, "id_too_long", "has 5000 characters"),
)


def _bad_numbers() -> Iterator[Case]:
    for text, code, fragment in _NUMBERS:
        yield Case(f"number {text[:30]!r}", lines((3, f"8,{text}")), (code,), fragment, 3)


def _bad_ids() -> Iterator[Case]:
    for text, code, fragment in _WRONG_IDS:
        yield Case(f"id {text[:30]!r}", lines((3, f"{text},1")), (code, "missing_id"), fragment, 3)
    yield Case("the character behind 9", lines((5, "0:,1e2")), ("unknown_id", "missing_id"), "`0:`", 5)
    yield Case("duplicate id", lines((6, "8,1")), ("duplicate_id", "missing_id"), "`8` was already in line 3", 6)
    yield Case("same row twice", CLEAN + b"12,200\n", ("duplicate_id",), "already in line 7", 8)
    yield Case("missing id", lines()[:-7], ("missing_id",), "The id `12` has no row")
    yield Case("one row too many", CLEAN + b"13,1\n", ("unknown_id",), "`13` is not in the test set", 8)


def _bad_headers() -> Iterator[Case]:
    for text, fragment in (
        ("ID,minutes", "differs in capitals"),
        ("id, minutes", "differs in capitals, spaces"),
        ("id,minutes ", "differs in capitals, spaces"),
        ("ｉｄ,minutes", "look-alike"),
        ("\ufeffid,minutes", "Write exactly `id,minutes`"),
        ("id,prediction", "the header is `id,prediction`"),
        ("row,minutes", "Write `id,minutes`"),
        ("id", "Write `id,minutes`"),
        ("idminutes", "Write `id,minutes`"),
        ("id minutes", "Write `id,minutes`"),
        (",", "Write `id,minutes`"),
        ("#id,minutes", "Write `id,minutes`"),
    ):
        data = (b"\xef\xbb\xbf" if text[0] == "\ufeff" else b"") + lines((1, text))
        yield Case(f"header {text!r}", data, ("wrong_header",), fragment, 1)
    swapped = "minutes,id\n" + "".join(",".join(row.split(",")[::-1]) + "\n" for row in ROWS)
    yield Case("swapped columns", swapped.encode(), ("wrong_header",), "columns are swapped", 1)
    yield Case("comma behind the header", lines((1, "id,minutes,")), ("wrong_header", "short_row"), "more columns", 1)
    index = f",{HEADER}\n" + "".join(f"{i},{row}\n" for i, row in enumerate(ROWS))
    yield Case("pandas index", index.encode(), ("wrong_header",), "index=False", 1)
    named = f"Unnamed: 0{index}"
    yield Case("pandas index read again", named.encode(), ("wrong_header",), "index=False", 1)
    extra = f"{HEADER},note\n" + "".join(f"{row},x\n" for row in ROWS)
    yield Case("extra column", extra.encode(), ("wrong_header",), "more columns than asked for", 1)
    r_names = f"{HEADER}\n" + "".join(f"{i},{row}\n" for i, row in enumerate(ROWS))
    yield Case("row names of R", r_names.encode(), ("long_row", "missing_id"), "has 3 fields", 2)
    yield Case("no header", CLEAN.split(b"\n", 1)[1], ("missing_header",), "the header is missing", 1)
    yield Case("header twice", HEADER.encode() + b"\n" + CLEAN, ("unknown_id", "not_a_number"), "`id`", 2)
    yield Case("blank first line", b"\n" + CLEAN, ("blank_line",), "Line 1 is empty", 1)
    yield Case("quote in the header", lines((1, '"id,minutes')), ("stray_quote",), "a quote", 1)
    yield Case("header in one pair of quotes", lines((1, '"id,minutes"')), ("wrong_header",), "the header is", 1)
    yield Case("single quotes", lines((1, "'id','minutes'")), ("wrong_header",), "Write exactly", 1)
    yield Case("header only", HEADER.encode() + b"\n", ("no_rows",), "Below the header there is nothing")
    yield Case("header without line end", HEADER.encode(), ("no_rows",), "each of the 6 test ids")


def _bad_rows() -> Iterator[Case]:
    for mark, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        data = CLEAN.replace(b",", mark.encode())
        yield Case(f"all {name}", data, ("delimiter",), f"separated by {name}", 1)
        yield Case(f"one with {name}", lines((3, f"8{mark}60.5")), ("delimiter",), f"separated by {name}", 3)
    german = lines((3, "8,60,5")).replace(b"8,60,5", b"8;60,5").replace(b"\n7,", b"\n7;")
    yield Case("semicolons in two rows", german, ("delimiter", "unknown_id", "missing_id"), "semicolons", 2)
    excel = CLEAN.replace(b",", b";").replace(b".", b",")
    yield Case("German Excel", excel, ("delimiter", "decimal_comma"), "Write 60.5", 3)
    yield Case("short row", lines((3, "8")), ("short_row",), "has 1 of 2 fields", 3)
    yield Case("long row", lines((3, "8,60.5,extra")), ("long_row",), "has 3 fields", 3)
    yield Case("comma at the end", lines((3, "8,60.5,")), ("long_row",), "has 3 fields", 3)
    yield Case("only a comma", lines((3, ",")), ("unknown_id", "missing_value", "missing_id"), "the id is empty", 3)
    yield Case("commas from Excel at the end", CLEAN + b",\n", ("unknown_id", "missing_value"), "the id is empty", 8)
    yield Case("many commas", lines((3, "8" + "," * 9999)), ("long_row",), "has 10000 fields", 3)
    yield Case("blank line", lines((3, "\n8,60.5")), ("blank_line",), "Line 3 is empty", 3)
    yield Case("blank line of CRLF", CLEAN.replace(b"8,", b"\r\n8,", 1), ("blank_line",), "Remove it", 3)
    yield Case("line of spaces", lines((3, "8,60.5\n  ")), ("blank_line",), "Line 4 is empty", 4)
    yield Case("spaces at the end", CLEAN + b" ", ("blank_line",), "Line 8 is empty", 8)
    yield Case("two quotes behind the end", CLEAN + b'""\n', ("short_row",), "1 of 2 fields", 8)
    yield Case("comment", lines((3, "# note\n8,60.5")), ("short_row",), "`# note`", 3)
    yield Case("unclosed quote", lines((3, '8,"60.5')), ("stray_quote",), "does not wrap a whole field", 3)
    yield Case("unclosed quote around an id", lines((3, '"8,60.5')), ("stray_quote",), "a quote", 3)
    yield Case("line break in quotes", lines((3, '8,"60.5\n"')), ("stray_quote",), "on the same line", 3)
    yield Case("quote inside", lines((3, '8,6"0')), ("stray_quote",), '`8,6"0`', 3)
    yield Case("doubled quotes", lines((3, '"8""",60.5')), ("stray_quote",), "a quote", 3)
    yield Case("quotes across the comma", lines((3, '"8,60.5"')), ("short_row",), "1 of 2 fields", 3)
    yield Case("quotes over two rows", lines((3, '"8,60.5'), (4, '9",-3')), ("stray_quote",), "a quote", 3)
    yield Case("text behind a quote", lines((3, '"8"x,1')), ("stray_quote",), "a quote", 3)
    yield Case("space before a quote", lines((3, '8, "60.5"')), ("stray_quote",), "a quote", 3)
    yield Case("endless line", HEADER.encode() + b"\n" + b"8" * 500_000, ("short_row", "missing_id"), "…", 2)


def _bad_bytes() -> Iterator[Case]:
    yield Case("nothing", b"", ("empty_file",), "The file is empty")
    yield Case("only a line end", b"\n", ("empty_file",), "Write the header `id,minutes`")
    yield Case("only spaces", b"  \r\n \n", ("empty_file",), "The file is empty")
    yield Case("only a BOM", b"\xef\xbb\xbf", ("empty_file",), "The file is empty")
    yield Case("two BOMs", b"\xef\xbb\xbf" * 2 + CLEAN, ("wrong_header",), "Write exactly", 1)
    yield Case("NUL in a number", lines((3, "8,60\0")), ("nul_byte",), "NUL byte", 3)
    yield Case("NUL behind the end", CLEAN + b"\0", ("nul_byte",), "NUL byte", 8)
    yield Case("all NUL", bytes(1000), ("utf_16",), "UTF-16")
    yield Case("UTF-16", CLEAN.decode().encode("utf-16"), ("utf_16",), "Save it as UTF-8")
    yield Case("UTF-16 big-endian without BOM", CLEAN.decode().encode("utf-16-be"), ("utf_16",), "UTF-16")
    yield Case("UTF-32", CLEAN.decode().encode("utf-32"), ("utf_16",), "UTF-16")
    yield Case("Latin-1", lines((3, "8\u00b5,1")).replace(b"\xc2\xb5", b"\xb5"), ("not_utf_8", "missing_id"), "0xB5", 3)
    yield Case("half a character", lines((3, "8,1")).replace(b"8,1", b"8,1\xe2\x88"), ("not_utf_8",), "0xE2", 3)
    yield Case("overlong zero", lines((3, "8,")).replace(b"8,", b"8,\xc0\xb0"), ("not_utf_8",), "not UTF-8", 3)
    yield Case("surrogate", lines((3, "8,")).replace(b"8,", b"8,\xed\xa0\x80"), ("not_utf_8",), "not UTF-8", 3)
    yield Case("old Mac line ends", lines(end="\r"), ("line_ends",), "lone carriage return")
    yield Case("one lone CR", lines((3, "8,60.5\r9,-3")), ("line_ends",), "ends no line", 3)
    yield Case("CR at the very end", CLEAN[:-1] + b"\r", ("line_ends",), "ends no line", 7)
    yield Case("CR CR LF", lines(end="\r\r\n"), ("line_ends",), "ends no line", 1)
    for name, data, kind in (
        ("PNG", b"\x89PNG\r\n\x1a\n" + bytes(64), "PNG"),
        ("Parquet", b"PAR1" + bytes(64) + b"PAR1", "Parquet"),
        ("pickle", pickle.dumps({"8": 60.5}), "pickle"),
        ("NumPy", b"\x93NUMPY\x01\x00" + bytes(64), "NumPy"),
        ("PDF", b"%PDF-1.7\n", "PDF"),
        ("HDF5", b"\x89HDF\r\n\x1a\n" + bytes(64), "HDF5"),
        ("old Excel", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(64), "Excel"),
        ("web page", b"<!DOCTYPE html><html></html>", "web page"),
        ("xz", b"\xfd7zXZ\x00" + bytes(64), "xz"),
    ):
        yield Case(f"{name} named .csv", data, ("not_text",), kind)
    flood = HEADER.encode() + b"\n" + b"7,1\n" * 20_000
    yield Case("far too many lines", flood, ("too_many_lines",), "20001 lines, and the test set has 6 ids")


def _bad_containers() -> Iterator[Case]:
    packed = gzip.compress(CLEAN)
    archive = zipped(("submission.csv", CLEAN))
    gz, zip_ = "submission.csv.gz", "submission.zip"
    workbook = zipped(("[Content_Types].xml", b"<Types/>"), ("xl/workbook.xml", b"<workbook/>"))
    damaged = archive.replace(CLEAN[:4], b"no, ") if CLEAN[:4] in archive else archive[:40] + b"\0\0\0" + archive[43:]
    for name, data, file_name, code, fragment in (
        ("gzip named .csv", packed, "submission.csv", "wrong_name", "this is a gzip file"),
        ("zip named .csv", archive, "submission.csv", "wrong_name", "this is a zip archive"),
        ("workbook named .csv", workbook, "submission.csv", "wrong_name", "Excel workbook"),
        ("plain named .csv.gz", CLEAN, gz, "wrong_name", "this is a plain CSV file"),
        ("plain named .zip", CLEAN, zip_, "wrong_name", "this is a plain CSV file"),
        ("gzip named .zip", packed, zip_, "wrong_name", "this is a gzip file"),
        ("zip named .csv.gz", archive, gz, "wrong_name", "this is a zip archive"),
        ("nothing named .zip", b"", zip_, "wrong_name", "a zip archive"),
        ("gzip cut short", packed[:-9], gz, "damaged_archive", "cut short"),
        ("gzip without its last byte", packed[:-1], gz, "damaged_archive", "gzip"),
        ("gzip head only", packed[:5], gz, "damaged_archive", "gzip"),
        ("gzip with a wrong sum", packed[:-8] + bytes(8), gz, "damaged_archive", "damaged"),
        ("gzip and rubbish behind", packed + b"rubbish", gz, "damaged_archive", "damaged"),
        ("gzip of nothing", gzip.compress(b""), gz, "empty_file", "The file is empty"),
        ("gzip in gzip", gzip.compress(packed), gz, "not_text", "gzip"),
        ("zip cut short", archive[:-30], zip_, "damaged_archive", "zip archive is damaged"),
        ("zip with a wrong sum", damaged, zip_, "damaged_archive", "damaged"),
        ("zip head only", archive[:4], zip_, "damaged_archive", "damaged"),
        ("empty zip", zipped(), zip_, "empty_archive", "holds no file"),
        ("zip with a folder only", zipped(("folder/", b"")), zip_, "empty_archive", "holds no file"),
        ("zip of two", zipped(("a.csv", CLEAN), ("b.csv", CLEAN)), zip_, "several_files", "2 files (a.csv, b.csv)"),
        ("zip of too many to look at", archive + b"PK\1\2" * 10_000, zip_, "several_files", "10001 files"),
        ("zip in zip", zipped(("inner.zip", archive)), zip_, "no_csv_inside", "inner.zip"),
        ("zip of a text file", zipped(("notes.txt", CLEAN)), zip_, "no_csv_inside", "notes.txt"),
        ("zip of a gzip", zipped(("submission.csv", packed)), zip_, "not_text", "gzip"),
        ("zip with a password", encrypted_zip(), zip_, "encrypted_archive", "password"),
        ("zip with bzip2", zipped(("a.csv", CLEAN), method=zipfile.ZIP_BZIP2), zip_, "unusual_compression", "Deflate"),
        ("zip with LZMA", zipped(("a.csv", CLEAN), method=zipfile.ZIP_LZMA), zip_, "unusual_compression", "Deflate"),
        ("workbook named .zip", workbook, zip_, "not_text", "Excel workbook"),
    ):
        yield Case(name, data, (code,), fragment, None, file_name)
    for file_name in (
        "submission.xlsx",
        "submission.parquet",
        "submission.pkl",
        "submission.txt",
        "submission",
        "a.gz",
        "",
    ):
        yield Case(f"named {file_name!r}", CLEAN, (), ".csv.gz", None, file_name, "unsupported_file")
    for name, data, file_name in (
        ("gzip bomb", gzip_bomb(), gz),
        ("zip bomb", zip_bomb(), zip_),
        ("too large", CLEAN + b"\n" * (1 << 20), "submission.csv"),
        ("bomb in a second member", packed + gzip_bomb(), gz),
    ):
        yield Case(name, data, (), "1.0 MiB", None, file_name, "file_too_large")


FILES: list[Case] = [
    *_bad_numbers(), *_bad_ids(), *_bad_headers(), *_bad_rows(), *_bad_bytes(), *_bad_containers()
]  # fmt: skip


def _good() -> Iterator[Good]:
    yield Good("as it should be", CLEAN)
    yield Good("CRLF", lines(end="\r\n"))
    yield Good("CRLF here and LF there", lines((3, "8,60.5\r"), (5, "10,1e2\r")))
    yield Good("no last line end", CLEAN[:-1])
    yield Good("blank lines at the end", CLEAN + b"\n\r\n\n")
    yield Good("many blank lines at the end", CLEAN + b"\r\n" * 5000)
    yield Good("a BOM", b"\xef\xbb\xbf" + CLEAN)
    yield Good("a quoted header", lines((1, '"id","minutes"')))
    yield Good("one quoted name", lines((1, '"id",minutes')))
    yield Good("quoted ids", lines(*((i, '"' + row.replace(",", '",')) for i, row in enumerate(ROWS, 2))))
    yield Good("quoted numbers", lines((3, '8,"60.5"'), (7, '"12","200"')))
    yield Good("everything quoted, as R does", lines((3, '"8","60.5"'), end="\r\n"))
    yield Good("backwards", "\n".join([HEADER, *ROWS[::-1]]).encode())
    yield Good("as text sorts", "\n".join([HEADER, *sorted(ROWS)]).encode())
    yield Good("gzip", gzip.compress(CLEAN), file_name="submission.csv.gz")
    yield Good("gzip in two members", gzip.compress(CLEAN[:9]) + gzip.compress(CLEAN[9:]), file_name="s.csv.gz")
    yield Good("gzip padded with zeros", gzip.compress(CLEAN) + bytes(512), file_name="s.csv.gz")
    yield Good("zip", zipped(("submission.csv", CLEAN)), file_name="submission.zip")
    yield Good("zip, stored", zipped(("submission.csv", CLEAN), method=zipfile.ZIP_STORED), file_name="s.ZIP")
    yield Good("zip with a folder", zipped(("out/", b""), ("out/submission.CSV", CLEAN)), file_name="s.zip")
    litter = zipped(("__MACOSX/._s.csv", b"x"), (".DS_Store", b"x"), ("s.csv", CLEAN))
    yield Good("zip from a Mac", litter, file_name="s.zip")
    yield Good("name in capitals", CLEAN, file_name="SUBMISSION.CSV")
    for text, value in (
        ("+60.5", 60.5),
        ("60.", 60.0),
        ("-.5", -0.5),
        ("-0.0", -0.0),
        ("007", 7.0),
        ("6.05E+1", 60.5),
        ("1e-400", 0.0),
        ("1e-999", 0.0),
        ("5e-324", 5e-324),
        ("0e999", 0.0),
        ("0." + "1" * 38, float("0." + "1" * 38)),
        ("60.499999999999996447", 60.499999999999996447),
        ("1e002", 100.0),
    ):
        yield Good(f"number {text}", lines((3, f"8,{text}")), (50.0, value, *VALUES[2:]))


GOOD: list[Good] = list(_good())
