"""Where the attacks are played: a real server over HTTP, either the lab's own or somebody's."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import LabClosed
from .lab_trial import Array, Trial, folder, row_ids

if TYPE_CHECKING:
    from unseen import Client

COURSE = "lab"
TEAMS = 2
PATIENCE = 60.0  # seconds for a server to start


@dataclass(frozen=True)
class Stage:
    """A server at `url`, the token of an instructor, and one of each team that plays."""

    url: str
    staff: str
    players: tuple[str, ...]
    course: str | None = None

    @contextmanager
    def competition(
        self, trial: Trial, slug: str, release: str, daily_limit: int
    ) -> Iterator[list[Callable[[Array], float | None]]]:
        """A scratch competition: it is launched, asked by each player, and closed at the end."""
        self._post("/api/competitions", folder(trial, slug, release, daily_limit))
        self._post(f"/api/competitions/{slug}/launch")
        with ExitStack() as open_things:
            open_things.callback(self._post, f"/api/competitions/{slug}/close")
            file = Path(open_things.enter_context(tempfile.TemporaryDirectory())) / "predictions.csv"
            yield [_asker(open_things.enter_context(_client(self.url, token)), slug, file) for token in self.players]

    def _post(self, path: str, content: bytes = b"") -> None:
        import httpx2

        headers = {"Authorization": f"Bearer {self.staff}"}
        where = {"course": self.course} if self.course and content else None
        try:
            reply = httpx2.post(self.url + path, content=content, params=where, headers=headers, timeout=60)
        except httpx2.RequestError as fault:
            raise LabClosed(f"{self.url} cannot be reached: {fault}.") from None
        if not reply.is_success:
            raise LabClosed(_reason(reply.text))


def _client(url: str, token: str) -> Client:
    from unseen import Client

    return Client(url, token)


def _asker(client: Client, slug: str, file: Path) -> Callable[[Array], float | None]:
    """Hands a file in as a student does, and says what was shown of it."""

    def ask(predictions: Array) -> float | None:
        rows = "".join(f"{row},{value!r}\n" for row, value in zip(row_ids(), predictions.tolist(), strict=True))
        file.write_text("id,y\n" + rows)
        return client.submit(slug, file, message="lab").public_score

    return ask


def _reason(reply: str) -> str:
    import json

    try:
        return str(json.loads(reply)["detail"])
    except (ValueError, KeyError, TypeError):
        return "This is no Unseen server. Check the address."


@contextmanager
def named_server(url: str, token: str, course: str | None) -> Iterator[Stage]:
    """Somebody's server, where the instructor makes the competitions and plays them, too."""
    yield Stage(url.rstrip("/"), token, (token,), course)


# a server of the lab's own


@contextmanager
def scratch_server() -> Iterator[Stage]:
    """A new installation in a temporary folder, served on 127.0.0.1; both are gone afterwards."""
    if importlib.util.find_spec("unseen_server") is None:
        raise LabClosed(
            'The lab plays against a server of its own, which is not installed. Run: pip install "unseen[server]", or '
            "name a server with --url and --token."
        )
    with (
        _ending_on_sigterm(),
        tempfile.TemporaryDirectory(prefix="unseen-lab-", ignore_cleanup_errors=True) as home,
    ):
        # nothing of a server that is configured here may be touched
        environment = {name: value for name, value in os.environ.items() if not name.startswith("UNSEEN_")}
        environment["UNSEEN_HOME"] = home
        tokens = _people(environment)
        with _served(environment, Path(home)) as url:
            yield Stage(url, tokens[0], tuple(tokens[1:]))


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """Whoever ends the lab ends its server, too."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _people(environment: dict[str, str]) -> list[str]:
    """A course with an instructor and players: their tokens."""
    _run(environment, "init", "--admin", "instructor")
    _run(environment, "course", "add", COURSE, "--title", "Lab", "--time-zone", "UTC")
    players = [f"player-{number}" for number in range(1, TEAMS + 1)]
    for name in players:
        _run(environment, "user", "add", name, "--course", COURSE)
    return [
        _run(environment, "token", "issue", "instructor", "--scope", "staff"),
        *(_run(environment, "token", "issue", name) for name in players),
    ]


def _run(environment: dict[str, str], *words: str) -> str:
    """What one of the server's commands prints."""
    done = subprocess.run(  # noqa: S603 - our own command with words of our own
        [sys.executable, "-m", "unseen_server", *words], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LabClosed(f"`unseen-server {' '.join(words)}` failed: {done.stderr.strip()}")
    return done.stdout.strip()


@contextmanager
def _served(environment: dict[str, str], home: Path) -> Iterator[str]:
    port = _free_port()
    log = home / "serve.log"
    words = ("serve", "--host", "127.0.0.1", "--port", str(port), "--processes", "1")
    with log.open("wb") as output:
        server = subprocess.Popen(  # noqa: S603 - our own command with words of our own
            [sys.executable, "-m", "unseen_server", *words],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the lab, which then ends the server
        )
    try:
        _wait_for(server, f"http://127.0.0.1:{port}", log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_for(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    import httpx2

    patience = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < patience:
        try:
            if httpx2.get(f"{url}/api/health", timeout=2).is_success:
                return
        except httpx2.RequestError:
            time.sleep(0.05)
    raise LabClosed(f"The lab's server did not start: {log.read_text(errors='replace').strip()}")


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
