"""Equations about networks of layers: names with units and layers, free indices, addresses; judged for all values."""

from __future__ import annotations

import time

import pytest

import backstory as bs

D = bs.Network([3, 4, 3, 2], hidden="sigmoid", output="sigmoid", loss="half_squared_error", seed=0)
NETWORKS = {
    "A": bs.Network([2, 2, 2], hidden="sigmoid", output="sigmoid", loss="half_squared_error", seed=0),
    "C": bs.Network([1, 1, 1], hidden="sigmoid", output="sigmoid", loss="half_squared_error", seed=0),
    "D": D,
    "I": bs.Network([3, 4, 3, 2], hidden="identity", output="identity", loss="half_squared_error", seed=0),
    "M": bs.Network([3, 5, 4], hidden="sigmoid", output="identity", loss="mean_squared_error", seed=0),
    "N": bs.Network([3, 1], output="sigmoid", loss="binary_cross_entropy", seed=0),
    "P": bs.Network([3, 4, 2], hidden="tanh", loss="half_squared_error", penalty=bs.L2(0.01), seed=0),
    "R": bs.Network([3, 4, 2], hidden="relu", loss="half_squared_error", seed=0),
    "S": bs.Network([784, 128, 10], hidden="relu", output="softmax", loss="cross_entropy", seed=0),
    "T": bs.Network([3, 4, 3, 2], hidden="tanh", output="sigmoid", loss="squared_error", seed=0),
}

