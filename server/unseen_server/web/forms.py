"""What pages with forms share: an answer that explains a refusal in place, and a notice for the next page."""

from __future__ import annotations

from flask import Response, flash, make_response, request

from unseen_server.core.errors import BadRequest, Refusal
from unseen_server.core.sentences import Sentence, say
from unseen_server.web import errors
from unseen_server.web.languages import tell


def page_reply(page: str, refusal: Refusal | None = None) -> Response:
    """A page, with the status of the refusal it explains."""
    response = make_response(page)
    if refusal is not None:
        response.status_code = errors.status_of(type(refusal))
        if refusal.values.get("retry_after"):
            response.headers["Retry-After"] = str(refusal.values["retry_after"])
    return response


def notice(said: Sentence) -> None:
    """Say this once, at the top of the page that is redirected to."""
    flash(tell(said))


def need_typed(word: str, field: str = "confirm") -> None:
    """BadRequest unless the person typed this word, so that nothing that cannot be undone happens by one click."""
    if request.form.get(field, "").strip() != word:
        raise BadRequest(reason=say("Nothing was changed. Type “{word}” to confirm that you mean it.", word=word))
