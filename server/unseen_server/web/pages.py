"""The pages of a competition for people with a browser, drawn from the same services as the API."""

from __future__ import annotations

import contextlib
import secrets
from typing import Any

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core import leak
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
    RefusedAfterwards,
    UnsupportedFile,
)
from unseen_server.core.schedule import Phase
from unseen_server.core.sentences import say
from unseen_server.services import competitions, finals, participation, public_files
from unseen_server.services import submissions as own
from unseen_server.services.competitions import Shown
from unseen_server.services.entries import Upload
from unseen_server.services.submit import check, submit
from unseen_server.web import (
    account,
    boards,
    console,
    device,
    joining,
    languages,
    meter,
    own_chart,
    paging,
    present,
    problems,
    signin,
    sso,
    team,
    welcome,
)
from unseen_server.web.context import asking, now, parts, received_at, signed_in, visitor
from unseen_server.web.forms import notice, page_reply
from unseen_server.web.replies import VARY
from unseen_server.web.sending import sent_predictions

blueprint = Blueprint("pages", __name__)
for _part in (signin, account, welcome, joining, sso, team, meter, device):
    blueprint.register_blueprint(_part.blueprint)
blueprint.register_blueprint(console.blueprint)
blueprint.record_once(lambda state: boards.register(state.app))

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
    languages.word,
    present.machine_time,
    present.metric_name,
    present.score,
    present.decimals,
    present.ratio,
    present.bound,
    present.file_size,
    present.markdown,
    leak.level_word,
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
        "public_url": parts().config.public_url,
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
    response.headers["Vary"] = VARY
    if response.mimetype == "text/html":
        response.headers["Content-Language"] = languages.current().code
    return response


@blueprint.errorhandler(NotSignedIn)
def _sign_in_first(_: NotSignedIn) -> AnyResponse:
    """Back to the page that was asked for afterwards, or to the form that was sent, where there is such a page."""
    after = request.full_path.rstrip("?") if request.method == "GET" else request.path
    return redirect(url_for("pages.signin.login", next=after if signin.shows_a_page(request.path) else None), 303)


# competitions


@blueprint.get("/")
def home() -> AnyResponse:
    return redirect(url_for("pages.competition_list"))


@blueprint.get("/competitions")
def competition_list() -> str:
    """What runs now first, the nearest deadline on top; then what is over, the latest on top."""
    person = visitor()
    listed = competitions.listed(parts().db, principal=person, now=now())
    slugs = [competition.slug for competition in listed]
    return render_template(
        "competitions.html",
        running=[c for c in reversed(listed) if c.phase in (Phase.DRAFT, Phase.OPEN)],
        over=[c for c in listed if c.phase in (Phase.CLOSED, Phase.REVEALED)],
        places=participation.places(parts().db, slugs=slugs, principal=person, now=now()) if person else {},
    )


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
            files = public_files.listed(parts().db, slug=slug, principal=person, now=now())
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
    """Submit the file, or only check it where that button was pressed."""
    only_check = "check" in request.form
    sent: dict[str, Any] = {"slug": slug, "principal": signed_in(), "received_at": received_at()}
    try:
        upload = _upload(slug)
        if only_check:
            rows = check(parts().db, parts().keys, upload=upload, **sent)
            return _submit_form(slug, rows=rows, message=upload.message)
        receipt = submit(
            parts().db, parts().keys, upload=upload, signer=parts().signer, desk=parts().desk, **sent
        ).receipt
    except MENDABLE as refusal:
        return _submit_form(slug, refusal, request.form.get("message", ""))
    return boards.followed(redirect(url_for("pages.submission", slug=slug, ref=receipt.ref), 303), receipt)


def _upload(slug: str) -> Upload:
    sent = sent_predictions(slug)
    if sent is None or not sent.name:
        raise BadRequest(reason=say("Choose a file first."))
    return Upload(
        content=sent.content,
        file_name=sent.name,
        message=request.form.get("message", ""),
        idempotency_key=request.form.get("key") or None,
    )


def _submit_form(slug: str, refusal: Refusal | None = None, message: str = "", rows: int | None = None) -> AnyResponse:
    """The form, with a key of its own, so that pressing its button twice counts once."""
    limits = own.own_limits(parts().db, slug=slug, principal=signed_in(), now=now())
    page = render_template(
        "submit.html",
        c=_shown(slug),
        limits=limits,
        refusal=refusal,
        kinds=problems.by_kind(refusal) if isinstance(refusal, BadFile) else None,
        rows=rows,
        message=message,
        key=secrets.token_urlsafe(16),
    )
    return page_reply(page, refusal)


@blueprint.get("/competitions/<slug>/submissions/<int(max=2147483647):ref>")
def submission(slug: str, ref: int) -> str:
    """The receipt of one of the team's submissions, as often as it is asked for."""
    person, shown = signed_in(), _shown(slug)
    current = own.own_submission(parts().db, ref=ref, principal=person, slug=slug)
    try:
        receipt = own.own_receipt(parts().db, ref=ref, principal=person)
    except RefusedAfterwards as refusal:
        kinds = problems.by_kind(refusal)
        return render_template("unscored.html", c=shown, submission=current, refusal=refusal, kinds=kinds)
    if current.status == "pending":
        return render_template("unscored.html", c=shown, submission=current)
    return render_template("receipt.html", c=shown, receipt=receipt, submission=current)


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
    if chosen:
        notice(say("Your final submissions are chosen. You can change them until the deadline."))
    else:
        notice(say("None is chosen, so the default rule applies."))
    return redirect(url_for("pages.submissions", slug=slug, page=request.args.get("page")), 303)


def _submissions(slug: str, refusal: Refusal | None = None) -> AnyResponse:
    place = asking(slug)
    shown, final = _shown(slug), finals.final(parts().db, **place)
    sent = own.own_submissions(parts().db, limit=finals.EVERY_SUBMISSION, **place)
    asked = paging.asked().within(len(sent))
    listed = asked.of(sent)
    page = render_template(
        "submissions.html",
        c=shown,
        submissions=listed,
        elsewhere=[s.ref for s in sent if s.selected and s not in listed],
        sent=sent,
        chart=own_chart.own_chart(sent, shown.direction),
        final=final,
        remind=participation.REMINDED,
        limits=own.own_limits(parts().db, **place),
        number=asked.number,
        pages=asked.pages(len(sent)),
        refusal=refusal,
    )
    return page_reply(page, refusal)
