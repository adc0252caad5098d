"""Arrays of every layout and type: trained on exactly as plain floats are, or refused; and sizes that overflow."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas
import polars
import pyarrow as pa
import pytest

import backstory as bs

random = np.random.default_rng(0)
X, y = random.integers(-3, 4, (12, 3)).astype(float), random.integers(0, 2, 12).astype(float)
Convert = Callable[[Any], Any]


def objects(kind: Any) -> Convert:
    return lambda a: np.vectorize(kind, otypes=[object])(a)


def read_only(a: Any) -> Any:
    copy = a.copy()
    copy.flags.writeable = False
    return copy


def unaligned(a: Any) -> Any:
    return np.frombuffer(b"x" + a.tobytes(), dtype=np.uint8)[1:].view(a.dtype).reshape(a.shape)


def with_columns(make_table: Convert, make_column: Convert) -> Convert:
    return lambda a: make_column(a) if a.ndim == 1 else make_table({str(i): part for i, part in enumerate(a.T)})


RIGHT: dict[str, Convert] = {
    "lists": lambda a: a.tolist(),
    "tuples": lambda a: tuple(map(tuple, a)) if a.ndim == 2 else tuple(a),
    "Fortran order": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "backwards": lambda a: a[::-1].copy()[::-1],
    "read-only": read_only,
    "unaligned": unaligned,
    "byte-swapped": lambda a: a.astype(">f8"),
    "byte-swapped integers": lambda a: a.astype(">i4"),
    "float16": lambda a: a.astype(np.float16),
    "float32": lambda a: a.astype(np.float32),
    "long double": lambda a: a.astype(np.longdouble),
    "int8": lambda a: a.astype(np.int8),
    "int64": lambda a: a.astype(np.int64),
    "objects": lambda a: a.astype(object),
    "fractions": objects(Fraction),
    "decimals": objects(Decimal),
    "memoryview": memoryview,
    "subclass": lambda a: np.ma.array(a),
    "pandas": with_columns(pandas.DataFrame, pandas.Series),
    "pandas, nullable": lambda a: (pandas.DataFrame if a.ndim == 2 else pandas.Series)(a).astype("Int64"),
    "polars": with_columns(polars.DataFrame, polars.Series),
    "pyarrow": with_columns(pa.table, lambda a: pa.chunked_array([a[:5], a[5:]])),
}
REFUSED: dict[str, Convert] = {
    "texts": lambda a: a.astype(str),
    "bytes": lambda a: a.astype(bytes),
    "dates": lambda a: a.astype(np.int64).astype("datetime64[s]"),
    "durations": lambda a: a.astype("timedelta64[s]"),
    "complex numbers": lambda a: a.astype(complex),
    "records": lambda a: np.zeros(len(a), dtype=[("a", "f8")]),
    "nothing": lambda a: None,
    "a number": lambda a: 3,
    "integers beyond floats": lambda a: np.full(a.shape, 10**400, dtype=object),
    "a dict": lambda a: {"a": 1},
    "a generator": lambda a: (row for row in a),
    "64 dimensions": lambda a: np.ones((1,) * 64),
    "NaN": lambda a: np.full(a.shape, np.nan),
    "None among numbers": lambda a: np.where(a == a.flat[0], None, a),
}


def network(dtype: str = "float64") -> bs.Network:
    return bs.Network([3, 4, 1], hidden="tanh", seed=0, dtype=dtype)


def stepped(net: bs.Network, X: Any, y: Any) -> Any:
    net.step(X, y), net.step(X, y)  # the second is a plain call, where the arrays are plain
    return net.parameters


def fitted(net: bs.Network, X: Any, y: Any) -> Any:
    net.fit(X, y, epochs=2, batch_size=5, progress=False)
    return net.parameters


CALLS: dict[str, Callable[[bs.Network, Any, Any], Any]] = {
    "predict": lambda net, X, y: net.predict(X),
    "loss": lambda net, X, y: net.loss(X, y),
    "gradients": lambda net, X, y: np.concatenate([part.ravel() for part in net.gradients(X, y).weights]),
    "step": stepped,
    "fit": fitted,
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("convert", RIGHT.values(), ids=RIGHT)
def test_any_layout_and_type_is_trained_on_as_plain_floats_are(convert: Convert, dtype: str) -> None:
    for call in CALLS.values():
        wanted = call(network(dtype), X, y)
        np.testing.assert_array_equal(call(network(dtype), convert(X), y), wanted)
        np.testing.assert_array_equal(call(network(dtype), X, convert(y)), wanted)


def test_truth_values_and_unsigned_integers_are_numbers() -> None:
    for convert in (lambda a: a > 0, lambda a: np.abs(a).astype(np.uint64)):
        wanted = fitted(network(), convert(X).astype(float), y)
        np.testing.assert_array_equal(fitted(network(), convert(X), y), wanted)


@pytest.mark.parametrize("convert", REFUSED.values(), ids=REFUSED)
def test_what_is_no_array_of_numbers_is_refused_and_nothing_changes(convert: Convert) -> None:
    net = network()
    before = net.parameters.copy()
    for name, call in CALLS.items():
        with pytest.raises(bs.DataError, match=r"^X must "):
            call(net, convert(X), y)
        if name != "predict":
            with pytest.raises(bs.DataError, match=r"^y must "):
                call(net, X, convert(y))
    np.testing.assert_array_equal(net.parameters, before)


@pytest.mark.parametrize("convert", [RIGHT[name] for name in ("byte-swapped", "float16", "int8", "objects", "polars")])
def test_estimators_take_them_alike(convert: Convert) -> None:
    labels = y.astype(int)
    for estimator, aims in ((bs.MLPClassifier, labels), (bs.MLPRegressor, y)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # few iterations
            one, other = (estimator(hidden_layer_sizes=(4,), max_iter=2, random_state=0) for _ in range(2))
            wanted = one.fit(X, aims).predict(X)
            np.testing.assert_array_equal(other.fit(convert(X), aims).predict(convert(X)), wanted)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("scale", [5e-324, 1e-310, 1e-40, 1e-20])
def test_the_smallest_numbers_are_trained_on(scale: float, dtype: str) -> None:
    net = network(dtype)
    history = net.fit(scale * X, y, epochs=3, progress=False)
    assert np.isfinite(net.parameters).all()
    assert np.isfinite(history.loss).all()


@pytest.mark.parametrize(
    ("of_rows", "of_targets"), [(1e150, 1.0), (1e300, 1.0), (1e308 / 3, 1.0), (1.0, 1e150), (1.0, 1e300)]
)
def test_the_largest_numbers_are_trained_on_or_stop_training_before_a_weight_is_lost(
    of_rows: float, of_targets: float
) -> None:
    net = network()
    try:
        history = net.fit(of_rows * X, of_targets * y, optimizer=bs.SGD(0.1), epochs=9, progress=False)
        assert np.isfinite(history.loss).all()
    except bs.DivergenceError:
        assert of_rows > 1e150 or of_targets > 1e150
    assert np.isfinite(net.parameters).all()


def test_a_loss_that_overflows_stops_training() -> None:
    with pytest.raises(bs.DivergenceError, match="Training stopped: the loss became NaN or infinite at step 1"):
        network().fit(X, 1e300 * y, progress=False)


def test_one_row_and_ten_thousand_columns_are_enough() -> None:
    wide = bs.Network([10_000, 3, 1], seed=0)
    rows = random.normal(size=(1, 10_000))
    wide.fit(rows, [1.0], optimizer=bs.SGD(1e-4), epochs=2, progress=False)
    assert np.isfinite(wide.predict(rows)).all()


@pytest.mark.parametrize(
    "sizes", [[10**10, 10**10], [2**62, 4], [10**400, 2], [1, 2**45], [2**45, 1], [3, 2**31, 2**31]]
)
def test_networks_beyond_memory_are_refused(sizes: list[int]) -> None:
    with pytest.raises(bs.ConfigurationError, match=r"parameters must fit in memory. These are [\d,]{15,}"):
        bs.Network(sizes)


@pytest.mark.parametrize("weight", [5e-324, 1e-310])
def test_weights_whose_sum_has_no_inverse_are_refused(weight: float) -> None:
    with pytest.raises(bs.DataError, match="sample_weight must have a sum that fits float64"):
        network().fit(X, y, sample_weight=np.full(12, weight), progress=False)
