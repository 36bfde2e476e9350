"""A competition made, launched and changed in Chromium, by the keyboard alone."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect
from tests.browsing import Open, Site, accessibility_faults
from tests.installations import COURSE, labelled_rows
from tests.visitors import PASSWORD, add, place_baseline, send

MOST_TABS = 120
# What has the focus, as its label says it.
FOCUSED = """() => {
  const e = document.activeElement
  const label = e.labels && e.labels.length ? e.labels[0] : e
  return (e.getAttribute('aria-label') || label.textContent || '').trim().replace(/\\s+/g, ' ')
}"""


def tab_to(page: Page, label: str) -> None:
    """Press Tab until what is called so has the focus."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if str(page.evaluate(FOCUSED)).startswith(label):
            return
    raise AssertionError(f"Tab does not lead to “{label}”")


def enter(page: Page) -> None:
    with page.expect_navigation():
        page.keyboard.press("Enter")


def press(page: Page, label: str) -> None:
    tab_to(page, label)
    enter(page)


def write(page: Page, label: str, text: str) -> None:
    """Replace what stands in a field."""
    tab_to(page, label)
    page.keyboard.press("Control+A")
    page.keyboard.type(text)


def as_instructor(site: Site, open_page: Open, path: str, **window: object) -> Page:
    add(site.made, "tina", "Tina", "instructor")
    page = open_page(f"{site.url}/login?next={path}", **window)
    write(page, "User name or e-mail", "tina")
    write(page, "Password", PASSWORD)
    enter(page)
    return page


def test_a_competition_goes_from_a_table_to_its_launch_by_keyboard_alone(
    site: Site, open_page: Open, tmp_path: Path
) -> None:
    table = tmp_path / "talks.csv"
    table.write_text("pages,minutes\n" + "".join(f"{pages},{minutes}\n" for pages, _, minutes in labelled_rows()))
    page = as_instructor(site, open_page, f"/console/courses/{COURSE}/competitions/new")
    # the browser is told to catch choosers with the first listener, and on a busy machine not before the key is pressed
    page.on("filechooser", lambda _: None)
    assert accessibility_faults(page) == []
    tab_to(page, "A labelled table or a folder")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(table)
    press(page, "Upload and look at it")

    expect(page.get_by_label("Column to predict")).to_have_value("minutes")
    assert accessibility_faults(page) == []
    write(page, "Title", "Our talks")
    write(page, "Deadline", "2026-12-20 23:59")
    tab_to(page, "rounded")
    page.keyboard.press("ArrowDown")
    press(page, "See what it allows")
    expect(page.get_by_role("heading", name="What this would allow")).to_be_visible()
    expect(page.get_by_text("the ladder shows only large improvements")).to_be_visible()
    assert accessibility_faults(page) == []
    press(page, "Make the draft")

    expect(page.get_by_role("heading", name="Our talks")).to_be_visible()
    expect(page.get_by_text("2026-12-20 23:59 Asia/Taipei (2026-12-20 15:59 UTC)").first).to_be_visible()
    expect(page.get_by_role("heading", name="Pre-flight")).to_be_visible()
    assert accessibility_faults(page) == []
    write(page, "Or open it at", "2026-12-01 09:00")
    enter(page)
    expect(page.get_by_text("2026-12-01 09:00 Asia/Taipei (2026-12-01 01:00 UTC)")).to_be_visible()
    assert accessibility_faults(page) == []
    press(page, "Open it now")
    press(page, "Open it now")
    expect(page.get_by_text("The competition is open. Tell your students.")).to_be_visible()
    assert site.made.client().get("/competitions/talks").status_code == 200


def test_settings_are_changed_by_keyboard_and_read_back_on_both_clocks(site: Site, open_page: Open) -> None:
    page = as_instructor(site, open_page, f"/console/competitions/{site.made.slug}/settings")
    assert accessibility_faults(page) == []
    write(page, "Deadline", "2026-12-08 23:59")
    press(page, "See what changes")
    expect(page.get_by_text("2026-12-08 23:59 Asia/Taipei (2026-12-08 15:59 UTC)")).to_be_visible()
    assert accessibility_faults(page) == []
    press(page, "Save")
    expect(page.get_by_text("The settings are saved.")).to_be_visible()


def test_an_announcement_is_previewed_published_and_read(site: Site, open_page: Open) -> None:
    page = as_instructor(site, open_page, f"/console/competitions/{site.made.slug}/announcements")
    write(page, "Text", "The **office hour** moves.")
    press(page, "Preview")
    expect(page.locator(".preview strong")).to_have_text("office hour")
    press(page, "Publish")
    page.goto(f"{site.url}/competitions/{site.made.slug}")
    expect(page.get_by_label("Announcements").get_by_text("office hour")).to_be_visible()
    assert accessibility_faults(page) == []


def test_a_competition_is_removed_only_once_its_address_is_typed(site: Site, open_page: Open) -> None:
    page = as_instructor(site, open_page, f"/console/competitions/{site.made.slug}/remove")
    write(page, "Type lecture to confirm", "lectures")
    enter(page)
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed")
    write(page, "Type lecture to confirm", "lecture")
    enter(page)
    expect(page.get_by_text("This competition was removed")).to_be_visible()
    press(page, "Bring it back")
    expect(page.get_by_text("The competition is back as it was.")).to_be_visible()


def test_the_pages_of_a_competitions_life_fit_a_phone_and_are_accessible(site: Site, open_page: Open) -> None:
    send(site.made, site.made.noisy(3.0))
    place_baseline(site.made)
    home = f"/console/competitions/{site.made.slug}"
    page = as_instructor(site, open_page, home, viewport={"width": 390, "height": 800})
    pages = (
        "",
        "/settings",
        "/submissions",
        "/pages",
        "/pages/rules/en",
        "/announcements",
        "/baselines",
        "/baselines/2",
        "/copy",
        "/close",
    )
    for path in pages:
        open_page(f"{site.url}{home}{path}", page)
        assert page.evaluate("document.documentElement.scrollWidth") == 390, path
        assert accessibility_faults(page) == [], path


def test_the_wizards_advice_fits_a_phone(site: Site, open_page: Open, tmp_path: Path) -> None:
    table = tmp_path / "talks.csv"
    table.write_text("pages,minutes\n" + "".join(f"{pages},{minutes}\n" for pages, _, minutes in labelled_rows()))
    new = f"/console/courses/{COURSE}/competitions/new"
    page = as_instructor(site, open_page, new, viewport={"width": 390, "height": 800})
    page.get_by_label("A labelled table or a folder").set_input_files(table)
    press(page, "Upload and look at it")
    press(page, "See what it allows")
    expect(page.get_by_role("rowheader", name="Leak ratio")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert accessibility_faults(page) == []
