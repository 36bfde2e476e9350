"""Grades."""

from __future__ import annotations

from pathlib import Path

import click

from unseen_server.cli.common import database, note, now
from unseen_server.services import exports
from unseen_server.services.principals import SERVER


@click.group()
def grades() -> None:
    """What the students of a course have reached."""


@grades.command("export")
@click.argument("slug")
@click.option(
    "--format",
    "style",
    type=click.Choice(list(exports.GRADE_FILES)),
    default="csv",
    show_default=True,
    help="A plain table, or what Canvas or Moodle import.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file (default: stdout).")
def export(slug: str, style: str, out: Path | None) -> None:
    """Write the grades of SLUG: one row for every student of its course."""
    with database() as db:
        exported = exports.export_grades(db, slug=slug, style=style, principal=SERVER, now=now())
    if out is None:
        click.echo(exported.content, nl=False)
    else:
        out.write_bytes(exported.content.encode())
        note(f"Wrote {out}.")
