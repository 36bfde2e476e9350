"""A new competition in the browser: a labelled table or a folder uploaded, looked over, and made into a draft."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import PurePath

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core import schedule
from unseen_server.core.advice import Advice
from unseen_server.core.errors import BadBundle, BadRequest, Conflict, FileTooLarge, Refusal, UnsupportedFile
from unseen_server.core.metrics import METRICS
from unseen_server.core.release import RELEASES
from unseen_server.core.sentences import N_, say
from unseen_server.services import bundles, courses, drafting, editing, held, launching
from unseen_server.services.competitions import Shown
from unseen_server.services.courses import StaffedCourse
from unseen_server.services.drafting import Wanted
from unseen_server.services.held import Held
from unseen_server.web.context import now, parts, signed_in
from unseen_server.web.forms import held_file, notice, page_reply, time_text, whole_number
from unseen_server.web.sending import sent_table

blueprint = Blueprint("wizard", __name__)

WRONG = (BadBundle, BadRequest, Conflict, FileTooLarge, UnsupportedFile)
OPEN_FOR = timedelta(days=14)
ZIP = b"PK\x03\x04"


@blueprint.get("/courses/<course>/competitions/new")
def start(course: str) -> AnyResponse:
    return _start(course)


@blueprint.post("/courses/<course>/competitions/new")
def upload(course: str) -> AnyResponse:
    """A zip is a whole competition; a table is kept until the next page says what to make of it."""
    home, sent = _instructed(course), sent_table()
    try:
        if sent is None:
            raise BadRequest(reason=say("Choose a file first: a CSV, or a competition's folder as a zip."))
        if sent.content.startswith(ZIP):
            bundle = bundles.read_zip(sent.content)
            made = launching.create(parts().db, bundle, course=home.slug, principal=signed_in(), now=now())
            return _made(made)
        drafting.columns(Held("", sent.name, sent.content))
        name = held.keep(parts().db, file_name=sent.name, content=sent.content, principal=signed_in(), now=now())
    except WRONG as refusal:
        return _start(course, refusal)
    return redirect(url_for(".describe", course=course, name=name), 303)


@blueprint.get("/courses/<course>/competitions/new/<name>")
def describe(course: str, name: str) -> AnyResponse:
    home, uploaded = _instructed(course), held_file(name)
    return _describe(home, uploaded) if uploaded else _upload_again(course)


@blueprint.post("/courses/<course>/competitions/new/<name>")
def make(course: str, name: str) -> AnyResponse:
    """Say what the split would allow (`step` is “look”), or make the draft."""
    home, uploaded = _instructed(course), held_file(name)
    if uploaded is None:
        return _upload_again(course)
    try:
        wanted = _wanted(request.form)
        if request.form.get("step") == "look":
            return _describe(home, uploaded, advice=drafting.advised(uploaded, wanted, now()))
        made = drafting.make(
            parts().db, uploaded=uploaded, wanted=wanted, course=course, principal=signed_in(), now=now()
        )
    except WRONG as refusal:
        return _describe(home, uploaded, refusal)
    return _made(made)


def _upload_again(course: str) -> AnyResponse:
    notice(say("The uploaded file is no longer here: it is kept for a day. Upload it again."))
    return redirect(url_for(".start", course=course), 303)


def _made(made: Shown) -> AnyResponse:
    notice(say("The competition is a draft that only the staff see. Look it over, then launch it."))
    return redirect(url_for("pages.console.life.overview", slug=made.slug), 303)


def _start(course: str, refusal: Refusal | None = None) -> AnyResponse:
    return page_reply(render_template("console/new.html", course=_instructed(course), refusal=refusal), refusal)


def _describe(
    home: StaffedCourse, uploaded: Held, refusal: Refusal | None = None, advice: Advice | None = None
) -> AnyResponse:
    columns = drafting.columns(uploaded)
    stem = PurePath(uploaded.file_name).stem
    page = render_template(
        "console/describe.html",
        course=home,
        file=uploaded,
        columns=columns,
        target=drafting.likely_target(columns),
        typed={**_defaults(home, stem), **request.form} if request.form else _defaults(home, stem),
        is_first_look=not request.form,
        metrics=METRICS.values(),
        releases=RELEASES,
        zones=sorted(schedule.zone_names()),
        advice=advice,
        refusal=refusal,
    )
    return page_reply(page, refusal)


def _defaults(home: StaffedCourse, stem: str) -> Mapping[str, str]:
    """What the form proposes: what the course usually does."""
    last_day = schedule.local(now() + OPEN_FOR, home.time_zone).replace(hour=23, minute=59)
    return {
        "title": bundles.title_of(stem),
        "slug": bundles.slug_of(stem),
        "metric": "mse",
        "time_zone": home.time_zone,
        "deadline": time_text(last_day, home.time_zone),
        "test_share": "30",
        "public_share": "",
        "daily_limit": "5",
        "total_limit": "",
        "final_submissions": "2",
        "largest_team": "3",
        "release": "rounded",
    }


def _wanted(typed: Mapping[str, str]) -> Wanted:
    text = {name: value.strip() for name, value in typed.items()}
    return Wanted(
        target=typed.get("target", ""),
        id_column=typed.get("id_column") or None,
        title=text.get("title", ""),
        slug=text.get("slug", ""),
        metric=text.get("metric", ""),
        time_zone=text.get("time_zone", ""),
        deadline=text.get("deadline", ""),
        test_size=_percent(text, "test_share", N_("Hidden test rows, percent")),
        public=_percent(text, "public_share", N_("Public part of them, percent")) if text.get("public_share") else None,
        daily_limit=_count(text, "daily_limit", N_("Submissions a day")),
        total_limit=_count(text, "total_limit", N_("Submissions in all")) if text.get("total_limit") else None,
        final_submissions=_count(text, "final_submissions", N_("Final submissions")),
        largest_team=_count(text, "largest_team", N_("Largest team")),
        release=text.get("release", "rounded"),
        late_submissions="late_submissions" in text,
    )


def _count(text: Mapping[str, str], field: str, label: str) -> int:
    return whole_number(text.get(field, ""), say(label), editing.MOST)


def _percent(text: Mapping[str, str], field: str, label: str) -> float:
    return whole_number(text.get(field, ""), say(label), 99) / 100


def _instructed(course: str) -> StaffedCourse:
    """The course, whose instructors alone may make competitions in it."""
    return courses.shown(parts().db, course=course, principal=signed_in(), for_instructors=True)
