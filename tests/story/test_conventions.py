"""Notations of books and libraries: their names, and constants held against the libraries themselves."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.errors import ConfigurationError
from backstory.expressions import evaluate
from backstory.story.conventions import CONVENTIONS, convention, ratio, ratio_table

N, N_OUT = 5, 3
LOSSES = {
    "squared_error": ("identity", ["half_squared_error", "squared_error", "mean_squared_error"]),
    "binary_cross_entropy": ("sigmoid", ["binary_cross_entropy"]),
    "cross_entropy": ("softmax", ["cross_entropy"]),
}
EVERY_LOSS = [(family, output, loss) for family, (output, losses) in LOSSES.items() for loss in losses]


def data(family: str) -> tuple[Any, Any]:
    rng = np.random.default_rng(3)
    y = np.eye(N_OUT)[[0, 2, 1, 1, 0]] if family == "cross_entropy" else rng.uniform(0.1, 0.9, (N, N_OUT))
    return rng.normal(size=(N, 2)), y


def net(output: str, loss: str, **options: Any) -> bs.Network:
    return bs.Network([2, 4, N_OUT], hidden="tanh", output=output, loss=loss, seed=1, **options)


# -- names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nielsen", "w^2_13 w^3_{11,2} b^3_2 z^2_2 a^2_1 a^3_2 x_3 y_{12} δ^2_1 C C_x"),
        ("bishop", "w^(1)_13 w^(2)_{11,2} w^(2)_20 a^(1)_2 z^(1)_1 y_2 x_3 t_{12} δ^(1)_1 E E_n"),
        ("goodfellow", "W^(1)_{3,1} W^(2)_{2,11} b^(2)_2 u^(1)_2 h^(1)_1 ŷ_2 x_3 y_{12} delta1[0] J L"),
        ("ufldl", "W^(1)_13 W^(2)_{11,2} b^(2)_2 z^(2)_2 a^(2)_1 a^(3)_2 x_3 y_{12} δ^(2)_1 J L_n"),
        ("mazur", "w3 w28 b_o2 net_h2 out_h1 out_o2 i3 target_o12 δ_h1 E_total L_n"),
        (
            "scikit-learn",
            "coefs_[0][2,0] coefs_[1][1,10] intercepts_[1][1] z1[1] activations[1][0] "  # noqa: ISC004
            "activations[2][1] x[2] y[11] delta1[0] loss L_n",
        ),
        (
            "pytorch",
            "linear1.weight[0,2] linear2.weight[10,1] linear2.bias[1] z1[1] a1[0] a2[1] x[2] y[11] delta1[0] loss L_n",
        ),
        (
            "keras",
            "layers[0].kernel[2,0] layers[1].kernel[1,10] layers[1].bias[1] z1[1] a1[0] "  # noqa: ISC004
            "a2[1] x[2] y[11] delta1[0] loss L_n",
        ),
        (
            "jax",
            "Dense_0.kernel[2,0] Dense_1.kernel[1,10] Dense_1.bias[1] z1[1] a1[0] a2[1] x[2] y[11] delta1[0] loss L_n",
        ),
    ],
)
def test_names(name: str, expected: str) -> None:
    namer = CONVENTIONS[name].namer((3, 2, 12))
    asked = ["w1[2->0]", "w2[1->10]", "b2[1]", "z1[1]", "a1[0]", "a2[1]", "x[2]", "y[11]", "delta1[0]", "L", "L_n"]
    assert [namer(each) for each in asked] == expected.split()
    assert namer("w1[2->0]⁺") == expected.split()[0] + "⁺"
    assert namer("learning_rate") == "learning_rate"


def test_mazur_counts_his_weights_as_he_does() -> None:
    namer = CONVENTIONS["mazur"].namer((2, 2, 2))
    numbered = [f"w{layer}[{k}->{j}]" for layer in (1, 2) for j in (0, 1) for k in (0, 1)]
    assert [namer(each) for each in numbered] == [f"w{number}" for number in range(1, 9)]


def test_every_name_is_another() -> None:
    sizes = (3, 12, 11, 2)
    every = [f"w{n}[{k}->{j}]" for n in (1, 2, 3) for k in range(sizes[n - 1]) for j in range(sizes[n])]
    every += [f"{letter}{n}[{j}]" for letter in ("z", "a", "b", "delta") for n in (1, 2, 3) for j in range(sizes[n])]
    every += [f"x[{k}]" for k in range(3)] + [f"y[{k}]" for k in range(2)] + ["L", "L_n"]
    for row in CONVENTIONS.values():
        namer = row.namer(sizes)
        assert len({namer(each) for each in every}) == len(every), row.name


# -- constants, against the libraries


def pytorch_gradient(network: bs.Network, X: Any, y: Any, family: str) -> Any:
    torch = pytest.importorskip("torch")
    W = [torch.tensor(each, requires_grad=True) for each in network.weights]
    b = [torch.tensor(each) for each in network.biases]
    z = torch.tanh(torch.tensor(X) @ W[0] + b[0]) @ W[1] + b[1]
    aims = torch.tensor(y)
    losses = {
        "squared_error": lambda: torch.nn.MSELoss()(z, aims),
        "binary_cross_entropy": lambda: torch.nn.BCELoss()(torch.sigmoid(z), aims),
        "cross_entropy": lambda: torch.nn.CrossEntropyLoss()(z, aims.argmax(1)),
    }
    losses[family]().backward()
    return W[0].grad.numpy()


@pytest.mark.parametrize(("family", "output", "loss"), EVERY_LOSS)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_pytorch_finds_the_same_gradient(family: str, output: str, loss: str, reduction: str) -> None:
    network, (X, y) = net(output, loss, reduction=reduction), data(family)
    gradient = pytorch_gradient(network, X, y, family)
    for k, j in np.ndindex(2, 4):
        story = network.explain(f"w1[{k}->{j}]", X, y).in_convention("pytorch")
        assert story.value == pytest.approx(gradient[k, j], rel=1e-10)


@pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="JAX is not installed")
@pytest.mark.parametrize(("family", "output", "loss"), EVERY_LOSS)
def test_jax_finds_the_same_gradient(family: str, output: str, loss: str) -> None:
    import jax
    import jax.numpy as jnp

    network, (X, y) = net(output, loss), data(family)
    W, b = [np.asarray(each) for each in network.weights], [np.asarray(each) for each in network.biases]

    def of(first: Any) -> Any:
        z = jnp.tanh(X @ first + b[0]) @ W[1] + b[1]
        if family == "squared_error":
            return jnp.mean(0.5 * (z - y) ** 2)
        if family == "binary_cross_entropy":
            return jnp.mean(jnp.logaddexp(0.0, z) - y * z)
        return jnp.mean(-jnp.sum(y * jax.nn.log_softmax(z), axis=1))

    gradient = jax.grad(of)(jnp.asarray(W[0]))
    story = network.explain("w1[1->2]", X, y).in_convention("jax")
    assert story.value == pytest.approx(float(gradient[1, 2]), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize(("family", "output", "loss"), EVERY_LOSS)
def test_scikit_learn_finds_the_same_gradient(family: str, output: str, loss: str) -> None:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    network, (X, y) = net(output, loss, penalty=bs.L2(0.3)), data(family)
    story = network.explain("w1[1->2]", X, y).in_convention("scikit-learn")
    alpha = next(note for note in story.notes if "alpha = " in note).split("alpha = ")[1].split(" ")[0]
    theirs = (MLPRegressor if family == "squared_error" else MLPClassifier)(activation="tanh", alpha=float(alpha))
    theirs.out_activation_ = {"sigmoid": "logistic"}.get(output, output)
    theirs.n_layers_, theirs.n_outputs_ = 3, N_OUT
    theirs.coefs_, theirs.intercepts_ = [W.copy() for W in network.weights], [b.copy() for b in network.biases]
    activations = [X, np.empty((N, 4)), np.empty((N, N_OUT))]
    deltas = [np.empty((N, 4)), np.empty((N, N_OUT))]
    grads = [np.empty_like(W) for W in network.weights], [np.empty_like(b) for b in network.biases]
    theirs._backprop(X, y, None, activations, deltas, *grads)
    assert story.value == pytest.approx(grads[0][0][1, 2], rel=1e-5)
    assert story.named("w1[1->2]") == "coefs_[0][1,2]"


# -- constants, against the definitions


def written_out(name: str, family: str, a: Any, y: Any) -> float:
    """The loss as the source writes it, rows and all."""
    terms = {
        "squared_error": lambda: (a - y) ** 2,
        "binary_cross_entropy": lambda: -(y * np.log(a) + (1 - y) * np.log(1 - a)),
        "cross_entropy": lambda: -y * np.log(a),
    }[family]()
    n = len(a)
    by_source = {
        ("nielsen", "squared_error"): terms.sum() / (2 * n),
        ("bishop", "squared_error"): terms.sum() / 2,
        ("goodfellow", "squared_error"): terms.sum() / n,
        ("ufldl", "squared_error"): terms.sum() / (2 * n),
        ("mazur", "squared_error"): terms.sum() / 2 / n,  # of one row
        ("keras", "squared_error"): terms.mean(),
        ("nielsen", "binary_cross_entropy"): terms.sum() / n,
        ("bishop", "binary_cross_entropy"): terms.sum(),
        ("keras", "binary_cross_entropy"): terms.mean(),
        ("nielsen", "cross_entropy"): terms.sum() / n,
        ("bishop", "cross_entropy"): terms.sum(),
        ("goodfellow", "cross_entropy"): terms.sum() / n,
        ("keras", "cross_entropy"): terms.sum(axis=1).mean(),
    }
    return float(by_source[name, family])


@pytest.mark.parametrize(("family", "output", "loss"), EVERY_LOSS)
@pytest.mark.parametrize("name", ["nielsen", "bishop", "goodfellow", "ufldl", "mazur", "keras"])
def test_the_value_is_the_derivative_of_the_loss_as_the_source_writes_it(
    name: str, family: str, output: str, loss: str
) -> None:
    if family not in CONVENTIONS[name].losses:
        pytest.skip("the source says nothing of this loss")
    network, (X, y) = net(output, loss), data(family)
    story = network.explain("w1[1->2]", X, y).in_convention(name)
    moved = []
    for h in (1e-5, -1e-5):
        twin = network.copy()
        twin.weights[0][1, 2] += h
        moved.append(written_out(name, family, twin.predict(X), y))
    assert story.value == pytest.approx((moved[0] - moved[1]) / 2e-5, rel=1e-6)


@pytest.mark.parametrize("name", CONVENTIONS)
@pytest.mark.parametrize(("family", "output", "loss"), EVERY_LOSS)
def test_all_parts_of_a_story_change_together(name: str, family: str, output: str, loss: str) -> None:
    network, (X, y) = net(output, loss, penalty=bs.L2(0.2)), data(family)
    story = network.explain("w1[0->1]", X, y, optimizer=bs.SGD(0.1))
    told = story.in_convention(name)
    assert told.retelling is not None
    by = float(told.retelling.ratio)
    assert told.value == pytest.approx(by * story.value)
    assert told.batch is not None
    assert told.penalty is not None
    assert told.batch.value + told.penalty.value == pytest.approx(told.value)
    assert evaluate(told.penalty.slope, {story.by: story.graph.values[story.by]}) == pytest.approx(told.penalty.value)
    assert told.chain.value == pytest.approx(told.batch.gradients[told.batch.row])
    assert float(evaluate(told.chain.numbers, {})) == pytest.approx(told.chain.value, rel=1e-4)
    assert sum(path.value for path in told.paths) == pytest.approx(told.chain.value)
    assert told.nudge is not None
    assert told.nudge.verdict == story.nudge.verdict  # type: ignore[union-attr]
    assert (told.update is None) == (by != 1)
    assert told.in_convention("bishop").value == pytest.approx(story.in_convention("bishop").value)
    values = {**told.graph.values, **{f"y[{j}]": target for j, target in enumerate(y[told.batch.row])}}
    row = told.batch.row
    values |= {f"x[{k}]": value for k, value in enumerate(X[row])}
    for n, layer in enumerate(network.activations(X), 1):
        values |= {f"a{n}[{j}]": value for j, value in enumerate(layer[row])}
    for n, W in enumerate(network.weights, 1):
        values |= {f"w{n}[{k}->{j}]": W[k, j] for k, j in np.ndindex(W.shape)}
    for factor in told.factors:
        assert evaluate(factor.formula, values) == pytest.approx(factor.number)


def test_ratios() -> None:
    assert ratio("nielsen", "pytorch", n_outputs=10) == Fraction(1, 5)
    assert ratio("bishop", "nielsen", n_rows=32) == Fraction(1, 32)
    assert ratio("torch", "sklearn", "binary_cross_entropy", n_outputs=4) == 4
    for a in CONVENTIONS:
        for b in CONVENTIONS:
            assert ratio(a, b, n_outputs=7) * ratio(b, a, n_outputs=7) == 1
    with pytest.raises(ConfigurationError, match="'mazur' says nothing of 'cross_entropy'. It has: squared_error"):
        ratio("mazur", "keras", "cross_entropy")
    with pytest.raises(ConfigurationError, match="'mazur' tells of one row only"):
        ratio("mazur", "keras", n_rows=2)


def test_the_table_of_ratios() -> None:
    lines = ratio_table(n_outputs=3, n_rows=4).splitlines()
    assert "mazur" not in ratio_table(n_rows=4)
    assert "mazur" in ratio_table()
    assert lines[0].split() == ["nielsen", "bishop", "goodfell", "ufldl", "sklearn", "pytorch", "keras", "jax"]
    assert lines[2].split() == ["bishop", "4", "1", "2", "4", "4", "6", "6", "12"]
    assert all(len(line) <= 100 for line in lines)


# -- what is said


def notes(loss: str, name: str, **options: Any) -> str:
    network, (X, y) = net("identity", loss, **options), data("squared_error")
    return " ".join(network.explain("w1[0->1]", X, y).in_convention(name).notes)


def test_sentences() -> None:
    assert "Your gradient is twice this one because your loss has no ½." in notes("squared_error", "nielsen")
    assert "Your gradient is half this one because your loss has a ½ and this one has none." in notes(
        "half_squared_error", "goodfellow"
    )
    assert "Your gradient is this one: the constants are the same." in notes("half_squared_error", "ufldl")
    assert "Your gradient is 1/5 times this one because yours is the mean over 5 rows, this one their sum." in notes(
        "half_squared_error", "bishop"
    )
    assert "because your loss is the sum over 3 outputs, this one their mean." in notes("squared_error", "keras")
    assert "Your gradient is 3/2 times this one because" in notes("half_squared_error", "pytorch")
    assert "L2 is written λ/(2n)·Σw² there; your penalty is λ = 1 with n = 5." in notes(
        "half_squared_error", "nielsen", penalty=bs.L2(0.2)
    )
    assert "a learning rate" not in notes("half_squared_error", "nielsen")
    assert "The constants are yours: this loss is none of those" in notes("log_cosh", "nielsen")
    entropy, (X, y) = net("sigmoid", "binary_cross_entropy"), data("binary_cross_entropy")
    said = " ".join(entropy.explain("w1[0->1]", X, y).in_convention("goodfellow").notes)
    assert "The constants are yours: the source gives no binary cross entropy." in said


def test_the_page_is_in_the_letters_of_the_book() -> None:
    network, (X, y) = net("identity", "squared_error", penalty=bs.L2(0.1)), data("squared_error")
    network.weights[0][0, 1] = 1e-4
    page = str(network.explain("w1[0->1]", X, y).in_convention("nielsen"))
    assert page.startswith("∂C/∂w^2_21 = ")
    assert "δ^2_2 = ∂a^2_2/∂z^2_2" in page
    assert "the penalty of this weight is 0.025*(w^2_21)^2" in page
    assert not any(ours in page for ours in ("w1[", "z1[", "a2[", "L_n", "delta1"))


def test_delta_of_activations() -> None:
    row = dataclasses.replace(CONVENTIONS["nielsen"], delta="a")
    network, (X, y) = net("sigmoid", "half_squared_error"), data("binary_cross_entropy")
    story = network.explain("w1[0->1]", X[0], y[0]).in_convention(row)
    assert [delta.of for delta in story.deltas] == ["a2[2]", "a2[1]", "a2[0]", "a1[1]"]
    for delta in story.deltas:
        assert delta.chain.value == pytest.approx(story.graph.derivative(delta.of, "L"))
    assert any("δ is the derivative of the loss by an activation" in note for note in story.notes)


def test_unknown_conventions() -> None:
    with pytest.raises(ConfigurationError, match=r"(?i)convention.*'nielson'.*'nielsen'"):
        net("identity", "squared_error").explain("w1[0->1]", [1.0, 2.0], [0.0] * 3).in_convention("nielson")
    assert convention("Torch") is CONVENTIONS["pytorch"]


# -- formulas


def formulas(loss: str, samples: str = "mean") -> bs.Formulas:
    return bs.Formulas.read(
        f"w = 0.5\nv = -0.3\nsamples: x t s\n1 0.2 0.7\n2 0.9 0.1\n\nh = sigmoid(w*x)\no = sigmoid(v*h)\n"
        f"L = {samples}({loss})"
    )


@pytest.mark.parametrize(
    ("loss", "times"),
    [
        ("1/2*((o - t)^2 + (h - s)^2)", 1),
        ("(o - t)^2 + (h - s)^2", 2),
        ("((o - t)^2 + (h - s)^2)/2", 1),
        ("-(t*log(o) + (1 - t)*log(1 - o)) - (s*log(h) + (1 - s)*log(1 - h))", 1),
        ("3*((t - o)^2 + (s - h)^2)", 6),
    ],
)
@pytest.mark.parametrize("samples", ["mean", "sum"])
def test_formulas_keep_their_names_and_take_the_constants(loss: str, times: int, samples: str) -> None:
    story = formulas(loss, samples).explain("w")
    told = story.in_convention("nielsen")
    rows = 2 if samples == "sum" else 1
    assert story.value == pytest.approx(times * rows * told.value)
    assert told.named("w") == "w"
    assert told.batch is not None
    assert told.batch.combine == "mean"
    assert any(note.startswith("Formulas keep their own names") for note in told.notes)
    assert told.nudge is not None
    assert told.nudge.verdict == "fourfold"
    for factor in told.factors:
        assert evaluate(factor.formula, told.graph.values, told.graph.program.functions) == pytest.approx(factor.number)  # type: ignore[attr-defined]
    assert sum(path.value for path in told.paths) == pytest.approx(told.batch.gradients[told.batch.row])


def test_a_loss_of_ones_own_keeps_its_constants() -> None:
    story = formulas("log(1 + (o - t)^2)").explain("w")
    told = story.in_convention("bishop")
    assert told.value == story.value
    assert any("this loss is none of those" in note for note in told.notes)


def test_a_part_of_a_network_has_no_loss_to_scale() -> None:
    network, (X, y) = net("identity", "squared_error"), data("squared_error")
    story = network.explain("da2[0]/da1[1]", X[0], y[0])
    told = story.in_convention("bishop")
    assert told.value == story.value
    assert str(told).startswith("∂y_1/∂z^(1)_2 = ")
    assert not any("gradient is" in note for note in told.notes if "small" not in note)


def test_the_slip_is_told_where_the_step_is_the_same() -> None:
    made = bs.Network([2, 2, 2], hidden="sigmoid", output="sigmoid", seed=0)
    story = made.explain("w1[0->0]", [0.05, 0.1], [0.01, 0.99], optimizer=bs.SGD(0.5), stale=True)
    told = story.in_convention("mazur")
    assert told.stale is not None
    assert told.stale.value == story.stale.value  # type: ignore[union-attr]
    assert "w5⁺ = 0.733156436 (was 0.767352238)" in " ".join(str(told).split())
    assert "\n  w1⁺ " in str(told)
    assert "w2[" not in str(told)
    assert story.in_convention("goodfellow").stale is None
    assert math.isclose(story.in_convention("goodfellow").value, 2 * story.value)


def test_all_printers_use_the_letters() -> None:
    network, (X, y) = net("identity", "squared_error"), data("squared_error")
    story = network.explain("w1[0->1]", X, y).in_convention("bishop")
    assert r"\frac{\partial E}{\partial w^{(1)}_{21}}" in story.to_latex("question")
    assert "<mi>E</mi>" in story.to_mathml("question")
    page = story.to_html()
    assert "<title>The backstory of ∂E/∂w^(1)_21</title>" in page
    assert ">z<tspan" in page
    assert "[" not in page.split("<figure>")[1].split("</figure>")[0]


@pytest.mark.parametrize("name", CONVENTIONS)
def test_data_and_the_program_follow_the_convention(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    network, (X, y) = net("identity", "squared_error", penalty=bs.L2(0.1)), data("squared_error")
    story = network.explain("w1[0->1]", X, y)
    told = story.in_convention(name)
    exec(told.to_python(), {})  # the library's own program
    assert float(capsys.readouterr().out) == pytest.approx(told.value, rel=1e-12)
    kept = json.loads(json.dumps(told.to_dict()))["convention"]
    assert kept["name"] == name
    assert float(Fraction(kept["ratio"])) == pytest.approx(told.value / story.value)
    assert kept["names"]["w1[0->1]"] == told.named("w1[0->1]")
    assert story.to_dict()["convention"] is None
