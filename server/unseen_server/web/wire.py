"""What goes over the wire where no service has a value of its own for it: envelopes, bodies, queries, problems."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from unseen_server.services.accounts import OwnCourse
from unseen_server.services.audits import Deed
from unseen_server.services.competitions import Listed
from unseen_server.services.extensions import MOST_EXTRA
from unseen_server.services.jobs import JobShown
from unseen_server.services.public_files import ListedFile
from unseen_server.services.receipts import PublishedKey
from unseen_server.services.submissions import OwnSubmission
from unseen_server.services.submit import LONGEST_IDEMPOTENCY_KEY, LONGEST_MESSAGE, Receipt

LISTED = 200
LISTED_AT_MOST = 100_000
LINKS = 10_000
LONGEST_JSON = 64 * 1024  # bytes
LARGEST_NUMBER = 2**31 - 1  # of anything that is counted in the database

Contents = Annotated[str, Meta(extra_json_schema={"format": "binary", "contentMediaType": "application/octet-stream"})]
PRINTABLE_ASCII = r"^[ -~]*$"

# answers


@dataclass(frozen=True)
class Health:
    status: str
    version: str
    checks: dict[str, str]


@dataclass(frozen=True)
class TokenInUse:
    name: str
    scope: str
    expires_at: datetime | None


@dataclass(frozen=True)
class WhoAmI:
    """The person asking. `token` is None in a browser's session, `csrf_token` is None for a token."""

    username: str
    display_name: str
    is_admin: bool
    courses: list[OwnCourse]
    token: TokenInUse | None
    csrf_token: str | None


@dataclass(frozen=True)
class DeviceCode:
    """A log-in that begins (RFC 8628): the person enters `user_code` at `verification_uri` within `expires_in` seconds.

    `device_code` is the program's own secret, to ask with every `interval` seconds.
    """

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


@dataclass(frozen=True)
class DeviceToken:
    """A token of the person who confirmed; it is told this one time."""

    token: str
    username: str


@dataclass(frozen=True)
class Competitions:
    competitions: list[Listed]


@dataclass(frozen=True)
class Files:
    files: list[ListedFile]


@dataclass(frozen=True)
class Submissions:
    submissions: list[OwnSubmission]


@dataclass(frozen=True)
class Valid:
    """A file that would be accepted, and its number of rows."""

    valid: bool
    rows: int


@dataclass(frozen=True)
class NewSubmission(Receipt):
    """The receipt in the shape of every submission; a private score does not exist for it yet."""

    private_score: None = None


@dataclass(frozen=True)
class ReceiptKeys:
    keys: list[PublishedKey]


@dataclass(frozen=True)
class Audit:
    entries: list[Deed]


@dataclass(frozen=True)
class Jobs:
    jobs: list[JobShown]


# what is asked


class Device(Struct):
    """What the program calls itself, such as the name of the computer it runs on."""

    device: str = ""


class DevicePoll(Struct):
    device_code: str


class Listing(Struct):
    limit: Annotated[int, Meta(ge=1, le=LISTED_AT_MOST, description="At most so many, the newest first.")] = LISTED


class Check(Struct):
    check: Annotated[bool, Meta(description="Only say whether the file is valid; count nothing.")] = False


class Home(Struct):
    course: (
        Annotated[str, Meta(description="The course's slug; needed where there are several.", examples=["ml"])]
        | UnsetType
    ) = UNSET


class Links(Struct):
    after: Annotated[
        int, Meta(ge=0, le=LARGEST_NUMBER, description="Only those of later submissions than this one.")
    ] = 0
    limit: Annotated[int, Meta(ge=1, le=LISTED_AT_MOST, description="At most so many, the oldest first.")] = LINKS


class WhichKey(Struct):
    version: (
        Annotated[int, Meta(ge=1, le=LARGEST_NUMBER, description="An older version of a corrected key.")] | UnsetType
    ) = UNSET


