"""The demo: two real competitions with baselines and students, made before your eyes and left running."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click

from unseen_server import resources
from unseen_server.cli.common import note, now, table
from unseen_server.config import Config, write_private
from unseen_server.core.errors import Busy, Conflict
from unseen_server.db import migrate
from unseen_server.db.session import Database
from unseen_server.services import accounts, announcements, baselines, bundles, courses, joining, launching, tokens
from unseen_server.services.bundles import DeclaredBaseline
from unseen_server.services.keys import KeyRing
from unseen_server.services.principals import SERVER

COURSE = "ml-demo"
TIME_ZONE = "Asia/Taipei"
RECORD = "demo.json"  # says that an installation is a demo, and how to sign in to it
STARTS_WITHIN = 60  # seconds


@dataclass(frozen=True)
class Recipe:
    """A competition of the demo: the column to predict, and the folder of `data` with its pages."""

    slug: str
    title: str
    target: str
    pages: str


@dataclass(frozen=True)
class Person:
    username: str
    password: str
    token: str
    role: str


@dataclass(frozen=True)
class Baseline:
    """A row to beat, and the points for reaching it on either board."""

    model: str
    name: str
    tier: str
    points: float


@dataclass(frozen=True)
class Entry:
    """One submission of the demo: who trains which model on which competition."""

    username: str
    slug: str
    model: Sequence[str]
    message: str


COMPETITIONS = (
    Recipe("concrete", "Concrete strength", "compressive_strength", "concrete"),
    Recipe("lecture-length", "How long does a lecture last?", "minutes", "lecture_length"),
)
PEOPLE = (
    ("instructor", "Dr. Lin", "instructor", None),
    ("assistant", "助教 Wei", "assistant", None),
    ("alice", "Alice", "student", "B14901001"),
    ("bo", "Bo 小波", "student", "B14901002"),
    ("chen", "陳怡君", "student", "B14901003"),
    ("dara", "Dara O’Neill", "student", "B14901004"),
)
BASELINES = (
    Baseline("mean", "Mean of the training labels", "simple", 1),
    Baseline("linear", "Linear regression", "medium", 1),
    Baseline("mlp", "A network, stopped early", "strong", 2),
    Baseline("committee", "Eight networks", "boss", 1),
)
WELCOME = (
    "Welcome! Each baseline you reach is worth points on both boards. "
    "Before the deadline, choose the two submissions that should count.\n\n"
    "歡迎！每達到一條基準線，在公開與私有排行榜上都能得分。截止之前，請選好兩次要採計的繳交。"
)
ENTRIES = (
    Entry("alice", "concrete", ("mean",), "the mean, to see that it works"),
    Entry("alice", "concrete", ("linear",), "a line, by the formula"),
    Entry("bo", "concrete", ("linear-gd",), "a line, by gradient descent"),
    Entry("chen", "concrete", ("linear", "--drop", "age"), "does age matter?"),
    Entry("dara", "concrete", ("mlp", "--seed", "1"), "a network, stopped early"),
    Entry("alice", "lecture-length", ("linear-gd",), "a line, by gradient descent"),
    Entry("bo", "lecture-length", ("linear",), "a line, by the formula"),
    Entry("chen", "lecture-length", ("mlp", "--ratio", "words/pages"), "words per page"),
)


@click.command()
@click.option("--home", type=click.Path(file_okay=False, path_type=Path), help="Where it is made (UNSEEN_HOME).")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to serve on (UNSEEN_PORT, default 8000).")
@click.option("--no-serve", is_flag=True, help="Stop when everything is made.")
def demo(home: Path | None, port: int | None, no_serve: bool) -> None:
    """Make a new installation with two competitions, baselines and students, and serve it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: the server is stopped with the demo
    config = Config.from_environment()
    home = (home or config.home).absolute()
    config = replace(config, home=home, port=port or config.port, database_url=f"sqlite:///{home / 'unseen.db'}")
    url = f"http://{config.host}:{config.port}"
    _make_room(home)
    _say(f"A new installation in {home}")
    people, code = _install(config)
    for recipe in COMPETITIONS:
        _add_competition(config, recipe)
    record = {"url": url, "competitions": [r.slug for r in COMPETITIONS], "users": [asdict(p) for p in people]}
    write_private(home / RECORD, json.dumps(record, ensure_ascii=False, indent=2) + "\n")
    with _serving(config, url) as server:
        for entry in ENTRIES:
            _hand_in(home, url, next(person for person in people if person.username == entry.username), entry)
        _show(url, people, code)
        if not no_serve:
            note("\nThe server runs until you press Ctrl-C.")
            server.wait()


def _make_room(home: Path) -> None:
    """An earlier demo is replaced; an installation that is no demo is never touched."""
    if (home / RECORD).exists():
        shutil.rmtree(home)
    elif home.exists() and any(home.iterdir()):
        raise Conflict(reason=f"{home} holds something that is not a demo. Choose another folder with --home.")
    home.mkdir(parents=True, exist_ok=True)
    write_private(home / RECORD, "{}\n")  # from here on it is a demo, finished or not


def _install(config: Config) -> tuple[list[Person], str]:
    """The people, and the code with which others join their course."""
    config.secret()
    db = Database(config.database_url, config.objects_url)
    migrate.upgrade(db)
    title = "Machine learning, a demo"
    courses.new(db, slug=COURSE, title=title, time_zone=TIME_ZONE, principal=SERVER, now=now())
    people = [_add_person(db, *person) for person in PEOPLE]
    code = joining.set_code(db, course=COURSE, principal=SERVER, now=now())
    db.close()
    return people, code


