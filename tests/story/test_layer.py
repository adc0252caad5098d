"""The general formulas of a layer: what is printed is evaluated for all values of its indices."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backstory as bs
from backstory.engine.reference import NUMPY, activate
from backstory.errors import ConfigurationError
from backstory.expressions import evaluate, names
from backstory.story.layer import LayerStory

HIDDEN = ["tanh", "sigmoid", "softplus", "elu", "gelu", "silu", "identity"]
OUTPUTS = [
    ("identity", "half_squared_error"),
    ("identity", "mean_squared_error"),
    ("tanh", "huber"),
    ("sigmoid", "squared_error"),
    ("sigmoid", "binary_cross_entropy"),
    ("softmax", "cross_entropy"),
    ("softmax", "squared_error"),
    ("exp", "poisson"),
]


@st.composite
def networks(draw: st.DrawFn) -> tuple[bs.Network, Any, Any]:
    sizes = draw(st.lists(st.integers(1, 3), min_size=2, max_size=4))
    output, loss = draw(st.sampled_from(OUTPUTS))
    if output == "softmax":
        sizes[-1] = max(sizes[-1], 2)
    hidden = [draw(st.sampled_from(HIDDEN)) for _ in sizes[2:]]
    seed = draw(st.integers(0, 2**16))
    net = bs.Network(
        sizes,
        hidden=hidden,
        output=output,
        loss=loss,
        penalty=draw(st.sampled_from([None, bs.L2(0.3), bs.Elastic(0.1, 0.2)])),
        reduction=draw(st.sampled_from(["mean", "sum"])),
        biases=draw(st.booleans()),
        seed=seed,
    )
    rng = np.random.default_rng(seed)
    for b in net.biases:
        b[:] = rng.normal(size=b.shape)
    n = draw(st.integers(1, 3))
    y = rng.uniform(0.1, 0.9, (n, sizes[-1]))
    return net, rng.normal(size=(n, sizes[0])), y / y.sum(axis=1, keepdims=True) if loss == "cross_entropy" else y


def arrays(net: bs.Network, X: Any, y: Any) -> dict[str, list[Any]]:
    """By letter, the values of layers 0 ... L, (n, n_l) each; nothing where a layer has none."""
    a = [X, *net.activations(X)]
    biases = [*net.biases] or [0.0] * len(net.weights)
    z = [None, *(before @ W + b for before, W, b in zip(a, net.weights, biases, strict=False))]
    return {"a": a, "z": z, "delta": [None, *net.deltas(X, y)]}


def values(net: bs.Network, X: Any, y: Any, row: int | None) -> dict[str, float]:
    """By address: of one row, or with the row in the brackets where there is none."""
    found: dict[str, float] = {}
    for letter, layers in arrays(net, X, y).items():
        for layer, array in enumerate(layers):
            for n, j in np.ndindex(array.shape) if array is not None else ():
                name = f"{letter}{layer}" if layer else "x"
                if row is None or n == row:
                    found[f"{name}[{j}]" if row is not None else f"{name}[{n},{j}]"] = float(array[n, j])
    if row is not None:
        found |= {f"y[{j}]": float(target) for j, target in enumerate(y[row])}
    for layer, W in enumerate(net.weights, 1):
        found |= {f"w{layer}[{k}->{j}]": float(W[k, j]) for k, j in np.ndindex(W.shape)}
    for layer, b in enumerate(net.biases, 1):
        found |= {f"b{layer}[{j}]": float(value) for j, value in enumerate(b)}
    return found


@settings(max_examples=60)
@given(networks())
def test_every_index_formula_for_every_index(made: tuple[bs.Network, Any, Any]) -> None:
    net, X, y = made
    truth, gradients = arrays(net, X, y), net.gradients(X, y)
    for layer in range(1, net.spec.n_layers + 1):
        told = net.explain_layer(layer)
        for row in range(len(X)):
            known = values(net, X, y, row)
            for key, letter in (("z", "z"), ("a", "a"), ("delta", "delta")):
                for j in range(net.spec.sizes[layer]):
                    found = evaluate(told.equation(key).at(j=j), known)
                    assert found == pytest.approx(truth[letter][layer][row, j], rel=1e-8, abs=1e-12), (key, layer)
        known = values(net, X, y, None)
        for k, j in np.ndindex(net.weights[layer - 1].shape):
            found = evaluate(told.equation("weight").at(len(X), k=k, j=j), known)
            assert found == pytest.approx(gradients.weights[layer - 1][k, j], rel=1e-8, abs=1e-12)
        if net.spec.biases:
            for j in range(net.spec.sizes[layer]):
                found = evaluate(told.equation("bias").at(len(X), j=j), known)
                assert found == pytest.approx(gradients.biases[layer - 1][j], rel=1e-8, abs=1e-12)


@settings(max_examples=60)
@given(networks())
def test_every_matrix_formula_in_both_layouts(made: tuple[bs.Network, Any, Any]) -> None:
    net, X, y = made
    gradients = net.gradients(X, y)
    for layer in range(1, net.spec.n_layers + 1):
        for turned in (False, True):
            known = matrices(net, X, y, turned)
            expected = {key: known[f"{letter}{layer}"] for key, letter in (("z", "Z"), ("a", "A"), ("delta", "Δ"))}
            expected["weight"] = gradients.weights[layer - 1].T if turned else gradients.weights[layer - 1]
            if net.spec.biases:
                bias = gradients.biases[layer - 1]
                expected["bias"] = bias[:, None] if turned else bias
            told = net.explain_layer(layer)
            for each in told.matrices:
                formula = each.columns_first if turned else each.rows_first
                found = np.asarray(evaluate(formula, known, operations(net, layer, y, turned)))
                np.testing.assert_allclose(found, expected[each.key], rtol=1e-8, atol=1e-12)
                assert found.shape == shape(each.shapes[turned], len(X))
            for name, *both in told.shapes:
                assert known[name].shape == shape(both[turned], len(X))


def matrices(net: bs.Network, X: Any, y: Any, turned: bool) -> dict[str, Any]:
    """By name, with samples as rows, or turned to columns."""
    truth = arrays(net, X, y)
    found = {"X": X, "Y": y}
    for layer, W in enumerate(net.weights, 1):
        found |= {f"W{layer}": W, **{f"{name}{layer}": truth[key][layer] for name, key in LETTERS}}
    found = {name: array.T if turned else array for name, array in found.items()}
    for layer, b in enumerate(net.biases, 1):
        found[f"b{layer}"] = b[:, None] if turned else b
    return {**found, "N": float(len(X))}


LETTERS = (("Z", "z"), ("A", "a"), ("Δ", "delta"))


def operations(net: bs.Network, layer: int, y: Any, turned: bool) -> dict[str, Any]:
    """What the calls of a matrix formula mean for one layer."""
    row = net.spec.activations[layer - 1]

    def on_rows(function: Any) -> Any:
        return (lambda array: function(array.T).T) if turned else function

    def loss_slope(A: Any) -> Any:
        return evaluate(net.spec.loss.slope(net.spec.n_out), {"a": A, "y": y}, NUMPY)

    return {
        **NUMPY,
        "matmul": np.matmul,
        "transposed": np.transpose,
        "hadamard": np.multiply,
        "f": on_rows(lambda Z: activate(row, Z)[0]),
        "f'": on_rows(lambda Z: activate(row, Z)[1](np.ones_like(Z))),
        "L'": on_rows(loss_slope),
        "Σ_n": lambda D: D.sum(axis=1, keepdims=True) if turned else D.sum(axis=0),
    }


def shape(stated: str, n: int) -> tuple[int, ...]:
    return tuple(n if part == "N" else int(part) for part in stated.strip("()").rstrip(",").split(", "))


def test_formulas_are_those_of_a_textbook() -> None:
    net = bs.Network([3, 4, 2], hidden="sigmoid", output="softmax", loss="cross_entropy", penalty=bs.L2(0.1), seed=0)
    page = str(net.explain_layer(1))
    for line in (
        "  z1[j] = Σ_k(w1[k->j] * x[k]) + b1[j]",
        "  a1[j] = sigmoid(z1[j])",
        "        = 1/(1 + exp(-z1[j]))",
        "  f'(z1[j]) = a1[j] * (1 - a1[j])",
        "  delta1[j] = f'(z1[j]) * Σ_k(w2[j->k] * delta2[k])",
        "            = a1[j] * (1 - a1[j]) * Σ_k(w2[j->k] * delta2[k])",
        "  ∂L/∂w1[k->j] = 1/N * Σ_n(delta1[n,j] * x[n,k]) + 0.1 * w1[k->j]",
        "  ∂L/∂b1[j] = 1/N * Σ_n(delta1[n,j])",
        "  w1[k->j]⁺ = w1[k->j] - η * ∂L/∂w1[k->j]",
        "  Δ1 = (Δ2 W2ᵀ) ⊙ f'(Z1)   (N, 4)",
        "  ∂L/∂W1 = 1/N * (Δ1 Xᵀ) + 0.1 * W1   (4, 3)",
    ):
        assert f"{line}\n" in page, line
    assert "  delta2[j] = a2[j] - y[j]\n" in str(net.explain_layer(2))
    assert max(map(len, page.splitlines())) <= 80


def test_relu_where_it_is_dead() -> None:
    net = bs.Network([1, 2, 1], hidden="relu", seed=0)
    delta = net.explain_layer(1).equation("delta")
    known = {
        "z1[0]": -1.0,
        "z1[1]": 1.0,
        "a1[0]": 0.0,
        "a1[1]": 1.0,
        "w2[0->0]": 2.0,
        "w2[1->0]": 3.0,
        "delta2[0]": 5.0,
    }
    assert [evaluate(delta.at(j=j), known) for j in (0, 1)] == [0.0, 15.0]
    assert names(delta.at(j=1)) <= set(known)


def test_data_and_latex(tmp_path: Path) -> None:
    net = bs.Network([3, 4, 2], hidden="tanh", output="sigmoid", penalty=bs.L2(0.1), seed=0)
    told = net.explain_layer(-1)
    assert isinstance(told, LayerStory)
    data = json.loads(json.dumps(told.to_dict()))
    assert data["layer"] == 2
    assert [each["key"] for each in data["equations"]] == ["z", "a", "slope", "delta", "weight", "bias", "update"]
    assert data["equations"][3]["general"] == "∂L/∂a2[j]*f'(z2[j])"
    assert data["shapes"][0] == {"name": "A1", "x W": "(N, 4)", "W x": "(4, N)"}
    latex = net.explain_layer(1).to_latex()
    assert r"\sum_{k} w^{(1)}_{j,k} \, x_{k}" in latex
    assert r"f'\left(z^{(1)}_{j}\right)" in latex
    assert r"\left(\Delta_{2} \, {W_{2}}^{\mathsf{T}}\right) \odot f'\left(Z_{1}\right)" in latex
    if shutil.which("pdflatex") is None:
        pytest.skip("no LaTeX to compile with")
    source = (
        r"\documentclass{article}\usepackage{amsmath}\begin{document}" + latex + told.to_latex() + r"\end{document}"
    )
    (tmp_path / "layer.tex").write_text(source, encoding="utf-8")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "layer.tex"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("layer", [0, 3, -3, 1.5, True])
def test_layers_that_are_not_there(layer: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"explain_layer takes a layer from 1 to 2\. Got"):
        bs.Network([3, 4, 2], seed=0).explain_layer(layer)
    with pytest.raises(KeyError):
        bs.Network([3, 4, 2], biases=False, seed=0).explain_layer(1).equation("bias")
