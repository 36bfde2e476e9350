"""Who may do what outside of the console: every route of the pages, the API and Kaggle's protocol, by everybody.

The routes of the console are in tests/web/console_routes.py. A route in neither table fails here.
"""

from __future__ import annotations

import io
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.figures import Tell
from tests.installations import COURSE, SLUG, Installation
from tests.web.console_routes import ROUTES as OF_THE_CONSOLE
from tests.web.console_routes import an_archive_job, corrected_answers
from tests.web.test_console_permissions import CSRF, World
from tests.web.test_openapi import zipped
from werkzeug.test import TestResponse

from unseen_server.db.models import Token, User
from unseen_server.services import people, tokens
from unseen_server.services.principals import SERVER
from unseen_server.web.context import SESSION_COOKIE

STUDENTS = {"alice", "bob"}  # submission 1 is alice's
STAFF = {"tess", "teacher"}  # an assistant and an instructor
OTHERS = {"carol", "outsider", "rival"}  # taken out of the course; a student and an instructor of another one
PEOPLE = STUDENTS | STAFF | OTHERS
DEAD = {"gone", "revoked"}  # an instructor of the course who is disabled; a token of alice that she revoked
EVERYBODY = {"nobody"} | PEOPLE | DEAD
LET_IN: Mapping[str, set[str]] = {
    "everybody": EVERYBODY,  # no credential is looked at, or one that ended counts as none
    "comers": EVERYBODY - {"revoked"},  # a cookie that counts no more is as good as none, a token is refused
    "visitors": EVERYBODY - DEAD,
    "people": PEOPLE,
    "enrolled": STUDENTS | STAFF,
    "students": STUDENTS,
    "alice": {"alice"},
    "staff": STAFF,
    "instructors": {"teacher", "rival"},
    "instructor": {"teacher"},
    "nobody": set(),
}
Body = Mapping[str, Any] | Callable[[Installation], Mapping[str, Any]]


def a_file(made: Installation) -> dict[str, Any]:
    return {"data": {"file": (io.BytesIO(made.file()), "p.csv")}}


def a_bundle(made: Installation) -> dict[str, Any]:
    return {"data": {"file": (io.BytesIO(zipped(made.folder).replace(b"lecture", b"another")), "b.zip")}}


def the_answers(made: Installation) -> dict[str, Any]:
    return {"data": {"file": (io.BytesIO(corrected_answers(made)), "solution.csv")}}


@dataclass(frozen=True)
class Ask:
    """Who is let in by a method of an endpoint, and what has to be sent to get so far."""

    who: str
    method: str
    endpoint: str
    sent: Body | None = None
    before: Callable[[Installation], object] | None = None
    slug: str = SLUG

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint}"


def ended(made: Installation) -> None:
    made.pass_deadline()


def asks(who: str, method: str, prefix: str, names: str) -> Iterator[Ask]:
    return (Ask(who, method, prefix + name) for name in names.split())


