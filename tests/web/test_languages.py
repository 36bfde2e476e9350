"""Which language somebody reads, and how refusals, instants and numbers are said in it."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from tests.core.prediction_files import FILES, Case
from tests.core.test_predictions import refused
from tests.installations import NOON, Build
from tests.visitors import browser, hidden
from werkzeug.test import TestResponse

from unseen_server.core import limits, schedule
from unseen_server.core.errors import BadBundle, BadFile, Problem, Refusal
from unseen_server.core.sentences import Either, say
from unseen_server.web import languages

TAIWANESE = {"Accept-Language": "zh-TW,zh;q=0.9,en;q=0.8"}

# which language


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "en"),
        ("en-GB", "en"),
        ("zh-TW", "zh-Hant"),
        ("zh-HK,en;q=0.5", "zh-Hant"),
        ("zh-Hant", "zh-Hant"),
        ("zh-CN", "zh-Hant"),
        ("zh", "zh-Hant"),
        ("fr, zh;q=0.4", "zh-Hant"),
        ("de-DE,de;q=0.9", "en"),
        ("zh;q=0.3, en;q=0.7", "en"),
        ("en;q=0.3, zh-TW;q=0.7", "zh-Hant"),
        ("zh;q=0, en", "en"),
        ("zh;q=0", "en"),
        ("*", "en"),
        ("no header at all;;q=x", "en"),
    ],
)
def test_a_browser_is_answered_in_the_language_it_likes_best(build: Build, header: str, code: str) -> None:
    page = build().client().get("/competitions", headers={"Accept-Language": header})
    assert f'<html lang="{code}">' in page.text
    assert page.headers["Content-Language"] == code
    assert "Accept-Language" in page.headers["Vary"]


def choose(client: FlaskClient, code: str, after: str, csrf: str = "", **headers: str) -> TestResponse:
    form = {"language": code, "next": after, "csrf_token": csrf}
    return client.post("/language", data=form, headers=headers)


def test_a_visitor_changes_the_language_and_comes_back(build: Build) -> None:
    client = build().client()
    answer = choose(client, "zh-Hant", "/competitions/lecture")
    assert (answer.status_code, answer.location) == (303, "/competitions/lecture")
    assert '<html lang="zh-Hant">' in client.get("/competitions/lecture").text


def test_a_person_changes_the_language_everywhere(build: Build) -> None:
    made = build()
    client = browser(made)
    csrf = hidden(client.get("/account").text, "csrf_token")
    assert choose(client, "zh-Hant", "/account", csrf).location == "/account"
    elsewhere = made.client()
    elsewhere.post("/login", data={"name": "dora", "password": "correct horse"})
    assert '<html lang="zh-Hant">' in elsewhere.get("/account", headers={"Accept-Language": "en"}).text


def test_the_switch_needs_the_token_of_whoever_is_signed_in(build: Build) -> None:
    client = browser(build())
    assert choose(client, "zh-Hant", "/account").status_code == 403


def test_the_way_back_keeps_the_query(build: Build) -> None:
    client = build().client()
    place = "/competitions/lecture/leaderboard"
    answer = choose(client, "zh-Hant", place, Referer=f"http://localhost{place}?board=public&q=%E5%B0%8F")
    assert answer.location == f"{place}?board=public&q=%E5%B0%8F"


@pytest.mark.parametrize(
    ("after", "referrer"),
    [
        ("//elsewhere.example/", ""),
        ("https://elsewhere.example/", ""),
        ("/\\elsewhere.example", ""),
        ("/competitions\r\nSet-Cookie: a=b", ""),
        ("/language", ""),  # takes forms alone
        ("/no/such/page", ""),
        ("/competitions", "https://elsewhere.example/competitions?q=1"),
        ("/competitions", "http://localhost/account?q=1"),
    ],
)
def test_the_way_back_stays_on_this_server(build: Build, after: str, referrer: str) -> None:
    assert choose(build().client(), "zh-Hant", after, Referer=referrer).location == "/competitions"


def test_a_language_that_is_not_offered_is_refused(build: Build) -> None:
    answer = choose(build().client(), "tlh", "/competitions")
    assert answer.status_code == 400
    assert "en, zh-Hant" in answer.text


# the API


def test_a_refusal_of_the_api_is_said_in_the_language_asked_for(build: Build) -> None:
    client = build().client("alice")
    english = client.get("/api/competitions/nowhere")
    chinese = client.get("/api/competitions/nowhere", headers=TAIWANESE)
    assert english.json["code"] == chinese.json["code"] == "not_found"
    assert english.headers["Content-Language"] == "en"
    assert chinese.headers["Content-Language"] == "zh-Hant"
    assert "Accept-Language" in chinese.headers["Vary"]
    assert english.json["detail"].startswith("There is no competition “nowhere” here.")
    assert "「nowhere」" in chinese.json["detail"]


def test_a_sentence_in_an_answer_is_said_in_the_language_asked_for(build: Build) -> None:
    client = build().client("alice")
    place = "/api/competitions/lecture/final"
    assert client.get(place).json["rule"].startswith("If you choose none, your best 2")
    assert "2" in chinese(client.get(place, headers=TAIWANESE).json["rule"])


# in Chinese


@pytest.fixture
def taiwan() -> Iterator[None]:
    """A request whose answer is in Chinese."""
    with Flask("unseen").test_request_context(headers=TAIWANESE):
        yield


def chinese(said: str) -> str:
    """The text itself, once it was found to be Chinese: no three English words in a row outside of code."""
    assert re.search(r"[\u4e00-\u9fff]", said), said
    assert not re.search(r"[A-Za-z]{2,}(?: [A-Za-z]{2,}){2,}", re.sub(r"`[^`]*`|「[^」]*」", " ", said)), said
    return said


def refusals(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for each in kind.__subclasses__():
        if hasattr(each, "code"):
            yield each
        yield from refusals(each)


@pytest.mark.parametrize("kind", sorted(refusals(), key=lambda kind: kind.__name__))
def test_every_refusal_is_said_in_chinese(taiwan: None, kind: type[Refusal]) -> None:
    names = [name for _, name, _, _ in string.Formatter().parse(kind.template) if name]
    values = {name: say("open") for name in names if name != "first"}
    if issubclass(kind, BadFile | BadBundle):
        refusal: Refusal = kind([Problem("bad", "open")], **values)
    elif "first" in names:
        pytest.skip("has no sentence of its own")
    else:
        refusal = kind(**values)
    chinese(languages.tell(refusal))


@pytest.mark.parametrize("case", FILES, ids=lambda case: case.name)
def test_what_is_wrong_with_a_file_is_said_in_chinese(taiwan: None, case: Case) -> None:
    refusal = refused(case.data, case.file_name)
    for said in (refusal, *refusal.problems):
        chinese(languages.tell(said))


def test_instants_are_said_in_chinese(taiwan: None) -> None:
    instant = datetime(2026, 12, 1, 15, 59, tzinfo=UTC)
    assert languages.minute(instant, "Asia/Taipei") == "2026年12月1日（二）23:59 Asia/Taipei"
    assert languages.day(instant, "Asia/Taipei") == "2026年12月1日（二）"
    both = "2026年12月1日（二）23:59 Asia/Taipei（2026年12月1日（二）15:59 UTC）"
    assert languages.both_zones(instant, "Asia/Taipei") == both
    assert languages.tell(schedule.Moment(instant, "Asia/Taipei")) == both
    assert languages.tell(schedule.ClockTime(instant, "Asia/Taipei")) == "23:59 Asia/Taipei"


def test_the_hour_that_comes_twice_is_told_apart_in_chinese(taiwan: None) -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    texts = [chinese(languages.both_zones(first + timedelta(hours=h), "Europe/Berlin")) for h in (0, 1)]
    assert len({re.sub("（[^（]*UTC）", "", text) for text in texts}) == 2


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(12, "12 秒"), (3 * 3600 + 12 * 60, "3 小時 12 分鐘"), (86400 * 3, "3 天"), (86400 * 2 + 3600, "2 天 1 小時")],
)
def test_a_wait_is_said_in_chinese(taiwan: None, seconds: float, said: str) -> None:
    assert languages.wait(seconds) == languages.tell(limits.Wait(seconds)) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(10, "剛才"), (60, "1 分鐘前"), (7200, "2 小時前"), (86400, "24 小時前"), (86400 * 40, "40 天前")],
)
def test_how_long_ago_is_said_in_chinese(taiwan: None, seconds: float, said: str) -> None:
    assert languages.ago(NOON - timedelta(seconds=seconds), NOON) == said


def test_counts_alternatives_and_phases_are_said_in_chinese(taiwan: None) -> None:
    assert languages.number(12345) == "12,345"
    assert languages.tell(Either(["Asia/Taipei", "Asia/Tokyo"])) == "Asia/Taipei或Asia/Tokyo"
    assert languages.tell(schedule.Phase.OPEN) == languages.word("open") != "open"


def test_outside_of_a_request_everything_is_english() -> None:
    assert languages.tell(say("There is no {what} here. {advice}", what="page", advice="")) == "There is no page here. "
