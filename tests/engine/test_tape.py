"""Compiled formulas: the same numbers as the expression, slots that never clash, forms that do not cancel."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.engine.functors import head_tape, is_hand_written, loss_tape, native_activation
from backstory.engine.reference import NUMPY
from backstory.engine.tape import Graph, Tape
from backstory.expressions import ARITIES, Expr, evaluate, parse
from backstory.functions import ACTIVATIONS, LOSSES, Activation, fitting_outputs, loss

OPERATIONS: dict[str, Any] = {
    **NUMPY,
    "copy": lambda a: a,
    "neg": lambda a: -a,
    "square": lambda a: a * a,
    "reciprocal": lambda a: 1 / a,
    "sigmoid": lambda a: np.exp(np.minimum(a, 0)) / (1 + np.exp(-np.abs(a))),
    "erfc": lambda a: 1 - NUMPY["erf"](a),
    "gelu": lambda a: a * (1 + NUMPY["erf"](a / np.sqrt(2))) / 2,
    "gelu_slope": lambda a: (1 + NUMPY["erf"](a / np.sqrt(2))) / 2 + a * np.exp(-(a**2) / 2) / np.sqrt(2 * np.pi),
    "exp_minus_abs": lambda a: np.exp(-np.abs(a)),
    "softplus": lambda a: np.logaddexp(0, a),
    "tanh_softplus": lambda a: np.tanh(np.logaddexp(0, a)),
    "sigmoid_part": lambda a, e: np.where(a >= 0, 1, e) / (1 + e),
    "sigmoid_complement": lambda a, e, s: np.where(a >= 0, e * s, 1 - s),
    "softplus_part": lambda a, e: np.maximum(a, 0) + np.log1p(e),
    "tanh_softplus_part": lambda a, e: np.tanh(np.maximum(a, 0) + np.log1p(e)),
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: a**b,
    ">": lambda a, b: np.where(a > b, 1.0, 0.0),
    ">=": lambda a, b: np.where(a >= b, 1.0, 0.0),
    "<": lambda a, b: np.where(a < b, 1.0, 0.0),
    "<=": lambda a, b: np.where(a <= b, 1.0, 0.0),
    "where": lambda a, b, c: np.where(a != 0, b, c),
    "muladd": lambda a, b, c: a * b + c,
    "mulsub": lambda a, b, c: a * b - c,
    "submul": lambda a, b, c: c - a * b,
}
ARITY = {name: len(inspect.signature(f).parameters) for name, f in OPERATIONS.items() if name not in NUMPY} | dict(
    ARITIES
)


def run(tape: Tape, *inputs: Any, in_place: bool = False) -> list[Any]:
    """A tape in NumPy, slot by slot; with `in_place` the first output lies in the first input's memory."""
    first_constant = tape.n_inputs + tape.n_outputs
    slots: list[Any] = [np.array(x, dtype=float) for x in inputs] + [None] * tape.n_outputs
    slots += [np.full(len(inputs[0]), value) for value in tape.constants] + [None] * tape.n_temporaries
    for name, out, *read in tape.instructions:
        assert out in range(tape.n_inputs, first_constant) or out >= first_constant + len(tape.constants)
        with np.errstate(all="ignore"):
            slots[out] = OPERATIONS[name](*(slots[slot] for slot in read[: ARITY.get(name, 1)]))
        if in_place and out == tape.n_inputs:
            slots[0] = slots[out]
    return slots[tape.n_inputs : first_constant]


def compiled(text: str) -> Tape:
    """The tape of one formula in z."""
    graph = Graph(["z"])
    return graph.tape([graph.value(parse(text))])


def operations(text: str) -> list[str]:
    return [name for name, *_ in compiled(text).instructions]


