"""Extensions and corrected answers over HTTP, and what students may know of them."""

from __future__ import annotations

import io

from tests.installations import Build, Installation
from tests.services.test_rescore import shifted, solution
from tests.services.test_submit import send
from tests.visitors import add

LECTURE = "/api/competitions/lecture"


def test_an_extension_is_granted_and_the_student_sees_it_in_their_limits(build: Build) -> None:
    made = build()
    asked = {"username": "alice", "until": "2026-12-10 23:59", "extra": 2, "reason": "ill for a week"}
    reply = made.client("teacher").post(f"{LECTURE}/extensions", json=asked)
    granted = reply.get_json()
    assert (reply.status_code, granted["until"], granted["day"]) == (201, "2026-12-10T15:59:00Z", "2026-11-23")
    limits = made.client("alice").get(f"{LECTURE}/limits").get_json()
    assert (limits["deadline"], limits["extra_today"], limits["left_today"]) == ("2026-12-10T15:59:00Z", 2, 7)
    own = made.client("alice").get(LECTURE).get_json()
    others = made.client("bob").get(LECTURE).get_json()
    assert own["deadline"] != others["deadline"]
    assert "ill" not in made.client("alice").get(f"{LECTURE}/limits").text


def test_a_dry_run_over_http_changes_nothing_and_the_correction_is_told_to_students(build: Build) -> None:
    made = build()
    send(made, made.noisy(4.0))
    teacher, url = made.client("teacher"), f"{LECTURE}/rescore"
    before = made.client().get(f"{LECTURE}/leaderboard").get_json()["entries"]
    dry = teacher.post(f"{url}?dry_run=true", data=shifted(made), content_type="text/csv").get_json()
    assert made.client().get(f"{LECTURE}/leaderboard").get_json()["entries"] == before
    file = {"file": (io.BytesIO(shifted(made)), "solution.csv")}
    done = teacher.post(url, data=file).get_json()
    assert (dry["dry_run"], done["dry_run"], dry["public"]) == (True, False, done["public"])
    after = made.client().get(f"{LECTURE}/leaderboard").get_json()["entries"]
    assert [entry["score"] for entry in after] == [change["new_score"] for change in done["public"]]
    assert "corrected" in str(made.client("alice").get(f"{LECTURE}").get_json()["announcements"])


def test_a_mistyped_flag_corrects_nothing(build: Build) -> None:
    made = build()
    reply = made.client("teacher").post(f"{LECTURE}/rescore?dry_run=yes", data=shifted(made), content_type="text/csv")
    assert reply.status_code == 400


def test_assistants_grant_but_do_not_correct_answers(installation: Installation) -> None:
    add(installation, "tim", "Tim", "assistant")
    token = installation.token("tim", "staff")
    assistant = installation.app.test_client()
    assistant.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    asked = {"username": "alice", "extra": 1, "reason": "a fault of the server"}
    assert assistant.post(f"{LECTURE}/extensions", json=asked).status_code == 201
    reply = assistant.post(f"{LECTURE}/rescore", data=solution(installation), content_type="text/csv")
    assert (reply.status_code, reply.get_json()["code"]) == (403, "staff_only")


def test_no_reply_of_a_correction_holds_a_private_label_or_score_before_the_reveal(build: Build) -> None:
    made = build()
    send(made, made.noisy(4.0))
    reply = made.client("teacher").post(f"{LECTURE}/rescore", data=shifted(made, "Private"), content_type="text/csv")
    report = reply.get_json()
    assert (report["private"], report["public"]) == ([], [])
    assert report["labels_changed"] > 0
