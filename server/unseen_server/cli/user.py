"""People."""

from __future__ import annotations

import secrets
import sys

import click

from unseen_server.cli.common import answer, database, format_option, note, now
from unseen_server.config import Config
from unseen_server.core.errors import Conflict
from unseen_server.services import accounts, links, passwords, people
from unseen_server.services.principals import SERVER

password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of making one."
)


@click.group()
def user() -> None:
    """Students, assistants and instructors."""


@user.command("add")
@click.argument("name")
@click.option("--course", "course_slug", help="Enrol in this course (default: the only one there is).")
@click.option("--role", type=click.Choice(accounts.ROLES), default="student", show_default=True)
@click.option("--email", default="")
@click.option("--student-id", default="")
@click.option("--display-name", default="", help="What others see (default: the user name).")
@password_option
@format_option
def add(
    name: str,
    course_slug: str | None,
    role: str,
    email: str,
    student_id: str,
    display_name: str,
    password_stdin: bool,
    style: str,
) -> None:
    """Add a person and enrol them in a course; prints the password it made, once.

    Somebody who is there already is enrolled in the further course and keeps their password.
    """
    with database() as db:
        added = people.add(
            db,
            course=course_slug,
            username=name,
            display_name=display_name,
            email=email,
            student_id=student_id,
            role=role,
            password=lambda: _password(password_stdin),
            principal=SERVER,
            now=now(),
        )
    shown = None if password_stdin else added.password
    made = {"username": name, "course": added.course, "role": role, "password": shown}
    answer(style, made, f"user      {name}" + (f"\npassword  {shown}" if shown else ""))
    note(f"Added {name} to {added.course} as {role}.")


@user.command("password")
@click.argument("name")
@password_option
@format_option
def password(name: str, password_stdin: bool, style: str) -> None:
    """Give NAME another password and print the one it made, once; who came by a roster has none yet."""
    chosen = _password(password_stdin)
    with database() as db, db.write() as session:
        person = accounts.user_named(session, name)
        passwords.set_password(session, person, chosen, now=now(), actor=SERVER.username)
    shown = None if password_stdin else chosen
    text = f"user      {person.username}" + (f"\npassword  {shown}" if shown else "")
    answer(style, {"username": person.username, "password": shown}, text)
    note("Their browsers are signed out; tokens go on until they are revoked.")


url_option = click.option(
    "--url", help="Where browsers find this server (default: UNSEEN_PUBLIC_URL, else host and port)."
)


@user.command("invite")
@click.argument("name")
@url_option
@format_option
def invite(name: str, url: str | None, style: str) -> None:
    """Print a link, alone, with which NAME chooses a first password; it works once, within 14 days."""
    _print_link(name, "invite", url, style)


@user.command("reset")
@click.argument("name")
@url_option
@format_option
def reset(name: str, url: str | None, style: str) -> None:
    """Print a link, alone, with which NAME chooses another password; it works once, within 24 hours."""
    _print_link(name, "reset", url, style)


@user.command("disable")
@click.argument("name")
def disable(name: str) -> None:
    """Keep NAME out: browsers are signed out and tokens revoked at once. What they submitted stays."""
    with database() as db:
        accounts.disable(db, name, principal=SERVER, now=now())
    note(f"{name} is disabled.")


@user.command("enable")
@click.argument("name")
def enable(name: str) -> None:
    """Let NAME sign in again, with the password they had."""
    with database() as db:
        accounts.enable(db, name, principal=SERVER, now=now())
    note(f"{name} can sign in again. Tokens stay revoked; new ones are made on the account page.")


def _print_link(name: str, purpose: links.Purpose, url: str | None, style: str) -> None:
    with database() as db, db.write() as session:
        person = accounts.user_named(session, name)
        if purpose == "invite" and person.password_hash:
            raise Conflict(
                reason=f"{person.username} has a password already. `unseen-server user reset NAME` makes another link."
            )
        secret = links.issue(session, person, purpose, now=now(), actor=SERVER.username)
    address = f"{(url or Config.from_environment().address).rstrip('/')}/welcome/{secret}"
    answer(style, {"username": person.username, "purpose": purpose, "url": address}, address)
    note("It is shown this once. Whoever opens it chooses the password, so give it to nobody else.")


def _password(given: bool) -> str:
    return sys.stdin.readline().rstrip("\r\n") if given else secrets.token_urlsafe(12)
