"""The native API: JSON in and out under /api, one short view for each thing a program can ask."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
from flask import Blueprint, Response, current_app, request
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from unseen_server import __version__
from unseen_server.core.errors import BadRequest, Refusal
from unseen_server.core.sentences import Either, Sentence, say
from unseen_server.services import (
    accounts,
    audits,
    bundles,
    competitions,
    copies,
    correcting,
    device_logins,
    exports,
    extensions,
    finals,
    jobs,
    launching,
    public_files,
    receipts,
    rescore,
    reveal,
    rosters,
    seals,
)
from unseen_server.services import grades as gradebooks
from unseen_server.services import starter as starters
from unseen_server.services import submissions as own
from unseen_server.services.entries import Upload
from unseen_server.services.extensions import Wanted
from unseen_server.services.submit import check, submit
from unseen_server.web import addresses, boards, languages, openapi, reference, wire
from unseen_server.web import meter as overfitting
from unseen_server.web.context import asking, csrf_token, now, parts, received_at, signed_in, visitor
from unseen_server.web.replies import bytes_reply, csv_reply, download_reply, file_reply, json_reply
from unseen_server.web.sending import TABLES, make_room, sent_predictions, sent_table
from unseen_server.web.signin import address
from unseen_server.web.wire import LARGEST_NUMBER, LINKS, LISTED, LISTED_AT_MOST, LONGEST_JSON, Choice, Launch

blueprint = Blueprint("api", __name__, url_prefix="/api")

T = TypeVar("T")

STARTERS = {
    "ipynb": (starters.notebook, "application/x-ipynb+json"),
    "py": (starters.script, "text/x-python"),
}

RESPOND_ASYNC = "respond-async"
EXTENSION_EXAMPLE = '{"username": "alice", "until": "2026-12-08 23:59", "reason": "ill for a week"}'


@blueprint.before_request
def _protect_sessions() -> None:
    """A browser's session may change nothing without its form token, whatever the view does with it."""
    if request.endpoint != "api.health":
        visitor()


@blueprint.get("/health")
def health() -> Response:
    """Say whether the server and its database answer.

    Where something is wrong, the same body comes with status 503.
    """
    try:
        with parts().db.read() as session:
            session.execute(text("SELECT 1"))
        database = "ok"
    except (Refusal, SQLAlchemyError):
        database = "unavailable"
    status = 200 if database == "ok" else 503
    return json_reply(wire.Health(database, __version__, {"database": database}), status)


@blueprint.get("/openapi.json")
def openapi_document() -> Response:
    """Describe this interface, in OpenAPI 3.1."""
    return json_reply(openapi.document(current_app))


@blueprint.get("/reference")
def reference_page() -> Response:
    """Show this interface as a page to read."""
    return reference.page(openapi.document(current_app), addresses.here())


@blueprint.get("/whoami")
def whoami() -> Response:
    """Say who is asking, in which courses, and with which token."""
    person = signed_in()
    name = person.token_name
    return json_reply(
        wire.WhoAmI(
            username=person.username,
            display_name=person.display_name,
            is_admin=person.is_admin,
            courses=accounts.courses_of(parts().db, person.user_id),
            token=wire.TokenInUse(name, person.scope, person.token_expires_at) if name else None,
            csrf_token=csrf_token() or None,
        )
    )


# letting a program in through the browser


@blueprint.post("/device/code")
def device_code() -> Response:
    """Ask to be let in through the browser; the answer holds the code to show and the secret to ask with."""
    asking = _body(wire.Device, say("Send JSON such as {example}.", example='{"device": "laptop"}'))
    begun = device_logins.begin(parts().db, device=asking.device, address=address(), now=now())
    page = addresses.device()
    return json_reply(
        wire.DeviceCode(
            device_code=begun.device_code,
            user_code=begun.user_code,
            verification_uri=page,
            verification_uri_complete=f"{page}?code={begun.user_code}",
            expires_in=begun.expires_in,
            interval=begun.interval,
        )
    )


