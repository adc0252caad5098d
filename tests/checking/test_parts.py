"""Equations about networks with embeddings, learned scales and parametric activations."""

from __future__ import annotations

import numpy as np
import pytest

import backstory as bs
from backstory.checking.points import Sampler
from backstory.model.checks import layers_of, values_of

NETWORKS = {
    "all": bs.Network([3, 4, 3, 1], hidden="tanh", embedding=bs.Periodic(2, 2), scaling=True, parametric=True, seed=0),
    "wide": bs.Network(
        [8, 64, 64, 1], hidden="mish", embedding=bs.Periodic(16, 4), scaling=True, parametric=True, seed=0
    ),
    "some": bs.Network([3, 4, 1], hidden="relu", embedding=bs.Periodic(2, 3, columns=[1]), seed=0),
    "scales": bs.Network([3, 4, 1], hidden="relu", scaling=True, seed=0),
    "alphas": bs.Network([3, 4, 2], hidden="sigmoid", output="softmax", loss="cross_entropy", parametric=True, seed=0),
}

RIGHT = [
    ("all", "dL/dw_jk^(l) = delta_j^(l) a_k^(l-1)"),
    ("all", "delta_k^(l) = sum_j w_jk^(l+1) delta_j^(l+1) f'(z_k^(l))"),
    ("all", "delta_k^(1) = sum_j w_jk^(2) delta_j^(2) ((1-alpha_k^(1)) + alpha_k^(1) (1-tanh(z_k^(1))^2))"),
    ("all", "dL/dW^(l) = delta^(l) (a^(l-1))^T"),
    ("all", "dL/dw1[0->0] = delta1[0]*s[0]"),
    ("all", "a1[0] = (1 - alpha1[0])*z1[0] + alpha1[0]*tanh(z1[0])"),
    ("all", "dL/dalpha1[0] = dL/da1[0] * (tanh(z1[0]) - z1[0])"),
    ("all", "dL/dalpha_j^(1) = dL/da_j^(1) * (tanh(z_j^(1)) - z_j^(1))"),
    ("all", "dL/dscale[1] = dL/ds[1]*e[1]"),
    ("all", "dL/dscale[0] = dL/ds[0]*x[0]"),
    ("all", "dL/dfrequency[0,1] = -2*pi*x[0]*sin(angle[0,1])*mix[0,1,0]*scale[1]*dL/ds[1]"),
    ("wide", "dL/dfrequency[0,1] = -2*pi*x[0]*sin(angle[0,1])*dL/dwave[0,1]"),
    ("wide", "dL/dmix[2,15,0] = cos(angle[2,15])*scale[9]*dL/ds[9]"),
    ("wide", "delta_k^(l) = sum_j w_jk^(l+1) delta_j^(l+1) f'(z_k^(l))"),
    ("some", "dL/dw1[0->0] = delta1[0]*x[0]"),
    ("some", "dL/dw1[3->0] = delta1[0]*e[3]"),
    ("some", "e[2] = mix[0,0,0]*wave[0,0] + mix[0,1,0]*wave[0,1] + shift[0,0]"),
    ("some", "dL/dshift[0,1] = dL/de[3]"),
    ("some", "dL/dx[0] = dL/de[0]"),
    ("scales", "dL/dx[0] = scale[0]*dL/ds[0]"),
    ("scales", "dL/dscale[2] = x[2]*sum_j w_j2^(1)*delta_j^(1)"),
    ("alphas", "delta_j^(2) = a_j^(2) - y_j"),
    ("alphas", "w_jk^(1) = w_jk^(1) - alpha dL/dw_jk^(1)"),
    ("alphas", "dL/dw_jk^(1) = delta_j^(1) x_k"),
]

WRONG = [
    ("all", "dL/dw1[0->0] = delta1[0]*x[0]", "wrong_factor", "dL/dw1[0->0] = delta1[0]*s[0]"),
    ("all", "a1[0] = tanh(z1[0])", "wrong_definition", "a1[0] = (1 - alpha1[0])*z1[0] + alpha1[0]*tanh(z1[0])"),
    ("all", "dL/dscale[1] = dL/ds[1]*x[1]", "wrong_factor", "dL/dscale[1] = dL/ds[1]*e[1]"),
    ("all", "dL/dwave[0,1] = 2*mix[0,1,0]*dL/de[1]", "wrong_scale", "dL/dwave[0,1] = mix[0,1,0]*dL/de[1]"),
    ("scales", "dL/dx[0] = dL/ds[0]", "missing_factor", "dL/dx[0] = dL/ds[0]*scale[0]"),
    ("alphas", "dL/dalpha1[0] = sigmoid(z1[0])*dL/da1[0]", "wrong_factor", None),
]

