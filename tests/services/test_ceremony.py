"""The ceremony: the board of the reveal, opened from the bottom up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.installations import NOON, Installation
from tests.services.test_end import board, choose
from tests.services.test_submit import send
from tests.visitors import place_baseline

from unseen_server.core.errors import StaffOnly, WrongPhase
from unseen_server.db.models import Extension
from unseen_server.services import accounts, ceremony
from unseen_server.services.ceremony import Outlook, Stage
from unseen_server.services.reveal import reveal


def stage(made: Installation, opened: int, who: str = "teacher") -> Stage:
    return ceremony.stage(made.db, slug=made.slug, opened=opened, principal=made.principal(who), now=made.now)


def outlook(made: Installation) -> Outlook:
    return ceremony.outlook(made.db, slug=made.slug, principal=made.principal("teacher"), now=made.now)


@pytest.fixture
def ended(installation: Installation) -> Installation:
    """Alice before Bob before Carol, a baseline between Alice and Bob and one that nobody reaches."""
    for spread, (seed, who) in zip((1.0, 6.0, 25.0), enumerate(("alice", "bob", "carol")), strict=True):
        send(installation, installation.noisy(spread, seed), who)
    key = installation.bundle.key
    place_baseline(installation, "Near", "strong", key.labels + 3.0)
    place_baseline(installation, "Boss", "boss", key.labels + 0.01)
    installation.pass_deadline()
    return installation


def test_the_places_open_from_the_last_to_the_first(ended: Installation) -> None:
    opened = [[place.team for place in stage(ended, n).places] for n in range(4)]
    assert opened == [[], ["Carol"], ["Bob", "Carol"], ["Boss", "Alice", "Near", "Bob", "Carol"]]
    assert [place.team for place in stage(ended, 3).places if place.new] == ["Boss", "Alice", "Near"]


def test_what_is_shown_is_what_the_reveal_then_writes(ended: Installation) -> None:
    before = stage(ended, 99)
    reveal(ended.db, slug=ended.slug, principal=ended.principal("teacher"), now=ended.now)
    written = [(e.rank, e.previous_rank, e.team, e.score) for e in board(ended, "private").entries]
    assert [(p.rank, p.public_rank, p.team, p.score) for p in before.places] == written
    after = stage(ended, 99)
    assert after.places == before.places
    assert after.revealed_at == ended.now


def test_looking_opens_nothing(ended: Installation) -> None:
    stage(ended, 99)
    assert outlook(ended).revealed_at is None


def test_the_newest_place_is_told_where_it_is_one(ended: Installation) -> None:
    newest = stage(ended, 2).newest
    assert newest
    assert (newest.rank, newest.team) == (2, "Bob")
    assert stage(ended, 0).newest is None


@pytest.mark.parametrize(("asked", "opened"), [(-5, 0), (0, 0), (2, 2), (3, 3), (10**30, 3)])
def test_any_number_may_be_asked_for(ended: Installation, asked: int, opened: int) -> None:
    assert stage(ended, asked).opened == opened


def test_there_is_no_ceremony_before_the_end(installation: Installation) -> None:
    send(installation, installation.noisy(1.0))
    with pytest.raises(WrongPhase):
        stage(installation, 0)


def test_a_ceremony_is_for_instructors(ended: Installation) -> None:
    with ended.db.write() as session:
        helper = accounts.add_user(session, "tess", now=NOON, actor="test")
        accounts.enrol(session, helper, ended.course(session), "assistant", now=NOON, actor="test")
    for who in ("alice", "rival", "tess"):
        with pytest.raises(StaffOnly):
            stage(ended, 0, who)


def test_a_competition_without_submissions_has_an_empty_ceremony(installation: Installation) -> None:
    installation.pass_deadline()
    empty = stage(installation, 5)
    assert (empty.teams, empty.places, empty.after, empty.before) == (0, [], None, None)


def test_the_outlook_tells_who_chose_and_who_may_still_submit(installation: Installation) -> None:
    send(installation, installation.noisy(1.0))
    send(installation, installation.noisy(1.0), "bob")
    choose(installation, 1)
    installation.pass_deadline()
    principal = installation.principal("bob")
    with installation.db.write() as session:
        until = installation.now + timedelta(days=1)
        granted = {"until": until, "extra": 0, "reason": "ill", "actor": "teacher", "at": NOON}
        session.add(Extension(competition_id=1, user_id=principal.user_id, **granted))
    seen = outlook(installation)
    assert (seen.teams, seen.chosen, seen.by_default) == (2, 1, 1)
    assert [(one.person, one.until) for one in seen.extensions] == [("Bob", until)]


def test_the_outlook_tells_who_revealed(ended: Installation) -> None:
    reveal(ended.db, slug=ended.slug, principal=ended.principal("teacher"), now=ended.now)
    assert (outlook(ended).revealed_by, outlook(ended).revealed_at) == ("teacher", ended.now)
