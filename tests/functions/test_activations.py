"""Every activation of the table, by the same tests: value, slope, extremes, kinks, range, other libraries."""

from __future__ import annotations

import math
import pickle

import mpmath
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from backstory.errors import ConfigurationError, ExpressionError
from backstory.expressions import derivative, evaluate, names, parse, to_latex, to_text
from backstory.functions import ACTIVATIONS, ELU, INITIALIZERS, SIMPLEX, Activation, Interval, LeakyReLU, activation
from tests.functions.truth import DIGITS, exact, exact_slope

OF_ONE_UNIT = [row for row in ACTIVATIONS.values() if not row.couples]
VARIANTS = [LeakyReLU(0.2), LeakyReLU(0.0), ELU(0.3), ELU(2.5)]
EXTREMES = (
    0.0,
    -0.0,
    5e-324,
    -5e-324,
    1e-310,
    -1e-310,
    1e-20,
    -1e-20,
    36.9,
    -36.9,
    88.8,
    -88.8,
    709.9,
    -709.9,
    745.2,
    -745.2,
)
FAR = (1000.0, -1000.0, 1e6, -1e6)

every_row = pytest.mark.parametrize("row", OF_ONE_UNIT + VARIANTS, ids=str)


def value(row: Activation, z: float) -> float:
    return evaluate(row.value, {"z": z})


def slope(row: Activation, z: float) -> float:
    return evaluate(row.slope, {"z": z, "a": value(row, z)})


def truth(row: Activation, z: float):
    return exact(row.expression, z=z, **dict(row.parameters))


def true_slope(row: Activation, z: float):
    return exact_slope(row.expression, "z", z=z, **dict(row.parameters))


@every_row
@given(z=st.floats(-40, 40))
@settings(max_examples=40)
def test_the_value_is_that_of_the_textbook_formula(row, z):
    with mpmath.workdps(DIGITS):
        assert value(row, z) == pytest.approx(float(truth(row, z)), rel=1e-14, abs=1e-14)


@every_row
@given(z=st.floats(-40, 40))
@settings(max_examples=40)
def test_the_slope_is_the_derivative_of_the_textbook_formula(row, z):
    assume(all(abs(z - kink) > 1e-12 for kink in row.kinks))
    with mpmath.workdps(DIGITS):
        assert slope(row, z) == pytest.approx(float(true_slope(row, z)), rel=1e-13, abs=2e-15)


@every_row
@pytest.mark.parametrize("z", EXTREMES + FAR)
def test_extremes_are_finite_and_right_where_the_truth_is_finite(row, z):
    with mpmath.workdps(500):  # so that 1 + exp(-1000) is not 1
        expected = truth(row, z)
        if abs(expected) > 1.7e308:
            assert math.isinf(value(row, z))
            return
        assert value(row, z) == pytest.approx(
            float(expected), rel=1e-13, abs=1e-13 if row.name.startswith("gelu") else 1e-300
        )
        assert math.isfinite(slope(row, z))
        if z not in row.kinks and all(abs(z - kink) > 1e-300 for kink in row.kinks):
            assert slope(row, z) == pytest.approx(float(true_slope(row, z)), rel=1e-10, abs=1e-12)


@every_row
def test_at_a_kink_the_slope_is_that_of_one_side(row):
    for kink in row.kinks:
        left, right = slope(row, kink - 1e-9), slope(row, kink + 1e-9)
        assert slope(row, kink) in (pytest.approx(left, abs=1e-8), pytest.approx(right, abs=1e-8))
    assert bool(row.kinks) <= bool(row.note)


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("relu", {0.0: 0.0}),
        ("leaky_relu", {0.0: 0.01}),
        ("elu", {0.0: 1.0}),
        ("hard_sigmoid", {-3.0: 0.0, 3.0: 0.0}),
        ("hard_tanh", {-1.0: 0.0, 1.0: 0.0}),
    ],
)
def test_the_stated_slope_at_a_kink(name, at):
    assert {z: slope(ACTIVATIONS[name], z) for z in at} == at
    assert tuple(at) == ACTIVATIONS[name].kinks


