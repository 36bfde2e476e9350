"""Why a text is not a number as the grammar writes them, and what to write instead."""

from __future__ import annotations

import re
import unicodedata

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_LONG_EXPONENT = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][+-]?[0-9]{4,}")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]{1,3})?|[+-]?[0-9]{1,3}(?:[. ][0-9]{3})+,[0-9]+")
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:([,' _\u00a0\u2009\u202f])[0-9]{3})(?:\1[0-9]{3})*(?:\.[0-9]*)?")
_MISSING = frozenset(
    ("nan", "+nan", "-nan", "na", "n/a", "#n/a", "<na>", "null", "none", "nil", "nat", "missing", "?", "-", ".")
)
_INFINITE = frozenset(("inf", "infinity", "∞", "1.#inf"))
_ASCII_SIGNS = str.maketrans("−–‐‑٫", "----.")


def is_grouped(text: str) -> bool:
    return bool(_DECIMAL_COMMA.fullmatch(text) or _THOUSANDS.fullmatch(text))


def why_no_number(text: str) -> tuple[str, str]:
    """Which kind of problem a field that is no number has, and what to write instead where that is clear."""
    bare = text.strip()
    if not bare:
        return "missing_value.empty", ""
    if bare.casefold() in _MISSING:
        return "missing_value", ""
    if bare.casefold().lstrip("+-") in _INFINITE:
        return "not_finite", ""
    if NUMBER.fullmatch(text):
        return "number_too_long", ""
    if NUMBER.fullmatch(bare):
        return "spaces", bare
    if _LONG_EXPONENT.fullmatch(text):
        return "exponent_too_long", ""
    return _rewritten(bare)


def _rewritten(bare: str) -> tuple[str, str]:
    ascii_text = _in_ascii(bare)
    if _THOUSANDS.fullmatch(bare) and (bare.count(",") != 1 or "." in bare):
        return "thousands_separator", re.sub(r"[^0-9.+-]", "", bare)
    if _DECIMAL_COMMA.fullmatch(bare):
        return "decimal_comma", re.sub(r"[. ]", "", bare).replace(",", ".")
    if not bare.isascii() and NUMBER.fullmatch(ascii_text):
        return "not_ascii", ascii_text
    if re.fullmatch(r"[+-]?0[xX][0-9a-fA-F]{1,16}", bare):
        return "not_a_number.write", str(int(bare, 16))
    trimmed = bare.strip("'`$€£%=[] ")
    return ("not_a_number.write", trimmed) if NUMBER.fullmatch(trimmed) else ("not_a_number", "")


def _in_ascii(text: str) -> str:
    """With the digits of any script as 0 to 9, a plain minus and point, and nothing invisible."""
    visible = (
        c for c in unicodedata.normalize("NFKC", text).translate(_ASCII_SIGNS) if unicodedata.category(c) != "Cf"
    )
    return "".join(str(unicodedata.decimal(c, c)) for c in visible).strip()
