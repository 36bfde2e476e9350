"""The archive: a folder that needs no server, with names or without any."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
from pathlib import Path
from urllib.parse import unquote

import pytest
from sqlalchemy import select
from tests.installations import NOON, Installation
from tests.services.test_end import choose
from tests.services.test_submit import send
from tests.visitors import place_baseline

from unseen_server.core.errors import BadRequest, StaffOnly
from unseen_server.db.models import AuditEntry, User
from unseen_server.services import accounts, archives, bundles, exports, folders, standings
from unseen_server.services.comparisons import Comparisons
from unseen_server.services.keys import KeyRing
from unseen_server.services.principals import SERVER
from unseen_server.services.reveal import reveal
from unseen_server.services.submit import submit
from unseen_server.web import archiving

SECRETS = {
    "alice": ("Alicia Quirrel", "alicia@uni.example", "B0099001"),
    "bob": ("<b>Bobo</b> \N{PARTY POPPER}", "bobo@uni.example", "B0099002"),
    "carol": ("=CAROLA()", "carola@uni.example", "B0099003"),
}
MESSAGE, FILE_NAME = "my secret message", "quirrels-model.csv"


def packed(content: bytes) -> bytes:
    """As gzip packs a file: with the file's name inside."""
    buffer = io.BytesIO()
    with gzip.GzipFile(FILE_NAME, "wb", fileobj=buffer, mtime=0) as file:
        file.write(content)
    return buffer.getvalue()


@pytest.fixture
def term(installation: Installation) -> Installation:
    """A term that is over: three students, messages, a packed file that tells its own name, a choice, the reveal."""
    with installation.db.write() as session:
        for username, (name, email, student_id) in SECRETS.items():
            user = session.scalars(select(User).where(User.username == username)).one()
            user.display_name, user.email, user.student_id = name, email, student_id
    for n, who in enumerate(SECRETS):
        content, name = installation.noisy(2.0 + n, n), FILE_NAME
        if who == "carol":
            content, name = packed(content), FILE_NAME + ".gz"
        upload = installation.upload(content, message=MESSAGE, name=name)
        place = {"slug": installation.slug, "principal": installation.principal(who), "received_at": NOON}
        submit(installation.db, installation.keys, upload=upload, **place)
    place_baseline(installation, "Line", "medium")
    choose(installation, 1)
    installation.pass_deadline()
    reveal(installation.db, slug=installation.slug, principal=installation.principal("teacher"), now=installation.now)
    return installation


def archive(made: Installation, pseudonymous: bool = False, who: str = "teacher") -> dict[str, bytes]:
    """Every file of an archive, by name."""
    prepared = archives.prepare(
        made.db,
        slug=made.slug,
        pseudonymous=pseudonymous,
        draw=archiving.draw,
        principal=made.principal(who),
        now=made.now,
    )
    files = list(archives.files(made.db, prepared))
    assert len(files) == prepared.count == len(dict(files))
    assert files[-1][0] == "index.html"
    return dict(files)


