"""Mail over a real connection to a real server."""

from __future__ import annotations

import socket
import sys
from contextlib import closing
from dataclasses import replace

import pytest
from tests.installations import NOON, free_port
from tests.mail_server import mailbox

from unseen_server.core.errors import Unreachable
from unseen_server.services import mail
from unseen_server.services.mail import Letter


def letter(to: str = "dora@example.edu", subject: str = "Ein Rätsel 謎", text: str = "Grüße\n") -> Letter:
    return Letter(to, subject, text, NOON)


def test_a_letter_arrives_as_it_was_written() -> None:
    with mailbox() as box:
        assert mail.send(box.server, [letter()]) == []
    ((to, arrived),) = box.letters
    assert to == "dora@example.edu"
    assert (arrived["To"], arrived["From"]) == ("dora@example.edu", "Unseen <unseen@example.edu>")
    assert arrived["Subject"] == "Ein Rätsel 謎"
    assert arrived.get_content() == "Grüße\n"
    assert arrived["Date"].datetime == NOON
    assert arrived["Message-ID"].endswith("@example.edu>")


@pytest.mark.parametrize(
    "bad",
    [
        {"subject": "Hello\r\nBcc: mallory@example.edu"},
        {"to": "dora@example.edu\r\nBcc: mallory@example.edu"},
        {"to": "dora@example.edu, mallory@example.edu"},
        {"to": "a,mallory@example.edu"},
        {"to": "Dora <mallory@example.edu>"},
    ],
)
def test_nothing_slips_into_a_header(bad: dict[str, str]) -> None:
    with mailbox() as box:
        wrong = letter(**bad)
        assert mail.send(box.server, [wrong, letter()]) == [wrong.to]
    assert [to for to, _ in box.letters] == ["dora@example.edu"]


def test_an_address_that_is_refused_does_not_stop_the_others() -> None:
    with mailbox() as box:
        box.refuses.add("gone@example.edu")
        letters = [letter(f"{name}@example.edu") for name in ("alice", "gone", "bob")]
        assert mail.send(box.server, letters) == ["gone@example.edu"]
    assert [to for to, _ in box.letters] == ["alice@example.edu", "bob@example.edu"]


def test_a_server_that_is_not_there_is_said_so() -> None:
    with mailbox() as box:
        away = replace(box.server, port=free_port())
    with pytest.raises(Unreachable, match="did not take the mail"):
        mail.send(away, [letter()])


def test_a_server_that_says_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "PATIENCE", 0.2)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent, mailbox() as box, pytest.raises(Unreachable):
        mail.send(replace(box.server, port=silent.getsockname()[1]), [letter()])


def test_the_server_is_signed_in_to() -> None:
    with mailbox(auth_require_tls=False) as box:
        mail.send(replace(box.server, user="unseen", password="right"), [letter()])
        with pytest.raises(Unreachable):
            mail.send(replace(box.server, user="unseen", password="wrong"), [letter()])
    assert len(box.letters) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is an address on Linux alone")
def test_a_password_is_never_sent_where_others_could_read_it() -> None:
    with mailbox("127.0.0.2", auth_require_tls=False) as box, pytest.raises(Unreachable):
        mail.send(replace(box.server, user="unseen", password="right"), [letter()])
    assert box.signed_in == []
