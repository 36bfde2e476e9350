"""Reading a class list as other systems write it: any common encoding, separator and set of column names."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from unseen_server.core.errors import BadBundle, FileTooLarge, Problem, Refusal
from unseen_server.core.sentences import N_, Sentence, say
from unseen_server.services import names

LARGEST = 16 * 1024 * 1024
MOST_ROWS = 20_000
SEPARATORS = ",;\t"

# What each column is called by Canvas and NTU COOL, Moodle, registrars and people; spaces, case and signs do not count.
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "username": ("username", "user", "loginid", "login", "sisloginid", "account", "帳號", "使用者名稱", "使用者帳號"),
    "email": ("email", "emailaddress", "mail", "電子郵件", "電子郵件地址", "電子信箱", "電郵", "信箱"),
    "name": ("name", "fullname", "student", "studentname", "姓名", "學生姓名", "學生", "中文姓名"),
    "student_id": ("studentid", "studentnumber", "studentno", "sisuserid", "sisid", "idnumber", "學號", "學生證號"),
    "display_name": ("displayname", "nickname", "顯示名稱", "暱稱"),
    "given_name": ("firstname", "givenname", "名字", "名"),
    "family_name": ("lastname", "familyname", "surname", "姓", "姓氏"),
}
FIELD_OF = {synonym: field for field, synonyms in SYNONYMS.items() for synonym in synonyms}
# Rows of a Canvas gradebook that are nobody.
NOBODY = frozenset({"pointspossible", "studenttest", "teststudent"})

NAME_TAKEN = N_("“{value}” stands in line {first} already.")
EMAIL_TAKEN = N_("The address {value} already belongs to line {first}.")
ID_TAKEN = N_("The student id {value} already belongs to line {first}.")


class BadRoster(BadBundle):
    code = "bad_roster"
    template = N_("The roster was not imported; nobody was added. {first}")


@dataclass(frozen=True)
class Row:
    """One person as the list has them. `derived`: the user name was made from the student id or the address."""

    line: int
    username: str
    derived: bool
    name: str
    email: str | None
    student_id: str | None


@dataclass(frozen=True)
class ClassList:
    """`encoding` is what the bytes were taken for, `ignored` are columns nobody asked for."""

    rows: list[Row]
    problems: list[Problem]
    encoding: str
    ignored: list[str]


def read(content: bytes) -> ClassList:
    """Everybody in the list, and everything wrong with it. Raises BadRoster where it is no list of people at all."""
    if len(content) > LARGEST:
        raise FileTooLarge(limit=f"{LARGEST // 1024**2} MiB", advice=say("Upload the list of this course alone."))
    text, encoding = _decoded(content)
    records = _records(text)
    header = next(records, (1, []))[1]
    fields = _fields(header)
    rows: list[Row] = []
    problems: list[Problem] = []
    for number, (line, cells) in enumerate(records):
        given = _given(fields, cells)
        if number >= MOST_ROWS:
            raise BadRoster([problem(line, say("A roster has at most {most} rows.", most=MOST_ROWS))])
        if any(cell.strip() for cell in cells[len(fields) :]):
            problems.append(problem(line, say("There are more fields than columns.")))
        elif any(given.values()) and _plain(given.get("name", "")) not in NOBODY:
            row, wrong = _row(line, given)
            rows.append(row)
            problems.extend(wrong)
    rows = _without_repetition(rows)
    ignored = [column.strip() for column, field in zip(header, fields, strict=True) if field is None and column.strip()]
    return ClassList(rows, sorted([*problems, *_doubles(rows)], key=lambda one: one.line or 0), encoding, ignored)


def problem(line: int, message: Sentence) -> Problem:
    return Problem("bad_row", N_("Line {line}: {message}"), {"line": line, "message": message}, line=line)


# the file


def _decoded(content: bytes) -> tuple[str, str]:
    """The text and its encoding; Big5 is what older systems in Taiwan write."""
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise BadRoster([problem(1, say("This is a workbook, not text. Save it as “CSV UTF-8” and upload that."))])
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp950"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, {"utf-8-sig": "UTF-8", "cp950": "Big5", "utf-16": "UTF-16"}[encoding]
    raise BadRoster([problem(1, say("The file is neither UTF-8 nor Big5 text. Save it as “CSV UTF-8”."))])


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Lines that hold anything, each with its number, the header first."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(SEPARATORS, key=first.count))
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells
    except csv.Error as fault:
        raise BadRoster([problem(reader.line_num, say("This is not CSV ({fault}).", fault=str(fault)))]) from None


def _plain(text: str) -> str:
    """Letters and digits alone, in one case: “SIS Login ID” and “sis_login_id” are the same column."""
    return "".join(character for character in names.key_of(text) if character.isalnum())


def _fields(header: Sequence[str]) -> list[str | None]:
    """What each column holds; the first line must name enough of them to know who is who."""
    fields = [FIELD_OF.get(_plain(column)) for column in header]
    known = [field for field in fields if field]
    for field in known:
        if known.count(field) > 1:
            both = [column.strip() for column, its in zip(header, fields, strict=True) if its == field]
            message = say("The columns {columns} mean the same. Keep one of them.", columns=", ".join(both))
            raise BadRoster([problem(1, message)])
    named = {"name", "display_name", "given_name", "family_name"} & set(known)
    if not named or not {"username", "email", "student_id"} & set(known):
        raise BadRoster([problem(1, _missing(header))])
    return fields


def _missing(header: Sequence[str]) -> Sentence:
    return say(
        "The first line should name the columns: username,email,name,student_id[,display_name], in any order. "
        "A name is needed, and a user name, a student id or an e-mail address. It reads: {found}.",
        found=names.printable(", ".join(cell.strip() for cell in header)) or say("nothing"),
    )


# one row


def _given(fields: Sequence[str | None], cells: Sequence[str]) -> dict[str, str]:
    return {field: cell.strip() for field, cell in zip(fields, cells, strict=False) if field}


def _row(line: int, given: Mapping[str, str]) -> tuple[Row, list[Problem]]:
    """The row and everything wrong with it; what is wrong is kept as it was given."""
    problems: list[Problem] = []

    def checked(check: Callable[[str], str], text: str) -> str:
        try:
            return check(text)
        except Refusal as refusal:
            problems.append(problem(line, refusal.sentence))
            return text

    email, student_id = given.get("email", ""), given.get("student_id", "")
    username = given.get("username", "") or student_id.lower() or email.partition("@")[0].lower()
    if not username:
        problems.append(problem(line, say("There is no user name, no student id and no e-mail address.")))
    return Row(
        line,
        checked(names.checked_username, username) if username else "",
        not given.get("username"),
        checked(_name, given.get("display_name") or given.get("name") or _whole_name(given) or username or "?"),
        checked(names.checked_email, email) if email else None,
        checked(_student_id, student_id) if student_id else None,
    ), problems


def _name(text: str) -> str:
    return names.checked_text(text, say("A name"), 200)


def _student_id(text: str) -> str:
    return names.checked_text(text, say("A student id"), 64)


def _whole_name(given: Mapping[str, str]) -> str:
    """Family name first and without a space where the letters are not Latin."""
    first, last = given.get("given_name", ""), given.get("family_name", "")
    return f"{first} {last}".strip() if (first + last).isascii() else f"{last}{first}"


# all rows


def _without_repetition(rows: Sequence[Row]) -> list[Row]:
    """A person in two sections stands in the list twice, with the same words."""
    first: dict[Row, Row] = {}
    for row in rows:
        first.setdefault(replace(row, line=0), row)
    return list(first.values())


def _doubles(rows: Sequence[Row]) -> Iterator[Problem]:
    """What two people cannot share."""
    seen: dict[tuple[str, str], int] = {}
    for row in rows:
        for said, value in ((NAME_TAKEN, row.username), (EMAIL_TAKEN, row.email), (ID_TAKEN, row.student_id)):
            first = seen.setdefault((said, names.key_of(value)), row.line) if value else row.line
            if first != row.line:
                yield problem(row.line, say(said, value=names.printable(value or ""), first=first))
