"""The Python side of a competition: look, download, check, submit, choose, in one object.

>>> from unseen import Client
>>> with Client.from_env() as client:
...     files = client.download("lecture", path="data")
...     receipt = client.submit("lecture", "predictions.csv", message="closed form")
>>> receipt.left_today, receipt.daily_limit
(4, 5)
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import quote

from unseen import credentials, kept
from unseen.download import Progress, fetch, is_here, safe_name
from unseen.errors import (
    ChecksumMismatch,
    LimitReached,
    NotAnUnseenServer,
    NotFound,
    ServerBusy,
    ServerUnreachable,
    UnseenError,
)
from unseen.predictions import Names, Predictions, Sample, Upload, to_upload
from unseen.records import (
    Account,
    Chain,
    ChainLink,
    Check,
    Competition,
    File,
    Final,
    Job,
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

    from unseen.notebook import Table
    from unseen.receipts import Finding

AnyRecord = TypeVar("AnyRecord", bound=Record)

SAMPLE = "sample_submission.csv"
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 4.0  # seconds between two looks for a score


class Client:
    """A course's competition server, seen by the holder of one token.

    `url` and `token` default to `UNSEEN_URL` and `UNSEEN_TOKEN`, then to what `unseen login` saved. `timeout` is in
    seconds, for each step of a request. Every method raises UnseenError (see `unseen.errors` for the tree). Lost
    connections and a busy server are met by trying again, which is safe: a submission carries one idempotency key
    however often it is sent.

    >>> Client("https://unseen.example.edu", "unseen_...")
    Client('https://unseen.example.edu')
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
        """The client of whoever is logged in: environment first, then `unseen login`. Raises NotLoggedIn.

        >>> Client.from_env()
        Client('http...')
        """
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
        """Whose token this is, what it may do, and the courses of that person. Raises NotLoggedIn.

        >>> account = client.whoami()
        >>> account.token.scope, account.courses[0].role
        ('submit', 'student')
        """
        return self._read(Account, self._wire.json("GET", "/api/whoami"))

    def competitions(self) -> Table[Competition]:
        """The competitions you can see, without their texts.

        >>> [competition.slug for competition in client.competitions()]
        ['lecture']
        """
        return self._list(Competition, self._wire.json("GET", "/api/competitions"), "competitions")

    def competition(self, slug: str) -> Competition:
        """One competition with its texts and column names. Raises NotFound.

        >>> lecture = client.competition("lecture")
        >>> lecture.id_column, lecture.target_column, lecture.test_rows
        ('id', 'minutes', 40)
        """
        return self._read(Competition, self._wire.json("GET", _path(slug)))

    def files(self, slug: str) -> Table[File]:
        """The public files of a competition, with sizes in bytes. Raises NotFound.

        >>> sorted(file.name for file in client.files("lecture"))
        ['sample_submission.csv', 'test.csv', 'train.csv']
        """
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

        >>> [file] = client.download("lecture", "test.csv", path="data")
        >>> file.name
        'test.csv'
        """
        folder = credentials.at_home(path)
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

        >>> client.starter("lecture", "notebooks", script=True).name
        'lecture.py'
        """
        style = "py" if script else "ipynb"
        response = self._wire.send("GET", _path(slug, "starter"), params={"format": style})
        self._wire.check(response)
        target = credentials.at_home(path) / safe_name(f"{slug}.{style}")
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
        wait: bool = True,
    ) -> Receipt:
        """Submit predictions and return the receipt: the public score, the rank, and what is left today.

        `predictions` is the path of a file; a mapping of id to value; a DataFrame with the two columns of
        `sample_submission.csv`; a pandas Series with the ids as its index; or an array of shape (n,) or (n, 1), beside
        `ids` of shape (n,), without them in the order of that file. Nothing is ever matched by guessing: what may be
        misaligned raises UnusablePredictions.

        Where the test set is very large, the server takes the file and reads it later: `submit` waits for the score,
        or returns at once without it unless `wait` (see `scored`).

        `progress(done, total)` is called with bytes. Raises Refused with every problem of the file (it cost nothing),
        LimitReached with `resets_at`, and OutcomeUnknown when the connection broke and stayed broken: call again with
        `idempotency_key=error.idempotency_key` to learn what happened without submitting twice.

        >>> receipt = client.submit("lecture", "predictions.csv", message="closed form")
        >>> receipt.status, receipt.left_today
        ('scored', 4)

        >>> import pandas
        >>> test = pandas.read_csv("data/test.csv")
        >>> values = 10 + 0.8 * test["pages"].to_numpy()
        >>> receipt = client.submit("lecture", values, ids=test["id"])
        >>> receipt.file_name
        'predictions.csv'
        """
        import uuid

        upload = self._upload(slug, predictions, ids)
        headers = {KEY: idempotency_key or str(uuid.uuid4())}
        response = self._post_file(slug, upload, progress, data={"message": message}, headers=headers)
        replayed = response.headers.get("Idempotent-Replayed") == "true"
        receipt = self._read(Receipt, {**self._wire.read(response), "replayed": replayed})
        kept.after_submission(self, receipt)
        return self.scored(receipt) if wait else receipt

    def scored(self, receipt: Receipt) -> Receipt:
        """The receipt with its score, as soon as the server has read the file; at once where it has one already.

        Raises Refused with every problem of the file, which then cost nothing.

        >>> receipt = client.submit("lecture", "predictions.csv", wait=False)
        >>> client.scored(receipt).status
        'scored'
        """
        pause = FIRST_PAUSE
        try:
            while receipt.is_pending:
                time.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                receipt = replace(self.receipt(receipt.ref), replayed=receipt.replayed)
        except (LimitReached, ServerBusy, ServerUnreachable, KeyboardInterrupt) as error:
            error.add_note(
                f"Submission {receipt.ref} counts; its score will be in: unseen submissions {receipt.competition}"
            )
            raise
        return receipt

    def validate(self, slug: str, predictions: Predictions, *, ids: Iterable[Any] | None = None) -> Check:
        """Have the server check predictions without submitting them; it costs nothing. Raises Refused like `submit`.

        >>> client.validate("lecture", "predictions.csv").rows
        40
        >>> client.validate("lecture", {"nobody": 1.0})
        Traceback (most recent call last):
            ...
        unseen.errors.Refused: The file was not accepted ...
        """
        response = self._post_file(slug, self._upload(slug, predictions, ids), None, params={"check": "true"})
        return self._read(Check, self._wire.read(response))

    def submissions(self, slug: str, *, limit: int | None = None) -> Table[Submission]:
        """Your team's submissions, newest first; the server gives 200 unless `limit` says otherwise.

        >>> receipt = client.submit("lecture", "predictions.csv", message="mean")
        >>> [submission.message for submission in client.submissions("lecture")]
        ['mean']
        """
        params = {} if limit is None else {"limit": limit}
        return self._list(Submission, self._wire.json("GET", _path(slug, "submissions"), params=params), "submissions")

    def submission(self, ref: int) -> Submission:
        """One submission of your team. Raises NotFound.

        >>> receipt = client.submit("lecture", "predictions.csv")
        >>> client.submission(receipt.ref).file_name
        'predictions.csv'
        """
        return self._read(Submission, self._wire.json("GET", f"/api/submissions/{quote(str(ref), safe='')}"))

    def receipt(self, ref: int) -> Receipt:
        """The signed receipt of one submission of your team, as it was first given. Raises NotFound.

        >>> receipt = client.submit("lecture", "predictions.csv")
        >>> client.receipt(receipt.ref).signature == receipt.signature
        True
        """
        return self._read(Receipt, self._wire.json("GET", f"/api/submissions/{quote(str(ref), safe='')}/receipt"))

    def receipt_keys(self) -> list[ReceiptKey]:
        """The public keys (Ed25519, hexadecimal) that this server says its receipts are signed with.

        >>> receipt = client.submit("lecture", "predictions.csv")
        >>> receipt.key_id in [key.key_id for key in client.receipt_keys()]
        True
        """
        return self._list(ReceiptKey, self._wire.json("GET", "/api/receipt-keys"), "keys")

    def chain(self, slug: str) -> Chain:
        """The chain of a competition's receipts, from the first to the last. Raises NotFound.

        >>> receipt = client.submit("lecture", "predictions.csv")
        >>> client.chain("lecture").head == receipt.link
        True
        """
        links: list[ChainLink] = []
        while True:
            after = {"after": links[-1].ref} if links else {}
            part = self._read(Chain, self._wire.json("GET", _path(slug, "chain"), params=after))
            if not part.links or (links and part.links[0].ref <= links[-1].ref):
                return Chain(competition=slug, head=part.head, links=tuple(links))
            links += part.links

    def opened_key(self, slug: str, version: int | None = None) -> bytes:
        """The opened answer key, to the byte; its SHA-256 is the seal. Raises NotFound before the reveal.

        >>> client.opened_key("lecture")
        Traceback (most recent call last):
            ...
        unseen.errors.NotFound: ...
        """
        params = {} if version is None else {"version": version}
        response = self._wire.send("GET", _path(slug, "key"), params=params)
        self._wire.check(response)
        return response.content

    def verify(self, receipt: Receipt, file: str | PathLike[str] | None = None) -> list[Finding]:
        """Check a receipt: its signature, its link, the file that was sent, and its place in the whole chain.

        The key is the one that was kept when you logged in or first submitted. It holds where no finding's `ok` is
        False. Raises NotAReceipt, and UnknownKey where no key was kept.

        >>> receipt = client.submit("lecture", "predictions.csv")
        >>> [(finding.what, finding.ok) for finding in client.verify(receipt, "predictions.csv")]
        [('signature', True), ('link', True), ('file', True), ('chain', True)]
        """
        from unseen import receipts

        proof, content = receipts.proof(receipt.raw), credentials.at_home(file).read_bytes() if file else None
        return receipts.check(proof, kept.keys(self.url), content=content, chain=self.chain(proof.competition))

    def limits(self, slug: str) -> Limits:
        """What is used and left today and in all, and when the day resets. Raises NotFound.

        >>> limits = client.limits("lecture")
        >>> limits.left_today, limits.daily_limit, limits.time_zone
        (5, 5, 'Asia/Taipei')
        """
        return self._read(Limits, self._wire.json("GET", _path(slug, "limits")))

    def final(self, slug: str) -> Final:
        """The submissions that count on the private board, and by which rule. Raises NotFound.

        >>> final = client.final("lecture")
        >>> final.refs, final.chosen
        ((), False)
        """
        return self._read(Final, self._wire.json("GET", _path(slug, "final")))

    def select(self, slug: str, refs: Iterable[int]) -> Final:
        """Choose the submissions that count on the private board; none goes back to the default rule.

        Raises Refused for too many, for those that cannot count, and after the deadline.

        >>> receipt = client.submit("lecture", "predictions.csv")
        >>> client.select("lecture", [receipt.ref]).chosen
        True
        >>> client.select("lecture", []).chosen
        False
        """
        return self._read(Final, self._wire.json("PUT", _path(slug, "final"), json={"refs": list(refs)}))

    def job(self, ref: int) -> Job:
        """How far long work is that was asked for: for the staff of its course. Raises NotFound for everybody else.

        >>> client.job(1)
        Traceback (most recent call last):
            ...
        unseen.errors.NotFound: ...
        """
        return self._read(Job, self._wire.json("GET", f"/api/jobs/{quote(str(ref), safe='')}"))

    def leaderboard(self, slug: str, board: str = "public") -> Leaderboard:
        """The `public` board, or the `private` one after the reveal (NotFound before it).

        >>> receipt = client.submit("lecture", "predictions.csv")
        >>> board = client.leaderboard("lecture")
        >>> [entry.entries for entry in board.entries if entry.mine]
        [1]
        >>> client.leaderboard("lecture", "private")
        Traceback (most recent call last):
            ...
        unseen.errors.NotFound: ...
        """
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
        from unseen.notebook import Table  # here, because a submission waits for no tables

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
