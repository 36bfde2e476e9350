"""What a student reads about a file that was not accepted: one sentence for each thing that can be wrong."""

# ruff: noqa: E501 - a sentence stays on one line, to be searched for

from __future__ import annotations

from typing import Any

from unseen_server.core.errors import Problem
from unseen_server.core.sentences import N_

_LONGEST_SHOWN = 40  # characters of a value that are repeated in a sentence

# fmt: off
# The part of a key before the dot is the problem's code; what follows only tells two sentences apart.
SENTENCES = {
    # the container
    "wrong_name": N_("The name {file_name} promises {named}, but this is {found}. Rename it to end in {suffix}, or save it again as CSV."),
    "damaged_archive": N_("The {what} archive is damaged or cut short. Pack the CSV again and upload the new archive."),
    "empty_archive": N_("The zip archive holds no file. Put the CSV into it, or upload the CSV itself."),
    "several_files": N_("The zip archive holds {count} files ({names}). Leave exactly one CSV in it."),
    "no_csv_inside": N_("The zip archive holds {name}, which is no .csv. Put the CSV itself into it, not another archive or format."),
    "encrypted_archive": N_("The zip archive is protected by a password. Pack it again without one."),
    "unusual_compression": N_("The zip archive uses a compression that is not read here. Pack it again with the ordinary method, Deflate."),
    # the whole file
    "empty_file": N_("The file is empty. Write the header `{header}` and then one row for each of the {rows} test ids."),
    "no_rows": N_("Below the header there is nothing. Write one row for each of the {rows} test ids."),
    "too_many_lines": N_("The file has {lines} lines, and the test set has {rows} ids. Send one row for each of these ids, and no others."),
    "not_text": N_('This is {what}, not a CSV file. Save the predictions as CSV, in pandas with to_csv("submission.csv", index=False).'),
    "utf_16": N_("The file is UTF-16 text. Save it as UTF-8; in Excel choose “CSV UTF-8”."),
    "line_ends.all": N_("The lines end in a lone carriage return. Save the file with LF or CRLF line ends."),
    # the header
    "missing_header": N_("Line {line}: `{seen}` is a row, and the header is missing. Write `{header}` as the first line."),
    "delimiter.header": N_("Line {line}: the columns are separated by {delimiter}. Separate them by commas: `{header}`."),
    "wrong_header": N_("Line {line}: the header is `{seen}`. Write `{header}`."),
    "wrong_header.swapped": N_("Line {line}: the columns are swapped. Write `{header}`, and each row in that order."),
    "wrong_header.spelling": N_("Line {line}: the header `{seen}` differs in capitals, spaces or look-alike characters. Write exactly `{header}`."),
    "wrong_header.index": N_("Line {line}: `{seen}` has an index column. Write `{header}`; in pandas use to_csv(..., index=False)."),
    "wrong_header.extra": N_("Line {line}: `{seen}` has more columns than asked for. Write `{header}` and nothing else."),
    # a row
    "not_utf_8": N_("Line {line}: byte {byte} is not UTF-8. Save the file as UTF-8."),
    "nul_byte": N_("Line {line}: there is a NUL byte. Write the file again as plain text."),
    "line_ends": N_("Line {line}: there is a carriage return that ends no line. Use LF or CRLF line ends throughout."),
    "blank_line": N_("Line {line} is empty. Remove it."),
    "delimiter": N_("Line {line}: `{seen}` is separated by {delimiter}. Separate the id and the prediction by a comma."),
    "short_row": N_("Line {line}: `{seen}` has {count} of {wanted} fields. Write `{header}` in each row."),
    "long_row": N_("Line {line}: `{seen}` has {count} fields where there should be {wanted}. Write `{header}` in each row."),
    "stray_quote": N_(
        "Line {line}: `{seen}` has a quote that does not wrap a whole field. "
        "Leave the quotes out, or put one on either side of the field, on the same line."
    ),
    "too_many_problems": N_("Line {line}: reading stopped here, after more than 100000 problems. Mend those above first."),
    # an id
    "unknown_id": N_("Line {line}: the id `{seen}` is not in the test set. Use the ids of sample_submission.csv exactly as they are."),
    "unknown_id.empty": N_("Line {line}: the id is empty. Begin each row with an id of sample_submission.csv."),
    "unknown_id.near": N_("Line {line}: the id `{seen}` is not in the test set. Did you mean `{near}`? Ids are compared exactly, as text."),
    "id_too_long": N_("Line {line}: the id `{seen}` has {length} characters, and none has more than 64. Use the ids of sample_submission.csv."),
    "duplicate_id": N_("Line {line}: the id `{seen}` was already in line {first}. Keep one row for each id."),
    "missing_id": N_("The id `{seen}` has no row. Each of the {rows} test ids needs one."),
    # a number
    "decimal_comma": N_("Line {line}: `{seen}` looks like a decimal comma. Write {write}."),
    "thousands_separator": N_("Line {line}: `{seen}` has thousands separators. Write {write}."),
    "missing_value": N_("Line {line}: `{seen}` is no prediction. Every row needs a number."),
    "missing_value.empty": N_("Line {line}: the prediction is empty. Every row needs a number."),
    "not_finite": N_("Line {line}: `{seen}` is not finite. Write a number from {lo} to {hi}."),
    "spaces": N_("Line {line}: there are spaces around the number `{seen}`. Write {write}."),
    "not_ascii": N_("Line {line}: `{seen}` is written with characters outside ASCII. Write {write}."),
    "number_too_long": N_("Line {line}: the number `{seen}` has {length} characters. Write at most 40; 17 digits are all that a float64 holds."),
    "exponent_too_long": N_("Line {line}: the exponent of `{seen}` has more than three digits. Write it with one to three."),
    "out_of_bounds": N_("Line {line}: {seen} is outside the bounds. Write a number from {lo} to {hi}."),
    "not_a_number": N_("Line {line}: `{seen}` is not a number. Write one such as 12.5 or 1.25e1."),
    "not_a_number.write": N_("Line {line}: `{seen}` is not a number as they are written here. Write {write}."),
}
# fmt: on

_MORE = N_("There are {more} more problems of this kind (“{code}”).")


def problem(kind: str, *, line: int | None = None, row_id: str | None = None, **values: Any) -> Problem:
    """The problem `kind`, a key of SENTENCES; `line` counts from 1, the header's."""
    if line is not None:
        values["line"] = line
    return Problem(kind.partition(".")[0], SENTENCES[kind], values, line, row_id)


def more(code: str, count: int) -> Problem:
    """What stands for the problems of a kind that are not listed one by one."""
    return Problem(code, _MORE, {"more": count, "code": code})


def shown(text: str) -> str:
    """Fit to be repeated in a sentence: printable, and not long."""
    if len(text) > _LONGEST_SHOWN:
        text = text[: _LONGEST_SHOWN - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
