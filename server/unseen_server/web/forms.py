"""What pages with forms share: an answer that explains a refusal in place, and a notice for the next page."""

from __future__ import annotations

from datetime import datetime

from flask import Response, flash, make_response, request

from unseen_server.core.errors import BadRequest, NotFound, Refusal
from unseen_server.core.sentences import Sentence, say
from unseen_server.services import bundles, held
from unseen_server.services.held import Held
from unseen_server.web import errors
from unseen_server.web.context import now, parts, signed_in
from unseen_server.web.languages import tell
from unseen_server.web.sending import TABLES, make_room


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


def held_file(name: str) -> Held | None:
    """What the person uploaded to an earlier page of a form, or None where it is no longer there."""
    try:
        kept = held.take(parts().db, name=name, principal=signed_in(), now=now())
    except NotFound:
        return None
    make_room(TABLES * len(kept.content))
    return kept


def whole_number(text: str, label: Sentence, most: int) -> int:
    """The number typed into a field, from 1 on; the refusal names the field by its label."""
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise BadRequest(reason=say("Write a whole number from 1 to {most} as “{label}”.", most=most, label=label))
    return int(text)


def time_text(instant: datetime | None, zone: str) -> str:
    """An instant as a form shows it and takes it back: the minute on the clocks of the zone."""
    return "" if instant is None else bundles.local_text(instant.replace(second=0, microsecond=0), zone)
