"""How well rows in blocks are shuffled, beside a full shuffle: the figures of docs/reliability.md."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import spearmanr

import backstory as bs
from backstory.engine import engine as find_engine
from backstory.network.spec import Spec
from backstory.training import shuffling
from backstory.training.shuffling import Ahead, Buffer, Held, Mixer, Stream

N, BATCH, CLASSES = 60_000, 64, 10
LABELS = np.sort(np.random.default_rng(0).integers(0, CLASSES, N))
"""In order, as a file that was sorted, or written class by class."""


def sorted_rows(monkeypatch, stretch):
    """Rows of a file sorted by label, in blocks of so many; a tenth of them has room in the pool."""
    random = np.random.default_rng(1)
    centers = random.standard_normal((CLASSES, 8)) * 1.2
    X = (centers[LABELS] + random.standard_normal((N, 8))).astype(np.float32)
    rows = bs.open_rows(X, LABELS)
    rows.firsts = np.arange(0, N + 1, stretch)
    rows.counts = (stretch,) * (N // stretch)
    for name, size in {"BUFFER_BYTES": N // 100, "GULP_BYTES": N // 400, "WAITING_BYTES": N // 10}.items():
        monkeypatch.setattr(shuffling, name, size * (4 * 18 + 8))
    return rows, X


def orders(rows, epochs):
    spec = Spec.of([8, CLASSES], "relu", "softmax", "cross_entropy", None, "mean", True, "float32")
    mixer = Mixer(Stream(rows, spec), find_engine("native", spec), BATCH, True, 3)
    assert mixer.buffers > 90
    buffers = mixer.from_on(range(epochs), 0, lambda: False)

    def in_order(buffer):
        return buffer.data.rows[buffer.order[0]]

    return [np.concatenate([in_order(next(buffers)) for _ in range(mixer.buffers)]) for _ in range(epochs)]


def spread_of_batches(order):
    """Deviation of the batches' mean label, in those of a full shuffle: 1 is as good, a sorted file has 8."""
    batches = LABELS[order[: len(order) // BATCH * BATCH]].reshape(-1, BATCH)
    return batches.mean(axis=1).std() / (LABELS.std() / np.sqrt(BATCH))


@pytest.mark.parametrize(("stretch", "most"), [(500, 2.0), (20, 1.1)])
def test_the_order_tells_nothing_of_the_files(monkeypatch, stretch, most):
    found = orders(sorted_rows(monkeypatch, stretch)[0], 6)
    full = np.random.default_rng(5).permuted(np.tile(np.arange(N), (6, 1)), axis=1)
    assert spread_of_batches(np.arange(N)) > 7.5
    mixed = np.mean([spread_of_batches(order) for order in found])
    print(f"spread of batches: {mixed:.2f}, full shuffle {np.mean([spread_of_batches(row) for row in full]):.2f}")
    assert mixed < most
    correlations = [spearmanr(order, np.arange(N)).statistic for order in found]
    print(f"rank correlation with the file's order: {np.abs(correlations).mean():.3f}")
    assert np.abs(correlations).mean() < 0.1
    assert np.mean(np.abs(np.diff(found[0])) == 1) < 0.002  # neighbors in the file stay so by chance only
    between = [spearmanr(one, other).statistic for one, other in pairwise(found)]
    assert np.abs(between).max() < 0.05


@pytest.mark.parametrize(("stretch", "less"), [(500, 0.01), (20, 0.005)])
def test_a_sorted_file_is_learned_as_well_as_in_memory(monkeypatch, stretch, less):
    rows, X = sorted_rows(monkeypatch, stretch)
    reached = {}
    for how, arguments in {"blocks": (rows,), "memory": (X, LABELS), "as it lies": (X, LABELS)}.items():
        net = bs.Network([8, 32, CLASSES], output="softmax", loss="cross_entropy", seed=2, dtype="float32")
        optimizer = bs.Adam(bs.Cosine(1e-2))
        net.fit(
            *arguments, optimizer=optimizer, epochs=3, batch_size=BATCH, shuffle=how != "as it lies", progress=False
        )
        reached[how] = float((net.predict(X).argmax(axis=1) == LABELS).mean())
    print(reached)
    assert reached["blocks"] > reached["memory"] - less
    assert reached["as it lies"] < reached["memory"] - 0.1


def test_rows_are_held_out_evenly():
    out = Held(7, 0.1, True)(0, 1_000_000)
    assert abs(out.mean() - 0.1) < 0.001
    assert np.abs(out.reshape(1000, 1000).mean(axis=1) - 0.1).max() < 0.06
    assert (out[500:700] == Held(7, 0.1, True)(500, 200)).all()


def test_the_thread_that_reads_ahead_ends_though_nobody_waits():
    def endless(stopped):
        while True:
            yield Buffer(0, 0, None, None)

    ahead = Ahead(endless)
    assert isinstance(ahead.next(), Buffer)
    ahead.close()
    assert not ahead._thread.is_alive()
