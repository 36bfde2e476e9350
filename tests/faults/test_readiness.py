"""Nothing is left to import when requests come: the first of each kind would wait for it, and all behind it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

from tests.installations import SLUG, Build

from unseen_server.app import create_app
from unseen_server.config import Config
from unseen_server.readiness import make_ready


def test_the_first_request_of_each_kind_imports_nothing(build: Build) -> None:
    made = build(deadline="2999-01-01 00:00")
    (made.config.home / "file.csv").write_bytes(made.file())
    environment = {
        **os.environ,
        "UNSEEN_HOME": str(made.config.home),
        "UNSEEN_DATABASE_URL": made.config.database_url,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]),
    }
    code = f"from {__name__} import ask; ask({made.token('alice', 'submit')!r})"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["submitted"]


def test_nothing_is_open_that_processes_must_not_share(build: Build) -> None:
    application = create_app(build().config)
    make_ready(application)
    db = application.extensions["unseen"].db
    assert (db.engine.pool.checkedin(), db.engine.pool.checkedout()) == (0, 0)
    assert "objects" not in vars(db)  # whose threads would be in one process alone
    with db.read() as session:
        session.connection()
    assert db.engine.pool.checkedin() == 1
    db.close()


def ask(token: str) -> None:
    """In a process of its own, as in a worker: be ready, ask for everything once, tell what was imported meanwhile."""
    config = Config.from_environment()
    application = create_app(config)
    make_ready(application)
    before = set(sys.modules)
    client, student = application.test_client(), {"Authorization": f"Bearer {token}"}
    good = (config.home / "file.csv").read_bytes()
    sent = [
        client.post(
            f"/api/competitions/{SLUG}/submissions",
            headers=student,
            data={"file": (io.BytesIO(content), "p.csv")},
        ).status_code
        for content in (good + b"none,1\n", good)
    ]
    for path in ("", "/leaderboard", "/data", "/submit"):
        for language in ("en", "zh-TW"):
            client.get(f"/competitions/{SLUG}{path}", headers={"Accept-Language": language})
    for path in ("/api/health", "/competitions", "/login", "/nowhere"):
        client.get(path)
    client.post("/login", data={"username": "alice", "password": "a guess"})
    for path in ("", "/leaderboard", "/submissions"):
        client.get(f"/api/competitions/{SLUG}{path}", headers=student)
    if sent == [400, 201]:
        print("submitted")
    print(*(set(sys.modules) - before))
