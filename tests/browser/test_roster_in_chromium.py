"""Importing a class list in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import FilePayload, Page, expect
from tests.browsing import Open, Site, accessibility_faults, sign_in
from tests.installations import COURSE
from tests.visitors import add

HERE = f"/console/courses/{COURSE}"
GOOD = "學號,姓名,電子郵件\nB09901001,王小明,ming@ntu.edu.tw\nB09901002,林怡君,lin@ntu.edu.tw\n"
BAD = "學號,姓名,電子郵件\nB09901001,王小明,nowhere\nB09901001,林怡君,lin@ntu.edu.tw\n"


@pytest.fixture
def page(site: Site, open_page: Open) -> Page:
    """The console's form, opened by an instructor."""
    add(site.made, "tina", "Tina", "instructor")
    page = open_page(site.url + f"{HERE}/roster")
    sign_in(page, "tina")
    return page


def choose(page: Page, text: str) -> None:
    sent: FilePayload = {"name": "list.csv", "mimeType": "text/csv", "buffer": text.encode("big5")}
    page.get_by_label("CSV file").set_input_files(sent)
    page.get_by_role("button", name="Show what would happen").click()


def test_a_class_list_is_mended_looked_at_and_imported(page: Page, site: Site) -> None:
    choose(page, BAD)
    expect(page.get_by_role("alert")).to_contain_text("Line 2: “nowhere” is not an e-mail address.")
    expect(page.get_by_role("alert")).to_contain_text("Line 3: “b09901001” stands in line 2 already.")
    expect(page.get_by_role("button", name="Enrol")).to_have_count(0)
    assert accessibility_faults(page) == []

    page.get_by_role("link", name="Upload another file").click()
    choose(page, GOOD)
    expect(page.get_by_text("read as Big5")).to_be_visible()
    expect(page.get_by_role("cell", name="王小明")).to_be_visible()
    assert accessibility_faults(page) == []
    page.get_by_role("button", name="Enrol 2 people").click()
    expect(page.get_by_role("status")).to_contain_text("New: 2.")
    expect(page.get_by_role("link", name="林怡君")).to_be_visible()


def test_whoever_was_imported_signs_in_by_an_invitation(page: Page, site: Site, open_page: Open) -> None:
    choose(page, GOOD)
    page.get_by_role("button", name="Enrol 2 people").click()
    page.get_by_role("link", name="王小明").click()
    page.get_by_role("button", name="Make a link").click()
    link = page.locator("#link").inner_text()
    student = open_page(link)
    for field in student.locator("input[type=password]").all():
        field.fill("a long enough one")
    student.locator("main").get_by_role("button").first.click()
    expect(student.locator("header.site")).to_contain_text("王小明")


@pytest.mark.parametrize("width", [pytest.param(1280, marks=pytest.mark.long), 390])
def test_pages_about_people_are_accessible_and_fit_the_screen(page: Page, site: Site, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    below = ("people", "people/alice", "people/alice/erase", "invitations", "roster", "audit")
    for path in ("/console/", HERE, *(f"{HERE}/{part}" for part in below)):
        page.goto(site.url + path)
        assert accessibility_faults(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
