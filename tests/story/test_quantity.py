"""The questions that are understood."""

from __future__ import annotations

import pytest

from backstory.errors import ExpressionError
from backstory.story.address import Address, read_address
from backstory.story.quantity import read_quantity

KNOWN = {"L", "w1", "w_1", "o2", "h1", "dx"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("w1", ("L", "w1")),
        ("dL/dw1", ("L", "w1")),
        ("∂L/∂w1", ("L", "w1")),
        (" d o2 / d h1 ", ("o2", "h1")),
        ("dw1/dh1", ("w1", "h1")),
        ("dL/dw_1", ("L", "w_1")),
        ("dx", ("L", "dx")),
    ],
)
def test_read(text: str, expected: tuple[str, str]) -> None:
    assert read_quantity(text, "L", KNOWN.__contains__) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("w9", "'w9' is no derivative and no name"),
        ("dL/dw9", "Unknown name 'w9'"),
        ("dM/dw1", "Unknown name 'M'"),
        ("L/w1", "is no derivative"),
        ("", "is no derivative"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        read_quantity(text, "L", KNOWN.__contains__)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("w1[2->0]", Address("w", 1, 0, 2)),
        ("w12[ 2 → 0 ]", Address("w", 12, 0, 2)),
        ("b1[0]", Address("b", 1, 0)),
        ("z2[13]", Address("z", 2, 13)),
        ("a0[3]", Address("x", 0, 3)),
        ("x[3]", Address("x", 0, 3)),
        ("y[0]", Address("y", 0, 0)),
        ("δ1[2]", Address("delta", 1, 2)),
        ("w1", None),
        ("w1[0]", None),
        ("", None),
    ],
)
def test_addresses(text: str, address: Address | None) -> None:
    assert read_address(text) == address
    assert address is None or read_address(str(address)) == address
