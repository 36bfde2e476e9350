"""The instructor's command line: one module per noun, every command usable in a script."""

from __future__ import annotations

import importlib
import os
import sys

import click

from unseen_server.core.errors import Refusal

# Modules are imported when one of their commands runs, so that `--help` is quick.
COMMANDS = {
    "init": "instance",
    "upgrade": "instance",
    "serve": "instance",
    "worker": "worker",
    "doctor": "instance",
    "sweep": "instance",
    "course": "course",
    "user": "user",
    "people": "people",
    "roster": "roster",
    "token": "token",
    "competition": "competition",
    "baseline": "baseline",
    "team": "team",
    "copies": "copies",
    "extension": "extension",
    "rescore": "rescore",
    "reveal": "reveal",
    "meter": "meter",
    "grades": "grades",
    "archive": "archive",
    "backup": "backup",
    "restore": "backup",
    "demo": "demo",
}


BRINGS = "`pip install 'unseen[server]'` brings what the server needs, 'unseen[cluster]' what PostgreSQL needs besides."


class Commands(click.Group):
    """Finds a command in its module; an unknown one is answered with the nearest known."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(importlib.import_module(f"unseen_server.cli.{module}"), cmd_name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="unseen", prog_name="unseen-server")
def unseen_server() -> None:
    """Run machine-learning competitions for courses.

    Where things are kept: UNSEEN_HOME (default ./instance), UNSEEN_DATABASE_URL (default SQLite in the home).
    """


def main() -> None:
    """Run a command; a refusal prints its sentences and exits with 1."""
    os.umask(0o077)  # what is written here holds hidden labels, and is for its owner alone
    try:
        unseen_server(standalone_mode=False)
    except Refusal as refusal:
        click.echo(f"{click.style('Refused:', fg='red', bold=True)} {refusal}", err=True)
        for problem in refusal.problems:
            click.echo(f"  - {problem.message}", err=True)
        if said := getattr(refusal.__cause__, "orig", None):
            click.echo(f"  The database says: {said}", err=True)
        sys.exit(1)
    except ModuleNotFoundError as error:
        click.echo(f"{error.name} is not installed here. {BRINGS}", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except OSError as error:
        click.echo(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), err=True)
        sys.exit(1)
