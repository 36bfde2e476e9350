"""Letting a program on another device act for whoever is signed in here: its code, a look at it, and the answer."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.errors import BadRequest, Refusal, TooManyAttempts, UnknownDeviceCode
from unseen_server.core.sentences import say
from unseen_server.services import device_logins
from unseen_server.web.context import now, parts
from unseen_server.web.forms import notice, page_reply
from unseen_server.web.signin import in_browser

blueprint = Blueprint("device", __name__)


@blueprint.get("/device")
def page() -> AnyResponse:
    """Where the code is typed. A code in the address only fills the field: following a link lets nobody in."""
    in_browser()
    return _form(request.args.get("code", ""))


@blueprint.post("/device")
def look() -> AnyResponse:
    """Show what asks, before anything is answered."""
    person, code = in_browser(), request.form.get("code", "")
    try:
        asked = device_logins.asked_with(parts().db, code, principal=person, now=now())
    except (UnknownDeviceCode, TooManyAttempts) as refusal:
        return _form(code, refusal)
    return page_reply(render_template("device.html", asked=asked, person=person))


@blueprint.post("/device/answer")
def answer() -> AnyResponse:
    person, code, word = in_browser(), request.form.get("code", ""), request.form.get("answer")
    if word not in ("confirm", "refuse"):
        raise BadRequest(reason=say("Choose whether to confirm or to refuse."))
    try:
        device_logins.answer(parts().db, code, allow=word == "confirm", principal=person, now=now())
    except (UnknownDeviceCode, TooManyAttempts) as refusal:
        return _form(code, refusal)
    if word == "confirm":
        notice(say("Confirmed. Go back to where you saw the code: it goes on by itself within a few seconds."))
    else:
        notice(say("Refused. Nobody was let in, and no token was made."))
    return redirect(url_for("pages.account.page"), 303)


def _form(code: str, refusal: Refusal | None = None) -> AnyResponse:
    return page_reply(render_template("device.html", code=code[:40], refusal=refusal), refusal)
