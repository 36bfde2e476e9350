"""Long histories of a competition, made up by Hypothesis, in which the services and a plain model have to agree."""

from __future__ import annotations

import copy
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import permutations, product
from pathlib import Path
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from tests.figures import LONG, Tell
from tests.installations import STUDENTS, Installation, install, make_folder, new_sqlite
from tests.services.course_model import Model, Sent

from unseen_server.config import Config
from unseen_server.core.errors import Refusal
from unseen_server.core.splits import PRIVATE, PUBLIC
from unseen_server.db import migrate
from unseen_server.db.session import Database
from unseen_server.services import (
    backups,
    doctor,
    editing,
    extensions,
    finals,
    rescore,
    reveal,
    standings,
    submissions,
    teamwork,
    withdrawals,
)
from unseen_server.services.extensions import Wanted
from unseen_server.services.keys import KeyRing
from unseen_server.services.principals import SERVER
from unseen_server.services.receipts import Signer
from unseen_server.services.submit import submit

# Several processes share the parts. More runs than are asked for, as some end before their last step.
PARTS, RUNS, STEPS = (10, 36, 50) if LONG else (1, 6, 30)
ZONE = ZoneInfo("America/New_York")
BEGUN = datetime(2026, 10, 30, 16, 0, tzinfo=UTC)  # two days before a day of 25 hours
DEADLINE = datetime(2026, 11, 4, 4, 59, tzinfo=UTC)  # 23:59 there
LIMITS = {"daily_limit": 2, "total_limit": 9, "final_submissions": 2, "largest_team": 2, "rejected_per_hour": 3}
VALUES = (20.0, 40.5, 50.0, 61.25, 70.0)
people, values = st.sampled_from(STUDENTS), st.sampled_from(VALUES)


@contextmanager
def refused_with(expected: str | None) -> Iterator[None]:
    """The body has to be refused so, or not at all."""
    found = None
    try:
        yield
    except Refusal as refusal:
        found = refusal.code
    assert found == expected


