"""Kaggle's own client, installed as its users install it, and a server for it to find."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from tests.browsing import Site, answering
from tests.installations import Installation, install, make_folder, new_sqlite

from unseen.credentials import Credentials
from unseen.kaggle import variables
from unseen_server.config import Config
from unseen_server.services import accounts

BEARER = ("KAGGLE_API_ENVIRONMENT", "http_proxy", "no_proxy", "NO_PROXY", "KAGGLE_API_TOKEN")
BASIC = ("KAGGLE_API_ENVIRONMENT", "http_proxy", "no_proxy", "NO_PROXY", "KAGGLE_USERNAME", "KAGGLE_KEY")
BEFORE_2 = ("KAGGLE_API_ENDPOINT", "KAGGLE_USERNAME", "KAGGLE_KEY")
# Without a pip of its own, and with nothing compiled that is not used: that takes longer than all the rest.
PIP = ("-m", "pip", "--disable-pip-version-check", "--python")
INSTALL = ("install", "--quiet", "--no-compile", "--retries", "1", "--timeout", "20")

STEERING = ("KAGGLE_", "UNSEEN_", "PYTHON", "SSL_CERT", "REQUESTS_CA", "CURL_CA")  # what might lead a program elsewhere

Told = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Person:
    """Someone who runs the client in a folder of their own, with variables and nothing else to lead it here."""

    name: str
    token: str
    program: Path
    home: Path
    variables: dict[str, str]

    @property
    def here(self) -> Path:
        return self.home / "work"

    def competitions(self, *args: str, **changed: str) -> Told:
        return self.run(self.program, "competitions", *args, **changed)

    def python(self, code: str, *args: str) -> Told:
        """Run code among the client's own libraries."""
        return self.run(self.program.parent / "python", "-c", code, *args)

    def run(self, program: Path, *args: str, **changed: str) -> Told:
        return run([str(program), *args], self.here, self.home, **{**self.variables, **changed})

    def submit(self, content: bytes, slug: str = "lecture", message: str = "closed form") -> Told:
        (self.here / "predictions.csv").write_bytes(content)
        return self.competitions("submit", slug, "-f", "predictions.csv", "-m", message)


def run(command: list[str], folder: Path, home: Path, **environment: str) -> Told:
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(STEERING)}
    kept = {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}
    return subprocess.run(
        command,
        cwd=folder,
        env={**kept, "HOME": str(home), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


# the clients


def installed(shared: Path, name: str, *packages: str) -> Path:
    """The folder of an environment with these packages, made by whichever test process comes first.

    Skips the test, and says why, where they cannot be installed.
    """
    folder, outcome = shared / name, shared / f"{name}.outcome"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not outcome.exists():
            outcome.write_text(install_into(folder, packages))
    if failure := outcome.read_text():
        pytest.skip(f"{' '.join(packages)} cannot be installed: {failure}")
    return folder


def install_into(folder: Path, packages: tuple[str, ...]) -> str:
    """Nothing where it worked, else pip's last line."""
    for command in (
        [sys.executable, "-m", "venv", "--without-pip", str(folder)],
        [sys.executable, *PIP, str(folder), *INSTALL, *packages],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return (done.stdout + done.stderr).strip().splitlines()[-1]
    return ""


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this test run have in common."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session")
def present_client(shared: Path) -> Path:
    # six is imported by that package and not named among what it needs
    return installed(shared, "kaggle-2", "kaggle>=2", "six")


@pytest.fixture(scope="session")
def old_client(shared: Path) -> Path:
    return installed(shared, "kaggle-1", "kaggle==1.6.17", "six")


# the server


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("kaggle-server")
    folder = make_folder(home, release="full", daily_limit=3, late_submissions=False)
    with (
        new_sqlite(home, sqlite_template) as url,
        closing(install(Config(home=home, database_url=url), folder)) as made,
        answering(made) as site,
    ):
        yield site


@pytest.fixture
def made(site: Site) -> Installation:
    return site.made


NUMBERS = count(1)


def enrolled(made: Installation) -> str:
    """The name of a new student, so that no test spends another's submissions."""
    name = f"student{next(NUMBERS)}"
    with made.db.write() as session:
        user = accounts.add_user(session, name, display_name=name.title(), now=made.now, actor="test")
        accounts.enrol(session, user, made.course(session), "student", now=made.now, actor="test")
    return name


def person(site: Site, environment: Path, home: Path, names: tuple[str, ...]) -> Person:
    name = enrolled(site.made)
    token = site.made.token(name)
    (home / "work").mkdir(parents=True)
    given = variables(Credentials(site.url, token), name)
    return Person(name, token, environment / "bin" / "kaggle", home, {name: given[name] for name in names})


@pytest.fixture
def bearer(site: Site, present_client: Path, tmp_path: Path) -> Person:
    return person(site, present_client, tmp_path / "bearer", BEARER)


@pytest.fixture
def basic(site: Site, present_client: Path, tmp_path: Path) -> Person:
    return person(site, present_client, tmp_path / "basic", BASIC)


@pytest.fixture(params=["bearer", pytest.param("basic", marks=pytest.mark.long)])
def student(request: pytest.FixtureRequest) -> Person:
    """A student with the present client, by token alone and in the long form by user name and token, too."""
    found: Person = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def old_student(site: Site, old_client: Path, tmp_path: Path) -> Person:
    return person(site, old_client, tmp_path / "old", BEFORE_2)


@pytest.fixture
def join(present_client: Path, tmp_path: Path) -> Callable[[Site], Person]:
    """Let somebody new with the present client take part at a site of the test's own."""
    return lambda site: person(site, present_client, tmp_path / "somebody", BEARER)
