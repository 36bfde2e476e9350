"""Whom a provider has vouched for: known, found by their address or new, whatever the way there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select
from tests.installations import Installation
from tests.services.test_links import PASSWORD, person, signs_in

from unseen_server.core.errors import BadRequest, Busy, Conflict, Forbidden
from unseen_server.db import queries
from unseen_server.db.models import AuditEntry, SsoIdentity
from unseen_server.services import accounts, browser_sessions, sso
from unseen_server.services.principals import SERVER
from unseen_server.services.sso import Entry, Identity

ERIN = Identity("https://id.example.edu", "e1", "erin@example.edu", "Erin 謎", "erin")


def enter(made: Installation, identity: Identity = ERIN) -> Entry:
    return sso.sign_in(made.db, identity, now=made.now)


def who(made: Installation, entry: Entry) -> str:
    found = browser_sessions.principal_of_session(made.db, entry.signed_in.secret, made.now)
    assert found
    return found[0].username


def links_of(made: Installation) -> int:
    with made.db.read() as session:
        linked = session.scalars(select(AuditEntry).where(AuditEntry.action == "sso.link")).all()
        assert len(session.scalars(select(SsoIdentity)).all()) == len(linked)
        return len(linked)


@pytest.mark.parametrize(("issuer", "subject"), [("https://id.example.edu", ""), ("i" * 256, "e1"), ("i", "e" * 256)])
def test_an_identity_that_cannot_be_kept_is_refused(issuer: str, subject: str) -> None:
    with pytest.raises(BadRequest, match="cannot be kept"):
        Identity(issuer, subject)


def test_somebody_is_new_once(installation: Installation) -> None:
    first, again = enter(installation), enter(installation, replace(ERIN, email=None))
    assert (first.is_new, first.linked_now, again.is_new, again.linked_now) == (True, False, False, False)
    assert who(installation, first) == who(installation, again) == "erin"
    assert links_of(installation) == 1


def test_who_comes_twice_at_once_is_asked_to_come_again_and_is_known_then(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(installation)
    with monkeypatch.context() as patch:
        patch.setattr(queries.signing_in, "identity", lambda *_: None)  # as it was when the second one looked
        with pytest.raises(Busy):
            enter(installation, replace(ERIN, email=None))
    assert not enter(installation).is_new
    with installation.db.read() as session:
        assert queries.people.user_by_key(session, "erin-2") is None


def test_a_name_that_cannot_be_shown_gives_way_to_the_user_name(installation: Installation) -> None:
    enter(installation, replace(ERIN, name="\u202e", nickname="Alice"))
    with installation.db.read() as session:
        assert accounts.user_named(session, "Alice-2").display_name == "Alice-2"


def test_whoever_has_the_verified_address_is_linked_and_their_password_ends(installation: Installation) -> None:
    person(installation, "erin", password=PASSWORD)
    entry = enter(installation)
    assert (who(installation, entry), entry.linked_now, entry.is_new) == ("erin", True, False)
    assert not signs_in(installation, "erin", PASSWORD)


def test_a_providers_word_is_not_enough_for_staff(installation: Installation) -> None:
    person(installation, "erin", "assistant", password=PASSWORD)
    with pytest.raises(Forbidden, match="link this sign-in on your account page"):
        enter(installation)
    assert signs_in(installation, "erin", PASSWORD)
    assert links_of(installation) == 0


def test_a_disabled_account_stays_shut_for_a_known_identity(installation: Installation) -> None:
    enter(installation)
    accounts.disable(installation.db, "erin", principal=SERVER, now=installation.now)
    with pytest.raises(Forbidden, match="disabled"):
        enter(installation)


def test_an_identity_is_linked_once_and_with_one_person(installation: Installation) -> None:
    alice = installation.principal("alice")
    for _ in range(2):
        sso.link(installation.db, ERIN, principal=alice, now=installation.now)
    assert links_of(installation) == 1
    with pytest.raises(Conflict, match="another account"):
        sso.link(installation.db, ERIN, principal=installation.principal("bob"), now=installation.now)
    assert who(installation, enter(installation)) == "alice"


def test_a_link_goes_where_a_password_remains(installation: Installation) -> None:
    person(installation, "dora", password=PASSWORD)
    dora = installation.principal("dora")
    sso.link(installation.db, ERIN, principal=dora, now=installation.now)
    sso.unlink(installation.db, ERIN.issuer, principal=dora, now=installation.now)
    assert enter(installation).is_new
    with pytest.raises(Conflict, match="no password"):
        sso.unlink(installation.db, ERIN.issuer, principal=installation.principal("erin"), now=installation.now)