class History(RuleBasedStateMachine):
    """Each step is done to an installation and to the model; after each both say the same of everything."""

    template: ClassVar[Installation]
    home: ClassVar[Path]
    tell: ClassVar[Callable[[str, int], None]]

    def __init__(self) -> None:
        super().__init__()
        self.saved: tuple[Path, Model] | None = None
        self.now, self.steps = BEGUN, 0
        self.who = {name: self.template.principal(name) for name in STUDENTS}
        self._open(self._empty(self.template.db.file))
        key = self.template.bundle.key
        self.labels = {half: key.labels[key.usage == which].tolist() for half, which in self._halves().items()}
        self.model = Model(
            zone=ZONE,
            begun=BEGUN,
            deadline=DEADLINE,
            daily=LIMITS["daily_limit"],
            total=LIMITS["total_limit"],
            finals=LIMITS["final_submissions"],
            largest_team=LIMITS["largest_team"],
            rejected_per_hour=LIMITS["rejected_per_hour"],
            team={name: name.title() for name in STUDENTS},
            **self.labels,
        )

    @staticmethod
    def _halves() -> dict[str, int]:
        return {"public": PUBLIC, "private": PRIVATE}

    def _empty(self, template: Path | None = None) -> Config:
        home = self.home / uuid.uuid4().hex
        home.mkdir()
        if template:
            shutil.copy(template, home / "unseen.db")
        return Config(home=home, database_url=f"sqlite:///{home / 'unseen.db'}", secret_key="the same")

    def _open(self, config: Config) -> None:
        self.config, self.db = config, Database(config.database_url)
        self.keys, self.signer = KeyRing(self.db), Signer("the same")

    def _place(self, who: str) -> dict[str, Any]:
        return {"slug": self.template.slug, "principal": self.who.get(who, SERVER), "now": self.now}

    def teardown(self) -> None:
        if self.steps:
            assert [found for found in doctor.examine(self.config, self.db) if not found.ok] == []
        self.tell(f"runs of {STEPS} steps", int(self.steps == 1 + STEPS))  # it is looked at before the first, too
        self.db.close()
        shutil.rmtree(self.config.home)

    # students

    def _send(self, who: str, content: bytes, message: str, key: str | None) -> tuple[int, bool]:
        upload = self.template.upload(content, key=key, message=message)
        place = {"slug": self.template.slug, "principal": self.who[who], "received_at": self.now}
        answer = submit(self.db, self.keys, upload=upload, signer=self.signer, **place)
        return answer.receipt.ref, answer.replayed

    def _sends(self, who: str, value: float, message: str, key: str | None) -> None:
        first = self.model.first_answer(who, value, message, key)
        refusal = first if isinstance(first, str) else None
        if first is None:
            refusal = self.model.refusal(who, self.now, good=True)
        with refused_with(refusal):
            ref, replayed = self._send(who, self.template.file(value), message, key)
            assert replayed == (first is not None)
            if replayed:
                assert ref == first
            else:
                assert ref > max((one.ref for one in self.model.sent), default=0)
                self.model.accept(ref, who, self.now, value, message, key)

    @rule(who=people, value=values, named=st.booleans())
    def submits(self, who: str, value: float, named: bool) -> None:
        self._sends(who, value, "", uuid.uuid4().hex if named else None)

    @rule(who=people, value=values, key=st.sampled_from("ab"), message=st.sampled_from(["", "other"]))
    def submits_with_a_key_that_may_have_been_used(self, who: str, value: float, key: str, message: str) -> None:
        self._sends(who, value, message, key)

    @precondition(lambda self: any(one.key for one in self.model.sent))
    @rule(data=st.data(), other=st.booleans())
    def sends_again(self, data: st.DataObject, other: bool) -> None:
        one: Sent = data.draw(st.sampled_from([one for one in self.model.sent if one.key]))
        self._sends(one.who, 33.0 if other else one.value, one.message, one.key)

    @rule(who=people, content=st.sampled_from([b"", b"id,minutes\n1,nan\n", b"\xff"]))
    def sends_a_bad_file(self, who: str, content: bytes) -> None:
        with refused_with(self.model.refusal(who, self.now, good=False)):
            self._send(who, content, "", None)

    @rule(data=st.data(), who=people)
    def chooses_finals(self, data: st.DataObject, who: str) -> None:
        known = [one.ref for one in self.model.sent] or [1]
        refs = data.draw(st.lists(st.sampled_from(known), max_size=3, unique=True))
        own = {one.ref: one for one in self.model.of_team(self.model.team[who])}
        refusal = None if all(ref in own and own[ref].counts for ref in refs) else "not_found"
        refusal = "bad_request" if len(refs) > self.model.finals else refusal
        refusal = refusal if self.model.is_open(self.now, self.model.own_deadline(who)) else "wrong_phase"
        with refused_with(refusal):
            finals.choose(self.db, refs=refs, **self._place(who))
            for one in own.values():
                one.selected = one.ref in refs

    @rule(pair=st.sampled_from(list(permutations(STUDENTS, 2))))
    def become_one_team(self, pair: tuple[str, str]) -> None:
        host, guest = pair
        with refused_with(self.model.merging(host, guest, self.now)):
            teamwork.invite(self.db, who=guest, **self._place(host))
            number = teamwork.own_team(self.db, **self._place(guest)).invitations[0].team_id
            teamwork.accept(self.db, team_id=number, **self._place(guest))
            self.model.merge(host, guest)

    # time

    @rule(hours=st.sampled_from([-30, -24, -1, 0.5, 1, 5, 23, 24, 25, 60]))
    def the_clock_is_another(self, hours: float) -> None:
        self.now = max(BEGUN, self.now + timedelta(hours=hours))

    @rule(hours=st.integers(-2, 2), day=st.sampled_from([1, 2]))
    def it_is_about_midnight_when_clocks_change(self, hours: int, day: int) -> None:
        self.now = datetime(2026, 11, day, tzinfo=ZONE).astimezone(UTC) + timedelta(hours=hours, seconds=-1)

    @rule(seconds=st.sampled_from([0, 1]))
    def the_deadline_is_reached(self, seconds: int) -> None:
        self.now = self.model.deadline + timedelta(seconds=seconds)

    # staff

    def _edit(self, **changed: Any) -> None:
        now = editing.editable(self.db, **self._place("")).settings
        wanted = editing.Settings(**{**vars(now), **changed})
        nothing = all(getattr(now, name) == value for name, value in changed.items())
        settled = self.model.revealed is not None and "late_submissions" not in changed and not nothing
        with refused_with("conflict" if settled else None):
            editing.save(self.db, wanted=wanted, stamp=now.stamp, **self._place(""))
            self.model.daily, self.model.total = wanted.daily_limit, wanted.total_limit
            self.model.deadline, self.model.late_taken = wanted.deadline, wanted.late_submissions

    @rule(daily=st.integers(1, 4), total=st.sampled_from([None, 1, 5, 9]))
    def other_limits(self, daily: int, total: int | None) -> None:
        self._edit(daily_limit=daily, total_limit=total)

    @rule(days=st.integers(0, 9))
    def another_deadline(self, days: int) -> None:
        self._edit(deadline=DEADLINE + timedelta(days=days - 3))

    @rule(taken=st.booleans())
    def late_files_are_taken_or_not(self, taken: bool) -> None:
        self._edit(late_submissions=taken)

    @rule(who=people, given=st.sampled_from(list(product(range(3), [0, 1, 30]))[1:]))  # all but nothing
    def an_extension(self, who: str, given: tuple[int, int]) -> None:
        extra, hours = given
        until = max(self.model.deadline, self.now) + timedelta(hours=hours) if hours else None
        wanted = Wanted(who, until=until.isoformat() if until else None, extra=extra, reason="ill")
        with refused_with("conflict" if self.model.revealed else None):
            extensions.grant(self.db, wanted=wanted, **self._place(""))
            self.model.granted.append((who, until, extra, self.model.day(self.now)))

    @precondition(lambda self: self.model.sent)
    @rule(data=st.data())
    def one_is_withdrawn_or_comes_back(self, data: st.DataObject) -> None:
        one: Sent = data.draw(st.sampled_from(self.model.sent))
        change = withdrawals.restore if one.withdrawn else withdrawals.withdraw
        change(self.db, ref=one.ref, reason="as agreed", **self._place(""))
        one.withdrawn = not one.withdrawn

    @rule(seed=st.integers(0, 3))
    def answers_are_corrected(self, seed: int) -> None:
        key = self.template.bundle.key
        moved = np.where(np.random.default_rng(seed).random(len(key.ids)) < 0.2 * bool(seed), 1.5, 0)
        labels = (key.labels + moved).tolist()
        names = {which: half.title() for half, which in self._halves().items()}
        rows = zip(key.ids, labels, (names[which] for which in key.usage.tolist()), strict=True)
        content = "id,minutes,Usage\n" + "".join(f"{row_id},{label!r},{usage}\n" for row_id, label, usage in rows)
        rescore.rescore(self.db, self.keys, content=content.encode(), **self._place(""))
        self.model.public, self.model.private = (
            [label for label, usage in zip(labels, key.usage, strict=True) if usage == which]
            for which in self._halves().values()
        )

    @rule()
    def the_private_board_is_revealed(self) -> None:
        running = any(until and until >= self.now for _, until, _, _ in self.model.granted)
        refusal = "conflict" if running else None
        refusal = refusal if self.now > self.model.deadline else "wrong_phase"
        with refused_with(None if self.model.revealed else refusal):
            at = reveal.reveal(self.db, **self._place(""))
            assert at == (self.model.revealed or self.now)
            self.model.revealed = at

    @rule()
    def a_backup_is_taken(self) -> None:
        file = self.home / f"{uuid.uuid4().hex}.zip"
        backups.back_up(self.config, self.db, file, schema=migrate.newest(), now=self.now)
        self.saved = file, copy.deepcopy(self.model)

    @precondition(lambda self: self.saved)
    @rule()
    def it_is_restored(self) -> None:
        assert self.saved
        file, model = self.saved
        self.db.close()
        self._open(self._empty())
        backups.restore(self.config, self.db, file)
        self.model = copy.deepcopy(model)

    # what both say

    @invariant()
    def limits_are_the_same(self) -> None:
        for who in STUDENTS:
            allowance = submissions.own_limits(self.db, **self._place(who))
            said = allowance.used_today, allowance.left_today, allowance.left_total
            assert said == self.model.left(who, self.now)
            assert allowance.used_total == len(self.model.of_team(self.model.team[who]))
            assert allowance.resets_at == self.model.resets_at(self.now)
            assert allowance.deadline == self.model.own_deadline(who)

    @invariant()
    def submissions_are_the_same(self) -> None:
        self.steps += 1
        for who in STUDENTS:
            own = submissions.own_submissions(self.db, limit=100, **self._place(who))
            said = [(one.ref, one.status == "withdrawn", one.late, one.selected) for one in reversed(own)]
            known = sorted(self.model.of_team(self.model.team[who]), key=lambda one: one.ref)
            assert said == [(one.ref, one.withdrawn, one.late, one.selected and not one.withdrawn) for one in known]
            for told, one in zip(reversed(own), known, strict=True):
                assert told.public_score == pytest.approx(float(self.model.score(one, self.model.public)), rel=1e-15)
                private = float(self.model.score(one, self.model.private)) if self.model.revealed else None
                assert told.private_score == (private and pytest.approx(private, rel=1e-15))
            chosen = finals.final(self.db, **self._place(who)).refs
            assert sorted(chosen) == sorted(one.ref for one in self.model.final(self.model.team[who]))

    @invariant()
    def boards_are_the_same(self) -> None:
        for which in ("public", "private"):
            with refused_with("not_found" if which == "private" and not self.model.revealed else None):
                entries = standings.board(self.db, which=which, **self._place("alice")).entries
                said = [(entry.team, entry.score) for entry in entries if entry.score is not None]
                known = self.model.board(which)
                assert said == [(team, pytest.approx(float(score), rel=1e-15)) for team, score, _ in known]
                counted = [entry.entries for entry in entries if entry.score is not None]
                assert counted == [entries for _, _, entries in known]


