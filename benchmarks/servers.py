"""Which server to ship: ours beside others, with the same application, as many processes and as many threads."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sysconfig
import time
import venv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from load import Request, at_once, for_seconds, get, upload
from measuring import Row, show
from served import SLUG, Site, served

from crowd import Crowd, waiting_on

PACKAGES = ("cheroot>=11", "gevent>=26", "granian>=2.8", "gunicorn>=27")
THEIR_ENVIRONMENT = Path(__file__).parents[1] / ".venv-servers"
PROCESSES, THREADS, CLIENTS = 2, 8, 8
ROUNDS, SECONDS = 5, 0.5
CROWD = Crowd(heads=100, bodies=100, readers=100, path=f"/competitions/{SLUG}/leaderboard")
HONEST = 20
PATIENCE = 4  # seconds that an honest client waits while there is a crowd
HEALTH = get("/api/health")

APPLICATION = """
from unseen_server.app import create_app
from unseen_server.config import Config
from unseen_server.readiness import make_ready

application = create_app(Config.from_environment())
make_ready(application)
"""
CHEROOT = """
import os, sys
from cheroot.wsgi import Server
for _ in range(int(sys.argv[2]) - 1):
    if not os.fork():
        break
from application import application
Server(("127.0.0.1", int(sys.argv[1])), application, numthreads=int(sys.argv[3]), reuse_port=True).start()
"""


@dataclass(frozen=True)
class Running:
    name: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def megabytes(self) -> float:
        """Of all its processes; what they share is counted once."""
        parent = psutil.Process(self.process.pid)
        return sum(one.memory_full_info().pss for one in (parent, *parent.children(recursive=True))) / 2**20


def commands(port: int) -> dict[str, list[str]]:
    """How each is started, in the folder where `application` is."""
    gunicorn = f"-m gunicorn application -b 127.0.0.1:{port} -w {PROCESSES} --keep-alive 60 --log-level error -k"
    granian = f"-m granian application:application --interface wsgi --port {port} --workers {PROCESSES}"
    sizes = {
        "gunicorn, threads": f"{gunicorn} gthread --threads {THREADS}",
        "gunicorn, gevent": f"{gunicorn} gevent",
        "granian": f"{granian} --blocking-threads {THREADS} --log-level error",
        "cheroot": f"cheroot_.py {port} {PROCESSES} {THREADS}",
    }
    return {name: [str(THEIR_ENVIRONMENT / "bin" / "python"), *words.split()] for name, words in sizes.items()}


def install() -> None:
    """An environment that has what this one has, and the others' servers besides."""
    if THEIR_ENVIRONMENT.exists():
        return
    venv.create(THEIR_ENVIRONMENT, with_pip=True)
    python = str(THEIR_ENVIRONMENT / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES], check=True)
    where = Path(sysconfig.get_path("purelib", vars={"base": str(THEIR_ENVIRONMENT)}))
    # not only a line with the folder: its own .pth files, which find this project, count there alone
    (where / "ours.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")


@contextmanager
def everybody(site: Site) -> Iterator[list[Running]]:
    """All candidates at once, over one database; idle ones cost the one that is measured nothing."""
    (site.home / "application.py").write_text(APPLICATION)
    (site.home / "cheroot_.py").write_text(CHEROOT)
    environment = {**os.environ, "UNSEEN_HOME": str(site.home), "UNSEEN_DATABASE_URL": site.database_url}
    running = [Running("ours", site.port, site.process)]
    with ExitStack() as started:
        for name in commands(0):
            port = free_port()
            log = started.enter_context((site.home / f"{port}.log").open("wb"))
            process = subprocess.Popen(
                commands(port)[name], cwd=site.home, env=environment, stdout=log, stderr=log, start_new_session=True
            )
            started.callback(end, process)
            running.append(Running(name, port, process))
        for one in running:
            wait_for(one)
        yield running


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port: int = probe.getsockname()[1]
        return port


def end(process: subprocess.Popen[bytes]) -> None:
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for one in family:
        one.kill()
    process.wait()


def wait_for(one: Running) -> None:
    patience = time.monotonic() + 60
    while not is_answered(one.port):
        if one.process.poll() is not None or time.monotonic() > patience:
            raise RuntimeError(f"{one.name} did not start")
        time.sleep(0.1)


def per_second(port: int, request: Request) -> float:
    start = time.perf_counter()
    replies = at_once(port, [for_seconds(SECONDS, lambda: request) for _ in range(CLIENTS)])
    return sum(reply.status == 200 for reply in replies) / (time.perf_counter() - start)


def compared(running: list[Running], request: Request) -> dict[str, float]:
    """Median requests per second of each, in turn, as shares of ours."""
    found: dict[str, list[float]] = {one.name: [] for one in running}
    for _ in range(ROUNDS + 1):
        for one in running:
            found[one.name].append(per_second(one.port, request))
    medians = {name: statistics.median(rates[1:]) for name, rates in found.items()}
    ours = medians.pop("ours")
    return {"per second": ours} | {name: rate / ours for name, rate in medians.items()}


def is_answered(port: int) -> bool:
    """Whether an honest client with a connection of its own is answered before it loses patience."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as wire:
            wire.sendall(HEALTH.content)
            return wire.recv(100).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def answered_beside_a_crowd(one: Running) -> float:
    """Percent of honest requests, a few seconds after the crowd came."""
    with waiting_on(one.port, CROWD), ThreadPoolExecutor(HONEST) as pool:
        time.sleep(3)
        return 100 * sum(pool.map(is_answered, [one.port] * HONEST)) / HONEST


def rows() -> Iterator[Row]:
    install()
    with served(students=2, rows=1000, processes=PROCESSES, threads=THREADS) as site, everybody(site) as running:
        check = upload(f"{site.submissions}?check=true", site.file(), token=site.tokens[0])
        for what, request in {"a small JSON route": HEALTH, "a file of 1,000 rows, checked": check}.items():
            rates = compared(running, request)
            yield Row(None, f"{what}, ours", rates.pop("per second"), unit=" /s")
            for name, share in rates.items():
                yield Row(None, f"{what}, {name} / ours", share)
        for one in running:
            yield Row(None, f"memory, {one.name}", one.megabytes, unit=" MiB")
        slow = f"{CROWD.heads} slow connections of each kind"
        for one in running:
            yield Row(
                None, f"honest requests answered beside {slow}, {one.name}", answered_beside_a_crowd(one), unit=" %"
            )


if __name__ == "__main__":
    show(rows())
