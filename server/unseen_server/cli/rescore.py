"""Corrected answers."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from unseen_server.cli.common import answer, database, format_option, note, now, table
from unseen_server.services import rescore as rescoring
from unseen_server.services.keys import KeyRing
from unseen_server.services.principals import SERVER
from unseen_server.services.rescore import Change, Rescored


@click.command()
@click.argument("slug")
@click.argument("solution", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--quiet", is_flag=True, help="Announce nothing to the students.")
@format_option
def rescore(slug: str, solution: Path, dry_run: bool, quiet: bool, style: str) -> None:
    """Replace the answers of SLUG by those in SOLUTION, a corrected solution.csv, and score everything again."""
    with database() as db:
        report = rescoring.rescore(
            db,
            KeyRing(db),
            slug=slug,
            content=solution.read_bytes(),
            principal=SERVER,
            now=now(),
            dry_run=dry_run,
            quiet=quiet,
            progress=_progress,
        )
    answer(style, report, _told(report))
    if dry_run:
        note("Nothing was changed. Leave out --dry-run to do it.")


def _progress(done: int, total: int) -> None:
    """One line that counts, on a terminal only."""
    if sys.stderr.isatty():
        click.echo(f"\rScored {done} of {total}", nl=done == total, err=True)


def _told(report: Rescored) -> str:
    if not report.labels_changed and not report.usage_changed:
        return "The answers are the ones that count already; nothing to do."
    differ = f"Labels that differ: {report.labels_changed}. Rows of another usage: {report.usage_changed}."
    told = [f"{differ} Public rows: {report.public_rows}. Submissions scored: {report.submissions}."]
    for board, changes in (("public", report.public), ("private", report.private)):
        if changes:
            header = (f"{board} rank", "was", "score", "was", "team")
            told.append(table(header, [_row(change) for change in changes]))
    if not report.public and not report.private:
        told.append("No rank and no score on a board changes.")
    return "\n".join(told)


def _row(change: Change) -> tuple[object, ...]:
    return (change.new_rank, change.old_rank, change.new_score, change.old_score, change.team)
