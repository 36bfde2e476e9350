"""Every submission of a competition: found, downloaded, withdrawn with a reason and brought back."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.errors import BadRequest, Conflict, Refusal
from unseen_server.core.sentences import say
from unseen_server.services import competitions, received, withdrawals
from unseen_server.web import paging
from unseen_server.web.context import asking, parts
from unseen_server.web.forms import notice, page_reply
from unseen_server.web.replies import bytes_reply

blueprint = Blueprint("submissions", __name__, url_prefix="/competitions/<slug>")

ONE = "/submissions/<int(max=2147483647):ref>"


@blueprint.get("/submissions")
def listing(slug: str) -> AnyResponse:
    return _listing(slug)


@blueprint.get(ONE)
def one(slug: str, ref: int) -> AnyResponse:
    return _one(slug, ref)


@blueprint.get(f"{ONE}/file")
def file(slug: str, ref: int) -> Response:
    uploaded = received.file(parts().db, ref=ref, **asking(slug))
    return bytes_reply(uploaded.content, uploaded.name)


@blueprint.post(f"{ONE}/withdraw")
def withdraw(slug: str, ref: int) -> AnyResponse:
    try:
        withdrawals.withdraw(parts().db, ref=ref, reason=request.form.get("reason", ""), **asking(slug))
    except (BadRequest, Conflict) as refusal:
        return _one(slug, ref, refusal)
    notice(say("Submission {ref} is withdrawn, and its team can read why.", ref=ref))
    return redirect(url_for(".one", slug=slug, ref=ref), 303)


@blueprint.post(f"{ONE}/restore")
def restore(slug: str, ref: int) -> AnyResponse:
    try:
        withdrawals.restore(parts().db, ref=ref, reason=request.form.get("reason", ""), **asking(slug))
    except (BadRequest, Conflict) as refusal:
        return _one(slug, ref, refusal)
    notice(say("Submission {ref} counts again.", ref=ref))
    return redirect(url_for(".one", slug=slug, ref=ref), 303)


@blueprint.post("/rejections/clear")
def clear_rejected(slug: str) -> AnyResponse:
    username = request.form.get("username", "")
    try:
        received.clear_rejected(parts().db, username=username, reason=request.form.get("reason", ""), **asking(slug))
    except (BadRequest, Conflict) as refusal:
        return _listing(slug, refusal)
    notice(say("The rejected files of {username} are forgotten. They can upload at once.", username=username))
    return redirect(url_for(".listing", slug=slug), 303)


def _listing(slug: str, refusal: Refusal | None = None) -> AnyResponse:
    asked, kind = paging.asked(), request.args.get("kind", "all")
    page = render_template(
        "console/submissions.html",
        c=competitions.shown(parts().db, **asking(slug)),
        found=received.search(
            parts().db, text=asked.text, kind=kind, offset=asked.offset, limit=paging.SIZE, **asking(slug)
        ),
        rejected=received.rejected(parts().db, **asking(slug)),
        paging=asked,
        kind=kind if kind in received.KINDS else "all",
        refusal=refusal,
        typed=request.form,
    )
    return page_reply(page, refusal)


def _one(slug: str, ref: int, refusal: Refusal | None = None) -> AnyResponse:
    submission, deeds = received.one(parts().db, ref=ref, **asking(slug))
    page = render_template(
        "console/submission.html",
        c=competitions.shown(parts().db, **asking(slug)),
        s=submission,
        deeds=deeds,
        refusal=refusal,
        reason=request.form.get("reason", ""),
    )
    return page_reply(page, refusal)
