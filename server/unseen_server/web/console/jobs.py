"""Long work of a competition: how far it is, what came of it, and the files it made."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from unseen_server.core.errors import NotFound
from unseen_server.core.sentences import N_, say
from unseen_server.services import competitions, jobs
from unseen_server.services.jobs import JobShown
from unseen_server.web.context import asking, now, parts, signed_in
from unseen_server.web.replies import download_reply

blueprint = Blueprint("jobs", __name__, url_prefix="/competitions/<slug>/jobs")

ONE = "/<int(max=2147483647):ref>"
REFRESH = 3  # seconds
KINDS = {"archive": N_("Archive"), "rescore": N_("Correction of the answers")}


@blueprint.get("/")
def listing(slug: str) -> str:
    place = asking(slug)
    return render_template(
        "console/jobs.html",
        c=competitions.shown(parts().db, **place),
        jobs=jobs.listed(parts().db, **place),
        kinds=KINDS,
    )


@blueprint.get(ONE)
def page(slug: str, ref: int) -> str:
    """Refreshes itself while the job lasts, unless somebody asks for it to be still."""
    job = _job(slug, ref)
    is_under_way = job.state in ("waiting", "running")
    return render_template(
        "console/job.html",
        c=competitions.shown(parts().db, **asking(slug)),
        job=job,
        kind=KINDS.get(job.kind, job.kind),
        kept_until=job.ended_at and job.ended_at + jobs.KEPT,
        is_under_way=is_under_way,
        refresh=REFRESH if is_under_way and "still" not in request.args else None,
    )


@blueprint.get(f"{ONE}/file")
def file(slug: str, ref: int) -> Response:
    _job(slug, ref)
    name, content = jobs.file(parts().db, ref=ref, principal=signed_in(), now=now())
    return download_reply(content, "application/octet-stream", name)


def follow(slug: str, ref: int) -> AnyResponse:
    """To the page of a job that was just handed in."""
    return redirect(url_for("pages.console.jobs.page", slug=slug, ref=ref), 303)


def _job(slug: str, ref: int) -> JobShown:
    job = jobs.shown(parts().db, ref=ref, principal=signed_in(), now=now())
    if job.competition != slug:
        raise NotFound(what=say(jobs.NO_SUCH_JOB), advice=say(jobs.WHERE_JOBS_ARE))
    return job
