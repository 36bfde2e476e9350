"""The only place where a refusal becomes an HTTP status, as RFC 9457 problem details or as a page."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, Response, abort, render_template, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from unseen_server.core import errors
from unseen_server.core.errors import Refusal
from unseen_server.core.sentences import N_, say
from unseen_server.web import languages
from unseen_server.web.context import REFUSED_ON_ARRIVAL, is_for_kaggle
from unseen_server.web.languages import gettext, tell
from unseen_server.web.replies import VARY, json_bytes, json_reply

STATUS: dict[type[Refusal], int] = {
    errors.BadRequest: 400,
    errors.BadFile: 400,
    errors.BadBundle: 400,
    errors.NotSignedIn: 401,
    errors.WrongPassword: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.DeadLink: 404,
    errors.UnknownJoinCode: 404,
    errors.UnknownDeviceCode: 404,
    errors.NotLetIn: 400,
    errors.Conflict: 409,
    errors.FileTooLarge: 413,
    errors.UnsupportedFile: 415,
    errors.KeyReused: 422,
    errors.LimitReached: 429,
    errors.Unreachable: 502,
    errors.Busy: 503,
    errors.StorageFull: 507,
}
# What is refused before all of a request has come.
ON_ARRIVAL: dict[int, type[Refusal]] = {
    401: errors.NotSignedIn,
    503: errors.Busy,
    507: errors.StorageFull,
}
BUSY_RETRY_SECONDS = 2
# What Kaggle's clients tell of with their own words beside ours, which mislead; after 400 they print ours alone.
SAID_PLAINLY = frozenset({409, 413, 415, 422, 429})
MOST_LINES = 20

log = logging.getLogger(__name__)


def status_of(refusal: type[Refusal]) -> int:
    """The status of a class, or of the nearest class above it."""
    return next(STATUS[ancestor] for ancestor in refusal.__mro__ if ancestor in STATUS)


def register(app: Flask) -> None:
    app.before_request(_refuse_as_on_arrival)
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def _refuse_as_on_arrival() -> None:
    """A request that came too slowly, too large or in no known form: nothing but the reason is asked of us."""
    status = request.environ.get(REFUSED_ON_ARRIVAL)
    if status in ON_ARRIVAL:
        raise ON_ARRIVAL[status]()
    if status:
        abort(status)


def problem(status: int, code: str, detail: str, **members: Any) -> Response:
    body = {"type": f"urn:unseen:{code}", "title": _title(code), "status": status, "detail": detail, "code": code}
    response = Response(json_bytes(body | members), status, mimetype="application/problem+json")
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Language"] = languages.current().code
    response.headers["Vary"] = VARY
    return response


def _for_kaggle(status: int, message: str) -> Response:
    """The one shape of refusals that Kaggle's clients read."""
    status = 400 if status in SAID_PLAINLY else status
    return json_reply({"code": status, "message": message}, status)


def _in_lines(refusal: Refusal) -> str:
    """The sentence, which holds the first problem of a file, and the other problems a line each."""
    lines = [tell(refusal), *map(tell, refusal.problems[1:MOST_LINES])]
    if (more := len(refusal.problems) - MOST_LINES) > 0:
        lines.append(tell(say("There are {more} more such lines; mend these first.", more=more)))
    return "\n".join(lines)


def _refused(refusal: Refusal) -> Response:
    status = status_of(type(refusal))
    if is_for_kaggle():
        response = _for_kaggle(status, _in_lines(refusal))
    elif request.path.startswith("/api/"):
        members = refusal.member_values()
        if isinstance(refusal, errors.BadFile | errors.BadBundle):
            members["counts"] = refusal.counts
        listed = [{"code": p.code, "message": tell(p), "line": p.line, "id": p.id} for p in refusal.problems]
        response = problem(status, refusal.code, tell(refusal), errors=listed, **members)
    else:
        response = _page(status, tell(refusal), refusal.problems)
    wait = refusal.values.get("retry_after") or (BUSY_RETRY_SECONDS if status == 503 else None)
    if wait is not None:
        response.headers["Retry-After"] = str(wait)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="unseen"'
    return response


def _http(error: HTTPException) -> Response:
    if isinstance(error, RequestEntityTooLarge):
        return _refused(
            errors.FileTooLarge(limit=say("size"), advice=say("Upload the predictions for the test rows alone."))
        )
    status = error.code or 500
    if status < 400:
        return Response(status=status, headers=error.get_response().headers)  # a redirect
    detail = gettext(_DETAILS.get(status, _DETAILS[400])).format(method=request.method)
    if is_for_kaggle():
        response = _for_kaggle(status, detail)
    elif request.path.startswith("/api/"):
        response = problem(status, error.name.lower().replace(" ", "_"), detail, errors=[])
    else:
        response = _page(status, detail)
    if allowed := getattr(error, "valid_methods", None):
        response.headers["Allow"] = ", ".join(sorted(allowed))
    return response


def _unexpected(error: Exception) -> Response:
    """A fault of ours. The person is told that nothing was counted; the log has the rest."""
    # the rule and not the path, which may be a one-time link
    log.exception("unexpected error in %s %s", request.method, request.url_rule, exc_info=error)
    return _refused(errors.Busy())


def _page(status: int, detail: str, problems: Any = ()) -> Response:
    title = gettext(_TITLES.get(status, _TITLES[400]))
    return Response(
        render_template("error.html", status=status, title=title, detail=detail, problems=problems),
        status,
        {"Cache-Control": "private, no-store", "Content-Language": languages.current().code, "Vary": VARY},
    )


# What is refused before any of our own code is asked.
_DETAILS = {
    400: N_("The server could not understand this request. Go back, reload the page and send it again."),
    404: N_("There is nothing at this address. Check its spelling, or start from the list of competitions."),
    405: N_("{method} is not possible at this address."),
    408: N_("The request came too slowly and nothing was counted. Send it again, if you can over a better connection."),
    414: N_("This address is too long."),
    431: N_("The lines before this request's content are too long. Delete the cookies of this site and try again."),
    416: N_("The file has no such part. Download it from its beginning."),
}
_TITLES = {
    400: N_("That did not work"),
    401: N_("Please sign in"),
    403: N_("Not allowed"),
    404: N_("Nothing here"),
    408: N_("Too slow"),
    409: N_("Not now"),
    413: N_("Too large"),
    415: N_("Not a prediction file"),
    429: N_("Please wait"),
    503: N_("Busy"),
    507: N_("The disk is full"),
}


def _title(code: str) -> str:
    return code.replace("_", " ").capitalize()
