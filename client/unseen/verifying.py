"""What `unseen verify` and `unseen verify-key` look at and tell: a line for each thing, then the verdict."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unseen import kept, opened, output, receipts, words
from unseen.credentials import current_url
from unseen.errors import NoSealKept, UnknownKey
from unseen.kept import Kept
from unseen.receipts import Finding

if TYPE_CHECKING:
    from unseen.client import Client

KEY = re.compile(r"[0-9a-f]{64}")
FAILED = 1


def receipt(path: str, *, file: str | None, key: str | None, form: str, client: Client | None = None) -> int:
    """Check a receipt and tell what was found; with a client the whole chain, too. Returns the exit code."""
    proof = receipts.read(path)
    content = Path(file).read_bytes() if file else None
    chain = client.chain(proof.competition) if client else None
    found = receipts.check(proof, given_key(key) if key else kept_keys(), content=content, chain=chain)
    genuine = receipts.is_genuine(found)
    if form == "json":
        output.write_json({"genuine": genuine, "findings": [asdict(one) for one in found]})
    else:
        moment = words.clock(proof.submitted_at, "UTC")
        click.echo(f"Receipt of submission {proof.ref} to {proof.competition}, received {moment}")
        tell(found)
        click.echo(_verdict(found))
    return 0 if genuine else FAILED


def _verdict(found: Sequence[Finding]) -> str:
    wrong = {one.what for one in found if one.ok is False}
    if not wrong:
        return "The receipt is genuine. It proves number, file, time and team; score and rank in it are not signed."
    return "The receipt is genuine, but NOT for this file." if wrong == {"file"} else "The receipt does NOT hold."


def kept_keys() -> list[Kept]:
    """Those of the server in use, or of all where none is."""
    return kept.keys(current_url())


def given_key(text: str) -> list[Kept]:
    """A public key in hexadecimal, or the file with one or with the answer of /api/receipt-keys."""
    content = Path(text).read_text(encoding="utf-8", errors="replace") if _is_a_file(text) else text
    try:
        published = json.loads(content)
        values = [str(one["public_key"]) for one in published["keys"]] if isinstance(published, dict) else [content]
    except (ValueError, KeyError, TypeError, RecursionError):
        values = [content]
    values = [value.strip().lower() for value in values]
    if not values or not all(KEY.fullmatch(value) for value in values):
        raise UnknownKey("A key has 64 hexadecimal digits; --key takes one, or a file with it.")
    return [Kept(value) for value in values]


def _is_a_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or with a character that none can have
        return False


def expected_seals(slug: str, given: str | None) -> list[Kept]:
    """What the opened key is to be held against. Raises NoSealKept."""
    if given and _is_a_file(given):
        seal = receipts.read(given).seal
        found = [Kept(seal)] if seal else []
    elif given:
        if not KEY.fullmatch(given.strip().lower()):
            raise NoSealKept("A seal has 64 hexadecimal digits; --seal takes one, or the file of a receipt.")
        found = [Kept(given.strip().lower())]
    else:
        found = kept.seals(slug, current_url())
    if not found:
        raise NoSealKept(
            f"No seal of {slug} was kept on this computer before. Give one that you noted, or a receipt of yours, "
            "which names it: --seal receipt.json. What the server says now proves nothing."
        )
    return found


def key_in_file(file: str, expected: Sequence[Kept], *, score: str | None, metric: str) -> int:
    """Check an opened key that is here already, without asking anybody."""
    content = Path(file).read_bytes()
    seal = opened.seal_of(content)
    known = next((one for one in expected if one.value == seal), None)
    said = f"is the one that was sealed{_since(known)}" if known else f"is another one: its SHA-256 is {seal}"
    return conclude([Finding("key", known is not None, said)], content, file, score, metric)


def opened_key(client: Client, slug: str, expected: Sequence[Kept], *, score: str | None, out: str | None) -> int:
    """Fetch the opened key, and its older versions where a seal of theirs was kept, and check each."""
    competition = client.competition(slug)
    version_of = {seal.seal: seal.version for seal in competition.seals}
    current = client.opened_key(slug)
    found = [_of_kept(client, slug, one, version_of) for one in expected]
    version = version_of.get(opened.seal_of(current))
    if opened.seal_of(current) not in {one.value for one in expected}:
        said = "has a seal that was published later; no earlier word of it is kept here"
        if version is None:
            found.append(Finding("key in use", False, "is not what any published seal says"))
        else:
            found.append(Finding("key in use", None, said))
    name = out or f"{slug}-key-{version or 1}.csv"  # as a browser names it
    if out:
        Path(out).write_bytes(current)
    return conclude(found, current, name, score, competition.metric)


def _of_kept(client: Client, slug: str, one: Kept, version_of: dict[str, int]) -> Finding:
    version = version_of.get(one.value)
    what = f"key, version {version}" if version else "key"
    if version is None:
        return Finding(what, False, f"was sealed as {one.value}{_since(one)}; the server no longer says so")
    if opened.seal_of(client.opened_key(slug, version)) != one.value:
        return Finding(what, False, f"is another one than was sealed as {one.value}{_since(one)}")
    return Finding(what, True, f"is the one that was sealed{_since(one)}")


def conclude(found: Sequence[Finding], content: bytes, name: str, score: str | None, metric: str) -> int:
    """Tell what was found, and the scores of the person's own file where they are wanted."""
    tell(found)
    genuine = receipts.is_genuine(found)
    click.echo(_verdict_on_key(found))
    if score:
        own = opened.own_scores(content, opened.predictions_of(Path(score).read_bytes()), metric)
        click.echo(f"{score}: {own.metric} public {own.public!r}, private {own.private!r}")
    click.echo(f"Without this program: sha256sum {name}", err=True)
    return 0 if genuine else FAILED


def _verdict_on_key(found: Sequence[Finding]) -> str:
    if not receipts.is_genuine(found):
        return "The key does NOT hold."
    if any(one.ok is None for one in found):
        return "The key that was sealed is open and unchanged. Scores count by a later, corrected version of it."
    return "Labels and split are those that were sealed."


def tell(found: Iterable[Finding]) -> None:
    rows: list[Any] = list(found)
    width = max(len(one.what) for one in rows)
    for one in rows:
        mark, colour = {True: ("ok", "green"), False: ("BAD", "red"), None: ("--", None)}[one.ok]
        click.echo(f"  {click.style(f'{mark:<4}', fg=colour)} {one.what:<{width}}  {words.plain(one.said)}")


def _since(one: Kept | None) -> str:
    return f" on or before {one.since}" if one and one.since else ""
