"""What each release gives away, over real HTTP with the real client, on the lab's own competitions."""

from __future__ import annotations

import numpy as np
import pytest
from tests.installations import Server

from unseen import Client
from unseen_baselines.lab_attacks import ATTACKS
from unseen_baselines.lab_findings import Played, play
from unseen_baselines.lab_server import Stage
from unseen_baselines.lab_trial import inside, trial

pytestmark = pytest.mark.slow

SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 5))]


@pytest.fixture(scope="module")
def stage(server: Server) -> Stage:
    """The server, and who plays on it."""
    players = tuple(server.token(name) for name in ("alice", "bob"))
    return Stage(server.url, server.token("teacher"), players, course="ml")


def played(stage: Stage, attack: str, release: str, seed: int) -> Played:
    return play(stage, ATTACKS[attack], release, seed, slug=f"{attack}-{release}-{seed}")


@pytest.mark.parametrize("seed", SEEDS)
def test_hill_climbing_gets_far_with_full_scores_little_with_rounded_ones_nowhere_on_a_ladder(stage, seed):
    full, rounded, ladder = (
        played(stage, "hill-climb", release, seed).finding.excess for release in ("full", "rounded", "ladder")
    )
    assert full >= 0.35
    assert rounded <= 0.30
    assert ladder <= 0.05


@pytest.mark.parametrize("seed", SEEDS)
def test_more_uploads_than_rows_give_every_label_with_full_scores_and_none_on_a_ladder(stage, seed):
    full, ladder = (played(stage, "decode", release, seed).finding for release in ("full", "ladder"))
    assert full.furthest_label < 1e-6
    assert full.public < 1e-12 * full.honest_public
    assert ladder.public > ladder.honest_public
    assert ladder.numbers_shown <= 3


@pytest.mark.parametrize("seed", range(5))
def test_who_gets_better_honestly_sees_it_on_a_ladder(stage, seed):
    assert played(stage, "honest", "ladder", seed).finding.numbers_shown >= 3


@pytest.mark.parametrize("release", ["full", pytest.param("rounded", marks=pytest.mark.long)])
def test_the_best_of_many_random_predictions_is_better_on_the_public_rows_alone(stage, release):
    found = played(stage, "lazy", release, 0)
    public, private = (values[0] - values[-1] for values in (found.public, found.private))
    assert public > 0.2 * found.public[0]
    assert private < 0.05 * found.private[0]
    assert found.public == sorted(found.public, reverse=True) or release == "rounded"


def test_a_ladder_says_nothing_of_random_predictions(stage):
    assert set(played(stage, "lazy", "ladder", 0).told) == {None}


def test_rounding_does_not_stop_boosting_and_a_ladder_does(stage):
    assert played(stage, "boost", "rounded", 0).finding.excess > 0.5
    assert played(stage, "boost", "ladder", 0).finding.excess == 0


def test_one_full_score_gives_forty_labels_and_a_rounded_one_does_not(stage):
    assert played(stage, "oracle", "full", 0).finding.furthest_label == 0
    for release in ("rounded", "ladder"):
        found = played(stage, "oracle", release, 0).finding
        assert found.public > found.honest_public


@pytest.mark.long
def test_exchanging_predictions_gets_nowhere_on_a_ladder(stage):
    assert played(stage, "permute", "full", 0).finding.excess > 0.35
    assert played(stage, "permute", "ladder", 0).finding.excess <= 0.05


def test_a_staircase_gets_something_out_of_a_ladder_and_two_teams_more(stage):
    """The known limit: each step that a ladder shows tells one thing, and each team has a ladder of its own."""
    one, two = (played(stage, name, "ladder", 0).finding for name in ("staircase", "coalition"))
    assert 0.05 < one.excess < 0.3
    assert one.numbers_shown < 0.1 * one.uploads
    assert one.excess < two.excess < 0.5


def test_with_few_public_rows_and_two_classes_a_ladder_gives_away_all_labels(stage):
    """The known limit: among 200 rows four that were guessed right are a significant improvement."""
    found = played(stage, "groups", "ladder", 0).finding
    assert found.furthest_label == 0
    assert found.uploads <= 260


@pytest.mark.parametrize("release", ["rounded", "ladder"])
def test_the_board_tells_nothing_of_an_upload_that_does_not_become_a_teams_best(stage, release):
    """Distances, ties and ranks are of displayed bests alone: no second oracle beside the score."""
    made, rng = trial(0), np.random.default_rng(0)
    with (
        stage.competition(made, f"board-{release}", release, daily_limit=100) as (ask, ask_as_rival),
        Client(stage.url, stage.players[0]) as client,
    ):
        assert ask(made.honest) is not None
        assert ask_as_rival(inside(made.honest + 0.5 * rng.standard_normal(len(made.y)))) is not None
        before = places(client, f"board-{release}")
        assert len(before) == 3
        for spread in (0.0, 0.02, 0.02, 2.0):
            ask(inside(made.honest + spread * rng.standard_normal(len(made.y)) ** 2))
        assert places(client, f"board-{release}") == before


def places(client: Client, slug: str) -> list[dict[str, object]]:
    """The board without what only counts uploads."""
    counting = {"entries", "last_submission_at"}
    rows = client.leaderboard(slug).raw["entries"]
    return [{name: value for name, value in row.items() if name not in counting} for row in rows]
