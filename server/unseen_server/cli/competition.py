"""Competitions: made from a labelled CSV, checked, brought in, launched, closed."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path

import click

from unseen_server.cli.common import answer, database, format_option, note, now, table
from unseen_server.core import advice as advising
from unseen_server.core import schedule
from unseen_server.core.advice import Advice
from unseen_server.services import bundles, burnt, competitions, folders, launching, removing
from unseen_server.services.principals import SERVER

FOLDER = click.Path(file_okay=False, path_type=Path)
WIDTH = 120  # columns where there is no terminal that says how many
LEAST_ROOM = 24


@click.group()
def competition() -> None:
    """A competition is a folder until it is brought in with `create`."""


@competition.command("init")
@click.argument("folder", type=FOLDER)
@click.option(
    "--from",
    "labelled",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Any CSV with a header, features and the column to predict.",
)
@click.option("--target", required=True, help="The column to predict.")
@click.option("--id", "id_column", help="The column that names the rows (default: new ids are made).")
@click.option("--test-size", type=float, default=0.3, show_default=True, help="Share of the rows that is hidden.")
@click.option("--public", type=float, help="Share of the hidden rows that is public (default: .3 below 5000, else .5).")
@click.option("--seed", type=int, help="Repeats a split exactly; keep it secret (default: a secret random one).")
@click.option("--metric", default="mse", show_default=True, help="mse, rmse, mae or r2.")
@click.option("--slug", help="The name in addresses (default: made from the folder's name).")
@click.option("--title", help="What people read (default: made from the folder's name).")
@click.option("--time-zone", default="UTC", show_default=True, help="IANA name; the deadline and the day are in it.")
@click.option("--force", is_flag=True, help="Write over a folder that holds something.")
@click.option("--deadline", metavar="ISO", help="Such as 2027-01-31 23:59, in the time zone (default: in 14 days).")
@format_option
def init(
    folder: Path,
    labelled: Path,
    target: str,
    id_column: str | None,
    test_size: float,
    public: float | None,
    seed: int | None,
    metric: str,
    slug: str | None,
    title: str | None,
    time_zone: str,
    force: bool,
    deadline: str | None,
    style: str,
) -> None:
    """Make a competition in FOLDER out of a labelled CSV: split, files, pages, settings."""
    made = bundles.init_bundle(
        folder,
        labelled,
        target=target,
        id_column=id_column,
        test_size=test_size,
        public=public,
        seed=seed,
        title=title,
        time_zone=time_zone,
        deadline=deadline,
        slug=slug,
        metric=metric,
        force=force,
        now=now(),
    )
    split = bundles.advised(made, now())
    rows = {"test": len(made.key.ids), "public": made.key.n_public, "private": made.key.n_private}
    ends = schedule.both_zones(made.settings.deadline, time_zone)
    answer(
        style,
        {
            "folder": str(folder),
            "slug": made.settings.slug,
            "rows": rows,
            "deadline": made.settings.deadline,
            "advice": split,
        },
        f"Made {folder}: {rows['test']} hidden rows, {rows['public']} public and {rows['private']} private.\n"
        f"Deadline {ends}.\n\n{_advice(split)}",
    )
    for sentence in (*split.warnings, *split.suggestions):
        note(str(sentence))
    note(f"Read and change {folder / 'competition.toml'} and the pages beside it. solution.csv is secret.")
    note(f"Next: unseen-server competition check {folder}")


@competition.command("check")
@click.argument("folder", type=FOLDER)
@format_option
def check(folder: Path, style: str) -> None:
    """Look a competition folder over before anybody sees it; exits with 1 where it is not ready."""
    report = bundles.check_bundle(bundles.read_bundle(folder), now())
    rows = [(finding.level, finding.message) for finding in report.findings]
    found = "\n".join(f"{level:<8}{message}" for level, message in rows)
    answer(style, report, f"{found}\n\n{_advice(report.advice)}")
    if not report.ready:
        note("Not ready: mend the errors above and check again.")
        sys.exit(1)
    note(f"Ready. Next: unseen-server competition create {folder}")


def _advice(split: Advice) -> str:
    """The advice on a split as a table as wide as the terminal, and what it means beside each number."""
    said = [(str(line.name), str(line.value), str(line.meaning)) for line in advising.lines(split)]
    taken = sum(max(len(row[column]) for row in said) + 2 for column in (0, 1))
    room = max(LEAST_ROOM, shutil.get_terminal_size((WIDTH, 24)).columns - taken)
    rows = []
    for name, value, meaning in said:
        first, *rest = textwrap.wrap(meaning, room) or [""]
        rows += [(name, value, first), *(("", "", line) for line in rest)]
    return table(("split advice", "", "what it means"), rows)


@competition.command("create")
@click.argument("folder", type=FOLDER)
@click.option("--course", help="The course it belongs to (default: the only one there is).")
@format_option
def create(folder: Path, course: str | None, style: str) -> None:
    """Bring the competition in FOLDER into the database, as a draft that only staff see."""
    with database() as db:
        created = launching.create(db, bundles.read_bundle(folder), course=course, principal=SERVER, now=now())
    leaks = f"Leak ratio {created.leak_ratio:.2g} ({created.leak_level}). {created.leak_meaning}"
    answer(style, created, f"Created {created.slug} in the course {created.course}.\n{leaks}")
    note(f"Next: unseen-server competition launch {created.slug}")


@competition.command("launch")
@click.argument("slug")
@click.option("--at", metavar="ISO", help="Opens then, in the competition's time zone (default: now).")
@format_option
def launch(slug: str, at: str | None, style: str) -> None:
    """Open a competition, now or at a given time, and publish the seal of its answer key.

    One that waits for its start can be given another.
    """
    with database() as db:
        launched = launching.launch(db, slug=slug, at=at, principal=SERVER, now=now())
    opens = schedule.both_zones(launched.starts_at, launched.time_zone) if launched.starts_at else ""
    ends = schedule.both_zones(launched.deadline, launched.time_zone)
    answer(style, launched, f"Launched {slug}: opens {opens}, deadline {ends}.\nSealed as {launched.seal}.")


@competition.command("close")
@click.argument("slug")
@format_option
def close(slug: str, style: str) -> None:
    """End a competition before its deadline."""
    with database() as db:
        closed = launching.close(db, slug=slug, principal=SERVER, now=now())
    answer(style, closed, f"Closed {slug}.")
    note(f"Next: unseen-server reveal {slug}")


@competition.command("remove")
@click.argument("slug")
@format_option
def remove(slug: str, style: str) -> None:
    """Hide a competition from everybody but its staff; nothing is deleted."""
    with database() as db:
        removing.remove(db, slug=slug, principal=SERVER, now=now())
        removed = competitions.shown(db, slug=slug, principal=SERVER, now=now())
    answer(style, removed, f"Removed {slug}.")
    note(f"To bring it back: unseen-server competition restore {slug}")


@competition.command("restore")
@click.argument("slug")
@format_option
def restore(slug: str, style: str) -> None:
    """Bring back a competition that was removed."""
    with database() as db:
        removing.restore(db, slug=slug, principal=SERVER, now=now())
        restored = competitions.shown(db, slug=slug, principal=SERVER, now=now())
    answer(style, restored, f"Restored {slug}.")


@competition.command("export")
@click.argument("slug")
@click.argument("target", type=click.Path(path_type=Path))
@format_option
def export(slug: str, target: Path, style: str) -> None:
    """Write a competition's folder again, to a new folder or to a file that ends in .zip; it holds the answers."""
    with database() as db:
        files = folders.export(db, slug=slug, principal=SERVER, now=now())
        known = burnt.look(db, slug=slug, principal=SERVER, now=now())
    folders.write(files, target, slug)
    answer(style, {"target": str(target), "files": sorted(files)}, f"Wrote {target}: {len(files)} files.")
    note("solution.csv in it is secret.")
    _warn(known)


@competition.command("list")
@format_option
def list_(style: str) -> None:
    """List all competitions."""
    with database() as db:
        found = competitions.listed(db, principal=SERVER, now=now())
    rows = [(c.slug, c.phase, schedule.both_zones(c.deadline, c.time_zone), c.teams, c.title) for c in found]
    answer(style, found, table(("slug", "phase", "deadline", "teams", "title"), rows))


@competition.command("show")
@click.argument("slug")
@format_option
def show(slug: str, style: str) -> None:
    """Show one competition in full."""
    with database() as db:
        found = competitions.shown(db, slug=slug, principal=SERVER, now=now())
        known = burnt.look(db, slug=slug, principal=SERVER, now=now())
    pages = {"overview", "rules", "data", "announcements"}
    every = {**vars(found), "burnt": known.burnt}
    seals = ", ".join(f"{one.seal} (version {one.version})" for one in found.seals)
    rows = [(name, value) for name, value in {**every, "seals": seals}.items() if name not in pages]
    answer(style, every, "\n".join(f"{name:<18}{value}" for name, value in rows))
    _warn(known)


def _warn(known: burnt.Burnt) -> None:
    if known.burnt:
        note(" ".join(("The test rows are burnt.", *map(str, known.sentences()))))
