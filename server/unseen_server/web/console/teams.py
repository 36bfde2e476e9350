"""Students' teams, corrected by the staff: another name, and two made one after it was read back."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.errors import BadRequest, Conflict, NotFound, Refusal
from unseen_server.core.merging import Together
from unseen_server.core.sentences import say
from unseen_server.services import competitions, team_corrections
from unseen_server.web.context import asking, parts
from unseen_server.web.forms import need_typed, notice, page_reply

blueprint = Blueprint("teams", __name__, url_prefix="/competitions/<slug>/teams")


@blueprint.get("/")
def page(slug: str) -> AnyResponse:
    return _page(slug)


@blueprint.post("/rename")
def rename(slug: str) -> AnyResponse:
    form = request.form
    wanted: dict[str, Any] = {name: form.get(name, "") for name in ("team", "name", "reason")}
    try:
        name = team_corrections.rename(parts().db, **wanted, **asking(slug))
    except (BadRequest, Conflict, NotFound) as refusal:
        return _page(slug, refusal)
    notice(say("The team is called “{name}” now.", name=name))
    return redirect(url_for(".page", slug=slug), 303)


@blueprint.post("/merge")
def merge(slug: str) -> AnyResponse:
    """Read back what the two would be as one; merged once `step` says so."""
    form = request.form
    two: dict[str, Any] = {name: form.get(name, "") for name in ("team", "other")}
    proposed = None
    try:
        proposed = team_corrections.propose_merge(parts().db, **two, **asking(slug))
        if form.get("step") != "merge":
            return _page(slug, proposed=proposed)
        need_typed(slug)
        merged = team_corrections.merge(parts().db, reason=form.get("reason", ""), **two, **asking(slug))
    except (BadRequest, Conflict, NotFound) as refusal:
        return _page(slug, refusal, proposed)
    notice(say("The two are the team “{team}” now.", team=merged.team))
    return redirect(url_for(".page", slug=slug), 303)


def _page(slug: str, refusal: Refusal | None = None, proposed: Together | None = None) -> AnyResponse:
    drawn = render_template(
        "console/teams.html",
        c=competitions.shown(parts().db, **asking(slug)),
        teams=team_corrections.team_names(parts().db, **asking(slug)),
        proposed=proposed,
        refusal=refusal,
        typed=request.form or request.args,
    )
    return page_reply(drawn, refusal)
