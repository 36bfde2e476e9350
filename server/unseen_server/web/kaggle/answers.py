"""What Kaggle's clients are answered, old and new alike, from the same services as everybody."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from flask import Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.sentences import Sentence, say
from unseen_server.services import competitions, exports, names, public_files, standings, uploads
from unseen_server.services import submissions as own
from unseen_server.services.public_files import KeptFile
from unseen_server.services.standings import Entry, Place
from unseen_server.services.submit import Receipt, submit
from unseen_server.web import boards, languages
from unseen_server.web.context import asking, now, parts, received_at, signed_in
from unseen_server.web.kaggle import shapes
from unseen_server.web.kaggle.asked import Part
from unseen_server.web.replies import json_reply, zip_reply
from unseen_server.web.sending import make_room_for_predictions
from unseen_server.web.wire import LISTED_AT_MOST

# looking


def listed(search: str, part: Part) -> tuple[list[dict[str, Any]], str]:
    """The person's competitions in whose name or title the text occurs, and the token of the next part."""
    found = competitions.listed(parts().db, principal=signed_in(), now=now())
    wanted = names.key_of(search)
    rows, token = part.of([one for one in found if wanted in names.key_of(f"{one.slug} {one.title}")])
    return list(map(shapes.competition, rows)), token


def files(slug: str, part: Part) -> tuple[list[dict[str, Any]], str]:
    rows, token = part.of(public_files.listed(parts().db, **asking(slug)))
    return list(map(shapes.data_file, rows)), token


def submissions(slug: str, part: Part) -> tuple[list[dict[str, Any]], str]:
    rows, token = part.of(own.own_submissions(parts().db, **asking(slug), limit=part.end + 1))
    return list(map(shapes.submission, rows)), token


def board(slug: str, part: Part) -> tuple[list[dict[str, Any]], str]:
    rows, token = part.of(_board(slug, part.end + 1)[1])
    return [shapes.place(place, entry) for place, entry in rows], token


def board_zip(slug: str) -> Response:
    """The whole board in Kaggle's columns; it changes with each submission, so it is always as new as the request."""
    which, rows = _board(slug, LISTED_AT_MOST)
    table = exports.csv_text(
        ("Rank", "TeamId", "TeamName", "LastSubmissionDate", "Score", "SubmissionCount", "TeamMemberUserNames"),
        (
            (
                entry.rank,
                place.team_id,
                entry.team,
                entry.last_submission_at.isoformat() if entry.last_submission_at else "",
                entry.score,
                entry.entries,
                ", ".join(entry.members),
            )
            for place, entry in rows
        ),
    )
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(f"{slug}-{which}leaderboard.csv", now().timetuple()[:6]), table)
    response = zip_reply(packed.getvalue(), f"{slug}.zip")
    response.last_modified = now()
    return response


def _board(slug: str, limit: int) -> tuple[str, Sequence[tuple[Place, Entry]]]:
    """The board that counts now: after the reveal the private one. A row that cannot be read is left out."""
    shown = competitions.shown(parts().db, **asking(slug))
    which = "private" if shown.revealed_at else "public"
    places = standings.order(parts().db, **asking(slug), which=which, limit=limit).places
    entries = standings.entries(parts().db, **asking(slug), places=places)
    return which, [(place, entry) for place, entry in zip(places, entries, strict=True) if entry]


# fetching


def to_file(slug: str, name: str) -> AnyResponse:
    """Where the file is: these clients call what they save by the end of the address it came from."""
    kept = file(slug, name)
    return redirect(url_for("kaggle.transfers.file", slug=slug, name=kept.name))


def to_all_files(slug: str) -> AnyResponse:
    all_files(slug)
    return redirect(url_for("kaggle.transfers.all_files", slug=slug))


def to_submission(ref: int) -> AnyResponse:
    name = own.own_submission(parts().db, ref=ref, principal=signed_in()).file_name.replace("/", "_")
    return redirect(url_for("kaggle.transfers.submission", ref=ref, name=name if name.strip(".") else f"{ref}.csv"))


def file(slug: str, name: str) -> KeptFile:
    return public_files.on_disk(parts().db, **asking(slug), name=name, folder=parts().downloads)


def all_files(slug: str) -> KeptFile:
    return public_files.all_on_disk(parts().db, **asking(slug), folder=parts().downloads)


# submitting


def new_upload(slug: str, file_name: str, size: int) -> Response:
    token = uploads.begin(parts().db, parts().keys, **asking(slug), file_name=file_name, size=size)
    return json_reply({"token": token, "createUrl": _from_outside(url_for("kaggle.transfers.upload", token=token))})


def new_submission(slug: str | None, token: str, message: str) -> Response:
    """Submit what was sent before. The deadline counts by the last byte of this request, not of the file's own.

    It is the request that submits: counted by the upload, files could be laid up before the deadline and chosen from
    for an hour after it, when the board is final and the limit of another day has begun.
    """
    person, arrived_at = signed_in(), received_at()
    if announced := uploads.announced(parts().db, token=token):
        make_room_for_predictions(announced.slug, announced.file_name, announced.size)
    arrived = uploads.hand_in(parts().db, token=token, slug=slug, message=message, principal=person, now=now())
    answer = submit(
        parts().db,
        parts().keys,
        slug=arrived.slug,
        principal=person,
        upload=arrived.upload,
        received_at=arrived_at,
        signer=parts().signer,
        desk=parts().desk,
    )
    said = languages.current().between.join(map(languages.tell, _news(arrived.title, answer.receipt)))
    return boards.followed(json_reply({"message": said, "ref": answer.receipt.ref}), answer.receipt)


def _news(title: str, receipt: Receipt) -> list[Sentence]:
    """What the student is told at once; the score is there already, these clients would have them ask for it."""
    said = [say("Successfully submitted to {title}.", title=title)]
    if receipt.status == "pending":
        said.append(say("It is being scored; your list of submissions will have its score."))
    elif receipt.significant is False:
        said.append(say("It is no significant improvement, so the public score stays what it was."))
    elif receipt.public_score is not None:
        said.append(say("Public score: {score}.", score=shapes.score(receipt.public_score)))
    return [*said, say("Submissions left today: {left}.", left=receipt.left_today)]


def _from_outside(path: str) -> str:
    """The address under which this client reaches a path of ours.

    A client of Kaggle's that was told KAGGLE_API_ENVIRONMENT=LOCALHOST knows us as http://localhost, through a proxy
    that is this server; where the way to that proxy is TLS, the request came by https, and https://localhost would
    still lead to the client's own machine. Any other host is called by its own scheme, as configured or as it came.
    """
    configured = urlsplit(parts().config.public_url or "")
    if request.host == "localhost":
        scheme = "http"
    elif request.host == configured.netloc:
        scheme = configured.scheme
    else:
        scheme = request.scheme
    return f"{scheme}://{request.host}{path}"
