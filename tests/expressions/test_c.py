"""Printing as C: what is printed is compiled by the tests of exports; here its form."""

from __future__ import annotations

import numpy as np
import pytest

from backstory.expressions import Partial, parse, to_c
from backstory.expressions.c import DOUBLE, SINGLE, c_number


@pytest.mark.parametrize(
    ("formula", "source"),
    [
        ("1/2*z", "1.0 / 2.0 * z"),
        ("z - (1 - z)", "z - (1.0 - z)"),
        ("(-z)^2", "pow(-z, 2.0)"),
        ("-(z + 2)*z", "-(z + 2.0) * z"),
        ("max(z, 0)*arctan(z)", "p_maximum(z, 0.0) * atan(z)"),
        ("where(abs(z) <= 1, z, sign(z))", "(fabs(z) <= 1.0 ? z : p_sign(z))"),
    ],
)
def test_forms(formula, source):
    assert to_c(parse(formula), prefix="p_") == source


def test_numbers_come_back_exactly():
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**31, 500, dtype=np.int64).astype(np.int32)
    for value in bits.view(np.float32):
        if np.isfinite(value):
            assert np.float32(c_number(float(value), SINGLE)[:-1]) == value
            assert float(c_number(float(value), DOUBLE)) == float(value)


def test_a_derivative_by_name_has_no_value():
    with pytest.raises(TypeError, match="∂L/∂w has no value of its own"):
        to_c(Partial("L", "w"))
