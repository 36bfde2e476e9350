"""What a person sees while a model trains: nothing, or a progress bar on a terminal."""

from __future__ import annotations

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .training import Epoch


class ProgressBar:
    """Loss, validation loss and best epoch on stderr; silent where stderr is no terminal.

    Use it as a context: `with ProgressBar("mlp") as watcher: train(..., watcher=watcher)`.
    """

    def __init__(self, title: str) -> None:
        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(title, total=None, figures="")

    def __enter__(self) -> ProgressBar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def starts(self, epochs: int) -> None:
        self._bar.reset(self._task, total=epochs)

    def sees(self, epoch: Epoch) -> None:
        self._bar.update(self._task, completed=epoch.number, figures=figures(epoch))

    def ends(self, sentence: str) -> None:
        self._bar.update(self._task, total=self._bar.tasks[self._task].completed)  # stopping early is being done
        self._bar.console.print(sentence, style="dim", highlight=False, soft_wrap=True)


class Steps:
    """A bar for a row of named steps."""

    def __init__(self, title: str, steps: int) -> None:
        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[name]}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task(title, total=steps, name="")

    def __enter__(self) -> Steps:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def tell(self, name: str, done: int) -> None:
        self._bar.update(self._task, completed=done, name=name)


def figures(epoch: Epoch) -> str:
    """loss 31.2  validation 36.4  best 35.9 at epoch 41"""
    text = f"loss {epoch.loss:.4g}"
    if epoch.validation_loss is None:
        return text
    return f"{text}  validation {epoch.validation_loss:.4g}  best {epoch.best_loss:.4g} at epoch {epoch.best_epoch}"


def say(sentence: str) -> None:
    """A sentence for the person, on stderr: stdout carries data only."""
    sys.stderr.write(sentence + "\n")
