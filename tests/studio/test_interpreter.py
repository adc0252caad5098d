"""What the page's interpreter computes, in Node, against Python: values, derivatives, paths."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import backstory as bs
from backstory.checking.random_networks import random_network
from backstory.expressions import ARITIES, MATH, evaluate, parse
from backstory.functions import ACTIVATIONS, LOSSES, fitting_outputs
from backstory.story.scalar import KINDS
from backstory.story.scalar_story import scalar_graph
from backstory.story.story import Story
from tests.story.stories import STORIES, story
from tests.studio.node import node

EVERYTHING = """
const answer = given.map(({ graph, moved, k }) => {
  const values = forward(graph, moved);
  const number = (value) => (Number.isFinite(value) ? value : String(value));
  const named = (numbers) => Object.fromEntries(numbers.map(([name, value]) => [name, number(value)]));
  const paths = strongestPaths(graph, values, graph.by, graph.of, k);
  return {
    values: named(graph.quantities.map(({ name }) => [name, valueOf(graph, values, name)])),
    totals: named([...backward(graph, values, graph.of)]),
    count: String(countPaths(graph, graph.by, graph.of)),
    paths: paths.map(({ nodes, value, share, numbers }) => ({ nodes, value, share, numbers })),
  };
});
"""


def computed(stories: list[Story], moved: list[dict[str, float]] | None = None, k: int = 5) -> list[dict[str, Any]]:
    """What the interpreter makes of the stories' graphs, passed on as JSON."""
    given = [
        {"graph": scalar_graph(told).to_dict(), "moved": leaves, "k": k}
        for told, leaves in zip(stories, moved or [{}] * len(stories), strict=True)
    ]
    return node(EVERYTHING, "interpreter.js", given=json.loads(json.dumps(given, allow_nan=False)))


def close(came: float, expected: float, scale: float = 0.0) -> bool:
    return math.isclose(came, expected, rel_tol=1e-12, abs_tol=max(1e-300, 1e-12 * scale))


def written() -> Iterator[bs.Formulas]:
    for seed in range(60):
        yield bs.Formulas.read(random_network(random.Random(seed), most_hidden=3, most_units=4))


def nets() -> Iterator[tuple[bs.Network, list[float], list[float]]]:
    generator = np.random.default_rng(5)
    names = [name for name in ACTIVATIONS if name != "softmax"]
    for seed in range(25):
        sizes = generator.integers(1, 5, generator.integers(2, 5)).tolist()
        hidden = generator.choice(names, max(len(sizes) - 2, 0)).tolist()
        net = bs.Network(sizes, hidden=hidden, output="identity", loss="half_squared_error", seed=seed)
        yield net, generator.normal(size=sizes[0]).tolist(), generator.normal(size=sizes[-1]).tolist()


def addresses(net: bs.Network) -> list[str]:
    sizes = net.spec.sizes
    found = [f"x[{k}]" for k in range(sizes[0])]
    for layer, (n_in, n_out) in enumerate(itertools.pairwise(sizes), start=1):
        found += [f"w{layer}[{i}->{j}]" for i in range(n_in) for j in range(n_out)]
        found += [f"{letter}{layer}[{j}]" for letter in "bza" for j in range(n_out)]
    return found


def test_random_formulas_have_the_values_derivatives_and_paths_that_python_finds() -> None:
    formulas = list(written())
    stories = [each.explain(each.program.parameters[0]) for each in formulas]
    for told, found in zip(stories, computed(stories), strict=True):
        graph, totals = told.graph, told.graph.totals(told.of)
        assert {name for name in graph.values if name in totals} == set(found["totals"])
        assert all(close(found["values"][name], graph.values[name]) for name in found["values"])
        assert all(close(found["totals"][name], total, 1e-3) for name, total in totals.items())
        assert found["count"] == str(told.path_count)
        expected = graph.strongest(told.by, told.of, 5)
        assert [path["value"] for path in found["paths"]] == pytest.approx([path.value for path in expected], rel=1e-12)
        assert [path["share"] for path in found["paths"]] == pytest.approx([path.share for path in expected], rel=1e-12)


