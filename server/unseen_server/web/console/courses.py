"""The console's first page and a course's own: its competitions, how it is set up, and how students join it."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.errors import BadRequest, Conflict, Refusal
from unseen_server.core.schedule import Moment, zone_names
from unseen_server.core.sentences import say
from unseen_server.services import courses, joining, overview
from unseen_server.web import addresses
from unseen_server.web.context import now, parts, signed_in
from unseen_server.web.forms import notice, page_reply

blueprint = Blueprint("courses", __name__)

WRONG = (BadRequest, Conflict)


@blueprint.get("/")
def home() -> str:
    return render_template(
        "console/home.html", overviews=overview.overview(parts().db, principal=signed_in(), now=now())
    )


@blueprint.get("/courses/new")
def new_form() -> AnyResponse:
    signed_in().need_admin()
    return _new_form()


@blueprint.post("/courses/new")
def new() -> AnyResponse:
    typed = {name: request.form.get(name, "").strip() for name in ("slug", "title", "time_zone")}
    try:
        courses.new(parts().db, **typed, principal=signed_in(), now=now())
    except WRONG as refusal:
        return _new_form(refusal)
    notice(say("The course is there. Its clocks show {moment}.", moment=Moment(now(), typed["time_zone"])))
    return redirect(url_for(".course", course=typed["slug"]), 303)


def _new_form(refusal: Refusal | None = None) -> AnyResponse:
    page = render_template("console/new_course.html", refusal=refusal, typed=request.form, zones=sorted(zone_names()))
    return page_reply(page, refusal)


@blueprint.get("/courses/<course>")
def course(course: str) -> AnyResponse:
    return _course(course)


@blueprint.post("/courses/<course>")
def change(course: str) -> AnyResponse:
    title, zone = request.form.get("title", ""), request.form.get("time_zone", "").strip()
    try:
        courses.change(parts().db, course=course, title=title, time_zone=zone, principal=signed_in(), now=now())
    except WRONG as refusal:
        return _course(course, refusal)
    notice(say("Saved. The course's clocks show {moment}.", moment=Moment(now(), zone)))
    return redirect(url_for(".course", course=course), 303)


@blueprint.post("/courses/<course>/join-code")
def set_code(course: str) -> AnyResponse:
    joining.set_code(parts().db, course=course, principal=signed_in(), now=now())
    notice(say("The course has a new join code. One it had before no longer works."))
    return redirect(url_for(".course", course=course) + "#join", 303)


@blueprint.post("/courses/<course>/join-code/close")
def close_code(course: str) -> AnyResponse:
    joining.close_code(parts().db, course=course, principal=signed_in(), now=now())
    notice(say("Nobody can join with a code any more."))
    return redirect(url_for(".course", course=course) + "#join", 303)


def _course(course: str, refusal: Refusal | None = None) -> AnyResponse:
    seen = overview.course_overview(parts().db, course=course, principal=signed_in(), now=now())
    page = render_template(
        "console/course.html",
        seen=seen,
        course=seen.course,
        refusal=refusal,
        typed=request.form,
        zones=sorted(zone_names()),
        join_address=addresses.join(seen.course.join_code) if seen.course.join_code else None,
    )
    return page_reply(page, refusal)