def _add_person(db: Database, username: str, display_name: str, role: str, student_id: str | None) -> Person:
    password = secrets.token_urlsafe(9)
    with db.write() as session:
        person = accounts.add_user(
            session,
            username,
            password=password,
            display_name=display_name,
            email=f"{username}@school.example",
            student_id=student_id,
            is_admin=role == "instructor",
            now=now(),
            actor=SERVER.username,
        )
        accounts.enrol(session, person, courses.course_named(session, COURSE), role, now=now(), actor=SERVER.username)
    scope = "submit" if role == "student" else "staff"
    token = tokens.issue_token(db, username, name="demo", scope=scope, actor=SERVER.username, now=now())
    return Person(username, password, token, role)


def _add_competition(config: Config, recipe: Recipe) -> None:
    """Split a labelled table with a fresh secret seed, put baselines on the board and open it."""
    _say(f"Competition {recipe.slug}: a fresh secret split, baselines in NumPy")
    folder = config.home / "competitions" / recipe.slug
    _make_folder(folder, recipe)
    db = Database(config.database_url, config.objects_url)
    launching.create(db, bundles.read_bundle(folder), course=COURSE, principal=SERVER, now=now())
    launching.launch(db, slug=recipe.slug, at=None, principal=SERVER, now=now())
    announcements.publish(db, slug=recipe.slug, markdown=WELCOME, principal=SERVER, now=now())
    for baseline in BASELINES:
        _add_baseline(db, folder, recipe.slug, baseline)
    db.close()


def _add_baseline(db: Database, folder: Path, slug: str, baseline: Baseline) -> None:
    """Train a model and put what it predicts on the board."""
    file = folder / "baselines" / f"{baseline.model}.csv"
    file.parent.mkdir(exist_ok=True)
    _run("unseen_baselines", "train", baseline.model, "--data", str(folder), "--out", str(file))
    declared = DeclaredBaseline(
        baseline.name, baseline.tier, f"baselines/{file.name}", baseline.points, baseline.points
    )
    content = file.read_bytes()
    baselines.add(db, KeyRing(db), slug=slug, declared=declared, content=content, principal=SERVER, now=now())


def _make_folder(folder: Path, recipe: Recipe) -> None:
    with _labelled(folder.parent, recipe) as labelled:
        bundles.init_bundle(
            folder,
            labelled,
            target=recipe.target,
            title=recipe.title,
            time_zone=TIME_ZONE,
            now=now(),
        )
    for page in (resources.folder("data") / recipe.pages).glob("*.md"):
        shutil.copy(page, folder / page.name)


@contextmanager
def _labelled(workplace: Path, recipe: Recipe) -> Iterator[Path]:
    """The real measurements as they are; invented ones made anew from a seed that nobody sees, and gone afterwards."""
    measured = resources.folder("data") / recipe.pages / f"{recipe.slug}.csv"
    if measured.exists():
        yield measured
        return
    workplace.mkdir(parents=True, exist_ok=True)
    invented = workplace / f"{recipe.slug}.labelled.csv"
    _run("unseen_baselines", "make-data", recipe.slug, "--out", str(invented))
    yield invented
    invented.unlink()


@contextmanager
def _serving(config: Config, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """The server as its own process, stopped at the end."""
    environment = os.environ | {"UNSEEN_HOME": str(config.home), "UNSEEN_DATABASE_URL": config.database_url}
    command = [sys.executable, "-m", "unseen_server", "serve", "--host", config.host, "--port", str(config.port)]
    with subprocess.Popen(command, env=environment) as server:  # noqa: S603 - our own command
        try:
            _wait_until_it_answers(server, url)
            yield server
        finally:
            server.terminate()


def _wait_until_it_answers(server: subprocess.Popen[bytes], url: str) -> None:
    patience = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < patience and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/api/health", timeout=2):  # noqa: S310 - our own address
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise Busy() if server.poll() is None else Conflict(reason=f"The server at {url} did not start; see above.")


def _hand_in(home: Path, url: str, person: Person, entry: Entry) -> None:
    """Train a model and submit what it predicts, over HTTP, as the student would."""
    _say(f"{entry.username} trains {' '.join(entry.model)} for {entry.slug} and submits")
    file = home / "students" / entry.username / f"{entry.slug}-{entry.model[0]}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    folder = home / "competitions" / entry.slug
    _run("unseen_baselines", "train", *entry.model, "--data", str(folder), "--out", str(file))
    _run("unseen", "submit", str(file), entry.slug, "-m", entry.message, url=url, token=person.token)


def _show(url: str, people: Sequence[Person], code: str) -> None:
    """The boards, the addresses, and how to sign in: what the demo was made for."""
    reader = people[-1]
    for recipe in COMPETITIONS:
        _say(f"{recipe.title}: {url}/competitions/{recipe.slug}/leaderboard")
        _run("unseen", "leaderboard", recipe.slug, url=url, token=reader.token)
    _say(f"Sign in at {url}/login")
    click.echo(table(("role", "name", "password"), [(p.role, p.username, p.password) for p in people]))
    note(f"\nThe instructor and the assistant run the course at {url}/console")
    note(f"Anybody else joins it at {url}/join with the code {code}")
    note("Every page is there in English and in Traditional Chinese (繁體中文); the switch is at its foot.")
    note(f"\nOr as a program:  UNSEEN_URL={url} UNSEEN_TOKEN=... unseen submit predictions.csv concrete")
    note(f"Tokens are in {RECORD} in the installation's folder.")


def _run(module: str, *arguments: str, url: str = "", token: str = "") -> None:
    """One of our own commands, as a person would run it; its output is part of the show."""
    environment = os.environ | {"UNSEEN_URL": url, "UNSEEN_TOKEN": token}
    subprocess.run([sys.executable, "-m", module, *arguments], env=environment, check=True)  # noqa: S603


def _say(text: str) -> None:
    note("\n" + click.style(text, bold=True))
