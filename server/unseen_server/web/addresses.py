"""Whole addresses of this server's pages, to be shown, copied or sent."""

from __future__ import annotations

from flask import request, url_for

from unseen_server.web.context import parts


def here() -> str:
    """Where this server is: as configured, else as this browser called it. Without a slash at the end."""
    return parts().config.public_url or request.host_url.rstrip("/")


def welcome(secret: str) -> str:
    """Of the page on which a one-time link's holder chooses a password."""
    return here() + url_for("pages.welcome.page", secret=secret)


def device() -> str:
    """Of the page on which a program is let in by its code."""
    return here() + url_for("pages.device.page")


def join(code: str) -> str:
    """Of the page on which a course is joined."""
    return here() + url_for("pages.joining.course", code=code)