@every_row
def test_there_are_no_kinks_but_the_stated_ones(row):
    for step in range(-400, 400):
        z = step / 50
        if z not in row.kinks:
            assert slope(row, z - 1e-7) == pytest.approx(slope(row, z + 1e-7), abs=1e-5, rel=1e-5)


@every_row
def test_the_range_holds_every_value_and_is_no_wider_than_that(row):
    values = [value(row, z / 64) for z in range(-64 * 40, 64 * 40)] + [value(row, z) for z in (-1e6, 1e6)]
    closed = Interval(row.range.low, row.range.high, low_open=False, high_open=False)
    assert all(each in closed or each == row.range.high for each in values)  # rounding may reach an open end
    assert min(values) == pytest.approx(row.range.low, abs=1e-3) or min(values) < -1e3 or row.name == "leaky_relu"
    assert max(values) == pytest.approx(row.range.high, abs=1e-3) or max(values) > 1e3


@every_row
def test_the_given_derivative_is_the_one_that_would_be_worked_out(row):
    own = Activation("own", row.formula, parameters=row.parameters)
    for z in (-5.3, -2.9, -0.7, -0.2, 0.4, 0.9, 2.2, 6.1):
        assert slope(own, z) == pytest.approx(slope(row, z), rel=1e-10, abs=1e-14)


SYMPY = {"erf": sympy.erf, "arctan": sympy.atan, "max": sympy.Max, "min": sympy.Min, "abs": sympy.Abs, "pi": sympy.pi}
SYMPY |= {"where": lambda condition, yes, no: sympy.Piecewise((yes, condition), (no, True))}
SYMPY |= {"sigmoid": lambda z: 1 / (1 + sympy.exp(-z)), "softplus": lambda z: sympy.log(1 + sympy.exp(z))}


@every_row
def test_sympy_finds_the_same_derivative(row):
    z = sympy.Symbol("z", real=True)
    formula = sympy.sympify(row.formula.replace("^", "**"), locals={**SYMPY, "z": z, **dict(row.parameters)})
    found = sympy.diff(formula, z)
    for at in (-3.7, -1.3, -0.4, 0.3, 0.8, 2.6):
        assert slope(row, at) == pytest.approx(float(found.subs(z, at).evalf()), rel=1e-12)


def torch_functions():
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    return {
        "identity": lambda z: z * 1,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "leaky_relu": lambda z: functional.leaky_relu(z, 0.01),
        "elu": functional.elu,
        "selu": functional.selu,
        "gelu": functional.gelu,
        "gelu_tanh": lambda z: functional.gelu(z, approximate="tanh"),
        "silu": functional.silu,
        "mish": functional.mish,
        "softplus": functional.softplus,
        "softsign": functional.softsign,
        "hard_sigmoid": functional.hardsigmoid,
        "hard_tanh": functional.hardtanh,
        "arctan": torch.arctan,
        "exp": torch.exp,
    }


@pytest.mark.parametrize("row", OF_ONE_UNIT, ids=str)
def test_pytorch_agrees_kinks_included(row):
    function = torch_functions()[row.name]
    import torch

    rel = 1e-7 if row.name == "hard_sigmoid" else 1e-10  # PyTorch's 1/6 is a float32 there

    z = torch.tensor(
        [-9.0, -3.0, -1.5, -1.0, -0.2, 0.0, 0.3, 1.0, 2.5, 3.0, 8.0], dtype=torch.float64, requires_grad=True
    )
    a = function(z)
    a.sum().backward()
    assert [value(row, each) for each in z.tolist()] == pytest.approx(a.tolist(), rel=1e-12, abs=1e-15)
    assert [slope(row, each) for each in z.tolist()] == pytest.approx(z.grad.tolist(), rel=rel, abs=1e-15)


