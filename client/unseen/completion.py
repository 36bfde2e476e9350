"""What the shell may complete a word with: competitions, their files, submissions.

The shell waits meanwhile, so the server gets less than a second and its answer is kept for some minutes. Where nobody
is logged in or nothing answers, nothing is offered, and nothing is said.
"""

from __future__ import annotations

import logging
import re
import shlex
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from click import Context
from click.shell_completion import CompletionItem

from unseen import credentials, words
from unseen.errors import UnseenError

if TYPE_CHECKING:
    from unseen.client import Client

Found: TypeAlias = Sequence[tuple[str, str]]  # a word, and what it is

PATIENCE = 0.7  # seconds for the server; starting takes 0.2 more
FRESH = 300.0  # seconds
FRESH_SUBMISSIONS = 20.0
SLUG = re.compile(r"[a-z0-9-]+")


def slugs(ctx: Context, incomplete: str) -> list[CompletionItem[Any]]:
    """The competitions there are, with their titles."""

    def ask(client: Client) -> Found:
        return [(one.slug, one.title) for one in client.competitions()]

    return items(known("competitions", ask), incomplete)


def file_names(ctx: Context, incomplete: str) -> list[CompletionItem[Any]]:
    """The files of the competition that is named."""
    slug = slug_meant(ctx)

    def ask(client: Client) -> Found:
        return [(file.name, words.size(file.size)) for file in client.files(slug)]

    return items(known(f"files {slug}", ask), incomplete) if slug else []


def refs(ctx: Context, incomplete: str) -> list[CompletionItem[Any]]:
    """One's submissions to the competition that is named, with score and file."""
    slug = slug_meant(ctx)

    def ask(client: Client) -> Found:
        return [(str(one.ref), f"{words.score(one.public_score)} {one.file_name}") for one in client.submissions(slug)]

    return items(known(f"submissions {slug}", ask, FRESH_SUBMISSIONS), incomplete) if slug else []


def file_or_slug(ctx: Context, incomplete: str) -> list[CompletionItem[Any]]:
    """`[FILE] [SLUG]`: files first, competitions once the file is there or where no file begins like this."""
    given = ctx.params.get("args") or ()
    file_is_named = bool(ctx.params.get("file")) or any(Path(word).is_file() for word in given)
    if not file_is_named and (given or not incomplete or begins_a_file(incomplete)):
        return [CompletionItem(incomplete, type="file")]
    return slugs(ctx, incomplete)


def slug_or_refs(ctx: Context, incomplete: str) -> list[CompletionItem[Any]]:
    """`[SLUG] [REF]...`: the competition first, unless one is named otherwise."""
    given = ctx.params.get("args") or ()
    begun = incomplete.isdecimal() or bool(given or ctx.params.get("named"))
    return refs(ctx, incomplete) if begun else [*slugs(ctx, incomplete), *refs(ctx, incomplete)]


def slug_meant(ctx: Context) -> str:
    """The competition as the command would find it: argument, -c, setting; empty where there is none."""
    # after an option that still wants its value, click has put no argument in its place yet
    first = next(iter((*(ctx.params.get("args") or ()), *ctx.args)), "")
    named = ctx.params.get("slug") or ctx.params.get("named") or ("" if first.isdecimal() else first)
    slug = str(named or credentials.setting("competition") or "")
    return slug if SLUG.fullmatch(slug) else ""


def begins_a_file(text: str) -> bool:
    path = Path(text)
    with suppress(OSError):
        return "/" in text or any(entry.name.startswith(path.name) for entry in Path().iterdir())
    return False


def items(found: Found, incomplete: str) -> list[CompletionItem[Any]]:
    """Only words that the shell takes as they are: no blank, no quote, nothing it would expand."""
    plain = [(word, what) for word, what in found if word.startswith(incomplete) and shlex.quote(word) == word]
    return [CompletionItem(word, help=words.plain(what)) for word, what in plain]


def known(name: str, ask: Callable[[Client], Found], fresh: float = FRESH) -> Found:
    """What was learnt a short time ago, else what the server says now, else what was learnt before."""
    try:
        place = f"{credentials.find().url} {name}"
    except UnseenError:
        return []
    cache = credentials.read_json(cache_file())
    before = remembered(cache.get(place))
    if before and 0 <= time.time() - before[0] < fresh:
        return before[1]
    found = in_time(ask)
    if found is None:
        return before[1] if before else []
    with suppress(OSError):
        credentials.write_json(cache_file(), {**cache, place: {"at": time.time(), "found": found}})
    return found


def remembered(entry: Any) -> tuple[float, Found] | None:
    """An entry of the cache; none where it is damaged."""
    with suppress(KeyError, TypeError, ValueError):
        return float(entry["at"]), [(str(word), str(what)) for word, what in entry["found"]]
    return None


def in_time(ask: Callable[[Client], Found]) -> Found | None:
    """What the server answers, or None: a thread that is not waited for bounds even the search for its name."""
    import threading

    logging.getLogger("unseen").addHandler(logging.NullHandler())  # or a busy server would be told on the terminal
    answers: list[Found] = []

    def run() -> None:
        with suppress(Exception):
            from unseen.client import Client

            with Client(timeout=PATIENCE) as client:
                answers.append(ask(client))

    asking = threading.Thread(target=run, daemon=True)
    asking.start()
    asking.join(PATIENCE)
    return answers[0] if answers else None


def cache_file() -> Path:
    return credentials.cache_folder() / "completion.json"
