"""The protocol of the clients 1.5 to 1.7: an address for each thing, forms in, and often a bare list out."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.sentences import say
from unseen_server.web.context import signed_in
from unseen_server.web.kaggle import answers
from unseen_server.web.kaggle.asked import Part, number
from unseen_server.web.replies import json_reply
from unseen_server.web.wire import LISTED_AT_MOST

blueprint = Blueprint("rest", __name__, url_prefix="/competitions")


@blueprint.before_request
def _need_somebody() -> None:
    """No form is read for a stranger."""
    signed_in()


@blueprint.get("/list")
def competitions() -> Response:
    return json_reply(answers.listed(request.args.get("search", ""), _part())[0])


@blueprint.get("/data/list/<slug>")
def files(slug: str) -> Response:
    """A bare list for 1.5, which does not ask for pages; an object for those that do."""
    if not _field("pagesize"):
        return json_reply(answers.files(slug, Part.of_list(size=LISTED_AT_MOST))[0])
    rows, token = answers.files(slug, _part())
    return json_reply({"files": rows, "nextPageToken": token})


@blueprint.get("/data/download/<slug>/<name>")
def file(slug: str, name: str) -> AnyResponse:
    return answers.to_file(slug, name)


@blueprint.get("/data/download-all/<slug>")
def all_files(slug: str) -> AnyResponse:
    return answers.to_all_files(slug)


@blueprint.post("/<slug>/submissions/url/<size>/<changed_at>")
def new_upload(slug: str, size: str, changed_at: str) -> Response:
    return answers.new_upload(slug, request.form.get("fileName", ""), number(size, say("A file's size")))


@blueprint.post("/submission-url")
def new_upload_of_1_7() -> Response:
    form = request.form
    size = number(form.get("contentLength", "0"), say("A file's size"))
    return answers.new_upload(form.get("competitionName", ""), form.get("fileName", ""), size)


@blueprint.post("/submissions/submit/<slug>")
def new_submission(slug: str) -> Response:
    form = request.form
    return answers.new_submission(slug, form.get("blobFileTokens", ""), form.get("submissionDescription", ""))


@blueprint.get("/submissions/list/<slug>")
def submissions(slug: str) -> Response:
    rows, _ = answers.submissions(slug, _part())
    return json_reply([row | {"status": row["status"].lower()} for row in rows])


@blueprint.get("/<slug>/leaderboard/view")
def leaderboard(slug: str) -> Response:
    return json_reply({"submissions": answers.board(slug, _part())[0]})


@blueprint.get("/<slug>/leaderboard/download")
def leaderboard_zip(slug: str) -> Response:
    return answers.board_zip(slug)


def _part() -> Part:
    return Part.of_list(
        page=number(_field("page") or "1", say("A page")),
        size=number(_field("pagesize") or "0", say("A page's size")),
        token=_field("pagetoken"),
    )


def _field(name: str) -> str:
    """What the address asks for by this name: 1.6 says pageSize, 1.7 pagesize, and 1.6 None for nothing."""
    found = next((value for key, value in request.args.items() if key.lower() == name), "")
    return "" if found == "None" else found
