"""A course's list of students."""

from __future__ import annotations

from pathlib import Path

import click

from unseen_server.cli.common import answer, database, format_option, note, now
from unseen_server.services import rosters
from unseen_server.services.principals import SERVER


@click.group()
def roster() -> None:
    """The list of a course's students."""


@roster.command("import")
@click.argument("course")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@format_option
def import_(course: str, file: Path, dry_run: bool, style: str) -> None:
    """Enrol everybody in FILE (username,email,name,student_id[,display_name]); all or nothing, repeatable.

    Columns may stand in any order and be called as Canvas, NTU COOL or Moodle call them; without a user name it is made
    from the student id or the e-mail address.
    """
    with database() as db:
        report = rosters.import_roster(
            db, course=course, content=file.read_bytes(), dry_run=dry_run, principal=SERVER, now=now()
        )
    new, enrolled, known = len(report.added), len(report.enrolled), len(report.unchanged)
    answer(
        style,
        report,
        f"{'Would enrol' if dry_run else 'Enrolled'} {enrolled} people, {new} of them new; {known} were there already.",
    )
    for one in report.differences:
        note(f"{one.username}: {one.field} is “{one.known}” here and “{one.given}” in the list; nothing was changed.")
    if new and not dry_run:
        note("They choose a password with a link: `unseen-server user invite NAME` prints one.")