@every_row
def test_a_computable_row_uses_only_what_engines_have(row):
    assert names(row.value) <= {"z"}
    assert row.slope_uses == names(row.slope) <= {"z", "a"}
    assert to_latex(row.expression)
    assert to_text(row.expression) == to_text(parse(row.formula, {**dict.fromkeys(ACTIVATIONS, 1), **_arities()}))


def _arities():
    from backstory.expressions import ARITIES

    return ARITIES


@pytest.mark.parametrize("row", ACTIVATIONS.values(), ids=str)
def test_a_row_says_what_it_is(row):
    assert ACTIVATIONS[row.name] is row is activation(row.name) is activation(row)
    assert row.is_builtin
    assert row.initializer in INITIALIZERS
    assert row.formula in repr(row)
    assert row.paper or row.name in ("identity", "arctan")


@pytest.mark.parametrize("row", [*ACTIVATIONS.values(), *VARIANTS], ids=str)
def test_a_row_survives_pickling_and_the_model_file(row):
    for again in (pickle.loads(pickle.dumps(row)), Activation.from_dict(row.to_dict())):
        assert again == row
        assert hash(again) == hash(row)
        assert again.range == row.range
    assert set(row.to_dict()) == {"name", "parameters"}


def test_softmax_has_no_formula_of_one_unit():
    softmax = ACTIVATIONS["softmax"]
    assert softmax.range is SIMPLEX
    assert to_text(softmax.expression) == "exp(z)/sum(exp(z))"
    with pytest.raises(ConfigurationError, match="softmax couples all units of a layer; it has no formula of one unit"):
        _ = softmax.value


def test_a_users_own_row_differentiates_itself():
    sine = Activation("sine", "sin(2*z)")
    assert to_text(sine.slope) == "2*cos(2*z)"
    assert slope(sine, 0.3) == 2 * math.cos(0.6)
    assert not sine.is_builtin
    assert str(sine) == "sine"
    assert repr(sine) == "<Activation sine: sin(2*z)>"


def test_a_users_own_row_may_call_others_and_have_parameters():
    row = Activation("gated", "z*sigmoid(beta*z) + 0*relu(z)", parameters={"beta": 1.5}, range="(-inf, inf)")
    assert value(row, -800.0) == 0.0
    assert value(row, 0.7) == pytest.approx(0.7 / (1 + math.exp(-1.05)))
    h = 1e-6
    assert slope(row, 0.7) == pytest.approx((value(row, 0.7 + h) - value(row, 0.7 - h)) / (2 * h))
    assert row.replace(beta=0.0).parameters == (("beta", 0.0),)
    assert slope(row.replace(beta=0.0), 3.0) == 0.5
    assert str(row) == "gated(beta=1.5)"


def test_a_called_row_brings_its_own_slope_not_that_of_its_stable_form():
    assert slope(Activation("own", "softplus(z)"), 0.0) == 0.5
    assert slope(Activation("own", "sigmoid(z)"), 0.0) == 0.25
    assert slope(Activation("own", "z^2*sigmoid(z)"), -1000.0) == 0.0