LEAVES = st.sampled_from(["z", "y", "z", "2", "0.5", "3", "1", "pi"])


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.tuples(st.sampled_from("+-*/"), inner, inner).map(lambda t: f"({t[1]} {t[0]} {t[2]})")
    unary = st.tuples(st.sampled_from(["exp", "tanh", "sin", "abs", "-", "arctan"]), inner).map(
        lambda t: f"{t[0]}({t[1]})"
    )
    choice = st.tuples(inner, inner, inner, inner).map(lambda t: f"where({t[0]} > {t[1]}, {t[2]}, {t[3]})")
    powers = st.tuples(inner, st.integers(0, 5)).map(lambda t: f"({t[0]})^{t[1]}")
    return binary | unary | choice | powers


FORMULAS = st.recursive(LEAVES, _combined, max_leaves=25)


def value_of(expr: Expr, **values: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.broadcast_to(evaluate(expr, values, NUMPY), (5,))


@given(FORMULAS, FORMULAS, st.booleans())
def test_two_outputs_of_any_formulas(first: str, second: str, in_place: bool) -> None:
    """Sharing, fusing and reusing slots changes no value, also where the first output overwrites its input."""
    z, y = np.array([-1.7, -0.3, 0.4, 1.1, 2.3]), np.array([0.2, 1.9, -0.8, 0.6, -2.5])
    try:
        expressions = parse(first), parse(second)
        want = [value_of(expr, z=z, y=y) for expr in expressions]
    except OverflowError:  # a constant larger than any float
        return
    graph = Graph(["z", "y"])
    tape = graph.tape([graph.value(expr) for expr in expressions])
    for got, expected in zip(run(tape, z, y, in_place=in_place), want, strict=True):
        usable = np.isfinite(expected) & (np.abs(expected) < 1e8) & (np.abs(expected) > 1e-8)
        close = np.isclose(np.broadcast_to(got, (5,)), expected, rtol=1e-6, atol=1e-6)
        # A comparison of two rounded values, or a difference of nearly equal ones, may go either way by a rounding.
        assert np.all(close[usable]) or "where" in first + second or _touchy(expressions, z, y, want)


def _touchy(expressions: tuple[Expr, ...], z: Any, y: Any, want: list[Any]) -> bool:
    """Whether the formulas themselves move as much when their arguments are rounded."""
    nudged = [value_of(expr, z=z * (1 + 1e-13), y=y * (1 - 1e-13)) for expr in expressions]
    with np.errstate(all="ignore"):
        return any(
            not np.allclose(a, b, rtol=1e-7, atol=1e-7, equal_nan=True) for a, b in zip(nudged, want, strict=True)
        )


@pytest.mark.parametrize("name", [name for name, row in ACTIVATIONS.items() if not row.couples])
def test_value_and_slope_of_every_activation(name: str) -> None:
    row = ACTIVATIONS[name]
    z = np.linspace(-5.3, 5.1, 57)
    graph = Graph(["z"])
    a = graph.value(row.value)
    tape = graph.tape([a, graph.value(row.slope, {"a": a})])
    want = evaluate(row.value, {"z": z}, NUMPY)
    for in_place in (False, True):
        value, slope = run(tape, z, in_place=in_place)
        np.testing.assert_allclose(value, want, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(
            slope, np.broadcast_to(evaluate(row.slope, {"z": z, "a": want}, NUMPY), z.shape), rtol=1e-10, atol=1e-14
        )


@pytest.mark.parametrize("name", LOSSES)
def test_head_of_every_loss_and_output(name: str) -> None:
    """Value and dz = da f'(z), from z and y alone; after softmax da, from a and y."""
    row = LOSSES[name]
    z, y = np.linspace(-3.0, 3.0, 41), np.where(np.arange(41) % 3 == 0, 1.0, 0.0) if name != "hinge" else np.ones(41)
    for output in (ACTIVATIONS[output] for output in fitting_outputs(row)):
        if output.couples:
            p = 1 / (1 + np.exp(-z))
            value, slope = run(loss_tape(row, 4), p, y)
            np.testing.assert_allclose(value, evaluate(row.value(4), {"a": p, "y": y}, NUMPY), rtol=1e-12, atol=1e-15)
            np.testing.assert_allclose(slope, evaluate(row.slope(4), {"a": p, "y": y}, NUMPY), rtol=1e-12, atol=1e-15)
            continue
        value, dz = run(head_tape(row, output, 4), z, y)
        values = {"z": z, "y": y, "a": evaluate(output.value, {"z": z}, NUMPY)}
        da = np.broadcast_to(evaluate(row.slope(4), values, NUMPY), z.shape)
        np.testing.assert_allclose(value, evaluate(row.value(4), values, NUMPY), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(dz, da * evaluate(output.slope, values, NUMPY), rtol=1e-9, atol=1e-12)


def test_equal_parts_are_computed_once() -> None:
    assert operations("exp(z) + sin(exp(z)) + exp(z)*2").count("exp") == 1


def test_a_product_and_a_sum_are_one_instruction() -> None:
    assert operations("2*z + 1") == ["muladd"]
    assert operations("2*z - 1") == ["mulsub"]
    assert operations("1 - 2*z") == ["submul"]
    assert operations("z^2 + 1") == ["muladd"]
    graph = Graph(["z"])
    product = graph.value(parse("2*z"))
    shared = graph.tape([graph.value(parse("2*z + 1")), product])  # the product is an output too: it stays
    assert [name for name, *_ in shared.instructions] == ["mul", "add"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1/(1 + exp(-z))", ["sigmoid"]),
        ("exp(min(z, 0))/(1 + exp(-abs(z)))", ["sigmoid"]),
        ("exp(2*z)/(exp(2*z) + 1)", ["mul", "sigmoid"]),
        ("z/(1 + exp(-z))", ["sigmoid", "mul"]),
        ("z*exp(z)/(1 + exp(z))", ["sigmoid", "mul"]),
        ("exp(-z)/(1 + exp(-z))^2", ["exp_minus_abs", "sigmoid_part", "sigmoid_complement", "mul"]),
        ("(exp(z) - exp(-z))/(exp(z) + exp(-z))", ["tanh"]),
        ("(1 - exp(-2*z))/(1 + exp(-2*z))", ["tanh"]),
        ("(exp(2*z) - 1)/(exp(2*z) + 1)", ["tanh"]),
        ("2/(1 + exp(-2*z)) - 1", ["tanh"]),
        ("sinh(z)/cosh(z)", ["tanh"]),
        ("1 - tanh(z)^2", ["tanh", "sub", "add", "mul"]),
        ("log(1 + exp(z))", ["softplus"]),
        ("max(z, 0) + log(1 + exp(-abs(z)))", ["softplus"]),
        ("z*tanh(log(1 + exp(z)))", ["tanh_softplus", "mul"]),
        ("log(1 + exp(z)) + log(1 + exp(-z))", ["exp_minus_abs", "softplus_part", "neg", "softplus_part", "add"]),
        ("z*(1 + erf(z/sqrt(2)))/2", ["gelu"]),
        ("0.5*z*(1 + erf(z/sqrt(2)))", ["gelu"]),
        ("z*(0.5*(1 + erf(z/sqrt(2))))", ["gelu"]),
        ("abs(-2*z)", ["mul", "abs"]),
        ("log(1 + z)", ["log1p"]),
        ("exp(z) - 1", ["expm1"]),
        ("1 - erf(z)", ["erfc"]),
        ("1 + erf(z)", ["neg", "erfc"]),
        ("z^0.5", ["sqrt"]),
        ("z^4", ["square", "square"]),
        ("z^-1", ["reciprocal"]),
        ("z^2.5", ["pow"]),
        ("z/4", ["mul"]),
        ("z/3", ["div"]),
        ("z", ["copy"]),
        ("2", ["copy"]),
    ],
)
def test_better_forms(text: str, expected: list[str]) -> None:
    assert operations(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "exp(2*z)/(exp(2*z) + 1)",
        "z*exp(z)/(1 + exp(z))",
        "exp(-z)/(1 + exp(-z))^2",
        "(1 - exp(-2*z))/(1 + exp(-2*z))",
        "(exp(2*z) - 1)/(exp(2*z) + 1)",
        "(exp(-z) - exp(z))/(exp(z) + exp(-z))",
        "(exp(z) - 2*exp(-z))/(exp(z) + exp(-z))",
        "2/(1 + exp(-2*z)) - 1",
        "1/(1 + exp(-z)) + 1/(1 + exp(z))^2 + exp(z)/(1 + exp(z))",
        "log(1 + exp(z)) - 3*log(1 + exp(-z)) + tanh(log(1 + exp(z)))/(1 + exp(-z))",
        "max(z, 0) + log(1 + exp(-abs(z)))",
        "max(z, 1) + log(1 + exp(-abs(z)))",
        "0.5*(4*(z*3)) - -(2*z)",
    ],
)
def test_better_forms_are_equal(text: str) -> None:
    z = np.linspace(-9.0, 9.0, 41)
    np.testing.assert_allclose(
        run(compiled(text), z)[0], evaluate(parse(text), {"z": z}, NUMPY), rtol=1e-12, atol=1e-12
    )


def test_a_sum_with_a_number_that_float32_cannot_hold() -> None:
    """What float32 holds is added first: z + 1.1 is right where it cancels, in either type."""
    graph = Graph(["z"], exact_constants=True)
    tape = graph.tape([graph.value(parse("z + 1.1"))])
    assert tape.constants == (float(np.float32(1.1)), 1.1 - float(np.float32(1.1)))
    assert [name for name, *_ in tape.instructions] == ["add", "add"]
    assert len(graph.tape([graph.value(parse("z + 1.5"))]).instructions) == 1


@pytest.mark.parametrize(
    ("formula", "kind"),
    [
        ("1/(1 + exp(-z))", "sigmoid"),
        ("tanh(z)", "tanh"),
        ("max(z, 0)", "relu"),
        ("where(z > 0, z, 0)", "tape"),
        ("sin(z)", "tape"),
    ],
)
def test_a_formula_that_has_a_hand_written_twin(formula: str, kind: str) -> None:
    kinds: list[str] = []
    module = SimpleNamespace(Tape=lambda *_: None, Activation=lambda kind, **_: kinds.append(kind))
    native_activation(module, Activation("own", formula))
    assert kinds == [kind]


def test_the_first_output_waits_for_the_last_read_of_an_input() -> None:
    graph = Graph(["z"])
    tape = graph.tape([graph.value(parse("sin(z)")), graph.value(parse("cos(z)"))])
    z = np.array([0.3, 1.2])
    value, slope = run(tape, z, in_place=True)
    np.testing.assert_allclose(value, np.sin(z))
    np.testing.assert_allclose(slope, np.cos(z))


def test_a_shared_tree_costs_no_more_than_its_parts() -> None:
    """The same object put in place of both names of a formula, 60 times over: 2^60 nodes as a tree."""
    expr = parse("z")
    for _ in range(60):
        expr = expr * 0.5 + expr * 0.25
    graph = Graph(["z"])
    assert len(graph.tape([graph.value(expr)]).instructions) <= 120


def test_names_may_change_their_meaning() -> None:
    """The same expression, lowered with another node for `a`, is another value."""
    graph = Graph(["z"])
    expr = parse("2*a")
    tape = graph.tape(
        [graph.value(expr, {"a": graph.value(parse("sin(z)"))}), graph.value(expr, {"a": graph.value(parse("z"))})]
    )
    np.testing.assert_allclose(run(tape, np.array([0.5])), [[2 * np.sin(0.5)], [1.0]])


def test_hand_written_rows_are_the_library_s_own() -> None:
    assert is_hand_written(ACTIVATIONS["relu"])
    assert not is_hand_written(ACTIVATIONS["softplus"])
    assert loss("huber").is_builtin
