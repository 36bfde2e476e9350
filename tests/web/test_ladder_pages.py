"""The ladder as students meet it: what a page and a reply say of a file, and what they never give away."""

from __future__ import annotations

import io
import re

import pytest
from flask.testing import FlaskClient
from tests.installations import Build, Installation
from tests.visitors import address, browser, send, upload
from werkzeug.test import TestResponse

from unseen_server.services import submissions as own
from unseen_server.web.own_chart import own_chart

GOOD, BEST = 16.0, 0.5
SLIGHTLY_BETTER, WORSE = 15.99, 0.0
PAGES = ("", "/rules", "/submit", "/submissions", "/leaderboard", "/team", "/submissions/{ref}")
REPLIES = (
    "/api/submissions/{ref}",
    "/api/competitions/{slug}",
    "/api/competitions/{slug}/submissions",
    "/api/competitions/{slug}/leaderboard",
    "/api/competitions/{slug}/leaderboard?format=csv",
    "/api/competitions/{slug}/final",
)
# What differs between any two files, servers and forms: digests, signatures, their keys, and the key of the form.
OF_THE_FILE = re.compile(
    r"""\b(?:[0-9a-f]{16}|[0-9a-f]{64})\b|(?<=name="key" value=")[^"]*|(?<="signature":")[^"]*|(?<=digest">)[^<]*"""
)


@pytest.fixture
def ladder(build: Build) -> Installation:
    return build(release="ladder")


def everything(made: Installation, before: list[bytes], content: bytes) -> dict[str, str]:
    """All that a team is told after a file, pages and replies with their headers; but for what is the file's own."""
    client = made.client("alice")
    for earlier in before:
        submit(client, made, earlier)
    answers = {"the reply": submit(client, made, content)}
    ref = str(len(before) + 1)
    answers |= {
        path: client.get(path.format(ref=ref, slug=made.slug))
        for path in (*(address(made, page) for page in PAGES), *REPLIES)
    }
    assert {answer.status_code for answer in answers.values()} == {200, 201}
    return {path: OF_THE_FILE.sub("…", f"{answer.headers}{answer.text}") for path, answer in answers.items()}


def submit(client: FlaskClient, made: Installation, content: bytes) -> TestResponse:
    data = {"file": (io.BytesIO(content), "p.csv")}
    return client.post(f"/api/competitions/{made.slug}/submissions", data=data)


@pytest.mark.slow
@pytest.mark.parametrize("has_a_score", [True, False])
def test_slightly_better_equal_and_far_worse_files_are_answered_alike(build: Build, has_a_score: bool) -> None:
    answers = []
    for which in ("slightly better", "equal", "far worse"):
        made = build(release="ladder")
        mean = made.file(made.bundle.training_mean)
        better = made.file(made.bundle.training_mean + 0.01 * (made.bundle.key.labels - made.bundle.training_mean))
        files = {
            True: {"slightly better": made.noisy(SLIGHTLY_BETTER), "equal": made.noisy(GOOD)},
            False: {"slightly better": better, "equal": mean},
        }[has_a_score]
        before = [made.noisy(GOOD)] if has_a_score else []
        answers.append(everything(made, before, files.get(which, made.file(WORSE))))
    verdict = "no significant improvement" if has_a_score else "not yet better than the baseline"
    for path, text in answers[0].items():
        assert text == answers[1][path] == answers[2][path], path
    for path in (address(made, "/submissions/{ref}"), address(made, "/submissions")):
        assert verdict in answers[0][path]


def test_a_receipt_says_an_improvement_and_what_is_none(ladder: Installation) -> None:
    client = browser(ladder)
    first = upload(client, ladder, ladder.file(50.0)).text
    assert "not yet better than the baseline" in first
    assert "You are told a score once a file is significantly better than the baseline." in first
    assert "You are number" not in first
    good = upload(client, ladder, ladder.noisy(GOOD)).text
    assert "significant improvement" in good
    assert "no significant improvement" not in good
    again = upload(client, ladder, ladder.noisy(GOOD)).text
    assert "no significant improvement" in again
    assert "Your best so far stays" in again


def test_a_board_without_an_improvement_does_not_say_that_nobody_submitted(ladder: Installation) -> None:
    send(ladder, ladder.file(50.0))
    page = ladder.client().get(address(ladder, "/leaderboard")).text
    assert "No team is significantly better than the baseline yet." in page
    assert "Nobody has submitted" not in page


def test_the_list_says_of_every_file_what_it_was_told(ladder: Installation) -> None:
    client = browser(ladder)
    for content in (ladder.file(50.0), ladder.noisy(GOOD), ladder.noisy(GOOD)):
        upload(client, ladder, content)
    page = client.get(address(ladder, "/submissions")).text
    told = re.findall(r'<span class="(?:improvement|unchanged)">([^<]*)</span>', page)
    assert told == ["no significant improvement", "significant improvement", "not yet better than the baseline"]


def test_only_improvements_are_drawn(ladder: Installation) -> None:
    for minutes, content in enumerate((ladder.noisy(GOOD), ladder.file(WORSE), ladder.noisy(BEST))):
        ladder.now = ladder.now.replace(minute=minutes)
        send(ladder, content)
    sent = own.own_submissions(ladder.db, limit=10, **ladder.asking("alice"))
    chart = own_chart(sent, "lower")
    assert chart is not None
    assert [mark.ref for mark in chart.marks] == [1, 3]
    assert own_chart(sent[1:], "lower") is None  # one improvement and what repeats it


def json_of(client: FlaskClient, path: str) -> dict[str, object]:
    found: dict[str, object] = client.get(path).json
    return found


def test_the_api_tells_significance_only_on_the_ladder(build: Build) -> None:
    for release, expected in (("ladder", [True, False]), ("rounded", [None, None])):
        made = build(release=release)
        client = made.client("alice")
        assert [submit(client, made, made.noisy(GOOD)).json["significant"] for _ in range(2)] == expected


@pytest.mark.parametrize(
    ("release", "says"),
    [
        ("full", "Whoever may submit more often than there are public rows can work out every public label."),
        ("rounded", "rounded to steps that the noise of the public rows justifies"),
        ("ladder", "told a new score only when a file is a significant improvement of its best"),
    ],
)
def test_the_rules_explain_the_release_and_the_leak_ratio(build: Build, release: str, says: str) -> None:
    made = build(release=release)
    page = made.client().get(address(made, "/rules")).text
    assert says in page
    assert "Leak ratio 3.8 (red)." in page
    assert "(red)" in made.client().get(address(made)).text
    shown = json_of(made.client(), f"/api/competitions/{made.slug}")
    assert (shown["leak_ratio"], shown["leak_level"]) == (75 / 20, "red")
    assert str(shown["leak_meaning"]) in page


def test_staff_see_what_the_ladder_withheld(ladder: Installation) -> None:
    for content in (ladder.file(50.0), ladder.noisy(GOOD), ladder.noisy(GOOD, 1)):
        send(ladder, content)
    tina = browser(ladder, "tina", "Tina", "instructor")
    page = tina.get(f"/console/competitions/{ladder.slug}/submissions").text
    told = re.findall(r'<span class="unchanged">([^<]*)</span>', page)
    assert told == ["no significant improvement", "not yet better than the baseline"]
    assert "no significant improvement" in tina.get(f"/console/competitions/{ladder.slug}/submissions/3").text
