"""The client against the real server: what a student does in a term, from the first log-in to the final choice."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest

from unseen import Client, LimitReached, NotFound, NotLoggedIn, Refused, cli
from unseen_server.db.delivery import Delivery
from unseen_server.services import extensions, jobs, withdrawals
from unseen_server.services.extensions import Wanted
from unseen_server.services.principals import SERVER


@pytest.fixture
def name():
    """A student of this test alone, so that no test spends another's submissions."""
    return f"student{uuid4().hex[:12]}"


@pytest.fixture
def alice(live, name):
    with Client(live.url, live.token(name)) as client:
        yield client


@pytest.fixture
def sample(live):
    return live.bundle / "sample_submission.csv"


@pytest.fixture
def rows(sample):
    header, *rows = csv.reader(io.StringIO(sample.read_text(encoding="utf-8-sig")))
    return header, {row[0]: float(row[1]) for row in rows}


@pytest.fixture
def unseen(live, name, tmp_path, monkeypatch, capsys):
    """The command as the student runs it, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*args, stdin="", url=live.url, token=None):
        monkeypatch.setenv("UNSEEN_URL", url)
        monkeypatch.setenv("UNSEEN_TOKEN", live.token(name) if token is None else token)
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capsys.readouterr()
        code = cli.run(list(args))
        told = capsys.readouterr()
        return SimpleNamespace(code=code, stdout=told.out, stderr=told.err)

    return run


# Python


def test_the_token_says_who_it_is(alice, name):
    account = alice.whoami()
    assert account.username == name
    assert account.token.scope == "submit"
    assert account.courses


def test_a_token_nobody_has_is_not_logged_in(live):
    with Client(live.url, "unseen_nobody") as client, pytest.raises(NotLoggedIn):
        client.whoami()


def test_the_competition_is_listed_and_described(alice, live, rows):
    assert live.slug in [competition.slug for competition in alice.competitions()]
    competition = alice.competition(live.slug)
    assert [competition.id_column, competition.target_column] == rows[0]
    assert competition.phase == "open"
    assert competition.deadline.tzinfo


def test_a_competition_nobody_made_is_not_found(alice):
    with pytest.raises(NotFound):
        alice.competition("no-such-competition")


def test_every_public_file_arrives_and_the_answers_do_not(alice, live, tmp_path, sample):
    paths = alice.download(live.slug, path=tmp_path / "data")
    assert {"train.csv", "test.csv", "sample_submission.csv"} <= {path.name for path in paths}
    assert not (tmp_path / "data" / "solution.csv").exists()
    assert (tmp_path / "data" / "sample_submission.csv").read_bytes() == sample.read_bytes()
    assert alice.download(live.slug, path=tmp_path / "data") == paths


def test_a_broken_download_goes_on_at_the_real_server(alice, live, tmp_path):
    whole = (live.bundle / "train.csv").read_bytes()
    (tmp_path / "train.csv.part").write_bytes(whole[: len(whole) // 2])
    steps = []
    alice.download(live.slug, "train.csv", tmp_path, progress=lambda name: lambda done, total: steps.append(done))
    assert (tmp_path / "train.csv").read_bytes() == whole
    assert steps[0] > len(whole) // 2


def test_a_check_is_free(alice, live, rows):
    before = alice.limits(live.slug)
    assert alice.validate(live.slug, rows[1]).rows == len(rows[1])
    assert alice.limits(live.slug).used_today == before.used_today


def test_a_malformed_file_costs_nothing_and_names_its_lines(alice, live, sample, tmp_path):
    before = alice.limits(live.slug)
    lines = sample.read_text().splitlines()
    lines[2] = lines[2].split(",")[0] + ",nan"
    (tmp_path / "bad.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(Refused) as caught:
        alice.submit(live.slug, tmp_path / "bad.csv")
    assert caught.value.status == 400
    assert 3 in [problem.line for problem in caught.value.problems]
    assert alice.limits(live.slug).used_today == before.used_today


def test_a_receipt_says_what_was_scored_and_what_is_left(alice, live, rows):
    before = alice.limits(live.slug)
    receipt = alice.submit(live.slug, rows[1], message="the sample")
    assert receipt.left_today == before.left_today - 1
    assert (receipt.competition, receipt.message, receipt.private_score) == (live.slug, "the sample", None)
    assert receipt.resets_at == receipt.resets_at_local == alice.limits(live.slug).resets_at
    assert alice.submission(receipt.ref).sha256 == receipt.sha256
    assert alice.submissions(live.slug, limit=1)[0].ref == receipt.ref


def test_a_mapping_a_frame_and_an_array_are_the_same_predictions(alice, live, rows):
    pandas = pytest.importorskip("pandas")
    (id_column, target), values = rows
    frame = pandas.DataFrame({id_column: list(values), target: list(values.values())})
    for predictions in (values, frame, frame.set_index(id_column), frame[target].to_numpy()):
        assert alice.validate(live.slug, predictions).valid


def test_the_same_key_counts_once(alice, live, sample):
    first = alice.submit(live.slug, sample, idempotency_key="once-and-only-once")
    again = alice.submit(live.slug, sample, idempotency_key="once-and-only-once")
    assert (again.ref, again.left_today) == (first.ref, first.left_today)
    assert again.replayed
    assert not first.replayed


def test_the_same_key_with_another_file_is_refused(alice, live, sample, rows):
    alice.submit(live.slug, sample, idempotency_key="k")
    with pytest.raises(Refused) as caught:
        alice.submit(live.slug, rows[1], idempotency_key="k", message="another")
    assert (caught.value.status, caught.value.code) == (422, "idempotency_key_reused")


def test_the_daily_limit_is_told_with_its_reset(alice, live, sample):
    limits = alice.limits(live.slug)
    for _ in range(limits.left_today):
        alice.submit(live.slug, sample)
    with pytest.raises(LimitReached) as caught:
        alice.submit(live.slug, sample)
    assert caught.value.code == "daily_limit_reached"
    assert caught.value.resets_at == limits.resets_at
    assert caught.value.retry_after > 0


def test_the_submission_stands_on_the_board(alice, live, sample):
    receipt = alice.submit(live.slug, sample)
    board = alice.leaderboard(live.slug)
    [mine] = [entry for entry in board.entries if entry.rank == receipt.rank]
    assert mine.entries == receipt.used_today
    assert board.direction == "lower"


def test_the_private_board_is_not_there_before_the_reveal(alice, live):
    with pytest.raises(NotFound):
        alice.leaderboard(live.slug, "private")


def test_the_final_choice_is_kept_and_taken_back(alice, live, sample):
    ref = alice.submit(live.slug, sample).ref
    assert not alice.final(live.slug).chosen
    assert alice.select(live.slug, [ref]).refs == (ref,)
    assert alice.final(live.slug).chosen
    assert not alice.select(live.slug, []).chosen


def test_a_submission_of_others_is_not_found(alice, live, name, sample):
    ref = alice.submit(live.slug, sample).ref
    with Client(live.url, live.token(f"{name}b")) as bob, pytest.raises(NotFound):
        bob.submission(ref)


# The command


def test_a_log_in_is_tried_and_kept(live, unseen, name):
    done = unseen("login", live.url, "--token-stdin", stdin=live.token(name) + "\n", token="")
    assert done.code == 0, done.stderr
    assert unseen("whoami", token="", url="").stdout.count(name)
    assert unseen("logout").code == 0
    assert unseen("whoami", token="").code == 4


def test_a_log_in_with_a_bad_token_is_not_kept(live, unseen, own_settings):
    done = unseen("login", live.url, "--token-stdin", stdin="unseen_wrong\n", token="")
    assert done.code == 4
    assert f"{live.url}/account" in done.stderr
    assert not list(own_settings.glob("*"))


def test_submitting_from_a_script_gives_json_and_nothing_else(live, unseen, sample):
    done = unseen("submit", str(sample), live.slug, "-m", "script", "--format", "json")
    assert (done.code, done.stderr) == (0, "")
    receipt = json.loads(done.stdout)
    assert receipt["message"] == "script"
    listed = json.loads(unseen("submissions", live.slug, "--format", "json").stdout)
    assert listed[0]["ref"] == receipt["ref"]
    assert listed[0]["public_score"] == receipt["public_score"]


def test_the_receipt_in_words_has_score_direction_limit_and_zone(live, unseen, sample):
    told = unseen("c", "submit", "-f", str(sample), "-c", live.slug).stdout
    assert "lower is better" in told
    assert "left today" in told
    assert "resets 00:00 " in told


@pytest.mark.parametrize("command", ["list", "files", "submissions", "leaderboard", "limits", "select"])
@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_everything_listed_comes_in_three_forms(live, unseen, command, form):
    slug = [] if command == "list" else [live.slug]
    quiet = ["-q"] if command == "leaderboard" else []
    done = unseen(command, *slug, "--format", form, *quiet)
    assert (done.code, done.stderr) == (0, "")
    if form == "json":
        json.loads(done.stdout)
    if form == "csv":
        widths = {len(row) for row in csv.reader(io.StringIO(done.stdout))}
        assert len(widths) == 1


def test_a_bad_file_is_told_line_by_line_and_exits_1(live, unseen, tmp_path):
    (tmp_path / "bad.csv").write_text("id;y\n1;2\n")
    done = unseen("validate", "bad.csv", live.slug)
    assert (done.code, done.stdout) == (1, "")
    assert "unseen validate bad.csv" in done.stderr


def test_downloaded_files_are_named_on_standard_output(live, unseen, tmp_path):
    done = unseen("download", live.slug, "-p", "data", "-f", "test.csv")
    assert done.stdout.split() == [os.path.join("data", "test.csv")]
    assert (tmp_path / "data" / "test.csv").read_bytes() == (live.bundle / "test.csv").read_bytes()


def test_a_choice_is_made_and_shown(live, unseen, alice, sample):
    ref = alice.submit(live.slug, sample).ref
    assert f"{ref}" in unseen("select", live.slug, str(ref)).stdout
    assert json.loads(unseen("select", live.slug, "--format", "json").stdout)["refs"] == [ref]
    assert json.loads(unseen("select", live.slug, "--clear", "--format", "json").stdout)["chosen"] is False


def test_an_extension_and_a_withdrawn_submission_are_told(unseen, live, name, sample):
    assert unseen("submit", live.slug, "-f", str(sample)).code == 0
    place = {"slug": live.slug, "principal": SERVER, "now": datetime.now(UTC)}
    until = live.installation.bundle.settings.deadline + timedelta(days=1)
    granted = Wanted(name, until=until.isoformat(), extra=2, reason="ill")
    extensions.grant(live.installation.db, wanted=granted, **place)
    ref = json.loads(unseen("submissions", live.slug, "--format", "json").stdout)[0]["ref"]
    withdrawals.withdraw(live.installation.db, ref=ref, reason="a copy", **place)
    told = unseen("limits", live.slug).stdout
    assert "6 of 7" in told
    assert "your deadline" in told
    assert "withdrawn" in unseen("submissions", live.slug).stdout


def test_the_staff_see_how_far_long_work_is(live, alice):
    made, wanted = live.installation, {"pseudonymous": True, "language": "en"}
    ref = jobs.hand_in(made.db, Delivery(made.db), "archive", **made.asking(), **wanted)
    with Client(live.url, made.token("teacher")) as teacher:
        patience = time.monotonic() + 60
        while (job := teacher.job(ref)).state in ("waiting", "running"):
            assert time.monotonic() < patience
            time.sleep(0.05)
    assert (job.state, job.kind, job.file_name) == ("done", "archive", "lecture-archive-pseudonymous.zip")
    assert job.done == job.total
    assert job.created_at <= job.ended_at
    with pytest.raises(NotFound):
        alice.job(ref)
