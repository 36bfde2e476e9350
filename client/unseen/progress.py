"""The bar that shows how much of a file has gone or come: on a terminal only, and gone when it is done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

Progress: TypeAlias = Callable[[int, int | None], None]  # bytes done, bytes in all where known


@contextmanager
def bars(quiet: bool = False) -> Iterator[Callable[[str], Progress] | None]:
    """Yield a function that starts a bar for a named file, or None where nobody is watching.

    >>> with bars() as start:
    ...     files = client.download("lecture", path="data", progress=start)
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as shown:

        def start(name: str) -> Progress:
            task = shown.add_task(name, total=None)

            def advance(done: int, total: int | None) -> None:
                shown.update(task, completed=done, total=total)

            return advance

        yield start
