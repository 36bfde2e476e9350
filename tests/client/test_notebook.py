"""What a notebook shows of the answers: tables that hold whatever people call themselves, and DataFrames of them."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from html.parser import HTMLParser
from uuid import uuid4

import pytest

from unseen import Client
from unseen.notebook import Table
from unseen.records import Competition, File, Leaderboard, LeaderboardEntry, Receipt, Submission

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "&lt;b&gt;",
    "a\u202egnorw",  # turns round what follows
    "\x1b[31mred",
    "</td></tr></table><h1>mine</h1>",
)
TAGS = {"table", "thead", "tbody", "tr", "th", "td", "b", "p", "bdi"}


class Read(HTMLParser):
    """The texts of all cells by rows, and every tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.rows: list[list[str]] = []
        self.bold: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data
        if "b" in self.tags[-2:]:
            self.bold.append(data)


def shown(answer) -> Read:
    read = Read(answer._repr_html_())
    assert set(read.tags) <= TAGS
    assert read.attributes <= {"style", "scope"}
    return read


@pytest.fixture
def board():
    entries = (
        LeaderboardEntry(rank=1, team="first", score=12.5, entries=3, members=("dora",)),
        LeaderboardEntry(rank=2, team="us", score=13.25, entries=1, members=("erin",), mine=True),
        LeaderboardEntry(team="mean", is_baseline=True, tier="trivial"),
    )
    return Leaderboard(competition="lecture", direction="lower", entries=entries)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    "answer",
    [
        lambda name: Leaderboard(direction=name, note=name, entries=(LeaderboardEntry(team=name, rank=1, tier=name),)),
        lambda name: Table([Competition(slug=name, title=name, phase=name)], Competition),
        lambda name: Table([Submission(ref=1, message=name, file_name=name, status=name)], Submission),
        lambda name: Table([File(name=name, sha256=name)], File),
        lambda name: Receipt(ref=1, metric=name, direction=name, file_name=name, time_zone=name, sha256=name),
    ],
    ids=["leaderboard", "competitions", "submissions", "files", "receipt"],
)
def test_no_name_becomes_markup_or_turns_round_its_neighbours(answer, name):
    read = shown(answer(name))  # no tag and no attribute but our own
    told = "".join(cell for row in read.rows for cell in row)
    assert "\u202e" not in told
    assert "\x1b" not in told


def test_the_name_itself_is_shown(board):
    named = replace(board, entries=(LeaderboardEntry(team="<b>Ada & Bob</b>", rank=1),))
    assert "<b>Ada & Bob</b>" in shown(named).rows[1]


def test_ones_own_row_is_marked_and_no_other(board):
    rows = shown(board).rows
    assert [row[1] for row in rows[1:]] == ["", ">", ""]
    assert set(shown(board).bold) >= {"us", "13.25"}
    assert not {"first", "mean"} & set(shown(board).bold)


def test_what_there_is_none_of_is_a_dash(board):
    baseline = shown(board).rows[3]
    assert baseline[0] == "–"
    assert baseline[3] == "–"


def test_no_colour_is_set_that_a_dark_notebook_could_not_show(board):
    assert "color" not in board._repr_html_()
    assert "background" not in board._repr_html_()


def test_an_empty_list_says_so():
    assert "none" in Table([], Competition)._repr_html_()


def test_a_table_is_a_list():
    one, two = Submission(ref=1), Submission(ref=2)
    listed = Table([two, one], Submission)
    assert listed == [two, one]
    assert json.dumps([item.ref for item in listed]) == "[2, 1]"
    assert pickle.loads(pickle.dumps(listed)).to_pandas().shape[0] == 2
    assert repr(listed) == repr([two, one])


def test_a_dataframe_has_a_row_for_each_record_and_a_column_for_each_field(board):
    frame = board.to_pandas()
    assert frame["team"].tolist() == ["first", "us", "mean"]
    assert frame["mine"].tolist() == [False, True, False]
    assert "raw" not in frame.columns
    assert Table([], Competition).to_pandas().columns[0] == "slug"


def test_the_real_server_fills_them(live):
    name = f"student{uuid4().hex[:12]}"
    with Client(live.url, live.token(name)) as client:
        receipt = client.submit(live.slug, live.bundle / "sample_submission.csv", message="<i>mean</i>")
        assert f"Submission {receipt.ref}:" in receipt._repr_html_()
        board = client.leaderboard(live.slug)
        [own] = [entry for entry in board.entries if entry.mine]
        assert own.members == (name,)
        assert [row[1] for row in shown(board).rows[1:]].count(">") == 1
        [[*_, message]] = shown(client.submissions(live.slug)).rows[1:]
        assert message == "<i>mean</i>"
        assert live.slug in client.competitions().to_pandas()["slug"].tolist()
        assert len(client.files(live.slug).to_pandas()) == len(client.files(live.slug))


def test_a_leaderboard_comes_also_where_nobody_can_say_whose_it_is(faulty, faults, client):
    entry = {"team": "us", "rank": 1, "score": 1.0, "members": ["dora"]}
    faulty.replies = [faults.answer({"entries": [entry]}), faults.problem(403, "no", "No.")]
    [found] = client.leaderboard("lecture").entries
    assert not found.mine
