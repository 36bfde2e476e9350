"""The pages students read, as their authors see them: each in each language, written and changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from difflib import unified_diff

from unseen_server.core.digests import stamp_of
from unseen_server.core.errors import BadRequest, NotFound
from unseen_server.core.sentences import N_, say
from unseen_server.db import queries
from unseen_server.db.models import Page
from unseen_server.db.session import Database
from unseen_server.services import audit, competitions, names
from unseen_server.services.bundles import PAGES
from unseen_server.services.principals import Principal
from unseen_server.services.stamps import need_unchanged

LONGEST_PAGE = 100_000  # characters of Markdown
LANGUAGES = {"en": N_("English"), "zh-Hant": N_("Traditional Chinese")}


@dataclass(frozen=True)
class EditablePage:
    """One page in one language; empty where it has not been written."""

    name: str
    language: str
    markdown: str

    @property
    def stamp(self) -> str:
        return stamp_of(self.markdown)


def pages(db: Database, *, slug: str, principal: Principal, now: datetime) -> list[EditablePage]:
    """Every page there could be, in the order of the tabs; other languages that it has come after ours."""
    with db.read() as session:
        competition = competitions.instructed(session, slug, principal, now)
        there = {
            (page.name, page.language): page.markdown for page in queries.competitions.pages_of(session, competition.id)
        }
    languages = [*LANGUAGES, *sorted({language for _, language in there} - LANGUAGES.keys())]
    return [EditablePage(name, language, there.get((name, language), "")) for name in PAGES for language in languages]


def page(db: Database, *, slug: str, name: str, language: str, principal: Principal, now: datetime) -> EditablePage:
    for found in pages(db, slug=slug, principal=principal, now=now):
        if (found.name, found.language) == (name, language):
            return found
    raise NotFound(
        what=say("page “{name}” in that language", name=names.printable(name)),
        advice=say("Choose one of those in the settings."),
    )


def save_page(
    db: Database,
    *,
    slug: str,
    name: str,
    language: str,
    markdown: str,
    stamp: str,
    principal: Principal,
    now: datetime,
) -> None:
    """Write a page; an empty one is taken away. Conflict where somebody wrote it in between."""
    page(db, slug=slug, name=name, language=language, principal=principal, now=now)
    text = checked_page(markdown)
    with db.write() as session:
        competition = competitions.instructed(session, slug, principal, now, locked=True)
        there = session.get(Page, (competition.id, name, language))
        old = there.markdown if there else ""
        need_unchanged(stamp_of(old), stamp)
        if text == old:
            return
        if there is None:
            session.add(Page(competition_id=competition.id, name=name, language=language, markdown=text))
        elif text:
            there.markdown = text
        else:
            session.delete(there)
        audit.record_in(
            session,
            competition,
            principal,
            now,
            "page.edit",
            f"{name} ({language})",
            lines=list(unified_diff(old.splitlines(), text.splitlines(), lineterm="", n=0)),
        )


def checked_page(markdown: str) -> str:
    """The text as it is kept, with one kind of line break."""
    text = markdown.replace("\r\n", "\n").rstrip()
    if len(text) > LONGEST_PAGE or "\0" in text:
        raise BadRequest(reason=say("A page has at most {longest} characters. Shorten it.", longest=LONGEST_PAGE))
    return text + "\n" if text else ""
