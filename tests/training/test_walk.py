"""Training step by step: the same bits as `fit`, however it is cut, and the way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backstory as bs

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(11, 3))
Y = RANDOM.normal(size=(11, 2))
OPTIMIZERS = [bs.SGD(0.1, momentum=0.9), bs.Adam(0.01), bs.Adam(bs.Exponential(0.01, 0.9)), bs.RMSProp(0.01)]


def network(dtype="float64"):
    return bs.Network([3, 5, 2], hidden="tanh", penalty=bs.L2(1e-3), seed=3, dtype=dtype)


def walk(net, **given):
    return net.walk(X, Y, **{"optimizer": OPTIMIZERS[1], "batch_size": 4, "dropout": 0.2, **given})


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
@pytest.mark.parametrize("engine", ["native", "reference"])
@given(cuts=st.lists(st.integers(1, 7), min_size=1, max_size=6))
def test_a_walk_takes_the_steps_of_fit(optimizer, engine, cuts):
    net, twin = network(), network()
    steps = walk(net, optimizer=optimizer, engine=engine)
    losses = np.concatenate([steps.take(n) for n in cuts])
    epochs = -(-sum(cuts) // 3)
    rest = 3 * epochs - sum(cuts)
    if rest:
        losses = np.concatenate([losses, steps.take(rest)])
    seen = []
    twin.fit(
        X,
        Y,
        optimizer=optimizer,
        batch_size=4,
        dropout=0.2,
        epochs=epochs,
        engine=engine,
        callbacks=[bs.EverySteps(1, lambda event: seen.append(event.loss))],
        progress=False,
    )
    assert (net.parameters == twin.parameters).all()
    assert losses.tolist() == seen


@given(before=st.integers(0, 9), after=st.integers(1, 9))
def test_the_way_back_forgets_nothing(before, after):
    net, twin = network(), network()
    there, straight = walk(net), walk(twin)
    if before:
        there.take(before)
    saved = there.save()
    there.take(after)
    there.restore(saved)
    assert there.steps == before
    there.take(after)
    straight.take(before + after)
    assert (net.parameters == twin.parameters).all()


def test_fit_goes_on_where_a_walk_of_whole_epochs_ended():
    net, twin = network(), network()
    walk(net).take(6)
    for each, epochs in ((net, 1), (twin, 3)):
        each.fit(X, Y, optimizer=OPTIMIZERS[1], batch_size=4, dropout=0.2, epochs=epochs, progress=False)
    assert (net.parameters == twin.parameters).all()


def test_the_next_batch_is_the_one_that_is_taken():
    net = network()
    steps = walk(net, dropout=0.0, optimizer=bs.SGD(0.1))
    for _ in range(7):
        rows = steps.batch()
        loss = net.loss(X[rows], Y[rows]) - 1e-3 / 2 * sum((W**2).sum() for W in net.weights)
        assert steps.take(1)[0] == pytest.approx(loss, rel=1e-12)


def test_an_epoch_of_batches_is_all_rows():
    steps = walk(network())
    seen = []
    for _ in range(steps.steps_per_epoch):
        seen += steps.batch().tolist()
        steps.take(1)
    assert sorted(seen) == list(range(11))


def test_a_walk_that_diverges_stops_before_the_step():
    net = bs.Network([3, 2], loss="half_squared_error", seed=0)
    steps = net.walk(1e200 * X, Y, optimizer=bs.SGD(1.0), batch_size=4, shuffle=False)
    before = net.parameters.copy()
    with pytest.raises(bs.DivergenceError, match="at step 1"):
        steps.take(5)
    assert steps.steps == 0
    assert (net.parameters == before).all()


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (bs.Adam(bs.Cosine(0.01)), "single steps have no planned end"),
        (bs.Adam(bs.ReduceOnPlateau(0.01)), "ReduceOnPlateau goes by whole epochs"),
        (bs.LBFGS(), "LBFGS takes no single steps"),
    ],
    ids=str,
)
def test_what_needs_to_know_more_than_the_next_step_is_refused(optimizer, message):
    with pytest.raises(bs.ConfigurationError, match=message):
        walk(network(), optimizer=optimizer)