def test_a_users_own_row_survives_pickling_and_the_model_file():
    row = Activation(
        "own",
        "c*tanh(z)",
        parameters={"c": 2.0},
        range="(-c, c)",
        kinks=(1,),
        initializer="zeros",
        paper="me",
        note="mine",
        stable="c*(1 - 2*sigmoid(-2*z))",
        derivative="c - a^2/c",
        bounds=(("c", "(0, inf)"),),
    )
    for again in (pickle.loads(pickle.dumps(row)), Activation.from_dict(row.to_dict())):
        assert again == row
        assert again.range == Interval(-2.0, 2.0)
    assert row.replace(c=3.0).range == Interval(-3.0, 3.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sigmoid", "sin(z)"), "The activation 'sigmoid' exists already, with another formula; choose another name."),
        (("relu", "max(z, 0)"), "The activation 'relu' exists already, with another formula; choose another name."),
        (
            ("own", "z", "", "", "(0, 1)", (), (), (), "zeros", "", True),
            "The activation 'own' must have a formula of one unit",
        ),
        (("my own", "sin(z)"), "The name of an activation must be an identifier such as 'sine'. Got 'my own'."),
        (
            ("own", "mish(" * 9 + "z" + ")" * 9),
            "The formula of the activation 'own' is too large once the functions it calls",
        ),
        (
            ("own", "z", "2*z"),
            "The stable form of the activation 'own' must agree with its formula. At z = -2.7 it gives -5.4",
        ),
        (
            ("own", "z^2", "", "z"),
            r"The derivative of the activation 'own' must agree .* gives -2.7 instead of -5.4; leave it",
        ),
        (("own", "tanh(z)", "", "1 - z^2"), "The derivative of the activation 'own' must agree with its formula"),
        (("own", "z", "", "", "(1, 0)"), "An interval must go from the lower to the higher end. Got 1.0 to 0.0."),
        (
            ("own", "z", "", "", "positive"),
            r"An interval must be written like '\(0, 1\)' or '\[0, inf\)'. Got 'positive'.",
        ),
        (("own", "z", "", "", 3), r"A range must be an interval such as '\(0, 1\)'. Got 3."),
        (
            ("own", "c*z", "", "", "(0, 1)", {"c": math.inf}),
            "The 'c' parameter of the activation 'own' must be a finite number. Got inf",
        ),
        (
            ("own", "z", "", "", "(0, 1)", {"exp": 1}),
            "A parameter of the activation 'own' must have a name that is still free. Got 'exp'.",
        ),
    ],
)
def test_a_row_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        Activation(*arguments)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("sin(2*q)", "Unknown name 'q'."),
        ("a*2", "Unknown name 'a'."),
        ("softmax(z)", "Unknown function 'softmax'. Did you mean 'max'?"),
        ("sigmod(z)", "Unknown function 'sigmod'. Did you mean 'sigmoid'?"),
        ("", "The formula is empty."),
    ],
)
def test_a_formula_that_cannot_be_read_is_refused_at_once(formula, message):
    with pytest.raises(ExpressionError) as caught:
        Activation("own", formula)
    assert caught.value.problem == message


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: activation("sigmod"), "Unknown activation 'sigmod'. Did you mean 'sigmoid'?"),
        (lambda: activation(3), "An activation must be a name or an Activation. Got 3 instead."),
        (
            lambda: LeakyReLU(-0.1),
            r"The 'slope' parameter of the activation 'leaky_relu' must be a number in \[0, inf\). Got -0.1",
        ),
        (
            lambda: ELU(0),
            r"The 'alpha' parameter of the activation 'elu' must be a number in \(0, inf\). Got 0 instead.",
        ),
        (
            lambda: ELU("1"),
            r"The 'alpha' parameter of the activation 'elu' must be a number in \(0, inf\). Got '1' instead.",
        ),
        (lambda: ACTIVATIONS["relu"].replace(slope=1), "The activation 'relu' has no parameter 'slope'. It has: none."),
        (lambda: Activation.from_dict({"name": "sine"}), "Unknown activation 'sine'."),
        (
            lambda: Activation.from_dict({"name": "elu", "parameters": {"beta": 1.0}}),
            "has no parameter 'beta'. It has: alpha.",
        ),
    ],
)
def test_messages(call, message):
    with pytest.raises(ConfigurationError, match=message):
        call()


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        ACTIVATIONS["relu"] = Activation("own", "z")


def test_the_derivative_of_an_expression_with_calls_needs_their_rules():
    with pytest.raises(KeyError):
        derivative(ACTIVATIONS["silu"].expression, "z")
