"""Embeddings, scales, parametric activations and rates by group: both engines, differences, PyTorch."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.engine.contract import Chunk
from backstory.engine.reference import Engine, spread
from backstory.network.spec import Spec, group_of

from .networks import data, relative_difference

ENGINES = ("native", "reference")

SHAPES: dict[str, dict[str, Any]] = {
    "embedding": {"embedding": bs.Periodic(5, 3, sigma=0.5)},
    "some columns": {"embedding": bs.Periodic(4, 2, sigma=0.5, columns=[1])},
    "scaling": {"scaling": True},
    "parametric": {"parametric": True},
    "all": {"embedding": bs.Periodic(sigma=0.5, columns=[0, 2]), "scaling": True, "parametric": True},
    "without biases": {"embedding": bs.Periodic(3, 4), "scaling": True, "parametric": True, "biases": False},
}


def a_network(shape: str, hidden: str = "mish", dtype: str = "float64", sizes: Any = (3, 5, 4, 2), **more: Any) -> Any:
    net = bs.Network(sizes, hidden=hidden, dtype=dtype, seed=3, **{**SHAPES[shape], **more})
    net.parameters[:] += np.random.default_rng(4).normal(0, 0.2, net.parameters.shape)
    return net


def flat(gradients: bs.Gradients) -> Any:
    """A gradient as one array, in the order of the flat parameters."""
    pairs = zip(gradients.weights, gradients.biases or ((),) * len(gradients.weights), strict=True)
    scale = () if gradients.scale is None else (gradients.scale,)
    parts = [*(part for pair in pairs for part in pair), *(gradients.embedding or ()), *scale, *gradients.alphas]
    return np.concatenate([np.ravel(part) for part in parts])


def differences(loss: Any, at: Any) -> Any:
    """Fourth-order central differences of a function of one array that is changed in place."""
    h, slopes = 2e-3, np.empty_like(at)
    for i, middle in np.ndenumerate(at.copy()):
        losses = []
        for offset in (-2, -1, 1, 2):
            at[i] = middle + offset * h
            losses.append(loss())
        at[i] = middle
        slopes[i] = (losses[0] - 8 * losses[1] + 8 * losses[2] - losses[3]) / (12 * h)
    return slopes


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("hidden", ["mish", "tanh"])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_central_differences(shape: str, hidden: str, engine: str) -> None:
    net = a_network(shape, hidden, penalty=bs.L2(0.2))
    X, y = data(net, 6)
    found = flat(net.gradients(X, y, engine=engine))
    assert len(found) == len(net.parameters)
    assert relative_difference(found, differences(lambda: net.loss(X, y, engine=engine), net.parameters)) < 1e-7
    by_inputs = net.input_gradients(X, y, engine=engine)
    assert relative_difference(by_inputs, differences(lambda: 6 * net.loss(X, y, engine=engine), X)) < 1e-7


def by_torch(net: bs.Network, X: Any, y: Any) -> Any:
    """Outputs and the gradient by the flat parameters, as PyTorch's autograd has them from its own functions."""
    torch = pytest.importorskip("torch")
    spec = net.spec
    arrays = {
        name: torch.tensor(net.parameters[at : at + int(np.prod(shape))].reshape(shape), requires_grad=True)
        for name, at, shape in spec.layout
    }
    columns = [torch.tensor(X[:, [k]]) for k in range(spec.n_in)]
    embedded = () if spec.front is None else spec.front.columns
    for c, k in enumerate(embedded):
        angles = 2 * torch.pi * columns[k] * arrays["frequency"][c] + arrays["phase"][c]
        columns[k] = torch.cat([columns[k], torch.cos(angles) @ arrays["mix"][c] + arrays["shift"][c]], dim=1)
    a = torch.cat(columns, dim=1) * arrays.get("scale", 1.0)
    f = {"mish": torch.nn.functional.mish, "selu": torch.selu, "tanh": torch.tanh}
    for layer in range(1, spec.n_layers + 1):
        z = a @ arrays[f"w{layer}"] + arrays.get(f"b{layer}", 0.0)
        if layer == spec.n_layers:
            break
        plain, alpha = f[spec.activations[layer - 1].name](z), arrays.get(f"alpha{layer}")
        a = plain if alpha is None else z + alpha * (plain - z)
    loss = 0.5 * ((z - torch.tensor(y)) ** 2).sum(dim=1).mean()
    loss.backward()
    return z.detach().numpy(), np.concatenate([array.grad.numpy().ravel() for array in arrays.values()])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("hidden", ["mish", "selu", "tanh"])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_those_of_autograd(shape: str, hidden: str, engine: str) -> None:
    net = a_network(shape, hidden)
    X, y = data(net, 6)
    outputs, gradient = by_torch(net, X, y)
    assert relative_difference(net.predict(X, engine=engine), outputs) < 1e-12
    assert relative_difference(flat(net.gradients(X, y, engine=engine)), gradient) < 1e-12


