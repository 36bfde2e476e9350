"""The team page of a competition: who is in one's team, who is asked, and which teams ask."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.errors import BadRequest, Conflict, NotFound, Refusal
from unseen_server.core.sentences import say
from unseen_server.services import competitions, teamwork
from unseen_server.web import languages
from unseen_server.web.context import asking, parts
from unseen_server.web.forms import notice, page_reply

blueprint = Blueprint("team", __name__, url_prefix="/competitions/<slug>/team")


@blueprint.get("")
def page(slug: str) -> AnyResponse:
    return _page(slug)


@blueprint.post("/name")
def rename(slug: str) -> AnyResponse:
    typed = request.form.get("name", "")
    try:
        name = teamwork.rename_own(parts().db, name=typed, **asking(slug))
    except (BadRequest, Conflict) as refusal:
        return _page(slug, refusal, typed=typed[: teamwork.LONGEST_NAME])
    notice(say("The team is called “{name}” now.", name=name))
    return _back(slug)


@blueprint.post("/invite")
def invite(slug: str) -> AnyResponse:
    who = request.form.get("who", "")[:254]
    try:
        name = teamwork.invite(parts().db, who=who, **asking(slug))
    except (Conflict, NotFound) as refusal:
        return _page(slug, refusal, who=who)
    notice(say("{name} is invited, finds this under “Competitions”, and answers on the team page.", name=name))
    return _back(slug)


@blueprint.post("/take-back")
def take_back(slug: str) -> AnyResponse:
    teamwork.take_back(parts().db, **asking(slug), user_id=_number("person"))
    notice(say("The invitation was taken back."))
    return _back(slug)


@blueprint.post("/accept")
def accept(slug: str) -> AnyResponse:
    try:
        merged = teamwork.accept(parts().db, **asking(slug), team_id=_number("team"))
    except (Conflict, NotFound) as refusal:
        return _page(slug, refusal)
    if merged is not None:
        notice(say("You are in “{team}” now.", team=merged.team))
        if merged.finals_cleared:
            notice(say("Together you had chosen too many final submissions. Choose them again under “My submissions”."))
    return _back(slug)


@blueprint.post("/decline")
def decline(slug: str) -> AnyResponse:
    teamwork.decline(parts().db, **asking(slug), team_id=_number("team"))
    notice(say("You declined the invitation."))
    return _back(slug)


@blueprint.post("/leave")
def leave(slug: str) -> AnyResponse:
    try:
        teamwork.leave(parts().db, **asking(slug))
    except Conflict as refusal:
        return _page(slug, refusal)
    notice(say("You left the team and are a team of one again."))
    return _back(slug)


def _page(slug: str, refusal: Refusal | None = None, *, who: str = "", typed: str | None = None) -> AnyResponse:
    place = asking(slug)
    shown = competitions.shown(parts().db, language=languages.current().code, **place)
    team = teamwork.own_team(parts().db, **place)
    drawn = render_template("team.html", c=shown, team=team, refusal=refusal, who=who, typed=typed)
    return page_reply(drawn, refusal)


def _back(slug: str) -> AnyResponse:
    return redirect(url_for("pages.team.page", slug=slug), 303)


def _number(field: str) -> int:
    typed = request.form.get(field, "")
    if not (typed.isascii() and typed.isdigit() and len(typed) < 10):
        raise BadRequest(reason=say("The form was not whole. Go back, reload the page and send it again."))
    return int(typed)
