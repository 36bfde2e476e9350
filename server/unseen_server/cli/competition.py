"""Competitions: made from a labelled CSV, checked, brought in, launched, closed."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from unseen_server.cli.common import answer, database, format_option, note, now, table
from unseen_server.core.errors import BadBundle
from unseen_server.services import bundles, competitions
from unseen_server.services.keys import KeyRing

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group()
def competition() -> None:
    """A competition is a folder until it is brought in with `create`."""
