"""Equations about whole layers: matrices, vectors and their shapes, weights before or behind what they multiply."""

from __future__ import annotations

import pytest

from tests.checking.test_layered import NETWORKS

RIGHT = [
    ("D", r"\delta^L = \nabla_a C \odot \sigma'(z^L)"),
    ("D", r"\delta^l = ((w^{l+1})^T \delta^{l+1}) \odot \sigma'(z^l)"),
    ("D", r"\delta^{(l)} = W^{(l+1)T} \delta^{(l+1)} \odot f'(z^{(l)})"),
    ("D", r"\delta^{(l)} = {W^{(l+1)}}^T \delta^{(l+1)} \odot f'(z^{(l)})"),
    ("D", "δ^l = (W^{l+1})ᵀ δ^{l+1} ⊙ σ′(z^l)"),
    ("D", "delta^(l) = (W^(l+1).T @ delta^(l+1)) * f'(z^(l))"),
    ("D", "delta^(l) = (delta^(l+1) @ W^(l+1).T) * f'(z^(l))"),
    ("D", "dL/dW^(l) = a^(l-1).T @ delta^(l)"),
    ("D", r"\frac{\partial C}{\partial W^{(l)}} = \delta^{(l)} (a^{(l-1)})^T"),
    ("D", r"\frac{\partial C}{\partial b^l} = \delta^l"),
    ("D", r"\delta^L = (a^L - y) \odot \sigma'(z^L)"),
    ("D", r"\delta^L = (a^L - y) \odot a^L \odot (1 - a^L)"),
    ("D", "z^l = w^l a^{l-1} + b^l"),
    ("D", "z^{[l]} = W^{[l]} a^{[l-1]} + b^{[l]}"),
    ("D", r"a^l = \sigma(w^l a^{l-1} + b^l)"),
    ("D", "z^{(1)} = W^{(1)} x + b^{(1)}"),
    ("D", "z^{(1)} = x W^{(1)} + b^{(1)}"),
    ("D", "W^l = W^l - eta*dC/dW^l"),
    ("D", r"W^{l} \leftarrow W^{l} - \eta \delta^l (a^{l-1})^T"),
    ("S", r"\delta^{(2)} = \hat y - y"),
    ("T", r"\nabla_{a^L} C = 2(a^L - y)"),
    ("D", "δ^(2) = (W^(3))^T δ^(3) ⊙ f'(z^(2))"),
    ("D", r"\frac{\partial L}{\partial a^{(l)}} = (W^{(l+1)})^T \frac{\partial L}{\partial z^{(l+1)}}"),
]

WRONG = [
    ("D", r"\delta^{(l)} = W^{(l+1)} \delta^{(l+1)} \odot f'(z^{(l)})", "wrong_shape", "wrong"),
    ("D", r"\delta^{(l)} = (W^{(l+1)})^T \delta^{(l+1)} f'(z^{(l)})", "wrong_shape", "wrong"),
    ("D", "delta^(l) = W^(l+1)^T * delta^(l+1) * f'(z^(l))", "wrong_shape", "wrong"),
    ("D", r"\delta^{(l)} = \delta^{(l+1)} (W^{(l+1)})^T  f'(z^{(l)})", "wrong_shape", "wrong"),
    ("D", r"\frac{\partial C}{\partial W^{(l)}} = (a^{(l-1)})^T \delta^{(l)} \odot y", "wrong_shape", "wrong"),
    ("D", r"\frac{\partial C}{\partial W^{(l)}} = \delta^{(l)} a^{(l-1)}", "wrong_shape", "wrong"),
    ("D", r"\frac{\partial C}{\partial W^{(l)}} = \delta^{(l)} (a^{(l)})^T", "wrong_shape", "wrong"),
    ("D", r"\delta^l = (w^{l+1})^T \delta^{l+1}", "missing_factor", "wrong"),
    ("D", r"\delta^l = (w^{l+1})^T \delta^{l+1} \odot \sigma'(a^l)", "wrong_argument", "wrong"),
    ("D", r"\delta^l = (w^{l})^T \delta^{l+1} \odot \sigma'(z^l)", "wrong_layer", "right_in_convention"),
    ("D", r"\delta^L = (y - a^L) \odot \sigma'(z^L)", "wrong_sign", "wrong"),
    ("D", r"\delta^L = 2(a^L - y) \odot \sigma'(z^L)", "wrong_scale", "wrong"),
    ("S", r"\delta^L = \nabla_a C \odot \sigma'(z^L)", "missing_path", "wrong"),
    ("D", "W^l = W^l + eta*dC/dW^l", "wrong_sign", "wrong"),
    ("D", "z^l = w^l a^{l-1}", "wrong_definition", "wrong"),
    ("D", "z^l = w^l a^l + b^l", "wrong_shape", "wrong"),
    ("D", r"\frac{\partial C}{\partial b^l} = \delta^l (a^{l-1})^T", "wrong_shape", "wrong"),
    ("D", r"\delta^l = \delta_j^l", "unreadable", "unreadable"),
    ("D", "W = 3", "unknown_name", "unreadable"),
    ("I", r"\delta^l = (w^{l+1})^T \delta^{l+1}", "missing_factor", "right_here_only"),
    ("D", "a^l = W^l a^{l-1} + b^l", "wrong_definition", "wrong"),
    ("D", "C = (a^L - y)^T (a^L - y)", "wrong_definition", "wrong"),
    ("D", "W^l = 3", "wrong_shape", "wrong"),
]


