"""Importing a roster: upload, look at what would happen, confirm."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.errors import BadRequest, FileTooLarge, Refusal
from unseen_server.core.sentences import say
from unseen_server.services import courses, held, rosters
from unseen_server.services.class_lists import BadRoster
from unseen_server.web.context import now, parts, signed_in
from unseen_server.web.forms import held_file, notice, page_reply
from unseen_server.web.sending import SentFile, sent_table

blueprint = Blueprint("roster", __name__, url_prefix="/courses/<course>/roster")


@blueprint.get("/")
def form(course: str) -> AnyResponse:
    return _form(course)


@blueprint.post("/")
def upload(course: str) -> AnyResponse:
    """Hold the list until it is confirmed; nobody is enrolled by this."""
    person = signed_in()
    try:
        sent = _sent()
        rosters.preview(parts().db, course=course, content=sent.content, principal=person)
        kept = held.keep(parts().db, file_name=sent.name, content=sent.content, principal=person, now=now())
    except (BadRequest, BadRoster, FileTooLarge) as refusal:
        return _form(course, refusal)
    return redirect(url_for(".preview", course=course, held_name=kept), 303)


@blueprint.get("/<held_name>")
def preview(course: str, held_name: str) -> AnyResponse:
    person = signed_in()
    shown, kept = courses.shown(parts().db, course=course, principal=person), held_file(held_name)
    if kept is None:
        return _upload_again(course)
    plan = rosters.preview(parts().db, course=course, content=kept.content, principal=person)
    return page_reply(render_template("console/roster_preview.html", course=shown, plan=plan, kept=kept))


@blueprint.post("/<held_name>")
def confirm(course: str, held_name: str) -> AnyResponse:
    person, kept = signed_in(), held_file(held_name)
    if kept is None:
        return _upload_again(course)
    try:
        report = rosters.import_roster(
            parts().db, course=course, content=kept.content, dry_run=False, principal=person, now=now()
        )
    except BadRoster:  # somebody took a name or an address meanwhile: the preview says whose line it is
        return redirect(url_for(".preview", course=course, held_name=held_name), 303)
    held.drop(parts().db, name=held_name, principal=person)
    notice(
        say(
            "The roster is imported. New: {added}. Enrolled: {enrolled}. Already there: {unchanged}.",
            added=len(report.added),
            enrolled=len(report.enrolled),
            unchanged=len(report.unchanged),
        )
    )
    return redirect(url_for("pages.console.people.listing", course=course), 303)


def _sent() -> SentFile:
    """The file, or the lines that were pasted."""
    sent = sent_table()
    if sent is not None:
        return sent
    pasted = request.form.get("text", "")
    if not pasted.strip():
        raise BadRequest(reason=say("Choose a file, or paste the lines of one."))
    return SentFile("pasted.csv", pasted.encode("utf-8", "replace"))


def _upload_again(course: str) -> AnyResponse:
    courses.shown(parts().db, course=course, principal=signed_in())  # strangers learn nothing here
    notice(say("That upload is no longer there: it is kept for a day, until it is confirmed. Upload it again."))
    return redirect(url_for(".form", course=course), 303)


def _form(course: str, refusal: Refusal | None = None) -> AnyResponse:
    shown = courses.shown(parts().db, course=course, principal=signed_in())
    page = render_template("console/roster.html", course=shown, refusal=refusal, typed=request.form)
    return page_reply(page, refusal)
