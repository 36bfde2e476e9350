"""Correcting the answers: upload, look at the rank changes, confirm."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.errors import BadRequest, BadSolution, Conflict, FileTooLarge, Refusal
from unseen_server.core.sentences import say
from unseen_server.services import competitions, held, rescore
from unseen_server.services.rescore import Rescored
from unseen_server.web.context import asking, now, parts, signed_in
from unseen_server.web.forms import held_file, need_typed, notice, page_reply
from unseen_server.web.sending import sent_table

blueprint = Blueprint("rescoring", __name__, url_prefix="/competitions/<slug>/rescore")


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
        report = rescore.rescore(parts().db, parts().keys, content=sent.content, dry_run=True, **asking(slug))
        name = held.keep(parts().db, file_name=sent.name, content=sent.content, principal=signed_in(), now=now())
    except (BadRequest, BadSolution, Conflict, FileTooLarge) as refusal:
        return _form(slug, refusal)
    return _preview(slug, name, report)


@blueprint.post("/<held_name>")
def apply(slug: str, held_name: str) -> AnyResponse:
    uploaded = held_file(held_name)
    if uploaded is None:
        return _form(
            slug, Conflict(reason=say("That upload is no longer there: it is kept for a day. Upload it again."))
        )
    try:
        need_typed(slug)
        quiet = request.form.get("tell") is None
        report = rescore.rescore(parts().db, parts().keys, content=uploaded.content, quiet=quiet, **asking(slug))
    except BadRequest as refusal:
        planned = rescore.rescore(parts().db, parts().keys, content=uploaded.content, dry_run=True, **asking(slug))
        return _preview(slug, held_name, planned, refusal)
    except (BadSolution, Conflict) as refusal:
        return _form(slug, refusal)
    held.drop(parts().db, name=held_name, principal=signed_in())
    notice(say("The answers are corrected. Submissions scored again: {count}.", count=report.submissions))
    return redirect(url_for(".form", slug=slug), 303)


def _form(slug: str, refusal: Refusal | None = None) -> AnyResponse:
    page = render_template(
        "console/rescore.html",
        c=competitions.shown(parts().db, **asking(slug)),
        key=rescore.current_key(parts().db, parts().keys, **asking(slug)),
        refusal=refusal,
    )
    return page_reply(page, refusal)


def _preview(slug: str, held_name: str, report: Rescored, refusal: Refusal | None = None) -> AnyResponse:
    page = render_template(
        "console/rescore_preview.html",
        c=competitions.shown(parts().db, **asking(slug)),
        held_name=held_name,
        report=report,
        refusal=refusal,
        quiet=request.form.get("confirm") is not None and request.form.get("tell") is None,
    )
    return page_reply(page, refusal)
