"""Where Kaggle's clients fetch files, whole or in parts, and where they send theirs."""

from __future__ import annotations

import io

from flask import Blueprint, Response, request, send_file

from unseen_server.services import names, uploads
from unseen_server.services import submissions as own
from unseen_server.web.context import now, parts, signed_in
from unseen_server.web.kaggle import answers
from unseen_server.web.kaggle.asked import reference
from unseen_server.web.replies import file_reply, json_reply, to_be_asked_again
from unseen_server.web.sending import make_room

blueprint = Blueprint("transfers", __name__)

KEPT = 3  # times the bytes of a file: in parts, as one, and on the way to the database


@blueprint.get("/files/<slug>/<name>")
def file(slug: str, name: str) -> Response:
    return file_reply(answers.file(slug, name))


@blueprint.get("/all-files/<slug>.zip")
def all_files(slug: str) -> Response:
    return file_reply(answers.all_files(slug))


@blueprint.get("/submitted/<ref>/<name>")
def submission(ref: str, name: str) -> Response:
    """A file as one's team sent it; the name is only what the clients save it under."""
    person, number = signed_in(), reference(ref)
    described = own.own_submission(parts().db, ref=number, principal=person)
    uploaded = own.own_file(parts().db, ref=number, principal=person)
    response = send_file(
        io.BytesIO(uploaded.content),
        mimetype="application/octet-stream",
        download_name=names.without_controls(name) or f"{number}.csv",
        as_attachment=True,
        etag=described.sha256,
        last_modified=described.submitted_at,
        conditional=True,
    )
    return to_be_asked_again(response)


@blueprint.put("/uploads/<token>")
def upload(token: str) -> Response:
    """Take in a file. The address is the only credential that comes along: these clients send no other with it."""
    size = request.content_length or 0

    def read() -> bytes:
        make_room(KEPT * size)
        return request.get_data(cache=False)

    uploads.receive(parts().db, parts().keys, token=token, size=size, read=read, now=now())
    return json_reply({}, 201)
