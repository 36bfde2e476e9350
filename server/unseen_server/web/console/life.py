"""A competition's life as its staff see it: how it is going, launching, closing, copying, exporting, removing."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.errors import BadRequest, Conflict, Refusal
from unseen_server.core.schedule import Moment
from unseen_server.core.sentences import say
from unseen_server.services import bundles, cloning, competitions, courses, folders, removing
from unseen_server.services import launching as launches
from unseen_server.services import progress as progresses
from unseen_server.services.bundles import Report
from unseen_server.services.progress import Progress
from unseen_server.web import charts
from unseen_server.web.context import asking, now, parts, signed_in
from unseen_server.web.forms import need_typed, notice, page_reply
from unseen_server.web.replies import zip_reply

blueprint = Blueprint("life", __name__)

WRONG = (BadRequest, Conflict)
CHECKED_AT_ONCE = 4 << 20  # bytes of public files; the pre-flight of larger ones takes a while and waits to be asked


@blueprint.get("/competitions/<slug>")
def overview(slug: str) -> str:
    place = asking(slug)
    progress = progresses.progress(parts().db, **place)
    shown = competitions.shown(parts().db, **place)
    return render_template(
        "console/overview.html",
        c=shown,
        progress=progress,
        report=_report(progress, shown.phase, place),
        bars=charts.bars([count for _, count in progress.by_day]),
        width=charts.width(len(progress.by_day)),
    )


def _report(progress: Progress, phase: str, place: dict[str, Any]) -> Report | None:
    """The pre-flight of a draft, at once or when it is asked for; it reads the answers, so it is the instructors'."""
    wanted = progress.file_bytes <= CHECKED_AT_ONCE or request.args.get("check") == "1"
    if phase != "draft" or not progress.may_instruct or not wanted:
        return None
    return progresses.preflight(parts().db, **place)


# launching


@blueprint.get("/competitions/<slug>/launch")
def launching(slug: str) -> AnyResponse:
    return _launching(slug, request.args.get("at", ""))


@blueprint.post("/competitions/<slug>/launch")
def launch(slug: str) -> AnyResponse:
    at = request.form.get("at", "")
    try:
        opened = launches.launch(parts().db, at=_asked(at), **asking(slug))
    except WRONG as refusal:
        return _launching(slug, at, refusal)
    opens = Moment(opened.starts_at or now(), opened.time_zone)
    if opened.phase == "open":
        notice(say("The competition is open. Tell your students."))
    else:
        notice(say("The competition opens {opens}.", opens=opens))
    return redirect(url_for(".overview", slug=slug), 303)


def _launching(slug: str, at: str, refusal: Refusal | None = None) -> AnyResponse:
    """The chosen time on both clocks, to be read before anything happens."""
    place, opens = asking(slug), None
    try:
        opens = launches.planned(parts().db, at=_asked(at), **place)
    except WRONG as wrong:
        refusal = refusal or wrong
    page = render_template(
        "console/launch.html",
        c=competitions.shown(parts().db, **place),
        progress=progresses.progress(parts().db, **place),
        at=at,
        opens=opens,
        refusal=refusal,
    )
    return page_reply(page, refusal)


def _asked(at: str) -> str | None:
    """A local time as it was typed; “now” is this instant, and nothing is what the settings say."""
    return now().isoformat() if at.strip() == "now" else at.strip() or None


# closing


@blueprint.get("/competitions/<slug>/close")
def closing(slug: str) -> AnyResponse:
    return _closing(slug)


@blueprint.post("/competitions/<slug>/close")
def close(slug: str) -> AnyResponse:
    try:
        need_typed(slug)
        launches.close(parts().db, **asking(slug))
    except WRONG as refusal:
        return _closing(slug, refusal)
    notice(say("The competition is closed for everybody."))
    return redirect(url_for(".overview", slug=slug), 303)


def _closing(slug: str, refusal: Refusal | None = None) -> AnyResponse:
    return _confirming("console/close.html", slug, refusal)


# removing


@blueprint.get("/competitions/<slug>/remove")
def asking_to_remove(slug: str) -> AnyResponse:
    return _removing(slug)


@blueprint.post("/competitions/<slug>/remove")
def remove(slug: str) -> AnyResponse:
    try:
        need_typed(slug)
        removing.remove(parts().db, **asking(slug))
    except WRONG as refusal:
        return _removing(slug, refusal)
    notice(say("The competition is removed. Students no longer find it; you can bring it back from this page."))
    return redirect(url_for(".overview", slug=slug), 303)


@blueprint.post("/competitions/<slug>/restore")
def restore(slug: str) -> AnyResponse:
    removing.restore(parts().db, **asking(slug))
    notice(say("The competition is back as it was."))
    return redirect(url_for(".overview", slug=slug), 303)


def _removing(slug: str, refusal: Refusal | None = None) -> AnyResponse:
    stake = removing.at_stake(parts().db, **asking(slug))
    return _confirming("console/remove.html", slug, refusal, stake=stake)


def _confirming(template: str, slug: str, refusal: Refusal | None, **values: Any) -> AnyResponse:
    place = asking(slug)
    page = render_template(
        template,
        c=competitions.shown(parts().db, **place),
        progress=progresses.progress(parts().db, for_instructors=True, **place),
        refusal=refusal,
        **values,
    )
    return page_reply(page, refusal)


# copying and taking along


@blueprint.post("/competitions/<slug>/export")
def export(slug: str) -> Response:
    """The folder with its hidden answers, as a zip."""
    return zip_reply(bundles.zipped(folders.export(parts().db, **asking(slug)), slug), f"{slug}.zip")


@blueprint.get("/competitions/<slug>/copy")
def cloning_form(slug: str) -> AnyResponse:
    return _cloning(slug)


@blueprint.post("/competitions/<slug>/copy")
def clone(slug: str) -> AnyResponse:
    sent = request.form
    copy = cloning.Copy(
        course=sent.get("course", ""),
        slug=sent.get("slug", "").strip(),
        title=sent.get("title", ""),
        deadline=sent.get("deadline", ""),
        split_anew="split_anew" in sent,
    )
    try:
        made = cloning.clone(parts().db, copy=copy, **asking(slug))
    except WRONG as refusal:
        return _cloning(slug, refusal)
    notice(say("The copy is a draft. Its deadline is {when}.", when=Moment(made.deadline, made.time_zone)))
    return redirect(url_for(".overview", slug=made.slug), 303)


def _cloning(slug: str, refusal: Refusal | None = None) -> AnyResponse:
    mine = [course for course in courses.listed(parts().db, principal=signed_in()) if course.instructed]
    return _confirming("console/copy.html", slug, refusal, typed=request.form, courses=mine)