class WhichBoard(Struct):
    board: Annotated[Literal["public", "private"], Meta(description="Private: 404 before the reveal.")] = "public"
    format: Annotated[Literal["json", "csv"], Meta(description="csv: the same rows as a table to open.")] = "json"
    limit: Annotated[int, Meta(ge=1, le=LISTED_AT_MOST, description="At most so many rows.")] = LISTED_AT_MOST


class StarterFormat(Struct):
    format: Annotated[Literal["ipynb", "py"], Meta(description="py: a script with # %% marks.")] = "ipynb"


class GradesFormat(Struct):
    format: Annotated[
        Literal["json", "csv", "canvas", "moodle"], Meta(description="canvas, moodle: a CSV that they import.")
    ] = "json"


class Retry(Struct):
    key: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=LONGEST_IDEMPOTENCY_KEY,
                pattern=PRINTABLE_ASCII,
                description="Makes a retry safe: the same request with the same key gets the first answer again.",
            ),
        ]
        | UnsetType
    ) = field(default=UNSET, name="Idempotency-Key")


class SubmissionForm(Struct):
    file: Contents
    message: Annotated[str, Meta(max_length=LONGEST_MESSAGE)] = ""


class Import(Struct):
    dry_run: Annotated[bool, Meta(description="Only say who would be added and enrolled.")] = False


class Correction(Struct):
    dry_run: Annotated[bool, Meta(description="Only say what would change.")] = False
    quiet: Annotated[bool, Meta(description="Announce nothing to the students.")] = False


class Preferring(Struct):
    prefer: (
        Annotated[
            str,
            Meta(
                description="`respond-async` (RFC 7240): answer 202 with a job, where a worker is there to do it.",
                pattern=PRINTABLE_ASCII,
                examples=["respond-async"],
            ),
        ]
        | UnsetType
    ) = field(default=UNSET, name="Prefer")


class SolutionForm(Struct):
    """A corrected solution.csv."""

    file: Contents


class Grant(Struct, forbid_unknown_fields=True):
    """More time for one student, more submissions, or both.

    `until`: a local date and time in the competition's zone. `extra` submissions are for `day`, which is today where it
    is left out.
    """

    username: Annotated[str, Meta(description="Also an e-mail address or a student id.")]
    reason: Annotated[
        str,
        Meta(description="At most 500 characters; the student does not see it.", extra_json_schema={"minLength": 1}),
    ]
    until: str | None = None
    extra: Annotated[int, Meta(extra_json_schema={"minimum": 0, "maximum": MOST_EXTRA})] = 0
    day: str | None = None


class Searching(Struct):
    search: Annotated[str, Meta(description="Words that occur in who, what or to what.")] = ""
    limit: Annotated[int, Meta(ge=1, le=LISTED_AT_MOST, description="At most so many, the newest first.")] = LISTED


class RosterForm(Struct):
    """A class list as CSV."""

    file: Contents


class BundleForm(Struct):
    """A competition's folder as a zip."""

    file: Contents


class Choice(Struct, forbid_unknown_fields=True):
    refs: Annotated[list[int], Meta(description="Their numbers; at most as many as the competition lets count.")]


class Launch(Struct, forbid_unknown_fields=True):
    """`at`: a local date and time in the competition's zone; left out, its own `starts_at` or now."""

    at: str | None = None


# refusals


class Flaw(Struct):
    """One thing wrong with a file, and how to mend it."""

    code: str
    message: str
    line: int | None
    id: str | None


class Problem(Struct):
    """A refusal as RFC 9457 problem details; `detail` is the sentence for the person, `code` the word for programs.

    The fields after `errors` come with some codes only.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[Flaw]
    counts: dict[str, int] | UnsetType = UNSET
    ref: int | UnsetType = UNSET
    phase: str | UnsetType = UNSET
    starts_at: datetime | UnsetType | None = UNSET
    deadline_at: datetime | UnsetType = UNSET
    resets_at: datetime | UnsetType | None = UNSET
    retry_after: int | UnsetType | None = UNSET
    daily_limit: int | UnsetType = UNSET
    total_limit: int | UnsetType = UNSET
