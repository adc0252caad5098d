"""What a verdict says of each term: whether it is right, and which paths it stands for."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import pytest

import backstory as bs

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "two-two-two.txt"
ONE, TWO = ("w1", "z_h1", "h1", "z_o1", "o1", "L"), ("w1", "z_h1", "h1", "z_o2", "o2", "L")
RIGHT_ONE, RIGHT_TWO = "dh1/dw1*do1/dh1*dL/do1", "dh1/dw1*do2/dh1*dL/do2"


@pytest.fixture(scope="module")
def formulas() -> bs.Formulas:
    return bs.Formulas.read(EXAMPLE)


def told(formulas: bs.Formulas, right: str) -> list[tuple[str, tuple[tuple[str, ...], ...]]]:
    return [(term.status, term.paths) for term in formulas.check(f"dL/dw1 = {right}").terms]


def test_each_right_term_has_its_path(formulas: bs.Formulas) -> None:
    verdict = formulas.check(f"dL/dw1 = {RIGHT_TWO} + {RIGHT_ONE}")
    assert [(term.text, term.status, term.paths) for term in verdict.terms] == [
        (RIGHT_TWO, "right", (TWO,)),
        (RIGHT_ONE, "right", (ONE,)),
    ]
    assert verdict.missing == ()


def test_a_term_may_stand_for_several_paths(formulas: bs.Formulas) -> None:
    assert told(formulas, "dL/dh1*dh1/dw1") == [("right", (ONE, TWO))]


def test_the_path_that_no_term_covers_is_missing(formulas: bs.Formulas) -> None:
    verdict = formulas.check(f"dL/dw1 = {RIGHT_TWO}")
    assert [term.status for term in verdict.terms] == ["right"]
    assert verdict.missing == (ONE,)


def test_a_path_counted_twice_is_wrong_the_second_time(formulas: bs.Formulas) -> None:
    assert told(formulas, f"dL/dh1*dh1/dw1 + {RIGHT_ONE}") == [("right", (ONE, TWO)), ("wrong", (ONE,))]


def test_a_wrong_term_keeps_the_path_that_is_meant(formulas: bs.Formulas) -> None:
    found = told(formulas, f"dh1/dw1*dw7/dh1*do2/dw7*dL/do2 + {RIGHT_ONE}")
    assert found == [("wrong", (TWO,)), ("right", (ONE,))]


def test_a_product_that_is_multiplied_out_is_told_by_its_factors(formulas: bs.Formulas) -> None:
    verdict = formulas.check("dL/dw1 = x1*h1*(1-h1)*(w5*(o1-y1)*o1*(1-o1) + w7*(o2-y2)*o2*(1+o2))")
    assert [(term.text, term.status) for term in verdict.terms] == [
        ("x1*h1*(1-h1)*w5*(o1-y1)*o1*(1-o1)", "right"),
        ("x1*h1*(1-h1)*w7*(o2-y2)*o2*(1+o2)", "wrong"),
    ]
    assert verdict.numbers is not None
    graph = formulas.graph(0)
    products = [math.prod(graph.edge(*pair).number for pair in pairwise(path)) for path in (ONE, TWO)]
    assert [true for _, _, true in verdict.numbers.terms] == pytest.approx(products)


def test_what_is_no_derivative_has_no_terms(formulas: bs.Formulas) -> None:
    for equation in ("h1 = w1*x1", "sigma'(z) = z*(1 - z)", "w1 = w1 - eta*dL/dw1", "dL/d = 2"):
        assert formulas.check(equation).terms == ()


def test_a_network_of_layers_names_its_paths_by_address() -> None:
    net = bs.Network([2, 2, 1], seed=0)
    verdict = net.check("dL/dw_{11}^{(1)} = delta_1^{(1)} x_1")
    assert verdict.ok
    assert [(term.status, term.paths) for term in verdict.terms] == [
        ("right", (("w1[1->1]", "z1[1]", "a1[1]", "z2[0]", "a2[0]", "L"),))
    ]


def test_the_terms_are_in_the_plain_data(formulas: bs.Formulas) -> None:
    data = formulas.check(f"dL/dw1 = {RIGHT_TWO}").to_dict()
    assert data["terms"] == [{"text": RIGHT_TWO, "span": [9, 31], "status": "right", "paths": [list(TWO)]}]
    assert data["missing"] == [list(ONE)]
