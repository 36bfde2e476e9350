"""The loop: batches, early stopping, divergence, Ctrl-C, and the watcher who hears of it."""

import numpy as np
import pytest

from unseen_baselines.errors import Diverged
from unseen_baselines.linear import LinearModel
from unseen_baselines.mlp import MLP
from unseen_baselines.optimisers import Adam, GradientDescent
from unseen_baselines.training import Epoch, Nobody, batches, train

RNG = np.random.default_rng(0)
X = RNG.normal(size=(23, 2))
Y = X @ [1.0, -2.0] + 0.5 + 0.3 * RNG.normal(size=23)


class Listener(Nobody):
    def __init__(self, interrupt_at: int | None = None) -> None:
        self.epochs: list[Epoch] = []
        self.interrupt_at = interrupt_at
        self.sentence = ""

    def sees(self, epoch: Epoch) -> None:
        self.epochs.append(epoch)
        if epoch.number == self.interrupt_at:
            raise KeyboardInterrupt

    def ends(self, sentence: str) -> None:
        self.sentence = sentence


def descend(model, epochs=50, rate=0.05, **options):
    rng = np.random.default_rng(1)
    return train(model, X, Y, optimiser=GradientDescent(rate), epochs=epochs, rng=rng, **options)


def test_an_epoch_shows_every_row_once_in_a_new_order():
    rows = np.arange(23.0)
    rng = np.random.default_rng(2)
    first, second = ([y for _, b in batches(rows[:, None], rows, 5, rng) for y in b.tolist()] for _ in range(2))
    assert sorted(first) == sorted(second) == rows.tolist()
    assert first != second


def test_features_and_labels_stay_together():
    for X_batch, y_batch in batches(np.arange(23.0)[:, None], np.arange(23.0), 4, np.random.default_rng(0)):
        assert X_batch[:, 0].tolist() == y_batch.tolist()


@pytest.mark.parametrize(("size", "updates"), [(None, 1), (23, 1), (10, 3), (1, 23)])
def test_an_epoch_has_n_over_b_updates(size, updates):
    history = descend(LinearModel(2), epochs=4, rate=0.001, batch_size=size, keep_path=True)
    assert history.updates == 4 * updates
    assert len(history.path) == 4 * updates + 1


def test_early_stopping_puts_back_the_best_parameters():
    rng = np.random.default_rng(3)
    validation = X[:6] + 0.5 * rng.normal(size=(6, 2)), rng.normal(size=6)
    network = MLP((2, 50, 1), rng, dtype=np.float64)
    history = train(
        network, X, Y, optimiser=Adam(0.02), epochs=300, rng=rng, validation=validation, patience=20
    )  # fmt: skip
    assert history.ended == "stopped early"
    assert len(history.losses) == history.best_epoch + 20
    assert history.best_loss == min(history.validation_losses)
    assert np.mean((network.predict(validation[0]) - validation[1]) ** 2) == pytest.approx(history.best_loss)


def test_divergence_is_explained_and_its_path_kept():
    with pytest.raises(Diverged, match=r"grew without bound at update \d+; try a smaller learning rate") as caught:
        descend(LinearModel(2), epochs=5000, rate=50.0, keep_path=True)
    assert caught.value.path.shape == (caught.value.update, 3)


def test_ctrl_c_keeps_the_best_so_far():
    model, listener = LinearModel(2), Listener(interrupt_at=7)
    history = descend(model, validation=(X, Y), watcher=listener)
    assert history.ended == "was interrupted"
    assert len(history.losses) == 7
    assert np.mean((model.predict(X) - Y) ** 2) == pytest.approx(history.best_loss)
    assert "interrupted" in listener.sentence


def test_the_watcher_hears_every_epoch_and_nothing_is_printed(capsys):
    listener = Listener()
    descend(LinearModel(2), epochs=5, validation=(X, Y), watcher=listener)
    assert [epoch.number for epoch in listener.epochs] == [1, 2, 3, 4, 5]
    assert capsys.readouterr() == ("", "")


def test_losses_are_told_in_the_readers_unit():
    plain, scaled = (descend(LinearModel(2), epochs=3, loss_unit=unit).losses for unit in (1.0, 4.0))
    assert scaled == pytest.approx([4 * loss for loss in plain])
