"""What a hostile student, an ambitious assistant or somebody else's instructor tried in the console."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from tests.installations import COURSE, Build, Installation
from tests.web.test_pages import PASSWORD, address, browser, hidden

from unseen_server.services import class_lists, joining, rosters, sso
from unseen_server.services.class_lists import BadRoster
from unseen_server.services.principals import SERVER
from unseen_server.services.sso import Identity


def test_nobody_but_the_staff_has_a_class_list_read(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    made, read = build(), []
    monkeypatch.setattr(class_lists, "read", read.append)
    reply = made.client("outsider").post(f"/api/courses/{COURSE}/roster", data=b"username,name\n" + b"1,2,3\n" * 9)
    assert (reply.status_code, read) == (403, [])


def test_a_class_list_of_nothing_but_faults_is_given_up(build: Build) -> None:
    made = build()
    faulty = b"username,name\n" + b"1,2,3\n" * (class_lists.MOST_ROWS + 1)
    with pytest.raises(BadRoster, match="at most") as refused:
        rosters.preview(made.db, course=COURSE, content=faulty, principal=made.principal("teacher"))
    assert len(refused.value.problems) == 1


# names


def join(made: Installation, username: str, email: str = "") -> int:
    code = joining.set_code(made.db, course=COURSE, principal=SERVER, now=made.now)
    form = {"username": username, "email": email, "password": PASSWORD, "again": PASSWORD}
    return made.client().post(f"/join/{code}", data=form).status_code


@pytest.mark.parametrize("username", ["server", "Visitor"])
def test_nobody_acts_under_the_name_that_the_server_has_in_the_audit_log(build: Build, username: str) -> None:
    assert join(build(), username) == 400


def test_whom_a_provider_calls_the_server_gets_another_name(build: Build) -> None:
    made = build()
    sso.sign_in(made.db, Identity("https://idp.example", "1", nickname="server"), now=made.now)
    assert made.token("server-2")


@pytest.mark.parametrize("email", ["a\0b@example.edu", "a\u202eb@example.edu"])
def test_an_address_holds_nothing_unseen(installation: Installation, email: str) -> None:
    assert join(installation, "dora", email) == 400


def renamed(made: Installation, client: FlaskClient, name: str) -> int:
    form = {"name": name, "csrf_token": hidden(client.get(address(made, "/team")).text, "csrf_token")}
    return client.post(address(made, "/team/name"), data=form).status_code


@pytest.mark.parametrize(
    "name", ["Two\u200d words", "Two words\ufe0f", "Two  words", "Two\u00a0words", "T\u034fwo words"]
)
def test_no_team_passes_for_another(build: Build, name: str) -> None:
    made = build()
    assert renamed(made, browser(made, "dora", "Dora"), "Two words") == 303
    assert renamed(made, browser(made, "emil", "Emil"), name) == 409


@pytest.mark.parametrize("name", ["\ufe0f", "\U000e0101\U000e0102", "\u180b"])
def test_a_name_that_shows_nothing_is_none(build: Build, name: str) -> None:
    made = build()
    assert renamed(made, browser(made), name) == 400


def test_an_endless_search_of_the_audit_log_is_cut(build: Build) -> None:
    made = build()
    reply = made.client("teacher").get(f"/api/competitions/{made.slug}/audit", query_string={"search": "a " * 5000})
    assert reply.status_code == 200
