"""The end of a competition in a real browser: the ceremony by keys, by itself and by links, the reveal, the grades."""

from __future__ import annotations

import csv
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.browsing import Open, Site, accessibility_faults, sign_in
from tests.visitors import add, send

CONSOLE = "/console/competitions/lecture"
STEP = 4_100  # milliseconds: a little more than the pause that is chosen at first


@pytest.fixture
def ended(site: Site) -> Site:
    for n, who in enumerate(("alice", "bob", "carol")):
        send(site.made, site.made.noisy(1.0 + 6 * n, n), who)
    add(site.made, "tina", "Tina", "instructor")
    site.made.pass_deadline()
    return site


def enter(site: Site, open_page: Open, path: str, **window: object) -> Page:
    """The page as an instructor sees it."""
    page = open_page(site.url + CONSOLE + path, **window)
    sign_in(page, "tina")
    expect(page).to_have_url(site.url + CONSOLE + path)
    page.wait_for_load_state()
    return page


def expect_teams(page: Page, *names: str) -> None:
    expect(page.locator("#stage tbody .team bdi")).to_have_text(list(names))


def test_a_ceremony_by_keys(ended: Site, open_page: Open) -> None:
    page = enter(ended, open_page, "/ceremony")
    page.evaluate("window.sameDocument = true")
    for key, names in (
        ("ArrowRight", ["Carol"]),
        ("PageDown", ["Bob", "Carol"]),
        ("ArrowLeft", ["Carol"]),
        ("ArrowRight", ["Bob", "Carol"]),
        ("ArrowRight", ["Alice", "Bob", "Carol"]),
    ):
        page.keyboard.press(key)
        expect_teams(page, *names)
    expect(page.locator("#newest")).to_contain_text("Rank 1: Alice")
    expect(page.get_by_role("button", name="Open the board to everybody")).to_be_visible()
    assert page.evaluate("window.sameDocument")
    assert page.url.endswith("opened=3")


def test_a_ceremony_goes_on_by_itself_until_it_is_paused(ended: Site, open_page: Open) -> None:
    page = enter(ended, open_page, "/ceremony")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.clock.run_for(STEP)
    expect_teams(page, "Carol")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.clock.run_for(10 * STEP)
    expect_teams(page, "Carol")
    page.get_by_label("Pause between steps").select_option("2 s")
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(2_100)
    expect_teams(page, "Bob", "Carol")
    page.clock.run_for(2_100)
    expect_teams(page, "Alice", "Bob", "Carol")
    expect(page.get_by_role("button", name="Play")).to_be_disabled()


def test_a_ceremony_without_scripts_ends_with_the_reveal(ended: Site, open_page: Open) -> None:
    page = enter(ended, open_page, "/reveal", java_script_enabled=False)
    page.get_by_role("link", name="Begin the ceremony").click()
    expect(page.get_by_role("button", name="Play")).to_be_hidden()
    for opened in (["Carol"], ["Bob", "Carol"], ["Alice", "Bob", "Carol"]):
        page.get_by_role("link", name="Next").click()
        expect_teams(page, *opened)
    expect(page.get_by_role("link", name="Next")).to_be_hidden()
    page.get_by_role("button", name="Open the board to everybody").click()
    expect(page.get_by_text("Private leaderboard:")).to_be_visible()
    page.goto(ended.url + CONSOLE + "/reveal")
    page.get_by_role("link", name="Show the ceremony again").click()
    expect(page.get_by_text("0 of 3 teams are open").last).to_be_visible()


def test_only_what_is_open_is_ever_fetched(ended: Site, open_page: Open) -> None:
    page = enter(ended, open_page, "/ceremony")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if CONSOLE in request.url else None)
    with page.expect_response("**/ceremony?*") as fetched:
        page.keyboard.press("ArrowRight")
    expect_teams(page, "Carol")
    assert asked == [fetched.value.url]
    assert "Carol" in fetched.value.text()
    assert not {"Alice", "Bob"} & set(re.findall(r"\w+", fetched.value.text()))


def test_nothing_moves_in_a_ceremony_for_those_who_asked_for_calm(ended: Site, open_page: Open) -> None:
    page = enter(ended, open_page, "/ceremony?opened=1", reduced_motion="reduce")
    cell = page.locator("tr.new td").first
    assert cell.evaluate("cell => getComputedStyle(cell).animationName") == "none"


def test_the_hall_is_told_when_the_server_is_gone(ended: Site, open_page: Open) -> None:
    page = enter(ended, open_page, "/ceremony")
    page.route("**/ceremony?*", lambda route: route.fulfill(status=400, body=""))
    page.keyboard.press("Space")
    page.clock.run_for(STEP)
    expect(page.locator("#offline")).to_be_visible()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.unroute("**/ceremony?*")
    page.get_by_role("link", name="Next").click()
    expect_teams(page, "Carol")
    expect(page.locator("#offline")).to_be_hidden()


def test_the_reveal_by_its_button(ended: Site, open_page: Open) -> None:
    page = enter(ended, open_page, "/reveal")
    page.get_by_label("Type lecture to confirm").fill("lecture")
    page.get_by_role("button", name="Reveal now").click()
    expect(page.get_by_text("The private leaderboard is open to everybody.")).to_be_visible()
    page.get_by_role("link", name="See the private leaderboard").click()
    expect(page.locator("[data-team]").first).to_contain_text("Alice")


def test_grades_are_downloaded_for_canvas(ended: Site, open_page: Open) -> None:
    page = enter(ended, open_page, "/grades")
    with page.expect_download() as downloading:
        page.get_by_role("button", name="For Canvas").click()
    assert downloading.value.suggested_filename == "lecture-grades-canvas.csv"
    with Path(downloading.value.path()).open(newline="", encoding="utf-8") as file:
        assert [row[0].strip() for row in csv.reader(file)] == ["Student", "Points Possible", "Alice", "Bob", "Carol"]


def test_an_unpacked_archive_opens_without_a_server(ended: Site, open_page: Open, tmp_path: Path) -> None:
    page = enter(ended, open_page, "/archive")
    page.get_by_label("Type lecture to confirm").fill("lecture")
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download the archive").click()
    with zipfile.ZipFile(downloading.value.path()) as packed:
        packed.extractall(tmp_path)
    page.goto((tmp_path / "lecture" / "index.html").as_uri())
    page.get_by_role("link", name="Public leaderboard").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    assert page.evaluate("getComputedStyle(document.querySelector('nav')).display") == "flex"


@pytest.mark.parametrize("width", [pytest.param(1280, marks=pytest.mark.long), 390])
def test_the_pages_of_the_end_are_accessible_and_as_wide_as_the_screen(
    ended: Site, open_page: Open, width: int
) -> None:
    page = enter(ended, open_page, "/reveal", viewport={"width": width, "height": 800}, reduced_motion="reduce")
    for path in ("/reveal", "/ceremony?opened=0", "/ceremony?opened=2", "/ceremony?opened=3", "/grades", "/archive"):
        page.goto(ended.url + CONSOLE + path)
        assert accessibility_faults(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
