"""Grades: what every student of the course has reached, and the files that grade books import."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, render_template, request

from unseen_server.services import competitions, exports
from unseen_server.services import grades as gradebooks
from unseen_server.services.grades import Grade
from unseen_server.web import languages, paging, present
from unseen_server.web.context import asking, now, parts, signed_in
from unseen_server.web.replies import csv_reply

blueprint = Blueprint("grades", __name__)

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
    place = asking(slug)
    book = gradebooks.gradebook(parts().db, **place)
    asked, order = paging.asked("q"), request.args.get("sort", "name")
    found = _found(book.grades, asked.text)
    rows = _in_order(found, order if order in ORDERS else "name")
    return render_template(
        "console/grades.html",
        c=competitions.shown(parts().db, **place),
        book=book,
        rows=asked.of(rows),
        found=len(found),
        page=asked.number,
        pages=asked.pages(len(found)),
        q=asked.text,
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
    wanted = words.casefold()
    return [grade for grade in grades if any(wanted in text.casefold() for text in _names_of(grade))]


def _names_of(grade: Grade) -> list[str]:
    return [text or "" for text in (grade.name, grade.username, grade.email, grade.student_id, grade.team)]


def _in_order(grades: Sequence[Grade], order: str) -> list[Grade]:
    key = ORDERS[order]
    there = [grade for grade in grades if key(grade) is not None]
    return sorted(there, key=key) + [grade for grade in grades if key(grade) is None]