@blueprint.post("/device/token")
def device_token() -> Response:
    """Ask whether the log-in was confirmed; once it is, the answer holds the token, this one time."""
    asking = _body(wire.DevicePoll, say("Send JSON such as {example}.", example='{"device_code": "..."}'))
    let_in = device_logins.collect(parts().db, device_code=asking.device_code, now=now())
    return json_reply(wire.DeviceToken(let_in.token, let_in.username))


# competitions


@blueprint.get("/competitions")
def competition_list() -> Response:
    """List the competitions of your courses, the latest deadline first."""
    return json_reply(wire.Competitions(competitions.listed(parts().db, principal=signed_in(), now=now())))


@blueprint.get("/competitions/<slug>")
def competition(slug: str) -> Response:
    """Show one competition in full.

    Its pages are Markdown as the staff wrote it. `rank` and `left_today` are those of your team, `null` for visitors.
    `seals` are what the answers were sealed with; their `salt` is `null` before the reveal.
    """
    code = languages.current().code
    return json_reply(competitions.shown(parts().db, slug=slug, principal=visitor(), now=now(), language=code))


@blueprint.post("/competitions")
def create_competition() -> Response:
    """Bring a competition's folder in as a draft (staff).

    The folder comes as a zip, as `unseen-server init` makes it. Nothing is seen by students until it is launched.
    """
    person = signed_in()
    person.need_instructor_somewhere()  # before a zip is opened
    bundle = bundles.read_zip(_uploaded_bytes())
    created = launching.create(parts().db, bundle, course=request.args.get("course"), principal=person, now=now())
    return json_reply(created, 201)


@blueprint.get("/competitions/<slug>/files")
def files(slug: str) -> Response:
    """List the public files of a competition."""
    return json_reply(wire.Files(public_files.listed(parts().db, slug=slug, principal=signed_in(), now=now())))


@blueprint.get("/competitions/<slug>/files/<name>")
def file(slug: str, name: str) -> Response:
    """Download a public file, whole or in parts.

    The ETag is the file's SHA-256. `If-None-Match` answers 304 where nothing has changed; `Range` resumes.
    """
    kept = public_files.on_disk(
        parts().db, slug=slug, name=name, principal=signed_in(), now=now(), folder=parts().downloads
    )
    return file_reply(kept)


@blueprint.get("/competitions/<slug>/starter")
def starter(slug: str) -> Response:
    """Download a first notebook for a competition, from loading the files to choosing submissions."""
    style = _word("format", *STARTERS)
    facts = starters.facts(
        parts().db,
        slug=slug,
        principal=signed_in(),
        now=now(),
        folder=parts().downloads,
        address=addresses.here(),
    )
    write, mimetype = STARTERS[style]
    return download_reply(write(starters.cells(facts)), mimetype, f"{slug}.{style}")


# submissions


@blueprint.post("/competitions/<slug>/submissions")
def new_submission(slug: str) -> Response:
    """Submit a prediction file, or only check it.

    A file with a mistake in it is refused, every mistake is listed, and nothing is counted. With `check=true` a right
    one answers 200 and is not counted either. A repeated request with the same `Idempotency-Key` gets the first answer
    again with the header `Idempotent-Replayed: true`, also after the limit is reached or the deadline has passed.

    A file of a very large test set may be accepted unread: 202, and `status` is “pending”. It counts from then on,
    and by the time at which it came; `/api/submissions/{ref}/receipt` tells its score, or why it is refused, as soon
    as a worker has read it.
    """
    person = signed_in()
    only_check = _word("check", "false", "true") == "true"
    sent = sent_predictions(slug)
    if sent is None:
        raise BadRequest(reason=say("No file came along. Send it as the multipart field “file”."))
    upload = Upload(
        content=sent.content,
        file_name=sent.name,
        message=request.form.get("message", ""),
        idempotency_key=request.headers.get("Idempotency-Key"),
    )
    arrived = received_at()
    if only_check:
        rows = check(parts().db, parts().keys, slug=slug, principal=person, upload=upload, received_at=arrived)
        return json_reply(wire.Valid(True, rows))
    answer = submit(
        parts().db,
        parts().keys,
        slug=slug,
        principal=person,
        upload=upload,
        received_at=arrived,
        signer=parts().signer,
        desk=parts().desk,
    )
    status = 202 if answer.receipt.status == "pending" else 201
    response = json_reply(wire.NewSubmission(**vars(answer.receipt)), status)
    response.headers["Location"] = f"/api/submissions/{answer.receipt.ref}"
    if answer.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return boards.followed(response, answer.receipt)


