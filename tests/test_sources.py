"""Five texts by people trying to understand backpropagation: what each needs, in Python and on the command line.

The tables of the command line are asked on the studio's page too: `tests/studio/test_sources_page.py`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import backstory as bs
from tests.conftest import Run

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def formulas(name: str) -> bs.Formulas:
    return bs.Formulas.read(EXAMPLES / f"{name}.txt")


# ---------------------------------------------------------------------------------------------------------------------
# 1. Why is there an f'(z) in delta_0 = w * delta_1 * f'(z_0)?


def test_1_the_delta_rule_is_derived_factor_by_factor() -> None:
    f = formulas("delta-rule")
    story = f.explain("dL/dz0")
    kinds = [factor.kind for factor in story.factors]
    assert kinds == ["activation derivative", "weight", "loss derivative"]
    slope, weight, _ = (factor.number for factor in story.factors)
    assert slope == pytest.approx(1 - f.values["a0"] ** 2)
    assert weight == f.values["w"]
    assert story.value == pytest.approx(slope * weight * f.gradient("z1"))


def test_1_the_factor_is_one_for_the_identity() -> None:
    text = (EXAMPLES / "delta-rule.txt").read_text(encoding="utf-8").replace("tanh(z0)", "identity(z0)")
    factor = bs.Formulas.read(text).explain("dL/dz0").factors[0]
    assert (factor.target, factor.source, factor.number) == ("a0", "z0", 1.0)


def test_1_the_penalty_is_a_term_of_its_own_and_the_nudge_test_holds() -> None:
    story = formulas("delta-rule").explain("dL/dv")
    assert ("v", "L") in [path.nodes for path in story.paths]
    direct = next(path for path in story.paths if path.nodes == ("v", "L"))
    assert direct.value == pytest.approx(0.1 * 0.5)
    assert story.nudge is not None
    assert story.nudge.verdict == "fourfold"
    net = bs.Network([3, 1], output="sigmoid", loss="binary_cross_entropy", penalty=bs.L2(0.1), seed=0)
    told = net.explain("w1[1->0]", [0.2, -1.0, 0.7], [1.0])
    assert told.penalty is not None
    assert told.penalty.value == pytest.approx(0.1 * net.weights[0][1, 0])


# ---------------------------------------------------------------------------------------------------------------------
# 2. One neuron: the role of the derivative of the sigmoid, step by step


def test_2_the_neuron_learns_its_data_by_gradient_descent_each_partial_shown() -> None:
    f = formulas("one-neuron")
    losses = f.fit(optimizer=bs.SGD(2.0), steps=2000)
    assert losses[-1] < 0.01 < losses[0]
    assert np.array_equal(np.round(f.values["yhat"]), f.values["y"])
    story = formulas("one-neuron").explain("dC/dw1")
    assert [(factor.target, factor.source) for factor in story.factors] == [("z", "w1"), ("yhat", "z"), ("C_n", "yhat")]
    assert len(story.batch.gradients) == 4  # type: ignore[union-attr]  # it has samples


@pytest.mark.parametrize(
    ("slip", "kind", "said"),
    [
        ("sigma(z) = 1/(1 + e^{z})", "wrong_sign", "sign of the exponent"),
        ("dyhat/dw1 = yhat*(1 - yhat)", "missing_factor", "x1 is missing"),
    ],
)
def test_2_its_slips_are_found(slip: str, kind: str, said: str) -> None:
    verdict = formulas("one-neuron").check(slip)
    assert verdict.findings[0].kind == kind
    assert said in verdict.findings[0].message


# ---------------------------------------------------------------------------------------------------------------------
# 3. x -> h -> y with one bias shared, and a 2-2-2 network: how do I get dL/dw1?

ASKED = "dL/dw1 = dh1/dw1*dw7/dh1*do2/dw7*dL/do2 + dh1/dw1*dw5/dh1*do1/dw5*dL/do1"
ANSWERED = (
    "dL/dw1 = dh1/dw1*do2/dh1*dL/do2 + dh1/dw1*do1/dh1*dL/do1",
    "dL/dw1 = dL/do1*do1/dh1*dh1/dw1 + dL/do2*do2/dh1*dh1/dw1",
    "∂L/∂w₁ = (∂L/∂o₁ ∂o₁/∂h₁ + ∂L/∂o₂ ∂o₂/∂h₁) ∂h₁/∂w₁",
    r"\frac{\partial L}{\partial w_1} = \frac{\partial h_1}{\partial w_1} \frac{\partial L}{\partial h_1}",
    "dL/dw1 = x1*h1*(1-h1)*(w5*(o1-y1)*o1*(1-o1) + w7*(o2-y2)*o2*(1-o2))",
)


def test_3_a_shared_bias_sums_over_its_uses() -> None:
    f = formulas("chain")
    story = f.explain("dL/db")
    assert story.path_count == 2
    assert story.value == pytest.approx(f.gradient("h") * f.values["h"] * (1 - f.values["h"]) + _at_y(f))
    assert f.depends("h", "b")
    assert f.depends("y", "b")


def _at_y(f: bs.Formulas) -> float:
    y = f.values["y"]
    return float(f.gradient("y") * y * (1 - y))


def test_3_the_askers_equation_is_refused_for_its_reason() -> None:
    f = formulas("two-two-two")
    verdict = f.check(ASKED)
    assert verdict.status == "wrong"
    assert verdict.findings[0].kind == "independent"
    assert ASKED[slice(*verdict.findings[0].span)] == "dw7/dh1"
    assert f.check(verdict.findings[0].fix).ok
    told = f.explain("dw7/dh1")
    assert told.value == 0
    assert "independent quantity" in told.notes[0]


@pytest.mark.parametrize("equation", ANSWERED)
def test_3_the_right_one_is_accepted_in_any_order_and_notation(equation: str) -> None:
    verdict = formulas("two-two-two").check(equation)
    assert verdict.ok, str(verdict)


def test_3_the_gradient_is_the_sum_over_paths() -> None:
    story = formulas("two-two-two").explain("dL/dw1")
    assert story.value == pytest.approx(sum(path.value for path in story.paths)) == pytest.approx(0.0004385677344743)
    assert story.path_count == 2


# ---------------------------------------------------------------------------------------------------------------------
# 4. L layers in index notation


def test_4_the_example_is_a_network_of_layers() -> None:
    f = formulas("layers")
    net = bs.Network([2, 2, 2], hidden="tanh", output="sigmoid", loss="squared_error", biases=False, seed=0)
    values = f.parameters
    for layer in (1, 2):
        for j in (1, 2):
            for k in (1, 2):
                net.weights[layer - 1][k - 1, j - 1] = values[f"w{layer}_{j}{k}"]
    table = f.values
    X = np.column_stack([table["a0_1"], table["a0_2"]])
    y = np.column_stack([table["y_1"], table["y_2"]])
    gradients = net.gradients(X, y)
    assert gradients.loss == pytest.approx(table["C"])
    for name, value in f.gradients.items():
        layer, j, k = int(name[1]), int(name[3]), int(name[4])
        assert value == pytest.approx(gradients.weights[layer - 1][k - 1, j - 1], rel=1e-12)
    before = f.parameters["w1_11"]
    f.step(bs.SGD(0.1))
    assert f.parameters["w1_11"] == pytest.approx(before - 0.1 * gradients.weights[0][0, 0])


def test_4_the_general_index_formulas_are_printed() -> None:
    net = bs.Network([3, 4, 2], hidden="tanh", output="sigmoid", loss="squared_error", seed=0)
    text = str(net.explain_layer(1))
    assert "delta1[j] = f'(z1[j]) * Σ_k(w2[j->k] * delta2[k])" in text
    assert "∂L/∂w1[k->j] = 1/N * Σ_n(delta1[n,j] * x[n,k])" in text


@pytest.mark.parametrize(
    ("equation", "status"),
    [
        (r"\delta_j^{(l)} = \sum_k w_{kj}^{(l+1)} \delta_k^{(l+1)} f'(z_j^{(l)})", "right"),
        (r"\frac{\partial C}{\partial w_{jk}^{(l)}} = a_k^{(l-1)} \delta_j^{(l)}", "right"),
        ("delta_j^L = 2*(a_j^L - y_j)*g'(z_j^L)", "right"),
        ("delta_j^L = (a_j^L - y_j)*g'(z_j^L)", "wrong"),
        (r"\delta_j^{(l)} = w_{kj}^{(l+1)} \delta_k^{(l+1)} f'(z_j^{(l)})", "wrong"),
    ],
)
def test_4_equations_with_free_indices_are_judged(equation: str, status: str) -> None:
    net = bs.Network([3, 4, 2], hidden="tanh", output="sigmoid", loss="squared_error", seed=0)
    verdict = net.check(equation)
    assert verdict.status == status, str(verdict)


# ---------------------------------------------------------------------------------------------------------------------
# 5. The derivative of the activation or of the loss? Both


def test_5_every_factor_is_labelled_by_its_kind() -> None:
    story = formulas("three-factors").explain("dc/dw")
    kinds = [factor.kind for factor in story.factors]
    assert kinds.count("activation derivative") == 2
    assert kinds.count("weight") == 2
    assert kinds.count("loss derivative") == 1
    assert kinds.count("input") == 1


def test_5_the_quotient_rule_is_a_newton_step_towards_zero_cost() -> None:
    f = formulas("three-factors")
    cost, slope, before = f.values["c"], f.gradient("w"), f.parameters["w"]
    told = f.explain("w", optimizer=bs.Quotient(1.0)).update
    assert told is not None
    assert told.new == pytest.approx(before - cost / slope)
    descent = f.explain("w", optimizer=bs.SGD(1.0)).update
    assert descent is not None
    assert descent.new == pytest.approx(before - slope)
    polyak = f.explain("w", optimizer=bs.Polyak(1.0, max_rate=1e9)).update
    assert polyak is not None
    assert polyak.new == pytest.approx(told.new)  # with one parameter the two are the same step


def test_5_products_are_counted_with_and_without_storing_them() -> None:
    table = formulas("two-two-two").explain("dL/dw1").costs
    assert table.stored.multiplications < table.path_by_path.multiplications


@pytest.mark.parametrize(
    "optimizer",
    [
        bs.SGD(0.5),
        bs.SGD(bs.InverseTime(0.5)),
        bs.SGD(0.2, momentum=0.9),
        bs.SGD(0.2, momentum=0.9, nesterov=True),
        bs.RMSProp(0.05),
        bs.Adam(0.05),
        bs.AdamW(0.05),
        bs.Polyak(),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_5_other_techniques_bring_the_cost_down(optimizer: bs.SGD) -> None:
    losses = formulas("one-neuron").fit(optimizer=optimizer, steps=200)
    assert losses[-1] < 0.8 * losses[0]


# ---------------------------------------------------------------------------------------------------------------------
# On the command line


STORIES = [
    ("delta-rule", "dL/dz0", "∂a0/∂z0 = (1 - a0)*(1 + a0)"),
    ("delta-rule", "dL/dv", "v → L"),
    ("one-neuron", "dC/dw1", "∂yhat/∂z = yhat*(1 - yhat)"),
    ("chain", "dL/db", "b is used 2 times, in z_h, z_y"),
    ("two-two-two", "dL/dw1", "w1 → z_h1 → h1 → z_o2 → o2 → L"),
    ("two-two-two", "dw7/dh1", "w7 is a weight, an independent quantity"),
    ("layers", "dC/dw1_11", "∂C/∂w1_11 is the mean of the 3 rows' ∂C0/∂w1_11"),
    ("three-factors", "dc/dw", "[activation derivative]"),
    ("mazur", "dL/dw1", "∂L/∂w1 = 0.000438568"),
    ("nielsen-neuron", "dC/dw", "∂C/∂w = 0.121938"),
]


@pytest.mark.parametrize(("example", "quantity", "said"), STORIES)
def test_a_story_on_the_command_line(run: Run, example: str, quantity: str, said: str) -> None:
    result = run("explain", EXAMPLES / f"{example}.txt", quantity)
    assert result.code == 0, result.err
    assert said in " ".join(result.out.split()) or said in result.out


EQUATIONS = [
    ("delta-rule", "dL/dz0 = w*dL/dz1*tanh'(z0)", 0, "Right."),
    ("delta-rule", "dL/dz0 = w*dL/dz1", 1, "is missing"),
    ("one-neuron", "sigma(z) = 1/(1 + e^{z})", 1, "sign of the exponent"),
    ("two-two-two", ASKED, 1, "independent"),
    *[("two-two-two", equation, 0, "Right.") for equation in ANSWERED],
    ("one-neuron", "dC/dw1 = 1/4*sum_n (yhat - y)*yhat*(1 - yhat)*x1", 0, "Right."),
    ("one-neuron", "C = 1/8*sum_n (yhat - y)^2", 0, "Right."),
    ("one-neuron", "C = 1/4*sum_n (yhat - y)^2", 1, "2 times"),
    ("one-neuron", "dC/dw1 = (yhat - y)*yhat*(1 - yhat)*x1", 1, "sum"),
    ("layers", "C0 = (a2_1 - y_1) + (a2_2 - y_2)", 1, "C0 = (a2_1 - y_1)^2 + (a2_2 - y_2)^2"),
    ("three-factors", "dc/dw = x*a1*(1-a1)*p1*a2*(1-a2)*p2*2*(a3-t)", 0, "Right."),
]


@pytest.mark.parametrize(("example", "equation", "code", "said"), EQUATIONS)
def test_an_equation_on_the_command_line(run: Run, example: str, equation: str, code: int, said: str) -> None:
    result = run("check", EXAMPLES / f"{example}.txt", equation)
    assert result.code == code, result.out + result.err
    assert said in " ".join(result.out.split())
