"""The tables: courses and people, competitions and their hidden keys, teams, submissions, scores, standings."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Date,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    true,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from unseen_server.db.types import UtcDateTime


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime, date: Date, float: Double, dict[str, Any]: JSON}  # noqa: RUF012


class Course(Base):
    __tablename__ = "courses"
    __table_args__ = (Index(None, "join_code", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(50), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    time_zone: Mapped[str] = mapped_column(String(64))
    # Whoever knows it may enrol as a student; None where nobody may.
    join_code: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[datetime]


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(64))
    # NFKC, case-folded: two names that look alike cannot both exist.
    username_key: Mapped[str] = mapped_column(String(200), unique=True)
    display_name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(254), unique=True)
    student_id: Mapped[str | None] = mapped_column(String(64))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    is_admin: Mapped[bool] = mapped_column(default=False)
    disabled_at: Mapped[datetime | None]
    language: Mapped[str | None] = mapped_column(String(16))  # None: as the browser asks
    created_at: Mapped[datetime]


class Enrolment(Base):
    __tablename__ = "enrolments"
    __table_args__ = (
        UniqueConstraint("course_id", "user_id"),
        CheckConstraint("role IN ('student', 'assistant', 'instructor')", name="role"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]


class Token(Base):
    """Only the SHA-256 of a token is kept; `prefix` lets its owner recognise it."""

    __tablename__ = "tokens"
    __table_args__ = (CheckConstraint("scope IN ('read', 'submit', 'staff')", name="scope"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    prefix: Mapped[str] = mapped_column(String(20))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    scope: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class BrowserSession(Base):
    """A signed-in browser. It lives here and not in the cookie, so that ending it really ends it."""

    __tablename__ = "sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    csrf_token: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class OneTimeLink(Base):
    """A link by which a person sets a password: the first one (invite) or another (reset). Only its SHA-256 is kept."""

    __tablename__ = "one_time_links"
    __table_args__ = (CheckConstraint("purpose IN ('invite', 'reset')", name="purpose"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    purpose: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SsoIdentity(Base):
    """Who a person is at a single sign-on provider: the pair that OpenID Connect promises never to give twice."""

    __tablename__ = "sso_identities"

    issuer: Mapped[str] = mapped_column(String(255), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime]


class HeldFile(Base):
    """A file that staff uploaded and have not confirmed yet; forgotten after a day."""

    __tablename__ = "held_files"

    id: Mapped[int] = mapped_column(primary_key=True)
    # Unguessable, and of use to its own uploader alone.
    name: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    file_name: Mapped[str] = mapped_column(String(255))
    content: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


class DeviceLogin(Base):
    """A program that asks to be let in by whoever types `user_code` in a browser (RFC 8628).

    Only the SHA-256 of the program's own secret is kept. `answer` is None while nobody has answered.
    """

    __tablename__ = "device_logins"
    __table_args__ = (CheckConstraint("answer IN ('approved', 'denied', 'taken')", name="answer"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    user_code: Mapped[str] = mapped_column(String(16), unique=True)
    device: Mapped[str] = mapped_column(String(100))
    address: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    asked_at: Mapped[datetime | None]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    answer: Mapped[str | None] = mapped_column(String(16))


class FailedSignIn(Base):
    __tablename__ = "failed_sign_ins"
    __table_args__ = (Index(None, "subject", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime]


class Competition(Base):
    __tablename__ = "competitions"

    id: Mapped[int] = mapped_column(primary_key=True)
    course_id: Mapped[int] = mapped_column(ForeignKey("courses.id"), index=True)
    slug: Mapped[str] = mapped_column(String(50), unique=True)
    title: Mapped[str] = mapped_column(String(200))
    metric: Mapped[str] = mapped_column(String(32))
    id_column: Mapped[str] = mapped_column(String(200))
    target_column: Mapped[str] = mapped_column(String(200))
    lower_bound: Mapped[float]
    upper_bound: Mapped[float]

    time_zone: Mapped[str] = mapped_column(String(64))
    starts_at: Mapped[datetime | None]
    deadline: Mapped[datetime]
    launched_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    revealed_at: Mapped[datetime | None]
    late_submissions: Mapped[bool]

    daily_limit: Mapped[int]
    total_limit: Mapped[int | None]
    rejected_per_hour: Mapped[int]
    final_submissions: Mapped[int]
    largest_team: Mapped[int] = mapped_column(server_default="1")

    release: Mapped[str] = mapped_column(String(16))
    public_intervals: Mapped[bool]
    # What the release of public scores is measured by (core/release).
    baseline_score: Mapped[float]
    baseline_standard_error: Mapped[float | None]
    test_rows: Mapped[int]
    public_rows: Mapped[int]

    # The one answer key that scores count by; older versions stay.
    key_version: Mapped[int] = mapped_column(default=1)
    # Public from the launch on; the salt opens it at the reveal.
    seal: Mapped[str | None] = mapped_column(String(64))
    seal_salt: Mapped[str | None] = mapped_column(String(64))
    # Grows with everything that changes a board, so that a page can tell whether it is still true.
    board_version: Mapped[int] = mapped_column(default=0)
    # Taken away by its staff, who alone still see it and can bring it back.
    removed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class AnswerKeyVersion(Base):
    """The hidden labels of one competition: ids in canonical order, one a line; labels and usage aligned to them."""

    __tablename__ = "answer_keys"

    competition_id: Mapped[int] = mapped_column(ForeignKey("competitions.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    ids: Mapped[bytes] = mapped_column(LargeBinary)  # UTF-8, joined by newlines
    labels: Mapped[bytes] = mapped_column(LargeBinary)  # float64, little-endian
    usage: Mapped[bytes] = mapped_column(LargeBinary)  # uint8: 0 ignored, 1 public, 2 private
    # Of a version that no longer counts; the current one's stand in the competition's row.
    seal: Mapped[str | None] = mapped_column(String(64))
    seal_salt: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]


class Yardstick(Base):
    """What the release is measured by and the ladder starts from: the declared baseline's predictions, or a mean."""

    __tablename__ = "yardsticks"

    competition_id: Mapped[int] = mapped_column(ForeignKey("competitions.id"), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)  # float64, little-endian, aligned to the key's ids


