"""Reading formulas: precedence, places in the text, every message, and no crash whatever is thrown at the parser."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backstory.errors import ExpressionError
from backstory.expressions import (
    Add,
    Call,
    Compare,
    Div,
    Mul,
    Name,
    Neg,
    Number,
    Pow,
    Sub,
    derivative,
    evaluate,
    parse,
    parse_assignments,
    simplify,
    to_text,
    walk,
)
from tests.expressions.strategies import expressions

x, y, z = Name("x"), Name("y"), Name("z")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("x + y*z", x + y * z),
        ("x - y - z", (x - y) - z),
        ("x/y/z", (x / y) / z),
        ("x/y*z", (x / y) * z),
        ("2^3^2", Pow(Number(2), Pow(Number(3), Number(2)))),
        ("-x^2", Neg(x**2)),
        ("-x*y", Neg(x * y)),
        ("-x + y", Neg(x) + y),
        ("x*-y", x * Neg(y)),
        ("x^-2", Pow(x, Neg(Number(2)))),
        ("--x", Neg(Neg(x))),
        ("+x", x),
        ("x**2", x**2),
        ("(x + y)*z", (x + y) * z),
        ("1e-3*x", Number(1e-3) * x),
        (".5", Number(0.5)),
        ("5.", Number(5.0)),
        ("7", Number(7)),
        ("h_1 + W12", Name("h_1") + Name("W12")),
        ("max(x, 0)", Call("max", (x, Number(0)))),
        ("where(x >= y, 1, z)", Call("where", (Compare(">=", x, y), Number(1), z))),
        ("x − y·z", x - y * z),
        ("  x\n+\ty ", x + y),
    ],
)
def test_reads(text, tree):
    assert parse(text) == tree


def test_a_whole_number_stays_exact_and_a_decimal_is_a_float():
    assert type(parse("3").value) is int
    assert type(parse("3.0").value) is float


@pytest.mark.parametrize("text", ["x + sin(2*y)", "-x^2/(1 + y)", "where(x > 0, x, -x)*max(x, y)"])
def test_every_node_knows_its_place_in_the_text(text):
    for node in walk(parse(text)):
        start, end = node.span
        assert parse_part(text[start:end]) == node


def parse_part(text):
    """Read a piece of a formula, which may be a condition."""
    for op in (" > ", " < "):
        if op in text and "where" not in text:
            left, right = text.split(op)
            return Compare(op.strip(), parse(left), parse(right))
    return parse(text)


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 0, "The formula is empty."),
        ("   ", 3, "The formula is empty."),
        ("1 +", 3, "Expected a number, a name or '(', got the end of the formula."),
        ("1 + * z", 4, "Expected a number, a name or '(', got '*'."),
        ("(z + 1", 6, "Expected ')', got the end of the formula."),
        ("z + 1)", 5, "This ')' closes nothing."),
        ("z, 1", 1, "A ',' may only stand between the arguments of a function."),
        ("2z", 1, "Expected an operator before 'z'."),
        ("z z", 2, "Expected an operator before 'z'."),
        ("sine(z)", 0, "Unknown function 'sine'. Did you mean 'sin'?"),
        ("z(1 + z)", 0, "'z' is not a function."),
        ("1 + exp z", 4, "The function 'exp' needs its arguments in parentheses."),
        ("z + slop*z", 4, "Unknown name 'slop'. Did you mean 'slope'?"),
        ("sin(z, 1)", 0, "sin takes 1 argument. Got 2."),
        ("max(z)", 0, "max takes 2 arguments. Got 1."),
        ("sin()", 0, "sin takes 1 argument. Got 0."),
        ("z > 0", 2, "A comparison may only stand as the first argument of where."),
        ("max(z > 0, 1)", 6, "A comparison may only stand as the first argument of where."),
        ("where(z, 1, 2)", 7, "Expected a comparison (>, >=, <, <=), got ','."),
        ("where(0 < z < 1, 1, 2)", 12, "Expected ')', got '<'."),
        ("y = z", 2, "Cannot read '=' in a formula."),
        ("z + $", 4, "Cannot read '$' in a formula."),
        ("[z]", 0, "Cannot read '[' in a formula."),
        ("1e999*z", 0, "The number 1e999 is too large."),
        ("9^9^9^1001", 6, "An exponent must be at most 1,000. Got 1001."),
        ("(" * 60 + "z" + ")" * 60, 50, "Parentheses may be nested at most 50 deep."),
        ("z" + " + z" * 300, 0, "A formula may be at most 200 operations deep."),
        ("-" * 300 + "z", 100, "A formula may be at most 200 operations deep."),
        ("z" * 2001, 2000, "A formula must have at most 2,000 characters. Got 2,001."),
    ],
)
def test_refuses_and_says_where(text, position, message):
    with pytest.raises(ExpressionError) as caught:
        parse(text, allowed=("z", "y", "slope"))
    assert (caught.value.problem, caught.value.position) == (message, position)
    assert str(caught.value).splitlines()[2].rstrip().endswith("^")


def test_the_caret_stands_under_the_place():
    with pytest.raises(ExpressionError) as caught:
        parse("1/(1 + sine(z))")
    lines = str(caught.value).splitlines()
    assert lines[1][lines[2].index("^") :] == "sine(z))"
    assert lines[3].startswith("Known functions: exp, log,")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("2z", "If you mean the product, write 2*z."),
        ("z(2)", "If you mean the product, write z*(...)."),
        ("z = 1", "A formula is one expression, without '='; conditions in where(...) use >, >=, < or <=."),
        ("{z}", "Use round parentheses."),
        ("(z", "The '(' at position 0 is still open."),
        ("w", "Known names: z, pi, e."),
    ],
)
def test_says_what_to_write_instead(text, hint):
    with pytest.raises(ExpressionError) as caught:
        parse(text, allowed=("z",))
    assert caught.value.hint == hint


def test_only_text_is_a_formula():
    with pytest.raises(TypeError, match=r"A formula must be a str\. Got int instead\."):
        parse(3)


def read_or_refused(text):
    """Return the tree, or None where the text is refused at one of its places."""
    try:
        return parse(text)
    except ExpressionError as refusal:
        error = refusal
    assert 0 <= error.position <= len(text)
    return None


WORDS = [
    "z",
    "1",
    "2.5",
    "1e3",
    "+",
    "-",
    "*",
    "/",
    "^",
    "**",
    "(",
    ")",
    ",",
    ">",
    "<=",
    "sin",
    "max(",
    "where(",
    " ",
    "é",
    "=",
    "\n",
]


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=80).map("".join)))
@example("9^9^9^9^9")
@example("٣ + z")
@example("z²")
@example("1_000")
def test_any_text_is_read_or_refused_with_its_place(text):
    tree = read_or_refused(text)
    if tree is None:
        return
    values = {node.id: 0.3 for node in walk(tree) if isinstance(node, Name)}
    value = evaluate(tree, values)
    assert isinstance(value, float)
    simplify(tree)
    derivative(tree, "z")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 49 + "z" + ")" * 49,
        "sin(" * 49 + "z" + ")" * 49,
        "^".join(["z"] * 50),
        "+".join(["z"] * 200),
        "*".join(["z"] * 200),
        "/".join(["(z + 1)"] * 150),
        "-" * 199 + "z",
        "9" * 300,
        "9^999*8^999",
        "max(" * 40 + "z" + ", 1)" * 40,
        "(" * 1999,
    ],
)
def test_the_hardest_texts_take_no_time(text):
    start = time.process_time()
    try:
        tree = parse(text)
        simplify(tree)
        derivative(tree, "z")
        to_text(tree)
        assert hash(tree) == hash(parse(text))
    except ExpressionError:
        pass
    assert time.process_time() - start < 2.0


@given(expressions())
def test_what_is_printed_is_read_back(tree):
    once = parse(to_text(tree))
    assert parse(to_text(once)) == once


def test_reads_assignments_line_by_line():
    rule = parse_assignments("m = beta*m + g  # momentum\n\nw = w - rate*m\n")
    assert [name for name, _ in rule] == ["m", "w"]
    assert rule[1][1] == Sub(Name("w"), Mul(Name("rate"), Name("m")))
    assert Add not in map(type, walk(rule[1][1]))
    assert Div not in map(type, walk(rule[1][1]))


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("m + 1", 0, "Expected a line of the form 'name = formula'."),
        ("2 = m", 0, "Expected a line of the form 'name = formula'."),
        ("ok = 1\nm = 2*q)", 7, "This ')' closes nothing."),
    ],
)
def test_a_line_that_is_no_assignment_is_refused(text, position, message):
    with pytest.raises(ExpressionError) as caught:
        parse_assignments(text)
    assert (caught.value.problem, caught.value.position) == (message, position)
