"""Copies in a competition: whose, when, beside which baseline; and nobody but the staff is told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy.orm import Session
from tests.installations import Build, Installation
from tests.services.test_submit import send
from tests.visitors import place_baseline

from unseen_server import storage
from unseen_server.core.errors import NotFound, StaffOnly
from unseen_server.services import baselines, copies, team_corrections, withdrawals
from unseen_server.services.bundles import DeclaredBaseline
from unseen_server.services.copies import Copies
from unseen_server.services.principals import SERVER


def found(made: Installation, who: str = "teacher") -> Copies:
    return copies.find(made.db, made.app.extensions["unseen"].copies, **made.asking(who))


def groups(made: Installation) -> list[list[tuple[str, str | None]]]:
    return [[(one.team, one.relation) for one in group.submissions] for group in found(made).groups]


def model(made: Installation, seed: int = 0) -> NDArray[np.float64]:
    labels = made.bundle.key.labels
    return labels + 3 * np.random.default_rng(seed).standard_normal(len(labels))


def a_baseline(made: Installation, values: NDArray[np.float64], name: str = "Curve") -> None:
    declared = DeclaredBaseline(name=name, tier="strong", file="curve.csv")
    baselines.add(made.db, made.keys, declared=declared, content=made.file(values), **made.asking())


def test_two_teams_with_the_same_predictions_are_found_with_times_and_people(installation: Installation) -> None:
    first = send(installation, installation.file(model(installation)))
    installation.now += timedelta(hours=2)
    send(installation, installation.noisy(3.0, 5), "carol")
    second = send(installation, installation.file(0.9 * model(installation) + 4), "bob")
    (group,) = found(installation).groups
    assert (group.teams, group.known) == (2, False)
    alice, bob = group.submissions
    assert (alice.ref, alice.members, alice.like, alice.relation) == (first.ref, ["Alice"], None, None)
    assert (bob.ref, bob.like, bob.relation) == (second.ref, first.ref, "affine")
    assert (bob.a, bob.b) == pytest.approx((0.9, 4))
    assert bob.submitted_at - alice.submitted_at == timedelta(hours=2)
    assert str(bob.in_words()) == "affine: 0.9 x + 4"


def test_late_and_withdrawn_ones_are_compared_and_marked(build: Build) -> None:
    made = build()
    ref = send(made, made.file(model(made))).ref
    withdrawals.withdraw(made.db, ref=ref, reason="a program", **made.asking())
    made.pass_deadline()
    send(made, made.file(model(made)), "bob")
    ((alice, bob),) = (group.submissions for group in found(made).groups)
    assert (alice.withdrawn_at is not None, alice.late) == (True, False)
    assert (bob.withdrawn_at is not None, bob.late, bob.relation) == (False, True, "identical_file")


def test_a_merged_team_copies_nobody_when_it_repeats_itself(build: Build) -> None:
    made = build()
    for who in ("alice", "bob"):
        send(made, made.file(model(made)), who)
    assert len(groups(made)) == 1
    team_corrections.merge(made.db, team="Alice", other="Bob", reason="one homework", **made.asking())
    assert groups(made) == []


def test_whoever_sends_a_baseline_is_shown_beside_it(build: Build) -> None:
    made = build()
    a_baseline(made, model(made))
    send(made, made.file(model(made).round(2)))
    (group,) = found(made).groups
    assert group.known
    assert [(one.team, one.kind, one.relation) for one in group.submissions] == [
        ("Curve", "baseline", None),
        ("Alice", "student", "rounded"),
    ]


def test_baselines_that_are_alike_concern_nobody(build: Build) -> None:
    made = build()
    a_baseline(made, model(made))
    a_baseline(made, model(made), "Another")
    assert groups(made) == []


def test_constants_are_counted(build: Build) -> None:
    made = build()
    place_baseline(made)
    for who in ("alice", "bob"):
        send(made, made.file(50.0), who)
    copied = found(made)
    assert (copied.compared, copied.constant, copied.groups) == (3, 3, [])


def test_what_was_found_is_kept_until_somebody_submits(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    made = build()
    read: list[int] = []
    real = storage.predictions_of

    def noticed(session: Session, refs: Sequence[int]) -> Any:
        read.extend(refs)
        return real(session, refs)

    monkeypatch.setattr(storage, "predictions_of", noticed)
    send(made, made.file(model(made)))
    for _ in range(2):
        assert groups(made) == []
    assert read == [1]
    send(made, made.file(model(made)), "bob")
    assert groups(made) == [[("Alice", None), ("Bob", "identical_file")]]
    withdrawals.withdraw(made.db, ref=2, reason="a copy", **made.asking())
    assert found(made).groups[0].submissions[1].withdrawn_at is not None
    assert read == [1, 1, 2]


def test_a_baseline_removed_while_it_is_compared_hurts_nobody(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    made = build()
    a_baseline(made, model(made))
    send(made, made.file(0.9 * model(made) + 4))
    (placed,) = baselines.placed(made.db, **made.asking())
    real = storage.predictions_of

    def removed_after(session: Session, refs: Sequence[int]) -> Any:
        rows = list(real(session, refs))
        session.close()
        monkeypatch.setattr(storage, "predictions_of", real)
        baselines.remove(made.db, slug=made.slug, number=placed.id, principal=SERVER, now=made.now)
        return rows

    monkeypatch.setattr(storage, "predictions_of", removed_after)
    assert groups(made) == []


def test_only_the_staff_of_the_course_look(build: Build) -> None:
    made = build()
    for who in ("alice", "rival", "outsider"):
        with pytest.raises((StaffOnly, NotFound)):
            found(made, who)
