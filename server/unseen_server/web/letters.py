"""The mails this server writes, in the language of whoever gets them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from flask import copy_current_request_context

from unseen_server.config import MailServer
from unseen_server.core.errors import Refusal, Unreachable
from unseen_server.core.schedule import Moment
from unseen_server.core.sentences import Sentence, say
from unseen_server.services import links, mail
from unseen_server.services.links import Link
from unseen_server.services.mail import Letter
from unseen_server.web import addresses, languages
from unseen_server.web.context import now, parts

log = logging.getLogger(__name__)


def can_be_sent() -> bool:
    return parts().config.mail is not None


def send(made: Sequence[Link]) -> list[str]:
    """Mail each link to whom it is for; returns the user names that no mail reached, for lack of an address or of luck.

    Raises Unreachable where the mail server takes nothing.
    """
    server, letters = _server(), {link.email: _letter(link, link.email) for link in made if link.email}
    refused = set(mail.send(server, list(letters.values())))
    return [link.username for link in made if not link.email or link.email in refused]


def send_reset_soon(name: str) -> None:
    """Mail a reset to whoever has this name or address, after the reply, which then tells nothing even by its time."""
    threading.Thread(target=copy_current_request_context(_send_reset), args=(name,)).start()


def _send_reset(name: str) -> None:
    try:
        link = links.forgotten(parts().db, name, now())
        if link and send([link]):
            log.warning("the mail server does not accept an address to which a reset should go")
    except Refusal as refusal:
        log.warning("a reset was not sent: %s", refusal)


def _server() -> MailServer:
    server = parts().config.mail
    if server is None:
        raise Unreachable(reason=say("This server sends no mail. Give the link in another way."))
    return server


def _letter(link: Link, to: str) -> Letter:
    subject, *paragraphs = _invitation(link) if link.purpose == "invite" else _reset(link)
    with languages.speaking(_language_of(link)):
        text = "\n\n".join(map(languages.tell, paragraphs)) + "\n"
        return Letter(to, languages.tell(subject), text, now())


def _invitation(link: Link) -> list[Sentence | str]:
    return [
        say("Your account on Unseen"),
        say("Hello {name},", name=link.display_name),
        say(
            "You have an account on Unseen, where your course runs its competitions. Your user name is {username}. "
            "Open this address and choose a password:",
            username=link.username,
        ),
        addresses.welcome(link.secret),
        say("The address works once, until {when}. It is for you alone.", when=Moment(link.expires_at, "UTC")),
    ]


def _reset(link: Link) -> list[Sentence | str]:
    return [
        say("Choose another password for Unseen"),
        say("Hello {name},", name=link.display_name),
        say(
            "Somebody asked for another password for your account {username} on Unseen. "
            "If it was you, open this address and choose one:",
            username=link.username,
        ),
        addresses.welcome(link.secret),
        say(
            "The address works once, until {when}. If it was not you, do nothing: your password stays as it is.",
            when=Moment(link.expires_at, "UTC"),
        ),
    ]


def _language_of(link: Link) -> str:
    """The holder's own where they have said so; else the one in which the link was asked for."""
    own = link.language or ""
    return own if own in languages.LANGUAGES else languages.current().code