KAGGLE: Body = {"json": {"competitionName": SLUG, "ref": 1, "submissionId": 1, "fileName": "train.csv"}}
FORM: Body = {"data": {"fileName": "p.csv"}}
# Whoever has not been given the secret, the code or the provider finds nothing there, whoever they are.
SECRET = [
    *asks("nobody", "GET", "pages.", "joining.course welcome.page sso.start sso.callback"),
    *asks("nobody", "POST", "pages.", "joining.join welcome.choose_password device.look"),
    Ask("nobody", "PUT", "kaggle.transfers.upload"),
    *(Ask("nobody", method, "kaggle.anything_else") for method in ("DELETE", "GET", "PATCH", "POST", "PUT")),
]
PAGES = [
    *asks("comers", "GET", "pages.", "home short_address competition_list overview data leaderboard rules"),
    *asks("comers", "GET", "pages.", "welcome.forgot joining.form signin.login"),
    *asks("comers", "POST", "pages.", "welcome.ask_for_link signin.choose_language"),
    Ask("everybody", "GET", "static"),
    Ask("nobody", "POST", "pages.signin.sign_in", {"data": {"name": "alice", "password": "a guess"}}),
    *asks("people", "GET", "pages.", "account.page device.page"),
    *asks("people", "POST", "pages.", "account.rename account.change_password account.new_token"),
    *asks("people", "POST", "pages.", "account.sign_out_everywhere device.answer signin.logout"),
    Ask("alice", "POST", "pages.account.revoke_token"),
    *asks("people", "GET", "pages.sso.", "confirm"),
    *asks("people", "POST", "pages.sso.", "link unlink"),
    *asks("students", "POST", "pages.team.", "leave rename"),
    Ask("students", "POST", "pages.team.invite", {"data": {"who": "bob"}}),
    # alice's team, in which she is, asked nobody
    Ask("alice", "POST", "pages.team.accept", {"data": {"team": "1"}}),
    Ask("students", "POST", "pages.team.decline", {"data": {"team": "1"}}),
    Ask("students", "POST", "pages.team.take_back", {"data": {"person": "1"}}),
    *asks("enrolled", "GET", "pages.", "submissions submit_form team.page"),
    *asks("enrolled", "POST", "pages.", "choose_final"),
    Ask("enrolled", "POST", "pages.submit_file", a_file),
    Ask("alice", "GET", "pages.submission"),
    Ask("staff", "GET", "pages.meter.page"),  # everybody after the reveal
]
API = [
    *asks("everybody", "GET", "api.", "health"),
    *asks("visitors", "GET", "api.", "competition leaderboard openapi_document receipt_keys reference_page"),
    Ask("visitors", "POST", "api.device_code", {"json": {}}),
    Ask("visitors", "POST", "api.device_token", {"json": {"device_code": "never-issued"}}),
    *asks("people", "GET", "api.", "competition_list whoami"),
    *asks("enrolled", "GET", "api.", "chain files file final limits starter submissions"),
    Ask("enrolled", "POST", "api.new_submission", a_file),
    Ask("enrolled", "PUT", "api.choose_final", {"json": {"refs": []}}),
    *asks("alice", "GET", "api.", "submission submission_file submission_receipt"),
    *asks("staff", "GET", "api.", "audit near_copies grades meter"),
    Ask("staff", "GET", "api.job_list", before=an_archive_job),
    Ask("staff", "GET", "api.job", before=an_archive_job),
    Ask("instructor", "GET", "api.job_file", before=an_archive_job),
    Ask("staff", "POST", "api.new_extension", {"json": {"username": "alice", "extra": 1, "reason": "ill"}}),
    Ask("staff", "POST", "api.import_roster", {"data": b"username,name\nann,Ann\n"}, slug=COURSE),
    Ask("instructors", "POST", "api.create_competition", {"data": b"no zip"}),
    *asks("instructor", "POST", "api.", "launch close"),
    Ask("instructor", "POST", "api.rescore_competition", the_answers),
    Ask("instructor", "POST", "api.reveal_competition", before=ended),
    Ask("nobody", "GET", "api.opened_key"),  # before the reveal
]
OF_KAGGLE = [
    *(Ask("everybody", "POST", f"kaggle.rpc.{name}", KAGGLE) for name in ("introspect", "generate_access_token")),
    *(
        Ask("people", "POST", f"kaggle.rpc.{name}", KAGGLE)
        for name in ("competitions", "leaderboard", "leaderboard_zip")
    ),
    *asks("people", "GET", "kaggle.rest.", "competitions leaderboard leaderboard_zip"),
    *(
        Ask("enrolled", "POST", f"kaggle.rpc.{name}", KAGGLE)
        for name in ("file", "files", "all_files", "limits", "new_upload", "submissions")
    ),
    *asks("enrolled", "GET", "kaggle.", "rest.file rest.files rest.all_files rest.submissions transfers.file"),
    *asks("enrolled", "GET", "kaggle.transfers.", "all_files"),
    Ask("enrolled", "POST", "kaggle.rest.new_upload", FORM),
    *(Ask("alice", "POST", f"kaggle.rpc.{name}", KAGGLE) for name in ("submission", "submitted_file")),
    Ask("alice", "GET", "kaggle.transfers.submission"),
    # nothing is submitted, and nobody's slot taken, without the token of an upload of one's own
    *(Ask("nobody", "POST", f"kaggle.{name}", KAGGLE) for name in ("rpc.new_submission", "rest.new_submission")),
    Ask("nobody", "POST", "kaggle.rest.new_upload_of_1_7", FORM),
]
ASKS = [*SECRET, *PAGES, *API, *OF_KAGGLE]

