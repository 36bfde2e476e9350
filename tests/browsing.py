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
from werkzeug.serving import make_server

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
    server = make_server("127.0.0.1", 0, made.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Site(f"http://127.0.0.1:{server.server_port}", made)
    server.shutdown()
    thread.join()
    server.server_close()


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