RIGHT = [
    # the four equations of backpropagation with indices, in several hands
    ("D", "delta_k^(l) = sum_j w_jk^(l+1) delta_j^(l+1) f'(z_k^(l))"),
    ("D", r"\delta_k^{(l)} = \sum_j w_{jk}^{(l+1)} \delta_j^{(l+1)} f'(z_k^{(l)})"),
    ("D", r"\delta_k^{(l)} = f'(z_k^{(l)}) \sum_{j=1}^{n_{l+1}} w_{jk}^{(l+1)} \delta_j^{(l+1)}"),
    ("D", r"\delta^{[l]}_k = \left(\sum_j w^{[l+1]}_{jk} \delta^{[l+1]}_j\right) \sigma'\left(z^{[l]}_k\right)"),
    ("D", "δ_k^l = Σ_j w_jk^{l+1} δ_j^{l+1} σ′(z_k^l)"),
    ("D", r"\delta^l_j = \sum_k w^{l+1}_{kj} \delta^{l+1}_k \sigma'(z^l_j)"),
    ("D", r"\delta_j^{l-1} = \sum_i w_{ij}^l \delta_i^l g'(z_j^{l-1})"),
    ("D", "delta_k^(2) = sum_j w_jk^(3) delta_j^(3) f'(z_k^(2))"),
    ("D", "delta_k^2 = sum_j w_jk^3 delta_j^3 a_k^2 (1 - a_k^2)"),
    ("D", "delta_0^(2) = (w_00^(3) delta_0^(3) + w_10^(3) delta_1^(3)) f'(z_0^(2))"),
    ("D", "delta_1^(2) = (w_{1,1}^(3) delta_1^(3) + w_{2,1}^(3) delta_2^(3)) f'(z_1^(2))"),
    ("D", "dL/dw_jk^(l) = a_k^(l-1) delta_j^(l)"),
    ("D", r"\frac{\partial C}{\partial w^l_{jk}} = a^{l-1}_k \delta^l_j"),
    ("D", r"\frac{\partial C}{\partial b^l_j} = \delta^l_j"),
    ("D", r"\delta^L_j = \frac{\partial C}{\partial a^L_j} \sigma'(z^L_j)"),
    ("D", "dL/dz_j^l = delta_j^l"),
    ("D", "dL/da_k^(l-1) = sum_j w_jk^(l) delta_j^(l)"),
    ("D", "dL/da_k^(l) = sum_j dL/dz_j^(l+1) dz_j^(l+1)/da_k^(l)"),
    ("D", "dL/dw_jk^l = dL/da_j^l * da_j^l/dz_j^l * dz_j^l/dw_jk^l"),
    ("D", "da_j^l/dz_j^l = f'(z_j^l)"),
    ("D", "dz_j^l/da_k^{l-1} = w_jk^l"),
    # text 4 of the sources
    ("T", r"z_j^l = \sum_k w_{jk}^l a_k^{l-1} + b_j^l"),
    ("T", r"a_j^l = g^l(z_j^l)"),
    ("T", r"C_0 = \sum_j (a_j^L - y_j)^2"),
    ("T", r"\frac{\partial C_0}{\partial w_{jk}^L} = 2(a_j^L - y_j) g'(z_j^L) a_k^{L-1}"),
    ("T", r"\frac{\partial C}{\partial w_{jk}^{L}} = a_k^{L-1} g'(z_j^L) 2 (\hat y_j - y_j)"),
    ("T", r"dC/da_k^{L-1} = \sum_j w_{jk}^L g'(z_j^L) 2(a_j^L - y_j)"),
    ("T", r"\frac{\partial C}{\partial a_k^{l-1}} = \sum_j w_{jk}^l g'(z_j^l) \frac{\partial C}{\partial a_j^l}"),
    ("T", "w_jk^(l) = w_jk^(l) - eta*dL/dw_jk^(l)"),
    ("T", r"w_{jk}^l \leftarrow w_{jk}^l - \eta a_k^{l-1} \delta_j^l"),
    # addresses, numbered weights, one neuron, a chain, classes
    ("D", "dL/dw1[2->0] = x[2]*delta1[0]"),
    ("D", "∂L/∂w2[2->0] = a1[2]·δ2[0]"),
    ("D", "dL/db2[1] = delta2[1]"),
    ("A", "dL/dw1 = dh1/dw1*do2/dh1*dL/do2 + dh1/dw1*do1/dh1*dL/do1"),
    ("A", "dL/dw1 = x1*h1*(1-h1)*(w5*(o1-y1)*o1*(1-o1) + w7*(o2-y2)*o2*(1-o2))"),
    ("A", "dL/dw8 = delta_o2*h2"),
    ("A", r"\frac{\partial E_{total}}{\partial w_5} = (out_{o1} - y_1) out_{o1} (1 - out_{o1}) out_{h1}"),
    ("A", "delta_h1 = (w5*delta_o1 + w7*delta_o2)*sigma'(net_h1)"),
    ("C", "dL/dw1 = x*a1*(1-a1)*w2*(a2-y)*a2*(1-a2)"),
    ("C", "delta_l = w_{l+1} delta_{l+1} f'(z_l)"),
    ("N", "dL/dw_k = (yhat - y) x_k"),
    ("N", "dL/db = yhat - y"),
    ("N", "dL/dw2 = (yhat - y)*x2"),
    ("S", "dL/dz_i = p_i - y_i"),
    ("S", "delta_j^L = a_j^L - y_j"),
    ("S", "dL/dw1[300->5] = x[300]*delta1[5]"),
    ("S", "dL/dw_jk^(2) = (a_j^(2) - y_j) a_k^(1)"),
    ("M", "dL/dw_11^(2) = 1/2*(yhat_1-y_1)a_1^(1)"),
    ("M", "dL/dw_jk^(2) = 2/n_out*(yhat_j-y_j)*a_k^(1)"),
    ("P", "dL/dw_jk^(l) = a_k^(l-1) delta_j^(l) + lambda*w_jk^(l)"),
    ("P", "dL/dw_jk^(l) = a_k^(l-1) delta_j^(l) + 0.01*w_jk^(l)"),
    ("P", "dL/dw_jk^(2) = (a_j^(2) - y_j) a_k^(1) + 0.01 w_jk^(2)"),
    ("R", "delta_k^(1) = sum_j w_jk^(2) (a_j^(2) - y_j) f'(z_k^(1))"),
]

