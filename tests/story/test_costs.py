"""Counted operations: against counting them in the written products."""

from __future__ import annotations

from backstory.story.costs import Operations, costs
from backstory.story.program import read_program
from tests.story.test_chain import TWO
from tests.story.test_graph import graph_of


def test_path_by_path_and_with_stored_products() -> None:
    found = costs(graph_of(read_program(TWO)), "w1", "L")
    assert found.path_by_path == Operations(1, 8, 0)  # two paths of five factors
    assert found.stored == Operations(1, 6, 0)  # 2 + 2 on the branches, 1 + 1 on what they share
    assert found.reciprocals == found.stored


def test_divisions_become_reciprocals() -> None:
    text = "w = 2\np = 1/w\nq = 3*p/w\nL = q/p"
    found = costs(graph_of(read_program(text)), "w", "L")
    assert found.path_by_path.divisions > found.stored.divisions > found.reciprocals.divisions
    assert found.reciprocals.multiplications == found.stored.multiplications + found.stored.divisions


def test_many_paths_are_counted_exactly() -> None:
    lines = ["w = 1", "a0 = w*2"] + [f"a{i + 1} = tanh(a{i}) + sin(a{i}) + a{i}" for i in range(1)]
    layers = 30
    lines = ["w = 1.5"]
    before = ["w"]
    for layer in range(layers):
        lines += [f"u{layer} = " + " + ".join(before), f"v{layer} = 2*(" + " + ".join(before) + ")"]
        before = [f"u{layer}", f"v{layer}"]
    lines.append("L = " + " + ".join(before))
    found = costs(graph_of(read_program("\n".join(lines))), "w", "L")
    assert found.path_by_path.additions == 2**layers - 1
    assert found.stored.additions == 2 * layers - 1