@pytest.mark.parametrize("shape", SHAPES)
def test_a_file_and_a_copy_keep_everything(shape: str, tmp_path: Any) -> None:
    net = a_network(shape, "selu", "float32")
    net.save(tmp_path / "net.safetensors")
    for twin in (bs.load(tmp_path / "net.safetensors"), net.copy()):
        assert twin.spec == net.spec
        assert np.array_equal(twin.parameters, net.parameters)
        assert all(np.array_equal(x, y) for x, y in zip(twin.alphas, net.alphas, strict=True))


def test_views_are_where_the_parameters_are() -> None:
    net = a_network("all")
    net.parameters[:] = 0
    net.embedding.frequency[1, 2], net.scale[3], net.alphas[1][0] = 1.0, 2.0, 3.0
    assert sorted(net.parameters[net.parameters != 0]) == [1.0, 2.0, 3.0]
    assert net.embedding.mix.shape == (2, 16, 3)
    assert net.scale.shape == (9,) == (net.weights[0].shape[0],)


def test_alphas_of_one_and_scales_of_one_are_the_plain_network() -> None:
    plain = bs.Network([3, 5, 2], hidden="mish", seed=0)
    net = bs.Network([3, 5, 2], hidden="mish", seed=0, scaling=True, parametric=True)
    X = np.random.default_rng(0).normal(size=(4, 3))
    assert np.array_equal(net.predict(X, engine="reference"), plain.predict(X, engine="reference"))


def chunk_for(net: bs.Network, X: Any, y: Any, steps: int, **more: Any) -> Chunk:
    given: dict[str, Any] = {
        "sample_weight": None,
        "order": None,
        "batch_size": 4,
        "first_batch": 0,
        "steps": steps,
        "first_step": 0,
        "learning_rates": 0.05,
        "epoch": 0,
        "seed": 7,
        "dropout": (0.0,) * (net.spec.n_layers - 1),
        "clip_norm": None,
        "clip_value": None,
        "frozen": (False,) * len(net.spec.layout),
        "record": True,
    }
    return Chunk(X=X, y=y, **{**given, **more})


