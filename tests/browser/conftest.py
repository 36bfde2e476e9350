"""A real browser, and a site for it to open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from tests.browsing import Open, Site, answering
from tests.installations import Build

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
REFUSED = "status of 4"  # Chromium writes every refused answer to the console


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"no browser: {CHROMIUM} is missing")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def site(build: Build) -> Iterator[Site]:
    with answering(build()) as site:
        yield site


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Open]:
    """Open an address, in a new window where none is given; whatever the console complains of fails the test."""
    complaints: list[str] = []
    windows = []

    def open_(url: str, page: Page | None = None, **window: object) -> Page:
        if page is None:
            windows.append(chromium.new_context(**window))
            page = windows[-1].new_page()
            page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.clock.install()
        page.goto(url)
        return page

    yield open_
    for window in windows:
        window.close()
    assert [said for said in complaints if REFUSED not in said] == []
