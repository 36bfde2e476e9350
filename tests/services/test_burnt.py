"""Test rows are burnt by a reveal: in the competition itself, in its copies, and for the staff's eyes alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text
from tests.installations import COURSE, Build, Installation
from tests.services.test_end import end
from tests.services.test_submit import send

from unseen_server.core.errors import NotFound, StaffOnly
from unseen_server.services import bundles, burnt, cloning, folders, launching, progress
from unseen_server.services.burnt import Burnt
from unseen_server.services.cloning import Copy
from unseen_server.services.principals import SERVER
from unseen_server.services.reveal import reveal


def look(made: Installation, slug: str | None = None, who: str = "teacher") -> Burnt:
    return burnt.look(made.db, **{**made.asking(who), "slug": slug or made.slug})


def copy(made: Installation, slug: str = "next", *, anew: bool = True) -> str:
    wanted = Copy(course=COURSE, slug=slug, title="Next", deadline="2027-06-01 23:59", split_anew=anew)
    return cloning.clone(made.db, copy=wanted, **made.asking()).slug


def test_rows_are_fresh_until_the_reveal_and_burnt_from_then_on(installation: Installation) -> None:
    send(installation, installation.noisy(3.0))
    installation.pass_deadline()
    send(installation, installation.noisy(3.0), "bob")
    assert look(installation) == Burnt(False, 0, [])
    installation.now += timedelta(minutes=1)
    reveal(installation.db, slug=installation.slug, principal=SERVER, now=installation.now)
    assert look(installation) == Burnt(True, 0, [])
    send(installation, installation.noisy(2.0))
    known = look(installation)
    assert known == Burnt(True, 1, [])
    assert "Submissions scored after the reveal: 1." in map(str, known.sentences())
    assert progress.progress(installation.db, **installation.asking()).burnt == known


@pytest.mark.parametrize("anew", [True, False])
def test_a_copy_of_burnt_rows_is_burnt_whatever_its_halves(installation: Installation, anew: bool) -> None:
    slug = copy(installation, anew=anew)
    assert not look(installation, slug).burnt
    send(installation, installation.noisy(3.0))
    end(installation)
    assert look(installation, slug) == Burnt(True, 0, ["lecture"])
    assert "The same rows were revealed in lecture." in map(str, look(installation, slug).sentences())


def test_burnt_rows_are_known_again_when_their_folder_comes_back(build: Build) -> None:
    made = build()
    files = folders.export(made.db, **made.asking())
    send(made, made.noisy(3.0))
    end(made)
    files["competition.toml"] = files["competition.toml"].replace(b'"lecture"', b'"again"')
    launching.create(made.db, bundles.read_files(files), course=COURSE, principal=SERVER, now=made.now)
    assert look(made, "again").elsewhere == ["lecture"]


def test_the_same_ids_with_other_answers_are_fresh(build: Build) -> None:
    made = build()
    files = folders.export(made.db, **made.asking())
    send(made, made.noisy(3.0))
    end(made)
    files["competition.toml"] = files["competition.toml"].replace(b'"lecture"', b'"again"')
    first, *rows = files["solution.csv"].decode().splitlines()
    moved = (row.split(",") for row in rows)
    files["solution.csv"] = "\n".join([first, *(f"{i},{float(y) + 0.5},{half}" for i, y, half in moved)]).encode()
    launching.create(made.db, bundles.read_files(files), course=COURSE, principal=SERVER, now=made.now)
    assert look(made, "again") == Burnt(False, 0, [])


def test_a_removed_competition_burns_its_rows_without_being_named(build: Build) -> None:
    made = build()
    send(made, made.noisy(3.0))
    slug = copy(made)
    end(made)
    with made.db.write() as session:
        session.execute(text("UPDATE competitions SET removed_at = revealed_at WHERE slug = 'lecture'"))
    assert look(made, slug) == Burnt(True, 0, [])


def test_only_the_staff_are_told(build: Build) -> None:
    made = build()
    for who in ("alice", "rival"):
        with pytest.raises((StaffOnly, NotFound)):
            look(made, who=who)
