"""Teams of students, corrected by the staff: two made one, and one given another name."""

from __future__ import annotations

import click

from unseen_server.cli.common import answer, database, format_option, now
from unseen_server.services import team_corrections
from unseen_server.services.principals import SERVER


@click.group()
def team() -> None:
    """Teams of students: merge two, rename one."""


@team.command("merge")
@click.argument("slug")
@click.argument("team")
@click.argument("other")
@click.option("--reason", required=True, help="Why; it is kept in the audit log.")
@format_option
def merge(slug: str, team: str, other: str, reason: str, style: str) -> None:
    """Make OTHER part of TEAM in the competition SLUG, beyond the limits that students keep to."""
    with database() as db:
        merged = team_corrections.merge(
            db, slug=slug, team=team, other=other, reason=reason, principal=SERVER, now=now()
        )
    counts = f"{merged.members} members and {merged.submissions} submissions"
    cleared = " Its final submissions have to be chosen again." if merged.finals_cleared else ""
    answer(style, merged, f"{merged.team} has {counts} now.{cleared}")


@team.command("rename")
@click.argument("slug")
@click.argument("team")
@click.argument("name")
@click.option("--reason", required=True, help="Why; it is kept in the audit log.")
@format_option
def rename(slug: str, team: str, name: str, reason: str, style: str) -> None:
    """Call TEAM of the competition SLUG by another NAME."""
    with database() as db:
        kept = team_corrections.rename(db, slug=slug, team=team, name=name, reason=reason, principal=SERVER, now=now())
    answer(style, {"team": kept}, f"The team is called {kept} now.")
