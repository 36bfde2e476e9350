"""What students do, in a real browser."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from tests.browsing import Open, Site, accessibility_faults, sign_in
from tests.visitors import OWN_PAGES, add, address, send

PHONE = {"width": 390, "height": 844}
ON_A_PHONE_TOO = pytest.param({"viewport": PHONE}, marks=pytest.mark.long)


@pytest.fixture
def good(site: Site, tmp_path: Path) -> Path:
    file = tmp_path / "good.csv"
    file.write_bytes(site.made.noisy(3.0))
    return file


@pytest.fixture
def bad(site: Site, tmp_path: Path) -> Path:
    file = tmp_path / "bad.csv"
    file.write_bytes(site.made.noisy(3.0).replace(b".", b";", 3))
    return file


def at(site: Site, open_page: Open, page: str, name: str = "dora", **window: Any) -> Page:
    """Somebody's browser at a page of the competition, signed in."""
    add(site.made, name, name.title())
    opened = open_page(site.url + address(site.made, page), **window)
    sign_in(opened, name)
    return opened


def button(page: Page, name: str) -> Locator:
    return page.locator("main").get_by_role("button", name=name, exact=True)


@pytest.mark.parametrize("window", [{}, {"viewport": PHONE}], ids=["wide", "phone"])
def test_a_bad_file_is_explained_and_mended_without_being_chosen_twice(
    site: Site, open_page: Open, good: Path, bad: Path, window: dict[str, Any]
) -> None:
    page = at(site, open_page, "/submit", **window)
    page.get_by_label("Message").fill("second try")
    page.get_by_label("Prediction file").set_input_files(bad)
    button(page, "Submit").click()
    expect(page.get_by_role("alert").first).to_contain_text("cost no submission")
    expect(page.get_by_role("rowheader", name="2", exact=True)).to_be_visible()
    expect(page.get_by_label("Message")).to_have_value("second try")
    assert page.evaluate("document.querySelector('#file').files[0].name") == "bad.csv"
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")
    page.get_by_label("Prediction file").set_input_files(good)
    button(page, "Submit").click()
    expect(page.get_by_role("heading", name="Submission 1 counts")).to_be_visible()
    expect(page.locator("main")).to_contain_text("second try")
    assert page.url.endswith("/submissions/1")
    page.reload()
    expect(page.get_by_role("heading", name="Submission 1 counts")).to_be_visible()


def test_a_check_costs_nothing_and_keeps_the_file(site: Site, open_page: Open, good: Path) -> None:
    page = at(site, open_page, "/submit")
    page.get_by_label("Prediction file").set_input_files(good)
    button(page, "Only check the file").click()
    expect(page.locator("#answer")).to_contain_text("The file is fine: 40 predictions.")
    expect(page.locator("#answer")).to_be_focused()
    expect(page.locator("#left")).to_contain_text("5 of 5")
    button(page, "Submit").click()
    expect(page.get_by_role("heading", name="Submission 1 counts")).to_be_visible()


def test_a_file_is_dropped_into_the_field(site: Site, open_page: Open, good: Path) -> None:
    page = at(site, open_page, "/submit")
    files = page.evaluate_handle(
        """content => {
            const dropped = new DataTransfer();
            dropped.items.add(new File([Uint8Array.from(atob(content), c => c.charCodeAt(0))], "dropped.csv"));
            return dropped;
        }""",
        base64.b64encode(good.read_bytes()).decode(),
    )
    field = page.get_by_label("Prediction file")
    field.dispatch_event("dragover", {"dataTransfer": files})
    expect(field).to_have_class("drop over")
    field.dispatch_event("drop", {"dataTransfer": files})
    expect(field).to_have_class("drop")
    button(page, "Submit").click()
    expect(page.locator("main")).to_contain_text("dropped.csv")


def test_the_form_is_sent_by_keyboard_alone(site: Site, open_page: Open, good: Path) -> None:
    page = at(site, open_page, "/submit")
    page.get_by_label("Prediction file").focus()
    page.get_by_label("Prediction file").set_input_files(good)
    page.keyboard.press("Tab")
    expect(page.get_by_label("Message")).to_be_focused()
    page.keyboard.type("by hand")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Submission 1 counts")).to_be_visible()