@blueprint.get("/competitions/<slug>/submissions")
def submissions(slug: str) -> Response:
    """List your team's submissions, the newest first."""
    mine = own.own_submissions(parts().db, slug=slug, principal=signed_in(), limit=_limit(LISTED), now=now())
    return json_reply(wire.Submissions(mine))


@blueprint.get("/submissions/<int(max=2147483647):ref>")
def submission(ref: int) -> Response:
    """Show one submission of your team."""
    return json_reply(own.own_submission(parts().db, ref=ref, principal=signed_in()))


@blueprint.get("/submissions/<int(max=2147483647):ref>/file")
def submission_file(ref: int) -> Response:
    """Download a file as your team sent it."""
    uploaded = own.own_file(parts().db, ref=ref, principal=signed_in())
    return bytes_reply(uploaded.content, uploaded.name)


@blueprint.get("/submissions/<int(max=2147483647):ref>/receipt")
def submission_receipt(ref: int) -> Response:
    """Show the signed receipt of one submission of your team, as it was first given."""
    return json_reply(own.own_receipt(parts().db, ref=ref, principal=signed_in()))


@blueprint.get("/competitions/<slug>/limits")
def limits(slug: str) -> Response:
    """Say how much your team may still submit, and when the day's count resets."""
    return json_reply(own.own_limits(parts().db, slug=slug, principal=signed_in(), now=now()))


@blueprint.get("/competitions/<slug>/final")
def final(slug: str) -> Response:
    """Show which of your team's submissions count in the end."""
    return json_reply(finals.final(parts().db, slug=slug, principal=signed_in(), now=now()))


@blueprint.put("/competitions/<slug>/final")
def choose_final(slug: str) -> Response:
    """Choose which of your team's submissions count in the end; none returns to the default rule.

    It can be changed until the deadline.
    """
    person = signed_in()
    choice = _body(Choice, say("Send JSON such as {example}.", example='{"refs": [12, 15]}'))
    return json_reply(finals.choose(parts().db, slug=slug, principal=person, refs=choice.refs, now=now()))


# proofs


@blueprint.get("/receipt-keys")
def receipt_keys() -> Response:
    """List the public keys that receipts of this server are signed with."""
    return json_reply(wire.ReceiptKeys(receipts.published_keys(parts().db, parts().signer)))


@blueprint.get("/competitions/<slug>/chain")
def chain(slug: str) -> Response:
    """List the chain of receipts, in which every submission hangs on all before it.

    For whoever takes part, and the staff. Ask again with `after` set to the last `ref` until no link comes back.
    """
    after, limit = _number("after", 0) or 0, _limit(LINKS)
    part = receipts.chain(parts().db, slug=slug, principal=signed_in(), now=now(), after=after, limit=limit)
    return json_reply(part)


@blueprint.get("/competitions/<slug>/key")
def opened_key(slug: str) -> Response:
    """Download the answer key after the reveal: exactly the text whose SHA-256 is its seal."""
    version = _number("version", 1)
    key = seals.opened(parts().db, slug=slug, version=version, principal=signed_in(), now=now())
    return csv_reply(key.text, f"{slug}-key-{key.version}.csv")


# boards