@pytest.fixture
def template(tmp_path: Path, sqlite_template: Path) -> Iterator[Installation]:
    """A competition over the end of summer time in New York."""
    folder = make_folder(
        tmp_path / "bundle",
        now=BEGUN,
        time_zone=ZONE.key,
        deadline=DEADLINE.astimezone(ZONE).strftime("%Y-%m-%d %H:%M"),
        release="full",
        **LIMITS,
    )
    with new_sqlite(tmp_path, sqlite_template) as url:
        config = Config(home=tmp_path, database_url=url, secret_key="the same")
        with closing(install(config, folder, now=BEGUN)) as made:
            for name in STUDENTS:
                made.principal(name)
            made.db.close()
            yield made


@pytest.mark.slow
@pytest.mark.figure("model")
@pytest.mark.parametrize("part", range(PARTS))
def test_services_and_model_agree_in_every_history(
    template: Installation, tmp_path: Path, part: int, figure: Tell
) -> None:
    machine = type("Made", (History,), {"template": template, "home": tmp_path, "tell": staticmethod(figure)})
    wanted = settings(
        max_examples=RUNS,
        stateful_step_count=STEPS,
        derandomize=not LONG,
        database=None,
        deadline=None,
        phases=[Phase.generate] if "UNSEEN_MUTANT" in os.environ else Phase,  # which has only to be caught
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=wanted)
