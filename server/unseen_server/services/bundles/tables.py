"""The CSV files of a competition folder, read as text: what stands in a field is what is meant."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain

from unseen_server.core.expected import LONGEST_ID
from unseen_server.core.number_problems import NUMBER
from unseen_server.core.sentences import N_, Sentence, say
from unseen_server.services.bundles.problems import Problems
from unseen_server.services.names import printable

_LARGEST_FIELD = 10_000_000  # characters


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file: its header, its rows (each as long as the header), and their line numbers (1 is the header's)."""

    file: str
    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    def column(self, name: str) -> list[str]:
        place = self.header.index(name)
        return [row[place] for row in self.rows]


def read_table(file: str, content: bytes, problems: Problems) -> Table | None:
    """The table, or None where it cannot be read at all; every problem is noted. Blank lines are passed over."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        problems.add("not_utf8", say("this is not UTF-8 text. Save the file as UTF-8."), file=file, line=line)
        return None
    table = Table(file, [], [], [])
    try:
        for line, row in _rows(text):
            _take(table, line, row, problems)
    except csv.Error as fault:
        problems.add("bad_csv", say("this is not CSV ({why}).", why=str(fault)), file=file, line=len(table.rows) + 2)
        return None
    if not table.header:
        problems.add("empty_file", say("there is nothing in it."), file=file)
    return table if _header_is_good(table, problems) else None


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(_LARGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    for row in reader:
        if row:
            yield reader.line_num, row


def _take(table: Table, line: int, row: list[str], problems: Problems) -> None:
    if not table.header:
        table.header.extend(row)
    elif len(row) != len(table.header):
        problems.add(
            "wrong_width",
            say("{found} fields, but the header has {expected}.", found=len(row), expected=len(table.header)),
            file=table.file,
            line=line,
        )
    else:
        table.rows.append(row)
        table.lines.append(line)


def _header_is_good(table: Table, problems: Problems) -> bool:
    before = len(problems.found)
    names = table.header
    for separator, called in ((";", N_("semicolons")), ("\t", N_("tabs"))):
        if len(names) == 1 and separator in names[0]:
            said = say("the fields are separated by {separator}. Use commas.", separator=say(called))
            problems.add("not_commas", said, file=table.file)
    for number, name in enumerate(names, start=1):
        if not name.strip():
            problems.add(
                "nameless_column",
                say("column {number} has no name (an index written by pandas? use index=False).", number=number),
                file=table.file,
            )
        elif name in names[: number - 1]:
            said = say("the column “{name}” occurs twice.", name=printable(name))
            problems.add("repeated_column", said, file=table.file)
    return bool(names) and len(problems.found) == before


def find_column(table: Table, name: str, problems: Problems) -> list[str] | None:
    """The fields of a column, or None and a problem that names the nearest column there is."""
    if name in table.header:
        return table.column(name)
    advice = nearest_column(name, table.header)
    said = say("there is no column “{name}”. {advice}", name=printable(name), advice=advice)
    problems.add("missing_column", said, file=table.file)
    return None


def nearest_column(name: str, header: Sequence[str]) -> Sentence:
    folded = {known.casefold(): known for known in header}
    near = get_close_matches(name.strip().casefold(), folded, n=1)
    if near:
        return say("Did you mean “{name}”?", name=printable(folded[near[0]]))
    return say("It has: {names}.", names=", ".join(map(printable, header[:20])))


def read_numbers(table: Table, column: str, problems: Problems) -> list[float]:
    """The column as finite numbers, (n,); NaN for fields that are none, each noted with its line."""
    return [
        _number(table.file, line, column, text, problems)
        for line, text in zip(table.lines, table.column(column), strict=True)
    ]


def is_number(text: str) -> bool:
    """By the grammar of prediction files, and finite; so NaN, 1_000 and full-width digits are none."""
    return NUMBER.fullmatch(text) is not None and math.isfinite(float(text))


def _number(file: str, line: int, column: str, text: str, problems: Problems) -> float:
    text = text.strip(" ")
    if is_number(text):
        return float(text)
    if text.casefold() in ("", "na", "n/a", "nan", "null", "none", "?"):
        said = say("“{column}” is missing. Remove the row or fill it.", column=column)
        problems.add("missing_label", said, file=file, line=line)
    elif text.casefold().lstrip("+-") in ("inf", "infinity") or NUMBER.fullmatch(text):
        problems.add("infinite_label", say("“{column}” is infinite.", column=column), file=file, line=line)
    else:
        problems.add("not_a_number", _no_number(column, text), file=file, line=line)
    return math.nan


def _no_number(column: str, text: str) -> Sentence:
    write = text.replace(",", ".", 1)
    if NUMBER.fullmatch(write):
        template = N_("“{column}” is “{text}”, which is not a number; write {write}.")
    else:
        template = N_("“{column}” is “{text}”, which is not a number.")
    return Sentence(template, {"column": column, "text": printable(text), "write": write})


def check_ids(table: Table, column: str, problems: Problems) -> None:
    """Notes ids that no prediction file could hold, and ids that occur twice (with the line of the first)."""
    first: dict[str, int] = {}
    for line, text in zip(table.lines, table.column(column), strict=True):
        if not _is_id(text):
            said = say(
                "“{id}” cannot be an id: 1 to {longest} characters, without quotes, commas, control characters "
                "and outer spaces.",
                id=printable(text),
                longest=LONGEST_ID,
            )
            problems.add("bad_id", said, file=table.file, line=line, id=printable(text))
        elif first.setdefault(text, line) != line:
            said = say("the id “{id}” was already in line {first}.", id=text, first=first[text])
            problems.add("repeated_id", said, file=table.file, line=line, id=text)


def _is_id(text: str) -> bool:
    return 0 < len(text) <= LONGEST_ID and text == text.strip() and text.isprintable() and not set(text) & set('",')


def to_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(chain([header], rows))
    return out.getvalue()
