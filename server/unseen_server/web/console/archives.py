"""The archive of a competition: everything in a zip that needs no server, with names or without."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request, stream_with_context
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.errors import BadRequest, Refusal
from unseen_server.core.sentences import say
from unseen_server.services import archives, competitions
from unseen_server.services import jobs as work
from unseen_server.web import archiving, languages
from unseen_server.web.console import jobs
from unseen_server.web.context import asking, parts
from unseen_server.web.forms import need_typed, page_reply
from unseen_server.web.replies import zip_reply

blueprint = Blueprint("archives", __name__)

CHOICES = ("pseudonyms", "names")


@blueprint.get("/competitions/<slug>/archive")
def page(slug: str) -> AnyResponse:
    return _page(slug)


@blueprint.post("/competitions/<slug>/archive")
def download(slug: str) -> AnyResponse:
    """The archive at once, or a job that makes it."""
    people = request.form.get("people", "")
    try:
        if people not in CHOICES:
            raise BadRequest(reason=say("Choose whether people keep their names in the archive."))
        need_typed(slug)
    except BadRequest as refusal:
        return _page(slug, refusal, people)
    wanted: dict[str, Any] = {"pseudonymous": people == "pseudonyms", "language": languages.current().code}
    if parts().delivery.is_staffed() and archives.extent(parts().db, **asking(slug)).is_long:
        return jobs.follow(slug, work.hand_in(parts().db, parts().delivery, "archive", **asking(slug), **wanted))
    archive = archives.prepare(parts().db, draw=archiving.draw, **asking(slug), **wanted)
    packed = archives.zipped(archives.files(parts().db, archive), archive)
    return zip_reply(stream_with_context(packed), archives.file_name(archive))


def _page(slug: str, refusal: Refusal | None = None, people: str = CHOICES[0]) -> AnyResponse:
    place = asking(slug)
    drawn = render_template(
        "console/archive.html",
        extent=archives.extent(parts().db, **place),
        is_staffed=parts().delivery.is_staffed(),
        c=competitions.shown(parts().db, **place),
        refusal=refusal,
        people=people,
    )
    return page_reply(drawn, refusal)
