"""The lines for Kaggle's command line on the account page, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from tests.browsing import Open, Site, accessibility_faults, sign_in
from tests.visitors import add


@pytest.mark.parametrize("width", [1280, 390])
def test_the_lines_open_hold_the_new_token_and_fit(site: Site, open_page: Open, width: int) -> None:
    add(site.made, "dora", "Dora")
    page = open_page(site.url + "/login?next=/account", viewport={"width": width, "height": 844})
    sign_in(page)
    page.get_by_role("button", name="Make a token").click()
    token = page.locator(".secret #line").inner_text()
    lines = page.locator("#kaggle-lines")
    expect(lines).to_be_hidden()
    page.get_by_text("Kaggle's command line").click()
    expect(lines).to_contain_text(f"export KAGGLE_API_TOKEN={token}")
    expect(lines).to_contain_text(f"export http_proxy={site.url} ")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert accessibility_faults(page) == []
