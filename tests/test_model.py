"""`Network` as its users meet it: shapes, views, files, copies, messages."""

from __future__ import annotations

import copy
import json
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backstory as bs

X = np.random.default_rng(0).normal(size=(7, 3))


def network(**more: Any) -> bs.Network:
    return bs.Network([3, 4, 2], seed=1, **more)


def test_parameters_are_views_of_one_array() -> None:
    net = network()
    assert [w.shape for w in net.weights] == [(3, 4), (4, 2)]
    assert [b.shape for b in net.biases] == [(4,), (2,)]
    net.weights[1][2, 0] = 42.0
    assert 42.0 in net.parameters
    net.parameters[:] = 0
    assert not net.weights[0].any()


def test_writing_a_weight_changes_the_prediction() -> None:
    net = network()
    before = net.predict(X)
    net.biases[1][0] += 1.0
    np.testing.assert_allclose(net.predict(X) - before, np.tile([1.0, 0.0], (7, 1)), atol=1e-12)


def test_no_hidden_layer_is_one_neuron() -> None:
    neuron = bs.Network([2, 1], output="sigmoid", loss="binary_cross_entropy", seed=0)
    z = np.array([[1.0, 2.0]]) @ neuron.weights[0] + neuron.biases[0]
    assert neuron.predict([[1.0, 2.0]]) == pytest.approx(1 / (1 + np.exp(-z)))


def test_without_biases_there_are_none() -> None:
    net = network(biases=False)
    assert net.biases == ()
    assert net.parameters.size == 3 * 4 + 4 * 2
    assert net.gradients(X, np.zeros((7, 2))).biases == ()


def test_the_same_seed_gives_the_same_weights_and_another_one_others() -> None:
    assert (network().parameters == network().parameters).all()
    assert (bs.Network([3, 4, 2], seed=2).weights[0] != network().weights[0]).any()
    drawn = bs.Network([3, 4, 2])
    assert (bs.Network([3, 4, 2], seed=drawn.seed).parameters == drawn.parameters).all()


@pytest.mark.parametrize(
    ("name", "spread"),
    [("glorot_uniform", np.sqrt(2 / 700)), ("he_normal", np.sqrt(2 / 400)), ("lecun_uniform", np.sqrt(1 / 400))],
)
def test_initial_weights_have_the_spread_of_their_formula(name: str, spread: float) -> None:
    W = bs.Network([400, 300], initializer=name, seed=0).weights[0]
    assert W.std() == pytest.approx(spread, rel=0.02)
    assert abs(W.mean()) < 0.01 * spread + 4 * spread / np.sqrt(W.size)


def test_orthogonal_weights_have_orthonormal_columns() -> None:
    for shape in ([6, 4], [4, 6]):
        W = bs.Network(shape, initializer="orthogonal", seed=0).weights[0]
        gram = W.T @ W if shape[0] > shape[1] else W @ W.T
        np.testing.assert_allclose(gram / gram[0, 0], np.eye(4), atol=1e-12)


def test_initializers_may_differ_by_layer() -> None:
    net = network(initializer=[bs.Constant(0.5), bs.Uniform(0.1)])
    assert (net.weights[0] == 0.5).all()
    assert np.abs(net.weights[1]).max() <= 0.1
    with pytest.raises(bs.ConfigurationError, match="one for each of the 2 layers. Got 1"):
        network(initializer=["zeros"])


def test_an_activation_per_layer() -> None:
    net = bs.Network([3, 4, 5, 2], hidden=["tanh", "relu"], seed=0)
    hidden = np.tanh(X @ net.weights[0] + net.biases[0])
    second = np.maximum(hidden @ net.weights[1] + net.biases[1], 0)
    found = net.activations(X)
    np.testing.assert_allclose(found[0], hidden, atol=1e-13)
    np.testing.assert_allclose(found[1], second, atol=1e-13)
    np.testing.assert_allclose(found[2], second @ net.weights[2] + net.biases[2], atol=1e-13)


