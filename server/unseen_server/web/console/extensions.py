"""Extensions: granted after they were read back, listed, taken back."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core import limits
from unseen_server.core.errors import BadRequest, Conflict, NotFound, Refusal
from unseen_server.core.sentences import say
from unseen_server.services import competitions, extensions
from unseen_server.services.extensions import MOST_EXTRA, Granted, Wanted
from unseen_server.web.context import asking, now, parts
from unseen_server.web.forms import notice, page_reply, whole_number

blueprint = Blueprint("extensions", __name__, url_prefix="/competitions/<slug>/extensions")


@blueprint.get("/")
def listing(slug: str) -> AnyResponse:
    return _listing(slug)


@blueprint.post("/")
def add(slug: str) -> AnyResponse:
    """Read back what was typed, with its times on both clocks; granted once `step` says so."""
    try:
        wanted = _wanted()
        if request.form.get("step") != "grant":
            return _listing(slug, proposed=extensions.propose(parts().db, wanted=wanted, **asking(slug)))
        granted = extensions.grant(parts().db, wanted=wanted, **asking(slug))
    except (BadRequest, Conflict, NotFound) as refusal:
        return _listing(slug, refusal)
    notice(say("{name} has the extension.", name=granted.display_name))
    return redirect(url_for(".listing", slug=slug), 303)


@blueprint.post("/<int(max=2147483647):number>/withdraw")
def withdraw(slug: str, number: int) -> AnyResponse:
    try:
        reason = request.form.get("reason", "")
        taken = extensions.withdraw(parts().db, number=number, reason=reason, **asking(slug))
    except (BadRequest, Conflict) as refusal:
        return _listing(slug, refusal)
    notice(say("The extension of {name} is taken back. What was sent under it stays on time.", name=taken.display_name))
    return redirect(url_for(".listing", slug=slug), 303)


def _wanted() -> Wanted:
    form = request.form
    extra = form.get("extra", "").strip()
    return Wanted(
        username=form.get("username", ""),
        until=form.get("until", "").strip() or None,
        extra=whole_number(extra, say("Extra submissions"), MOST_EXTRA) if extra else 0,
        day=form.get("day", "").strip() or None,
        reason=form.get("reason", ""),
    )


def _listing(slug: str, refusal: Refusal | None = None, proposed: Granted | None = None) -> AnyResponse:
    c = competitions.shown(parts().db, **asking(slug))
    page = render_template(
        "console/extensions.html",
        c=c,
        granted=extensions.listed(parts().db, **asking(slug)),
        students=extensions.students(parts().db, **asking(slug)),
        today=limits.quota_day(now(), c.time_zone),
        proposed=proposed,
        refusal=refusal,
        typed=request.form,
    )
    return page_reply(page, refusal)
