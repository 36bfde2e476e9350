"""Baselines in the console: what students are to beat, and what it is worth."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.errors import BadFile, BadRequest, Conflict, FileTooLarge, Refusal, UnsupportedFile
from unseen_server.core.sentences import say
from unseen_server.services import baselines, competitions
from unseen_server.services.bundles import TIERS, DeclaredBaseline
from unseen_server.web.context import asking, parts
from unseen_server.web.forms import need_typed, notice, page_reply
from unseen_server.web.sending import sent_predictions

blueprint = Blueprint("baselines", __name__)

WRONG = (BadFile, BadRequest, Conflict, FileTooLarge, UnsupportedFile)


@blueprint.get("/competitions/<slug>/baselines")
def listing(slug: str) -> AnyResponse:
    return _listing(slug)


@blueprint.post("/competitions/<slug>/baselines")
def add(slug: str) -> AnyResponse:
    sent = sent_predictions(slug)
    try:
        if sent is None or not sent.name:
            raise BadRequest(reason=say("Choose the file of predictions first."))
        declared = DeclaredBaseline(**_typed(), file=sent.name)
        baselines.add(parts().db, parts().keys, declared=declared, content=sent.content, **asking(slug))
    except WRONG as refusal:
        return _listing(slug, refusal)
    notice(say("The baseline “{name}” stands on the board.", name=declared.name))
    return redirect(url_for(".listing", slug=slug), 303)


@blueprint.get("/competitions/<slug>/baselines/<int(max=2147483647):number>")
def one(slug: str, number: int) -> AnyResponse:
    return _one(slug, number)


@blueprint.post("/competitions/<slug>/baselines/<int(max=2147483647):number>")
def change(slug: str, number: int) -> AnyResponse:
    try:
        baselines.change(parts().db, number=number, **_typed(), **asking(slug))
    except WRONG as refusal:
        return _one(slug, number, refusal)
    notice(say("The baseline is changed."))
    return redirect(url_for(".listing", slug=slug), 303)


@blueprint.post("/competitions/<slug>/baselines/<int(max=2147483647):number>/remove")
def remove(slug: str, number: int) -> AnyResponse:
    try:
        need_typed(slug)
        baselines.remove(parts().db, number=number, **asking(slug))
    except WRONG as refusal:
        return _one(slug, number, refusal)
    notice(say("The baseline is removed from the board."))
    return redirect(url_for(".listing", slug=slug), 303)


def _typed() -> dict[str, Any]:
    """What the form says of a baseline, its file apart."""
    return {
        "name": request.form.get("name", ""),
        "tier": request.form.get("tier", ""),
        "points_public": _points("points_public"),
        "points_private": _points("points_private"),
    }


def _points(field: str) -> float:
    text = request.form.get(field, "").strip()
    try:
        return float(text or 0)
    except ValueError:
        most = baselines.MOST_POINTS
        raise BadRequest(
            reason=say("The points for reaching a baseline are a number from 0 to {most}.", most=most)
        ) from None


def _listing(slug: str, refusal: Refusal | None = None) -> AnyResponse:
    page = render_template(
        "console/baselines.html",
        placed=baselines.placed(parts().db, **asking(slug)),
        c=competitions.shown(parts().db, **asking(slug)),
        tiers=TIERS,
        typed=request.form,
        refusal=refusal,
    )
    return page_reply(page, refusal)


def _one(slug: str, number: int, refusal: Refusal | None = None) -> AnyResponse:
    page = render_template(
        "console/baseline.html",
        b=baselines.one(parts().db, number=number, **asking(slug)),
        c=competitions.shown(parts().db, **asking(slug)),
        tiers=TIERS,
        typed=request.form,
        refusal=refusal,
    )
    return page_reply(page, refusal)