def test_deltas_are_of_each_rows_own_loss() -> None:
    net = network()
    y = np.ones((7, 2))
    deltas = net.deltas(X, y)
    assert [d.shape for d in deltas] == [(7, 4), (7, 2)]
    np.testing.assert_allclose(deltas[1], net.predict(X) - y, atol=1e-13)
    gradients = net.gradients(X, y)
    np.testing.assert_allclose(X.T @ deltas[0] / 7, gradients.weights[0], atol=1e-13)
    np.testing.assert_allclose(net.input_gradients(X, y), deltas[0] @ net.weights[0].T, atol=1e-13)


def test_reduction_by_sum_is_n_times_the_mean() -> None:
    y = np.ones((7, 2))
    mean, total = network(), network(reduction="sum")
    assert total.loss(X, y) == pytest.approx(7 * mean.loss(X, y))
    np.testing.assert_allclose(total.gradients(X, y).weights[0], 7 * mean.gradients(X, y).weights[0])


def test_targets_of_one_column_never_broadcast() -> None:
    net = bs.Network([3, 1], seed=0)
    y = np.arange(7.0)
    assert net.loss(X, y) == net.loss(X, y[:, None])
    with pytest.raises(bs.DataError, match=r"y must have shape \(7, 1\) or \(7,\), a row per row of X. Got \(1, 7\)"):
        net.loss(X, y[None, :])