def test_moved_parameters_give_what_python_computes_anew() -> None:
    formulas = list(written())
    moved = [{name: value * 0.9 + 0.05 for name, value in each.parameters.items()} for each in formulas]
    found = computed([each.explain(each.program.parameters[0]) for each in formulas], moved)
    for each, leaves, came in zip(formulas, moved, found, strict=True):
        each.set(**leaves)
        assert all(close(came["values"][name], each.values[name]) for name in each.values if name in came["values"])
        assert all(close(came["totals"][name], value, 1e-3) for name, value in each.gradients.items())


def test_random_networks_have_the_derivatives_that_stories_tell() -> None:
    cases = list(nets())
    first = [net.explain("w1[0->0]", x, y) for net, x, y in cases]
    for (net, x, y), told, found in zip(cases, first, computed(first), strict=True):
        for address in addresses(net):
            assert close(found["totals"][address], net.explain(address, x, y).value, 1e-3), address
        assert close(found["values"]["L"], told.graph.values["L"], 1e-3)
        assert found["count"] == str(told.path_count)
        expected = [path.value for path in told.graph.strongest(told.by, told.of, 5)]
        assert [path["value"] for path in found["paths"]] == pytest.approx(expected, rel=1e-12, abs=1e-15)


PAIRS = [(output, loss) for loss in LOSSES for output in fitting_outputs(LOSSES[loss])]


def test_every_activation_and_every_loss_survive_json() -> None:
    """The oracle is the reference engine, which knows nothing of graphs."""
    hidden = [bs.Network([2, 3, 1], hidden=name, seed=1) for name in ACTIVATIONS if name != "softmax"]
    outputs = [bs.Network([2, 2, 3], hidden="tanh", output=output, loss=loss, seed=2) for output, loss in PAIRS]
    smoothed = [bs.Network([2, 3], output="softmax", loss=bs.CrossEntropy(label_smoothing=0.2), seed=3)]
    cases = [(net, [0.7, -1.3], targets(net)) for net in (*hidden, *outputs, *smoothed)]
    found = computed([net.explain("w1[0->0]", x, y) for net, x, y in cases])
    for (net, x, y), came in zip(cases, found, strict=True):
        twin = bs.Network(net.spec.sizes, **same(net), dtype="float64")
        for mine, theirs in zip((*twin.weights, *twin.biases), (*net.weights, *net.biases), strict=True):
            mine[...] = theirs
        gradients = twin.gradients([x], [y], engine="reference")
        assert close(came["values"]["L"], float(twin.loss([x], [y], engine="reference")), 1.0), net
        for layer, (W, b) in enumerate(zip(gradients.weights, gradients.biases, strict=True), start=1):
            for j in range(W.shape[1]):
                assert close(came["totals"].get(f"b{layer}[{j}]", 0.0), float(b[j]), 1.0), net
                for i in range(W.shape[0]):
                    assert close(came["totals"].get(f"w{layer}[{i}->{j}]", 0.0), float(W[i, j]), 1.0), net


def same(net: bs.Network) -> dict[str, Any]:
    return {"hidden": list(net.spec.activations[:-1]) or "relu", "output": net.spec.output, "loss": net.spec.loss}


def targets(net: bs.Network) -> list[float]:
    """Targets that every loss takes."""
    n_out = net.spec.n_out
    return [1.0] + [-1.0 if net.spec.loss.name == "hinge" else 0.0] * (n_out - 1)


@pytest.mark.parametrize("name", [name for name in STORIES if name != "deep"])
def test_every_kind_of_story_has_its_value(name: str) -> None:
    told = story(name)
    (found,) = computed([told])
    assert close(found["totals"].get(told.by, 0.0), told.graph.derivative(told.by, told.told), 1e-3)
    assert found["count"] == str(told.path_count)