class Chain(Base):
    """The end of a competition's chain of receipts. Whoever adds a submission holds this row until the commit."""

    __tablename__ = "chains"

    competition_id: Mapped[int] = mapped_column(ForeignKey("competitions.id"), primary_key=True)
    head: Mapped[str] = mapped_column(String(64))


class RemovedLink(Base):
    """What stays in the chain of a baseline that was taken off the board."""

    __tablename__ = "removed_links"

    submission_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    competition_id: Mapped[int] = mapped_column(ForeignKey("competitions.id"), index=True)
    entry: Mapped[str] = mapped_column(String(64))
    link: Mapped[str] = mapped_column(String(64))


class ReceiptKey(Base):
    """A public key that receipts of this server were signed with; published for good."""

    __tablename__ = "receipt_keys"

    public_key: Mapped[str] = mapped_column(String(64), primary_key=True)  # Ed25519, hex
    since: Mapped[datetime]


class Page(Base):
    __tablename__ = "competition_pages"

    competition_id: Mapped[int] = mapped_column(ForeignKey("competitions.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(16), primary_key=True)  # overview, data, rules
    language: Mapped[str] = mapped_column(String(16), primary_key=True)
    markdown: Mapped[str] = mapped_column(Text)


class Announcement(Base):
    """What the staff tell everybody in a competition; a withdrawn one is no longer shown."""

    __tablename__ = "announcements"

    id: Mapped[int] = mapped_column(primary_key=True)
    competition_id: Mapped[int] = mapped_column(ForeignKey("competitions.id"), index=True)
    markdown: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class StoredFile(Base):
    """A public file's bytes, under their own SHA-256."""

    __tablename__ = "stored_files"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class CompetitionFile(Base):
    __tablename__ = "competition_files"

    competition_id: Mapped[int] = mapped_column(ForeignKey("competitions.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(ForeignKey("stored_files.sha256"))
    modified_at: Mapped[datetime]


class Team(Base):
    """Who submits: everyone is a team of one at first; a baseline is a team without members."""

    __tablename__ = "teams"
    __table_args__ = (
        UniqueConstraint("competition_id", "name_key"),
        CheckConstraint("kind IN ('student', 'staff', 'baseline')", name="kind"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    competition_id: Mapped[int] = mapped_column(ForeignKey("competitions.id"))
    name: Mapped[str] = mapped_column(String(300))
    name_key: Mapped[str] = mapped_column(String(300))
    kind: Mapped[str] = mapped_column(String(16))
    tier: Mapped[str | None] = mapped_column(String(16))
    # Of a baseline: what reaching it is worth, on either board.
    points_public: Mapped[float] = mapped_column(default=0.0)
    points_private: Mapped[float] = mapped_column(default=0.0)
    created_at: Mapped[datetime]


class TeamMember(Base):
    __tablename__ = "team_members"

    competition_id: Mapped[int] = mapped_column(ForeignKey("competitions.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), index=True)
    joined_at: Mapped[datetime]


class TeamMerge(Base):
    """Two teams became one after so many submissions; the guest's row is gone, and a replay needs to know of it."""

    __tablename__ = "team_merges"

    id: Mapped[int] = mapped_column(primary_key=True)
    competition_id: Mapped[int] = mapped_column(ForeignKey("competitions.id"), index=True)
    host_id: Mapped[int]
    guest_id: Mapped[int]
    after: Mapped[int]  # the number of the last submission to the competition before it; 0 where there was none


class TeamInvitation(Base):
    """A team asks a person, with whatever team they have, to join it; gone once it is answered."""

    __tablename__ = "team_invitations"

    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    invited_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]


class Extension(Base):
    """More time or more submissions for one student, with the reason; a withdrawn one no longer counts.

    `until` moves the deadline. `extra` submissions are added to those of `quota_day` (and to the total limit).
    """

    __tablename__ = "extensions"
    __table_args__ = (Index(None, "competition_id", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    competition_id: Mapped[int] = mapped_column(ForeignKey("competitions.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    until: Mapped[datetime | None]
    extra: Mapped[int]
    quota_day: Mapped[date | None]
    reason: Mapped[str] = mapped_column(String(500))
    actor: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class Submission(Base):
    """One accepted file. Its id is its number (`ref`) and its place in the order of all submissions."""

    __tablename__ = "submissions"
    __table_args__ = (
        # The net under the daily limit: however it is counted, no slot can be taken twice.
        UniqueConstraint("competition_id", "team_id", "quota_day", "slot"),
        UniqueConstraint("competition_id", "user_id", "idempotency_key"),
        Index(None, "team_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    competition_id: Mapped[int] = mapped_column(ForeignKey("competitions.id"))
    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"))
    # The team as it was then, which may have become part of another since.
    entered_as: Mapped[int | None]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    quota_day: Mapped[date]
    slot: Mapped[int]
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    # Of file and message: the same key with another body is refused.
    request_digest: Mapped[str] = mapped_column(String(64))
    file_name: Mapped[str] = mapped_column(String(255))
    message: Mapped[str] = mapped_column(String(500))
    sha256: Mapped[str] = mapped_column(String(64))
    submitted_at: Mapped[datetime]
    late: Mapped[bool]
    selected: Mapped[bool] = mapped_column(default=False)
    # Taken out of the competition by staff, who can bring it back; its slot stays used.
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None] = mapped_column(String(64))
    withdrawn_reason: Mapped[str | None] = mapped_column(String(500))
    # This link of the competition's chain of receipts; None for what came before there was one.
    chain: Mapped[str | None] = mapped_column(String(64))
    # The receipt as it was first given; a repeated request gets it again, word for word.
    receipt: Mapped[dict[str, Any] | None]
    # pending until a worker has read and scored a large file; refused where it could not, and its slot was given back.
    state: Mapped[str] = mapped_column(String(16), server_default="scored")
    # Of a refused one: what was wrong with it, as the refusal told it.
    refusal: Mapped[dict[str, Any] | None]


class UploadTicket(Base):
    """The right to send one file for one person and one competition, apart from submitting it; good for an hour.

    Only the SHA-256 of the token is kept. `content` is None until the file came.
    """

    __tablename__ = "upload_tickets"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    competition_id: Mapped[int] = mapped_column(ForeignKey("competitions.id"))
    file_name: Mapped[str] = mapped_column(String(255))
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Score(Base):
    """The public half: n rows, sum of losses and of squared losses, and what the student was shown.

    `accepted`: the submission can stand on the board; not so where the ladder found no significant improvement, and
    `shown` repeats what was shown before. `grid` is the step of what is shown, None where it is exact.
    """

    __tablename__ = "scores"

    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id"), primary_key=True)
    key_version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    n: Mapped[int]
    total: Mapped[float]
    total_squares: Mapped[float]
    value: Mapped[float]
    shown: Mapped[float | None]
    accepted: Mapped[bool] = mapped_column(server_default=true())
    grid: Mapped[float | None]


class PrivateScore(Base):
    """The private half, in a table of its own: nothing that serves students before the reveal reads it."""

    __tablename__ = "private_scores"

    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id"), primary_key=True)
    key_version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    n: Mapped[int]
    total: Mapped[float]
    total_squares: Mapped[float]
    value: Mapped[float]


class PredictionVector(Base):
    __tablename__ = "prediction_vectors"

    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id"), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)  # float64, little-endian, aligned to the key's ids


class SubmittedFile(Base):
    __tablename__ = "submitted_files"

    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id"), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class StoredObject(Base):
    """What of a submission lies in an object store instead of in the two tables above."""

    __tablename__ = "stored_objects"
    __table_args__ = (CheckConstraint("kind IN ('predictions', 'upload')", name="kind"),)

    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    sha256: Mapped[str] = mapped_column(String(64))


class Standing(Base):
    """A team's place on the public board, kept up to date by each submission; the board never reads submissions."""

    __tablename__ = "standings"
    __table_args__ = (Index(None, "competition_id", "score", "submission_id"),)

    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), primary_key=True)
    competition_id: Mapped[int] = mapped_column(ForeignKey("competitions.id"))
    ranked: Mapped[bool]
    # The best displayed score and the submission that first reached it.
    score: Mapped[float | None]
    submission_id: Mapped[int | None] = mapped_column(ForeignKey("submissions.id"))
    entries: Mapped[int]
    last_submission_at: Mapped[datetime | None]


class PrivateStanding(Base):
    """A team's place on the private board: written by the reveal, empty before."""

    __tablename__ = "private_standings"

    team_id: Mapped[int] = mapped_column(ForeignKey("teams.id"), primary_key=True)
    competition_id: Mapped[int] = mapped_column(ForeignKey("competitions.id"), index=True)
    position: Mapped[int]  # from the top, baselines included
    rank: Mapped[int | None]
    public_rank: Mapped[int | None]
    score: Mapped[float]
    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id"))


class Rejection(Base):
    """A file that was refused or failed its check: free, but not without end."""

    __tablename__ = "rejections"
    __table_args__ = (Index(None, "competition_id", "user_id", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    competition_id: Mapped[int] = mapped_column(ForeignKey("competitions.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]


class Job(Base):
    """Long work that a worker does apart from the request that asked for it.

    Whoever holds the lease works at it; where the lease ran out, that worker died, and another begins anew.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'running', 'done', 'failed')", name="state"),
        Index(None, "state", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    competition_id: Mapped[int] = mapped_column(ForeignKey("competitions.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    arguments: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(16), default="waiting")
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    # Of a waiting one: not to be begun before.
    lease_until: Mapped[datetime | None]
    result: Mapped[dict[str, Any] | None]
    # A sentence, as template and values.
    problem: Mapped[dict[str, Any] | None]
    # What the file that it made is called.
    file_name: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class JobPiece(Base):
    """A part of the file that a job made, in order, or at -1 the file that it was given. Forgotten after a day."""

    __tablename__ = "job_pieces"

    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class AuditEntry(Base):
    """Who did what, written in the transaction that did it.

    Rows are only ever added; when a person is erased, their names go from them.
    """

    __tablename__ = "audit"
    __table_args__ = (Index(None, "competition_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    course_id: Mapped[int | None] = mapped_column(ForeignKey("courses.id"))
    competition_id: Mapped[int | None] = mapped_column(ForeignKey("competitions.id"))
    subject: Mapped[str] = mapped_column(String(300))
    details: Mapped[dict[str, Any]]
