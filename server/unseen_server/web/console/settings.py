"""What is settled of a competition and what can still change: limits, times, and the pages students read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core import advice, metrics, release, schedule
from unseen_server.core.errors import BadRequest, Conflict, Refusal
from unseen_server.core.sentences import N_, say
from unseen_server.services import authoring, competitions, editing
from unseen_server.services.authoring import EditablePage
from unseen_server.services.editing import Editable, Plan, Settings
from unseen_server.web.context import asking, parts
from unseen_server.web.forms import notice, page_reply, time_text, whole_number

blueprint = Blueprint("settings", __name__)
blueprint.add_app_template_filter(time_text)
blueprint.add_app_template_filter(advice.lines, "advice_lines")

WRONG = (BadRequest, Conflict)
# What each setting is called on a form; those that are counted, and those that are times.
LABELS = {
    "title": N_("Title"),
    "time_zone": N_("Time zone"),
    "starts_at": N_("Opens"),
    "deadline": N_("Deadline"),
    "daily_limit": N_("Submissions a day"),
    "total_limit": N_("Submissions in all"),
    "rejected_per_hour": N_("Rejected files an hour"),
    "final_submissions": N_("Final submissions"),
    "largest_team": N_("Largest team"),
    "release": N_("How public scores are shown"),
    "public_intervals": N_("Say which teams are tied"),
    "late_submissions": N_("Take late submissions"),
}
PAGE_NAMES = {"overview": N_("Overview"), "rules": N_("Rules"), "data": N_("Data")}


@blueprint.get("/competitions/<slug>/settings")
def edit(slug: str) -> AnyResponse:
    return _form(slug, editing.editable(parts().db, **asking(slug)))


@blueprint.post("/competitions/<slug>/settings")
def save(slug: str) -> AnyResponse:
    """Look at the changes first (`step` is “look”), go back to the form (“edit”), or save them (“save”)."""
    now_there, stamp, step = editing.editable(parts().db, **asking(slug)), request.form.get("stamp", ""), _step()
    try:
        wanted = _wanted(now_there, request.form)
        if step == "save":
            editing.save(parts().db, wanted=wanted, stamp=stamp, **asking(slug))
            notice(say("The settings are saved."))
            return redirect(url_for(".edit", slug=slug), 303)
        plan = editing.plan(parts().db, wanted=wanted, stamp=stamp, **asking(slug))
    except WRONG as refusal:
        return _form(slug, now_there, refusal)
    return _form(slug, now_there, plan=plan if step == "look" else None)


def _step() -> str:
    return request.form.get("step", "look")


def _wanted(there: Editable, typed: Mapping[str, str]) -> Settings:
    """The settings as typed; what the form could not change stays as it is."""
    zone = typed.get("time_zone", "").strip() if "time_zone" not in there.settled else there.settings.time_zone
    schedule.checked_zone(zone)
    values: dict[str, Any] = {name: _value(name, there, typed, zone) for name in LABELS if name not in there.settled}
    return Settings(**{**vars(there.settings), **values, "time_zone": zone})


def _value(name: str, there: Editable, typed: Mapping[str, str], zone: str) -> Any:
    text, old = typed.get(name, "").strip(), getattr(there.settings, name)
    if name in ("starts_at", "deadline"):
        return _instant(text, old, there.settings.time_zone, zone, may_be_missing=name == "starts_at")
    if name in editing.COUNTED:
        return None if name == "total_limit" and not text else whole_number(text, say(LABELS[name]), editing.MOST)
    return name in typed if isinstance(old, bool) else text


def _instant(text: str, old: datetime | None, old_zone: str, zone: str, *, may_be_missing: bool) -> datetime | None:
    """The instant typed. One that was left as the form showed it stays to the second."""
    if not text and may_be_missing:
        return None
    if old is not None and zone == old_zone and text == time_text(old, old_zone):
        return old
    return schedule.local_to_utc(text, zone)


def _form(slug: str, there: Editable, refusal: Refusal | None = None, plan: Plan | None = None) -> AnyResponse:
    place = asking(slug)
    shown = competitions.shown(parts().db, **place)
    page = render_template(
        "console/settings_plan.html" if plan else "console/settings.html",
        c=shown,
        settings=there.settings,
        settled=there.settled,
        typed=request.form,
        plan=plan,
        refusal=refusal,
        labels=LABELS,
        releases=release.offered(metrics.metric(shown.metric)),
        advice=there.advice,
        zones=sorted(schedule.zone_names()),
        pages=authoring.pages(parts().db, **place),
        page_names=PAGE_NAMES,
        page_languages=authoring.LANGUAGES,
    )
    return page_reply(page, refusal)


# pages


@blueprint.get("/competitions/<slug>/pages")
def pages(slug: str) -> AnyResponse:
    page = render_template(
        "console/pages.html",
        c=competitions.shown(parts().db, **asking(slug)),
        pages=authoring.pages(parts().db, **asking(slug)),
        page_names=PAGE_NAMES,
        page_languages=authoring.LANGUAGES,
    )
    return page_reply(page)


@blueprint.get("/competitions/<slug>/pages/<name>/<tongue>")
def page(slug: str, name: str, tongue: str) -> AnyResponse:
    there = authoring.page(parts().db, name=name, language=tongue, **asking(slug))
    return _page(slug, there, there.markdown)


@blueprint.post("/competitions/<slug>/pages/<name>/<tongue>")
def save_page(slug: str, name: str, tongue: str) -> AnyResponse:
    """Show what was typed as students would see it (`step` is “preview”), or save it."""
    text = request.form.get("markdown", "")
    which: dict[str, Any] = {"name": name, "language": tongue, **asking(slug)}
    there = authoring.page(parts().db, **which)
    try:
        markdown = authoring.checked_page(text)
        if request.form.get("step") == "preview":
            return _page(slug, there, text, preview=markdown)
        authoring.save_page(parts().db, markdown=markdown, stamp=request.form.get("stamp", ""), **which)
    except WRONG as refusal:
        return _page(slug, there, text, refusal=refusal)
    notice(say("The page is saved."))
    return redirect(url_for(".pages", slug=slug), 303)


def _page(
    slug: str, there: EditablePage, text: str, *, preview: str | None = None, refusal: Refusal | None = None
) -> AnyResponse:
    drawn = render_template(
        "console/page.html",
        c=competitions.shown(parts().db, **asking(slug)),
        page=there,
        text=text,
        preview=preview,
        refusal=refusal,
        page_names=PAGE_NAMES,
        page_languages=authoring.LANGUAGES,
    )
    return page_reply(drawn, refusal)
