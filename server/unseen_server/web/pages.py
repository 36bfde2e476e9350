"""The pages of a competition for people with a browser, drawn from the same services as the API."""

from __future__ import annotations

import contextlib
import secrets
from typing import Any

from flask import Blueprint, Response, current_app, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core import release
from unseen_server.core.errors import (
    BadFile,
    BadRequest,
    Conflict,
    FileTooLarge,
    KeyReused,
    LimitReached,
    NotEnrolled,
    NotSignedIn,
    Refusal,
    UnsupportedFile,
)
from unseen_server.core.sentences import say
from unseen_server.services import competitions, finals
from unseen_server.services import submissions as own
from unseen_server.services.competitions import Shown
from unseen_server.services.entries import Upload
from unseen_server.services.submit import submit
from unseen_server.web import account, boards, console, joining, languages, present, signin, sso, welcome
from unseen_server.web.context import now, parts, received_at, signed_in, visitor
from unseen_server.web.forms import page_reply

blueprint = Blueprint("pages", __name__)
for _part in (signin, account, welcome, joining, sso):
    blueprint.register_blueprint(_part.blueprint)
blueprint.register_blueprint(console.blueprint)
blueprint.record_once(lambda state: boards.register(state.app))

LISTED = 1000

# What the upload form explains in place, so that the file can be mended and sent again.
MENDABLE = (BadFile, BadRequest, Conflict, FileTooLarge, KeyReused, LimitReached, UnsupportedFile)

for _filter in (
    languages.ago,
    languages.minute,
    languages.day,
    languages.both_zones,
    languages.clock_time,
    languages.number,
    languages.tell,
    present.machine_time,
    present.metric_name,
    present.score,
    present.decimals,
    present.ratio,
    present.bound,
    present.file_size,
    present.markdown,
    release.leak_meaning,
):
    blueprint.add_app_template_filter(_filter)


@blueprint.app_context_processor
def _known_to_every_page() -> dict[str, Any]:
    """Only what is known already: a page that reports a fault must not ask the database for anything."""
    return {
        "visitor": g.get("visitor"),
        "identified": "visitor" in g,
        "csrf_token": g.get("csrf_token", ""),
        "now": now(),
        "wait": lambda instant: languages.wait(instant - now()),
        "language": languages.current(),
        "languages": languages.LANGUAGES.values(),
        "known_endpoints": current_app.view_functions,
    }


@blueprint.before_request
def _identify() -> None:
    """Who is asking, before anything else; a form of a signed-in browser needs its token here already."""
    if request.endpoint != "pages.signin.sign_in":
        visitor()


@blueprint.after_request
def _keep_private(response: Response) -> Response:
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "private, no-store" if g.get("visitor") else "private, no-cache"
    response.headers["Vary"] = "Authorization, Cookie, Accept-Language"
    return response


@blueprint.errorhandler(NotSignedIn)
def _sign_in_first(_: NotSignedIn) -> AnyResponse:
    """Back to the page that was asked for afterwards, or to the form that was sent, where there is such a page."""
    adapter = current_app.create_url_adapter(request)
    shows = adapter is not None and adapter.test(request.path, "GET")
    after = request.full_path.rstrip("?") if request.method == "GET" else request.path
    return redirect(url_for("pages.signin.login", next=after if shows else None), 303)


# competitions


@blueprint.get("/")
def home() -> AnyResponse:
    return redirect(url_for("pages.competition_list"))


@blueprint.get("/competitions")
def competition_list() -> str:
    listed = competitions.listed(parts().db, principal=visitor(), now=now())
    return render_template("competitions.html", competitions=listed)


@blueprint.get("/c/<slug>")
def short_address(slug: str) -> AnyResponse:
    return redirect(url_for("pages.overview", slug=slug))


@blueprint.get("/competitions/<slug>")
def overview(slug: str) -> str:
    return render_template("overview.html", c=_shown(slug))


@blueprint.get("/competitions/<slug>/rules")
def rules(slug: str) -> str:
    return render_template("rules.html", c=_shown(slug))


@blueprint.get("/competitions/<slug>/data")
def data(slug: str) -> str:
    shown, files = _shown(slug), None
    person = visitor()
    if person is not None:
        with contextlib.suppress(NotEnrolled):
            files = competitions.files(parts().db, slug=slug, principal=person, now=now())
    return render_template("data.html", c=shown, files=files)


def _shown(slug: str) -> Shown:
    code = languages.current().code
    return competitions.shown(parts().db, slug=slug, principal=visitor(), now=now(), language=code)


@blueprint.get("/competitions/<slug>/leaderboard")
def leaderboard(slug: str) -> Response:
    return boards.page(slug)


# taking part


@blueprint.get("/competitions/<slug>/submit")
def submit_form(slug: str) -> AnyResponse:
    return _submit_form(slug)


@blueprint.post("/competitions/<slug>/submit")
def submit_file(slug: str) -> AnyResponse:
    person, sent = signed_in(), request.files.get("file")
    message = request.form.get("message", "")
    try:
        if sent is None or not sent.filename:
            raise BadRequest(reason=say("Choose a file first."))
        upload = Upload(
            content=sent.read(),
            file_name=sent.filename,
            message=message,
            idempotency_key=request.form.get("key") or None,
        )
        answer = submit(parts().db, parts().keys, slug=slug, principal=person, upload=upload, received_at=received_at())
    except MENDABLE as refusal:
        return _submit_form(slug, refusal, message)
    return make_response(render_template("receipt.html", c=_shown(slug), receipt=answer.receipt), 201)


def _submit_form(slug: str, refusal: Refusal | None = None, message: str = "") -> AnyResponse:
    """The form, with a key of its own, so that pressing its button twice counts once."""
    limits = own.own_limits(parts().db, slug=slug, principal=signed_in(), now=now())
    page = render_template(
        "submit.html",
        c=_shown(slug),
        limits=limits,
        refusal=refusal,
        message=message,
        key=secrets.token_urlsafe(16),
    )
    return page_reply(page, refusal)


@blueprint.get("/competitions/<slug>/submissions")
def submissions(slug: str) -> AnyResponse:
    return _submissions(slug)


@blueprint.post("/competitions/<slug>/submissions")
def choose_final(slug: str) -> AnyResponse:
    refs = request.form.getlist("ref")
    try:
        if not all(ref.isascii() and ref.isdigit() and len(ref) < 19 for ref in refs):
            raise BadRequest(reason=say("A submission is chosen by its number."))
        chosen = [int(ref) for ref in refs]
        finals.choose(parts().db, slug=slug, principal=signed_in(), refs=chosen, now=now())
    except (BadRequest, Conflict) as refusal:
        return _submissions(slug, refusal)
    return redirect(url_for("pages.submissions", slug=slug), 303)


def _submissions(slug: str, refusal: Refusal | None = None) -> AnyResponse:
    place: dict[str, Any] = {"slug": slug, "principal": signed_in(), "now": now()}
    page = render_template(
        "submissions.html",
        c=competitions.shown(parts().db, **place),
        submissions=own.own_submissions(parts().db, limit=LISTED, **place),
        final=finals.final(parts().db, **place),
        limits=own.own_limits(parts().db, **place),
        refusal=refusal,
    )
    return page_reply(page, refusal)
