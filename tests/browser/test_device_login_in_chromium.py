"""`unseen login` the whole way: the command in a terminal, the code in a real browser, the token in a file."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.browsing import Open, Site, accessibility_faults, sign_in
from tests.visitors import add

from unseen_server.services import device_logins

pytestmark = pytest.mark.slow
PATIENCE = 120


@contextmanager
def logging_in(url: str, settings: Path) -> Iterator[subprocess.Popen[str]]:
    """The command as somebody starts it in a terminal of their own; what it tells them is read from a pipe."""
    keyboard, terminal = os.openpty()
    outside = {name: value for name, value in os.environ.items() if not name.startswith("UNSEEN_")}
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "unseen", "login", url, "--no-browser"],
            stdin=terminal,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**outside, "UNSEEN_CONFIG_DIR": str(settings)},
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()
    finally:
        os.close(keyboard)
        os.close(terminal)


def code_shown_by(process: subprocess.Popen[str]) -> tuple[str, str]:
    """The address and the code that the command shows."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"Open (\S+) and enter ([A-Z]{4}-[A-Z]{4})", line):
            return found[1], found[2]
    raise AssertionError("the command ended without a code")


def enter(open_page: Open, address: str, code: str) -> Page:
    """Sign in on the way to the page, and type the code as people do."""
    page = open_page(address)
    sign_in(page)
    page.get_by_label("The code").fill(code.lower().replace("-", " "))
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("main")).to_contain_text(code)
    return page


@pytest.fixture(autouse=True)
def every_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """The installation's clock stands still, so that no question may come too soon."""
    monkeypatch.setattr(device_logins, "INTERVAL", timedelta(seconds=1))


@pytest.fixture(autouse=True)
def dora(site: Site) -> None:
    add(site.made, "dora", "Dora")


def test_confirming_in_the_browser_logs_the_terminal_in(site: Site, open_page: Open, tmp_path: Path) -> None:
    with logging_in(site.url, tmp_path / "settings") as process:
        page = enter(open_page, *code_shown_by(process))
        expect(page.locator("main")).to_contain_text(
            "until 2027-05-22 it will be able to submit and to read as you (dora)"
        )
        assert accessibility_faults(page) == []
        page.get_by_role("button", name="Confirm").click()
        expect(page.get_by_text("Go back to where you saw the code")).to_be_visible()
        told = process.communicate(timeout=PATIENCE)[1]
        assert process.returncode == 0, told
    assert f"Logged in to {site.url} as dora" in told
    saved = json.loads((tmp_path / "settings" / "credentials.json").read_text(encoding="utf-8"))
    asked = site.made.client().get("/api/whoami", headers={"Authorization": f"Bearer {saved['token']}"})
    assert asked.get_json()["username"] == "dora"


def test_refusing_in_the_browser_ends_the_command(site: Site, open_page: Open, tmp_path: Path) -> None:
    with logging_in(site.url, tmp_path / "settings") as process:
        page = enter(open_page, *code_shown_by(process))
        page.get_by_role("button", name="Refuse").click()
        expect(page.get_by_text("no token was made")).to_be_visible()
        told = process.communicate(timeout=PATIENCE)[1]
        assert process.returncode == 4, told
    assert "refused in the browser" in told
    assert not (tmp_path / "settings").exists()
