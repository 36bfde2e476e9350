"""Every page there is, in a real browser: in both languages, accessible, and on a phone no wider than the screen.

The accessibility engine takes longer than the page: one page after the other is shown to it in one of both looks, and
in the long form each in both.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from tests.browsing import accessibility_faults, answering
from tests.web.console_routes import ROUTES, Route
from tests.web.test_console_permissions import World, allowed
from tests.web.test_untranslated import PHASES, addresses

from unseen_server.services import joining, links
from unseen_server.services.principals import SERVER
from unseen_server.web.context import SESSION_COOKIE
from unseen_server.web.languages import COOKIE, LANGUAGES

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
LOOK = {"en": ("light", DESK), "zh-Hant": ("dark", PHONE)}

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Visit:
    """A browser before the site of a world that can be put back to its beginning."""

    url: str
    world: World
    context: BrowserContext
    page: Page
    in_both_looks: bool
    turns: Iterator[str] = field(default_factory=lambda: cycle(LANGUAGES))

    def sign_in(self, name: str | None) -> None:
        self.context.clear_cookies()
        if name:
            self.context.add_cookies([{"name": SESSION_COOKIE, "value": f"secret of {name}", "url": self.url}])

    def faults(self, address: str) -> list[str]:
        """What is wrong with a page in either language, in daylight at a desk and in the dark on a phone."""
        found, turn = [], next(self.turns)
        for code in LANGUAGES:
            scheme, size = LOOK[code]
            self.context.add_cookies([{"name": COOKIE, "value": code, "url": self.url}])
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            self.page.set_viewport_size(size)  # type: ignore[arg-type]
            answer = self.page.goto(self.url + address)
            assert answer is not None
            if answer.status >= 500 or self.page.locator("html").get_attribute("lang") != code:
                found.append(f"{address}: {answer.status}, not in {code}")
            if self.in_both_looks or code == turn:
                found += [f"{address} in {code}: {fault}" for fault in accessibility_faults(self.page)]
            width = self.page.evaluate("document.documentElement.scrollWidth")
            if width > size["width"]:
                found.append(f"{address} in {code}: {width} pixels wide")
        return found


@pytest.fixture(scope="module", params=["in_turn", pytest.param("in_both_looks", marks=pytest.mark.long)])
def visit(
    request: pytest.FixtureRequest,
    chromium: Browser,
    tmp_path_factory: pytest.TempPathFactory,
    bundle_folder: Path,
    sqlite_template: Path,
) -> Iterator[Visit]:
    world = World(tmp_path_factory.mktemp("every-page"), bundle_folder, sqlite_template)
    with closing(world.made), answering(world.made) as site:
        context = chromium.new_context()
        yield Visit(site.url, world, context, context.new_page(), request.param == "in_both_looks")
        context.close()


def is_page(visit: Visit, path: str) -> bool:
    """Not a file, and not somewhere else; asked with the cookies of the visit."""
    cookies = {cookie["name"]: cookie["value"] for cookie in visit.context.cookies()}
    client = visit.world.made.app.test_client()
    for name, value in cookies.items():
        client.set_cookie(name, value)
    answer = client.get(path, buffered=True)
    return answer.mimetype == "text/html" and not 300 <= answer.status_code < 400


@pytest.mark.parametrize(("who", "phase"), [(None, "open"), *(("alice", phase) for phase in PHASES)])
def test_pages_for_students(visit: Visit, who: str | None, phase: str) -> None:
    visit.world.begin(Route("GET", "courses.home", "", before=PHASES[phase]))
    visit.sign_in(who)
    pages = [path for path in addresses(visit.world.made) if is_page(visit, path)]
    assert len(pages) > 5
    assert [fault for path in pages for fault in visit.faults(path)] == []


def test_the_way_in(visit: Visit) -> None:
    visit.world.begin(Route("GET", "courses.home", ""))
    made = visit.world.made
    visit.sign_in(None)
    code = joining.set_code(made.db, course="ml", principal=SERVER, now=made.now)
    invitation = links.issue_for(made.db, course="ml", username="alice", principal=SERVER, now=made.now)
    assert visit.faults(f"/join/{code}") + visit.faults(f"/welcome/{invitation.secret}") == []


def test_the_reference(visit: Visit) -> None:
    visit.world.begin(Route("GET", "courses.home", ""))
    visit.sign_in(None)
    assert visit.faults("/api/reference") == []


@pytest.mark.parametrize("route", [route for route in ROUTES if route.method == "GET"], ids=str)
def test_the_console(visit: Visit, route: Route) -> None:
    visit.world.begin(route)
    visit.sign_in(allowed(route)[-1])
    address = visit.world.ask(allowed(route)[-1], route).request.full_path.rstrip("?")
    if is_page(visit, address):
        assert visit.faults(address) == []
