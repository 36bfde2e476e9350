"""The archive of a competition."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from unseen_server.cli.common import database, note, now
from unseen_server.services import archives, folders
from unseen_server.services.principals import SERVER
from unseen_server.web import archiving, languages


@click.command()
@click.argument("slug")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--pseudonymous", is_flag=True, help="Call people and teams “Student 007” and “Team 012”.")
@click.option("--language", type=click.Choice(list(languages.LANGUAGES)), default="en", help="Of the pages.")
def archive(slug: str, folder: Path, pseudonymous: bool, language: str) -> None:
    """Write SLUG into the new or empty folder DIR: pages, boards, grades and files, to be read without a server."""
    folders.check_new(folder)
    with database() as db:
        with languages.speaking(language):
            prepared = archives.prepare(
                db,
                slug=slug,
                pseudonymous=pseudonymous,
                draw=archiving.draw,
                principal=SERVER,
                now=now(),
                language=language,
            )
        written = archives.files(db, prepared)
        with click.progressbar(written, length=prepared.count, label="Writing files", file=sys.stderr) as counted:
            archives.write(counted, folder)
    note(f"Wrote {folder}. Open {folder / 'index.html'} in a browser; bundle/solution.csv holds the hidden answers.")
