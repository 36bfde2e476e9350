"""Everything the client can fail with, as one tree, each with the sentence the person reads.

UnseenError
├── NotLoggedIn             no token, or one the server does not accept (any more)
├── BadAddress              the server's address cannot be used
├── UnusablePredictions     nothing was sent: the argument cannot be made into a prediction file
├── NotAReceipt             what was to be verified is no signed receipt
├── UnknownKey              a receipt's key is not kept here, so nothing can be said of its signature
├── NoSealKept              there is nothing to hold an opened answer key against
├── DamagedFile             what was kept of keys and seals cannot be read any more
├── Refused                 the server's definite no; nothing was counted
│   ├── NotAllowed          not enrolled, staff only, the token's scope is too small
│   ├── NotFound            also for what belongs to somebody else
│   ├── LimitReached        `resets_at` and `retry_after` say when to try again
│   └── ServerBusy          still busy after several tries
├── ServerUnreachable       no reply: name unknown, connection refused or lost, timeout, TLS
│   ├── OutcomeUnknown      a submission was sent and no reply came; ask again with the same key
│   └── NotAnUnseenServer   something else replied, such as the sign-in page of a network
└── DownloadFailed
    ├── ChecksumMismatch    what arrived is not what the server announced
    ├── UnsafeFileName      the server named a file in a way that could write elsewhere
    └── FileInTheWay        another file of that name is there already

`str(error)` is a sentence for people. What programs need is in the attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


class UnseenError(Exception):
    """The base of the tree: catch this to catch them all."""


class NotLoggedIn(UnseenError):  # noqa: N818 - the tree names what happened
    """There is no token, or the server does not accept the one there is."""


class BadAddress(UnseenError):  # noqa: N818
    """The server's address cannot be used."""


class UnusablePredictions(UnseenError):  # noqa: N818
    """The predictions cannot be made into a file; nothing was sent and nothing was counted."""


class NotAReceipt(UnseenError):  # noqa: N818
    """What was to be verified is not a signed receipt."""


class UnknownKey(UnseenError):  # noqa: N818
    """A receipt was signed with a key that nobody gave us before."""


class NoSealKept(UnseenError):  # noqa: N818
    """No seal was kept before the key was opened, so that there is nothing to compare it with."""


class DamagedFile(UnseenError):  # noqa: N818
    """What this computer kept of keys and seals cannot be read, and is left as it is."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a prediction file: `code`, `message`, and where known `line` (from 1) and `id`."""

    code: str
    message: str
    line: int | None = None
    id: str | None = None


class Refused(UnseenError):  # noqa: N818
    """The server said no, and nothing was counted.

    `status` is the HTTP status, `code` is stable and meant for programs, `detail` is the server's sentence, `problems`
    holds at most 20 of each kind and `counts` how many of each kind there are; `members` is the whole reply.
    """

    def __init__(
        self,
        detail: str,
        *,
        status: int = 0,
        code: str = "",
        problems: Sequence[Problem] = (),
        counts: Mapping[str, int] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.code = code
        self.problems = tuple(problems)
        self.counts = dict(counts or {})
        self.members = dict(members or {})


class NotAllowed(Refused):
    """403: not enrolled, for staff only, or the token's scope is too small."""


class NotFound(Refused):
    """404: it does not exist, or it belongs to somebody else."""


class LimitReached(Refused):
    """429: a limit. `resets_at` (aware datetime) and `retry_after` (seconds) are None where waiting does not help."""

    resets_at: datetime | None = None
    retry_after: float | None = None


class ServerBusy(Refused):
    """502, 503, 504 or 507 after several tries; nothing was counted."""


class ServerUnreachable(UnseenError):  # noqa: N818
    """No reply came from the server."""


class OutcomeUnknown(ServerUnreachable):
    """A submission was sent and no reply came back, so it may or may not have been counted.

    Submitting the same predictions with `idempotency_key=error.idempotency_key` finds out, and counts once at most.
    """

    def __init__(self, sentence: str, idempotency_key: str) -> None:
        super().__init__(sentence)
        self.idempotency_key = idempotency_key


class NotAnUnseenServer(ServerUnreachable):
    """Something answered, but not an Unseen server: a wrong address, or a network that wants a sign-in first."""


class DownloadFailed(UnseenError):  # noqa: N818
    """A file could not be brought here."""


class ChecksumMismatch(DownloadFailed):
    """What arrived is not what the server announced; it was thrown away."""


class UnsafeFileName(DownloadFailed):
    """The server named a file in a way that could write outside the folder."""


class FileInTheWay(DownloadFailed):
    """A different file of that name is there already and was left alone."""