def table(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_an_archive_has_the_pages_the_tables_and_every_file(term: Installation) -> None:
    files = archive(term)
    assert {
        *("index.html", "leaderboard-public.html", "leaderboard-private.html", "archive.css"),
        *("leaderboard-public.csv", "leaderboard-private.csv", "submissions.csv", "grades.csv", "audit.csv"),
        *("bundle/competition.toml", "bundle/train.csv", "bundle/solution.csv", "bundle/overview.md"),
    } <= set(files)
    for row in table(files["submissions.csv"]):
        assert row["file"] in files


def test_the_files_of_students_are_as_they_were_sent(term: Installation) -> None:
    files = archive(term)
    sent = next(row for row in table(files["submissions.csv"]) if row["username"] == "bob")
    assert files[sent["file"]] == term.noisy(3.0, 1)
    assert (sent["message"], sent["file_name"]) == (MESSAGE, FILE_NAME)


def test_the_bundle_in_it_makes_the_competition_again(term: Installation, tmp_path: Path) -> None:
    for name, content in archive(term).items():
        if name.startswith("bundle/"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)
    again = bundles.read_bundle(tmp_path / "bundle")
    assert again.key.ids == term.bundle.key.ids
    assert (again.key.labels == term.bundle.key.labels).all()


def test_the_boards_in_it_are_the_boards(term: Installation) -> None:
    files = archive(term)
    for which in standings.BOARDS:
        board = standings.board(
            term.db, Comparisons(term.db, KeyRing(term.db)), slug=term.slug, which=which, principal=SERVER, now=term.now
        )
        assert files[f"leaderboard-{which}.csv"].decode() == exports.board_csv(board)


def test_names_are_text_on_its_pages(term: Installation) -> None:
    page = archive(term)["leaderboard-private.html"].decode()
    assert "&lt;b&gt;Bobo&lt;/b&gt;" in page
    assert "<b>Bobo" not in page
    assert "<script" not in page


def test_every_link_of_its_pages_leads_to_a_file_in_it(term: Installation) -> None:
    files = archive(term)
    for name, content in files.items():
        if name.endswith(".html"):
            for target in re.findall(r'(?:href|src)="([^"]*)"', content.decode()):
                assert unquote(target) in files, (name, target)


def test_without_names_no_file_holds_anything_personal(term: Installation) -> None:
    hidden = archive(term, pseudonymous=True)
    everything = b"\n".join([*hidden.values(), *map(str.encode, hidden)]).lower()
    told = [*SECRETS, *(text for person in SECRETS.values() for text in person)]
    for text in (*told, "Bobo", "CAROLA", "Quirrel", "teacher", MESSAGE, "quirrels-model"):
        assert text.casefold().encode() not in everything, text


def test_with_names_the_search_would_have_found_them(term: Installation) -> None:
    everything = b"\n".join([*archive(term).values()])
    for text in ("Alicia Quirrel", "bobo@uni.example", "B0099003", "carol", "teacher", MESSAGE, "quirrels-model"):
        assert text.encode() in everything


def test_a_pseudonym_is_the_same_in_every_table(term: Installation) -> None:
    hidden, named = archive(term, pseudonymous=True), archive(term)
    sent = {row["ref"]: row for row in table(hidden["submissions.csv"])}
    person = {row["username"]: row for row in table(hidden["grades.csv"])}
    deeds = {row["Subject"]: row["Who"] for row in table(hidden["audit.csv"]) if row["Action"] == "submission.add"}
    for row in table(named["submissions.csv"]):
        if row["kind"] == "student":
            one = sent[row["ref"]]
            assert one["team"] == person[one["username"]]["team"]
            assert deeds[row["ref"]] == one["username"]
            assert one["private_score"] == row["private_score"]
    ranks = {row["TeamName"]: row["Rank"] for row in table(hidden["leaderboard-private.csv"])}
    assert {row["team"]: row["private_rank"] for row in person.values()}.items() <= ranks.items()
    assert "Line" in ranks


def test_without_names_the_files_still_say_what_was_predicted(term: Installation) -> None:
    hidden = archive(term, pseudonymous=True)
    named = archive(term)
    for row in table(named["submissions.csv"]):
        other = next(one for one in table(hidden["submissions.csv"]) if one["ref"] == row["ref"])
        sent = named[row["file"]]
        before = table(gzip.decompress(sent) if row["file"].endswith(".gz") else sent)
        after = table(hidden[other["file"]])
        id_column, target = before[0].keys()
        assert {one[id_column]: float(one[target]) for one in before} == {
            one[id_column]: float(one[target]) for one in after
        }


def test_pseudonyms_do_not_follow_the_order_of_names(term: Installation) -> None:
    with term.db.write() as session:
        for n in range(30):
            user = accounts.add_user(session, f"s{n:02}", display_name=f"S{n:02}", now=NOON, actor="test")
            accounts.enrol(session, user, term.course(session), "student", now=NOON, actor="test")
    orders = []
    for _ in range(2):
        rows = table(archive(term, pseudonymous=True)["grades.csv"])
        assert [row["name"] for row in rows] == [f"Student {n:03}" for n in range(1, 34)]
        orders.append([row["points"] + row["public_score"] for row in rows])
    assert orders[0] != orders[1]  # three with scores among 33: they hardly fall on the same places twice


def test_before_the_reveal_there_is_no_private_board_in_it(installation: Installation) -> None:
    send(installation, installation.noisy(1.0))
    files = archive(installation)
    assert not [name for name in files if "private" in name]
    assert b"leaderboard-private" not in files["index.html"]


def test_an_archive_is_for_instructors_and_written_down(term: Installation) -> None:
    for who in ("alice", "rival"):
        with pytest.raises(StaffOnly):
            archive(term, who=who)
    archive(term, pseudonymous=True)
    with term.db.read() as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
    assert (entry.actor, entry.action, entry.details) == ("teacher", "competition.archive", {"pseudonymous": True})


def test_only_a_new_or_empty_folder_is_written_to(tmp_path: Path) -> None:
    archives.write([("a/b.csv", b"1"), ("index.html", b"2")], tmp_path / "new")
    assert (tmp_path / "new" / "a" / "b.csv").read_bytes() == b"1"
    with pytest.raises(BadRequest, match="already holds something"):
        archives.write([], tmp_path / "new")
    with pytest.raises(BadRequest):
        folders.check_new(tmp_path / "new" / "index.html")


def test_the_zip_holds_the_same_files(term: Installation) -> None:
    prepared = archives.prepare(
        term.db, slug=term.slug, pseudonymous=False, draw=archiving.draw, principal=SERVER, now=term.now
    )
    content = b"".join(archives.zipped(archives.files(term.db, prepared), prepared))
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.testzip() is None
        names = packed.namelist()
        assert packed.read("lecture/bundle/train.csv") == (term.folder / "train.csv").read_bytes()
    assert len(names) == prepared.count
    assert all(name.startswith("lecture/") and ".." not in name for name in names)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b\\c.csv", "\u202egpj.csv", "x" * 300 + ".csv", "..", "CON"])
def test_a_file_name_is_only_a_name(installation: Installation, name: str) -> None:
    upload = installation.upload(installation.noisy(1.0), name=name + ".csv")
    place = {"slug": installation.slug, "principal": installation.principal("alice"), "received_at": NOON}
    submit(installation.db, installation.keys, upload=upload, **place)
    (file,) = [file for file in archive(installation) if file.startswith("submissions/")]
    stem = file.removeprefix("submissions/000001-")
    assert "/" not in stem
    assert len(stem) <= 80
    assert stem.isprintable()
