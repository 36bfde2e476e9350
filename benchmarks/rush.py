"""The last minute before a deadline: a whole class uploads, looks at the board and signs in, and all of it is checked.

python benchmarks/rush.py [--postgres] [--uploads 3000]; ends with 1 where anything was lost, miscounted or misjudged.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote_plus

import numpy as np
import psutil
from load import Page, Reply, Request, ask_in_turn, at_once, form, get, on_time, upload
from measuring import Row, percentile, show, syncs_per_second
from served import PASSWORD, SLUG, Site, served
from sheets import Sheet, answers, sheets
from sqlalchemy import select, text

from unseen_server.config import Config
from unseen_server.db.models import User
from unseen_server.db.session import Database
from unseen_server.services import doctor
from unseen_server.services.browser_sessions import begin_session

LAST_SHARE, LAST_PART = 1 / 3, 1 / 6  # a third of the files come in the last sixth of the time
EXPECTED = {"upload": {201, 429}, "board": {200, 304}, "sign-in": {303}}
BOARD, PAGE = f"/api/competitions/{SLUG}/leaderboard", f"/competitions/{SLUG}/leaderboard"

Replies = Mapping[str, Sequence[Reply]]  # by kind
Sent = Sequence[tuple[Sheet, Reply]]


@dataclass(frozen=True)
class Plan:
    """So many `students` and `uploads` in so many `seconds`, and `boards` and `sign_ins` in each of these."""

    students: int = 200
    uploads: int = 1500
    rows: int = 10_000
    seconds: int = 60
    boards: int = 50
    sign_ins: int = 5
    postgres: bool = False

    @property
    def limit(self) -> int:
        """The daily one, which a few pass."""
        return math.ceil(1.3 * self.uploads / self.students)


@dataclass(frozen=True)
class Outcome:
    """What came of it; `cpu` are seconds by who spent them, `faults` what is not as it should be, and how often."""

    replies: Replies
    seconds: float
    cpu: Mapping[str, float]
    faults: Mapping[str, int]
    syncs_per_second: float


def rush(plan: Plan) -> Outcome:
    settings = {"daily_limit": plan.limit, "time_zone": _zone_where_it_is_noon()}
    with served(students=plan.students, rows=plan.rows, postgres=plan.postgres, **settings) as site:
        made = sheets(answers(site.home / SLUG / "solution.csv"), _whose(plan))
        timetable = _timetable(site, plan, made)
        at_once(site.port, [[get(PAGE), get(BOARD)]] * 8)  # both processes have answered before
        syncs = syncs_per_second(site.home)
        spent, begun = _cpu_seconds(site), time.monotonic()
        answered = on_time(site.port, timetable)
        seconds = time.monotonic() - begun
        cpu = {who: after - spent[who] for who, after in _cpu_seconds(site).items()}
        replies = {kind: [reply for reply in answered if reply.what == kind] for kind in EXPECTED}
        faults = Counter(_faults(site, plan, list(zip(made, replies["upload"], strict=True)), replies))
        return Outcome(replies, seconds, cpu, faults, syncs)


def _zone_where_it_is_noon() -> str:
    """So that the day, by which the limit counts, does not end in between."""
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"


# before the clock starts


def _whose(plan: Plan) -> list[int]:
    found: list[int] = np.random.default_rng(plan.uploads).integers(plan.students, size=plan.uploads).tolist()
    return found


def _timetable(site: Site, plan: Plan, made: Sequence[Sheet]) -> list[tuple[float, Request | Page]]:
    """What is sent after how many seconds. Files become denser in the end; everything else comes evenly."""
    files = (upload(site.submissions, one.content, token=site.tokens[one.student], what="upload") for one in made)
    readers = _readers(site, plan)
    boards = (readers[n % len(readers)] for n in range(plan.boards * plan.seconds))
    sign_ins = (_sign_in(n % plan.students) for n in range(plan.sign_ins * plan.seconds))
    entries = [
        *zip(_times_of_uploads(plan), files, strict=True),
        *((n / plan.boards, reader) for n, reader in enumerate(boards)),
        *((n / plan.sign_ins, request) for n, request in enumerate(sign_ins)),
    ]
    return sorted(entries, key=lambda entry: entry[0])


def _times_of_uploads(plan: Plan) -> list[float]:
    rng, last = np.random.default_rng(plan.students), round(LAST_SHARE * plan.uploads)
    begins = plan.seconds * (1 - LAST_PART)
    return sorted([*rng.uniform(0, begins, plan.uploads - last), *rng.uniform(begins, plan.seconds, last)])


def _readers(site: Site, plan: Plan) -> list[Request | Page]:
    """Of each three that look: the browser of a student, one of nobody, and a program."""
    readers: list[Request | Page] = []
    for cookie, token in zip(_cookies(site, plan), site.tokens, strict=True):
        readers += [Page(PAGE, cookie=cookie, what="board"), Page(PAGE, what="board")]
        readers += [get(BOARD, token=token, what="board")]
    return readers


def _cookies(site: Site, plan: Plan) -> list[str]:
    """Of students who signed in long before."""
    with closing(Database(site.database_url)) as db, db.write() as session:
        users = {user.username: user for user in session.scalars(select(User))}
        begun = (begin_session(session, users[f"s{number}"], datetime.now(UTC)) for number in range(plan.students))
        return [f"unseen_session={one.secret}" for one in begun]


def _sign_in(student: int) -> Request:
    return form("/login", f"name=s{student}&password={quote_plus(PASSWORD)}", what="sign-in")


def _cpu_seconds(site: Site) -> dict[str, float]:
    """What everything else on this machine spends is told, too: a rush fares badly beside it."""
    ours, all_of_it = {**site.cpu_seconds(), "these requests": time.process_time()}, psutil.cpu_times()
    return {**ours, "all else": all_of_it.user + all_of_it.nice + all_of_it.system - sum(ours.values())}


# afterwards: a word for each thing that is not as it should be


def _faults(site: Site, plan: Plan, sent: Sent, replies: Replies) -> Iterator[str]:
    yield from _unexpected(replies)
    yield from _miscounted(plan, sent)
    accepted = [(sheet, json.loads(reply.body)) for sheet, reply in sent if reply.status == 201]
    yield from _lost_or_misjudged(site, {receipt["ref"]: (sheet, receipt) for sheet, receipt in accepted})
    told: dict[int, list[tuple[str, float]]] = defaultdict(list)
    for sheet, receipt in accepted:
        told[sheet.student].append((sheet.sha256, receipt["public_score"]))
    yield from _missing_in_lists(site, told)
    yield from _misranked(site, told)
    with closing(Database(site.database_url)) as db:
        findings = doctor.examine(Config(home=site.home, database_url=site.database_url), db)
    yield from (f"doctor: {one.what}" for one in findings if not one.ok)


def _unexpected(replies: Replies) -> Iterator[str]:
    for kind, expected in EXPECTED.items():
        for reply in replies[kind]:
            if reply.status not in expected:
                yield f"{kind} answered with {reply.status}" if reply.status else f"{kind} not answered"
            elif reply.status == 429 and json.loads(reply.body)["code"] != "daily_limit_reached":
                yield "upload refused for another reason"


def _miscounted(plan: Plan, sent: Sent) -> Iterator[str]:
    tried = Counter(sheet.student for sheet, _ in sent)
    accepted = Counter(sheet.student for sheet, reply in sent if reply.status == 201)
    for student, tries in tried.items():
        if accepted[student] != min(plan.limit, tries):
            yield "limit miscounted"


def _lost_or_misjudged(site: Site, accepted: dict[int, tuple[Sheet, dict[str, object]]]) -> Iterator[str]:
    """Each receipt against what the database holds, and that against the scores that were known before."""
    with closing(Database(site.database_url)) as db, db.read() as session:
        for row in session.execute(text(KEPT)):
            if row.id not in accepted:
                yield "counted and not acknowledged"
                continue
            sheet, receipt = accepted.pop(row.id)
            if not row.sha256 == hashlib.sha256(row.content).hexdigest() == receipt["sha256"] == sheet.sha256:
                yield "another file kept"
            if not (_same(row.public, sheet.public) and _same(row.private, sheet.private)):
                yield "misjudged"
            if not (receipt["public_score"] == row.shown and abs(row.shown - sheet.public) <= row.grid * 0.5000001):
                yield "told another score"
    yield from ("acknowledged and lost" for _ in accepted)


KEPT = (
    "SELECT submissions.id, sha256, submitted_files.content, scores.value AS public, scores.shown, scores.grid, "
    "private_scores.value AS private FROM submissions JOIN scores ON scores.submission_id = submissions.id "
    "JOIN private_scores ON private_scores.submission_id = submissions.id "
    "JOIN submitted_files ON submitted_files.submission_id = submissions.id"
)


def _same(score: float, truth: float) -> bool:
    """To the last place."""
    return abs(score - truth) <= math.ulp(truth)


def _missing_in_lists(site: Site, told: Mapping[int, list[tuple[str, float]]]) -> Iterator[str]:
    for student, theirs in told.items():
        [reply] = ask_in_turn(site.port, [get(site.submissions, token=site.tokens[student])])
        listed = [(one["sha256"], one["public_score"]) for one in json.loads(reply.body)["submissions"]]
        if sorted(listed) != sorted(theirs):
            yield "not in the student's list"


def _misranked(site: Site, told: Mapping[int, list[tuple[str, float]]]) -> Iterator[str]:
    time.sleep(1)  # a board may lack what others submitted within the last second (docs/leaderboard.md)
    [reply] = ask_in_turn(site.port, [get(BOARD, token=site.tokens[0])])
    shown = [one for one in json.loads(reply.body)["entries"] if not one["is_baseline"]]
    if [one["score"] for one in shown] != sorted(one["score"] for one in shown):
        yield "board out of order"
    on_board = {one["team"]: (one["score"], one["entries"]) for one in shown}
    if on_board != {f"s{student}": (min(score for _, score in own), len(own)) for student, own in told.items()}:
        yield "board not of the best"


# what is told


def table(outcome: Outcome) -> Iterator[str]:
    yield f"{'':10} {'sent':>6} {'done':>6} {'over limit':>10} {'p50':>9} {'p95':>9} {'p99':>9} {'max':>9}"
    for kind, replies in outcome.replies.items():
        refused = sum(reply.status == 429 for reply in replies)
        times = _times(replies)
        figures = [percentile(times, share) for share in (0.5, 0.95, 0.99, 1)]
        told = " ".join(f"{1000 * seconds:6,.0f} ms" for seconds in figures)
        yield f"{kind:10} {len(replies):6,} {len(times):6,} {refused:10,} {told}"
    shares = ", ".join(f"{who} {seconds:.1f}" for who, seconds in outcome.cpu.items())
    yield f"seconds of CPU in {outcome.seconds:.1f}: {shares}"
    yield "faults: " + (", ".join(f"{times} x {what}" for what, times in outcome.faults.items()) or "none")


def _times(replies: Sequence[Reply]) -> list[float]:
    """Of those that were answered as they should be, over the limit or not answered apart."""
    return [reply.seconds for reply in replies if 200 <= reply.status < 400] or [math.inf]


def rows(plan: Plan, outcome: Outcome) -> Iterator[Row]:
    where = f"rush of {plan.uploads:,} files on {'PostgreSQL' if plan.postgres else 'SQLite'}"
    for kind, must in (("upload", 2000), ("board", 300)):
        yield Row(
            None, f"{where}: {kind}, p95", 1000 * percentile(_times(outcome.replies[kind]), 0.95), must, unit=" ms"
        )
    yield Row(None, f"{where}: lost, miscounted, misjudged, 5xx", sum(outcome.faults.values()), 0, 0, unit="")
    yield Row(None, f"{where}: this disk's syncs", outcome.syncs_per_second, unit="/s")


def _plan() -> Plan:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("students", "uploads", "rows", "seconds", "boards", "sign_ins"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(Plan, name))
    parser.add_argument("--postgres", action="store_true")
    return Plan(**vars(parser.parse_args()))


def main(plan: Plan) -> int:
    outcome = rush(plan)
    print(*table(outcome), sep="\n")
    show(rows(plan, outcome))
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main(_plan()))
