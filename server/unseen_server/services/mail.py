"""Mail, handed to the server that is configured; a letter is finished before it gets here."""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr

from unseen_server.config import MailServer
from unseen_server.core.errors import Unreachable
from unseen_server.core.sentences import say

PATIENCE = 10  # seconds for each step of the conversation
ON_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})  # nothing to overhear, and no certificate to check

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Letter:
    to: str
    subject: str
    text: str
    at: datetime


def send(server: MailServer, letters: Sequence[Letter]) -> list[str]:
    """Send the letters over one connection; returns the addresses that were not accepted.

    Raises Unreachable where the server cannot be reached or takes nothing; letters before the fault may have gone.
    """
    refused = []
    try:
        with _connected(server) as connection:
            for letter in letters:
                try:
                    connection.send_message(_message(server, letter), to_addrs=[letter.to])
                except (smtplib.SMTPRecipientsRefused, smtplib.SMTPNotSupportedError, MessageError, ValueError):
                    refused.append(letter.to)
    except (OSError, smtplib.SMTPException) as fault:
        log.warning("mail was not sent through %s: %s", server.host, fault)
        raise Unreachable(
            reason=say("The mail server did not take the mail. Try again later, or give the link in another way.")
        ) from fault
    return refused


def _connected(server: MailServer) -> smtplib.SMTP:
    """A connection, encrypted and signed in. A password is never sent where others could read it."""
    context = ssl.create_default_context()
    if server.tls:
        connection: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=PATIENCE, context=context)
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=PATIENCE)
    try:
        if not server.tls and server.host not in ON_THIS_MACHINE:
            connection.ehlo()
            if server.user or connection.has_extn("starttls"):
                connection.starttls(context=context)
        if server.user:
            connection.login(server.user, server.password or "")
    except BaseException:
        connection.close()
        raise
    return connection


def _message(server: MailServer, letter: Letter) -> EmailMessage:
    """EmailMessage refuses line breaks in a header; an address that is more than one address is refused here."""
    message = EmailMessage()
    message["From"] = server.sender
    message["To"] = Address(addr_spec=letter.to)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(letter.at)
    message["Message-ID"] = make_msgid(domain=parseaddr(server.sender)[1].rpartition("@")[2] or server.host)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    return message