UNREADABLE = [
    ("all", "dL/dw_jk^(1) = delta_j^(1) x_k", "Unknown name 'x_k'. Did you mean 'a_k^(0)'?"),
    ("all", "dL/da0[1] = 3", "Unknown name 'a0[1]'. Did you mean 's[1]'?"),
    ("all", "dL/dalpha3[0] = 0", "Unknown name 'alpha3[0]'."),
    ("scales", "dL/dmix[0,0,0] = 0", "Unknown name 'mix[0,0,0]'."),
    ("alphas", "dL/dscale[0] = 0", "Unknown name 'scale[0]'."),
]


@pytest.mark.parametrize(("name", "equation"), RIGHT)
def test_what_is_right_is_called_so(name: str, equation: str) -> None:
    assert NETWORKS[name].check(equation).status == "right"


@pytest.mark.parametrize(("name", "equation", "kind", "fix"), WRONG)
def test_what_is_wrong_is_named_and_mended(name: str, equation: str, kind: str, fix: str | None) -> None:
    verdict = NETWORKS[name].check(equation)
    assert (verdict.status, verdict.findings[0].kind) == ("wrong", kind)
    if fix is not None:
        assert verdict.findings[0].fix == fix
        assert NETWORKS[name].check(fix).ok


@pytest.mark.parametrize(("name", "equation", "message"), UNREADABLE)
def test_what_is_not_there_is_told(name: str, equation: str, message: str) -> None:
    verdict = NETWORKS[name].check(equation)
    assert verdict.status == "unreadable"
    assert message in verdict.findings[0].message


@pytest.mark.parametrize("name", ["all", "some", "scales", "alphas"])
def test_the_checker_s_gradients_are_the_network_s(name: str) -> None:
    """Every parameter's, by the formulas that equations are judged on, beside the engine's."""
    net = NETWORKS[name].copy()
    generator = np.random.default_rng(1)
    size = net.parameters.size
    net.parameters[:] = generator.uniform(0.2, 1.0, size) * generator.choice((-1, 1), size)
    x, y = generator.normal(size=3), np.eye(2)[0] if name == "alphas" else np.array([0.3])
    layers = layers_of(net.spec, within=True)
    program = layers.program(tuple(tuple(range(size)) for size in layers.sizes))
    point = Sampler(program, layers.derivative).at({**program.leaves, **values_of(net, x, y, within=True)})
    assert point is not None
    found = net.gradients(x[None], y[None])
    expected = [found.weights[0][1, 0], found.biases[0][1]]
    names = ["w1[1->0]", "b1[1]"]
    if found.embedding is not None:
        expected += [found.embedding.frequency[0, 1], found.embedding.phase[0, 0], found.embedding.mix[0, 1, 0]]
        names += ["frequency[0,1]", "phase[0,0]", "mix[0,1,0]"]
    if found.scale is not None:
        expected, names = [*expected, found.scale[2]], [*names, "scale[2]"]
    if found.alphas:
        expected, names = [*expected, found.alphas[0][3]], [*names, "alpha1[3]"]
    assert [point.total("L", each) for each in names] == pytest.approx(expected, rel=1e-10)


def test_numbers_are_those_of_the_network_where_all_of_it_is_shown() -> None:
    net = bs.Network([2, 2, 1], hidden="tanh", scaling=True, parametric=True, seed=3)
    net.scale[:] = 1.5, 0.5
    verdict = net.check("dL/dw1[0->0] = delta1[0]*s[1]", [2.0, 4.0], 1.0)
    assert verdict.numbers is not None
    assert verdict.numbers.left == pytest.approx(net.gradients([[2.0, 4.0]], [[1.0]]).weights[0][0, 0])
    verdict = net.check("dL/dscale[0] = 2*dL/ds[0]*x[0]", [2.0, 4.0], 1.0)
    assert verdict.numbers is not None
    assert verdict.numbers.left == pytest.approx(net.gradients([[2.0, 4.0]], [[1.0]]).scale[0])


def test_what_bs_train_trains_can_be_asked() -> None:
    rng = np.random.default_rng(0)
    frame = {"size": rng.normal(size=400), "age": rng.normal(size=400)}
    frame["price"] = 2 * frame["size"] - frame["age"]
    net = bs.train(frame, "price", epochs=2, progress=False)
    assert not net.spec.is_plain
    assert net.check("delta_k^(l) = sum_j w_jk^(l+1) delta_j^(l+1) f'(z_k^(l))").ok
    assert net.check("delta_k^(l) = sum_j w_kj^(l+1) delta_j^(l+1) f'(z_k^(l))").findings[0].kind == "wrong_index"
