"""From one version to the next while students upload: what docs/nodes.md has an operator type, and no answer fails."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.faults.test_nodes import Student, acknowledged, at_work, node, shared, stored
from tests.installations import STUDENTS, Installation, free_port
from tests.proxies import NGINX, Proxy, in_front_of, needs_nginx

from unseen_server.db import migrate

TOP = Path(__file__).parents[2]
PAGE = (TOP / "docs" / "nodes.md").read_text(encoding="utf-8")
ROOMS = ("server", "migrations")
RESTART = "systemctl restart unseen\n"
ALONE = 10  # requests one after the other to the same server; while there are two, they take turns
MOMENT = 0.5  # seconds of work between two steps

pytestmark = [pytest.mark.slow, needs_nginx]


@dataclass(frozen=True)
class Versions:
    """Two versions of the code, each a folder, the schema of the older one, and what the newer one says that it is."""

    old: Path
    new: Path
    schema: str
    newest: str


def from_history(folder: Path) -> Versions:
    """The commit before the newest migration, and the code as it is."""
    (migration,) = (TOP / "migrations" / "versions").glob(f"{migrate.newest()}_*.py")
    path = str(migration.relative_to(TOP))
    added = git("log", "--diff-filter=A", "--format=%h", "-1", "--", path).decode().strip()
    if not added or not git("rev-parse", "--verify", "-q", f"{added}^"):
        pytest.skip("this checkout has no history that goes back to before the newest migration")
    old = folder / "old"
    with tarfile.open(fileobj=io.BytesIO(git("archive", f"{added}^", *ROOMS))) as archive:
        archive.extractall(old, filter="data")
    before = sorted(path.name[:4] for path in (old / "migrations" / "versions").glob("0*.py"))[-1]
    return Versions(old, TOP, before, migrate.newest())


def git(*words: str) -> bytes:
    return subprocess.run(["git", "-C", str(TOP), *words], capture_output=True).stdout


def to_the_next(folder: Path) -> Versions:
    """The code as it is, and one that has another table, and another column where every upload writes."""
    new = folder / "new"
    for room in ROOMS:
        shutil.copytree(TOP / room, new / room, ignore=shutil.ignore_patterns("__pycache__"))
    (new / "migrations" / "versions" / "9999_expanded.py").write_text(EXPANDED.format(before=migrate.newest()))
    return Versions(TOP, new, migrate.newest(), "9999")


EXPANDED = """
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9999", "{before}", None, None


def upgrade():
    op.create_table(
        "remarks",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("submission_id", sa.Integer(), sa.ForeignKey("submissions.id"), nullable=False),
    )
    op.add_column("submissions", sa.Column("remark", sa.String(200), nullable=True))


def downgrade():
    op.drop_column("submissions", "remark")
    op.drop_table("remarks")
"""


@pytest.fixture(params=[from_history, to_the_next])
def versions(request: pytest.FixtureRequest, tmp_path: Path) -> Versions:
    choose: Callable[[Path], Versions] = request.param
    return choose(tmp_path / "versions")


class Operator:
    """Types what the page says, with the names that things have here."""

    def __init__(self, made: Installation, versions: Versions, proxy: Proxy, folder: Path) -> None:
        self.versions, self.proxy = versions, proxy
        commands = folder / "commands"
        commands.mkdir()
        for name, does in {
            "nginx": f"exec {NGINX} -p {proxy.home} -c {proxy.home}/nginx.conf",
            "unseen-server": f"exec {sys.executable} -m unseen_server",
        }.items():
            (commands / name).write_text(f'#!/bin/sh\n{does} "$@"\n')
            (commands / name).chmod(0o755)
        self.environment = {
            **os.environ,
            "PATH": f"{commands}:{os.environ['PATH']}",
            "PYTHONPATH": str(versions.new / "server"),
            "UNSEEN_HOME": str(made.config.home),
            "UNSEEN_DATABASE_URL": made.config.database_url,
        }

    def types(self, lines: str, port: int = 0) -> str:
        here = {
            "10.0.0.1:8000": f"127.0.0.1:{port}",
            "/etc/nginx/conf.d/unseen.conf": str(self.proxy.configuration),
            "/run/nginx.pid": str(self.proxy.home / "nginx.pid"),
        }
        for there, place in here.items():
            lines = lines.replace(there, place)
        command = ["bash", "-euo", "pipefail", "-c", lines]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stderr


def steps() -> Iterator[str]:
    section = PAGE.partition("## Upgrading without a pause")[2].partition("\n## ")[0]
    yield from re.findall(r"^```\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def test_a_version_follows_another_and_no_answer_fails(
    postgres_server: str, postgres_template: str, tmp_path: Path, versions: Versions
) -> None:
    upgrade, away, restart, back = steps()
    assert restart.startswith(RESTART)
    ports = [free_port(), free_port()]
    with (
        shared(postgres_server, postgres_template, tmp_path, daily_limit=100_000) as made,
        ExitStack() as replaced,
    ):
        if versions.schema != migrate.newest():
            migrate.downgrade(made.db, versions.schema)
        nodes = [ExitStack() for _ in ports]
        for n, one in enumerate(nodes):
            replaced.push(one)
            one.enter_context(node(made, f"node{n}", ports[n], PYTHONPATH=str(versions.old / "server")))
        proxy = replaced.enter_context(in_front_of(ports, tmp_path / "nginx"))
        operator = Operator(made, versions, proxy, tmp_path)
        students = [Student(made, name, proxy) for name in STUDENTS]
        with at_work(students) as pace:
            time.sleep(MOMENT)
            operator.types(upgrade)
            assert migrate.current(made.db) == versions.newest
            time.sleep(MOMENT)
            for n, one in enumerate(nodes):
                operator.types(away, ports[n])
                one.close()
                with pace.eased():
                    one.enter_context(node(made, f"node{n}", ports[n], PYTHONPATH=str(versions.new / "server")))
                    operator.types(restart.removeprefix(RESTART), ports[n])
                operator.types(back, ports[n])
                time.sleep(MOMENT)
        assert_both_were_used(proxy, ports)
        assert {asked.status for asked in proxy.asked()} == {200, 201}
        assert stored(made) == acknowledged(students)
        operator.types("unseen-server doctor")


def assert_both_were_used(proxy: Proxy, ports: list[int]) -> None:
    """Each alone, too, while the other was replaced."""
    turns = [asked.servers[-1].rpartition(":")[2] for asked in proxy.asked()]
    for port in ports:
        assert str(port) * ALONE in "".join(turns)


def test_a_server_of_the_old_version_says_why_it_does_not_start_again(
    postgres_server: str, postgres_template: str, tmp_path: Path
) -> None:
    versions = to_the_next(tmp_path / "versions")
    with (
        shared(postgres_server, postgres_template, tmp_path) as made,
        in_front_of([free_port()], tmp_path / "n") as proxy,
    ):
        operator = Operator(made, versions, proxy, tmp_path)
        operator.types("unseen-server upgrade")
        operator.environment["PYTHONPATH"] = str(versions.old / "server")
        for command in ("serve", "upgrade"):
            with pytest.raises(AssertionError, match="which a newer version of Unseen made"):
                operator.types(f"unseen-server {command}")
