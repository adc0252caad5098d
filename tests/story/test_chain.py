"""The chain rule as it is written: factored, in three faces that agree, with as many digits as it takes."""

from __future__ import annotations

import pytest
from hypothesis import given

from backstory.expressions import evaluate, to_text
from backstory.story.chain import chain, rounded, shown
from backstory.story.program import read_program
from tests.story.networks import formula_texts
from tests.story.test_graph import graph_of

TWO = (
    "i1 = 0.05\nt1 = 0.01\nt2 = 0.99\nw1 = 0.15\nw5 = 0.4\nw7 = 0.5\nh1 = sigmoid(w1*i1)\no1 = sigmoid(w5*h1)\n"
    "o2 = sigmoid(w7*h1)\nL = 1/2*(t1 - o1)^2 + 1/2*(t2 - o2)^2"
)


def test_a_fork_is_one_factor() -> None:
    found = chain(graph_of(read_program(TWO)), "w1", "L")
    assert to_text(found.symbols, times=" * ") == (
        "∂z_h1/∂w1 * ∂h1/∂z_h1 * (∂z_o1/∂h1 * ∂o1/∂z_o1 * ∂L/∂o1 + ∂z_o2/∂h1 * ∂o2/∂z_o2 * ∂L/∂o2)"
    )
    assert to_text(found.formulas, times=" * ") == (
        "i1 * h1 * (1 - h1) * (w5 * o1 * (1 - o1) * (o1 - t1) + w7 * o2 * (1 - o2) * (o2 - t2))"
    )


@given(formula_texts())
def test_the_three_faces_agree(text: str) -> None:
    program = read_program(text)
    graph = graph_of(program)
    for by in program.parameters:
        if graph.count_paths(by, program.loss) == 0:
            continue
        found = chain(graph, by, program.loss)
        assert evaluate(found.formulas, graph.values, program.functions) == pytest.approx(
            found.value, rel=1e-9, abs=1e-12
        )
        printed = evaluate(found.numbers, {})
        assert found.rounded or shown(printed) == shown(found.value)


def test_a_fork_of_many_branches_shows_the_strongest_and_the_rest_as_one_number() -> None:
    units = 20
    lines = ["x = 1", "w = 0.7", "h = tanh(w*x)"]
    lines += [f"o{i} = {i + 1}*h" for i in range(units)]
    lines += ["L = " + " + ".join(f"o{i}^2" for i in range(units))]
    graph = graph_of(read_program("\n".join(lines)))
    found = chain(graph, "w", "L")
    text = to_text(found.symbols)
    assert text.count("∂L/∂o") == 3
    assert "∂L/∂o19" in text
    assert text.endswith("+ …)")
    assert shown(evaluate(found.numbers, {})) == shown(found.value)


def test_numbers_have_as_many_digits_as_reproduce_the_result() -> None:
    graph = graph_of(read_program("w = 1.00000123456\nv = 3.3333334\nL = w*v"))
    assert to_text(chain(graph, "w", "L").numbers) == "3.33333"
    assert to_text(rounded(0.1 + 0.2)) == "0.3"
    assert to_text(rounded(3.0)) == "3"
    assert shown(-0.0) == "0"
