"""Single sign-on against a real OpenID Connect provider, in a process of its own, over HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from tests.identity_provider import Provider, running_provider
from tests.installations import Build, Installation, free_port
from tests.services.test_links import PASSWORD, issued, person, signs_in
from tests.visitors import add, browser, hidden, sign_in
from werkzeug.test import TestResponse

from unseen_server.config import SingleSignOn
from unseen_server.core.errors import DeadLink, NotSignedIn
from unseen_server.services import accounts, links, tokens
from unseen_server.services.principals import SERVER
from unseen_server.web import sso

CLIENT = "unseen"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as running:
        yield running


@pytest.fixture
def made(build: Build, provider: Provider) -> Iterator[Installation]:
    plain = build()
    config = replace(plain.config, single_sign_on=SingleSignOn(provider.url, CLIENT, "hush", "NTU"))
    installation = Installation(config, plain.db, plain.folder, plain.bundle, plain.now)
    yield installation
    installation.app.extensions["unseen"].db.close()


def begin(client: FlaskClient, after: str = "") -> str:
    return str(client.get("/login/sso", query_string={"next": after}).location)


def come_back(client: FlaskClient, location: str) -> TestResponse:
    return client.get(location.removeprefix("http://localhost"))


def enter(client: FlaskClient, provider: Provider, subject: str, after: str = "") -> TestResponse:
    return come_back(client, provider.authorizes(begin(client, after), subject))


def changed(address: str, **values: str) -> str:
    """The address with other values in its query."""
    return urlsplit(address)._replace(query=urlencode({**dict(parse_qsl(urlsplit(address).query)), **values})).geturl()


def who(client: FlaskClient) -> str | None:
    found = re.search(r"<dt>User name</dt><dd>([^<]*)</dd>", client.get("/account").text)
    return found[1] if found else None


def identities(made: Installation) -> int:
    with made.db.read() as session:
        return session.execute(text("SELECT count(*) FROM sso_identities")).scalar_one()


# who somebody is


@pytest.mark.slow
def test_somebody_new_gets_an_account_without_a_course(made: Installation, provider: Provider) -> None:
    provider.vouches("n1", email="erin@example.edu", email_verified=True, name="Erin 謎", preferred_username="erin")
    client = made.client()
    assert enter(client, provider, "n1").location == "/join"
    page = client.get("/account").text
    assert (who(client), "Erin 謎" in page, "erin@example.edu" in page) == ("erin", True, True)
    assert "not enrolled in a course yet" in page


def test_somebody_known_comes_back_as_themselves_even_under_another_address(
    made: Installation, provider: Provider
) -> None:
    provider.vouches("k1", email="kim@example.edu", email_verified=True, preferred_username="kim")
    enter(made.client(), provider, "k1")
    provider.vouches("k1", email="alice@example.edu", email_verified=True, preferred_username="alice")
    client = made.client()
    assert enter(client, provider, "k1", "/account").location == "/account"
    assert who(client) == "kim"
    assert identities(made) == 1


def test_a_verified_address_leads_to_the_person_who_has_it(made: Installation, provider: Provider) -> None:
    person(made, "frank")
    provider.vouches("f1", email="Frank@Example.edu", email_verified=True)
    client = made.client()
    enter(client, provider, "f1")
    assert who(client) == "frank"


@pytest.mark.parametrize("verified", [{}, {"email_verified": False}, {"email_verified": "true"}])
def test_an_address_that_is_not_verified_leads_to_nobody(
    made: Installation, provider: Provider, verified: dict[str, object]
) -> None:
    person(made, "frank")
    provider.vouches("u1", email="frank@example.edu", preferred_username="frank", **verified)
    client = made.client()
    enter(client, provider, "u1")
    assert who(client) == "frank-2"
    assert "frank@example.edu" not in client.get("/account").text


def test_whoever_made_an_account_with_somebody_elses_address_loses_it(made: Installation, provider: Provider) -> None:
    person(made, "victim", password=PASSWORD)
    squatter = made.client()
    sign_in(squatter, "victim")
    token, link = made.token("victim"), issued(made, "victim")
    provider.vouches("v1", email="victim@example.edu", email_verified=True)
    enter(made.client(), provider, "v1")
    assert not signs_in(made, "victim", PASSWORD)
    assert "Sign out" not in squatter.get("/competitions").text
    with pytest.raises(NotSignedIn):
        tokens.principal_of_token(made.db, token, made.now)
    with pytest.raises(DeadLink):
        links.holder(made.db, link, made.now)


@pytest.mark.parametrize("role", ["assistant", "instructor", "admin"])
def test_staff_are_not_found_by_their_address(made: Installation, provider: Provider, role: str) -> None:
    person(made, "boss", "student" if role == "admin" else role, password=PASSWORD)
    if role == "admin":
        with made.db.write() as session:
            accounts.user_named(session, "boss").is_admin = True
    provider.vouches("b1", email="boss@example.edu", email_verified=True)
    client = made.client()
    page = enter(client, provider, "b1")
    assert (page.status_code, "link this sign-in on your account page" in page.text) == (403, True)
    assert who(client) is None
    assert identities(made) == 0
    assert signs_in(made, "boss", PASSWORD)


def test_the_disabled_stay_out(made: Installation, provider: Provider) -> None:
    person(made, "gone")
    provider.vouches("g1", email="gone@example.edu", email_verified=True)
    accounts.disable(made.db, "gone", principal=SERVER, now=made.now)
    for _ in range(2):
        client = made.client()
        assert enter(client, provider, "g1").status_code == 403
        assert who(client) is None
    assert identities(made) == 0


@pytest.mark.parametrize("known_as", ["alice", "ALICE@elsewhere.example", "../../é", "<script>"])
def test_a_name_from_elsewhere_takes_nobodys_place(made: Installation, provider: Provider, known_as: str) -> None:
    provider.vouches("x1", preferred_username=known_as, name="‮\n")
    client = made.client()
    enter(client, provider, "x1")
    assert re.fullmatch(r"(ALICE|alice)-2|student|script", str(who(client)))


# the protocol


def test_the_way_there_carries_state_nonce_and_a_challenge(made: Installation) -> None:
    sent = dict(parse_qsl(urlsplit(begin(made.client())).query))
    assert (sent["response_type"], sent["client_id"], sent["code_challenge_method"]) == ("code", CLIENT, "S256")
    assert min(len(sent[name]) for name in ("state", "nonce", "code_challenge")) >= 20
    assert sent["redirect_uri"] == "http://localhost/login/sso/callback"


def refused(client: FlaskClient, page: TestResponse) -> bool:
    return page.status_code == 403 and "could not be completed" in page.text and who(client) is None


def test_an_answer_counts_in_the_browser_that_asked(made: Installation, provider: Provider) -> None:
    asking, victim = made.client(), made.client()
    back = provider.authorizes(begin(asking), "s1")
    assert refused(victim, come_back(victim, back))
    begin(victim)
    assert refused(victim, come_back(victim, back))
    assert come_back(asking, back).status_code == 303


@pytest.mark.slow
@pytest.mark.parametrize("state", ["", "made-up"])
def test_an_answer_with_another_state_counts_for_nothing(made: Installation, provider: Provider, state: str) -> None:
    client = made.client()
    assert refused(client, come_back(client, changed(provider.authorizes(begin(client), "s1"), state=state)))


def test_attempts_that_were_broken_off_leave_room_for_the_next(made: Installation, provider: Provider) -> None:
    client = made.client()
    for _ in range(20):
        begin(client, "/account")
    assert len(client.get_cookie("unseen_notices").value) < 2000
    assert enter(client, provider, "r1").status_code == 303


def test_an_answer_counts_once(made: Installation, provider: Provider) -> None:
    client = made.client()
    back = provider.authorizes(begin(client), "s1")
    assert come_back(client, back).status_code == 303
    page = client.get("/account").text
    client.post("/logout", data={"csrf_token": hidden(page, "csrf_token")})
    assert refused(client, come_back(client, back))


def test_an_answer_to_another_question_counts_for_nothing(made: Installation, provider: Provider) -> None:
    client = made.client()
    assert refused(client, come_back(client, provider.authorizes(changed(begin(client), nonce="another"), "s1")))


def test_a_code_for_another_site_is_of_no_use(made: Installation, provider: Provider) -> None:
    client = made.client()
    assert refused(client, come_back(client, provider.authorizes(changed(begin(client), client_id="other"), "s1")))


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "somebody-else"},
        {"aud": ["somebody-else"], "azp": CLIENT},
        {"iss": "https://evil.example"},
        {"exp": 1_000_000_000},
        {"nonce": "another"},
        {"azp": "somebody-else"},
    ],
)
def test_a_token_for_somebody_else_from_somebody_else_or_out_of_time_is_refused(
    made: Installation, provider: Provider, claims: dict[str, object]
) -> None:
    provider.vouches("t1", **claims)
    client = made.client()
    assert refused(client, enter(client, provider, "t1"))
    assert identities(made) == 0


def test_a_token_signed_by_somebody_else_is_refused(made: Installation, provider: Provider) -> None:
    """The keys of another provider do not open it."""
    client = made.client()
    back = provider.authorizes(begin(client), "s1")
    connected = made.app.extensions[sso.EXTENSION]
    keys = connected.fetch_jwk_set()
    keys["keys"][0]["n"] = keys["keys"][0]["n"][::-1]
    assert refused(client, come_back(client, back))


def test_a_refusal_at_the_provider_is_said_in_our_words(made: Installation, provider: Provider) -> None:
    client = made.client()
    sent = dict(parse_qsl(urlsplit(begin(client)).query))
    page = client.get(
        "/login/sso/callback",
        query_string={"error": "access_denied", "error_description": "<b>call 555</b>", "state": sent["state"]},
    )
    assert refused(client, page)
    assert "555" not in page.text


def test_a_provider_that_does_not_answer_is_said_so(made: Installation, build: Build) -> None:
    away = SingleSignOn(f"http://127.0.0.1:{free_port()}", CLIENT, "hush", "NTU")
    lonely = Installation(replace(made.config, single_sign_on=away), made.db, made.folder, made.bundle)
    page = lonely.client().get("/login/sso")
    assert (page.status_code, "NTU does not answer" in page.text) == (502, True)
    lonely.app.extensions["unseen"].db.close()


def test_a_provider_that_calls_itself_otherwise_is_not_believed(made: Installation, provider: Provider) -> None:
    elsewhere = SingleSignOn(provider.url.replace("127.0.0.1", "localhost"), CLIENT, "hush", "NTU")
    confused = Installation(replace(made.config, single_sign_on=elsewhere), made.db, made.folder, made.bundle)
    connected = confused.app.extensions[sso.EXTENSION]
    connected.load_server_metadata()["issuer"] = provider.url
    assert confused.client().get("/login/sso").status_code == 502
    confused.app.extensions["unseen"].db.close()


@pytest.mark.parametrize("after", ["https://evil.example/", "//evil.example", "/\\evil.example"])
def test_nobody_is_sent_elsewhere(made: Installation, provider: Provider, after: str) -> None:
    person(made, "frank")
    provider.vouches("f2", email="frank@example.edu", email_verified=True)
    assert enter(made.client(), provider, "f2", after).location == "/competitions"


# linking


def test_staff_link_on_their_account_page_once_they_confirm(made: Installation, provider: Provider) -> None:
    client = browser(made, "boss", "Boss", "instructor")
    provider.vouches("l1", email="boss@example.edu", email_verified=True)
    assert enter(client, provider, "l1", "/account").location == "/account/sso"
    page = client.get("/account/sso").text
    assert "boss@example.edu" in page
    assert identities(made) == 0
    assert client.post("/account/sso").status_code == 403
    assert identities(made) == 0
    assert client.post("/account/sso", data={"csrf_token": hidden(page, "csrf_token")}).status_code == 303
    other = made.client()
    enter(other, provider, "l1")
    assert who(other) == "boss"
    assert signs_in(made, "boss", PASSWORD)


def test_an_identity_that_waits_is_for_whoever_brought_it(made: Installation, provider: Provider) -> None:
    client = browser(made, "boss", "Boss", "instructor")
    add(made, "eve", "Eve")
    enter(client, provider, "l2")
    sign_in(client, "eve")
    assert client.get("/account/sso").location == "/account"
    page = client.get("/account").text
    assert client.post("/account/sso", data={"csrf_token": hidden(page, "csrf_token")}).status_code == 400
    assert identities(made) == 0


def test_one_identity_is_one_person(made: Installation, provider: Provider) -> None:
    enter(made.client(), provider, "l3")
    client = browser(made, "boss", "Boss", "instructor")
    enter(client, provider, "l3")
    page = client.get("/account/sso").text
    assert client.post("/account/sso", data={"csrf_token": hidden(page, "csrf_token")}).status_code == 409


def test_a_link_is_removed_where_a_password_remains(made: Installation, provider: Provider) -> None:
    client = browser(made, "boss", "Boss", "instructor")
    enter(client, provider, "l4")
    form = {"csrf_token": hidden(client.get("/account").text, "csrf_token"), "issuer": provider.url}
    client.post("/account/sso", data=form)
    assert identities(made) == 1
    assert client.post("/account/sso/unlink", data=form).status_code == 303
    assert identities(made) == 0
    without = made.client()
    enter(without, provider, "l5")
    form["csrf_token"] = hidden(without.get("/account").text, "csrf_token")
    assert without.post("/account/sso/unlink", data=form).status_code == 409


@pytest.mark.slow
def test_where_no_provider_is_configured_there_is_no_button(build: Build) -> None:
    client = build().client()
    assert "/login/sso" not in client.get("/login").text
    assert client.get("/login/sso").status_code == client.get("/login/sso/callback").status_code == 404
    assert browser(build()).get("/account/sso").status_code in (303, 404)


@pytest.mark.slow
def test_the_button_is_a_link(made: Installation) -> None:
    assert re.search(
        r'<a class="act" href="/login/sso\?next=[^"]*">Sign in with NTU</a>', made.client().get("/login").text
    )