@pytest.mark.parametrize(
    "optimizer", [bs.SGD(momentum=0.9, nesterov=True, weight_decay=0.1), bs.AdamW(weight_decay=0.1, epsilon=1e-30)]
)
def test_neural_tangent_is_training_the_unscaled_weights(optimizer: Any) -> None:
    """With V = sqrt(n_in) W trained by the plain rule at the plain rate, W follows."""
    net = bs.Network([3, 5, 4, 2], hidden="tanh", seed=1, parametrization="neural_tangent")
    X, y = data(net, 8)
    rule = optimizer.rule()
    roots = spread(net.spec, tuple(np.sqrt(s[0]) if n[0] == "w" else 1.0 for n, _, s in net.spec.layout))
    is_weight = spread(net.spec, tuple(group_of(name) == "weights" for name, _, _ in net.spec.layout))
    V = net.parameters * roots
    values = {**rule.constants, **{name: np.zeros_like(V) for name in rule.slots}}
    engine = Engine(net.spec)
    from backstory.engine.reference import NUMPY
    from backstory.expressions import evaluate

    for t in range(1, 7):
        _, g = engine.loss_and_gradient(V / roots, X, y)
        values |= {"w": V, "g": g / roots, "t": float(t), "learning_rate": 0.05, "decay": 0.1 * is_weight}
        for name, formula in rule.assignments:
            values[name] = evaluate(formula, values, NUMPY)
        V = values["w"]
    net.fit(
        X, y, optimizer=dataclasses.replace(optimizer, learning_rate=0.05), epochs=6, batch_size=8, shuffle=False,
        engine="reference", progress=False,
    )  # fmt: skip
    assert relative_difference(net.parameters, V / roots) < 1e-12


def test_rules_without_such_a_form_are_refused() -> None:
    net = bs.Network([3, 5, 2], parametrization="neural_tangent")
    with pytest.raises(bs.ConfigurationError, match="must be trained with one of adagrad, adam"):
        net.fit(np.ones((4, 3)), np.ones((4, 2)), optimizer=bs.Polyak(), progress=False)


@pytest.mark.parametrize("engine", ENGINES)
def test_rates_and_decays_of_arrays_are_theirs(engine: str) -> None:
    """A rate of 0 freezes an array; decay without a gradient shrinks exactly those that are to decay."""
    net = a_network("all")
    X, y = data(net, 8)
    names = [name for name, _, _ in net.spec.layout]
    before = net.parameters.copy()
    rates = tuple(0.0 if name in ("w2", "scale", "alpha1", "mix") else 1.0 for name in names)
    rule = bs.AdamW(weight_decay=0.5).rule()
    state = {name: np.zeros_like(before) for name in rule.slots}
    net._engine(engine).train(net.parameters, rule, state, chunk_for(net, X, y, 3, rates=rates))
    moved = net.parameters != before
    assert np.array_equal(moved, spread(net.spec, rates) != 0)

    net.parameters[:] = before
    decays = tuple(2.0 if name in ("scale", "b1") else 0.0 for name in names)
    shares = np.array([1.0, 0.5, 0.0])
    rule = bs.SGD(weight_decay=0.5).rule()
    chunk = chunk_for(net, X, y, 3, decays=decays, decay_shares=shares, rates=(1e-9,) * len(names))
    chunk = dataclasses.replace(chunk, learning_rates=1e8)  # so that nothing but decay is seen
    net._engine(engine).train(net.parameters, rule, {}, dataclasses.replace(chunk, X=0 * X, clip_value=1e-30))
    shrunk = (1 - 0.1 * 0.5 * 2) * (1 - 0.1 * 0.25 * 2)
    assert np.allclose(net.parameters, before * np.where(spread(net.spec, decays) > 0, shrunk, 1.0), rtol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_share_of_dropout_is_that_rate(engine: str) -> None:
    net = a_network("all")
    X, y = data(net, 8)
    rule = bs.SGD().rule()
    ends = []
    for dropout, shares in (((0.5, 0.25), np.array([1.0, 1.0])), ((1.0 - 2**-30, 0.5), np.array([0.5, 0.5]))):
        twin = net.copy()
        rates = tuple(min(rate, 1.0) for rate in dropout)
        twin._engine(engine).train(
            twin.parameters, rule, {}, chunk_for(twin, X, y, 2, dropout=rates, dropout_shares=shares)
        )
        ends.append(twin.parameters)
    assert relative_difference(ends[0], ends[1]) < 1e-7
    twin, plain = net.copy(), net.copy()
    chunk = chunk_for(net, X, y, 2, dropout=(0.5, 0.5), dropout_shares=0.0)
    twin._engine(engine).train(twin.parameters, rule, {}, chunk)
    plain._engine(engine).train(plain.parameters, rule, {}, chunk_for(net, X, y, 2))
    assert relative_difference(twin.parameters, plain.parameters) < 1e-14


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"embedding": bs.Periodic(columns=[3])}, "columns to embed must be from 0 to 2"),
    ({"embedding": "periodic"}, r"embedding= must be None or Periodic"),
    ({"scaling": 1}, "'scaling' parameter of Network must be True or False"),
    ({"parametric": "yes"}, "'parametric' parameter of Network must be True or False"),
    ({"parametrization": "ntk"}, "parametrization"),
]


