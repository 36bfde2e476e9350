"""How much memory there is for this server, and how a process gives back what it no longer needs."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

UNKNOWN = 2 << 30  # bytes, where the system does not tell
LIMIT_OF_CONTAINER = Path("/sys/fs/cgroup/memory.max")

_M_MMAP_THRESHOLD = -3  # <malloc.h>
_LARGE = 1 << 20  # bytes


def of_machine() -> int:
    """Bytes of memory that this machine has, or the container that the server runs in may use."""
    found = UNKNOWN
    with suppress(AttributeError, ValueError, OSError):
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(ValueError, OSError):  # no such file, or “max”
        found = min(found, int(LIMIT_OF_CONTAINER.read_text()))
    return found


def return_large_blocks() -> None:
    """Have large blocks returned to the system as soon as they are freed.

    glibc stops doing so for any size that was freed once, and keeps such blocks for each thread apart: after a few
    large uploads a process held three times what it used.
    """
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # another C library, which knows no such setting
            ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)
