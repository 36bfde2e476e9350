"""What tests in a browser share: the site they visit, signing in, and whether a page is accessible."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page
from tests.installations import Installation
from tests.visitors import PASSWORD, address
from waitress import create_server, wasyncore

Open = Callable[..., Page]


@dataclass(frozen=True)
class Site:
    """An installation that answers at `url`, served from this process, which starts sooner than a server of its own."""

    url: str
    made: Installation

    @property
    def board(self) -> str:
        return address(self.made, "/leaderboard")


@contextmanager
def answering(made: Installation) -> Iterator[Site]:
    connections: dict[int, object] = {}
    server = create_server(made.app, map=connections, host="127.0.0.1", port=0, threads=8)
    stopping = threading.Event()

    def serve() -> None:
        while not stopping.is_set():
            wasyncore.loop(timeout=1, use_poll=True, map=connections, count=1)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield Site(f"http://127.0.0.1:{server.effective_port}", made)
    finally:
        stopping.set()
        server.pull_trigger()
        thread.join()
        server.task_dispatcher.shutdown()
        wasyncore.close_all(connections)


def sign_in(page: Page, name: str = "dora") -> None:
    page.get_by_label("User name or e-mail").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Sign in").click()


def accessibility_faults(page: Page) -> list[str]:
    """What axe-core finds serious or critical on the page as it is shown now."""
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {node['html'][:160]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]
