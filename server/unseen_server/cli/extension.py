"""Extensions: more time or more submissions for one student."""

from __future__ import annotations

import click

from unseen_server.cli.common import answer, database, format_option, now, table
from unseen_server.core import schedule
from unseen_server.db.session import Database
from unseen_server.services import competitions, extensions
from unseen_server.services.extensions import Granted, Wanted
from unseen_server.services.principals import SERVER


@click.group()
def extension() -> None:
    """More time or more submissions for one student, with the reason."""


@extension.command("add")
@click.argument("slug")
@click.argument("user")
@click.option("--until", metavar="ISO", help="The own deadline, in the competition's time zone.")
@click.option("--extra", type=int, default=0, help="So many submissions more.")
@click.option("--day", metavar="DATE", help="The day they are for (default: today).")
@click.option("--reason", required=True, help="Kept in the audit log; students do not see it.")
@format_option
def add(slug: str, user: str, until: str | None, extra: int, day: str | None, reason: str, style: str) -> None:
    """Give USER more time or more submissions in SLUG."""
    wanted = Wanted(user, until, extra, day, reason)
    with database() as db:
        granted = extensions.grant(db, slug=slug, wanted=wanted, principal=SERVER, now=now())
        zone = _time_zone(db, slug)
    answer(style, granted, f"Granted {granted.username} {_what(granted, zone)} (extension {granted.id}).")


@extension.command("list")
@click.argument("slug")
@format_option
def list_(slug: str, style: str) -> None:
    """List what was granted in SLUG, the newest first."""
    with database() as db:
        found = extensions.listed(db, slug=slug, principal=SERVER, now=now())
        zone = _time_zone(db, slug)
    rows = [(e.id, e.username, _what(e, zone), _state(e), e.actor, e.reason) for e in found]
    answer(style, found, table(("id", "user", "granted", "state", "by", "reason"), rows))


@extension.command("withdraw")
@click.argument("number", metavar="ID", type=int)
@click.option("--reason", required=True, help="Kept in the audit log.")
@format_option
def withdraw(number: int, reason: str, style: str) -> None:
    """Take an extension back; what was sent under it stays on time."""
    with database() as db:
        taken = extensions.withdraw(db, number=number, reason=reason, principal=SERVER, now=now())
    answer(style, taken, f"Withdrew extension {number} of {taken.username}.")


def _time_zone(db: Database, slug: str) -> str:
    return competitions.shown(db, slug=slug, principal=SERVER, now=now()).time_zone


def _what(granted: Granted, zone: str) -> str:
    parts = [f"until {schedule.both_zones(granted.until, zone)}"] if granted.until else []
    if granted.extra:
        parts.append(f"{granted.extra} more on {granted.day}")
    return ", ".join(parts)


def _state(granted: Granted) -> str:
    return "withdrawn" if granted.withdrawn_at else "live" if granted.live else "over"