@pytest.mark.parametrize(("parts", "message"), REFUSED)
def test_parts_that_cannot_be_are_refused(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(bs.ConfigurationError, match=message):
        bs.Network([3, 5, 2], **parts)


def test_an_alpha_needs_a_hidden_unit() -> None:
    with pytest.raises(bs.ConfigurationError, match="needs a hidden layer"):
        bs.Network([3, 2], parametric=True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"frequencies": 0}, "'frequencies' parameter of Periodic must be an integer >= 1"),
        ({"width": 1}, "'width' parameter of Periodic must be an integer from 2 to 64"),
        ({"sigma": 0.0}, "'sigma' parameter of Periodic must be a number in"),
        ({"columns": [2, 1]}, "'columns' parameter of Periodic must be numbers of columns, each once, in rising order"),
        ({"columns": []}, "'columns' parameter of Periodic must be numbers of columns"),
    ],
)
def test_embeddings_that_cannot_be_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(bs.ConfigurationError, match=message):
        bs.Periodic(**given)


def test_plain_networks_are_written_as_before() -> None:
    assert set(bs.Network([3, 5, 2]).spec.to_dict()) == {
        "sizes", "activations", "loss", "penalty", "reduction", "biases", "dtype",
    }  # fmt: skip
    assert Spec.from_dict(a_network("all").spec.to_dict()) == a_network("all").spec


OPTIMIZERS: dict[str, Any] = {
    "momentum": bs.SGD(0.02, momentum=0.9, nesterov=True, weight_decay=0.01),
    "rmsprop": bs.RMSProp(0.005, momentum=0.5, epsilon=1e-4),
    "adamw": bs.AdamW(0.01, weight_decay=0.1, epsilon=1e-4),
    "lion": bs.Lion(1e-3, weight_decay=0.1),
    "rprop": bs.Rprop(1e-3),
    "polyak": bs.Polyak(0.1, max_rate=0.05),
    "quotient": bs.Quotient(1e-4, floor=0.1),
}
EXTRAS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "dropout": {"dropout": [0.4, 0.2]},
    "clip by norm": {"clip": 0.05},
    "clip both": {"clip": bs.Clip(norm=0.02, value=0.01)},
    "frozen": {"freeze": ("w1", "b3", "scale", "phase", "alpha2")},
}
TOLERANCE = {"float64": 1e-11, "float32": 2e-4}


def both(net: Any, X: Any, y: Any, **how: Any) -> tuple[Any, Any]:
    """The network after training by each engine."""
    twins = net.copy(), net.copy()
    for twin, engine in zip(twins, ENGINES, strict=True):
        twin.fit(X, y, engine=engine, progress=False, **how)
    return twins


def assert_alike(native: Any, reference: Any, tolerance: float) -> None:
    assert np.isfinite(reference.parameters).all()
    assert relative_difference(native.parameters, reference.parameters) <= tolerance
    assert relative_difference(native.history.loss, reference.history.loss) <= tolerance
    assert relative_difference(native.history.gradient_norm, reference.history.gradient_norm) <= 10 * tolerance


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("shape", ["all", "some columns", "without biases"])
def test_both_engines_train_alike(shape: str, optimizer: str, dtype: str) -> None:
    net = a_network(shape, "mish", dtype)
    X, y = data(net, 11)
    twins = both(net, X, y, optimizer=OPTIMIZERS[optimizer], batch_size=4, epochs=6)
    assert_alike(*twins, TOLERANCE[dtype])


