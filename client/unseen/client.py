"""The Python side of a competition: look, download, check, submit, choose, in one object.

>>> from unseen import Client
>>> with Client("https://unseen.example.edu", "unseen_...") as client:  # doctest: +SKIP
...     client.download("lecture", path="data")
...     receipt = client.submit("lecture", "predictions.csv", message="closed form")
...     print(receipt.public_score, receipt.left_today)
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import quote

from unseen import credentials, kept
from unseen.download import Progress, fetch, is_here, safe_name
from unseen.errors import ChecksumMismatch, NotAnUnseenServer, NotFound, UnseenError
from unseen.notebook import Table
from unseen.predictions import Names, Predictions, Sample, Upload, to_upload
from unseen.records import (
    Account,
    Chain,
    ChainLink,
    Check,
    Competition,
    File,
    Final,
    Leaderboard,
    Limits,
    Receipt,
    ReceiptKey,
    Record,
    Submission,
)
from unseen.wire import KEY, Wire

if TYPE_CHECKING:
    import httpx2

    from unseen.receipts import Finding

AnyRecord = TypeVar("AnyRecord", bound=Record)

SAMPLE = "sample_submission.csv"


class Client:
    """A course's competition server, seen by the holder of one token.

    `url` and `token` default to `UNSEEN_URL` and `UNSEEN_TOKEN`, then to what `unseen login` saved. `timeout` is in
    seconds, for each step of a request. Every method raises UnseenError (see `unseen.errors` for the tree). Lost
    connections and a busy server are met by trying again, which is safe: a submission carries one idempotency key
    however often it is sent.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout: float = 60.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        found = credentials.find(url, token)
        self.url = found.url
        self._own_names: frozenset[str] | None = None
        self._wire = Wire(found.url, found.token, timeout=timeout, transport=transport)

    @classmethod
    def from_env(cls) -> Self:
        """The client of whoever is logged in: environment first, then `unseen login`. Raises NotLoggedIn."""
        return cls()

    def close(self) -> None:
        """Close the connection. Leaving a `with` block does it, and so does the end of the object."""
        if hasattr(self, "_wire"):
            self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    __del__ = close

    def __repr__(self) -> str:
        return f"Client({self.url!r})"

    def whoami(self) -> Account:
        """Whose token this is, what it may do, and the courses of that person."""
        return self._read(Account, self._wire.json("GET", "/api/whoami"))

    def competitions(self) -> Table[Competition]:
        """The competitions you can see, without their texts."""
        return self._list(Competition, self._wire.json("GET", "/api/competitions"), "competitions")

    def competition(self, slug: str) -> Competition:
        """One competition with its texts and column names. Raises NotFound."""
        return self._read(Competition, self._wire.json("GET", _path(slug)))

    def files(self, slug: str) -> Table[File]:
        """The public files of a competition."""
        return self._list(File, self._wire.json("GET", _path(slug, "files")), "files")

    def download(
        self,
        slug: str,
        name: str | None = None,
        path: str | PathLike[str] = ".",
        *,
        overwrite: bool = False,
        progress: Callable[[str], Progress] | None = None,
    ) -> list[Path]:
        """Bring one file, or all of them, into the folder `path`, and return where they are.

        A file that is there already with the same content is left alone; with other content it is replaced only when
        `overwrite` is true. Each file is checked against its SHA-256 before it gets its name, and a broken download
        goes on where it stopped. `progress(name)` is called once for each file and returns a function of bytes done and
        bytes in all.

        Raises NotFound, FileInTheWay, ChecksumMismatch, UnsafeFileName.
        """
        folder = Path(path)
        targets = {folder / safe_name(file.name): file for file in self._wanted(slug, name)}
        missing = {target: file for target, file in targets.items() if overwrite or not is_here(file, target)}
        folder.mkdir(parents=True, exist_ok=True)
        for target, file in missing.items():
            fetch(self._wire, slug, file, target, progress(file.name) if progress else None)
        kept.after_download(self, slug)
        return list(targets)

    def starter(
        self, slug: str, path: str | PathLike[str] = ".", *, script: bool = False, overwrite: bool = False
    ) -> Path:
        """Write a first notebook for the competition into the folder `path`, and return where it is.

        It is `SLUG.ipynb`, or `SLUG.py` with `script`. What you made of an earlier one is replaced only when
        `overwrite` is true.

        Raises NotFound, NotAllowed, FileInTheWay.
        """
        style = "py" if script else "ipynb"
        response = self._wire.send("GET", _path(slug, "starter"), params={"format": style})
        self._wire.check(response)
        target = Path(path) / safe_name(f"{slug}.{style}")
        arrived = File(name=target.name, sha256=hashlib.sha256(response.content).hexdigest())
        if overwrite or not is_here(arrived, target):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(response.content)
        return target

    def submit(
        self,
        slug: str,
        predictions: Predictions,
        *,
        ids: Iterable[Any] | None = None,
        message: str = "",
        idempotency_key: str | None = None,
        progress: Progress | None = None,
    ) -> Receipt:
        """Submit predictions and return the receipt: the public score, the rank, and what is left today.

        `predictions` is the path of a file; a mapping of id to value; a DataFrame with the two columns of
        `sample_submission.csv`; or an array of shape (n,) or (n, 1) in the order of that file.

        `progress(done, total)` is called with bytes. Raises Refused with every problem of the file (it cost nothing),
        LimitReached with `resets_at`, and OutcomeUnknown when the connection broke and stayed broken: call again with
        `idempotency_key=error.idempotency_key` to learn what happened without submitting twice.

        >>> receipt = client.submit("lecture", {"id_1": 62.0, "id_2": 45.5})  # doctest: +SKIP
        """
        import uuid

        upload = self._upload(slug, predictions, ids)
        headers = {KEY: idempotency_key or str(uuid.uuid4())}
        response = self._post_file(slug, upload, progress, data={"message": message}, headers=headers)
        replayed = response.headers.get("Idempotent-Replayed") == "true"
        receipt = self._read(Receipt, {**self._wire.read(response), "replayed": replayed})
        kept.after_submission(self, receipt)
        return receipt

    def validate(self, slug: str, predictions: Predictions, *, ids: Iterable[Any] | None = None) -> Check:
        """Have the server check predictions without submitting them; it costs nothing. Raises Refused like `submit`."""
        response = self._post_file(slug, self._upload(slug, predictions, ids), None, params={"check": "true"})
        return self._read(Check, self._wire.read(response))

    def submissions(self, slug: str, *, limit: int | None = None) -> Table[Submission]:
        """Your team's submissions, newest first; the server gives 200 unless `limit` says otherwise."""
        params = {} if limit is None else {"limit": limit}
        return self._list(Submission, self._wire.json("GET", _path(slug, "submissions"), params=params), "submissions")

    def submission(self, ref: int) -> Submission:
        """One submission of your team. Raises NotFound."""
        return self._read(Submission, self._wire.json("GET", f"/api/submissions/{quote(str(ref), safe='')}"))

    def receipt(self, ref: int) -> Receipt:
        """The signed receipt of one submission of your team, as it was first given. Raises NotFound."""
        return self._read(Receipt, self._wire.json("GET", f"/api/submissions/{quote(str(ref), safe='')}/receipt"))

    def receipt_keys(self) -> list[ReceiptKey]:
        """The public keys that this server says its receipts are signed with."""
        return self._list(ReceiptKey, self._wire.json("GET", "/api/receipt-keys"), "keys")

    def chain(self, slug: str) -> Chain:
        """The chain of a competition's receipts, from the first to the last."""
        links: list[ChainLink] = []
        while True:
            after = {"after": links[-1].ref} if links else {}
            part = self._read(Chain, self._wire.json("GET", _path(slug, "chain"), params=after))
            if not part.links or (links and part.links[0].ref <= links[-1].ref):
                return Chain(competition=slug, head=part.head, links=tuple(links))
            links += part.links

    def opened_key(self, slug: str, version: int | None = None) -> bytes:
        """The opened answer key, to the byte; its SHA-256 is the seal. NotFound before the reveal."""
        params = {} if version is None else {"version": version}
        response = self._wire.send("GET", _path(slug, "key"), params=params)
        self._wire.check(response)
        return response.content

    def verify(self, receipt: Receipt, file: str | PathLike[str] | None = None) -> list[Finding]:
        """Check a receipt: its signature, its link, the file that was sent, and its place in the whole chain.

        The key is the one that was kept when you logged in. It holds where no finding's `ok` is False. Raises
        NotAReceipt, and UnknownKey where no key was kept.
        """
        from unseen import receipts

        proof, content = receipts.proof(receipt.raw), Path(file).read_bytes() if file else None
        return receipts.check(proof, kept.keys(self.url), content=content, chain=self.chain(proof.competition))

    def limits(self, slug: str) -> Limits:
        """What is used and left today and in all, and when the day resets."""
        return self._read(Limits, self._wire.json("GET", _path(slug, "limits")))

    def final(self, slug: str) -> Final:
        """The submissions that count on the private board, and by which rule."""
        return self._read(Final, self._wire.json("GET", _path(slug, "final")))

    def select(self, slug: str, refs: Iterable[int]) -> Final:
        """Choose the submissions that count on the private board; none goes back to the default rule."""
        return self._read(Final, self._wire.json("PUT", _path(slug, "final"), json={"refs": list(refs)}))

    def leaderboard(self, slug: str, board: str = "public") -> Leaderboard:
        """The `public` board, or the `private` one after the reveal (NotFound before it)."""
        found = self._read(Leaderboard, self._wire.json("GET", _path(slug, "leaderboard"), params={"board": board}))
        own = self._names_of_mine()
        entries = (replace(entry, mine=not own.isdisjoint(entry.members or ())) for entry in found.entries)
        return replace(found, entries=tuple(entries))

    def _names_of_mine(self) -> frozenset[str]:
        """What a leaderboard may call you, asked once; nothing where that cannot be learnt now."""
        if self._own_names is None:
            try:
                account = self.whoami()
            except UnseenError:
                return frozenset()
            self._own_names = frozenset({account.username, account.display_name})
        return self._own_names

    def _wanted(self, slug: str, name: str | None) -> list[File]:
        files = self.files(slug)
        wanted = [file for file in files if name in (None, file.name)]
        if name is not None and not wanted:
            there = ", ".join(file.name for file in files) or "none"
            raise NotFound(f"{slug} has no file {name}. Its files are: {there}.", status=404, code="not_found")
        return wanted

    def _upload(self, slug: str, predictions: Predictions, ids: Iterable[Any] | None) -> Upload:
        return to_upload(predictions, names=lambda: self._names(slug), sample=lambda: self._sample(slug), ids=ids)

    def _names(self, slug: str) -> Names:
        competition = self.competition(slug)
        if competition.id_column and competition.target_column:
            return competition.id_column, competition.target_column
        return self._sample(slug).names

    def _sample(self, slug: str) -> Sample:
        [file] = self._wanted(slug, SAMPLE)
        response = self._wire.send("GET", _path(slug, "files", SAMPLE))
        self._wire.check(response)
        if file.sha256 and hashlib.sha256(response.content).hexdigest() != file.sha256:
            raise ChecksumMismatch(f"{SAMPLE} arrived damaged: its SHA-256 is not the announced one. Try again.")
        return Sample.parse(response.content)

    def _post_file(self, slug: str, upload: Upload, progress: Progress | None, **request: Any) -> httpx2.Response:
        body = _Counted(upload.content, progress)
        files = {"file": (upload.name, body, "application/octet-stream")}
        return self._wire.send("POST", _path(slug, "submissions"), files=files, **request)

    def _read(self, kind: type[AnyRecord], raw: Mapping[str, Any]) -> AnyRecord:
        try:
            return kind.read(raw)
        except (TypeError, ValueError, AttributeError) as error:
            raise NotAnUnseenServer(
                f"{self.url} answered in a way this client cannot read ({error}). `pip install -U unseen` may help."
            ) from error

    def _list(self, kind: type[AnyRecord], raw: Mapping[str, Any], name: str) -> Table[AnyRecord]:
        return Table((self._read(kind, entry) for entry in raw.get(name) or ()), kind)


class _Counted(io.BytesIO):
    """A body that tells how much of it has been read, and so sent."""

    def __init__(self, content: bytes, progress: Progress | None) -> None:
        super().__init__(content)
        self._progress = progress
        self._total = len(content)

    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(size)
        if self._progress and block:
            self._progress(self.tell(), self._total)
        return block


def _path(slug: str, *parts: str) -> str:
    return "/".join(["/api/competitions", *(quote(part, safe="") for part in (slug, *parts))])
