"""The grammar of DESIGN section 4 once more, in decimal and re alone, sharing no code with what it judges."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
FIELD = r'(?:"[^",\r\n]*"|[^",\r\n]*)'
ROW = re.compile(f"({FIELD}),({FIELD})")


def verdict(
    data: bytes, ids: Sequence[str], header: tuple[str, str], bounds: tuple[float, float]
) -> dict[str, float] | None:
    """The prediction of each id, or None for a file that is against the grammar."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    text = text[1:] if text[:1] == "\ufeff" else text
    while text.endswith("\n"):
        text = text[:-2] if text.endswith("\r\n") else text[:-1]
    if text.endswith("\r"):
        return None
    rows = [ROW.fullmatch(line) for line in text.replace("\r\n", "\n").split("\n")]
    if not all(rows):
        return None
    pairs = [tuple(_bare(field) for field in row.groups()) for row in rows if row]
    names = [name for name, _ in pairs[1:]]
    if pairs[0] != tuple(header) or sorted(names) != sorted(ids) or "\0" in text:
        return None
    values = {name: _value(number) for name, number in pairs[1:]}
    if any(value is None or not bounds[0] <= value <= bounds[1] for value in values.values()):
        return None
    return {name: value for name, value in values.items() if value is not None}


def _bare(field: str) -> str:
    return field[1:-1] if len(field) > 1 and field[0] == field[-1] == '"' else field


def _value(number: str) -> float | None:
    return float(Decimal(number)) if len(number) <= 40 and NUMBER.fullmatch(number) else None
