"""Baselines: prediction files of the staff that stand on the board without a rank."""

from __future__ import annotations

from pathlib import Path

import click

from unseen_server.cli.common import answer, database, format_option, now
from unseen_server.services import baselines
from unseen_server.services.bundles import TIERS, DeclaredBaseline
from unseen_server.services.keys import KeyRing
from unseen_server.services.principals import SERVER


@click.group()
def baseline() -> None:
    """Prediction files to beat: simple, medium, strong, boss."""


@baseline.command("add")
@click.argument("slug")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", required=True, help="What the board calls it.")
@click.option("--tier", type=click.Choice(TIERS), required=True)
@click.option("--points-public", type=float, default=0.0, show_default=True, help="For reaching it on that board.")
@click.option("--points-private", type=float, default=0.0, show_default=True, help="For reaching it on that board.")
@format_option
def add(slug: str, file: Path, name: str, tier: str, points_public: float, points_private: float, style: str) -> None:
    """Put the predictions in FILE on the board of SLUG as a marked row."""
    with database() as db:
        declared = DeclaredBaseline(name, tier, file.name, points_public, points_private)
        added = baselines.add(
            db, KeyRing(db), slug=slug, declared=declared, content=file.read_bytes(), principal=SERVER, now=now()
        )
    answer(style, added, f"{name} ({tier}) stands at {added.public_score!r}.")
