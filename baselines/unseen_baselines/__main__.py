"""The command `unseen-baselines`: train a model for a competition, run the lecture, visit the lab."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from rich.console import Console
    from rich.table import Table

    from .lab import Outcome
    from .lab_findings import Finding, Played
    from .lecture import Row

MODEL_NAMES = ("mean", "linear", "linear-gd", "mlp", "committee")
# The names stand here too, so that --help needs no NumPy.
RELEASES = ("full", "rounded", "ladder")
ATTACKS = ("hill-climb", "decode", "honest", "lazy", "boost", "permute", "staircase", "coalition", "oracle", "groups")

NOTHING_TO_PLAY = (
    "There is nothing to play: staircase, coalition and groups are for the release ladder, and coalition is for the "
    "lab's own server."
)


class Room(click.Group):
    """Says what to install where a bare `pip install unseen` left NumPy out."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as missing:
            raise click.ClickException(f'{missing.name} is missing. Run: pip install "unseen[baselines]"') from None


@click.group(cls=Room, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The lecture's models, in NumPy: baselines for a competition, and experiments to look at."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # matrices this small take twice as long on several cores


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
@click.option(
    "--validation",
    "share",
    type=click.FloatRange(0, 0.9, min_open=True),
    default=0.15,
    show_default=True,
    help="share of the training rows a network is stopped early on",
)
@click.option("--drop", multiple=True, metavar="COLUMN", help="leave a column out (repeatable)")
@click.option(
    "--ratio",
    "ratios",
    multiple=True,
    metavar="A/B",
    help="add the column A divided by B, such as words/pages (repeatable)",
)
def train(
    name: str, folder: Path, out: Path | None, slug: str | None, message: str | None, seed: int | None, share: float,
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

    pairs = [_pair(text) for text in ratios]
    try:
        with ProgressBar(name) as watcher:
            predictions = fit_and_predict(
                folder, name, out, seed=seed, validation_share=share, drop=drop, ratios=pairs, watcher=watcher
            )
    except CannotLearn as refusal:
        raise click.ClickException(str(refusal)) from None
    if out is not None:
        click.echo(f"{len(predictions.ids)} predictions written to {out}.", err=True)
    elif slug is None:
        click.echo(predictions.text(), nl=False)
    if slug is not None:
        _submit(slug, predictions.by_id(), message or name)


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


@main.command()
@click.option("--seeds", default="0-4", show_default=True, metavar="N|N-M", help="the data, and the attackers' chance")
@click.option("--release", "releases", multiple=True, type=click.Choice(RELEASES), help="only this one (repeatable)")
@click.option("--attack", "attacks", multiple=True, type=click.Choice(ATTACKS), help="only this one (repeatable)")
@click.option("--url", help="play on this server instead of one of the lab's own; needs --token")
@click.option("--token", envvar="UNSEEN_LAB_TOKEN", help="an instructor's token with the scope staff, for --url")
@click.option("--course", help="the course there, where you teach several")
@click.option("--quick", is_flag=True, help="the first seed only")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="also a picture in this folder")
def lab(
    seeds: str, releases: Sequence[str], attacks: Sequence[str], url: str | None, token: str | None,
    course: str | None, quick: bool, form: str, out: Path | None,
) -> None:  # fmt: skip
    """Attack leaderboards under each release, over HTTP, and say what they gave away.

    \b
    hill-climb  noise, kept when the board shows it better
    decode      more uploads than public rows, and least squares
    honest      no attack: a student who gets better
    lazy        random predictions, the best of them
    boost       random signs, averaged by how they scored
    permute     hill-climbing by exchanging predictions
    staircase   small steps down a ladder, each with random signs
    coalition   the same by two teams
    oracle      labels of two classes, forty from one score
    groups      labels of two classes, four at a time, from what a ladder accepts

    It starts a server of its own in a temporary folder and removes it afterwards. On another server (--url) the scratch
    competitions stay, closed; what needs two teams is left out there.
    """
    from unseen.errors import UnseenError

    from .errors import LabClosed

    chosen = _seeds(seeds)[: 1 if quick else None]
    try:
        played = _played(url, token, course, attacks or ATTACKS, releases or RELEASES, chosen)
    except (LabClosed, UnseenError) as refusal:
        raise click.ClickException(str(refusal)) from None
    if form == "json":
        click.echo(json.dumps([asdict(one.finding) for one in played], indent=1))
    else:
        print_findings([one.finding for one in played])
    if out is not None:
        from .lab_plots import lab_picture
        from .plots import save

        out.mkdir(parents=True, exist_ok=True)
        click.echo(f"Picture written to {save(lab_picture(played), out, 'lab')}.", err=True)


def _played(
    url: str | None, token: str | None, course: str | None,
    attacks: Iterable[str], releases: Sequence[str], seeds: Sequence[int],
) -> list[Played]:  # fmt: skip
    """Every attack on every release with every seed, on a server of the lab's own unless one is named."""
    from .errors import LabClosed
    from .lab_findings import all_attacks
    from .lab_server import named_server, scratch_server
    from .watch import Steps

    if (url is None) != (token is None):
        raise click.UsageError("--url and --token belong together: the server, and an instructor's token for it.")
    with named_server(url, token, course) if url and token else scratch_server() as stage:
        games = list(all_attacks(stage, attacks, releases, seeds))
        if not games:
            raise LabClosed(NOTHING_TO_PLAY)
        played = []
        with Steps("lab", len(games)) as steps:
            for done, (name, play) in enumerate(games):
                steps.tell(name, done)
                played.append(play())
    return played


def _seeds(text: str) -> list[int]:
    """One number, or all from one to another."""
    first, _, last = text.partition("-")
    if not (first.isdecimal() and (last or first).isdecimal() and int(first) <= int(last or first) <= 10_000):
        raise click.BadParameter("write one number such as 3, or a range such as 0-4", param_hint="--seeds")
    return list(range(int(first), int(last or first) + 1))


@main.command()
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--daily-limit", type=click.IntRange(1), default=5, show_default=True)
@click.option("--days", type=click.IntRange(1), default=14, show_default=True)
@click.option(
    "--tries", type=click.IntRange(1), default=3000, show_default=True, help="submissions where there is no limit"
)
@click.option("--against", "slug", metavar="SLUG", help="play a running competition instead, until it takes no more")
@click.option(
    "--data", "folder", type=click.Path(path_type=Path), help="that competition's folder (needed with --against)"
)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="also a picture in this folder")
def guess(
    seed: int,
    daily_limit: int,
    days: int,
    tries: int,
    slug: str | None,
    folder: Path | None,
    form: str,
    out: Path | None,
) -> None:
    """Guess at a leaderboard, with and without a limit: the public score falls, the private score does not follow.

    With --against it plays a competition you are enrolled in and uses up submissions there.
    """
    from . import lab

    curves: dict[str, tuple[list[float], list[float]]] = {}
    if slug is not None:
        outcomes = [_play(slug, folder, seed, tries)]
    else:
        outcomes, curves = lab.in_memory(seed, daily_limit=daily_limit, days=days, unlimited=tries)
    if form == "json":
        click.echo(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    else:
        print_outcomes(outcomes)
    if out is not None and curves:
        from .plots import guessing, save

        out.mkdir(parents=True, exist_ok=True)
        click.echo(f"Picture written to {save(guessing(curves), out, 'guess')}.", err=True)


def _play(slug: str, folder: Path | None, seed: int, tries: int) -> Outcome:
    """Hill-climb on a running competition, from a straight line's predictions."""
    import numpy as np

    from unseen import Client
    from unseen.errors import LimitReached, UnseenError

    from .errors import CannotLearn
    from .lab import OutOfSubmissions, RunningBoard, against
    from .train import fit_and_predict

    if folder is None:
        raise click.UsageError("--against needs --data, the folder with that competition's files.")
    try:
        predicted = fit_and_predict(folder, "linear")
        with Client.from_env() as client:

            def score(predictions: NDArray[np.floating]) -> float:
                try:
                    answer = client.submit(slug, replace(predicted, values=predictions).by_id(), message="lab")
                except LimitReached as limit:
                    raise OutOfSubmissions from limit
                if answer.public_score is None:  # a competition that is over shows none
                    raise OutOfSubmissions
                return answer.public_score

            board = RunningBoard(score, tries)
            spread = float(predicted.values.std()) / 20
            return against(board, predicted.values, "hill-climbing", spread, np.random.default_rng(seed))
    except (CannotLearn, UnseenError) as refusal:
        raise click.ClickException(str(refusal)) from None
    except OutOfSubmissions:
        raise click.ClickException(f"{slug} takes no submission now: the limit is used up.") from None


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
    from .tables import RECONSTRUCTED, shown

    table = _table("row", "what", "lecture", "here")
    table.caption = f"Data: {RECONSTRUCTED}."
    before = None
    for row in rows:
        table.add_row("" if row.row == before else str(row.row), row.what, shown(row.lecture), shown(row.here))
        before = row.row
    _console().print(table)


def print_outcomes(outcomes: Sequence[Outcome]) -> None:
    table = _table("player", "limit", "submissions", "public: first", "last", "private: first", "last")
    for o in outcomes:
        private = ["hidden" if s is None else f"{s:.1f}" for s in (o.private_at_first, o.private)]
        public = [f"{s:.1f}" for s in (o.public_at_first, o.public)]
        table.add_row(o.player, o.limit, str(o.submissions), *public, *private)
    _console().print(table)


def print_findings(findings: Sequence[Finding]) -> None:
    """One line for each attack and release: the median over the seeds, and the least and the most."""
    from statistics import median

    table = _table("attack", "release", "uploads", "numbers shown", "public", "private", "excess", "of the seeds")
    for (attack, release), found in _by_attack_and_release(findings).items():
        excess = sorted(one.excess for one in found)
        public, private = (median(getattr(one, half) for one in found) for half in ("public", "private"))
        counts = [
            str(round(median(values))) for values in zip(*((o.uploads, o.numbers_shown) for o in found), strict=True)
        ]
        figures = [f"{public:.3g}", f"{private:.3g}", f"{median(excess):.2f}", f"{excess[0]:.2f} to {excess[-1]:.2f}"]
        table.add_row(attack, release, *counts, *figures)
    table.caption = (
        "Exact errors of what is handed in at the end, medians over the seeds. Excess: how much more the public score "
        "flatters it than honest predictions, by their public error."
    )
    _console().print(table)


def _by_attack_and_release(findings: Sequence[Finding]) -> dict[tuple[str, str], list[Finding]]:
    found: dict[tuple[str, str], list[Finding]] = {}
    for one in findings:
        found.setdefault((one.attack, one.release), []).append(one)
    return found


def _table(*columns: str, left: int = 2) -> Table:
    """Its first `left` columns text, the others figures."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, caption_justify="left")
    for at, column in enumerate(columns):
        table.add_column(column, justify="left" if at < left else "right", overflow="fold")
    return table


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 130  # a file or a pipe has no width of its own
    return console


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
        with Client.from_env() as client:
            receipt = client.submit(slug, predictions, message=message)
    except UnseenError as refusal:
        raise click.ClickException(str(refusal)) from None
    facts = {"public score": receipt.public_score, "rank": receipt.rank, "left today": receipt.left_today}
    told = ", ".join(f"{name} {value}" for name, value in facts.items() if value is not None)
    click.echo(f"Submitted to {slug}: {told}.", err=True)


if __name__ == "__main__":
    main()
