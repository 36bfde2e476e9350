"""Announcements as their authors see them: written, looked at, published, withdrawn."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.errors import BadRequest, Conflict, Refusal
from unseen_server.core.sentences import say
from unseen_server.services import announcements, competitions
from unseen_server.web.context import asking, parts
from unseen_server.web.forms import notice, page_reply

blueprint = Blueprint("announcements", __name__)


@blueprint.get("/competitions/<slug>/announcements")
def listing(slug: str) -> AnyResponse:
    return _listing(slug)


@blueprint.post("/competitions/<slug>/announcements")
def publish(slug: str) -> AnyResponse:
    """Show it as students would see it (`step` is “preview”), or publish it."""
    text = request.form.get("markdown", "")
    try:
        if request.form.get("step") == "preview":
            return _listing(slug, text, preview=announcements.checked(text))
        announcements.publish(parts().db, markdown=text, **asking(slug))
    except BadRequest as refusal:
        return _listing(slug, text, refusal=refusal)
    notice(say("The announcement stands on the pages of the competition."))
    return redirect(url_for(".listing", slug=slug), 303)


@blueprint.post("/competitions/<slug>/announcements/<int(max=2147483647):number>/withdraw")
def withdraw(slug: str, number: int) -> AnyResponse:
    try:
        announcements.withdraw(parts().db, number=number, **asking(slug))
    except Conflict as refusal:
        return _listing(slug, refusal=refusal)
    notice(say("The announcement is withdrawn. Students no longer see it."))
    return redirect(url_for(".listing", slug=slug), 303)


def _listing(slug: str, text: str = "", *, preview: str | None = None, refusal: Refusal | None = None) -> AnyResponse:
    page = render_template(
        "console/announcements.html",
        written=announcements.written(parts().db, **asking(slug)),
        c=competitions.shown(parts().db, **asking(slug)),
        text=text,
        preview=preview,
        refusal=refusal,
        longest=announcements.LONGEST,
    )
    return page_reply(page, refusal)
