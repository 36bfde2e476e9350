"""Logging in through the browser (RFC 8628): a code to type there, and a question every few seconds meanwhile."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from unseen.credentials import clean_token
from unseen.errors import NotAnUnseenServer, NotLoggedIn, Refused, ServerBusy, ServerUnreachable
from unseen.wire import Wire

LONGEST_INTERVAL = 60.0  # seconds; whatever a server says, the person is not kept waiting longer
SLOWER = 5.0  # seconds more between questions, each time the server asks for it

pause: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Code:
    """What to show, `user_code` and the `page` to type it into, and the `secret` to ask with, which stays here."""

    secret: str = field(repr=False)
    user_code: str
    page: str
    page_with_code: str
    expires_in: float  # seconds
    interval: float  # seconds


def ask(wire: Wire, name: str) -> Code:
    """A code from the server for a program that calls itself `name`. Raises NotFound where the server has none."""
    told = wire.json("POST", "/api/device/code", json={"device": name})
    try:
        return Code(
            secret=str(told["device_code"]),
            user_code=str(told["user_code"]),
            page=str(told["verification_uri"]),
            page_with_code=str(told.get("verification_uri_complete") or told["verification_uri"]),
            expires_in=float(told["expires_in"]),
            interval=max(1.0, min(float(told.get("interval", SLOWER)), LONGEST_INTERVAL)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(wire, error) from error


def wait(wire: Wire, code: Code) -> str:
    """The token, once the code was confirmed. Raises NotLoggedIn where it was refused or became too old.

    A network that is gone for a while is waited for as well.
    """
    interval, end = code.interval, time.monotonic() + code.expires_in
    while time.monotonic() < end:
        pause(interval)
        try:
            return _token_in(wire, wire.json("POST", "/api/device/token", json={"device_code": code.secret}))
        except NotAnUnseenServer:
            raise
        except (ServerUnreachable, ServerBusy):
            continue
        except Refused as refused:
            if refused.code == "slow_down":
                interval = min(interval + SLOWER, LONGEST_INTERVAL)
            elif refused.code == "access_denied":
                raise NotLoggedIn("The log-in was refused in the browser. Nothing was saved.") from None
            elif refused.code == "expired_token":
                break
            elif refused.code != "authorization_pending":
                raise
    raise NotLoggedIn("The code was not confirmed in time. Run the same command again for a new one.")


def name_of_this_computer() -> str:
    """What the page shows and the token is called; without the domain, which concerns nobody."""
    return platform.node().split(".")[0] or "unseen"


def opens_here() -> bool:
    """Whether a browser would open where the person sits: not over SSH, nor without a display."""
    known = os.environ.get
    if known("BROWSER"):
        return True
    if known("SSH_CONNECTION") or known("SSH_TTY"):
        return False
    return platform.system() in ("Windows", "Darwin") or bool(known("DISPLAY") or known("WAYLAND_DISPLAY"))


def open_in_browser(page: str) -> None:
    """Open a page of the web if that is possible; the person can always do it themselves."""
    import webbrowser

    if page.startswith(("https://", "http://")) and opens_here():
        try:
            webbrowser.open(page)
        except (webbrowser.Error, OSError):
            return


def _token_in(wire: Wire, told: dict[str, Any]) -> str:
    if not isinstance(told.get("token"), str):
        raise _unreadable(wire, "no token")
    return clean_token(told["token"])


def _unreadable(wire: Wire, why: object) -> NotAnUnseenServer:
    return NotAnUnseenServer(
        f"{wire.url} answered in a way this client cannot read ({why}). `pip install -U unseen` may help."
    )