@blueprint.get("/competitions/<slug>/leaderboard")
def leaderboard(slug: str) -> Response:
    """Show the public leaderboard or, after the reveal, the private one.

    `behind_leader`, `tied_with_leader` and `rank_interval` say what the rows of the board can tell apart; they are
    `null` where the teams are not compared. What other teams submitted within the last second may be missing; what your
    own did is there.
    """
    which, style = request.args.get("board", "public"), _word("format", "json", "csv")
    board = boards.board(slug, which, _limit(LISTED_AT_MOST))
    if style == "csv":
        return csv_reply(exports.board_csv(board), f"{slug}-{which}-leaderboard.csv")
    return json_reply(board)


# staff


@blueprint.post("/competitions/<slug>/launch")
def launch(slug: str) -> Response:
    """Open a draft now or at a given time, and publish the salted hash of its answer key (staff).

    A launched competition that has not begun can be given another time.
    """
    body = (
        _body(Launch, say("Send nothing, or JSON such as {example}.", example='{"at": "2026-12-01 08:00"}'))
        if request.content_length
        else Launch()
    )
    return json_reply(launching.launch(parts().db, slug=slug, at=body.at, principal=signed_in(), now=now()))


@blueprint.post("/competitions/<slug>/close")
def close(slug: str) -> Response:
    """End an open competition before its deadline (staff)."""
    return json_reply(launching.close(parts().db, slug=slug, principal=signed_in(), now=now()))


@blueprint.post("/competitions/<slug>/reveal")
def reveal_competition(slug: str) -> Response:
    """Score the final submissions on the private rows and open the private leaderboard (staff).

    It cannot be taken back. It is refused while somebody may still submit on time.
    """
    reveal.reveal(parts().db, slug=slug, principal=signed_in(), now=now())
    return competition(slug)


@blueprint.post("/competitions/<slug>/extensions")
def new_extension(slug: str) -> Response:
    """Give one student more time or more submissions (staff)."""
    person = signed_in()
    body = _body(wire.Grant, say("Send JSON such as {example}.", example=EXTENSION_EXAMPLE))
    wanted = Wanted(body.username, body.until, body.extra, body.day, body.reason)
    granted = extensions.grant(parts().db, slug=slug, wanted=wanted, principal=person, now=now())
    return json_reply(granted, 201)


@blueprint.post("/competitions/<slug>/rescore")
def rescore_competition(slug: str) -> Response:
    """Correct the answers and score every submission again, or only say what that would change (staff).

    Send the whole `solution.csv`, with the same ids. Nobody's submission is counted again. With `Prefer: respond-async`
    the answer is 202 and a job, which a worker does; where no worker is, it is done at once.
    """
    place = asking(slug)
    dry_run, quiet = (_word(name, "false", "true") == "true" for name in ("dry_run", "quiet"))
    wanted = {**place, "content": _uploaded_bytes(), "dry_run": dry_run, "quiet": quiet}
    if not (_prefers(RESPOND_ASYNC) and parts().delivery.is_staffed()):
        return json_reply(rescore.rescore(parts().db, parts().keys, **wanted))
    ref = correcting.hand_in(parts().db, parts().delivery, parts().keys, **wanted)
    response = json_reply(jobs.shown(parts().db, ref=ref, principal=place["principal"], now=now()), 202)
    response.headers["Location"] = f"/api/jobs/{ref}"
    response.headers["Preference-Applied"] = RESPOND_ASYNC
    return response


@blueprint.get("/competitions/<slug>/jobs")
def job_list(slug: str) -> Response:
    """List the long work of a competition, the newest first (staff).

    Every `result` here is `null`; it comes with the job itself.
    """
    return json_reply(wire.Jobs(jobs.listed(parts().db, **asking(slug))))


@blueprint.get("/jobs/<int(max=2147483647):ref>")
def job(ref: int) -> Response:
    """Say how far long work is, and in the end what came of it (staff)."""
    return json_reply(jobs.shown(parts().db, ref=ref, principal=signed_in(), now=now()))


@blueprint.get("/jobs/<int(max=2147483647):ref>/file")
def job_file(ref: int) -> Response:
    """Download the file that a job made (staff).

    It is kept for a day.
    """
    name, content = jobs.file(parts().db, ref=ref, principal=signed_in(), now=now())
    return download_reply(content, "application/octet-stream", name)


