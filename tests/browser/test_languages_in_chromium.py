"""The switch of languages, in a real browser: by keyboard, and back to the page as it was asked for."""

from __future__ import annotations

from tests.browsing import Open, Site, sign_in
from tests.visitors import add, send


def test_the_switch_leads_back_to_the_search_it_stood_under(site: Site, open_page: Open) -> None:
    send(site.made, site.made.noisy(3.0))
    page = open_page(f"{site.url}{site.board}?q=ali")
    button = page.get_by_role("button", name="繁體中文")
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("html[lang=zh-Hant]")
    assert page.url == f"{site.url}{site.board}?q=ali"
    assert page.get_by_role("heading", level=1).is_visible()
    assert page.get_by_role("button", name="繁體中文").get_attribute("aria-current") == "true"


def test_a_person_finds_their_language_again_in_another_browser(site: Site, open_page: Open) -> None:
    add(site.made, "dora", "Dora")
    page = open_page(site.url + "/login?next=/account")
    sign_in(page)
    page.get_by_role("contentinfo").get_by_role("button", name="繁體中文").click()
    page.wait_for_selector("html[lang=zh-Hant]")
    elsewhere = open_page(site.url + "/login?next=/account", locale="en-US")
    sign_in(elsewhere)
    elsewhere.wait_for_selector("html[lang=zh-Hant]")
    assert elsewhere.get_by_role("button", name="登出", exact=True).is_visible()


def test_a_browser_in_chinese_is_answered_in_chinese(site: Site, open_page: Open) -> None:
    page = open_page(site.url, locale="zh-TW")
    assert page.get_attribute("html", "lang") == "zh-Hant"
    assert page.get_by_role("heading", level=1).inner_text() == "競賽"