@pytest.mark.parametrize("hidden", ["relu", "tanh", "selu", "gelu", "identity", "softplus"])
@pytest.mark.parametrize("extra", EXTRAS)
def test_what_else_fit_can_do_is_done_alike(extra: str, hidden: str) -> None:
    net = a_network("all", hidden, penalty=bs.Elastic(0.01, 0.05))
    X, y = data(net, 11)
    weight = np.sqrt([2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31])
    for optimizer in (bs.SGD(0.02), bs.AdamW(0.01, epsilon=1e-4)):
        twins = both(net, X, y, optimizer=optimizer, batch_size=4, epochs=4, sample_weight=weight, **EXTRAS[extra])
        assert_alike(*twins, 1e-10)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("sizes", [(1, 1, 1), (5, 33, 17, 3), (9, 40, 70, 1)])
def test_any_shape_is_trained_alike(sizes: Any, dtype: str) -> None:
    for shape in ("embedding", "scaling", "parametric"):
        more = {"embedding": bs.Periodic(17, 6, sigma=0.5)} if shape == "embedding" else {}
        net = a_network(shape, "mish", dtype, sizes, **more)
        X, y = data(net, 70)
        twins = both(net, X, y, optimizer=bs.SGD(0.01), batch_size=37, epochs=2)
        assert_alike(*twins, 2 * TOLERANCE[dtype])


