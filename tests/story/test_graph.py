"""Paths, totals and counts: against central differences, SymPy, and listing every path."""

from __future__ import annotations

import math

import pytest
import sympy
from hypothesis import given

import backstory as bs
from backstory.expressions import evaluate, to_text
from backstory.functions import ACTIVATIONS
from backstory.story.formula_graph import Derivatives, FormulaGraph, formula_graph
from backstory.story.program import Program, read_program
from tests.story.networks import formula_texts


def graph_of(program: Program) -> FormulaGraph:
    return formula_graph(program, program.values(program.leaves)[0], None, Derivatives(program))


def every_path(graph: FormulaGraph, by: str, of: str) -> list[tuple[float, tuple[str, ...]]]:
    """All paths by brute force."""
    if by == of:
        return [(1.0, (of,))]
    return [
        (number * value, (by, *nodes))
        for target, number in graph.out[by]
        for value, nodes in every_path(graph, target, of)
    ]


@given(formula_texts())
def test_paths_sum_to_the_derivative_and_are_counted_and_ranked(text: str) -> None:
    program = read_program(text)
    graph = graph_of(program)
    for by in program.parameters:
        paths = every_path(graph, by, program.loss)
        assert graph.count_paths(by, program.loss) == len(paths)
        assert graph.derivative(by, program.loss) == pytest.approx(
            math.fsum(value for value, _ in paths), rel=1e-9, abs=1e-12
        )
        strongest = graph.strongest(by, program.loss, 3)
        sizes = sorted((abs(value) for value, _ in paths), reverse=True)[:3]
        assert [abs(path.value) for path in strongest] == pytest.approx(sizes, abs=1e-300)
        assert all((path.nodes in [nodes for _, nodes in paths]) for path in strongest)


@given(formula_texts())
def test_derivatives_equal_central_differences(text: str) -> None:
    program = read_program(text)
    graph = graph_of(program)
    kinks = [graph.values[name] for name in graph.values if name.startswith("z_")]
    if any(abs(z) < 1e-3 for z in kinks):
        return  # the difference would straddle relu's kink
    for by in (*program.parameters, "x0"):
        h = 1e-5
        up, down = (
            program.values({**program.leaves, by: program.leaves[by] + step})[0][program.loss] for step in (h, -h)
        )
        assert graph.derivative(by, program.loss) == pytest.approx((up - down) / (2 * h), rel=1e-5, abs=1e-7)


@given(formula_texts())
def test_derivatives_equal_those_of_sympy(text: str) -> None:
    program = read_program(text)
    graph = graph_of(program)
    symbols = {name: sympy.Symbol(name, real=True) for name in program.leaves}
    known: dict[str, sympy.Expr] = dict(symbols)
    functions = {
        "sigmoid": lambda z: 1 / (1 + sympy.exp(-z)),
        "relu": lambda z: sympy.Piecewise((z, z > 0), (0, True)),
        "softplus": lambda z: sympy.log(1 + sympy.exp(z)),
    }
    for name, tree in program.formulas.items():
        known[name] = sympy.sympify(to_text(tree), locals={**known, **functions})
    at = {symbols[name]: value for name, value in program.leaves.items()}
    for by in program.parameters:
        expected = float(known[program.loss].diff(symbols[by]).subs(at))
        assert graph.derivative(by, program.loss) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(formula_texts())
def test_the_formula_of_every_edge_has_the_number_of_the_edge(text: str) -> None:
    program = read_program(text)
    graph = graph_of(program)
    for source, edges in graph.out.items():
        for target, number in edges:
            formula = graph.local(source, target)
            assert evaluate(formula, graph.values, program.functions) == pytest.approx(number, abs=1e-300)


def test_a_name_used_twice_in_one_formula_is_one_edge() -> None:
    graph = graph_of(read_program("w = 3\nL = w*w + w"))
    assert graph.count_paths("w", "L") == 1
    assert graph.derivative("w", "L") == 7.0


def test_a_shared_parameter_sums_over_its_uses() -> None:
    program = read_program(
        "x = 0.5\nt = 1\nw1 = 0.4\nw2 = -0.3\nb = 0.1\nh = sigmoid(w1*x + b)\ny = sigmoid(w2*h + b)\nL = 1/2*(t - y)^2"
    )
    graph = graph_of(program)
    assert graph.count_paths("b", "L") == 2
    through_h = graph.derivative("z_h", "L")
    assert graph.derivative("b", "L") == pytest.approx(through_h + graph.derivative("z_y", "L"))


def test_forward_values_are_named_in_the_derivatives() -> None:
    graph = graph_of(read_program("x = 2\nw = 0.3\nh = sigmoid(w*x)\ny = tanh(h)\nL = (y - 1)^2"))
    assert to_text(graph.local("z_h", "h")) == "h*(1 - h)"
    assert to_text(graph.local("h", "y")) == "(1 - y)*(1 + y)"
    assert to_text(graph.local("y", "L")) == "2*(y - 1)"


def test_kinds_of_factors() -> None:
    graph = graph_of(
        read_program("x = 2\nt = 1\nw = 0.3\nb = 1\nv = 2\nh = tanh(w*x + b)\no = v*h\ne = o - t\nL = e^2")
    )
    kinds = {
        ("w", "z_h"): "input",
        ("b", "z_h"): "constant",
        ("z_h", "h"): "activation derivative",
        ("h", "o"): "weight",
        ("o", "e"): "loss derivative",
        ("e", "L"): "loss derivative",
    }
    assert {pair: graph.edge_kind(*pair) for pair in kinds} == kinds


@pytest.mark.parametrize("name", [name for name, row in ACTIVATIONS.items() if not row.couples and name != "identity"])
def test_every_activation_may_be_called(name: str) -> None:
    program = read_program(f"w = 0.37\nx = 1.3\nh = {name}(w*x)\nL = h^2")
    graph = graph_of(program)
    h = 1e-6
    up, down = (program.values({**program.leaves, "w": 0.37 + step})[0]["L"] for step in (h, -h))
    assert graph.derivative("w", "L") == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-9)


def test_what_goes_through_a_whole_layer_is_the_derivative() -> None:
    net = bs.Network([2, 4, 3, 1], hidden="tanh", seed=1)
    story = net.explain("w1[0->2]", [[0.3, -0.8]], [[0.5]])
    through = story.graph.through(story.by, story.told)
    assert sum(through[f"a2[{unit}]"] for unit in range(3)) == pytest.approx(story.value)
    assert through["a1[2]"] == pytest.approx(story.value)
    assert story.graph.through("w1[0->2]", "a1[0]") == {}
