"""The pages in a real browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect
from tests.browsing import Open, Site, sign_in
from tests.installations import Server
from tests.visitors import OWN_PAGES, add, address, send

from unseen_server.services import reveal
from unseen_server.services.principals import SERVER

REFRESH = 16_000  # milliseconds: a little more than a board waits before it asks again
LONG_NAME = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2


def send_noisy(site: Site, spread: float, who: str) -> None:
    send(site.made, site.made.noisy(spread), who)


def test_a_board_refreshes_itself_when_a_better_file_comes_in(site: Site, open_page: Open) -> None:
    send_noisy(site, 8.0, "alice")
    page = open_page(site.url + site.board)
    page.evaluate("window.sameDocument = true")
    rows = page.locator("[data-team]")
    expect(rows).to_have_count(1)
    send_noisy(site, 1.0, "bob")
    page.clock.run_for(REFRESH)
    expect(rows).to_have_count(2)
    expect(rows.first).to_have_attribute("data-team", "Bob")
    assert "changed" in str(rows.first.get_attribute("class"))
    assert page.evaluate("window.sameDocument")


def test_a_board_left_open_turns_into_the_private_one_at_the_reveal(site: Site, open_page: Open) -> None:
    send_noisy(site, 8.0, "alice")
    site.made.pass_deadline()
    page = open_page(site.url + site.board)
    expect(page.get_by_text("Public leaderboard:")).to_be_visible()
    reveal.reveal(site.made.db, slug=site.made.slug, principal=SERVER, now=site.made.now)
    page.clock.run_for(2 * REFRESH)
    expect(page.get_by_text("Private leaderboard:")).to_be_visible()
    expect(page.locator("#competition")).to_contain_text("Revealed")


def test_a_row_that_stays_the_same_is_not_marked_as_changed(site: Site, open_page: Open) -> None:
    send_noisy(site, 1.0, "alice")
    page = open_page(site.url + site.board)
    send_noisy(site, 8.0, "bob")
    page.clock.run_for(REFRESH)
    expect(page.locator(".changed")).to_have_count(1)
    expect(page.locator(".changed")).to_have_attribute("data-team", "Bob")


def test_a_refresh_keeps_the_place_and_the_focus(site: Site, open_page: Open) -> None:
    send_noisy(site, 8.0, "alice")
    add(site.made, "dora", "Dora")
    send_noisy(site, 5.0, "dora")
    page = open_page(site.url + "/login", viewport={"width": 600, "height": 300})
    sign_in(page)
    open_page(site.url + site.board, page=page)
    page.get_by_role("link", name="Your place").focus()
    page.mouse.wheel(0, 200)
    page.wait_for_function("scrollY > 0")
    before = page.evaluate("scrollY")
    send_noisy(site, 1.0, "bob")
    page.clock.run_for(REFRESH)
    expect(page.locator("[data-team]")).to_have_count(3)
    assert page.evaluate("scrollY") == before
    expect(page.get_by_role("link", name="Your place: 2 of 3")).to_be_focused()


def test_a_board_says_when_the_server_is_gone_and_goes_on_when_it_is_back(site: Site, open_page: Open) -> None:
    page = open_page(site.url + site.board)
    page.route("**/leaderboard", lambda route: route.fulfill(status=400, body=""))
    page.clock.run_for(REFRESH)
    expect(page.locator("#offline")).to_be_visible()
    page.unroute("**/leaderboard")
    page.clock.run_for(REFRESH)
    expect(page.locator("#offline")).to_be_hidden()


def test_nothing_moves_for_those_who_asked_for_calm(site: Site, open_page: Open) -> None:
    page = open_page(site.url + site.board, reduced_motion="reduce")
    send_noisy(site, 1.0, "bob")
    page.clock.run_for(REFRESH)
    cell = page.locator(".changed td").first
    assert cell.evaluate("cell => getComputedStyle(cell).animationName") == "none"


@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.long), "dark"])
def test_no_page_scrolls_sideways_on_a_phone(site: Site, open_page: Open, scheme: str) -> None:
    add(site.made, "dora", LONG_NAME)
    send_noisy(site, 1.0, "dora")
    page = open_page(site.url + "/login", viewport={"width": 390, "height": 844}, color_scheme=scheme)
    sign_in(page)
    below = [address(site.made, name) for name in OWN_PAGES]
    for path in ("/competitions", *below, site.board + "?projector=1", "/account"):
        open_page(site.url + path, page=page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_the_dark_scheme_is_dark(site: Site, open_page: Open) -> None:
    paper = {}
    for scheme in ("light", "dark"):
        page = open_page(site.url + site.board, color_scheme=scheme)
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        paper[scheme] = np.mean([int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")])
    assert paper["light"] > 200
    assert paper["dark"] < 60


def test_a_keyboard_reaches_the_content_first(site: Site, open_page: Open) -> None:
    page = open_page(site.url + site.board)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_from_sign_in_to_the_receipt(live: Server, open_page: Open, tmp_path: Path) -> None:
    add(live.installation, "dora", "Dora")
    page = open_page(live.url + address(live.installation, "/submit"))
    sign_in(page)
    bad, good = tmp_path / "bad.csv", tmp_path / "good.csv"
    good.write_bytes(live.installation.noisy(3.0))
    bad.write_bytes(live.installation.noisy(3.0).replace(b".", b";", 3))
    page.get_by_label("Prediction file").set_input_files(bad)
    page.locator("main form").get_by_role("button", name="Submit").click()
    expect(page.get_by_role("alert").first).to_contain_text("Mend this and send it again")
    page.get_by_label("Prediction file").set_input_files(good)
    page.locator("main form").get_by_role("button", name="Submit").click()
    expect(page.get_by_role("heading", name="Submission 1 counts")).to_be_visible()
    page.get_by_role("link", name="See the board").click()
    expect(page.locator("#own")).to_contain_text("Dora")


def test_every_flow_works_without_scripts(site: Site, open_page: Open, tmp_path: Path) -> None:
    add(site.made, "dora", "Dora")
    page = open_page(site.url + address(site.made, "/submit"), java_script_enabled=False)
    sign_in(page)
    good = tmp_path / "good.csv"
    good.write_bytes(site.made.noisy(3.0))
    page.get_by_label("Prediction file").set_input_files(good)
    page.locator("main form").get_by_role("button", name="Submit").click()
    expect(page.get_by_role("heading", name="Submission 1 counts")).to_be_visible()
