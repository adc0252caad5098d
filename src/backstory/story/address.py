"""Addresses of quantities in a network of layers: ``w1[2->0]``, ``b1[0]``, ``z1[0]``, ``a1[0]``, ``x[2]``, ``y[0]``.

Layers l = 0 ... L, layer 0 is the input; units count from 0. ``x[k]`` is the input k, also read as ``a0[k]``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_WEIGHT = re.compile(r"w(\d+)\s*\[\s*(\d+)\s*(?:->|→)\s*(\d+)\s*\]", re.ASCII)
_UNIT = re.compile(r"(delta|[bzaδ])(\d+)\s*\[\s*(\d+)\s*\]")
_END = re.compile(r"([xy])\s*\[\s*(\d+)\s*\]")


@dataclass(frozen=True)
class Address:
    """A quantity of a layer.

    Attributes
    ----------
    letter : {"w", "b", "z", "a", "delta", "x", "y"}
    layer : int
        0 for x; for y the layer does not matter and is 0.
    unit : int
        Of layer `layer`, from 0; of a weight, the unit it leads to.
    source : int or None
        Of a weight, the unit of the layer before that it comes from.
    """

    letter: str
    layer: int
    unit: int
    source: int | None = None

    def __str__(self) -> str:
        if self.letter == "w":
            return f"w{self.layer}[{self.source}->{self.unit}]"
        return f"{self.letter}[{self.unit}]" if self.letter in "xy" else f"{self.letter}{self.layer}[{self.unit}]"


@lru_cache(maxsize=1 << 16)
def read_address(text: str) -> Address | None:
    """Read an address; None where the text is none.

    Examples
    --------
    >>> read_address("w1[2->0]")
    Address(letter='w', layer=1, unit=0, source=2)
    >>> str(read_address("a0[3]"))
    'x[3]'
    """
    text = text.strip()
    if match := _WEIGHT.fullmatch(text):
        layer, source, unit = (int(digits) for digits in match.groups())
        return Address("w", layer, unit, source)
    if match := _UNIT.fullmatch(text):
        letter = "delta" if match[1] == "δ" else match[1]
        if letter == "a" and int(match[2]) == 0:
            return Address("x", 0, int(match[3]))
        return Address(letter, int(match[2]), int(match[3]))
    if match := _END.fullmatch(text):
        return Address(match[1], 0, int(match[2]))
    return None
