"""Getting an account and keeping it, in a real browser: by code, by link, by password, through a provider."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect
from tests.browsing import Open, Site, accessibility_faults, answering, sign_in
from tests.identity_provider import Provider, running_provider
from tests.installations import COURSE, Build, Installation
from tests.services.test_links import issued, person
from tests.visitors import PASSWORD, add

from unseen_server.config import SingleSignOn
from unseen_server.services import joining

NEW = "battery staple"


def opened(made: Installation) -> str:
    return joining.set_code(made.db, course=COURSE, principal=made.principal("teacher"), now=made.now)


def type_twice(page: Page, password: str) -> None:
    page.get_by_label("at least 8 characters").fill(password)
    page.get_by_label("The same once more").fill(password)


def press(page: Page, name: str) -> None:
    page.locator("main").get_by_role("button", name=name).click()


@pytest.mark.parametrize("scripts", [True, False])
def test_joining_with_a_code_from_the_sign_in_page_to_the_course(site: Site, open_page: Open, scripts: bool) -> None:
    code = opened(site.made)
    page = open_page(site.url + "/login", java_script_enabled=scripts)
    page.get_by_role("link", name="Join a course with a code").click()
    page.get_by_label("The code of your course").fill(code.lower().replace("-", " "))
    press(page, "Go on")
    expect(page.get_by_role("heading", name="Machine learning")).to_be_visible()
    page.get_by_label("User name").fill("erin")
    page.get_by_label("as others see you").fill("Erin")
    page.get_by_label("at least 8 characters").fill(NEW)
    page.get_by_label("The same once more").fill("battery stable")
    press(page, "Make an account and join")
    expect(page.get_by_role("alert")).to_contain_text("The two passwords differ")
    expect(page.get_by_label("User name")).to_have_value("erin")
    type_twice(page, NEW)
    press(page, "Make an account and join")
    expect(page.get_by_role("status")).to_contain_text("Welcome!")
    expect(page.get_by_role("link", name="Lectures", exact=True)).to_be_visible()


def test_an_invitation_sets_the_password_and_its_address_stays_secret(site: Site, open_page: Open) -> None:
    secret = issued(site.made, "alice", "invite")
    page = open_page(f"{site.url}/welcome/{secret}")
    told: list[str] = []
    page.on("request", lambda request: told.append(request.headers.get("referer", "")))
    page.reload()
    expect(page.get_by_role("heading", name="Welcome, Alice")).to_be_visible()
    type_twice(page, NEW)
    press(page, "Set the password and sign in")
    expect(page.get_by_role("status")).to_contain_text("you are signed in")
    assert len(told) > 2
    assert not [where for where in told if secret in where]
    page = open_page(f"{site.url}/welcome/{secret}")
    expect(page.get_by_text("This link no longer works")).to_be_visible()
    open_page(site.url + "/login", page=page)
    page.get_by_label("User name or e-mail").fill("alice")
    page.get_by_label("Password").fill(NEW)
    press(page, "Sign in")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_changing_the_password_and_signing_out_everywhere(site: Site, open_page: Open) -> None:
    add(site.made, "dora", "Dora")
    page, elsewhere = open_page(site.url + "/login"), open_page(site.url + "/login")
    for window in (page, elsewhere):
        sign_in(window)
    open_page(site.url + "/account", page=page)
    page.get_by_label("The password you have now").fill(PASSWORD)
    type_twice(page, NEW)
    press(page, "Change the password")
    expect(page.get_by_role("status")).to_contain_text("Your password is changed")
    elsewhere.reload()
    expect(elsewhere.get_by_role("button", name="Sign out")).to_have_count(0)
    press(page, "Sign out everywhere")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_keyboard_is_enough_to_sign_in(site: Site, open_page: Open) -> None:
    add(site.made, "dora", "Dora")
    page = open_page(site.url + "/login")
    expect(page.get_by_label("User name or e-mail")).to_be_focused()
    page.keyboard.type("dora")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


# through a provider


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@pytest.fixture
def linked_site(build: Build, provider: Provider) -> Iterator[Site]:
    """A site with single sign-on."""
    plain = build()
    config = replace(plain.config, single_sign_on=SingleSignOn(provider.url, "unseen", "hush", "NTU"))
    made = Installation(config, plain.db, plain.folder, plain.bundle, plain.now)
    with closing(made.app.extensions["unseen"].db), answering(made) as site:
        yield site


def without_the_rest_of_the_world(page: Page) -> Page:
    """The provider's page asks another site for its looks."""
    page.route(re.compile(r"https?://(?!127\.)"), lambda route: route.fulfill(body=""))
    return page


def test_the_providers_page_leads_in_and_back(linked_site: Site, provider: Provider, open_page: Open) -> None:
    person(linked_site.made, "frank")
    provider.vouches("frank@ntu", email="frank@example.edu", email_verified=True)
    page = without_the_rest_of_the_world(open_page(linked_site.url + "/login?next=/account"))
    page.get_by_role("link", name="Sign in with NTU").click()
    page.get_by_placeholder("sub").fill("frank@ntu")
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_role("heading", name="Frank")).to_be_visible()
    assert page.url == linked_site.url + "/account"


def test_staff_link_their_account(linked_site: Site, provider: Provider, open_page: Open) -> None:
    add(linked_site.made, "dora", "Dora", "instructor")
    page = without_the_rest_of_the_world(open_page(linked_site.url + "/login?next=/account"))
    sign_in(page)
    page.get_by_role("link", name="Link it").click()
    page.get_by_placeholder("sub").fill("dora@ntu")
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_role("heading", name="Link your sign-in")).to_be_visible()
    assert accessibility_faults(page) == []
    press(page, "Both are me")
    expect(page.get_by_role("status")).to_contain_text("Linked.")


# every page of this part


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (1280, "light"),
        (390, "dark"),
        *(pytest.param(*look, marks=pytest.mark.long) for look in ((1280, "dark"), (390, "light"))),
    ],
)
def test_the_pages_are_accessible_and_no_wider_than_the_screen(
    site: Site, open_page: Open, width: int, scheme: str
) -> None:
    add(site.made, "dora", "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft")
    code, secret = opened(site.made), issued(site.made, "alice", "invite")
    page = open_page(site.url + "/login", viewport={"width": width, "height": 844}, color_scheme=scheme)
    faults = {}

    def look(path: str) -> None:
        open_page(site.url + path, page=page)
        faults[path] = accessibility_faults(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path

    for path in ("/login", "/forgot", "/join", "/join/wrong", f"/join/{code}", f"/welcome/{secret}", "/welcome/dead"):
        look(path)
    open_page(site.url + "/login", page=page)
    sign_in(page)
    for path in ("/account", f"/join/{code}", f"/welcome/{secret}"):
        look(path)
    assert {path: found for path, found in faults.items() if found} == {}
