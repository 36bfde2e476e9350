"""Grades: what every student of the course has reached, and the files that grade books import."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, render_template, request

from unseen_server.services import competitions, exports
from unseen_server.services import grades as gradebooks
from unseen_server.services.grades import Grade
from unseen_server.web import languages, present
from unseen_server.web.context import now, parts, signed_in
from unseen_server.web.replies import csv_reply

blueprint = Blueprint("grades", __name__)

ON_A_PAGE = 100

# By what the rows can be put in order; whoever has no such value comes last, points count from the top.
ORDERS: Mapping[str, Callable[[Grade], Any]] = {
    "name": lambda grade: grade.name.casefold(),
    "student_id": lambda grade: grade.student_id,
    "team": lambda grade: grade.team and grade.team.casefold(),
    "public": lambda grade: grade.public_rank,
    "private": lambda grade: grade.private_rank,
    "points": lambda grade: -grade.points,
}


@blueprint.get("/competitions/<slug>/grades")
def page(slug: str) -> str:
    place: dict[str, Any] = {"slug": slug, "principal": signed_in(), "now": now()}
    book = gradebooks.gradebook(parts().db, **place)
    found = _found(book.grades, request.args.get("q", ""))
    order = request.args.get("sort", "name")
    rows = _in_order(found, order if order in ORDERS else "name")
    first = max(request.args.get("page", 1, type=int) - 1, 0) * ON_A_PAGE
    return render_template(
        "console/grades.html",
        c=competitions.shown(parts().db, **place),
        book=book,
        rows=rows[first : first + ON_A_PAGE],
        found=len(found),
        page=first // ON_A_PAGE + 1,
        pages=max(-(-len(found) // ON_A_PAGE), 1),
        q=request.args.get("q", ""),
        sort=order,
        public_places=present.decimals(grade.public_score for grade in book.grades),
        private_places=present.decimals(grade.private_score for grade in book.grades),
    )


@blueprint.post("/competitions/<slug>/grades/export")
def export(slug: str) -> Response:
    """A form and no link: that somebody took the grades is written down."""
    exported = exports.export_grades(
        parts().db,
        slug=slug,
        style=request.form.get("format", "csv"),
        principal=signed_in(),
        now=now(),
        tell=languages.tell,
    )
    return csv_reply(exported.content, exported.file_name)


def _found(grades: Sequence[Grade], words: str) -> list[Grade]:
    """Those with the words anywhere in what names the student or the team."""
    wanted = words.strip().casefold()
    return [grade for grade in grades if any(wanted in text.casefold() for text in _names_of(grade))]


def _names_of(grade: Grade) -> list[str]:
    return [text or "" for text in (grade.name, grade.username, grade.email, grade.student_id, grade.team)]


def _in_order(grades: Sequence[Grade], order: str) -> list[Grade]:
    key = ORDERS[order]
    there = [grade for grade in grades if key(grade) is not None]
    return sorted(there, key=key) + [grade for grade in grades if key(grade) is None]
