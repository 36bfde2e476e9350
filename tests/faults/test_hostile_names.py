"""Whatever people call themselves, their teams and their files: every page and every export stays harmless."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.installations import SLUG
from tests.web.console_routes import ROUTES, Route
from tests.web.test_console_permissions import World, allowed
from tests.web.test_untranslated import PHASES, addresses
from werkzeug.test import TestResponse

from unseen_server.core.errors import BadRequest
from unseen_server.core.sentences import say
from unseen_server.db.models import Announcement, AuditEntry, Competition, Course, Submission, Team, User
from unseen_server.services import announcements, names
from unseen_server.services.exports import FORMULA_STARTS
from unseen_server.services.principals import SERVER

HOSTILE = (
    "=cmd|'/c calc'!A1<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>{{ 7*7 }}' 😀👩‍👩‍👧",
    "@SUM(1+1)\u202etxt.exe\u202c مرحبا بالعالم",
    "+" + "ş" * 150 + "</textarea></title><svg/onload=alert(1)>",
)
EXPORTS = ("grades.export", "people.invite", "life.export", "archives.download")


class Tags(HTMLParser):
    """Every tag of a page that could run something."""

    def __init__(self) -> None:
        super().__init__()
        self.dangerous: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        sources = [value or "" for name, value in attrs if name in ("src", "href", "action", "formaction")]
        own_script = tag == "script" and len(sources) == 1 and sources[0].startswith("/static/")
        runs = any(name.startswith("on") or name == "style" for name, _ in attrs)
        elsewhere = any(source.strip().lower().startswith(("javascript:", "data:")) for source in sources)
        if (tag in ("script", "img", "iframe", "object", "embed", "base") and not own_script) or runs or elsewhere:
            self.dangerous.append(self.get_starttag_text() or tag)


def dangerous_tags(page: str) -> list[str]:
    reader = Tags()
    reader.feed(page)
    return reader.dangerous


def formulas(text: str) -> list[str]:
    """Cells that a spreadsheet would run."""
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    return [cell for cell in cells if cell.lstrip().startswith(FORMULA_STARTS) and not _is_number(cell)]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def harm(answer: TestResponse) -> list[str]:
    """What an answer could do to whoever opens it."""
    content = answer.get_data()
    if answer.mimetype == "text/html":
        return dangerous_tags(content.decode())
    if answer.mimetype == "text/csv":
        return formulas(content.decode("utf-8-sig"))
    if answer.mimetype == "application/zip":
        return [found for name, inner in _inside(content) for found in _harm_of_file(name, inner)]
    return []


def _inside(content: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        yield from ((name, archive.read(name)) for name in archive.namelist())


def _harm_of_file(name: str, content: bytes) -> list[str]:
    if ".." in name or name.startswith("/") or not name.isprintable():
        return [name]
    if name.endswith(".html"):
        return dangerous_tags(content.decode())
    # the files that people sent stay as they were sent, and the course's own tables as it wrote them
    is_list = name.endswith(".csv") and "/submissions/" not in f"/{name}" and "/files/" not in f"/{name}"
    return formulas(content.decode("utf-8-sig")) if is_list and "bundle" not in name else []


def rename_everything(world: World) -> None:
    made = world.made
    with made.db.write() as session:
        for number, kind in enumerate((User, Team, Submission, Course, Competition)):
            for row in session.query(kind).all():
                said = HOSTILE[(row.id + number) % len(HOSTILE)]
                said_as = {"student_id": said[:64], "file_name": f"{said}.csv"}
                for column in ("display_name", "student_id", "name", "file_name", "message", "title"):
                    if hasattr(row, column):
                        setattr(row, column, said_as.get(column, said))
                if isinstance(row, Team):
                    row.name_key = names.key_of(said) + str(row.id)
        session.execute(update(Submission).where(Submission.id == 2).values(withdrawn_reason=HOSTILE[1]))
        session.execute(update(AuditEntry).values(subject=HOSTILE[0], details={HOSTILE[1]: HOSTILE[2]}))
    announcements.publish(made.db, slug=SLUG, markdown="# " + HOSTILE[3], principal=SERVER, now=made.now)
    with made.db.write() as session:
        session.execute(update(Announcement).values(actor=HOSTILE[1][:64]))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, bundle_folder: Path, sqlite_template: Path) -> Iterator[World]:
    whole = World(tmp_path_factory.mktemp("hostile-names"), bundle_folder, sqlite_template)
    rename_everything(whole)
    whole.made.close()
    assert whole.made.db.file
    shutil.copy(whole.made.db.file, whole.saved)
    with closing(whole.made):
        yield whole


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("who", ["nobody", "alice"])
def test_pages_for_students_are_harmless(world: World, who: str, phase: str) -> None:
    world.begin(Route("GET", "courses.home", "", before=PHASES[phase]))
    client = world.client(who)
    board = f"/api/competitions/{SLUG}/leaderboard?format=csv"
    for path in (*addresses(world.made), board, f"{board}&board=private"):
        assert harm(client.get(path, buffered=True)) == [], path


@pytest.mark.parametrize("route", [r for r in ROUTES if r.method == "GET" or r.endpoint in EXPORTS], ids=str)
def test_the_console_is_harmless(world: World, route: Route) -> None:
    world.begin(route)
    answer = world.ask(allowed(route)[0], route)
    assert answer.status_code == 200
    assert harm(answer) == []


@pytest.mark.parametrize("style", ["csv", "canvas", "moodle"])
def test_grades_are_harmless(world: World, style: str) -> None:
    world.begin(Route("GET", "courses.home", "", before=PHASES["revealed"]))
    answer = world.client("teacher").get(f"/api/competitions/{SLUG}/grades?format={style}")
    assert answer.status_code == 200
    assert "alert(1)" in answer.text
    assert harm(answer) == []


def test_what_would_run_is_found() -> None:
    assert dangerous_tags('<p>a</p><script src="/static/unseen.js"></script>') == []
    for page in ("<script>x</script>", "<b onclick=x>", '<a href=" javascript:x">', "<img src=x>", '<p style="x">'):
        assert len(dangerous_tags(page)) == 1
    assert formulas("a,1.5,-2\n'=1,b") == []
    assert formulas('a,=1+1\n"\t@x",-x') == ["=1+1", "\t@x", "-x"]


@pytest.mark.parametrize("name", ["a\u202eb", "a\u2066b", "a\x00b", "a\u200bb", "a\nb", "x" * 201, " \u3164 "])
def test_names_that_hide_something_are_refused(name: str) -> None:
    with pytest.raises(BadRequest):
        names.checked_text(name, say("A display name"), 200)
