"""The command `unseen-baselines`: train a model for a competition, run the lecture, visit the lab."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .lecture import Row

MODEL_NAMES = ("mean", "linear", "linear-gd", "mlp", "committee")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The lecture's models, in NumPy: baselines for a competition, and experiments to look at."""


@main.command()
@click.argument("name", type=click.Choice(MODEL_NAMES))
@click.option(
    "--data",
    "folder",
    required=True,
    type=click.Path(path_type=Path),
    help="folder with train.csv, test.csv, sample_submission.csv",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="where the predictions go (default: stdout, unless --submit)"
)
@click.option(
    "--submit",
    "slug",
    metavar="SLUG",
    help="also hand them in to this competition, signed in as `unseen login` left you",
)
@click.option("--message", "-m", help="the submission's message (default: the model's name)")
@click.option("--seed", type=int, help="repeat a run exactly")
@click.option("--drop", multiple=True, metavar="COLUMN", help="leave a column out (repeatable)")
@click.option(
    "--ratio",
    "ratios",
    multiple=True,
    metavar="A/B",
    help="add the column A divided by B, such as words/pages (repeatable)",
)
def train(
    name: str, folder: Path, out: Path | None, slug: str | None, message: str | None, seed: int | None,
    drop: Sequence[str], ratios: Sequence[str],
) -> None:  # fmt: skip
    """Train NAME on a competition's folder and predict its test rows.

    \b
    mean        the mean of the training labels
    linear      a line, by the formula
    linear-gd   a line, by gradient descent
    mlp         a network of ReLU layers, stopped early on rows held back
    committee   the mean of eight such networks
    """
    from .errors import CannotLearn
    from .train import fit_and_predict
    from .watch import ProgressBar

    try:
        with ProgressBar(name) as watcher:
            ids, predictions = fit_and_predict(
                folder, name, out, seed=seed, drop=drop, ratios=[_pair(text) for text in ratios], watcher=watcher
            )
    except CannotLearn as refusal:
        raise click.ClickException(str(refusal)) from None
    if out is None and slug is None:
        sys.stdout.writelines(f"{i},{float(p)!r}\n" for i, p in zip(ids, predictions, strict=True))
    elif out is not None:
        click.echo(f"{len(ids)} predictions written to {out}.", err=True)
    if slug is not None:
        _submit(slug, dict(zip(ids, map(float, predictions), strict=True)), message or name)


@main.command()
@click.option(
    "--seed", type=int, default=0, show_default=True, help="another seed, another run wherever chance has a part"
)
@click.option("--quick", is_flag=True, help="shorter runs of what takes long; rows 12 and 18 then come out differently")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="also a report with pictures in this folder"
)
def lecture(seed: int, quick: bool, form: str, out: Path | None) -> None:
    """Run the lecture's eighteen experiments and print its figures beside this run's."""
    from . import lecture as lectures
    from .watch import Steps

    with Steps("lecture", len(lectures.EXPERIMENTS)) as steps:
        book = lectures.give(seed, quick, steps.tell)
    if form == "json":
        click.echo(json.dumps([asdict(row) for row in book.rows], indent=1))
    else:
        print_table(book.rows)
    if out is not None:
        from .report import write_report

        click.echo(f"Report written to {write_report(book, out)}.", err=True)


@main.command("make-data")
@click.argument("name", type=click.Choice(["lecture-length"]))
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="the labelled CSV to write")
@click.option("--seed", type=int, help="repeat the same lectures (default: different ones each time)")
@click.option("--rows", type=click.IntRange(20, 1_000_000), default=4000, show_default=True)
def make_data(name: str, out: Path, seed: int | None, rows: int) -> None:
    """Write the labelled table of an invented competition, for `unseen-server competition init --from`.

    Whoever knows the seed knows the answers: leave it out, or keep it secret.
    """
    from .lecture_length import lectures

    out.parent.mkdir(parents=True, exist_ok=True)
    lectures(rows, seed).to_csv(out, index=False, lineterminator="\n")
    click.echo(f"{rows} lectures written to {out}.", err=True)


def print_table(rows: Sequence[Row]) -> None:
    """The experiments on stdout, one line for each figure."""
    from rich.console import Console
    from rich.table import Table

    from .tables import RECONSTRUCTED

    table = Table(box=None, pad_edge=False, caption=f"Data: {RECONSTRUCTED}.", caption_justify="left")
    table.add_column("row", justify="right")
    table.add_column("what", overflow="fold")
    table.add_column("lecture", justify="right", overflow="fold")
    table.add_column("here", justify="right", overflow="fold")
    before = None
    for row in rows:
        number = "" if row.row == before else str(row.row)
        table.add_row(number, row.what, _shown(row.lecture), _shown(row.here))
        before = row.row
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 130  # a file or a pipe has no width of its own
    console.print(table)


def _shown(figure: float | str) -> str:
    if isinstance(figure, str):
        return figure
    return f"{figure:.0f}" if figure == round(figure) or abs(figure) >= 1000 else f"{figure:.4g}"


def _pair(text: str) -> tuple[str, str]:
    over, slash, under = text.partition("/")
    if not (over and slash and under):
        raise click.BadParameter(
            f"{text!r} is not two columns with a / between them, such as words/pages", param_hint="--ratio"
        )
    return over, under


def _submit(slug: str, predictions: dict[str, float], message: str) -> None:
    from unseen import Client
    from unseen.errors import UnseenError

    try:
        receipt = Client.from_env().submit(slug, predictions, message=message)
    except UnseenError as refusal:
        raise click.ClickException(str(refusal)) from None
    told = f"public score {receipt.public_score}, rank {receipt.rank}, {receipt.left_today} left today"
    click.echo(f"Submitted to {slug}: {told}.", err=True)


if __name__ == "__main__":
    main()