def test_a_held_quantity_moves_what_depends_on_it_and_nothing_else() -> None:
    text = "x = 2\nw = 3\nh = w*x\nk = w*x + 1\nL = h*k"
    (found,) = computed([bs.Formulas.read(text).explain("dL/dh")], [{"h": 10.0}])
    assert found["values"] == {"x": 2, "w": 3, "h": 10, "k": 7, "L": 70}
    assert found["totals"]["h"] == 7


def test_paths_are_counted_exactly_however_many() -> None:
    lines = ["x = 0.5", "w = 0.1", "h0 = w*x"]
    lines += [f"a{i} = sin(h{i - 1})\nb{i} = tanh(h{i - 1})\nh{i} = a{i} + b{i}" for i in range(1, 80)]
    told = bs.Formulas.read("\n".join([*lines, "L = h79^2"])).explain("w")
    (found,) = computed([told])
    assert found["count"] == str(2**79) == str(told.path_count)


POINTS = (
    -math.inf,
    -1e308,
    -800.0,
    -6.5,
    -1.5,
    -1.0,
    -0.3,
    -1e-9,
    0.0,
    5e-324,
    0.2,
    1.0,
    2.7,
    5.9,
    30.0,
    1e300,
    math.inf,
    math.nan,
)


@pytest.mark.parametrize("name", [name for name, arity in ARITIES.items() if arity < 3])
def test_every_elementary_function_agrees_with_pythons_everywhere(name: str) -> None:
    points = [(x,) for x in POINTS] if ARITIES[name] == 1 else [(x, y) for x in POINTS for y in POINTS]
    if name in ("sin", "cos", "tan"):
        points = [(x,) for (x,) in points if not abs(x) > 1e6]  # reduced differently by different libraries
    script = f"const answer = given.map((inputs) => String(OPERATIONS[{json.dumps(name)}](...inputs.map(Number))));"
    found = node(script, "interpreter.js", given=[[text(x) for x in inputs] for inputs in points])
    for inputs, came in zip(points, found, strict=True):
        assert same_number(float(came.replace("Infinity", "inf")), MATH[name](*inputs)), (inputs, came)


@pytest.mark.parametrize(
    "formula", ["x^y", "x/y", "x - y", "x*y", "-x + y", "where(x > y, x, y)", "where(x <= y, x, y)"]
)
def test_operators_agree_with_pythons_everywhere(formula: str) -> None:
    """The formula as operations, by the tape that graphs are written on, with x and y held."""
    graph = scalar_graph(bs.Formulas.read(f"x = 1\ny = 1\nL = {formula}").explain("x")).to_dict()
    points = [(x, y) for x in POINTS for y in POINTS]
    script = """const { graph, points } = given; const answer = points.map(([x, y]) =>
      String(valueOf(graph, forward(graph, { x: Number(x), y: Number(y) }), "L")));"""
    found = node(script, "interpreter.js", given={"graph": graph, "points": [[text(x), text(y)] for x, y in points]})
    for (x, y), came in zip(points, found, strict=True):
        expected = evaluate(parse(formula), {"x": x, "y": y})
        assert same_number(float(came.replace("Infinity", "inf")), expected), (x, y, came)


def text(x: float) -> str:
    return repr(x).replace("inf", "Infinity")


def same_number(came: float, expected: float) -> bool:
    return came == expected or (came != came and expected != expected) or math.isclose(came, expected, rel_tol=2e-15)


def test_the_interpreter_has_one_function_for_each_kind_and_no_other() -> None:
    kinds = node("const answer = Object.keys(OPERATIONS);", "interpreter.js")
    assert sorted(["leaf", "constant", *kinds]) == sorted(KINDS)


def test_an_unknown_name_is_refused() -> None:
    graph = scalar_graph(story("formulas")).to_dict()
    script = 'let answer = ""; try { forward(given, { w99: 1 }); } catch (error) { answer = error.message; }'
    assert node(script, "interpreter.js", given=graph) == 'The graph has no quantity "w99".'
