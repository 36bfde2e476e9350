"""Checking a receipt with nothing but what this computer holds: its signature, its link, its file, its chain.

    entry = SHA-256("unseen entry 1", number, SHA-256 of the file, time, number of the team), one a line
    link  = SHA-256("unseen link 1", the link before it, entry)

The server signs (Ed25519) "unseen receipt 1", competition, number, SHA-256 of the file, time, seal of the answers,
the link before and the link. Every line ends in a newline; times look like 2026-12-01T15:59:00.000000Z.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from unseen.errors import NotAReceipt, UnknownKey
from unseen.kept import Kept
from unseen.records import Chain

START = "0" * 64
HEX = re.compile(r"[0-9a-f]+")
SLUG = re.compile(r"[a-z0-9-]{1,50}")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `ok` is None where it could not be, and `said` is a sentence or a part of one."""

    what: str
    ok: bool | None
    said: str


@dataclass(frozen=True)
class Proof:
    """The words of a receipt that prove something."""

    competition: str
    ref: int
    sha256: str
    submitted_at: datetime
    team_number: int
    seal: str | None
    previous_link: str
    link: str
    key_id: str
    signature: str

    @property
    def entry(self) -> str:
        return digest("unseen entry 1", self.ref, self.sha256, instant(self.submitted_at), self.team_number)

    @property
    def signed_text(self) -> str:
        at, seal = instant(self.submitted_at), self.seal or "-"
        what = (self.competition, self.ref, self.sha256, at, seal, self.previous_link, self.link)
        return lines("unseen receipt 1", *what)


def read(path: str) -> Proof:
    """The receipt in a file of JSON. Raises NotAReceipt."""
    try:
        content = json.loads(Path(path).read_bytes())
    except (ValueError, RecursionError):
        raise NotAReceipt(f"{path} is not a receipt: it holds no JSON. `unseen receipt REF` writes one.") from None
    return proof(content, path)


def proof(content: Any, name: str = "This") -> Proof:
    """The words that prove something, each of the form it must have. Raises NotAReceipt."""
    if not isinstance(content, Mapping) or not content.get("sha256"):
        raise NotAReceipt(f"{name} is not a receipt. `unseen receipt REF` writes one.")
    if not content.get("signature"):
        raise NotAReceipt(f"{name} is a receipt without a signature, from a server that did not sign yet.")
    seal, moment = content.get("seal"), content.get("submitted_at")
    try:
        return Proof(
            competition=_matching(SLUG, content["competition"]),
            ref=_number(content["ref"]),
            sha256=_hexadecimal(content["sha256"], 64),
            submitted_at=_aware(moment if isinstance(moment, datetime) else datetime.fromisoformat(str(moment))),
            team_number=_number(content["team_number"]),
            seal=None if seal is None else _hexadecimal(seal, 64),
            previous_link=_hexadecimal(content["previous_link"], 64),
            link=_hexadecimal(content["link"], 64),
            key_id=_hexadecimal(content["key_id"], 16),
            signature=_hexadecimal(content["signature"], 128),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise NotAReceipt(f"{name} is not a whole receipt: {error} is missing or not of its form.") from None


def check(
    receipt: Proof, keys: Sequence[Kept], *, content: bytes | None = None, chain: Chain | None = None
) -> list[Finding]:
    """Everything that can be said of a receipt. `content` is the file that was sent. Raises UnknownKey."""
    return [_signature(receipt, keys), _link(receipt), _file(receipt, content), _place(receipt, chain)]


def is_genuine(findings: Iterable[Finding]) -> bool:
    return all(finding.ok is not False for finding in findings)


def _signature(receipt: Proof, keys: Sequence[Kept]) -> Finding:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    named = [key for key in keys if key_id(key.value) == receipt.key_id]
    named += [key for key in keys if not key.since]  # one that was given is held against it, whatever it names
    if not named:
        raise UnknownKey(
            f"The key {receipt.key_id} that this receipt names is not kept on this computer. `unseen login` keeps the "
            "keys of a server, and --key takes one that you got elsewhere; a receipt cannot vouch for its own key."
        )
    key = named[0]
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.value))
        public.verify(bytes.fromhex(receipt.signature), receipt.signed_text.encode())
    except (InvalidSignature, ValueError):
        return Finding("signature", False, "does not fit: a word of the receipt was changed, or another server made it")
    whose = f"of {key.server}, known here since {key.since}" if key.since else "that you gave"
    return Finding("signature", True, f"made with the key {key_id(key.value)} {whose}")


def _link(receipt: Proof) -> Finding:
    if digest("unseen link 1", receipt.previous_link, receipt.entry) != receipt.link:
        return Finding("link", False, "does not follow from number, file, time, team and the link before it")
    return Finding("link", True, "follows from number, file, time, team and the link before it")


def _file(receipt: Proof, content: bytes | None) -> Finding:
    if content is None:
        return Finding("file", None, f"not compared; its SHA-256 was {receipt.sha256}")
    if hashlib.sha256(content).hexdigest() != receipt.sha256:
        return Finding("file", False, f"is another one: the file that came in had the SHA-256 {receipt.sha256}")
    return Finding("file", True, "is to the byte the one that came in")


def _place(receipt: Proof, chain: Chain | None) -> Finding:
    if chain is None:
        return Finding("chain", None, "not asked for; --online checks it from the first submission on")
    if (broken := first_broken(chain)) is not None:
        return Finding("chain", False, f"is broken at submission {broken}: something was changed, dropped or added")
    before = START
    for number, link in enumerate(chain.links, start=1):
        if link.ref == receipt.ref:
            same = (link.entry, link.link, before) == (receipt.entry, receipt.link, receipt.previous_link)
            if not same:
                return Finding("chain", False, f"has another submission {receipt.ref} than this receipt")
            return Finding(
                "chain", True, f"holds from the first of {len(chain.links)} links to the last; this is {number}"
            )
        before = link.link
    return Finding("chain", False, f"has no submission {receipt.ref}: it was dropped")


def first_broken(chain: Chain) -> int | None:
    """The first submission whose link does not follow from those before it; None where the chain holds."""
    before, last = START, 0
    heads = {START}
    for link in chain.links:
        if link.ref <= last or digest("unseen link 1", before, link.entry) != link.link:
            return link.ref
        before, last = link.link, link.ref
        heads.add(before)
    return None if chain.head in heads else last


def digest(*words: object) -> str:
    return hashlib.sha256(lines(*words).encode()).hexdigest()


def lines(*words: object) -> str:
    return "".join(f"{word}\n" for word in words)


def instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def key_id(public_key: str) -> str:
    """The short name of a public key (hexadecimal)."""
    return hashlib.sha256(public_key.encode()).hexdigest()[:16]


def _number(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(repr(value))
    return value


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("submitted_at")
    return moment.astimezone(UTC)


def _hexadecimal(text: Any, length: int) -> str:
    found = _matching(HEX, text)
    if len(found) != length:
        raise ValueError(repr(text))
    return found


def _matching(form: re.Pattern[str], text: Any) -> str:
    if not isinstance(text, str) or not form.fullmatch(text):
        raise ValueError(repr(text))
    return text
