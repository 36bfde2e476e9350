"""People: kept out, their passwords changed, their names shown; and joining a course by its code."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import text
from tests.installations import COURSE, Installation
from tests.services.test_links import PASSWORD, issued, person, signs_in
from tests.sparing import SERVERS_HASHER

from unseen_server.core import common_passwords
from unseen_server.core.errors import (
    BadRequest,
    Conflict,
    NameTaken,
    NotFound,
    NotSignedIn,
    Refusal,
    StaffOnly,
    TooManyAttempts,
    UnknownJoinCode,
)
from unseen_server.services import accounts, boards, browser_sessions, joining, links, passwords, tokens
from unseen_server.services.browser_sessions import SignedIn
from unseen_server.services.principals import SERVER, Principal
from unseen_server.services.submit import submit

ADDRESS = "192.0.2.1"


def begin(made: Installation, name: str = "dora", password: str = PASSWORD) -> SignedIn:
    return passwords.sign_in(made.db, name=name, password=password, address=ADDRESS, now=made.now)


def alive(made: Installation, started: SignedIn) -> bool:
    return browser_sessions.principal_of_session(made.db, started.secret, made.now) is not None


def audited(made: Installation) -> list[tuple[str, str, str]]:
    with made.db.read() as session:
        return [tuple(row) for row in session.execute(text("SELECT actor, action, subject FROM audit ORDER BY id"))]


# disabling


def test_disabling_ends_sessions_and_tokens_at_once_and_for_good(installation: Installation) -> None:
    person(installation, "dora", password=PASSWORD)
    started, token = begin(installation), installation.token("dora")
    accounts.disable(installation.db, "dora", principal=SERVER, now=installation.now)
    assert not alive(installation, started)
    assert not signs_in(installation, "dora", PASSWORD)
    accounts.enable(installation.db, "dora", principal=SERVER, now=installation.now)
    assert not alive(installation, started)
    with pytest.raises(NotSignedIn):
        tokens.principal_of_token(installation.db, token, installation.now)
    assert signs_in(installation, "dora", PASSWORD)
    assert ("server", "user.disable", "dora") in audited(installation)
    assert ("server", "user.enable", "dora") in audited(installation)


def test_a_disabled_person_gets_no_token(installation: Installation) -> None:
    accounts.disable(installation.db, "alice", principal=SERVER, now=installation.now)
    with pytest.raises(Conflict):
        tokens.issue_token(installation.db, "alice", actor="test", now=installation.now)


def test_only_an_administrator_disables_and_never_themselves(installation: Installation) -> None:
    for change in (accounts.disable, accounts.enable):
        with pytest.raises(StaffOnly):
            change(installation.db, "alice", principal=installation.principal("teacher"), now=installation.now)
    with installation.db.write() as session:
        accounts.user_named(session, "teacher").is_admin = True
    with pytest.raises(Conflict):
        accounts.disable(installation.db, "teacher", principal=installation.principal("teacher"), now=installation.now)


def test_what_is_so_already_changes_nothing_and_is_not_written_down_again(installation: Installation) -> None:
    alice = installation.principal("alice").user_id
    accounts.set_display_name(installation.db, alice, "Alice", now=installation.now)
    accounts.enable(installation.db, "alice", principal=SERVER, now=installation.now)
    assert [action for _, action, name in audited(installation) if name == "alice"] == [
        "user.add",
        "enrol",
        "token.issue",
    ]
    for day in range(2):
        at = installation.now + timedelta(days=day)
        accounts.disable(installation.db, "alice", principal=SERVER, now=at)
    assert audited(installation).count(("server", "user.disable", "alice")) == 1
    with installation.db.read() as session:
        assert accounts.user_named(session, "alice").disabled_at == installation.now


# tokens


def test_nobody_gets_a_token_for_a_name_that_nobody_has(installation: Installation) -> None:
    with pytest.raises(NotFound, match="user “nobody”"):
        tokens.issue_token(installation.db, "nobody", actor="test", now=installation.now)


def test_a_token_goes_no_further_than_some_scope_that_there_is(installation: Installation) -> None:
    with pytest.raises(BadRequest, match="Use one of: read, submit, staff"):
        tokens.issue_token(installation.db, "alice", scope="everything", actor="test", now=installation.now)


def test_a_token_is_revoked_once(installation: Installation) -> None:
    alice = installation.principal("alice")
    (token,) = tokens.own_tokens(installation.db, alice.user_id)
    for _ in range(2):
        tokens.revoke_token(
            installation.db, token.id, user_id=alice.user_id, actor=alice.username, now=installation.now
        )
    assert audited(installation).count(("alice", "token.revoke", token.prefix)) == 1
    with pytest.raises(NotSignedIn):
        installation.principal("alice")


# passwords


def change(made: Installation, started: SignedIn, old: str, new: str) -> None:
    found = browser_sessions.principal_of_session(made.db, started.secret, made.now)
    assert found
    passwords.change_password(
        made.db, found[0], old=old, new=new, browser=started.secret, address=ADDRESS, now=made.now
    )


def test_changing_the_password_signs_out_every_browser_but_this_one(installation: Installation) -> None:
    person(installation, "dora", password=PASSWORD)
    here, there = begin(installation), begin(installation)
    change(installation, here, PASSWORD, "battery staple")
    assert alive(installation, here)
    assert not alive(installation, there)
    assert signs_in(installation, "dora", "battery staple")
    assert not signs_in(installation, "dora", PASSWORD)
    assert ("dora", "user.password", "dora") in audited(installation)


def test_the_right_password_uses_no_attempt_up_whatever_is_wrong_with_the_new_one(installation: Installation) -> None:
    person(installation, "dora", password=PASSWORD)
    here = begin(installation)
    for _ in range(passwords.ATTEMPTS_AT_NAME_FROM_ADDRESS + 1):
        with pytest.raises(BadRequest, match="at least"):
            change(installation, here, PASSWORD, "short")


def test_a_stolen_browser_does_not_guess_the_password(installation: Installation) -> None:
    person(installation, "dora", password=PASSWORD)
    here = begin(installation)
    for _ in range(passwords.ATTEMPTS_AT_NAME_FROM_ADDRESS):
        with pytest.raises(BadRequest):
            change(installation, here, "a guess", "battery staple")
    with pytest.raises(TooManyAttempts):
        change(installation, here, PASSWORD, "battery staple")


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "PASSWORD1",
        "iloveyou",
        "12345678",
        "1qaz2wsx",
        "Baseball2026!",
        "!!sunshine!!",
        "dave1234",
        "Unseen-2026",
    ],
)
def test_a_password_that_is_guessed_first_is_refused(installation: Installation, password: str) -> None:
    with installation.db.write() as session, pytest.raises(BadRequest, match="Choose another one"):
        accounts.add_user(
            session, "dave1", email="dave@example.edu", password=password, now=installation.now, actor="test"
        )


def test_nor_when_it_is_changed(installation: Installation) -> None:
    person(installation, "dora", password=PASSWORD)
    with installation.db.write() as session:
        accounts.user_named(session, "dora").email = "rabbithole@example.edu"
    secret = issued(installation, "dora")
    with pytest.raises(BadRequest, match="a name that others know"):
        change(installation, begin(installation), PASSWORD, "Rabbithole-7")
    with pytest.raises(BadRequest, match="a name that others know"):
        links.follow(installation.db, secret, password="Rabbithole-7", now=installation.now)
    with installation.db.write() as session:
        user = accounts.user_named(session, "dora")
        with pytest.raises(BadRequest, match="a name that others know"):
            passwords.set_password(session, user, "Rabbithole-7", now=installation.now, actor="test")


@pytest.mark.parametrize(
    "password",
    ["correct horse", "password of a dave", "aaaa bbbb", "密碼密碼密碼密碼", "7305-9914-2286-5501", "x" * 64],
)
def test_any_other_password_will_do(password: str) -> None:
    assert passwords.checked_password(password, "dave1") == password


def test_the_list_of_common_passwords_has_more_than_the_3000_that_are_asked_for() -> None:
    """OWASP ASVS 5.0, 6.2.4, of which those count that could be chosen here."""
    common = common_passwords._common()
    assert len([password for password in common if len(password) >= passwords.SHORTEST_PASSWORD]) > 10_000


def test_who_has_a_common_password_already_can_still_sign_in(installation: Installation) -> None:
    with installation.db.write() as session:
        accounts.user_named(session, "alice").password_hash = passwords._hasher.hash("password")
    passwords.sign_in(installation.db, name="alice", password="password", address="::1", now=installation.now)


@pytest.mark.parametrize("new", ["short", "x" * 1001])
def test_a_password_has_a_length(installation: Installation, new: str) -> None:
    person(installation, "dora", password=PASSWORD)
    with pytest.raises(BadRequest):
        change(installation, begin(installation), PASSWORD, new)


@pytest.mark.parametrize("meanwhile", ["disabled", "another password"])
def test_what_changes_while_a_password_is_compared_counts(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    person(installation, "dora", password=PASSWORD)

    def slowly(*_: object) -> bool:
        if meanwhile == "disabled":
            accounts.disable(installation.db, "dora", principal=SERVER, now=installation.now)
        else:
            with installation.db.write() as session:
                user = accounts.user_named(session, "dora")
                passwords.set_password(session, user, "battery staple", now=installation.now, actor="test")
        return True

    monkeypatch.setattr(passwords, "_password_fits", slowly)
    assert not signs_in(installation, "dora", PASSWORD)


def test_signing_out_everywhere_ends_every_browser(installation: Installation) -> None:
    person(installation, "dora", password=PASSWORD)
    browsers = [begin(installation) for _ in range(3)]
    browser_sessions.sign_out_everywhere(installation.db, installation.principal("dora"), now=installation.now)
    assert not any(alive(installation, browser) for browser in browsers)


def test_another_name_is_on_the_board_at_once(installation: Installation) -> None:
    alice = installation.principal("alice")
    place = {"slug": installation.slug, "principal": alice}
    submit(
        installation.db,
        installation.keys,
        upload=installation.upload(installation.file()),
        received_at=installation.now,
        **place,
    )
    before = boards.state(installation.db, now=installation.now, **place).stamp
    accounts.set_display_name(installation.db, alice.user_id, "Alice B.", now=installation.now)
    assert boards.state(installation.db, now=installation.now, **place).stamp != before
    for name in ("", "\u200b", "a\u202eb", "x" * 201):
        with pytest.raises(BadRequest):
            accounts.set_display_name(installation.db, alice.user_id, name, now=installation.now)


# joining


def opened(made: Installation) -> str:
    return joining.set_code(made.db, course=COURSE, principal=made.principal("teacher"), now=made.now)


def role_of(made: Installation, name: str) -> dict[str, str]:
    return {course.slug: course.role for course in accounts.courses_of(made.db, principal_of(made, name).user_id)}


def principal_of(made: Installation, name: str) -> Principal:
    return tokens.principal_of_token(made.db, made.token(name), made.now)


def newcomer(made: Installation, code: str, **given: str) -> SignedIn:
    fields = {"username": "erin", "display_name": "Erin", "email": "", "password": PASSWORD, **given}
    return joining.join_as_somebody_new(made.db, code=code, address=ADDRESS, now=made.now, **fields)


def test_a_code_has_forty_bits_and_no_letter_that_is_misread(installation: Installation) -> None:
    codes = {opened(installation) for _ in range(50)}
    assert len(codes) == 50
    assert not set("".join(codes)) & set("ILOU")
    assert len(joining.ALPHABET) ** joining.LENGTH >= 2**40


@pytest.mark.parametrize("typed", ["k7qf2m9x", " K7QF 2M9X ", "K7QF-2M9X", "k7qf--2m9x", "Ｋ７ＱＦ-2M9X"])
def test_a_code_is_known_however_it_is_typed(typed: str) -> None:
    assert joining.canonical(typed) == "K7QF-2M9X"


def test_letters_that_look_like_digits_are_taken_for_them() -> None:
    assert joining.canonical("oil0-0000") == "0110-0000"
    assert joining.canonical("K7QF-2M9") is None
    assert joining.canonical("K7QF-2M9U") is None


def test_a_visitor_makes_an_account_and_is_a_student(installation: Installation) -> None:
    started = newcomer(installation, opened(installation), email="Erin@example.edu")
    assert alive(installation, started)
    assert role_of(installation, "erin") == {COURSE: "student"}
    assert signs_in(installation, "erin@example.edu", PASSWORD)
    assert ("erin", "enrol", "erin") in audited(installation)


def test_somebody_signed_in_joins_once(installation: Installation) -> None:
    code, outsider = opened(installation), principal_of(installation, "outsider")
    together = Barrier(8)

    def join(_: int) -> str:
        together.wait()
        return joining.join(installation.db, code=code, principal=outsider, address=ADDRESS, now=installation.now)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(join, range(8))) == {"Machine learning"}
    assert role_of(installation, "outsider") == {COURSE: "student", "other": "student"}


def test_a_code_lowers_no_role(installation: Installation) -> None:
    person(installation, "helper", "assistant")
    code = opened(installation)
    for name in ("helper", "teacher"):
        who = principal_of(installation, name)
        joining.join(installation.db, code=code, principal=who, address=ADDRESS, now=installation.now)
    assert role_of(installation, "helper") == {COURSE: "assistant"}
    assert role_of(installation, "teacher") == {COURSE: "instructor"}


def test_a_closed_or_replaced_code_lets_nobody_in(installation: Installation) -> None:
    first = opened(installation)
    second = opened(installation)
    with pytest.raises(UnknownJoinCode):
        newcomer(installation, first)
    joining.close_code(
        installation.db, course=COURSE, principal=installation.principal("teacher"), now=installation.now
    )
    with pytest.raises(UnknownJoinCode):
        newcomer(installation, second)
    actions = [action for _, action, _ in audited(installation)]
    assert actions.count("join_code.set") == 2
    assert actions.count("join_code.close") == 1


@pytest.mark.parametrize("by", ["helper", "rival", "alice"])
def test_only_an_instructor_of_the_course_opens_and_closes_it(installation: Installation, by: str) -> None:
    person(installation, "helper", "assistant")
    who = tokens.principal_of_token(installation.db, installation.token(by, "staff"), installation.now)
    for change_code in (joining.set_code, joining.close_code):
        with pytest.raises(StaffOnly):
            change_code(installation.db, course=COURSE, principal=who, now=installation.now)


def test_guessing_codes_is_throttled_by_address(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "WRONG_CODES_FROM_ADDRESS", 3)
    code, now = opened(installation), installation.now
    for _ in range(3):
        with pytest.raises(UnknownJoinCode):
            joining.course_with_code(installation.db, "0000-0000", address=ADDRESS, now=now)
    with pytest.raises(TooManyAttempts):
        joining.course_with_code(installation.db, code, address=ADDRESS, now=now)
    assert joining.course_with_code(installation.db, code, address="192.0.2.2", now=now)


@pytest.mark.parametrize(
    "given",
    [{"username": "ALICE"}, {"username": "new", "email": "dora@example.edu"}, {"username": "new", "email": "none"}],
)
def test_nobody_joins_under_a_name_that_is_taken(installation: Installation, given: dict[str, str]) -> None:
    person(installation, "dora")
    code = opened(installation)
    before = audited(installation)
    with pytest.raises((NameTaken, BadRequest)):
        newcomer(installation, code, **given)
    assert audited(installation) == before


def test_no_user_name_passes_for_an_address(installation: Installation) -> None:
    with pytest.raises(BadRequest, match="without “@”"):
        newcomer(installation, opened(installation), username="dora@example.edu")


def test_two_who_want_one_name_at_once_do_not_both_get_it(installation: Installation) -> None:
    code = opened(installation)

    def join(_: int) -> str:
        try:
            newcomer(installation, code)
        except Refusal as refusal:
            return refusal.code
        return "in"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(join, range(4))) == ["in", *["name_taken"] * 3]


def test_a_servers_own_hashes_take_19_mib_and_two_passes_of_argon2id() -> None:
    """Elsewhere the tests hash at less cost."""
    assert SERVERS_HASHER.hash("correct horse").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