def test_a_batch_longer_than_the_buffers_is_one_batch() -> None:
    net = a_network("all", "mish")
    X, y = data(net, 2500)
    twins = both(net, X, y, optimizer=bs.SGD(0.01), batch_size=2500, epochs=2)
    assert_alike(*twins, 1e-11)
    found = [flat(net.gradients(X, y, engine=engine)) for engine in ENGINES]
    assert relative_difference(*found) < 1e-11


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_the_same_bits_for_every_number_of_threads(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKSTORY_EXACT_THREADS", "1")
    net = a_network("all", "mish", dtype, (5, 65, 64, 2), embedding=bs.Periodic(columns=[0, 1, 3]))
    X, y = data(net, 700)
    ends = []
    for threads in (1, 2, 3):
        twin = net.copy()
        twin.fit(X, y, optimizer=bs.AdamW(0.01), batch_size=256, epochs=2, dropout=0.2, threads=threads, progress=False)
        gradient = flat(net.gradients(X, y, threads=threads))
        ends.append(
            (twin.parameters.tobytes(), twin.history.loss.tobytes(), gradient.tobytes(), net.predict(X).tobytes())
        )
    assert ends[0] == ends[1] == ends[2]


@pytest.mark.parametrize(("what", "value"), [("scale", np.nan), ("frequency", np.inf), ("alpha", np.nan)])
def test_a_number_that_is_not_finite_is_found_where_the_reference_finds_it(what: str, value: float) -> None:
    net = a_network("all", "mish")
    X, y = data(net, 11)
    {"scale": net.scale, "frequency": net.embedding.frequency[0], "alpha": net.alphas[1]}[what][1] = value
    errors = []
    for engine in ENGINES:
        with pytest.raises(bs.DivergenceError) as caught:
            net.copy().fit(X, y, optimizer=bs.SGD(0.01), batch_size=4, engine=engine, progress=False)
        errors.append((caught.value.quantity, caught.value.layer, caught.value.row, caught.value.step))
    assert errors[0] == errors[1]


def test_a_step_too_long_is_found_and_taken_back() -> None:
    net = a_network("all", "mish")
    X, y = data(net, 11)
    errors, ends = [], []
    for engine in ENGINES:
        twin = net.copy()
        with pytest.raises(bs.DivergenceError) as caught:
            twin.fit(X, y, optimizer=bs.SGD(1e200), batch_size=4, engine=engine, progress=False)
        errors.append((caught.value.quantity, caught.value.layer, caught.value.row, caught.value.step))
        ends.append(twin.parameters)
    assert errors[0] == errors[1]
    assert relative_difference(*ends) < 1e-9


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_cosines_are_right_at_many_angles(dtype: str) -> None:
    """Columns of one frequency and one mixture each, whose phases are the angles, as these have no rounding."""
    n = 500
    net = bs.Network([n, n], embedding=bs.Periodic(1, 2), dtype=dtype, seed=0, biases=False)
    net.parameters[:] = 0
    net.weights[0][1::2] = np.eye(n)
    net.embedding.mix[:] = 1
    most = 3e-16 if dtype == "float64" else 1.2e-7
    rng = np.random.default_rng(0)
    quarters = rng.integers(-3000, 3000, 20_000) * np.pi / 2
    sizes = rng.uniform(-10, 10, 50_000), rng.normal(0, 3000, 20_000), quarters, 10.0 ** rng.uniform(3, 15, 10_000)
    for angles in np.concatenate(sizes).astype(dtype).reshape(-1, n):
        net.embedding.phase[:, 0] = angles
        found = net.predict(np.zeros((1, n), dtype))[0]
        assert np.max(np.abs(found - np.cos(angles.astype(np.longdouble)))) < most


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_embedding_is_right_at_many_numbers(dtype: str) -> None:
    net = a_network("embedding", "tanh", dtype, (3, 5, 2), embedding=bs.Periodic(16, 4, sigma=1.0))
    X = np.random.default_rng(0).normal(0, 30, (20_000, 3)).astype(dtype)
    found, wanted = (net.predict(X, engine=engine) for engine in ENGINES)
    rounding = {"float64": 1e-12, "float32": 2e-3}[dtype]  # of the angle: up to some hundred turns
    assert np.max(np.abs(found - wanted)) < rounding


def test_fit_takes_rates_and_decays_by_group() -> None:
    """Each array moves as it does alone at that rate."""
    net = a_network("all")
    X, y = data(net, 8)
    rates, decays = {"scaling": 6.0, "biases": 0.1, "w2": 0.5}, {"weights": 0.5, "scaling": 2.0}
    how: dict[str, Any] = {"batch_size": 8, "epochs": 1, "shuffle": False, "progress": False}
    moved = net.copy()
    moved.fit(X, y, optimizer=bs.SGD(0.01, weight_decay=0.1), rates=rates, decays=decays, **how)
    gradient = flat(net.gradients(X, y))
    for name, at, shape in net.spec.layout:
        here = slice(at, at + int(np.prod(shape)))
        rate = 0.01 * rates.get(name, rates.get(group_of(name), 1.0))
        decay = 0.1 * decays.get(group_of(name), 0.0)
        wanted = net.parameters[here] * (1 - rate * decay) - rate * gradient[here]
        assert np.allclose(moved.parameters[here], wanted, rtol=1e-12, atol=1e-14), name


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"rates": {"weigths": 2.0}}, "group of parameters in rates=.*weights"),
        ({"rates": {"scaling": -1.0}}, r"rates\['scaling'\]"),
        ({"decays": 0.1}, "decays= must be a dict such as"),
        ({"rates": {"biases": 0.5}, "optimizer": bs.Rprop()}, "steps of rprop are not proportional"),
        ({"rates": {"biases": 0.5}, "optimizer": bs.LBFGS()}, "rates cannot be used with it"),
        ({"rates": {"biases": 0.5}, "shards": 2}, "Training in shards has one rate"),
    ],
)
def test_rates_that_cannot_be_are_refused(how: dict[str, Any], message: str) -> None:
    net = bs.Network([3, 5, 2], seed=0)
    X, y = data(net, 8)
    with pytest.raises(bs.ConfigurationError, match=message):
        net.fit(X, y, progress=False, **how)