@blueprint.post("/courses/<slug>/roster")
def import_roster(slug: str) -> Response:
    """Enrol everybody in a class list, all or nothing, or only say who would be (staff).

    The first line names the columns. Who is known already stays as they are: `differences` says what the list has
    otherwise.
    """
    person, dry_run = signed_in(), _word("dry_run", "false", "true") == "true"
    report = rosters.import_roster(
        parts().db, course=slug, content=_uploaded_bytes(), dry_run=dry_run, principal=person, now=now()
    )
    return json_reply(report)


@blueprint.get("/competitions/<slug>/meter")
def meter(slug: str) -> Response:
    """Say how far the public rows were overfitted: to the staff always, to everybody after the reveal."""
    return json_reply(overfitting.measured(slug))


@blueprint.get("/competitions/<slug>/audit")
def audit(slug: str) -> Response:
    """List who did what in a competition, the newest first (staff)."""
    person, text = signed_in(), request.args.get("search", "")
    deeds = audits.of_competition(parts().db, slug=slug, principal=person, now=now(), text=text, limit=_limit(LISTED))
    return json_reply(wire.Audit(deeds.listed))


@blueprint.get("/competitions/<slug>/copies")
def near_copies(slug: str) -> Response:
    """List submissions of different teams that are equal, or affine, up to rounding (staff)."""
    return json_reply(copies.find(parts().db, parts().copies, slug=slug, principal=signed_in(), now=now()))


@blueprint.get("/competitions/<slug>/grades")
def grades(slug: str) -> Response:
    """List what every student of the course has reached, or download it for a grade book (staff).

    Private scores are `null` before the reveal.
    """
    style, person = _word("format", "json", *exports.GRADE_FILES), signed_in()
    if style == "json":
        return json_reply(gradebooks.gradebook(parts().db, slug=slug, principal=person, now=now()))
    exported = exports.export_grades(
        parts().db, slug=slug, style=style, principal=person, now=now(), tell=languages.tell
    )
    return csv_reply(exported.content, exported.file_name)


def _prefers(wanted: str) -> bool:
    """Whether the request has this preference (RFC 7240)."""
    preferences = request.headers.get("Prefer", "").split(",")
    return wanted in [one.partition(";")[0].strip().lower() for one in preferences]


def _limit(default: int) -> int:
    """How many rows are wanted: `?limit=`."""
    limit = request.args.get("limit", str(default))
    if not re.fullmatch("[0-9]{1,6}", limit) or not 0 < int(limit) <= LISTED_AT_MOST:
        raise BadRequest(reason=say("limit should be a whole number between 1 and {most}.", most=LISTED_AT_MOST))
    return int(limit)


def _number(name: str, least: int) -> int | None:
    """A parameter that names something by its number; None where it is left out."""
    number = request.args.get(name)
    if number is None:
        return None
    if not re.fullmatch("[0-9]{1,10}", number) or not least <= int(number) <= LARGEST_NUMBER:
        raise BadRequest(reason=say("{name} should be a whole number from {least} on.", name=name, least=least))
    return int(number)


def _word(name: str, *known: str) -> str:
    """A parameter that is one of a few words, the first where it is left out.

    Any other is refused: a mistyped `check` must not cost a submission.
    """
    word = request.args.get(name, known[0]).lower()
    if word not in known:
        raise BadRequest(reason=say("{name} should be {words}.", name=name, words=Either(known)))
    return word


def _uploaded_bytes() -> bytes:
    """A file sent as the multipart field “file”, or as the body itself."""
    sent = sent_table()
    if sent:
        return sent.content
    make_room(TABLES * (request.content_length or 0))
    return request.get_data()


def _body(kind: type[T], advice: Sentence) -> T:
    if (request.content_length or 0) > LONGEST_JSON:
        raise BadRequest(reason=say("The body is too long. {advice}", advice=advice))
    try:
        return msgspec.json.decode(request.get_data(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(reason=say("The body cannot be read: {error}. {advice}", error=error, advice=advice)) from None