GUESSES = {  # each that fails is counted
    "pages.signin.sign_in",
    "pages.joining.course",
    "pages.joining.join",
    "pages.device.look",
}
VALUES: Mapping[str, str] = {
    "name": "train.csv",
    "filename": "unseen.css",
    "ref": "1",
    "token_id": "1",
    "size": "9",
    "changed_at": "1",
    "secret": "never-issued",
    "token": "never-issued",
    "code": "NEVER-MADE",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, bundle_folder: Path, sqlite_template: Path) -> Iterator[World]:
    """The world of the console's permissions, from which carol was taken out; everybody has a token."""
    world = World(tmp_path_factory.mktemp("permissions"), bundle_folder, sqlite_template)
    made = world.made
    with closing(made):
        people.take_out(made.db, course=COURSE, username="carol", principal=SERVER, now=made.now)
        for name in sorted(PEOPLE):
            made.token(name, scope(name))
        made.tokens["revoked"] = tokens.issue_token(made.db, "alice", name="revoked", actor="test", now=made.now)
        with made.db.write() as session:
            gone = session.scalars(select(User).where(User.username == "gone")).one()
            made.tokens["gone"] = tokens.add_token(
                session, gone, name="t", scope="staff", expires_at=None, actor="test", now=made.now
            )
            revoked = session.scalars(select(Token).where(Token.name == "revoked")).one()
            revoked.revoked_at = made.now
        made.close()  # what lies in a log beside the file is in the file then
        shutil.copy(made.db.file or "", world.saved)
        yield world


def scope(name: str) -> str:
    return "staff" if name in STAFF | {"rival"} else "submit"


def ask(world: World, name: str, wanted: Ask) -> TestResponse:
    """In the browser of that person, or by a program of theirs with a token."""
    made, client = world.made, world.made.app.test_client()
    sent: dict[str, Any] = dict(wanted.sent(made) if callable(wanted.sent) else wanted.sent or {})
    (rule, *_) = made.app.url_map.iter_rules(wanted.endpoint)
    path = re.sub(r"<(?:[^<>]+:)?(\w+)>", lambda found: {**VALUES, "slug": wanted.slug}[found[1]], rule.rule)
    if path.startswith("/api/") or name == "revoked":
        token = made.tokens.get(name) or made.tokens.get(f"{name}:{scope(name)}")
        sent["headers"] = {"Authorization": f"Bearer {token}"} if token else {}
    elif name != "nobody":
        client.set_cookie(SESSION_COOKIE, f"secret of {name}")
    if wanted.method == "POST" and not path.startswith("/api/"):
        sent["data"] = {**sent.get("data", {}), "csrf_token": CSRF}
    return client.open(path, method=wanted.method, buffered=True, **sent)


@pytest.mark.figure("permissions")
def test_every_route_is_in_one_of_the_tables(whole: World) -> None:
    there = Counter(
        (method, rule.endpoint)
        for rule in whole.made.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    )
    of_the_console = [(route.method, f"pages.console.{route.endpoint}") for route in OF_THE_CONSOLE]
    listed = [*((one.method, one.endpoint) for one in ASKS), *of_the_console]
    assert {*listed} == there.keys()
    assert len(listed) == len({*listed})
    # each is asked at one address, so that it may have no other one
    assert {endpoint for (_, endpoint), addresses in there.items() if addresses > 1} == {"kaggle.anything_else"}


@pytest.mark.figure("permissions")
@pytest.mark.parametrize("wanted", ASKS, ids=str)
def test_who_is_let_in_and_that_others_change_nothing(whole: World, wanted: Ask, figure: Tell) -> None:
    let_in, counted = set(), wanted.endpoint in GUESSES
    may_change = counted or wanted.method != "GET"
    whole.begin(wanted)
    before = whole.dump()
    for name in sorted(EVERYBODY):
        answer = ask(whole, name, wanted)
        has_changed = may_change and whole.dump() != before
        sent_away = answer.status_code == 303 and answer.location.startswith("/login") and not has_changed
        if answer.status_code not in (401, 403, 404) and not sent_away:
            let_in.add(name)
        else:
            assert counted or not has_changed, name
        if has_changed:
            whole.begin(wanted)
        figure("routes by persons", 1)
    assert let_in == LET_IN[wanted.who]
    assert counted or may_change or whole.dump() == before
