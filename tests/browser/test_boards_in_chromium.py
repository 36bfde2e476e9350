"""The leaderboard in a real browser: one's own row, the search, the hall, the printer, the phone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select, text
from tests.browser.test_pages_in_chromium import REFRESH, send_noisy
from tests.browsing import Open, Site, accessibility_faults, sign_in
from tests.crowd import gather
from tests.visitors import add, place_baseline

from unseen_server.db.models import Team, User
from unseen_server.services import reveal
from unseen_server.services.principals import SERVER

NAMES = ["שלום עולם", "مرحبا", "🦊" * 40, "x" * 200, "<b>Bold</b>", "=cmd()", "林小明"]


@pytest.fixture
def crowded(site: Site) -> Site:
    """240 teams, of which the 150th is Dora's."""
    gather(site.made, [*(f"Team {n}" for n in range(1, 234)), *NAMES])
    add(site.made, "dora", "Dora")
    with site.made.db.write() as session:
        dora = session.scalars(select(User.id).where(User.username == "dora")).one()
        team = session.scalars(select(Team.id).where(Team.name == "Team 150")).one()
        session.execute(text(f"UPDATE team_members SET user_id = {dora} WHERE team_id = {team}"))
    return site


def opened(site: Site, open_page: Open, query: str = "", **window: object) -> Page:
    page = open_page(site.url + "/login", **window)
    sign_in(page)
    return open_page(site.url + site.board + query, page=page)


def test_ones_own_row_is_one_press_away_from_any_page(crowded: Site, open_page: Open) -> None:
    page = opened(crowded, open_page)
    for _ in range(2):
        page.get_by_role("link", name="Your place: 150 of 240").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#own")).to_be_in_viewport()
        expect(page.locator("#own .rank")).to_have_text("150")
        page.get_by_role("link", name="Next").click()
        expect(page.get_by_text("Page 3 of 3")).to_be_visible()


def test_a_team_is_found_with_the_keyboard_alone(crowded: Site, open_page: Open) -> None:
    page = open_page(crowded.url + crowded.board)
    page.get_by_label("Find a team or a person").focus()
    page.keyboard.type("TEAM 20")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="11 rows match")).to_be_visible()
    expect(page.locator("[data-team] .rank").nth(1)).to_have_text("200")
    page.get_by_role("link", name="Show the whole board").press("Enter")
    expect(page.locator("[data-team]")).to_have_count(100)


def test_a_refresh_stays_on_its_page_and_marks_what_changed(crowded: Site, open_page: Open) -> None:
    page = open_page(crowded.url + crowded.board + "?page=2")
    rows = page.locator("[data-team]")
    expect(rows.first).to_have_attribute("data-team", "Team 101")
    with crowded.made.db.write() as session:
        session.execute(text("UPDATE standings SET score = 140, entries = 2 WHERE score = 150"))
        session.execute(text("UPDATE chains SET head = 'one submission more'"))
    crowded.made.now += timedelta(milliseconds=REFRESH)
    page.clock.run_for(REFRESH)
    expect(page.locator("[data-team='Team 150'] .rank")).to_have_text("141")
    assert "changed" in str(page.locator("[data-team='Team 150']").get_attribute("class"))
    expect(page.locator("[data-team='Team 101']")).not_to_have_class("changed")
    expect(rows.first).to_have_attribute("data-team", "Team 101")


def test_an_open_table_stays_open_when_the_board_refreshes(crowded: Site, open_page: Open) -> None:
    page = open_page(crowded.url + crowded.board)
    page.get_by_text("The same as a table").click()
    expect(page.locator("#progress-table")).to_be_visible()
    with crowded.made.db.write() as session:
        session.execute(text("UPDATE teams SET name = 'Renamed' WHERE name = 'Team 1'"))
        session.execute(text("UPDATE competitions SET board_version = board_version + 1"))
    page.clock.run_for(REFRESH)
    expect(page.locator("#progress-table")).to_contain_text("Renamed")
    expect(page.locator("#progress-table")).to_be_visible()


def test_the_hall_sees_the_board_and_little_else(crowded: Site, open_page: Open) -> None:
    page = opened(crowded, open_page, "?projector=1", viewport={"width": 1920, "height": 1080})
    expect(page.locator("[data-team]")).to_have_count(20)
    for hidden in ("header.site", ".tabs", "footer.site", ".leak"):
        expect(page.locator(hidden).first).to_be_hidden()
    size = "cell => parseFloat(getComputedStyle(cell).fontSize)"
    assert page.locator("[data-team] .score").first.evaluate(size) > 24
    assert page.locator("#own").count() == 0


def test_on_paper_there_is_the_board_and_nothing_to_press(crowded: Site, open_page: Open) -> None:
    page = opened(crowded, open_page, color_scheme="dark")
    page.emulate_media(media="print")
    for hidden in (".tabs", ".pager", ".search", "footer.site", "header.site nav", ".progress summary", ".summary a"):
        expect(page.locator(hidden).first).to_be_hidden()
    expect(page.locator("[data-team]").first).to_be_visible()
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper in ("rgb(251, 250, 247)", "rgb(255, 255, 255)")


@pytest.mark.parametrize("query", ["", "?page=2", "?q=x", "?q=zzz", "?projector=1"])
def test_every_part_of_the_board_fits_a_phone_and_is_accessible(crowded: Site, open_page: Open, query: str) -> None:
    place_baseline(crowded.made)
    page = opened(crowded, open_page, query, viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert accessibility_faults(page) == []


def test_strange_names_stay_in_their_row(crowded: Site, open_page: Open) -> None:
    page = open_page(crowded.url + crowded.board + "?page=3", viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("[data-team] b").count() == 0
    rank, score = page.locator("[data-team='שלום עולם'] .rank"), page.locator("[data-team='שלום עולם'] .score")
    assert rank.bounding_box()["x"] < score.bounding_box()["x"]  # type: ignore[index]


def test_after_the_reveal_arrows_are_seen_and_said(site: Site, open_page: Open) -> None:
    send_noisy(site, 9.0, "alice")
    send_noisy(site, 3.0, "bob")
    with site.made.db.write() as session:
        session.execute(text("UPDATE private_scores SET value = 1.5 WHERE submission_id = 1"))
    site.made.pass_deadline()
    reveal.reveal(site.made.db, slug=site.made.slug, principal=SERVER, now=site.made.now)
    for width in (1280, 390):
        page = open_page(site.url + site.board, viewport={"width": width, "height": 844})
        alice = page.locator("[data-team='Alice']")
        expect(alice.locator(".change")).to_contain_text("▲ 1")
        expect(alice.get_by_text("Up by 1")).to_be_attached()
        expect(alice.locator(".other")).to_contain_text("rank 2")
        expect(page.locator("[data-team='Bob'] .change")).to_contain_text("▼ 1")
        assert accessibility_faults(page) == []
        page.get_by_role("link", name="Public", exact=True).click()
        expect(page.get_by_text("Public leaderboard:")).to_be_visible()
