"""Lulls of a rate, and a second training from the same first weights."""

from __future__ import annotations

import numpy as np
import pytest

import backstory as bs
from backstory.model.refitting import anew, best_lull, is_as_good, until

X = np.random.default_rng(0).normal(size=(60, 3))
Y = X[:, 0] * X[:, 1]


def net() -> bs.Network:
    return bs.Network([3, 8, 1], hidden="tanh", seed=1)


def test_the_best_lull_is_taken_and_not_the_best_epoch() -> None:
    scores = np.zeros(256)
    scores[[60, 50, 118]] = 9, 1, 2
    assert best_lull(bs.CosLog(0.1), 256, scores.tolist(), [1.0] * 256) == 119
    assert best_lull(bs.Cosine(0.1), 256, scores.tolist(), [1.0] * 256) == 256
    assert best_lull(0.1, 256, scores.tolist(), [1.0] * 256) == 61


def test_equal_scores_are_told_apart_by_losses() -> None:
    losses = np.linspace(1, 2, 256)
    assert best_lull(bs.CosLog(0.1), 256, [0.5] * 256, losses.tolist()) == 17


def test_where_training_ended_before_the_first_lull_the_best_epoch_counts() -> None:
    assert best_lull(bs.CosLog(0.1), 256, [0.1, 0.3, 0.2], [1.0] * 3) == 2


def test_the_second_training_is_one_from_the_beginning_that_ends_sooner() -> None:
    twice, once = net(), net()
    first = twice.parameters.copy()
    optimizer = bs.AdamW(bs.CosLog(0.01))
    twice.fit(X[:40], Y[:40], optimizer=optimizer, epochs=30)
    record = twice.history
    with anew(twice, first):
        twice.fit(X, Y, optimizer=optimizer, epochs=30, callbacks=until(7))
    once.fit(X, Y, optimizer=optimizer, epochs=30, callbacks=[lambda event: event.epoch == 7])
    np.testing.assert_array_equal(twice.parameters, once.parameters)
    assert twice.history is record


def test_where_the_second_training_fails_the_weights_of_the_first_stay() -> None:
    one = net()
    one.fit(X, Y, epochs=3)
    kept = one.parameters.copy()
    with pytest.raises(bs.DivergenceError), anew(one, kept * 0.5):
        one.fit(1e200 * X, 1e200 * Y, optimizer=bs.SGD(1e200), epochs=3)
    np.testing.assert_array_equal(one.parameters, kept)


def test_an_end_much_worse_than_the_best_epoch_is_no_end() -> None:
    scores, losses = [0.1, 0.9, 0.5], [2.0, 1.0, 1.25]
    assert is_as_good(3, scores, losses)
    assert not is_as_good(1, scores, losses)
    assert is_as_good(3, scores, [2.0, -1.0, -0.75])
    assert not is_as_good(3, scores, [2.0, -1.0, -0.6])
    assert is_as_good(2, [0.9, 0.9], [1.0, 1.0])
