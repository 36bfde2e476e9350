"""Correcting the answers: upload, look at the rank changes, confirm; what takes long is done by a worker."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.errors import BadRequest, BadSolution, Conflict, FileTooLarge, Refusal
from unseen_server.core.sentences import say
from unseen_server.services import competitions, correcting, held, rescore
from unseen_server.services.correcting import Plan
from unseen_server.services.rescore import Rescored
from unseen_server.web.console import jobs
from unseen_server.web.context import asking, now, parts, signed_in
from unseen_server.web.forms import held_file, need_typed, notice, page_reply
from unseen_server.web.sending import TABLES, make_room, sent_table

blueprint = Blueprint("rescoring", __name__, url_prefix="/competitions/<slug>/rescore")

PLANNED = "/planned/<int(max=2147483647):ref>"


@blueprint.get("/")
def form(slug: str) -> AnyResponse:
    return _form(slug)


@blueprint.post("/")
def upload(slug: str) -> AnyResponse:
    """Try the file out and hold it until it is confirmed; nothing is changed by this."""
    sent = sent_table()
    try:
        if sent is None:
            raise BadRequest(reason=say("Choose a file first."))
        if _is_for_workers(slug):
            return jobs.follow(slug, _hand_in(slug, sent.content))
        report = rescore.rescore(parts().db, parts().keys, content=sent.content, dry_run=True, **asking(slug))
        name = held.keep(parts().db, file_name=sent.name, content=sent.content, principal=signed_in(), now=now())
    except (BadRequest, BadSolution, Conflict, FileTooLarge) as refusal:
        return _form(slug, refusal)
    return _preview(slug, url_for(".apply", slug=slug, held_name=name), report)


@blueprint.post("/<held_name>")
def apply(slug: str, held_name: str) -> AnyResponse:
    uploaded = held_file(held_name)
    if uploaded is None:
        return _form(slug, Conflict(reason=say(correcting.FORGOTTEN)))
    try:
        need_typed(slug)
        quiet = request.form.get("tell") is None
        report = rescore.rescore(parts().db, parts().keys, content=uploaded.content, quiet=quiet, **asking(slug))
    except BadRequest as refusal:
        tried = rescore.rescore(parts().db, parts().keys, content=uploaded.content, dry_run=True, **asking(slug))
        return _preview(slug, url_for(".apply", slug=slug, held_name=held_name), tried, refusal)
    except (BadSolution, Conflict) as refusal:
        return _form(slug, refusal)
    held.drop(parts().db, name=held_name, principal=signed_in())
    return _corrected(slug, report)


def _corrected(slug: str, report: Rescored) -> AnyResponse:
    notice(say("The answers are corrected. Submissions scored again: {count}.", count=report.submissions))
    return redirect(url_for(".form", slug=slug), 303)


# where it takes long


def _is_for_workers(slug: str) -> bool:
    return parts().delivery.is_staffed() and correcting.is_long(parts().db, parts().keys, **asking(slug))


def _hand_in(slug: str, content: bytes) -> int:
    place = asking(slug)
    return correcting.hand_in(parts().db, parts().delivery, parts().keys, content=content, dry_run=True, **place)


@blueprint.get(PLANNED)
def planned(slug: str, ref: int) -> AnyResponse:
    """What a worker found that would change."""
    try:
        return _planned(slug, _plan(slug, ref))
    except Conflict as refusal:
        return _form(slug, refusal)


@blueprint.post(PLANNED)
def confirm(slug: str, ref: int) -> AnyResponse:
    try:
        plan = _plan(slug, ref)
        try:
            need_typed(slug)
        except BadRequest as refusal:
            return _planned(slug, plan, refusal)
        return _do(slug, plan, quiet=request.form.get("tell") is None)
    except (BadSolution, Conflict) as refusal:
        return _form(slug, refusal)


def _do(slug: str, plan: Plan, *, quiet: bool) -> AnyResponse:
    """Have a worker do it; where none is left, it is done at once."""
    make_room(TABLES * len(plan.content))
    wanted: dict[str, Any] = {"content": plan.content, "quiet": quiet, "since": plan.since, **asking(slug)}
    if parts().delivery.is_staffed():
        return jobs.follow(slug, correcting.hand_in(parts().db, parts().delivery, parts().keys, **wanted))
    return _corrected(slug, rescore.rescore(parts().db, parts().keys, **wanted))


def _plan(slug: str, ref: int) -> Plan:
    return correcting.planned(parts().db, ref=ref, **asking(slug))


def _planned(slug: str, plan: Plan, refusal: Refusal | None = None) -> AnyResponse:
    return _preview(slug, url_for(".confirm", slug=slug, ref=plan.ref), plan.report, refusal)


# pages


def _form(slug: str, refusal: Refusal | None = None) -> AnyResponse:
    page = render_template(
        "console/rescore.html",
        c=competitions.shown(parts().db, **asking(slug)),
        key=rescore.current_key(parts().db, parts().keys, **asking(slug)),
        refusal=refusal,
    )
    return page_reply(page, refusal)


def _preview(slug: str, action: str, report: Rescored, refusal: Refusal | None = None) -> AnyResponse:
    page = render_template(
        "console/rescore_preview.html",
        c=competitions.shown(parts().db, **asking(slug)),
        action=action,
        report=report,
        refusal=refusal,
        quiet=request.form.get("confirm") is not None and request.form.get("tell") is None,
    )
    return page_reply(page, refusal)
