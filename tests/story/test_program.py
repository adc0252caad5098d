"""The language of formulas: what is read, what is refused and with which words."""

from __future__ import annotations

import pytest

from backstory import Activation
from backstory.errors import ExpressionError
from backstory.expressions import to_text
from backstory.story.program import read_program

CHAIN = """\
# the chain x -> h -> y of a textbook, one bias shared by both layers
x = 0.5
t = 1
w1 = 0.4
w2 = -0.3
b = 0.1
h = sigmoid(w1*x + b)
y = sigmoid(w2*h + b)
L = 1/2*(t - y)^2
"""


def test_leaves_formulas_parameters_and_loss() -> None:
    program = read_program(CHAIN)
    assert program.leaves == {"x": 0.5, "t": 1.0, "w1": 0.4, "w2": -0.3, "b": 0.1}
    assert program.parameters == ("w1", "w2", "b")
    assert program.loss == "L"
    assert {name: to_text(tree) for name, tree in program.formulas.items()} == {
        "z_h": "w1*x + b",
        "h": "sigmoid(z_h)",
        "z_y": "w2*h + b",
        "y": "sigmoid(z_y)",
        "L": "1/2*(t - y)^2",
    }
    assert program.hidden == {"z_h", "z_y"}


def test_formulas_may_stand_in_any_order_and_the_last_is_the_loss() -> None:
    program = read_program("h = w*x\nw = 2\nx = 3\nL = h^2")
    assert program.values(program.leaves)[0]["L"] == 36.0
    assert list(program.formulas) == ["h", "L"]


def test_leaves_may_be_constant_expressions_and_defined_names_win_over_constants() -> None:
    program = read_program("w = 1/3\ne = 2\np = pi/4\nL = w*e + p")
    assert program.leaves["w"] == 1 / 3
    assert program.values(program.leaves)[0]["L"] == pytest.approx(2 / 3 + 0.7853981633974483)


@pytest.mark.parametrize("name", ["w", "w1", "w12", "w_h1", "w1_11", "b", "b_2", "theta", "theta0", "θ1"])
def test_names_of_parameters(name: str) -> None:
    assert read_program(f"{name} = 1\nx = 2\nL = {name}*x").parameters == (name,)


@pytest.mark.parametrize("name", ["batch", "weight", "beta", "bias", "x", "thetas", "W"])
def test_names_that_are_no_parameters(name: str) -> None:
    assert read_program(f"{name} = 1\nx2 = 2\nL = {name}*x2").parameters == ()


def test_a_line_of_parameters_replaces_the_rule() -> None:
    assert read_program("parameters: p, q\nw = 1\np = 2\nq = 3\nL = w*p*q").parameters == ("p", "q")


def test_samples_and_their_mean() -> None:
    program = read_program(
        "samples: x t\n0, 1\n# a comment\n1 0\n\nw = 0.5\nlam = 0.1\nL = mean((w*x - t)^2) + lam*w^2"
    )
    shared, rows = program.values(program.leaves)
    assert [row["L_n"] for row in rows] == [1.0, 0.25]
    assert shared["L"] == pytest.approx(0.625 + 0.025)
    assert program.of_a_sample == {"x", "t", "L_n"}
    assert program.hidden == {"L_n", "mean(L_n)"}


def test_sum_over_samples_of_a_named_formula() -> None:
    program = read_program("samples: x\n1\n2\n\nw = 3\nC = w*x\nL = sum(C)")
    assert program.values(program.leaves)[0]["L"] == 9.0
    assert program.hidden == frozenset()


def test_own_functions_and_other_names_of_functions() -> None:
    sine = Activation("wave", "sin(2*z)")
    program = read_program("w = 0.3\nh = wave(w)\ny = σ(h)\nL = ln(y)", [sine])
    assert to_text(program.formulas["y"]) == "sigmoid(h)"
    assert program.values(program.leaves)[0]["h"] == pytest.approx(0.5646424733950354)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\nL = sigmod(x)", "Line 2, column 5: Unknown function 'sigmod'. Did you mean 'sigmoid'?"),
        ("x1 = 1\nw = 2\nL = (w*x1 - x12)^2", "Line 3, column 13: Unknown name 'x12'. Did you mean 'x1'?"),
        ("a = c\nc = a\nL = a", "Line 1, column 1: The formulas go round in a circle: a needs c needs a."),
        ("w = 1\nw = 2\nL = w*2", "Line 2, column 1: 'w' is defined twice."),
        ("w = 1\n  2 + w\nL = w", "Line 2, column 3: Expected a line of the form 'name = formula'."),
        ("w = 1\nsigmoid = 2\nL = w", "Line 2, column 1: 'sigmoid' is the name of a function."),
        ("x = 1\nw = 2", "Line 2, column 1: The last formula is the loss, but 'w' is a number."),
        ("", "Line 1, column 1: There are no formulas."),
        ("w = 1/0\nL = w*2", "Line 1, column 5: 'w' is not a finite number."),
        ("parameters: w2\nw = 1\nL = w^2", "Line 1, column 13: The parameter 'w2' is not defined."),
        ("parameters: h\nw = 1\nh = w*2\nL = h^2", "Line 1, column 13: The parameter 'h' is a formula."),
        ("parameters: w w\nw = 1\nL = w^2", "Line 1, column 15: 'w' is listed twice."),
        ("samples: x\n1\n\nw = 2\nL = w*x", "Line 5, column 1: The loss 'L' differs from sample to sample."),
        ("samples: x t\n1\n\nw = 2\nL = mean(w*x - t)", "Line 2, column 1: A sample must have 2 numbers"),
        ("samples: x\n1\nfoo\n\nL = mean(x)", "Line 3, column 1: A sample is a row of numbers."),
        ("samples: x\n\nL = mean(x)", "Line 1, column 1: The table of samples is empty."),
        ("samples: x\n1\n\nx = 2\nL = mean(x)", "Line 4, column 1: 'x' is a column of the samples and has a formula"),
        ("w = 1\nL = mean(w)", "Line 2, column 5: mean(...) is over samples, and there are none."),
        ("samples: x\n1\n\nw = 2\nm = mean(x)\nh = x - m\nL = mean(h)", "'h' belongs to one sample"),
        ("samples: x\n1\n\nw = 2\nL = mean(x) + mean(w)", "'w' does not differ from sample to sample"),
        ("w = 1\nL = w^", "Line 2, column 7: Expected a number, a name or '(', got the end of the formula."),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        read_program(text)
    assert message in str(caught.value)
    assert "^" in str(caught.value)
