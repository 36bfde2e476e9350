"""How a competition ends: finals chosen or by default, closed, revealed; and who sees what until then."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import update
from tests.installations import NOON, Installation
from tests.services.test_submit import send

from unseen_server.core.errors import BadRequest, NotFound, StaffOnly, WrongPhase
from unseen_server.db.models import PrivateScore
from unseen_server.services import baselines, finals, launching, standings
from unseen_server.services.bundles import DeclaredBaseline
from unseen_server.services.finals import Final
from unseen_server.services.principals import SERVER
from unseen_server.services.reveal import reveal
from unseen_server.services.standings import Board


def choose(installation: Installation, *refs: int, who: str = "alice") -> Final:
    principal = installation.principal(who)
    return finals.choose(installation.db, slug=installation.slug, principal=principal, refs=refs, now=installation.now)


def board(installation: Installation, which: str = "public") -> Board:
    return standings.board(installation.db, slug=installation.slug, which=which, principal=None, now=installation.now)


def end(installation: Installation) -> Board:
    installation.pass_deadline()
    reveal(installation.db, slug=installation.slug, principal=SERVER, now=installation.now)
    return board(installation, "private")


def private_mse(installation: Installation, content: bytes) -> float:
    values = {row.split(",")[0]: float(row.split(",")[1]) for row in content.decode().split()[1:]}
    key = installation.bundle.key
    predictions = np.array([values[row_id] for row_id in key.ids])
    private = key.usage == 2
    return float(np.mean((predictions[private] - key.labels[private]) ** 2))


def test_none_chosen_means_the_best_two_by_what_was_shown(installation: Installation) -> None:
    files = [installation.noisy(spread, seed) for seed, spread in enumerate((30.0, 5.0, 8.0))]
    for content in files:
        send(installation, content)
    final = finals.final(installation.db, slug=installation.slug, principal=installation.principal("alice"), now=NOON)
    assert (final.refs, final.chosen) == ([2, 3], False)
    best = min(private_mse(installation, content) for content in files[1:])
    assert end(installation).entries[0].score == pytest.approx(best, rel=1e-12)


def test_the_private_board_shows_the_best_of_the_chosen(installation: Installation) -> None:
    files = [installation.noisy(spread, seed) for seed, spread in enumerate((30.0, 5.0, 8.0))]
    for content in files:
        send(installation, content)
    assert choose(installation, 1).refs == [1]
    assert end(installation).entries[0].score == pytest.approx(private_mse(installation, files[0]), rel=1e-12)


def test_a_choice_can_be_changed_and_taken_back(installation: Installation) -> None:
    send(installation, installation.file(50.0))
    send(installation, installation.file(60.0))
    assert choose(installation, 1, 2).refs == [1, 2]
    assert choose(installation, 2).refs == [2]
    assert not choose(installation).chosen


def test_only_own_submissions_and_not_too_many_can_be_chosen(installation: Installation) -> None:
    for _ in range(3):
        send(installation, installation.file())
    send(installation, installation.file(), "bob")
    with pytest.raises(NotFound):
        choose(installation, 4)
    with pytest.raises(BadRequest, match="at most 2"):
        choose(installation, 1, 2, 3)


def test_finals_are_chosen_before_the_deadline(installation: Installation) -> None:
    send(installation, installation.file())
    installation.pass_deadline()
    with pytest.raises(WrongPhase):
        choose(installation, 1)


def test_nothing_is_revealed_before_the_deadline(installation: Installation) -> None:
    with pytest.raises(WrongPhase):
        reveal(installation.db, slug=installation.slug, principal=SERVER, now=installation.now)
    with pytest.raises(NotFound):
        board(installation, "private")


def test_closing_ends_a_competition_early(installation: Installation) -> None:
    send(installation, installation.file())
    launching.close(installation.db, slug=installation.slug, principal=SERVER, now=installation.now)
    assert send(installation, installation.file(), "bob").late
    reveal(installation.db, slug=installation.slug, principal=SERVER, now=installation.now)
    assert [entry.team for entry in board(installation, "private").entries] == ["Alice"]


def test_a_second_reveal_changes_nothing(installation: Installation) -> None:
    send(installation, installation.file())
    first = end(installation)
    at = installation.now
    installation.now += timedelta(days=1)
    assert reveal(installation.db, slug=installation.slug, principal=SERVER, now=installation.now) == at
    assert board(installation, "private").entries == first.entries


def test_a_private_score_that_is_no_number_stops_the_reveal(installation: Installation) -> None:
    send(installation, installation.file())
    with installation.db.write() as session:
        session.execute(update(PrivateScore).values(value=math.inf))
    with pytest.raises(ValueError, match="no finite private score"):
        end(installation)
    with pytest.raises(NotFound):
        board(installation, "private")


def test_late_files_never_stand_on_the_private_board(installation: Installation) -> None:
    send(installation, installation.file())
    installation.pass_deadline()
    send(installation, installation.noisy(0.1), "bob")
    assert [entry.team for entry in end(installation).entries] == ["Alice"]


def test_what_was_under_way_at_the_reveal_changes_no_private_board(installation: Installation) -> None:
    send(installation, installation.file())
    on_time = installation.now
    revealed = end(installation)
    installation.now = on_time  # received before the deadline, and read only now
    assert send(installation, installation.noisy(0.1)).late
    with pytest.raises(WrongPhase):
        choose(installation, 1)
    assert board(installation, "private").entries == revealed.entries


def test_the_private_board_knows_the_public_ranks(installation: Installation) -> None:
    key = installation.bundle.key
    good_in_public = np.where(key.usage == 1, key.labels, key.labels + 20)
    good_in_private = np.where(key.usage == 2, key.labels, key.labels + 20)
    send(installation, installation.file(good_in_public), "alice")
    send(installation, installation.file(good_in_private), "bob")
    assert [entry.team for entry in board(installation).entries] == ["Alice", "Bob"]
    assert [(e.team, e.rank, e.previous_rank) for e in end(installation).entries] == [("Bob", 1, 2), ("Alice", 2, 1)]


def test_a_baseline_stands_on_both_boards_without_a_rank(installation: Installation) -> None:
    add = {"slug": installation.slug, "principal": SERVER, "now": installation.now}
    declared = DeclaredBaseline("Mean", "simple", "mean.csv")
    baselines.add(
        installation.db,
        installation.keys,
        declared=declared,
        content=installation.file(installation.bundle.training_mean),
        **add,
    )
    send(installation, installation.noisy(1.0))
    send(installation, installation.noisy(25.0, 4), "bob")
    public = [(entry.team, entry.rank, entry.tier) for entry in board(installation).entries]
    assert public == [("Alice", 1, None), ("Mean", None, "simple"), ("Bob", 2, None)]
    assert [(entry.team, entry.rank) for entry in end(installation).entries] == [
        ("Alice", 1),
        ("Mean", None),
        ("Bob", 2),
    ]


def test_staff_may_try_and_are_on_no_board(installation: Installation) -> None:
    assert send(installation, installation.file(), "teacher").rank is None
    send(installation, installation.file())
    assert [entry.team for entry in board(installation).entries] == ["Alice"]
    assert [entry.team for entry in end(installation).entries] == ["Alice"]


def test_only_instructors_of_the_course_reveal(installation: Installation) -> None:
    installation.pass_deadline()
    for who in ("alice", "rival"):
        with pytest.raises(StaffOnly):
            reveal(installation.db, slug=installation.slug, principal=installation.principal(who), now=installation.now)
