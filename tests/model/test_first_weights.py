"""`Network.standardize_units`: what it promises of every unit, against NumPy alone."""

from __future__ import annotations

import numpy as np
import pytest

import backstory as bs
from backstory.model import first_weights

X = np.random.default_rng(0).normal([3.0, -50.0, 0.0], [0.1, 20.0, 1.0], size=(200, 3))


def inputs_of_layers(net: bs.Network) -> list[np.ndarray]:
    """What each layer of a tanh network reads, by hand."""
    found = [X]
    for W, b in zip(net.weights[:-1], net.biases[:-1], strict=True):
        found.append(np.tanh(found[-1] @ W + b))
    return found


def test_every_unit_spreads_by_one_and_is_zero_where_rows_are() -> None:
    net = bs.Network([3, 8, 5, 2], hidden="tanh", seed=1).standardize_units(X)
    for a_prev, W, b in zip(inputs_of_layers(net), net.weights, net.biases, strict=True):
        z = a_prev @ W
        np.testing.assert_allclose(z.std(axis=0), 1.0, rtol=1e-12)
        assert (z.min(axis=0) < -b).all()
        assert (z.max(axis=0) > -b).all()
        assert len(np.unique(b)) == len(b)


def test_directions_of_the_first_layer_stay() -> None:
    before, after = (bs.Network([3, 8, 1], hidden="tanh", seed=1) for _ in range(2))
    ratio = after.standardize_units(X).weights[0] / before.weights[0]
    np.testing.assert_allclose(ratio, np.broadcast_to(1 / (X @ before.weights[0]).std(axis=0), (3, 8)))


def test_with_all_parts_and_in_float32() -> None:
    parts = {"embedding": bs.Periodic(), "scaling": True, "parametric": True, "parametrization": "neural_tangent"}
    net = bs.Network([3, 8, 5, 1], hidden="mish", seed=1, dtype="float32", **parts).standardize_units(X)
    outputs = net.predict(X)
    assert outputs.std() == pytest.approx(1.0, rel=1e-5)


def test_the_seed_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_weights, "MOST_ROWS", 50)
    nets = [bs.Network([3, 4, 1], seed=1).standardize_units(X, seed=seed) for seed in (None, 1, 2)]
    assert np.array_equal(nets[0].parameters, nets[1].parameters)
    assert not np.array_equal(nets[0].parameters, nets[2].parameters)


def test_units_that_never_change_keep_their_weights() -> None:
    net = bs.Network([3, 4, 1], seed=1)
    before = net.weights[0].copy()
    net.standardize_units(np.tile(X[:1], (9, 1)))
    np.testing.assert_array_equal(net.weights[0], before)
    np.testing.assert_allclose(net.activations(X[:1])[0], 0.0, atol=1e-12)  # they bend where the rows are


def test_without_biases_only_weights_are_fitted() -> None:
    net = bs.Network([3, 4, 1], hidden="tanh", biases=False, seed=1).standardize_units(X)
    np.testing.assert_allclose((X @ net.weights[0]).std(axis=0), 1.0)


def test_rows_that_do_not_fit_change_nothing() -> None:
    net = bs.Network([3, 4, 1], seed=1)
    before = net.parameters.copy()
    for bad in (X[:, :2], [[1.0, np.nan, 2.0]]):
        with pytest.raises(bs.DataError):
            net.standardize_units(bad)
    np.testing.assert_array_equal(net.parameters, before)


@pytest.mark.parametrize("make", [bs.MLPClassifier, bs.MLPRegressor])
def test_estimators_begin_with_them(make: type) -> None:
    y = (X[:, 0] > 3).astype(int)
    given = {"max_iter": 1, "random_state": 0, "learning_rate_init": 1e-12, "solver": "sgd", "initializer": "he_normal"}
    fitted, plain = (make(**given, standardize_units=flag) for flag in (True, False))
    with pytest.warns(UserWarning, match="Maximum iterations"):
        fitted.fit(X, y), plain.fit(X, y)
    assert (X @ fitted.coefs_[0]).std(axis=0) == pytest.approx(np.ones(100), rel=1e-6)
    assert (X @ plain.coefs_[0]).std(axis=0) != pytest.approx(np.ones(100), rel=1e-1)


def test_estimators_want_a_flag() -> None:
    with pytest.raises(bs.ConfigurationError, match="'standardize_units' parameter of MLPClassifier must be True"):
        bs.MLPClassifier(standardize_units="yes").fit(X, X[:, 0] > 3)
