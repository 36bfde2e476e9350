"""Every route of the console: who may use it, and a request that succeeds.

A route that is not listed here fails tests/web/test_console_permissions.py. Add yours in the section of its module:

    Route("GET", "extensions.listing", "staff"),
    Route("POST", "extensions.add", "staff", form={"username": "alice", "extra": "1", "reason": "ill"}),
    Route("POST", "extensions.withdraw", "staff", at={"number": 1}, before=an_extension),
    Route("POST", "wizard.upload", "instructor", form=lambda made, client: {"file": a_file(b"a,b\n1,2\n")},
          audited="nothing is made before the confirmation"),

The endpoint is the one below `pages.console.`. `who` is the least that is needed: "anybody" (on any course's staff),
"staff" (assistants and instructors of the course), "instructor" (of the course), "admin". The address is filled from
USUAL and `at`, after it comes `query`. `form` is what the page's own form sends, without the CSRF token, or a function
that makes it with a browser of the least role. `before` brings the installation into the state the request needs.
A POST must succeed and write an audit row; where it does not change anything, `audited` says why.
The world it all happens in is described in tests/web/test_console_permissions.py.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import delete, select
from tests.installations import COURSE, SLUG, Installation, labelled_rows, make_folder
from tests.visitors import hidden, send

from unseen_server import working
from unseen_server.db.delivery import Delivery
from unseen_server.db.models import Competition, HeldFile, JobPiece, Rejection, User
from unseen_server.services import (
    announcements,
    bundles,
    correcting,
    extensions,
    jobs,
    launching,
    removing,
    withdrawals,
)
from unseen_server.services.principals import SERVER, principal_for
from unseen_server.services.receipts import Signer
from unseen_server.working import Tools

USUAL: Mapping[str, object] = {"slug": SLUG, "course": COURSE, "username": "alice", "ref": 1}

Form = Callable[[Installation, FlaskClient], Mapping[str, Any]]


@dataclass(frozen=True)
class Route:
    method: str
    endpoint: str
    who: str
    at: Mapping[str, object] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, Any] | Form = field(default_factory=dict)
    before: Callable[[Installation], object] | None = None
    audited: bool | str = True

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint}"


def a_file(content: bytes, name: str = "file.csv") -> tuple[io.BytesIO, str]:
    """A file as a form sends it; make a new one for every request."""
    return io.BytesIO(content), name


COURSES = (
    Route("GET", "courses.home", "anybody"),
    Route("GET", "courses.new_form", "admin"),
    Route("POST", "courses.new", "admin", form={"slug": "nlp", "title": "NLP", "time_zone": "Asia/Taipei"}),
    Route("GET", "courses.course", "staff"),
    Route("POST", "courses.change", "instructor", form={"title": "ML 2", "time_zone": "UTC"}),
    Route("POST", "courses.set_code", "instructor"),
    Route("POST", "courses.close_code", "instructor"),
)


def a_roster(made: Installation) -> None:
    """A class list that the assistant uploaded a moment ago."""
    with made.db.write() as session:
        tess = session.scalars(select(User).where(User.username == "tess")).one()
        session.add(
            HeldFile(name="list", user_id=tess.id, file_name="list.csv", content=CLASS_LIST, created_at=made.now)
        )


CLASS_LIST = b"username,email,name,student_id\nann,ann@x.edu,Ann,B01\n"

PEOPLE = (
    Route("GET", "people.listing", "staff", query={"search": "ali", "page": "1"}),
    Route("POST", "people.add", "staff", form={"username": "zoe", "display_name": "Zoe", "role": "student"}),
    Route("GET", "people.person", "staff"),
    Route("POST", "people.change_role", "instructor", form={"role": "assistant"}),
    Route("POST", "people.correct", "instructor", form={"email": "alice@x.edu", "student_id": "B01"}),
    Route("POST", "people.take_out", "instructor", form={"confirm": "alice"}),
    Route("POST", "people.link", "staff"),
    Route("POST", "people.disable", "admin"),
    Route("POST", "people.enable", "admin", at={"username": "gone"}),
    Route("GET", "people.invitations", "staff"),
    Route("POST", "people.invite", "staff", form={"how": "csv"}),
    Route("GET", "people.erase_form", "instructor"),
    Route("POST", "people.erase", "instructor", form={"confirm": "alice"}),
)

ROSTER = (
    Route("GET", "roster.form", "staff"),
    Route(
        "POST",
        "roster.upload",
        "staff",
        form=lambda made, client: {"file": a_file(CLASS_LIST, "list.csv")},
        audited="nobody is enrolled before the confirmation",
    ),
    Route("GET", "roster.preview", "staff", at={"held_name": "list"}, before=a_roster),
    Route("POST", "roster.confirm", "staff", at={"held_name": "list"}, before=a_roster),
)

AUDIT = (
    Route("GET", "audit.of_course", "staff"),
    Route("GET", "audit.of_course_csv", "staff"),
    Route("GET", "audit.of_competition", "staff"),
    Route("GET", "audit.of_competition_csv", "staff"),
)

HEALTH = (Route("GET", "health.page", "admin"),)


def ended(made: Installation) -> None:
    """The deadline has passed, nothing is revealed."""
    made.pass_deadline()


REVEALING = (
    Route("GET", "revealing.page", "staff"),
    Route("POST", "revealing.reveal", "instructor", form={"confirm": SLUG}, before=ended),
    Route("GET", "revealing.ceremony", "instructor", query={"opened": "1"}, before=ended),
    Route("POST", "revealing.end_ceremony", "instructor", before=ended),
)

METER = (Route("GET", "meter.page", "staff", query={"team": "Alice"}),)

GRADES = (
    Route("GET", "grades.page", "staff", query={"q": "ali", "sort": "points"}),
    Route("POST", "grades.export", "staff", form={"format": "canvas"}),
)

ARCHIVES = (
    Route("GET", "archives.page", "instructor"),
    Route("POST", "archives.download", "instructor", form={"people": "names", "confirm": SLUG}),
)


def a_draft(made: Installation) -> None:
    """A competition `next` that nobody has launched, besides the open one."""
    folder = make_folder(made.config.home / secrets.token_hex(4), "next")
    launching.create(made.db, bundles.read_bundle(folder), course=COURSE, principal=SERVER, now=made.now)


def removed(made: Installation) -> None:
    removing.remove(made.db, slug=made.slug, principal=SERVER, now=made.now)


def an_announcement(made: Installation) -> None:
    announcements.publish(made.db, slug=made.slug, markdown="Hello.", principal=SERVER, now=made.now)


def a_table(made: Installation) -> None:
    """A labelled table that the teacher uploaded a moment ago."""
    rows = "".join(f"{pages},{minutes}\n" for pages, _, minutes in labelled_rows())
    with made.db.write() as session:
        teacher = session.scalars(select(User).where(User.username == "teacher")).one()
        session.add(
            HeldFile(
                name="held",
                user_id=teacher.id,
                file_name="talks.csv",
                content=f"pages,minutes\n{rows}".encode(),
                created_at=made.now,
            )
        )


def stamp(client: FlaskClient, page: str) -> str:
    """By which a form knows whether what it shows is still true."""
    return hidden(client.get(page).text, "stamp")


def other_settings(made: Installation, client: FlaskClient) -> dict[str, str]:
    return {
        "stamp": stamp(client, f"/console/competitions/{made.slug}/settings"),
        "step": "save",
        "title": "Talks",
        "deadline": "2026-12-08 23:59",
        "daily_limit": "4",
        "rejected_per_hour": "30",
        "final_submissions": "2",
        "largest_team": "3",
    }


def another_page(made: Installation, client: FlaskClient) -> dict[str, str]:
    shown = stamp(client, f"/console/competitions/{made.slug}/pages/rules/en")
    return {"stamp": shown, "step": "save", "markdown": "# Rules\n\nBe fair."}


def a_baseline(made: Installation, client: FlaskClient) -> dict[str, Any]:
    return {"file": a_file(made.file(40.0), "forty.csv"), "name": "Forty", "tier": "simple", "points_public": "1"}


COPY = {"course": COURSE, "slug": "lecture-2", "title": "Lectures", "deadline": "2027-12-01 23:59"}
RULES = {"name": "rules", "tongue": "en"}
DESCRIPTION = {
    "target": "minutes",
    "title": "Talks",
    "slug": "talks",
    "metric": "mse",
    "time_zone": "Asia/Taipei",
    "deadline": "2026-12-08 23:59",
    "test_share": "30",
    "public_share": "50",
    "daily_limit": "5",
    "final_submissions": "2",
    "largest_team": "3",
}
DRAFT = {"slug": "next"}

LIFE = (
    Route("GET", "life.overview", "staff"),
    Route("GET", "life.launching", "instructor", at=DRAFT, query={"at": "now"}, before=a_draft),
    Route("POST", "life.launch", "instructor", at=DRAFT, form={"at": "now"}, before=a_draft),
    Route("GET", "life.closing", "instructor"),
    Route("POST", "life.close", "instructor", form={"confirm": SLUG}),
    Route("GET", "life.asking_to_remove", "instructor"),
    Route("POST", "life.remove", "instructor", form={"confirm": SLUG}),
    Route("POST", "life.restore", "instructor", before=removed),
    Route("POST", "life.export", "instructor"),
    Route("GET", "life.cloning_form", "instructor"),
    Route("POST", "life.clone", "instructor", form=COPY),
)

SETTINGS = (
    Route("GET", "settings.edit", "instructor"),
    Route("POST", "settings.save", "instructor", form=other_settings),
    Route("GET", "settings.pages", "instructor"),
    Route("GET", "settings.page", "instructor", at=RULES),
    Route("POST", "settings.save_page", "instructor", at=RULES, form=another_page),
)

WIZARD = (
    Route("GET", "wizard.start", "instructor"),
    Route(
        "POST",
        "wizard.upload",
        "instructor",
        form=lambda made, client: {"file": a_file(b"a,b\n1,2\n")},
        audited="nothing is made before the next page",
    ),
    Route("GET", "wizard.describe", "instructor", at={"name": "held"}, before=a_table),
    Route("POST", "wizard.make", "instructor", at={"name": "held"}, form=DESCRIPTION, before=a_table),
)

ANNOUNCEMENTS = (
    Route("GET", "announcements.listing", "staff"),
    Route("POST", "announcements.publish", "staff", form={"markdown": "The deadline has moved."}),
    Route("POST", "announcements.withdraw", "staff", at={"number": 1}, before=an_announcement),
)

BASELINES = (
    Route("GET", "baselines.listing", "staff"),
    Route("POST", "baselines.add", "instructor", form=a_baseline),
    Route("GET", "baselines.one", "instructor", at={"number": 3}),
    Route("POST", "baselines.change", "instructor", at={"number": 3}, form={"name": "Curve", "tier": "strong"}),
    Route("POST", "baselines.remove", "instructor", at={"number": 3}, form={"confirm": SLUG}),
)


def withdrawn(made: Installation) -> None:
    withdrawals.withdraw(made.db, slug=made.slug, ref=1, reason="a copy", principal=SERVER, now=made.now)


def rejected(made: Installation) -> None:
    """A file of alice was rejected a moment ago."""
    with made.db.write() as session:
        alice = session.scalars(select(User).where(User.username == "alice")).one()
        lecture = session.scalars(select(Competition)).one()
        session.add(Rejection(competition_id=lecture.id, user_id=alice.id, at=made.now))


def an_extension(made: Installation) -> None:
    wanted = extensions.Wanted("alice", extra=1, reason="ill")
    extensions.grant(made.db, slug=made.slug, wanted=wanted, principal=SERVER, now=made.now)


def corrected_answers(made: Installation) -> bytes:
    """The solution with every row in the other half."""
    text = (made.folder / "solution.csv").read_text()
    return text.replace("Public", "-").replace("Private", "Public").replace("-", "Private").encode()


def a_correction(made: Installation) -> None:
    """Corrected answers that the teacher uploaded a moment ago."""
    with made.db.write() as session:
        teacher = session.scalars(select(User).where(User.username == "teacher")).one()
        session.add(
            HeldFile(
                name="answers",
                user_id=teacher.id,
                file_name="solution.csv",
                content=corrected_answers(made),
                created_at=made.now,
            )
        )


def as_teacher(made: Installation) -> dict[str, Any]:
    """What services want to know; no token is made for it."""
    with made.db.read() as session:
        teacher = session.scalars(select(User).where(User.username == "teacher")).one()
        return {"slug": made.slug, "principal": principal_for(session, teacher), "now": made.now}


def work(made: Installation, ref: int) -> None:
    working.work(Tools(made.db, made.keys, Signer("secret"), lambda: made.now), ref)


def an_archive_job(made: Installation) -> None:
    """Job 1: an archive that the teacher asked for, and that a worker made."""
    wanted = {"pseudonymous": True, "language": "en"}
    work(made, jobs.hand_in(made.db, Delivery(made.db), "archive", **as_teacher(made), **wanted))


def a_tried_out_correction(made: Installation) -> None:
    """Job 1: corrected answers that the teacher uploaded, and that a worker tried out."""
    wanted = {"content": corrected_answers(made), "dry_run": True}
    work(made, correcting.hand_in(made.db, Delivery(made.db), made.keys, **as_teacher(made), **wanted))


def three_jobs(made: Installation) -> None:
    """A correction that was tried out, one that failed, and an archive that waits."""
    a_tried_out_correction(made)
    removed(made)
    wanted = {"content": corrected_answers(made), "dry_run": True}
    failed = correcting.hand_in(made.db, Delivery(made.db), made.keys, **as_teacher(made), **wanted)
    with made.db.write() as session:
        session.execute(delete(JobPiece).where(JobPiece.job_id == failed))
    work(made, failed)
    jobs.hand_in(made.db, Delivery(made.db), "archive", **as_teacher(made), pseudonymous=True, language="en")


def the_same_file_twice(made: Installation) -> None:
    """Bob sends what Alice sent, and Alice sends another file of his, scaled."""
    made.tokens.clear()  # those of another world
    for content in (made.noisy(3.0), made.file(51.0), made.file(made.bundle.key.labels)):
        send(made, content, "bob")
    send(made, made.file(0.9 * made.bundle.key.labels + 3), "alice")


SUBMISSIONS = (
    Route("GET", "submissions.listing", "staff", query={"search": "ali", "kind": "selected", "page": "2"}),
    Route("GET", "submissions.one", "staff"),
    Route("GET", "submissions.file", "staff"),
    Route("POST", "submissions.withdraw", "staff", form={"reason": "a copy"}),
    Route("POST", "submissions.restore", "staff", form={"reason": "no copy"}, before=withdrawn),
    Route(
        "POST",
        "submissions.clear_rejected",
        "staff",
        form={"username": "alice", "reason": "the fault was ours"},
        before=rejected,
    ),
)

COPIES = (Route("GET", "copies.page", "staff", before=the_same_file_twice),)

TEAMS = (
    Route("GET", "teams.page", "staff", query={"team": "Alice"}),
    Route("POST", "teams.rename", "staff", form={"team": "Alice", "name": "Deep Thought", "reason": "a rude name"}),
    Route(
        "POST",
        "teams.merge",
        "staff",
        form={"team": "Alice", "other": "Bob", "reason": "they asked for it", "confirm": SLUG, "step": "merge"},
    ),
)

EXTENSIONS = (
    Route("GET", "extensions.listing", "staff"),
    Route(
        "POST", "extensions.add", "staff", form={"username": "alice", "extra": "1", "reason": "ill", "step": "grant"}
    ),
    Route("POST", "extensions.withdraw", "staff", at={"number": 1}, form={"reason": "well"}, before=an_extension),
)

RESCORING = (
    Route("GET", "rescoring.form", "instructor"),
    Route(
        "POST",
        "rescoring.upload",
        "instructor",
        form=lambda made, client: {"file": a_file(corrected_answers(made), "solution.csv")},
        audited="nothing is changed before the confirmation",
    ),
    Route(
        "POST",
        "rescoring.apply",
        "instructor",
        at={"held_name": "answers"},
        form={"confirm": SLUG, "tell": "1"},
        before=a_correction,
    ),
    Route("GET", "rescoring.planned", "instructor", before=a_tried_out_correction),
    Route(
        "POST", "rescoring.confirm", "instructor", form={"confirm": SLUG, "tell": "1"}, before=a_tried_out_correction
    ),
)

JOBS = (
    Route("GET", "jobs.listing", "staff", before=three_jobs),
    Route("GET", "jobs.page", "staff", before=an_archive_job),
    Route("GET", "jobs.file", "instructor", before=an_archive_job),
)

ROUTES: tuple[Route, ...] = (
    *SUBMISSIONS,
    *COPIES,
    *TEAMS,
    *EXTENSIONS,
    *RESCORING,
    *LIFE,
    *SETTINGS,
    *WIZARD,
    *ANNOUNCEMENTS,
    *BASELINES,
    *COURSES,
    *PEOPLE,
    *ROSTER,
    *AUDIT,
    *HEALTH,
    *REVEALING,
    *METER,
    *GRADES,
    *ARCHIVES,
    *JOBS,
)
