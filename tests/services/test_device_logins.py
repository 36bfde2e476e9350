"""Programs let in through the browser: who gets the token, once, and how long the door stays open."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text
from tests.installations import Installation

from unseen_server.core.digests import digest_of
from unseen_server.core.errors import (
    AccessDenied,
    AuthorizationPending,
    ExpiredToken,
    Refusal,
    SlowDown,
    TooManyAttempts,
    UnknownDeviceCode,
)
from unseen_server.db import queries
from unseen_server.services import accounts, attempts, device_logins, erasing, tokens
from unseen_server.services.device_logins import INTERVAL, LASTS, Begun, LetIn
from unseen_server.services.principals import SERVER


def begun(made: Installation, device: str = "laptop", address: str = "192.0.2.7") -> Begun:
    return device_logins.begin(made.db, device=device, address=address, now=made.now)


def answered(made: Installation, code: str, who: str = "alice", allow: bool = True) -> None:
    device_logins.answer(made.db, code, allow=allow, principal=made.principal(who), now=made.now)


def shown(made: Installation, code: str, who: str = "alice") -> device_logins.Asked:
    return device_logins.asked_with(made.db, code, principal=made.principal(who), now=made.now)


def collected(made: Installation, begun: Begun) -> LetIn:
    return device_logins.collect(made.db, device_code=begun.device_code, now=made.now)


def outcome(made: Installation, begun: Begun) -> type[LetIn | Refusal]:
    try:
        return type(collected(made, begun))
    except Refusal as refusal:
        return type(refusal)


def everything_kept(made: Installation) -> str:
    with made.db.read() as session:
        return str(session.execute(text("SELECT * FROM device_logins")).all())


def test_whoever_confirms_is_who_the_token_is_of(installation: Installation) -> None:
    asked = begun(installation)
    answered(installation, asked.user_code)
    let_in = collected(installation, asked)
    person = tokens.principal_of_token(installation.db, let_in.token, installation.now)
    assert let_in.username == person.username == "alice"
    assert (person.scope, person.token_name) == ("submit", "laptop")
    assert person.token_expires_at == installation.now + timedelta(days=180)


def test_the_token_is_given_once(installation: Installation) -> None:
    asked = begun(installation)
    answered(installation, asked.user_code)
    assert outcome(installation, asked) is LetIn
    assert outcome(installation, asked) is ExpiredToken


def test_of_several_who_ask_at_the_same_time_one_gets_it(installation: Installation) -> None:
    asked = begun(installation)
    answered(installation, asked.user_code)
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda _: outcome(installation, asked), range(6)))
    assert sorted(one.__name__ for one in outcomes) == ["ExpiredToken"] * 5 + ["LetIn"]
    alice = installation.principal("alice").user_id
    assert [token.name for token in tokens.own_tokens(installation.db, alice)].count("laptop") == 1


def test_of_two_who_both_saw_it_confirmed_one_gets_it(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = begun(installation)
    answered(installation, asked.user_code)
    with installation.db.read() as session:
        seen = queries.signing_in.device_login_with_digest(session, digest_of(asked.device_code))
    monkeypatch.setattr(queries.signing_in, "device_login_with_digest", lambda *_: seen)
    assert [outcome(installation, asked) for _ in range(2)] == [LetIn, ExpiredToken]


def test_of_two_who_answer_what_both_saw_open_the_first_counts(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = begun(installation)
    with installation.db.read() as session:
        seen = queries.signing_in.device_login_with_code(session, asked.user_code)
    monkeypatch.setattr(queries.signing_in, "device_login_with_code", lambda *_: seen)
    answered(installation, asked.user_code, "alice")
    with pytest.raises(UnknownDeviceCode):
        answered(installation, asked.user_code, "bob")
    assert collected(installation, asked).username == "alice"


def test_until_somebody_answers_the_program_waits(installation: Installation) -> None:
    asked = begun(installation)
    assert outcome(installation, asked) is AuthorizationPending
    installation.now += INTERVAL
    assert outcome(installation, asked) is AuthorizationPending
    answered(installation, asked.user_code)
    installation.now += INTERVAL
    assert outcome(installation, asked) is LetIn


def test_asking_sooner_than_told_is_slowed_down_and_costs_nothing(installation: Installation) -> None:
    asked = begun(installation)
    assert outcome(installation, asked) is AuthorizationPending
    installation.now += timedelta(seconds=1)
    answered(installation, asked.user_code)
    assert outcome(installation, asked) is SlowDown
    installation.now += INTERVAL
    assert outcome(installation, asked) is LetIn


def test_a_refusal_is_told_and_makes_no_token(installation: Installation) -> None:
    asked = begun(installation)
    before = len(tokens.own_tokens(installation.db, installation.principal("alice").user_id))
    answered(installation, asked.user_code, allow=False)
    assert outcome(installation, asked) is AccessDenied
    assert len(tokens.own_tokens(installation.db, installation.principal("alice").user_id)) == before


def test_the_first_answer_stands(installation: Installation) -> None:
    asked = begun(installation)
    answered(installation, asked.user_code, "alice")
    for who, allow in (("bob", True), ("alice", False)):
        with pytest.raises(UnknownDeviceCode):
            answered(installation, asked.user_code, who, allow)
    with pytest.raises(UnknownDeviceCode):
        shown(installation, asked.user_code)
    assert collected(installation, asked).username == "alice"


def test_after_ten_minutes_it_is_over_for_both(installation: Installation) -> None:
    late, confirmed = begun(installation), begun(installation)
    answered(installation, confirmed.user_code)
    installation.now += LASTS
    with pytest.raises(UnknownDeviceCode):
        answered(installation, late.user_code)
    assert outcome(installation, late) is outcome(installation, confirmed) is ExpiredToken


def test_what_is_over_is_forgotten_when_the_next_one_asks(installation: Installation) -> None:
    old = begun(installation)
    installation.now += LASTS
    new = begun(installation)
    kept = everything_kept(installation)
    assert old.user_code not in kept
    assert new.user_code in kept


def test_a_secret_that_was_never_given_is_answered_like_an_old_one(installation: Installation) -> None:
    with pytest.raises(ExpiredToken):
        device_logins.collect(installation.db, device_code="guessed", now=installation.now)


def test_somebody_who_was_disabled_meanwhile_gets_nothing(installation: Installation) -> None:
    asked = begun(installation)
    answered(installation, asked.user_code)
    accounts.disable(installation.db, "alice", principal=SERVER, now=installation.now)
    assert outcome(installation, asked) is ExpiredToken
    accounts.enable(installation.db, "alice", principal=SERVER, now=installation.now)
    assert outcome(installation, asked) is ExpiredToken
    with installation.db.read() as session:
        assert "laptop" not in session.scalars(text("SELECT name FROM tokens")).all()


def test_a_confirmation_that_arrives_after_the_person_was_disabled_gives_nothing(installation: Installation) -> None:
    asked, alice = begun(installation), installation.principal("alice")
    accounts.disable(installation.db, "alice", principal=SERVER, now=installation.now)
    device_logins.answer(installation.db, asked.user_code, allow=True, principal=alice, now=installation.now)
    assert outcome(installation, asked) is AccessDenied


def test_neither_the_secret_nor_the_token_is_kept(installation: Installation) -> None:
    asked = begun(installation)
    answered(installation, asked.user_code)
    token = collected(installation, asked).token
    with installation.db.read() as session:
        kept = everything_kept(installation) + str(session.execute(text("SELECT * FROM tokens")).all())
        kept += str(session.execute(text("SELECT details FROM audit")).all())
    assert asked.device_code not in kept
    assert token not in kept
    assert asked.device_code not in repr(asked)


@pytest.mark.parametrize(
    "change", [str, str.lower, lambda code: code.replace("-", " "), lambda code: f" {code[:4]}{code[5:]} "]
)
def test_a_code_is_known_however_it_is_typed(installation: Installation, change) -> None:
    asked = begun(installation)
    assert shown(installation, change(asked.user_code)).user_code == asked.user_code


@pytest.mark.parametrize("typed", ["", "BCDF", "BCDF-GHJA", "BCDF-GHJKL", "\0" * 8, "Ｂ" * 40])
def test_what_is_no_code_is_no_code(typed: str) -> None:
    assert device_logins.canonical(typed) is None


def test_the_person_sees_what_asks_from_where_and_when(installation: Installation) -> None:
    asked = shown(installation, begun(installation).user_code)
    assert (asked.device, asked.address, asked.asked_at) == ("laptop", "192.0.2.7", installation.now)


@pytest.mark.parametrize("name", ["", "   ", "lap\ntop", "\u202epotpal", "\u3164"])
def test_a_name_that_cannot_be_shown_counts_as_none(installation: Installation, name: str) -> None:
    assert shown(installation, begun(installation, name).user_code).device == device_logins.NAMELESS


@pytest.mark.parametrize("name", ["x" * 5000, "ﷺ" * 60, "ß" * 60])
def test_a_long_name_still_becomes_the_name_of_a_token(installation: Installation, name: str) -> None:
    asked = begun(installation, name)
    answered(installation, asked.user_code)
    assert outcome(installation, asked) is LetIn


def test_wrong_codes_are_counted_for_the_person_who_types_them(installation: Installation) -> None:
    asked = begun(installation)
    for _ in range(device_logins.WRONG_CODES):
        with pytest.raises(UnknownDeviceCode):
            shown(installation, "BBBB-BBBB")
    for refused in (shown, answered):
        with pytest.raises(TooManyAttempts):
            refused(installation, asked.user_code)
    assert shown(installation, asked.user_code, "bob").device == "laptop"
    installation.now += attempts.WINDOW
    with pytest.raises(UnknownDeviceCode):  # by now too old
        shown(installation, asked.user_code)


def test_one_address_can_leave_only_so_many_open(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_logins, "PENDING_FROM_ADDRESS", 2)
    first = begun(installation)
    begun(installation)
    with pytest.raises(TooManyAttempts) as caught:
        begun(installation)
    assert caught.value.values["retry_after"] == 600
    begun(installation, address="192.0.2.8")
    answered(installation, first.user_code)
    begun(installation)


def test_no_two_programs_show_the_same_code(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    letters = iter("BCDFGHJK" * 2 + "LMNPQRST")
    monkeypatch.setattr(secrets, "choice", lambda _: next(letters))
    assert [begun(installation).user_code for _ in range(2)] == ["BCDF-GHJK", "LMNP-QRST"]


def test_erasing_a_person_forgets_what_they_confirmed(installation: Installation) -> None:
    asked = begun(installation)
    answered(installation, asked.user_code)
    erasing.erase(installation.db, username="alice", principal=SERVER, now=installation.now)
    assert outcome(installation, asked) is ExpiredToken
