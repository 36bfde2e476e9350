"""The overfitting meter."""

from __future__ import annotations

import click

from unseen_server.cli.common import answer, database, now, table
from unseen_server.services import meter as measuring
from unseen_server.services.kept import Kept
from unseen_server.services.keys import KeyRing
from unseen_server.services.meter import Meter
from unseen_server.services.principals import SERVER


@click.command()
@click.argument("slug")
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How it is printed; json holds every point and curve besides.",
)
def meter(slug: str, style: str) -> None:
    """Say how far the public rows of SLUG were overfitted, and how it would have ended under other rules."""
    with database() as db:
        found = measuring.staffs_meter(db, KeyRing(db), Kept(1), slug=slug, principal=SERVER, now=now())
    answer(style, found, "\n\n".join((_whole(found), _teams(found), _replays(found))))


def _whole(found: Meter) -> str:
    rows = [
        ("slope", _short(found.slope), "1 where every public gain was kept on the private rows"),
        ("Kendall's tau", _short(found.kendall_tau), "1 where both scores put the submissions in one order"),
        ("optimism", _short(found.optimism), f"expected {_short(found.expected_optimism)}"),
        ("shake-up", _short(found.shake_up), f"from noise alone {_short(found.expected_shake_up)}"),
        ("regret", _short(found.regret_default), f"by the teams' own choice {_short(found.regret_chosen)}"),
    ]
    return table(("", "", ""), rows).lstrip("\n")


def _teams(found: Meter) -> str:
    header = ("private rank", "public rank", "z", "submissions", "optimism", "expected", "team")
    rows = [
        (
            *(one.private_rank, one.public_rank, _short(one.z), one.submissions),
            *(_short(one.optimism), _short(one.expected_optimism), f"{one.team}{' *' if one.flagged else ''}"),
        )
        for one in found.teams
    ]
    said = f"* z above {found.flagged_above}: consistent with overfitting the public rows; 2 to 3 in 100 by chance."
    return f"{table(header, rows)}\n{said}"


def _replays(found: Meter) -> str:
    header = ("a day", "release", "winner", "private score", "ranks that differ", "optimism")
    rows = [
        (
            "as it was" if one.actual else one.daily_limit or "no limit",
            *(one.release, one.winner, _long(one.winning_score), one.ranks_changed, _short(one.optimism)),
        )
        for one in found.replays
    ]
    return table(header, rows)


def _short(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _long(value: float | None) -> str:
    return "-" if value is None else f"{value:.7g}"
