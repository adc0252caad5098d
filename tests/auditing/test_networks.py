"""Networks, and gradients that somebody else wrote for them: every slip of backpropagation planted and named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.auditing.networks import flattened, from_network
from backstory.auditing.slips import Pass, slips
from backstory.errors import DataError

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(12, 3))
CLASSES = RANDOM.integers(0, 3, 12)
NUMBERS = RANDOM.normal(size=(12, 2))


def network(**options: Any) -> bs.Network:
    defaults: dict[str, Any] = {"hidden": "tanh", "loss": "half_squared_error", "seed": 2}
    return bs.Network([3, 5, 4, 2], **defaults | options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("hidden", ["relu", "sigmoid", "tanh", "gelu"])
def test_networks_pass(dtype: str, hidden: str) -> None:
    net = bs.Network(
        [3, 6, 5, 3], hidden=hidden, output="softmax", loss="cross_entropy", penalty=bs.L2(0.01), dtype=dtype, seed=0
    )
    before = net.parameters.copy()
    report = bs.audit(net, X, CLASSES)
    assert report.ok, str(report)
    assert (net.parameters == before).all()
    assert report.worst[0].name[0] in "wb"


def planted(net: bs.Network, kind: str, words: str, y: Any) -> list[np.ndarray]:
    """The arrays of the slip of that kind whose sentence has those words; the learning rate of a stale one is 0.3."""
    share = np.full(len(X), 1 / len(X))
    claimed = net.gradients(X, y)
    flat = np.concatenate([each.ravel() for pair in zip(claimed.weights, claimed.biases, strict=True) for each in pair])
    found = [
        slip for slip in slips(net.spec, net.parameters, X, y, share, flat) if slip.kind == kind and words in slip.cause
    ]
    return split(net, found[0].gradient)


def split(net: bs.Network, flat: Any) -> list[np.ndarray]:
    return [flat[start : start + int(np.prod(shape))].reshape(shape) for _, start, shape in net.spec.layout]


PARTS: dict[str, dict[str, Any]] = {
    "all": {"embedding": bs.Periodic(2, 2), "scaling": True, "parametric": True},
    "some": {"embedding": bs.Periodic(2, 3, columns=[1]), "parametric": True, "biases": False},
    "scales": {"scaling": True},
}


def with_parts(shape: str) -> bs.Network:
    net = network(output="sigmoid", **PARTS[shape])
    net.parameters[:] += np.random.default_rng(1).normal(scale=0.3, size=net.parameters.size)
    return net


@pytest.mark.parametrize("shape", PARTS)
def test_embeddings_scales_and_alphas_are_audited(shape: str) -> None:
    net, y = with_parts(shape), RANDOM.uniform(0.1, 0.9, size=(12, 2))
    report = bs.audit(net, X, y)
    assert report.ok, str(report)
    names = [name for name, _, _ in net.spec.layout]
    for name in (each for each in names if each[0] not in "wb"):
        arrays = split(net, flattened(net.spec, net.gradients(X, y)))
        arrays[names.index(name)] *= -1
        report = bs.audit(net, X, y, gradient=arrays)
        assert report.verdict == "fail", str(report)
        assert f"Only the derivatives by {name} are wrong; all others agree. They have the wrong sign." in report.cause


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing_activation_derivative", "hidden layer 1"),
        ("missing_activation_derivative", "in the output layer"),
        ("wrong_argument", "hidden layer 2"),
    ],
)
def test_slips_behind_an_embedding_are_named(kind: str, words: str) -> None:
    net, y = with_parts("all"), RANDOM.uniform(0.1, 0.9, size=(12, 2))
    claimed, share = flattened(net.spec, net.gradients(X, y)), np.full(len(X), 1 / len(X))
    run = Pass(net.spec, net.parameters, X, y, share)
    np.testing.assert_allclose(run.gradient(run.dz), claimed, rtol=1e-9, atol=1e-15)
    made = slips(net.spec, net.parameters, X, y, share, claimed)
    slip = next(each for each in made if each.kind == kind and words in each.cause)
    report = bs.audit(net, X, y, gradient=split(net, slip.gradient))
    assert (report.verdict, report.kind) == ("fail", kind), str(report)
    assert words in report.cause


def test_a_step_taken_before_is_named_behind_an_embedding() -> None:
    net, y = with_parts("all"), RANDOM.uniform(0.1, 0.9, size=(12, 2))
    stepped = net.copy()
    stepped.step(X, y, optimizer=bs.SGD(0.25))
    report = bs.audit(net, X, y, gradient=stepped.gradients(X, y))
    assert (report.verdict, report.kind) == ("fail", "stale_weights"), str(report)
    assert "learning rate 0.25" in report.cause


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing_activation_derivative", "hidden layer 1"),
        ("missing_activation_derivative", "hidden layer 2"),
        ("missing_activation_derivative", "all hidden layers"),
        ("missing_activation_derivative", "in the output layer"),
        ("missing_activation_derivative", "taken to be a - y"),
        ("extra_activation_derivative", "once too often"),
        ("wrong_argument", "hidden layer 1"),
        ("wrong_argument", "hidden layer 2"),
        ("wrong_function", "outputs' sum"),
        ("wrong_function", "outputs' mean over rows"),
        ("wrong_function", "outputs' mean."),
    ],
)
def test_slips_of_backpropagation_are_named(kind: str, words: str) -> None:
    loss = "binary_cross_entropy" if kind.startswith("extra") else "squared_error"
    net = network(output="sigmoid", loss=loss)
    y = RANDOM.uniform(0.1, 0.9, size=(12, 2))
    report = bs.audit(net, X, y, gradient=planted(net, kind, words, y))
    assert (report.verdict, report.kind) == ("fail", kind), str(report)
    assert words in report.cause


def test_weights_already_updated_are_named_with_their_learning_rate() -> None:
    net = network()
    stepped = net.copy()
    stepped.step(X, NUMBERS, optimizer=bs.SGD(0.25))
    late = stepped.gradients(X, NUMBERS)
    report = bs.audit(net, X, NUMBERS, gradient=late)
    assert (report.verdict, report.kind) == ("fail", "stale_weights"), str(report)
    assert "learning rate 0.25" in report.cause


def test_deltas_through_updated_weights_are_named() -> None:
    """The slip of several published examples: the last layer is updated before the delta goes back through it."""
    net = network()
    run = Pass(net.spec, net.parameters, X, NUMBERS, np.full(len(X), 1 / len(X)))
    weights = [W.copy() for W in net.weights]
    dz, parts = run.dz * run.share[:, None], []
    for layer in range(3, 0, -1):
        dW = run.a[layer - 1].T @ dz
        parts = [dW, dz.sum(axis=0), *parts]
        weights[layer - 1] -= 0.4 * dW
        if layer > 1:
            dz = run.through(layer - 1, dz @ weights[layer - 1].T)
    report = bs.audit(net, X, NUMBERS, gradient=parts)
    assert (report.verdict, report.kind) == ("fail", "stale_weights"), str(report)
    assert "learning rate 0.4" in report.cause


def test_a_penalty_left_out_and_one_counted_twice() -> None:
    net = network(penalty=bs.L2(0.1))
    plain = network()
    plain.parameters[:] = net.parameters
    assert bs.audit(net, X, NUMBERS, gradient=plain.gradients(X, NUMBERS)).kind == "missing_penalty"
    right = net.gradients(X, NUMBERS)
    twice = [
        each for W, g, b in zip(net.weights, right.weights, right.biases, strict=True) for each in (g + 0.1 * W, b)
    ]
    report = bs.audit(net, X, NUMBERS, gradient=twice)
    assert report.kind == "extra_penalty"
    assert "more than once" in report.cause


def test_a_sum_over_rows_is_called_that() -> None:
    net, summed = network(), network(reduction="sum")
    report = bs.audit(net, X, NUMBERS, gradient=summed.gradients(X, NUMBERS))
    assert (report.kind, report.ratio) == ("scale", 12.0)
    assert "the number of rows" in report.cause


class Halved(bs.Network):
    """A network with a slip of its own."""

    def gradients(self, X: Any, y: Any, **options: Any) -> Any:
        found = super().gradients(X, y, **options)
        for array in (*found.weights, *found.biases):
            array *= 0.5
        return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_a_subclass_overrides_is_audited(dtype: str) -> None:
    net = Halved([3, 4, 2], hidden="tanh", seed=0, dtype=dtype)
    report = bs.audit(net, X, NUMBERS)
    assert (report.verdict, report.kind, report.ratio) == ("fail", "scale", 0.5)


def test_relu_at_zero_is_a_kink() -> None:
    net = bs.Network([3, 4, 2], hidden="relu", seed=0)
    rows = X.copy()
    rows[0] = 0.0  # with biases of 0, every hidden unit of this row sits on its kink
    report = bs.audit(net, rows, NUMBERS)
    assert (report.verdict, report.kind) == ("inconclusive", "kink")
    assert "b1[" in report.cause


def test_a_gradient_may_be_a_function_of_the_network() -> None:
    net = network()
    assert bs.audit(net, X, NUMBERS, gradient=lambda at: at.gradients(X, NUMBERS)).ok


def test_a_gradient_that_does_not_fit_is_refused() -> None:
    net = network()
    with pytest.raises(DataError, match="must have the 6 arrays w1, b1, w2, b2, w3, b3, in that order. Got 1"):
        bs.audit(net, X, NUMBERS, gradient=[np.zeros((3, 5))])
    wrong = list(split(net, net.parameters.copy()))
    wrong[2] = wrong[2].T
    with pytest.raises(DataError, match="The gradient by w2 must have shape \\(5, 4\\). Got \\(4, 5\\)"):
        bs.audit(net, X, NUMBERS, gradient=wrong)


def test_the_problem_of_a_network_knows_its_penalty() -> None:
    net = network(penalty=bs.L2(0.5))
    problem = from_network(net, X, NUMBERS)
    assert problem.penalty is not None
    np.testing.assert_allclose(problem.penalty[:15], 0.5 * net.weights[0].ravel())
