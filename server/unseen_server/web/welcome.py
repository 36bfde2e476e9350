"""Choosing a password with a one-time link, and asking for such a link when the password is forgotten."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.errors import BadRequest, DeadLink, Refusal, TooManyAttempts
from unseen_server.core.sentences import say
from unseen_server.services import links, names
from unseen_server.web import letters
from unseen_server.web.account import new_password
from unseen_server.web.context import now, parts
from unseen_server.web.forms import notice, page_reply
from unseen_server.web.signin import address, let_in, local_path, need_our_own_page

blueprint = Blueprint("welcome", __name__)


@blueprint.after_request
def _tell_nobody(response: Response) -> Response:
    """The address of the page is a secret, so that no other page and no other server learns it from the browser."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "private, no-store"
    return response


@blueprint.errorhandler(DeadLink)
def _ended(refusal: DeadLink) -> AnyResponse:
    return page_reply(render_template("dead_link.html", refusal=refusal), refusal)


@blueprint.get("/welcome/<secret>")
def page(secret: str) -> AnyResponse:
    return _page(secret)


@blueprint.post("/welcome/<secret>")
def choose_password(secret: str) -> AnyResponse:
    need_our_own_page(without_origin=True)
    try:
        started = links.follow(parts().db, secret, password=new_password(), now=now())
    except BadRequest as refusal:
        return _page(secret, refusal)
    notice(say("Your password is set, and you are signed in."))
    return let_in(started, local_path(None))


def _page(secret: str, refusal: Refusal | None = None) -> AnyResponse:
    holder = links.holder(parts().db, secret, now())
    return page_reply(render_template("welcome.html", holder=holder, secret=secret, refusal=refusal), refusal)


@blueprint.get("/forgot")
def forgot() -> AnyResponse:
    return _forgot()


@blueprint.post("/forgot")
def ask_for_link() -> AnyResponse:
    """The same answer for a known and an unknown name, in the same time."""
    need_our_own_page(without_origin=True)
    if not letters.can_be_sent():
        return _forgot()
    name = names.without_controls(request.form.get("name", ""))
    try:
        links.note_request(parts().db, name=name, address=address(), now=now())
    except TooManyAttempts as refusal:
        return _forgot(name, refusal)
    letters.send_reset_soon(name)
    return _forgot(name, asked=True)


def _forgot(name: str = "", refusal: Refusal | None = None, *, asked: bool = False) -> AnyResponse:
    page = render_template("forgot.html", name=name[:254], refusal=refusal, asked=asked, mail=letters.can_be_sent())
    return page_reply(page, refusal)
