"""The protocol of the clients 1.8 and 2.x: POST /api/v1/<service>/<method>, a JSON object in and out."""

from __future__ import annotations

from typing import NoReturn

from flask import Blueprint, Response
from msgspec import Struct
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.errors import BadRequest, NotSignedIn
from unseen_server.core.sentences import say
from unseen_server.services import submissions as own
from unseen_server.services import tokens
from unseen_server.web.context import asking, now, parts, signed_in, visitor
from unseen_server.web.kaggle import answers, shapes
from unseen_server.web.kaggle.asked import Part, body, reference
from unseen_server.web.replies import json_reply

blueprint = Blueprint("rpc", __name__)

SERVICE = "/competitions.CompetitionApiService"


class Named(Struct, rename="camel"):
    competition_name: str = ""


class FileNamed(Named):
    file_name: str = ""


class PartWanted(Named):
    page: int = 1
    page_size: int = 0
    page_token: str = ""
    search: str = ""

    @property
    def part(self) -> Part:
        return Part.of_list(self.page, self.page_size, self.page_token)


class Announced(FileNamed):
    """`content_length` is left out for an empty file."""

    content_length: int = 0


class HandedIn(Named):
    blob_file_tokens: str = ""
    submission_description: str = ""


class Numbered(Struct, rename="camel"):
    ref: int = 0
    submission_id: int = 0


class Introspected(Struct):
    token: str = ""


# who is asking


@blueprint.post("/security.OAuthService/IntrospectToken")
def introspect() -> Response:
    """Whose token it is. Never 401, on which the clients end in a traceback: a bad token is not active."""
    try:
        visitor()
        person = tokens.principal_of_token(parts().db, body(Introspected).token, now())
    except (BadRequest, NotSignedIn):
        return json_reply({"active": False})
    return json_reply({"active": True, "username": person.username})


@blueprint.post("/users.AccountService/GenerateAccessToken")
def generate_access_token() -> NoReturn:
    """A client that finds nothing better sends the credential it holds for Kaggle itself; it is not even read."""
    raise BadRequest(
        reason=say(
            "Your client sent this server a credential that is meant for Kaggle. It was neither kept nor logged. "
            "Set KAGGLE_API_TOKEN to a token of this server, so that it does not happen again."
        )
    )


# competitions and files


@blueprint.post(f"{SERVICE}/ListCompetitions")
def competitions() -> Response:
    asked = body(PartWanted)
    rows, token = answers.listed(asked.search, asked.part)
    return json_reply({"competitions": rows, "nextPageToken": token})


@blueprint.post(f"{SERVICE}/ListDataFiles")
def files() -> Response:
    asked = body(PartWanted)
    rows, token = answers.files(asked.competition_name, asked.part)
    return json_reply({"files": rows, "nextPageToken": token})


@blueprint.post(f"{SERVICE}/DownloadDataFile")
def file() -> AnyResponse:
    asked = body(FileNamed)
    return answers.to_file(asked.competition_name, asked.file_name)


@blueprint.post(f"{SERVICE}/DownloadDataFiles")
def all_files() -> AnyResponse:
    return answers.to_all_files(body(Named).competition_name)


# submissions


@blueprint.post(f"{SERVICE}/StartSubmissionUpload")
def new_upload() -> Response:
    asked = body(Announced)
    return answers.new_upload(asked.competition_name, asked.file_name, asked.content_length)


@blueprint.post(f"{SERVICE}/CreateSubmission")
def new_submission() -> Response:
    asked = body(HandedIn)
    return answers.new_submission(asked.competition_name or None, asked.blob_file_tokens, asked.submission_description)


@blueprint.post(f"{SERVICE}/ListSubmissions")
def submissions() -> Response:
    asked = body(PartWanted)
    rows, token = answers.submissions(asked.competition_name, asked.part)
    return json_reply({"submissions": rows, "nextPageToken": token})


@blueprint.post(f"{SERVICE}/GetSubmission")
def submission() -> Response:
    person, ref = signed_in(), reference(body(Numbered).ref)
    return json_reply(shapes.submission(own.own_submission(parts().db, ref=ref, principal=person)))


@blueprint.post(f"{SERVICE}/DownloadSubmission")
def submitted_file() -> AnyResponse:
    signed_in()
    return answers.to_submission(reference(body(Numbered).submission_id))


@blueprint.post(f"{SERVICE}/GetSubmissionLimits")
def limits() -> Response:
    slug = body(Named).competition_name
    return json_reply(shapes.limits(own.own_limits(parts().db, **asking(slug))))


# boards


@blueprint.post(f"{SERVICE}/GetLeaderboard")
def leaderboard() -> Response:
    asked = body(PartWanted)
    rows, token = answers.board(asked.competition_name, asked.part)
    return json_reply({"submissions": rows, "nextPageToken": token})


@blueprint.post(f"{SERVICE}/DownloadLeaderboard")
def leaderboard_zip() -> Response:
    return answers.board_zip(body(Named).competition_name)
