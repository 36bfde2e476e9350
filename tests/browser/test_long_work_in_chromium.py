"""A page that tells how far long work is: it follows by itself, with scripts and without, unless it is kept still."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.browsing import Site, accessibility_faults, sign_in
from tests.installations import Installation
from tests.visitors import add
from tests.web.console_routes import as_teacher

from unseen_server.db.delivery import Delivery
from unseen_server.services import jobs
from unseen_server.services.jobs import Claimed

pytestmark = pytest.mark.slow


def under_way(made: Installation) -> Claimed:
    wanted = {"pseudonymous": True, "language": "en"}
    ref = jobs.hand_in(made.db, Delivery(made.db), "archive", **as_teacher(made), **wanted)
    claimed = jobs.claim(made.db, ref, made.now)
    assert claimed
    return claimed


def reached(made: Installation, claimed: Claimed, done: int) -> None:
    jobs.renew(made.db, claimed, done, 4000, made.now)


def opened(page: Page, site: Site, ref: int) -> None:
    add(site.made, "dora", "Dora", "instructor")
    page.goto(f"{site.url}/login")
    sign_in(page)
    page.goto(f"{site.url}/console/competitions/lecture/jobs/{ref}")


@pytest.mark.parametrize("scripts", [True, False])
def test_the_page_follows_the_work_until_it_is_done(chromium: Browser, site: Site, scripts: bool) -> None:
    made, claimed = site.made, under_way(site.made)
    reached(made, claimed, 1200)
    context = chromium.new_context(java_script_enabled=scripts)
    try:
        page = context.new_page()
        opened(page, site, claimed.ref)
        expect(page.get_by_text("1,200 of 4,000")).to_be_visible()
        reached(made, claimed, 3000)
        expect(page.get_by_text("3,000 of 4,000")).to_be_visible(timeout=30_000)
        jobs.made(made.db, claimed, "lecture.zip", [b"content"], lambda: made.now)
        expect(page.get_by_role("link", name="Download lecture.zip")).to_be_visible(timeout=30_000)
        with page.expect_download() as download:
            page.get_by_role("link", name="Download lecture.zip").click()
        assert download.value.path().read_bytes() == b"content"
    finally:
        context.close()


def test_the_page_can_be_kept_still_and_is_accessible(chromium: Browser, site: Site) -> None:
    made, claimed = site.made, under_way(site.made)
    reached(made, claimed, 1200)
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    try:
        page = context.new_page()
        opened(page, site, claimed.ref)
        assert accessibility_faults(page) == []
        page.get_by_role("link", name="Stop refreshing this page").click()
        expect(page.get_by_text("1,200 of 4,000")).to_be_visible()
        assert page.locator("[data-refresh], meta[http-equiv=refresh]").count() == 0
        assert accessibility_faults(page) == []
        page.get_by_role("link", name="Refresh this page by itself").click()
        reached(made, claimed, 3000)
        expect(page.get_by_text("3,000 of 4,000")).to_be_visible(timeout=30_000)
    finally:
        context.close()
