"""What a story says beside its derivation."""

from __future__ import annotations

import pytest

import backstory as bs


def notes_of(text: str, quantity: str) -> str:
    return " ".join(bs.Formulas.read(text).explain(quantity).notes)


UNIT = "x = {x}\nw = {w}\nv = {v}\nh = {f}(w*x)\no = v*h\nL = (o - 1)^2"


@pytest.mark.parametrize(
    ("values", "quantity", "expected"),
    [
        ({"x": 0, "w": 1, "v": 1, "f": "tanh"}, "w", "zero because ∂z_h/∂w = 0: x, which enters here, is 0"),
        (
            {"x": 1, "w": -1, "v": 1, "f": "relu"},
            "w",
            "∂h/∂z_h = 0: the unit is dead here, relu being flat at z_h = -1",
        ),
        ({"x": 1, "w": 40, "v": 1, "f": "tanh"}, "w", "the unit is saturated, tanh being flat at z_h = 40"),
        ({"x": 1, "w": 1, "v": 0, "f": "tanh"}, "w", "the weight between them is 0"),
        ({"x": 1, "w": 9, "v": 0.5, "f": "sigmoid"}, "w", "small chiefly because ∂h/∂z_h = 0.000123379"),
        (
            {"x": 1, "w": 9, "v": 0.5, "f": "sigmoid"},
            "w",
            "the unit is saturated, sigmoid being almost flat at z_h = 9",
        ),
        (
            {"x": 1, "w": 0, "v": 1, "f": "relu"},
            "w",
            "relu has no derivative at z_h = 0. By convention: The slope at z = 0 is",
        ),
        ({"x": 1, "w": 1, "v": 1, "f": "tanh"}, "dw/dh", "w is a weight, an independent quantity"),
        ({"x": 1, "w": 1, "v": 1, "f": "tanh"}, "dx/dw", "x is an input, an independent quantity"),
        (
            {"x": 1, "w": 1, "v": 1, "f": "tanh"},
            "dh/do",
            "o depends on h, not h on o: the derivative that exists is ∂o/∂h.",
        ),
        ({"x": 1, "w": 1, "v": 1, "f": "tanh"}, "dh/dv", "No formula leads from v to h"),
        ({"x": 1, "w": 1, "v": 1, "f": "tanh"}, "dh/dh", "h is differentiated by itself, which gives 1."),
    ],
)
def test_the_reason_is_named(values: dict[str, object], quantity: str, expected: str) -> None:
    assert expected in notes_of(UNIT.format(**values), quantity)


def test_cancelling_paths_and_shared_parameters() -> None:
    text = "w = 1\nx = 2\np = w*x\nq = -w*x\nL = p + q"
    assert "its paths cancel" in notes_of(text, "w")
    assert "w is used 2 times, in p, q: its gradient is the sum over its uses." in notes_of(text, "w")


def test_nothing_is_said_where_there_is_nothing_to_say() -> None:
    assert notes_of(UNIT.format(x=1, w=0.5, v=2, f="tanh"), "w") == ""


def test_kinks_of_losses_and_of_elementary_functions() -> None:
    net = bs.Network([1, 1], loss="absolute_error", initializer="zeros", seed=0)
    (note,) = [note for note in net.explain("w1[0->0]", [2.0], [0.0]).notes if "no derivative" in note]
    assert note.startswith("absolute_error has no derivative at a1[0] = 0. By convention: ")
    assert "The slope at a = y is 0." in note
    assert "abs(w*x) has no derivative where what it takes is 0" in notes_of("x = 2\nw = 0\nL = abs(w*x) + w", "w")
    assert "max(w, x) has no derivative where both are equal" in notes_of("x = 2\nw = 2\nL = max(w, x)", "w")
    assert "no derivative" not in notes_of("x = 2\nw = 3\nL = max(w, x)", "w")
