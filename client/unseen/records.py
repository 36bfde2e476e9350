"""What the server answers, as frozen dataclasses; a field this version does not know is kept in `raw` alone.

Every moment is an aware `datetime`. A score is the number the server released, never rounded again here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    import pandas

MOMENTS = frozenset(
    {
        "created_at",
        "deadline",
        "ended_at",
        "expires_at",
        "generated_at",
        "last_submission_at",
        "modified_at",
        "published_at",
        "resets_at",
        "resets_at_local",
        "since",
        "starts_at",
        "submitted_at",
    }
)


@dataclass(frozen=True, kw_only=True)
class Record:
    """An answer of the server; `raw` is the JSON object it was read from."""

    nested: ClassVar[Mapping[str, type[Record]]] = {}

    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Self:
        known = {f.name for f in fields(cls)} - {"raw"}
        return cls(raw=raw, **{name: cls._value(name, value) for name, value in raw.items() if name in known})

    @classmethod
    def _value(cls, name: str, value: Any) -> Any:
        if name in MOMENTS and isinstance(value, str):
            return datetime.fromisoformat(value)
        kind = cls.nested.get(name)
        if isinstance(value, list):
            return tuple(kind.read(item) if kind else item for item in value)
        return kind.read(value) if kind and isinstance(value, dict) else value


@dataclass(frozen=True, kw_only=True)
class Course(Record):
    """A course you belong to, and as what: `role` is student, assistant or instructor."""

    slug: str
    title: str = ""
    role: str = ""


@dataclass(frozen=True, kw_only=True)
class Token(Record):
    """The token in use; `scope` is submit, read or staff, `expires_at` is None when it does not expire."""

    name: str | None = None
    scope: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Account(Record):
    """Who the token belongs to."""

    nested: ClassVar[Mapping[str, type[Record]]] = {"courses": Course, "token": Token}

    username: str
    display_name: str = ""
    is_admin: bool = False
    courses: tuple[Course, ...] = ()
    token: Token | None = None


@dataclass(frozen=True, kw_only=True)
class Seal(Record):
    """The salted SHA-256 of one version of the hidden answers; `salt` is None until the reveal."""

    version: int
    seal: str
    salt: str | None = None
    published_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Competition(Record):
    """A competition; the Markdown texts and the column names come only with `Client.competition(slug)`.

    `phase` is draft, open, closed or revealed; `direction` says which scores are better, lower or higher;
    `rank` and `left_today` are those of your team.
    """

    nested: ClassVar[Mapping[str, type[Record]]] = {"seals": Seal}

    slug: str
    title: str = ""
    course: str | None = None
    phase: str = ""
    metric: str = ""
    direction: str = ""
    starts_at: datetime | None = None
    deadline: datetime | None = None
    time_zone: str = "UTC"
    daily_limit: int | None = None
    total_limit: int | None = None
    final_submissions: int | None = None
    release: str | None = None
    teams: int | None = None
    url: str | None = None
    rank: int | None = None
    left_today: int | None = None
    overview: str | None = None
    rules: str | None = None
    data: str | None = None
    id_column: str | None = None
    target_column: str | None = None
    test_rows: int | None = None
    bounds: tuple[float, float] | None = None
    seals: tuple[Seal, ...] = ()


@dataclass(frozen=True, kw_only=True)
class File(Record):
    """A file of a competition: `size` in bytes, `sha256` in hexadecimal."""

    name: str
    size: int | None = None
    sha256: str | None = None
    modified_at: datetime | None = None
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class Submission(Record):
    """One submission of your team; `private_score` is None until the reveal.

    `significant` is None unless public scores are shown on a ladder: then it says whether this was a significant
    improvement. Where it was none, `public_score` repeats the last score shown, None before the first.
    """

    ref: int
    status: str = ""
    message: str = ""
    file_name: str = ""
    sha256: str = ""
    submitted_at: datetime | None = None
    public_score: float | None = None
    private_score: float | None = None
    significant: bool | None = None
    selected: bool = False
    late: bool = False

    @property
    def is_pending(self) -> bool:
        """Whether it counts but has no score yet: the test set is so large that the server reads the file later."""
        return self.status == "pending"


@dataclass(frozen=True, kw_only=True)
class Receipt(Submission):
    """The answer to a submission: what it scored, where that puts the team, and what is left today.

    `replayed` is True when the server had already counted this very upload and repeated its first answer.
    The fields from `team_number` on are what `unseen.receipts` checks.
    """

    competition: str = ""
    metric: str = ""
    direction: str = ""
    previous_best: float | None = None
    improved: bool = False
    rank: int | None = None
    previous_rank: int | None = None
    teams: int | None = None
    daily_limit: int | None = None
    used_today: int | None = None
    left_today: int | None = None
    total_limit: int | None = None
    left_total: int | None = None
    resets_at: datetime | None = None
    resets_at_local: datetime | None = None
    time_zone: str = "UTC"
    replayed: bool = False
    team_number: int | None = None
    seal: str | None = None
    previous_link: str | None = None
    link: str | None = None
    key_id: str | None = None
    signature: str | None = None

    def _repr_html_(self) -> str:
        from unseen import notebook  # here and below, because its tables are made of these records

        return notebook.receipt(self)


@dataclass(frozen=True, kw_only=True)
class ReceiptKey(Record):
    """An Ed25519 public key (hexadecimal) of receipts; `since` is None where none was signed with it yet."""

    key_id: str = ""
    public_key: str
    since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ChainLink(Record):
    """One submission in the chain: a hash of what it was, and the link it makes with the one before it."""

    ref: int
    entry: str
    link: str


@dataclass(frozen=True, kw_only=True)
class Chain(Record):
    """All submissions of a competition in their order; `head` is the last link."""

    nested: ClassVar[Mapping[str, type[Record]]] = {"links": ChainLink}

    competition: str = ""
    head: str = ""
    links: tuple[ChainLink, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Check(Record):
    """The answer to a free check: the file would be accepted, and has `rows` predictions."""

    valid: bool = False
    rows: int | None = None


@dataclass(frozen=True, kw_only=True)
class Job(Record):
    """Long work that the server does apart from requests: `done` of `total` steps.

    `state` is waiting, running, done or failed; `result` comes with done, `problem` says why it failed. `file_name` is
    None where no file was made or it is kept no longer.
    """

    ref: int
    kind: str = ""
    competition: str = ""
    asked_by: str = ""
    state: str = ""
    done: int = 0
    total: int = 0
    result: Mapping[str, Any] | None = None
    problem: str | None = None
    file_name: str | None = None
    created_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Limits(Record):
    """How many submissions are used and left; the day is the calendar day in `time_zone`.

    `extra_today` of the daily limit, and a `deadline` that is `extended`, were granted to your team by the staff.
    """

    used_today: int | None = None
    left_today: int | None = None
    daily_limit: int | None = None
    total_limit: int | None = None
    used_total: int | None = None
    resets_at: datetime | None = None
    resets_at_local: datetime | None = None
    time_zone: str = "UTC"
    deadline: datetime | None = None
    extended: bool = False
    extra_today: int = 0


@dataclass(frozen=True, kw_only=True)
class Final(Record):
    """The submissions that count on the private board: `chosen` by you, or else picked by `rule`."""

    refs: tuple[int, ...] = ()
    chosen: bool = False
    final_submissions: int | None = None
    rule: str = ""


@dataclass(frozen=True, kw_only=True)
class LeaderboardEntry(Record):
    """One row of a board; a baseline has no rank. `mine` says that a member of this team has your name."""

    team: str
    rank: int | None = None
    score: float | None = None
    entries: int | None = None
    last_submission_at: datetime | None = None
    is_baseline: bool = False
    tier: str | None = None
    behind_leader: tuple[float, float] | None = None
    tied_with_leader: bool | None = None
    rank_interval: tuple[int, int] | None = None
    previous_rank: int | None = None
    members: tuple[str, ...] | None = None
    mine: bool = False


@dataclass(frozen=True, kw_only=True)
class Leaderboard(Record):
    """A board, public or private, best first; `note` says whom the leader does not lead for certain."""

    nested: ClassVar[Mapping[str, type[Record]]] = {"entries": LeaderboardEntry}

    competition: str = ""
    board: str = "public"
    generated_at: datetime | None = None
    direction: str = ""
    note: str | None = None
    entries: tuple[LeaderboardEntry, ...] = ()

    def to_pandas(self) -> pandas.DataFrame:
        """The entries as a DataFrame, a row each, best first."""
        from unseen import notebook

        return notebook.frame(self.entries, LeaderboardEntry)

    def _repr_html_(self) -> str:
        from unseen import notebook

        return notebook.leaderboard(self)