WRONG = [
    # the rows of the table that speak of layers
    ("D", "delta_k^(2) = sum_j w_kj^(3) delta_j^(3) f'(z_k^(2))", "wrong_index", "right_in_convention"),
    ("D", "delta_k^(l) = w_jk^(l+1) delta_j^(l+1) f'(z_k^(l))", "missing_sum", "wrong"),
    ("D", "dL/dw_jk^(l) = a_k^(l) delta_j^(l)", "wrong_layer", "wrong"),
    ("D", "dL/dw_jk^(l) = a_j^(l-1) delta_k^(l)", "wrong_index", "right_in_convention"),
    ("D", "dL/db_j^(l) = a_j^(l-1) delta_j^(l)", "extra_factor", "wrong"),
    ("M", "dL/dw_11^(2) = 2(yhat_1-y_1)a_1^(1)", "wrong_scale", "wrong"),
    ("S", "dL/dz_i = -y_i/p_i * p_i(1-p_i)", "missing_path", "wrong"),
    # one step away from right
    ("D", "delta_k^(l) = sum_j w_jk^(l+1) delta_j^(l+1) f'(a_k^(l))", "wrong_argument", "wrong"),
    ("D", "delta_k^(l) = sum_j w_jk^(l+1) delta_j^(l+1) f(z_k^(l))", "wrong_factor", "wrong"),
    ("D", "delta_k^(l) = sum_j w_jk^(l+1) delta_j^(l) f'(z_k^(l))", "wrong_layer", "wrong"),
    ("D", "delta_k^(l) = sum_j w_jk^(l) delta_j^(l+1) f'(z_k^(l))", "wrong_layer", "right_in_convention"),
    ("D", "delta_k^(l) = sum_j w_jk^(l+1) delta_j^(l+1) f'(z_k^(l+1))", "wrong_layer", "wrong"),
    ("D", "delta_k^(l) = sum_j w_jk^(l+1) delta_j^(l+1)", "missing_factor", "wrong"),
    ("D", "delta_k^(l) = sum_j delta_j^(l+1) f'(z_k^(l))", "missing_factor", "wrong"),
    ("D", "delta_k^(l) = sum_j w_jk^(l+1) f'(z_k^(l))", "missing_factor", "wrong"),
    ("D", "delta_k^(l) = sum_j w_jk^(l+1) delta_j^(l+1) f'(z_k^(l)) a_k^(l)", "extra_factor", "wrong"),
    ("D", "delta_k^(l) = sum_j w_jk^(l+1) delta_j^(l+1) f'(z_k^(l)) f'(z_k^(l))", "repeated_factor", "wrong"),
    ("D", "delta_k^(l) = -sum_j w_jk^(l+1) delta_j^(l+1) f'(z_k^(l))", "wrong_sign", "wrong"),
    ("D", "dL/dw_jk^(l) = 2 a_k^(l-1) delta_j^(l)", "wrong_scale", "wrong"),
    ("D", "dL/dw_jk^(l) = delta_j^(l)", "missing_factor", "wrong"),
    ("D", "dL/dw_jk^(l) = a_k^(l-1)", "missing_factor", "wrong"),
    ("D", "dL/dw_jk^(l) = z_k^(l-1) delta_j^(l)", "wrong_factor", "wrong"),
    ("D", "dL/dw_jk^(l) = a_j^(l-1) delta_j^(l)", "wrong_index", "wrong"),
    ("D", "delta_j^L = (y_j - a_j^L) f'(z_j^L)", "wrong_sign", "wrong"),
    ("D", "delta_j^L = a_j^L - y_j", "missing_factor", "right_in_convention"),
    ("T", "delta_j^L = (a_j^L - y_j) f'(z_j^L)", "wrong_scale", "wrong"),
    ("T", r"z_j^l = \sum_k w_{jk}^l a_k^{l-1}", "wrong_definition", "wrong"),
    ("T", r"C = \sum_j (a_j^L - y_j)", "wrong_definition", "wrong"),
    ("D", "w_jk^(l) = w_jk^(l) + eta*dL/dw_jk^(l)", "wrong_sign", "wrong"),
    ("P", "dL/dw_jk^(l) = a_k^(l-1) delta_j^(l)", "missing_term", "wrong"),
    # right for some layers, for this network, in another convention
    ("D", "dL/dw_jk^(l) = x_k delta_j^(l)", "wrong_factor", "right_in_part"),
    ("I", "delta_k^(l) = sum_j w_jk^(l+1) delta_j^(l+1)", "missing_factor", "right_here_only"),
    ("C", "delta_k^(l) = w_jk^(l+1) delta_j^(l+1) f'(z_k^(l))", "missing_sum", "right_here_only"),
    ("D", "delta_k^(l) = sum_j w_jk^(l+1) delta_j^(l+1) f'(z_j^(l+1))", "wrong_layer", "right_in_convention"),
    # single quantities
    ("A", "dL/dw1 = dh1/dw1*do2/dh1*dL/do2", "missing_path", "wrong"),
    ("A", "dL/dw1 = dh1/dw1*dw7/dh1*do2/dw7*dL/do2 + dh1/dw1*dw5/dh1*do1/dw5*dL/do1", "independent", "wrong"),
    ("A", "dL/dw1[0->0] = x[0]*a1[0]*(1-a1[0])*(w2[0->0]*delta2[0] + w2[1->0]*delta2[1])", "wrong_index", "wrong"),
    ("S", "dL/dw1[300->5] = x[301]*delta1[5]", "wrong_factor", "wrong"),
    ("N", "dL/dw_k = (yhat - y) f'(z) x_k", "extra_factor", "wrong"),
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
    start, end = verdict.findings[0].span
    assert 0 <= start < end <= len(equation)
    if (fix := verdict.findings[0].fix) and "dw7/dh1" not in equation:
        assert NETWORKS[network].check(fix).ok, fix


@pytest.mark.parametrize(
    ("equation", "message"),
    [
        ("delta_k^(l) = w_jk^(l+1) delta_j^(l+1) f'(z_k^(l))", "The index j stands on the right side only"),
        (
            "dL/dw_jk^(l) = x_k delta_j^(l)",
            "It holds for l = 1 and fails for l = 2. x_k stands where a_k^(l-1) belongs.",
        ),
        ("delta_k^(2) = sum_j w_kj^(3) delta_j^(3) f'(z_k^(2))", "here w_{jk} leads to unit j from unit k"),
        ("delta_9^(1) = 0", "It would be delta1[9]; the network has layers of 3, 4, 3, 2 units."),
        ("dL/dw_jk^(7) = 0", "w_jk^(7) would be in layer 7; the network has layers 1 to 3."),
        ("delta_k^(l) = sum_i w_jk^(l+1)", "The sum is over i, which nothing in it has for an index."),
        ("dL/dw_jk = 0", "Unknown name 'w_jk'."),
        ("delta_j^l = q_j", "Unknown name 'q_j'."),
    ],
)
def test_messages(equation: str, message: str) -> None:
    assert message in D.check(equation).findings[0].message


def test_a_fix_is_spelled_as_the_equation_is() -> None:
    verdict = D.check(r"\delta^{[l]}_k = \sum_j w^{[l+1]}_{kj} \delta^{[l]}_j \sigma'(z^{[l]}_k)")
    assert not verdict.ok
    verdict = D.check(r"\delta_k^{(l)} = \sum_j w_{jk}^{(l+1)} \delta_j^{(l)} \sigma'(z_k^{(l)})")
    assert verdict.findings[0].fix == r"\delta_k^{(l)} = \sum_j w_{jk}^{(l+1)} \delta_j^{(l+1)} \sigma'(z_k^{(l)})"


def test_numbers_of_a_row_are_shown_where_the_network_is_small() -> None:
    net = NETWORKS["A"]
    verdict = net.check("dL/dw5 = 2*(o1-y1)*o1*(1-o1)*h1", [0.05, 0.1], [0.01, 0.99])
    assert verdict.numbers is not None
    assert verdict.numbers.left == pytest.approx(net.gradients([[0.05, 0.1]], [[0.01, 0.99]]).weights[1][0, 0])
    assert verdict.numbers.right == pytest.approx(2 * verdict.numbers.left)


def test_a_large_network_is_judged_in_milliseconds() -> None:
    net = bs.Network([784, 128, 10], hidden="relu", output="softmax", loss="cross_entropy", seed=0)
    start = time.perf_counter()
    assert net.check("dL/dw1[300->5] = x[300]*delta1[5]").ok
    assert time.perf_counter() - start < 0.5


def test_a_deep_network_is_judged_within_a_second() -> None:
    net = bs.Network([100] * 20 + [10], hidden="tanh", seed=0)
    start = time.perf_counter()
    assert net.check("delta_k^(l) = sum_j w_jk^(l+1) delta_j^(l+1) f'(z_k^(l))").ok
    assert not net.check("delta_k^(l) = sum_j w_jk^(l+1) delta_j^(l) f'(z_k^(l))").ok
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("reduction", "equation", "fix"),
    [
        ("mean", "dL/dw_jk^(l) = 1/N sum_n a_k^(l-1) delta_j^(l)", None),
        ("mean", r"\frac{\partial C}{\partial w_{jk}^l} = \frac1N \sum_n a_k^{l-1} \delta_j^l", None),
        ("mean", "dL/dw_jk^(l) = mean(a_k^(l-1) delta_j^(l))", None),
        ("mean", "dL/dw_jk^(l) = a_k^(l-1) delta_j^(l)", None),
        ("mean", r"\frac{\partial C}{\partial W^l} = \frac{1}{N} \sum_n \delta^l (a^{l-1})^T", None),
        ("sum", "dL/dw_jk^(l) = sum_n a_k^(l-1) delta_j^(l)", None),
        (
            "mean",
            "dL/dw_jk^(l) = sum_n a_k^(l-1) delta_j^(l)",
            "dL/dw_jk^(l) = 1/N*(sum_n a_k^(l-1) delta_j^(l))",
        ),
        (
            "sum",
            "dL/dw_jk^(l) = 1/N sum_n a_k^(l-1) delta_j^(l)",
            "dL/dw_jk^(l) = N*(1/N sum_n a_k^(l-1) delta_j^(l))",
        ),
    ],
)
def test_sums_over_samples(reduction: str, equation: str, fix: str | None) -> None:
    net = bs.Network([3, 4, 2], hidden="sigmoid", reduction=reduction, seed=0)
    verdict = net.check(equation)
    assert verdict.ok == (fix is None), str(verdict)
    if fix is not None:
        finding = verdict.findings[0]
        assert (finding.kind, finding.fix) == ("wrong_scale", fix)
        assert f"the loss is the {reduction} over the N samples" in finding.message
        assert net.check(fix).ok


def test_too_many_sums_are_refused() -> None:
    verdict = D.check("delta_k^(1) = sum_i sum_j sum_m sum_n w_ik^(2) w_jk^(2) w_mk^(2) w_nk^(2)")
    assert verdict.findings[0].message == "These sums have too many terms. Nest fewer of them."


def test_what_does_not_belong_is_told_with_its_parentheses() -> None:
    net = bs.Network([2, 3, 2], hidden="relu", output="softmax", loss="cross_entropy", seed=0)
    verdict = net.check("delta2[0] = (a2[0] - y[0])*a2[0]*(1 - a2[0])")
    assert verdict.findings[0].message == "The factor a2[0]*(1 - a2[0]) does not belong there."
    start, end = verdict.findings[0].span
    assert verdict.text[start:end] == "a2[0]*(1 - a2[0])"