def test_class_indices_and_rows_of_zero_and_one_mean_the_same() -> None:
    labels = np.array([0, 1, 2, 0, 1, 2, 0])
    one_hot = np.eye(3)[labels]
    for output, loss in [
        ("softmax", "cross_entropy"),
        ("sigmoid", "binary_cross_entropy"),
        ("softmax", "squared_error"),
    ]:
        net = bs.Network([3, 3], output=output, loss=loss, seed=0)
        assert net.loss(X, labels) == pytest.approx(net.loss(X, one_hot), rel=1e-14)
        assert net.loss(X, labels[:, None]) == pytest.approx(net.loss(X, one_hot), rel=1e-14)
    hinge = bs.Network([3, 3], loss="hinge", seed=0)
    assert hinge.loss(X, labels) == pytest.approx(hinge.loss(X, 2 * one_hot - 1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_answers_have_the_networks_dtype(dtype: str) -> None:
    net = network(dtype=dtype)
    y = np.ones((7, 2))
    arrays = [
        net.predict(X), *net.activations(X), *net.deltas(X, y), net.input_gradients(X, y),
        *net.gradients(X, y).weights, *net.gradients(X, y).biases,
    ]  # fmt: skip
    assert {array.dtype.name for array in arrays} == {dtype}


@pytest.mark.parametrize(
    "convert",
    [
        lambda X: X.tolist(),
        lambda X: np.asfortranarray(X),
        lambda X: np.repeat(X, 2, axis=1)[:, ::2],
        lambda X: X.astype(">f8"),
        lambda X: pytest.importorskip("pandas").DataFrame(X),
    ],
    ids=["list", "Fortran order", "strided", "big-endian", "frame"],
)
def test_rows_come_in_any_layout(convert: Any) -> None:
    net = network()
    np.testing.assert_array_equal(net.predict(convert(X)), net.predict(X))


BAD_INPUTS: list[tuple[Any, str]] = [
    (np.zeros(3), r"X must have shape \(n, 3\). Got shape \(3,\). X.reshape\(1, -1\) makes one row"),
    (np.zeros((2, 4)), "X must have 3 columns, one per input of the network. Got 4; build the network with 4 inputs"),
    (np.zeros((0, 3)), "X must have at least 1 row. Got 0"),
    ([[1.0, np.nan, 2.0]], "X must be finite. Got nan in row 0, column 1"),
    (np.array([[0.0, 0.0, 0.0], [0.0, 0.0, np.inf]]), "X must be finite. Got inf in row 1, column 2"),
    ([["a", "b", "c"]], "X must hold real numbers. Got dtype <U1"),
    ([[1.0, "b", None]], "X must hold numbers. Got objects such as 'b'|must hold real numbers"),
    ([[1.0], [1.0, 2.0]], "X must be an array of numbers with rows of equal length"),
    (np.ma.masked_greater([[1.0, 2.0, 3.0], [1.0, 9.0, 3.0]], 5), "X must have no masked entries. Got one in row 1"),
    (np.zeros((2, 3), dtype=complex), "X must hold real numbers. Got dtype complex128"),
]


@pytest.mark.parametrize(("rows", "message"), BAD_INPUTS)
def test_bad_inputs_are_named(rows: Any, message: str) -> None:
    with pytest.raises(bs.DataError, match=message):
        network().predict(rows)


def test_numbers_too_large_for_float32_are_named() -> None:
    with pytest.raises(bs.DataError, match=r"X must fit float32. Got .*1e\+200.* at \(1, 2\)"):
        network(dtype="float32").predict([[0.0, 0.0, 0.0], [0.0, 0.0, 1e200]])


CLASSIFIER: dict[str, Any] = {"output": "softmax", "loss": "cross_entropy"}
BAD_TARGETS: list[tuple[dict[str, Any], Any, str]] = [
    ({}, np.zeros(7), r"y must have shape \(7, 2\), a row per row of X. Got \(7,\)"),
    ({}, np.zeros((6, 2)), r"y must have shape \(7, 2\)"),
    ({}, np.full((7, 2), np.nan), "y must be finite. Got nan in row 0, column 0"),
    (CLASSIFIER, np.full(7, 2), r"must lie in 0 ... 1, as the network has 2 outputs. Got 2 in row 0"),
    (CLASSIFIER, np.zeros(7), "y must be integers .* with class indices.*y.astype"),
    (CLASSIFIER, np.full((7, 2), 0.7), r"y must be probabilities that sum to 1 .*Got \[0.7, 0.7\] in row 0"),
    (CLASSIFIER, np.zeros(6, dtype=int), "y must have 7 entries, one per row of X. Got 6"),
    ({"output": "sigmoid", "loss": "binary_cross_entropy"}, np.full((7, 2), 2.0), r"y must be in \[0, 1\] .*Got \[2"),
    ({"output": "exp", "loss": "poisson"}, np.full((7, 2), -1.0), r"y must be in \[0, inf\) for the loss 'poisson'"),
    ({"loss": "hinge"}, np.zeros((7, 2)), r"y must be -1 or 1 for the loss 'hinge'. Got \[0.0, 0.0\] in row 0"),
]


@pytest.mark.parametrize(("more", "y", "message"), BAD_TARGETS)
def test_bad_targets_are_named(more: dict[str, Any], y: Any, message: str) -> None:
    with pytest.raises(bs.DataError, match=message):
        network(**more).loss(X, y)


BAD_NETWORKS: list[tuple[tuple[Any, dict[str, Any]], str]] = [
    (([3], {}), r"at least two integers >= 1, inputs first, outputs last. Got \[3\]"),
    (([3, 0], {}), "at least two integers >= 1"),
    ((5, {}), "must be a list of integers >= 1.*Got 5"),
    (([3, True], {}), r"must be a list of integers >= 1.*Got \[3, True\]"),
    (([3, np.inf], {}), r"must be a list of integers >= 1.*Got \[3, inf\]"),
    (([3, 4, 2], {"hidden": 5}), "hidden= must be an activation or a list of them. Got 5"),
    (([3, 4, 2], {"reduction": None}), "Unknown reduction None"),
    (([3, 4, 2], {"dtype": 3}), "Unknown dtype '3'"),
    (([3, 2.5], {}), r"must be a list of integers >= 1.*Got \[3, 2.5\]"),
    (([3, 4, 2], {"hidden": "rleu"}), "Unknown activation 'rleu'. Did you mean 'relu'"),
    (([3, 4, 2], {"hidden": ["relu", "relu"]}), "has 1 hidden layers, so hidden= takes one activation or a list of 1"),
    (([3, 4, 2], {"hidden": "softmax"}), "couples the units of a layer and is for the output only"),
    (([3, 4, 2], {"loss": "mse"}), "Unknown loss 'mse'"),
    (([3, 4, 2], {"loss": "cross_entropy"}), "Outputs that fit: softmax"),
    (([3, 4, 2], {"hidden": "ReLU"}), "Unknown activation 'ReLU'. Did you mean 'relu'"),
    (([3, 4, 2], {"biases": "no"}), "'biases' parameter of Network must be True or False. Got 'no'"),
    (([3, 4, 2], {"reduction": "max"}), "Unknown reduction 'max'"),
    (([3, 4, 2], {"dtype": "float16"}), "Unknown dtype 'float16'"),
    (([3, 4, 2], {"seed": -1}), "'seed' parameter of Network must be an integer >= 0 or None. Got -1"),
    (([3, 4, 2], {"initializer": "xavier"}), "Unknown initializer 'xavier'"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_NETWORKS)
def test_bad_networks_are_refused(arguments: tuple[Any, dict[str, Any]], message: str) -> None:
    sizes, more = arguments
    with pytest.raises(bs.ConfigurationError, match=message):
        bs.Network(sizes, **more)


def test_repr_says_what_it_is() -> None:
    net = bs.Network(
        [784, 128, 10], output="softmax", loss="cross_entropy", penalty=bs.L2(1e-4), seed=0, dtype="float32"
    )
    assert repr(net) == (
        "Network([784, 128, 10], hidden='relu', output='softmax', loss='cross_entropy', penalty=L2(0.0001), "
        "seed=0, dtype='float32')"
    )


def test_copies_are_independent_and_go_on_alike() -> None:
    net = network()
    y = np.ones((7, 2))
    net.fit(X, y, optimizer=bs.Adam(0.01), epochs=3)
    twins = [net.copy(), copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
    net.fit(X, y, optimizer=bs.Adam(0.01), epochs=2)
    for twin in twins:
        assert (twin.parameters != net.parameters).any()
        twin.fit(X, y, optimizer=bs.Adam(0.01), epochs=2)
        assert (twin.parameters == net.parameters).all()


OWN = bs.Network(
    [3, 4, 2],
    hidden=bs.Activation("sine", "sin(2*z)"),
    loss=bs.Loss("cauchy", "log(1 + (a - y)^2)"),
    penalty=bs.Elastic(0.1, 0.2),
    reduction="sum",
    seed=5,
)


@pytest.mark.parametrize(
    "net", [network(), network(dtype="float32", biases=False), OWN], ids=["plain", "float32", "own"]
)
def test_a_saved_network_comes_back_whole(net: bs.Network, tmp_path: Path) -> None:
    net.save(tmp_path / "net.safetensors")
    again = bs.load(tmp_path / "net.safetensors")
    assert again.spec == net.spec
    assert again.seed == net.seed
    assert (again.parameters == net.parameters).all()
    y = np.ones((7, 2))
    assert again.loss(X, y) == net.loss(X, y)


def test_a_saved_network_is_readable_by_safetensors(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    net = network()
    net.save(tmp_path / "net.safetensors")
    tensors = load_file(tmp_path / "net.safetensors")
    assert sorted(tensors) == ["b1", "b2", "w1", "w2"]
    assert (tensors["w1"] == net.weights[0]).all()


@given(cut=st.integers(min_value=0, max_value=10_000))
def test_a_cut_file_is_refused(cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("cut") / "net.safetensors"
    network().save(path)
    content = path.read_bytes()
    path.write_bytes(content[: cut % len(content)])
    with pytest.raises(bs.ModelFileError, match="is not a whole safetensors file"):
        bs.load(path)


@given(where=st.integers(min_value=0, max_value=10_000), bit=st.integers(0, 7))
def test_an_altered_file_is_refused(where: int, bit: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("altered") / "net.safetensors"
    net = network()
    net.save(path)
    content = bytearray(path.read_bytes())
    content[where % len(content)] ^= 1 << bit
    path.write_bytes(content)
    try:
        again = bs.load(path)
    except bs.ModelFileError:
        return
    assert again.spec == net.spec  # the flipped bit was white space of the header
    assert (again.parameters == net.parameters).all()


def rewritten_header(path: Path, change: dict[str, Any]) -> None:
    """Change entries of the JSON that backstory keeps in a model file's header."""
    from safetensors import safe_open
    from safetensors.numpy import save_file

    with safe_open(path, framework="numpy") as file:
        header = json.loads(file.metadata()["backstory"]) | change
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - safe_open is no mapping
    save_file(tensors, path, metadata={"backstory": json.dumps(header)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 4}, "has format 4, and this version of backstory reads up to 3. Upgrade backstory"),
        ({"format": None}, "has format None"),
        ({"spec": {"sizes": [10**9, 10**9]}}, "describes no network"),
        ({"spec": None}, "describes no network"),
        ({"seed": 9}, "was altered after it was saved: its checksum differs"),
    ],
)
def test_foreign_headers_are_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    network().save(tmp_path / "net.safetensors")
    rewritten_header(tmp_path / "net.safetensors", change)
    with pytest.raises(bs.ModelFileError, match=message):
        bs.load(tmp_path / "net.safetensors")


def test_huge_sizes_in_a_header_take_no_memory(tmp_path: Path) -> None:
    net = network()
    net.save(tmp_path / "net.safetensors")
    rewritten_header(tmp_path / "net.safetensors", {"spec": {**net.spec.to_dict(), "sizes": [10**9, 10**9, 2]}})
    with pytest.raises(bs.ModelFileError, match="do not fit its network"):
        bs.load(tmp_path / "net.safetensors")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No folder '.*nowhere' to write 'net.safetensors' into"):
        network().save(tmp_path / "nowhere" / "net.safetensors")


def test_classes_are_saved_whatever_holds_them(tmp_path: Path) -> None:
    net = network()
    net.classes = np.array(["cat", "dog"])  # type: ignore[assignment]  # an array is a list to most users
    net.save(tmp_path / "net.safetensors")
    assert bs.load(tmp_path / "net.safetensors").classes == ["cat", "dog"]


def test_other_files_are_no_networks(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    with pytest.raises(FileNotFoundError, match="No model file at"):
        bs.load(tmp_path / "none.safetensors")
    save_file({"w1": np.zeros((2, 2))}, tmp_path / "other.safetensors")
    with pytest.raises(bs.ModelFileError, match="holds no backstory network"):
        bs.load(tmp_path / "other.safetensors")


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "net.safetensors"
    net = network()
    net.save(path)
    old = path.read_bytes()

    def full_disk(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    net.weights[0][:] = 0
    with pytest.raises(OSError, match="No space left"):
        net.save(path)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


# ---- Plain calls, which the extension answers by itself


def plain_cases() -> list[Any]:
    classes = {"output": "softmax", "loss": "cross_entropy"}
    cases = [
        bs.Network([3, 5, 2], seed=0, dtype="float32"),
        bs.Network([3, 5, 1], seed=0, penalty=bs.L2(0.1)),
        bs.Network([3, 4], seed=0, hidden="tanh", biases=False, dtype="float32"),
        bs.Network([3, 5, 3], seed=0, **classes),
        bs.Network([3, 40, 3], seed=0, reduction="sum", dtype="float32", **classes),
        bs.Network([3, 5, 1], seed=0, output="sigmoid", loss="binary_cross_entropy"),
        bs.Network([3, 5, 1], seed=0, output="exp", loss="poisson"),
        bs.Network([3, 5, 2], seed=0, output="tanh", loss="hinge", dtype="float32"),
    ]
    return [pytest.param(net, n, id=f"{net.spec.loss.name}-{n}") for net in cases for n in (1, 7, 3000)]


def plain_data(net: bs.Network, n: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(4)
    X, n_out = rng.normal(size=(n, net.spec.n_in)).astype(net.spec.dtype), net.spec.n_out
    if net.spec.loss.name == "cross_entropy":
        return X, rng.integers(0, n_out, n)
    y = rng.integers(0, 2, (n, n_out)).astype(net.spec.dtype)
    return X, 2 * y - 1 if net.spec.loss.name == "hinge" else y


@pytest.mark.parametrize(("net", "n"), plain_cases())
def test_plain_calls_answer_to_the_bit_what_the_others_do(net: bs.Network, n: int) -> None:
    X, y = plain_data(net, n)
    rows, aims = X.tolist(), y.tolist()  # must be converted, so it is no plain call
    np.testing.assert_array_equal(net.predict(X), net.predict(rows))
    plain, other = net.gradients(X, y), net.gradients(rows, aims)
    assert plain.loss == other.loss
    for found, wanted in zip(plain.weights + plain.biases, other.weights + other.biases, strict=True):
        np.testing.assert_array_equal(found, wanted)
    for optimizer in (bs.SGD(0.01), bs.Adam(0.01), bs.SGD(bs.Exponential(0.01))):
        one, two = net.copy(), net.copy()
        for step in range(3):
            given = optimizer if step < 2 else None
            assert one.step(X, y, optimizer=given) == two.step(rows, aims, optimizer=given)
        np.testing.assert_array_equal(one.parameters, two.parameters)
        assert one._memory.steps == two._memory.steps == 3


def test_one_column_of_targets_may_be_flat_in_plain_calls() -> None:
    net = bs.Network([3, 5, 1], seed=0)
    X, y = plain_data(net, 7)
    assert net.gradients(X, y).loss == net.gradients(X, y[:, 0]).loss
    twin = net.copy()
    assert [net.step(X, y) for _ in range(2)] == [twin.step(X, y[:, 0]) for _ in range(2)]


def test_plain_steps_are_noticed_by_whatever_comes_after() -> None:
    """Steps, weights written by hand, a fit with another optimizer, and copies: in turn, as without the short cut."""
    ends = []
    for plain in (True, False):
        net = bs.Network([2, 4, 1], seed=3, dtype="float32")
        X, y = plain_data(net, 5)
        rows, aims = (X, y) if plain else (X.tolist(), y.tolist())
        for _ in range(3):
            net.step(rows, aims, optimizer=bs.Adam(0.01))
        net.weights[0][:] *= 0.5
        net.step(rows, aims)
        net = pickle.loads(pickle.dumps(net))
        net.step(rows, aims)
        net.fit(X, y, optimizer=bs.SGD(0.1, momentum=0.9), epochs=2)
        net.step(rows, aims)
        net.step(rows, aims)
        net = net.copy()
        net.step(rows, aims)
        net.step(rows, aims, optimizer=bs.SGD(0.2))
        ends.append((net.parameters, net._memory.steps))
    np.testing.assert_array_equal(ends[0][0], ends[1][0])
    assert ends[0][1] == ends[1][1] == 1


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_plain_calls_refuse_what_the_others_refuse(dtype: str) -> None:
    net = bs.Network([3, 5, 2], seed=0, output="sigmoid", loss="binary_cross_entropy", dtype=dtype)
    X, y = plain_data(net, 9)
    net.step(X, y)  # from here on steps are plain
    before = net.parameters.copy()
    spoiled, masked = X.copy(), np.ma.masked_array(X, X > 10)
    spoiled[4, 1] = np.nan
    masked[2, 0] = np.ma.masked
    too_high = y.copy()
    too_high[6, 1] = 1.5
    for rows, aims, message in (
        (spoiled, y, "X must be finite. Got nan in row 4, column 1"),
        (masked, y, "X must have no masked entries. Got one in row 2"),
        (X[:, :2], y, "X must have 3 columns"),
        (X[0], y, r"X must have shape \(n, 3\)"),
        (X[:0], y[:0], "X must have at least 1 row"),
        (X, too_high, r"y must be in \[0, 1\].*row 6"),
        (X, y[:5], "y must have shape"),
    ):
        for ask in (net.gradients, net.step):
            with pytest.raises(bs.DataError, match=message):
                ask(rows, aims)
        if aims is y and len(rows) == len(y):
            with pytest.raises(bs.DataError, match=message):
                net.predict(rows)
    np.testing.assert_array_equal(net.parameters, before)
    assert net._memory.steps == 1


def test_a_plain_step_that_diverges_changes_nothing() -> None:
    net = bs.Network([3, 5, 1], seed=0, dtype="float32")
    X, y = plain_data(net, 9)
    net.step(X, y, optimizer=bs.SGD(0.1))
    before = net.parameters.copy()
    with pytest.raises(bs.DivergenceError, match="became NaN or infinite at step 1"):
        net.step(np.full_like(X, 1e30), y)
    np.testing.assert_array_equal(net.parameters, before)
    assert net._memory.steps == 1


def test_arrays_that_are_right_already_are_not_copied() -> None:
    net = bs.Network([200, 10, 1], seed=0, dtype="float32")
    X, y = plain_data(net, 20_000)  # 16 MB
    weight = np.ones(len(X), np.float32)
    calls: list[Any] = [
        lambda: net.predict(X),
        lambda: net.predict(X, threads=2),
        lambda: net.gradients(X, y),
        lambda: net.gradients(X, y, sample_weight=weight),
        lambda: net.step(X, y),
        lambda: net.fit(X, y, epochs=2, sample_weight=weight),
        lambda: net.fit(X, y, epochs=2, shuffle=False, validation=(X, y)),
    ]
    for call in calls:
        tracemalloc.start()
        call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < X.nbytes / 8
