"""Errors: each is a built-in error too, survives pickling, and says what must hold, what came and what to do."""

from __future__ import annotations

import pickle

import pytest

from backstory import errors
from backstory.errors import DivergenceError, ExpressionError, nearest, unknown


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("ConfigurationError", ValueError),
        ("DataError", ValueError),
        ("ExpressionError", ValueError),
        ("ModelFileError", ValueError),
        ("DivergenceError", ArithmeticError),
    ],
)
def test_each_is_a_backstory_error_and_a_builtin_one(name, builtin):
    kind = getattr(errors, name)
    assert issubclass(kind, errors.BackstoryError)
    assert issubclass(kind, builtin)
    assert name in errors.__doc__


def test_an_expression_error_shows_text_caret_and_hint():
    error = ExpressionError("Unknown name 'q'.", "1 + q*z", 4, "Known names: z.")
    assert str(error) == "Unknown name 'q'.\n  1 + q*z\n      ^\nKnown names: z."
    assert (error.position, error.text, error.hint) == (4, "1 + q*z", "Known names: z.")


def test_of_a_long_text_only_the_place_is_shown():
    text = "a + " * 100 + "? + b" + " + c" * 100
    line, caret = str(ExpressionError("Cannot read '?'.", text, 400)).splitlines()[1:3]
    assert line.startswith("  ...")
    assert line.endswith("...")
    assert len(line) <= 80
    assert line[caret.index("^")] == "?"


def test_of_several_lines_only_the_one_with_the_place_is_shown():
    error = ExpressionError("Cannot read '?'.", "a = 1\nb = ?\nc = 2", 10)
    assert str(error) == "Cannot read '?'.\n  b = ?\n      ^"


def test_characters_that_do_not_print_leave_the_caret_in_place():
    line, caret = str(ExpressionError("Bad.", "a\tb\x00?", 4)).splitlines()[1:3]
    assert line[caret.index("^")] == "?"


def test_an_expression_error_survives_pickling():
    error = ExpressionError("Bad.", "1 +", 3, "Write 1 + 2.")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.position) == (str(error), 3)


def test_a_divergence_error_carries_where_it_began_and_survives_pickling():
    error = DivergenceError("The loss became NaN.", step=7, epoch=2, layer=1, row=3, quantity="loss", history=[1.0])
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == "The loss became NaN."
    assert (again.step, again.epoch, again.layer, again.row, again.quantity) == (7, 2, 1, 3, "loss")
    assert again.history == [1.0]


@pytest.mark.parametrize(
    ("name", "guess"),
    [
        ("sigmod", "sigmoid"),
        ("LeakyReLU", "leaky_relu"),
        ("leaky-relu", "leaky_relu"),
        ("Sigmoid", "sigmoid"),
        ("q", None),
    ],
)
def test_nearest(name, guess):
    assert nearest(name, ["relu", "leaky_relu", "sigmoid"]) == guess


def test_unknown_names_the_nearest_and_all():
    assert (
        str(unknown("loss", "hubber", ["huber", "hinge"]))
        == "Unknown loss 'hubber'. Did you mean 'huber'? Known: huber, hinge."
    )
    assert str(unknown("loss", "xyz", iter(["huber"]))) == "Unknown loss 'xyz'. Known: huber."
