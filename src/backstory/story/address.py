"""Addresses of quantities in a network of layers: ``w1[2->0]``, ``b1[0]``, ``z1[0]``, ``a1[0]``, ``x[2]``, ``y[0]``.

Layers l = 0 ... L, layer 0 is the input; units count from 0. ``x[k]`` is the input k, also read as ``a0[k]``.
``alpha1[0]`` is of a parametric activation; those of `backstory.story.front` belong to layer 0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_WEIGHT = re.compile(r"w(\d+)\s*\[\s*(\d+)\s*(?:->|→)\s*(\d+)\s*\]", re.ASCII)
_UNIT = re.compile(r"(delta|alpha|[bzaδ])(\d+)\s*\[\s*(\d+)\s*\]")
_END = re.compile(r"([xyes]|scale)\s*\[\s*(\d+)\s*\]")
_PAIR = re.compile(r"(frequency|phase|angle|wave|shift)\s*\[\s*(\d+)\s*,\s*(\d+)\s*\]")
_TRIPLE = re.compile(r"(mix)\s*\[\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\]")


_WITHOUT_LAYER = ("x", "y", "e", "s", "scale", "frequency", "phase", "angle", "wave", "shift", "mix")


@dataclass(frozen=True)
class Address:
    """A quantity of a layer.

    Attributes
    ----------
    letter : {"w", "b", "z", "a", "delta", "x", "y", "alpha"}, or a word of a front
    layer : int
        0 for x; for y the layer does not matter and is 0.
    unit : int
        Of layer `layer`, from 0; of a weight, the unit it leads to.
    source : int or None
        Of a weight, the unit of the layer before that it comes from; of a front's quantities the second index.
    third : int or None
        Of a front's mixtures.
    """

    letter: str
    layer: int
    unit: int
    source: int | None = None
    third: int | None = None

    @property
    def indices(self) -> tuple[int, ...]:
        """The indices of an array: of a weight (from, to)."""
        if self.letter == "w" and self.source is not None:
            return self.source, self.unit
        return tuple(index for index in (self.unit, self.source, self.third) if index is not None)

    def __str__(self) -> str:
        if self.letter == "w":
            return f"w{self.layer}[{self.source}->{self.unit}]"
        if self.letter in _WITHOUT_LAYER:
            return f"{self.letter}[{','.join(map(str, self.indices))}]"
        return f"{self.letter}{self.layer}[{self.unit}]"


@lru_cache(maxsize=1 << 16)
def read_address(text: str) -> Address | None:
    """Read an address; None where the text is none.

    Examples
    --------
    >>> read_address("w1[2->0]")
    Address(letter='w', layer=1, unit=0, source=2, third=None)
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
    for pattern in (_END, _PAIR, _TRIPLE):
        if match := pattern.fullmatch(text):
            return Address(match[1], 0, *map(int, match.groups()[1:]))
    return None
