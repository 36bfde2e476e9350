"""The reveal: what it will do, as one button, and as a ceremony for the projector."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.errors import BadRequest, Conflict, Refusal
from unseen_server.core.sentences import say
from unseen_server.services import ceremony as ceremonies
from unseen_server.services import competitions
from unseen_server.services import reveal as reveals
from unseen_server.web import present
from unseen_server.web.context import now, parts, signed_in
from unseen_server.web.forms import need_typed, notice, page_reply

blueprint = Blueprint("revealing", __name__)


@blueprint.get("/competitions/<slug>/reveal")
def page(slug: str) -> AnyResponse:
    return _page(slug)


@blueprint.post("/competitions/<slug>/reveal")
def reveal(slug: str) -> AnyResponse:
    try:
        need_typed(slug)
        reveals.reveal(parts().db, slug=slug, principal=signed_in(), now=now())
    except (BadRequest, Conflict) as refusal:
        return _page(slug, refusal)
    notice(say("The private leaderboard is open to everybody."))
    return redirect(url_for(".page", slug=slug), 303)


def _page(slug: str, refusal: Refusal | None = None) -> AnyResponse:
    person = signed_in()
    drawn = render_template(
        "console/reveal.html",
        outlook=ceremonies.outlook(parts().db, slug=slug, principal=person, now=now()),
        c=competitions.shown(parts().db, slug=slug, principal=person, now=now()),
        refusal=refusal,
    )
    return page_reply(drawn, refusal)


@blueprint.get("/competitions/<slug>/ceremony")
def ceremony(slug: str) -> AnyResponse:
    """Each step is a page of its own, so that nothing of a covered place is ever on its way to the projector."""
    person, opened = signed_in(), request.args.get("opened", 0, type=int)
    try:
        stage = ceremonies.stage(parts().db, slug=slug, opened=opened, principal=person, now=now())
    except Conflict as refusal:
        return _page(slug, refusal)
    drawn = render_template(
        "console/ceremony.html",
        stage=stage,
        places=present.decimals(stage.yardstick),
        c=competitions.shown(parts().db, slug=slug, principal=person, now=now()),
    )
    return page_reply(drawn)


@blueprint.post("/competitions/<slug>/ceremony")
def end_ceremony(slug: str) -> AnyResponse:
    """Open to everybody what the audience has seen."""
    try:
        reveals.reveal(parts().db, slug=slug, principal=signed_in(), now=now())
    except Conflict as refusal:
        return _page(slug, refusal)
    return redirect(url_for("pages.leaderboard", slug=slug, board="private", projector=1), 303)