def test_an_upload_shows_how_far_it_is_and_two_clicks_count_once(site: Site, open_page: Open, good: Path) -> None:
    page = at(site, open_page, "/submit")
    page.get_by_label("Prediction file").set_input_files(good)
    with page.expect_request("**/submit") as sent:
        page.evaluate("for (let n = 0; n < 2; n++) document.querySelector('[data-upload] .act').click()")
    assert sent.value.method == "POST"
    expect(page.get_by_role("heading", name="Submission 1 counts")).to_be_visible()
    expect(page.locator("main")).to_contain_text("4 of 5")


def test_what_was_sent_while_the_answer_got_lost_is_counted_once(site: Site, open_page: Open, good: Path) -> None:
    page = at(site, open_page, "/submit")
    page.get_by_label("Prediction file").set_input_files(good)

    def lose_the_answer(route: Route) -> None:
        route.fetch(max_redirects=0)
        route.fulfill(status=499, content_type="text/html", body="<main>Gone</main>")

    page.route("**/submit", lose_the_answer)
    button(page, "Submit").click()
    expect(page.locator("#answer")).to_contain_text("Gone")
    page.unroute("**/submit")
    button(page, "Submit").click()
    expect(page.get_by_role("heading", name="Submission 1 counts")).to_be_visible()


def test_a_server_that_does_not_answer_is_named(site: Site, open_page: Open, good: Path) -> None:
    page = at(site, open_page, "/submit")
    page.get_by_label("Prediction file").set_input_files(good)
    page.evaluate("() => { XMLHttpRequest.prototype.send = function () { this.onerror(); this.onloadend(); }; }")
    button(page, "Submit").click()
    expect(page.get_by_role("alert")).to_contain_text("could not be reached")
    expect(button(page, "Submit")).to_be_enabled()


@pytest.mark.parametrize("window", [{}, ON_A_PHONE_TOO, {"java_script_enabled": False}])
def test_final_submissions_are_chosen(site: Site, open_page: Open, window: dict[str, Any]) -> None:
    add(site.made, "emil", "Emil")
    for seed in range(3):
        send(site.made, site.made.noisy(3.0, seed), "emil")
    page = open_page(site.url + address(site.made, "/submissions"), **window)
    sign_in(page, "emil")
    expect(page.get_by_text("by default")).to_have_count(2)
    page.get_by_label("Use submission 2 for the final score").check()
    button(page, "Use the ticked ones for the final score").click()
    expect(page.get_by_role("status")).to_contain_text("are chosen")
    expect(page.get_by_text("Your team chose:")).to_contain_text("submission 2")


@pytest.mark.parametrize("window", [{}, ON_A_PHONE_TOO, {"java_script_enabled": False}])
def test_two_students_become_a_team(site: Site, open_page: Open, window: dict[str, Any]) -> None:
    send(site.made, site.made.noisy(3.0), "alice")
    dora = at(site, open_page, "/team", **window)
    add(site.made, "emil", "Emil")
    dora.get_by_label("User name or e-mail").fill("emil")
    button(dora, "Invite").click()
    expect(dora.get_by_role("status")).to_contain_text("Emil is invited")
    emil = open_page(site.url + "/login", **window)
    sign_in(emil, "emil")
    emil.get_by_role("link", name="Answer on the team page").click()
    expect(emil.get_by_role("heading", name="Dora asks you to join")).to_be_visible()
    button(emil, "Join").click()
    expect(emil.get_by_role("heading", name="Dora", exact=True)).to_be_visible()
    emil.get_by_label("Name").last.fill("Two of us")
    button(emil, "Rename").click()
    dora.reload()
    expect(dora.get_by_role("heading", name="Two of us")).to_be_visible()
    expect(dora.get_by_role("listitem").filter(has_text="Emil")).to_be_visible()


@pytest.mark.parametrize(
    ("scheme", "language"), [pytest.param("light", "en", marks=pytest.mark.long), ("dark", "zh-Hant")]
)
def test_the_students_pages_are_accessible(site: Site, open_page: Open, bad: Path, scheme: str, language: str) -> None:
    page = at(site, open_page, "/team", viewport=PHONE, color_scheme=scheme)
    for seed in range(3):
        send(site.made, site.made.noisy(3.0 + seed, seed), "dora")
    page.locator(f"footer button[value={language}]").click()
    for name in ("/competitions", *(address(site.made, below) for below in (*OWN_PAGES, "/submissions/1"))):
        open_page(site.url + name, page=page)
        assert accessibility_faults(page) == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
    open_page(site.url + address(site.made, "/submit"), page=page)
    page.locator("#file").set_input_files(bad)
    page.locator("main form .act:not(.second)").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    assert accessibility_faults(page) == []
