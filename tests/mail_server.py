"""A real mail server for tests, and an installation that sends through it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ssl import SSLContext

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from tests.installations import Installation, free_port

from unseen_server.config import MailServer

PUBLIC_URL = "https://ml.example.edu"


@dataclass
class Mailbox:
    """What arrived: the address each letter was sent to, and the letter; `refuses` are addresses it does not take."""

    letters: list[tuple[str, EmailMessage]] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    signed_in: list[bytes] = field(default_factory=list)
    server: MailServer = field(default_factory=lambda: MailServer("127.0.0.1", 0, False, "Unseen <unseen@example.edu>"))

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refuses:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        letter = message_from_bytes((envelope.content or b"").replace(b"\r\n", b"\n"), policy=default)
        assert isinstance(letter, EmailMessage)
        self.letters.extend((address, letter) for address in envelope.rcpt_tos)
        return "250 OK"

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, sent: LoginPassword
    ) -> AuthResult:
        self.signed_in.append(sent.password)
        return AuthResult(success=sent.password == b"right")


@contextmanager
def mailbox(host: str = "127.0.0.1", tls: SSLContext | None = None, **options: object) -> Iterator[Mailbox]:
    """A mail server on a port of its own."""
    box, port = Mailbox(), free_port()
    if "auth_require_tls" in options:
        options["authenticator"] = box.authenticate
    controller = Controller(box, hostname=host, port=port, ssl_context=tls, loop=asyncio.new_event_loop(), **options)
    controller.start()
    try:
        box.server = replace(box.server, host=host, port=port, tls=tls is not None)
        yield box
    finally:
        controller.stop()


def mailing(made: Installation, box: Mailbox) -> Installation:
    """The installation again, now with this mail server."""
    config = replace(made.config, mail=box.server, public_url=PUBLIC_URL)
    return Installation(config, made.db, made.folder, made.bundle, made.now)