@pytest.mark.parametrize(("network", "equation"), RIGHT)
def test_right_equations_are_accepted(network: str, equation: str) -> None:
    verdict = NETWORKS[network].check(equation)
    assert verdict.ok, str(verdict)
    assert verdict.findings == ()


@pytest.mark.parametrize(("network", "equation", "kind", "status"), WRONG)
def test_wrong_equations_get_their_kind_and_a_fix_that_is_right(
    network: str, equation: str, kind: str, status: str
) -> None:
    verdict = NETWORKS[network].check(equation)
    assert (verdict.findings[0].kind, verdict.status) == (kind, status), str(verdict)
    if fix := verdict.findings[0].fix:
        assert NETWORKS[network].check(fix).ok, fix


@pytest.mark.parametrize(
    ("equation", "message", "fix"),
    [
        (
            r"\delta^{(l)} = W^{(l+1)} \delta^{(l+1)} \odot f'(z^{(l)})",
            (
                r"W^{(l+1)} is 3×4 and \delta^{(l+1)} is 3×1 (with l = 1): they cannot be multiplied. "
                "It should be (W^{(l+1)})^T, with rows and columns exchanged."
            ),
            r"\delta^{(l)} = (W^{(l+1)})^T \delta^{(l+1)} \odot f'(z^{(l)})",
        ),
        (
            "delta^(l) = W^(l+1)^T * delta^(l+1) * f'(z^(l))",
            (
                "W^(l+1)^T * delta^(l+1) is 4×1 and f'(z^(l)) is 4×1 (with l = 1): they cannot be multiplied. "
                "The product that belongs here is ⊙, entry by entry."
            ),
            "delta^(l) = W^(l+1)^T * delta^(l+1) ⊙ f'(z^(l))",
        ),
        ("z^l = W^l a^{l-1}", "The formula of this network is z^(l) = W^(l) a^(l-1) + b^(l).", ""),
        ("C = (a^L - y)^T (a^L - y)", "That is not what this network computes.", ""),
        ("W^l = W^l + eta*dC/dW^l", "This step climbs: the gradient is subtracted.", ""),
        (r"\delta^l = 2(W^{l+1})^T \delta^{l+1} \odot f'(z^l)", "It is 2 times what it should be", None),
        ("W^(4) a^(3) = 1", "W^(4) would be in layer 4; the network has layers 1 to 3.", ""),
        ("W^(2) z^(2) = 1", "W^(2) is 3×4 and z^(2) is 3×1: they cannot be multiplied.", None),
        (
            "delta^l = delta_j^l",
            "is one unit beside whole layers. Write all names with indices, or none.",
            "",
        ),
        ("W = 3", "Unknown name 'W'. Did you mean 'W^(1)'?", ""),
        ("z^(9) = W^(9) a^(8) + b^(9)", "the network has layers 1 to 3", ""),
    ],
)
def test_messages(equation: str, message: str, fix: str | None) -> None:
    finding = NETWORKS["D"].check(equation).findings[0]
    assert message in finding.message
    assert fix is None or finding.fix == fix
