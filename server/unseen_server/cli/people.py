"""The people of a course: who they are, as what, and deleting what says who somebody was."""

from __future__ import annotations

import click

from unseen_server.cli.common import answer, database, format_option, note, now, table
from unseen_server.core.errors import BadRequest
from unseen_server.core.sentences import say
from unseen_server.services import accounts, erasing
from unseen_server.services import people as service
from unseen_server.services.principals import SERVER


@click.group()
def people() -> None:
    """The people of a course."""


@people.command("list")
@click.argument("course")
@click.option("--search", default="", help="Words that occur in a name, the e-mail or the student id.")
@format_option
def list_(course: str, search: str, style: str) -> None:
    """List everybody in COURSE, staff first."""
    with database() as db:
        found = service.listed(db, course=course, principal=SERVER, text=search)
    rows = [
        (one.username, one.role, one.display_name, one.student_id, one.email, "" if one.has_password else "no password")
        for one in found.listed
    ]
    answer(style, found.listed, table(("user", "role", "name", "student id", "e-mail", ""), rows))


@people.command("role")
@click.argument("course")
@click.argument("name")
@click.argument("role", type=click.Choice(accounts.ROLES))
def role(course: str, name: str, role: str) -> None:
    """Give NAME another role in COURSE; one instructor always stays."""
    with database() as db:
        service.change_role(db, course=course, username=name, role=role, principal=SERVER, now=now())
    note(f"{name} is {role} in {course} now.")


@people.command("remove")
@click.argument("course")
@click.argument("name")
def remove(course: str, name: str) -> None:
    """Take NAME out of COURSE; their account, their team and what they submitted stay."""
    with database() as db:
        service.take_out(db, course=course, username=name, principal=SERVER, now=now())
    note(f"{name} is no longer in {course}.")


@people.command("erase")
@click.argument("name")
@click.option("--confirm", metavar="NAME", help="The user name once more; without it only the counts are said.")
@format_option
def erase(name: str, confirm: str | None, style: str) -> None:
    """Delete for good what says who NAME was: names, e-mail, student id, uploads, messages. Scores and ranks stay."""
    with database() as db:
        stake = erasing.at_stake(db, username=name, principal=SERVER)
        if confirm is None:
            text = f"{stake.submissions} submissions, {stake.teams} teams, {stake.tokens} tokens"
            answer(style, stake, text)
            note(f"Nothing was deleted. To delete for good: unseen-server people erase {name} --confirm {name}")
            return
        if confirm != name:
            raise BadRequest(reason=say("Nothing was changed. Type “{word}” to confirm that you mean it.", word=name))
        nobody = erasing.erase(db, username=name, principal=SERVER, now=now())
    answer(style, {"username": nobody}, nobody)
    note("Backups made before still hold the data; delete them, too, where that is asked for.")
