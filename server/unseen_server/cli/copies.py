"""Submissions of different teams that say the same."""

from __future__ import annotations

import click

from unseen_server.cli.common import answer, database, note, now, table
from unseen_server.services import copies as finder
from unseen_server.services.copies import Copies
from unseen_server.services.kept import Kept
from unseen_server.services.principals import SERVER


@click.command()
@click.argument("slug")
@click.option(
    "--format", "style", type=click.Choice(["table", "json"]), default="table", help="How the answer is printed."
)
def copies(slug: str, style: str) -> None:
    """Find submissions of different teams that are equal, or affine, up to rounding."""
    with database() as db:
        found = finder.find(db, Kept(1), slug=slug, principal=SERVER, now=now())
    answer(style, found, _table(found))
    note(f"Submissions compared: {found.compared}. Groups found: {len(found.groups)}.")
    if found.constant:
        note(f"{found.constant} with one value throughout were left out: any two of them are alike.")
    if found.groups:
        note(str(found.caution))


def _table(found: Copies) -> str:
    if not found.groups:
        return ""
    rows = [
        (
            number,
            one.ref,
            one.team,
            one.submitted_at.strftime("%Y-%m-%d %H:%M:%SZ"),
            one.like,
            one.in_words(),
            _marks(one),
        )
        for number, group in enumerate(found.groups, 1)
        for one in group.submissions
    ]
    return table(("group", "ref", "team", "sent", "like", "how", ""), rows)


def _marks(one: finder.Alike) -> str:
    marks = ("" if one.kind == "student" else one.kind, "late" * one.late, "withdrawn" if one.withdrawn_at else "")
    return " ".join(mark for mark in marks if mark)
