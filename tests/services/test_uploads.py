"""Files that are sent apart from being submitted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text
from tests.installations import Installation

from unseen_server.core.digests import digest_of
from unseen_server.core.errors import BadRequest, FileTooLarge, NotEnrolled, NotFound, TokenScopeTooSmall
from unseen_server.db.models import UploadTicket
from unseen_server.services import competitions, tokens, uploads
from unseen_server.services.submit import submit

HOUR = timedelta(hours=1)


def begin(made: Installation, who: str = "alice", size: int = 9) -> str:
    return uploads.begin(made.db, made.keys, **made.asking(who), file_name="p.csv", size=size)


def receive(made: Installation, token: str, content: bytes = b"id,minutes\n") -> None:
    uploads.receive(made.db, made.keys, token=token, size=len(content), read=lambda: content, now=made.now)


def hand_in(made: Installation, token: str, who: str = "alice", slug: str | None = None) -> uploads.Arrived:
    place = {"principal": made.principal(who), "now": made.now}
    return uploads.hand_in(made.db, token=token, slug=slug, message="", **place)


def tickets(made: Installation) -> int:
    with made.db.read() as session:
        return session.scalar(select(func.count()).select_from(UploadTicket)) or 0


def test_what_was_sent_last_is_handed_in_as_often_as_asked(installation: Installation) -> None:
    token = begin(installation)
    receive(installation, token, b"first")
    receive(installation, token, b"second")
    one, two = (hand_in(installation, token, slug=slug) for slug in (installation.slug, None))
    assert one == two
    assert (one.slug, one.upload.content, one.upload.file_name) == (installation.slug, b"second", "p.csv")


def test_once_it_was_handed_in_a_file_stays_as_it_is(installation: Installation) -> None:
    token = begin(installation)
    receive(installation, token, b"first")
    hand_in(installation, token)
    with pytest.raises(NotFound):
        receive(installation, token, b"second")
    assert hand_in(installation, token).upload.content == b"first"


def test_an_empty_file_has_arrived_and_one_that_was_not_sent_has_not(installation: Installation) -> None:
    token = begin(installation, size=0)
    with pytest.raises(BadRequest, match="has not arrived"):
        hand_in(installation, token)
    receive(installation, token, b"")
    assert hand_in(installation, token).upload.content == b""


def test_a_ticket_is_good_for_an_hour(installation: Installation) -> None:
    token = begin(installation)
    receive(installation, token)
    installation.now += HOUR - timedelta(seconds=1)
    hand_in(installation, token)
    installation.now += timedelta(seconds=1)
    with pytest.raises(NotFound, match="Send the file again"):
        hand_in(installation, token)
    with pytest.raises(NotFound):
        receive(installation, token)
    begin(installation, "bob")
    assert tickets(installation) == 1  # what is too old is forgotten with the next one


def test_a_person_has_few_tickets_and_the_oldest_make_room(installation: Installation) -> None:
    other = begin(installation, "bob")
    many = [begin(installation) for _ in range(uploads.KEPT_OF_EACH + 1)]
    assert tickets(installation) == 1 + uploads.KEPT_OF_EACH
    with pytest.raises(NotFound):
        receive(installation, many[0])
    for token in (other, *many[1:]):
        receive(installation, token)


def test_only_its_owner_hands_in_what_came_and_only_there(installation: Installation) -> None:
    token = begin(installation)
    receive(installation, token)
    for who, slug in (("bob", None), ("teacher", None), ("alice", "another")):
        with pytest.raises(NotFound):
            hand_in(installation, token, who, slug)
    assert hand_in(installation, token).upload.content


def test_the_ticket_of_somebody_disabled_takes_nothing(installation: Installation) -> None:
    token = begin(installation)
    with installation.db.write() as session:
        session.execute(text("UPDATE users SET disabled_at = :now WHERE username = 'alice'"), {"now": installation.now})
    with pytest.raises(NotFound):
        receive(installation, token)


@pytest.mark.parametrize("token", ["", "nothing", "a\0b", "\N{GRINNING FACE}" * 1000])
def test_an_unknown_ticket_takes_nothing(installation: Installation, token: str) -> None:
    with pytest.raises(NotFound):
        receive(installation, token)
    with pytest.raises(NotFound):
        hand_in(installation, token)


def test_only_the_digest_of_a_ticket_is_stored(installation: Installation) -> None:
    token = begin(installation)
    with installation.db.read() as session:
        stored = session.execute(text("SELECT * FROM upload_tickets")).one()
    assert digest_of(token) in stored
    assert token not in map(str, stored)


def test_what_no_valid_file_can_be_is_refused_before_and_when_it_comes(installation: Installation) -> None:
    alice = installation.principal("alice")
    with installation.db.read() as session:
        competition = competitions.visible(session, installation.slug, alice, installation.now)
    largest = installation.keys.of(competition).expected.max_bytes
    token = begin(installation, size=largest)
    with pytest.raises(FileTooLarge):
        begin(installation, size=largest + 1)
    with pytest.raises(FileTooLarge):
        receive(installation, token, b"1" * (largest + 1))
    with pytest.raises(FileTooLarge):  # more than it said
        uploads.receive(
            installation.db,
            installation.keys,
            token=token,
            size=0,
            read=lambda: b"1" * (largest + 1),
            now=installation.now,
        )
    receive(installation, token, b"1" * largest)


def test_nothing_is_read_for_a_stranger_nor_of_what_is_too_much(installation: Installation) -> None:
    def read() -> bytes:
        raise AssertionError("it was read")

    for token, size, refusal in (("nothing", 9, NotFound), (begin(installation), 10**9, FileTooLarge)):
        with pytest.raises(refusal):
            uploads.receive(installation.db, installation.keys, token=token, size=size, read=read, now=installation.now)


def test_who_could_not_submit_gets_no_ticket(installation: Installation) -> None:
    with pytest.raises(NotEnrolled):
        begin(installation, "outsider")
    reader = tokens.issue_token(installation.db, "alice", scope="read", actor="test", now=installation.now)
    principal = tokens.principal_of_token(installation.db, reader, installation.now)
    place = {"slug": installation.slug, "principal": principal, "now": installation.now}
    with pytest.raises(TokenScopeTooSmall):
        uploads.begin(installation.db, installation.keys, **place, file_name="p.csv", size=1)
    assert tickets(installation) == 0


def test_handing_in_again_is_the_same_submission(installation: Installation) -> None:
    token = begin(installation)
    receive(installation, token, installation.file())
    place = {"slug": installation.slug, "principal": installation.principal("alice"), "received_at": installation.now}
    answers = [
        submit(installation.db, installation.keys, upload=hand_in(installation, token).upload, **place)
        for _ in range(2)
    ]
    assert answers[0].receipt == answers[1].receipt
    assert [answer.replayed for answer in answers] == [False, True]
