"""Which passwords everybody thinks of: what guessing begins with, so that nobody may choose them anew."""

from __future__ import annotations

import functools
import gzip
import re
from collections.abc import Iterable
from pathlib import Path

LIST = Path(__file__).with_name("common_passwords.txt.gz")  # where it comes from: the licence beside it
OUR_OWN = ("unseen",)
_ENDS = re.compile(r"^[\W\d_]+|[\W\d_]+$")


def is_common(password: str) -> bool:
    """Whether it is on the list, in whatever case, or becomes so without the digits and signs around it."""
    plain = password.casefold()
    return not _common().isdisjoint((plain, _bare(plain)))


def is_a_name(password: str, names: Iterable[str]) -> bool:
    """Whether it is one of these names (an e-mail's first part, too) or ours, but for digits and signs around it."""
    known = {_bare(name.casefold().partition("@")[0]) for name in (*names, *OUR_OWN)} - {""}
    return _bare(password.casefold()) in known


def _bare(word: str) -> str:
    return _ENDS.sub("", word)


@functools.cache
def _common() -> frozenset[str]:
    return frozenset(gzip.decompress(LIST.read_bytes()).decode().split())
