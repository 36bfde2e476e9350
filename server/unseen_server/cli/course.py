"""Courses."""

from __future__ import annotations

import click

from unseen_server.cli.common import answer, database, format_option, now, table
from unseen_server.services import courses
from unseen_server.services.principals import SERVER


@click.group()
def course() -> None:
    """Courses: what competitions, staff and students belong to."""


@course.command("add")
@click.argument("slug")
@click.option("--title", required=True, help="What people read.")
@click.option("--time-zone", default="UTC", show_default=True, help="IANA name, such as Asia/Taipei.")
@format_option
def add(slug: str, title: str, time_zone: str, style: str) -> None:
    """Add a course."""
    with database() as db:
        courses.new(db, slug=slug, title=title, time_zone=time_zone, principal=SERVER, now=now())
    answer(style, {"slug": slug, "title": title, "time_zone": time_zone}, f"Added the course {slug}.")


@course.command("list")
@format_option
def list_(style: str) -> None:
    """List the courses."""
    with database() as db:
        rows = [(c.slug, c.title, c.time_zone) for c in courses.listed(db, principal=SERVER)]
    header = ("slug", "title", "time_zone")
    answer(style, [dict(zip(header, row, strict=True)) for row in rows], table(header, rows))
