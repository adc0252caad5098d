r"""What books call the quantities of a network of layers: `w_{jk}^{(l)}`, `\delta_j^l`, `w1[2->0]`, w5.

A name has a letter, a layer and units, each of them a number, an index letter, or one of these with a number added.
What the numbers count from and which unit of a weight comes first is a convention.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from backstory.checking.equation import Written
from backstory.checking.layers import Layers
from backstory.checking.names import GENERIC, LOSSES
from backstory.errors import nearest
from backstory.expressions import ELEMENTARY
from backstory.story.address import Address, read_address
from backstory.story.front import ORDER

_LETTERS = {
    **dict.fromkeys(("w", "W", "theta", "Theta", "weight"), "w"),
    **dict.fromkeys(("b", "B", "bias"), "b"),
    **dict.fromkeys(("z", "Z", "net", "in", "s"), "z"),
    **dict.fromkeys(("a", "A", "out", "h", "o"), "a"),
    **dict.fromkeys(("delta", "Delta"), "delta"),
    **dict.fromkeys(("x", "X"), "x"),
    **dict.fromkeys(("y", "Y", "t", "target"), "y"),
    **dict.fromkeys(("yhat", "p", "Yhat"), "output"),
}
GENERIC_FUNCTIONS = {*GENERIC, "sigma"}
"""Words for "the activation of this layer"; books write σ whatever it is."""
_PART = re.compile(r"([A-Za-z])?([+-]?\d+)?")
_NUMBERED = re.compile(r"([A-Za-z]+?)(\d+)")
_FLAT = re.compile(r"(?:(net|in|z|s|out|a|delta|target|t|y)_?)?([hoi])(\d+)")
_SUMS = ("net", "in", "z", "s")

Environment = Mapping[str, int]
Style = Literal["flat", "plain", "latex"]


@dataclass(frozen=True)
class Convention:
    """How indices are read.

    Attributes
    ----------
    from_to : bool
        Whether the first index of a weight is the unit it comes from; else it is the one it leads to.
    first_unit : {0, 1}
    first_layer : {0, 1}
        The number of the layer of inputs.
    ahead : bool
        Whether the weights w^(l) lead from layer l to layer l+1; else they lead to layer l.
    """

    from_to: bool = False
    first_unit: int = 0
    first_layer: int = 0
    ahead: bool = False


class Absent(Exception):
    """The network has no such quantity: `what` is "layer", "unit" or "name"."""

    def __init__(self, what: Literal["layer", "unit", "name"], message: str) -> None:
        super().__init__(message)
        self.what = what


@dataclass(frozen=True)
class Parsed:
    """A name taken apart.

    Attributes
    ----------
    letter : str
        "w", "b", "z", "a", "delta", "y", or "L" for the loss.
    layer : str or int or None
        As it was written; an int where the name says it in any convention; None where it was left out.
    units : tuple of str
        As they were written.
    address : Address or None
        Where the name is one, or a number of a small network.
    flat : bool
        Whether it counts from 1, as the names of small networks do.
    """

    letter: str
    layer: str | int | None = None
    units: tuple[str, ...] = ()
    address: Address | None = None
    flat: bool = False


class IndexedNames:
    """The names of one network of layers."""

    def __init__(self, layers: Layers) -> None:
        self.layers = layers
        self.is_chain = set(layers.sizes) == {1}
        self.letters_here = _LETTERS if not layers.parametric else {**_LETTERS, "alpha": "alpha"}
        self._parsed: dict[tuple[str, str, str], Parsed | None] = {}

    # -- for the reader

    def known(self, name: Written) -> bool:
        """Whether a name means something, for some values of its free indices."""
        return self.parse(name) is not None or self.constant(name) is not None

    def constant(self, name: Written) -> float | None:
        """Return the value of a name for a constant of this network: the strength of its penalty, how many outputs."""
        if name.above:
            return None
        penalty = self.layers.penalty
        if name.base == "lambda" and not name.below and penalty is not None and not (penalty.l1 and penalty.l2):
            return penalty.l1 or penalty.l2
        if name.base == "n" and name.below in ("out", "L"):
            return float(self.layers.sizes[-1])
        return None

    def function(self, word: str) -> bool:
        """Whether a word is a function."""
        return (
            word in GENERIC_FUNCTIONS
            or word in ELEMENTARY
            or word in ("ln", "tanh", "logistic", "ReLU")
            or word in self._rows
        )

    def nearest(self, name: Written) -> str | None:
        """Return a way to write names here that is spelled most like this one; with a layer, where that is missing."""
        if self.layers.reads != "x":
            if name.base in ("x", "X"):
                return f"a_{name.below}^(0)" if name.below else "A^(0)"
            if name.base.startswith("a0["):
                return f"{self.layers.reads}{name.base[2:]}"
        if name.base in self.letters_here:
            shown = name.base + (f"_{name.below}" if name.below else "")
            return (
                f"{shown}^(1)" if not name.above and self.letters_here[name.base] not in ("x", "y", "output") else None
            )
        return nearest(name.base, [*self.letters_here, "L"])

    @property
    def samples(self) -> bool:
        """Whether sum(…) and mean(…) run over samples."""
        return True

    def has_layer(self, word: str) -> bool:
        """Whether a raised number behind a word is a layer, not a power."""
        return self.letters_here.get(word) in ("w", "b", "z", "a", "delta", "alpha") and not self.is_chain

    @property
    def _rows(self) -> set[str]:
        return {self.layers.row_name(layer) for layer in range(1, self.layers.n_layers + 1)} | {"sigmoid", "relu"}

    # -- taking apart

    def parse(self, name: Written) -> Parsed | None:
        """Take a name apart; None where it is none of this network."""
        key = name.base, name.below, name.above
        if key not in self._parsed:
            self._parsed[key] = self._parse(name)
        return self._parsed[key]

    def _parse(self, name: Written) -> Parsed | None:
        base, below, above = name.base, name.below, name.above
        if base.startswith("a0[") and self.layers.reads != "x":
            return None  # an input to some, to others what the first layer reads
        if not below and not above and (address := read_address(base)) is not None:
            return Parsed(address.letter, address=address) if self._has(address) else None
        if not above and (flat := self._flat(base + below)) is not None:
            return flat
        if base not in self.letters_here and not below and (numbered := _NUMBERED.fullmatch(base)):
            base, below = numbered[1], numbered[2]
        if not above and (base + below in LOSSES or f"{base}_{below}" in LOSSES):
            return Parsed("L")
        letter = self.letters_here.get(base)
        if letter == "x" and self.layers.reads != "x":
            return None
        if letter == "alpha" and not below:
            return None
        if letter is None or (above and letter in ("x", "y", "output") and not below):
            return None
        layer: str | int | None = above or None
        if layer is None and (base == "o" or (base == "h" and self.layers.n_layers == 2)):
            layer = 1 if base == "h" else self.layers.n_layers
        return self._layered(letter, below, layer)

    def _layered(self, letter: str, below: str, layer: str | int | None) -> Parsed | None:
        if letter in ("x", "y", "output"):
            layer = {"x": 0, "y": self.layers.n_layers, "output": self.layers.n_layers}[letter]
            letter = {"x": "a", "output": "a"}.get(letter, letter)
        elif self.is_chain and layer is None and below:
            layer, below = below, ""
        elif layer is None and self.layers.n_layers == 1:
            layer = 1
        elif layer is None and letter in ("z", "a", "delta") and below:
            layer = self.layers.n_layers
        elif layer is None:
            return None
        units = _units(below, 2 if letter == "w" else 1)
        if units is None or (isinstance(layer, str) and part(layer) is None):
            return None
        return Parsed(letter, layer, units)

    def _flat(self, word: str) -> Parsed | None:
        """Read a name of a small network whose weights are numbered through: w5, h1, net_o1."""
        n_layers = self.layers.n_layers
        word = word.replace("_", "").replace(",", "")
        if match := re.fullmatch(r"w(\d+)", word):
            if self.is_chain or n_layers == 2 or (n_layers == 1 and self.layers.sizes[-1] == 1):
                address = self._numbered_weight(int(match[1]))
                return Parsed("w", address=address, flat=True) if address else None
            return None
        match = _FLAT.fullmatch(word)
        if match is None or (match[2] == "h" and n_layers != 2):
            return None
        layer = {"i": 0, "h": 1, "o": n_layers}[match[2]]
        letter = "z" if match[1] in _SUMS else "delta" if match[1] == "delta" else "a"
        if match[1] in ("t", "target", "y"):
            letter, layer = "y", 0
        address = self._unit_address(letter, layer, int(match[3]) - 1)
        return Parsed(letter, address=address, flat=True) if address.unit >= 0 and self._has(address) else None

    def _numbered_weight(self, number: int) -> Address | None:
        """Return a weight by its number: layer by layer, unit by unit, one for each unit before."""
        left = number - 1
        for layer in range(1, self.layers.n_layers + 1):
            n_in, n_out = self.layers.sizes[layer - 1], self.layers.sizes[layer]
            if 0 <= left < n_in * n_out:
                return Address("w", layer, left // n_in, left % n_in)
            left -= n_in * n_out
        return None

    def _has(self, address: Address) -> bool:
        sizes, n_layers = self.layers.sizes, self.layers.n_layers
        if address.letter == "b" and not self.layers.biases:
            return False
        if address.letter == "y":
            return address.unit < sizes[-1]
        if address.letter in ORDER:
            if self.layers.front is not None:
                shape = self.layers.front.shape(address.letter)
                return len(shape) == len(address.indices) and all(map(int.__lt__, address.indices, shape))
            return address.letter == self.layers.reads and address.unit < sizes[0]
        if address.letter == "alpha" and not (self.layers.parametric and address.layer < n_layers):
            return False
        if not 1 <= address.layer <= n_layers or address.unit >= sizes[address.layer]:
            return False
        return address.source is None or address.source < sizes[address.layer - 1]

    # -- places

    def is_array(self, name: Written) -> bool:
        """Whether a name stands for all units of its layer."""
        parsed = self.parse(name)
        if parsed is None or parsed.address is not None or parsed.letter == "L" or parsed.units:
            return False
        if isinstance(parsed.layer, int):
            sizes = self.layers.sizes
            return sizes[parsed.layer] > 1 or (parsed.letter == "w" and sizes[parsed.layer - 1] > 1)
        return not self.is_chain

    def slots(self, name: Written, environment: Environment, convention: Convention) -> Iterator[tuple[str, int]]:
        """Yield the units of a name as written, each with its layer."""
        parsed = self.parse(name)
        if parsed is None or parsed.address is not None or not parsed.units:
            return
        layer = self.layer(parsed, environment, convention)
        if parsed.letter == "w" and len(parsed.units) == 2:
            to, source = parsed.units[::-1] if convention.from_to else parsed.units
            yield to, layer
            yield source, layer - 1
        elif parsed.letter == "w":
            yield (
                parsed.units[0],
                layer - 1 if self.layers.sizes[min(max(layer, 0), self.layers.n_layers)] == 1 else layer,
            )
        else:
            yield parsed.units[0], layer

    def layer(self, parsed: Parsed, environment: Environment, convention: Convention) -> int:
        """Return the number of a name's layer, which the network need not have."""
        if isinstance(parsed.layer, int):
            return parsed.layer
        assert parsed.layer is not None
        found = part(parsed.layer)
        assert found is not None
        letter, offset = found
        if letter == "L":
            base = self.layers.n_layers
        elif letter not in environment and letter:
            raise Absent("name", f"The index {letter} has no value here.")
        elif letter:
            base = environment[letter]
        else:
            base = -convention.first_layer
        return base + offset + (1 if convention.ahead and parsed.letter in "wb" else 0)

    def address(self, name: Written, environment: Environment, convention: Convention) -> Address:
        """Return the quantity that a name means where its indices have these values.

        Raises
        ------
        Absent
            There is no such layer or unit.
        """
        parsed = self.parse(name)
        if parsed is None:
            raise Absent("name", f"Unknown name {str(name)!r}.")
        if parsed.address is not None:
            return parsed.address
        if parsed.letter == "L":
            return Address("L", 0, 0)
        layer = self.layer(parsed, environment, convention)
        self.require_layer(name, parsed, layer)
        if parsed.letter == "b" and not self.layers.biases:
            raise Absent("name", "This network has no biases.")
        units = [self._unit(text, environment, convention) for text, _ in self.slots(name, environment, convention)]
        if parsed.letter == "w":
            return self._weight(name, layer, units)
        unit = units[0] if units else self._only(name, layer)
        if parsed.letter == "y":
            return Address("y", 0, unit)
        return self._unit_address(parsed.letter, layer, unit)

    def _unit_address(self, letter: str, layer: int, unit: int) -> Address:
        return Address(self.layers.reads if letter == "a" and layer == 0 else letter, layer, unit)

    def require_layer(self, name: Written, parsed: Parsed, layer: int) -> None:
        """Refuse a layer that the network does not have.

        Raises
        ------
        Absent
        """
        first, last = 0 if parsed.letter == "a" else 1, self.layers.n_layers
        if parsed.letter != "y" and not first <= layer <= last:
            raise Absent("layer", f"{name} would be in layer {layer}; the network has layers {first} to {last}.")

    def _weight(self, name: Written, layer: int, units: list[int]) -> Address:
        if len(units) == 2:
            return Address("w", layer, units[0], units[1])
        if len(units) == 1:
            is_source = self.layers.sizes[layer] == 1
            if not is_source and self.layers.sizes[layer - 1] != 1:
                raise Absent("name", f"{name} needs two units: where it leads to and where it comes from.")
            return Address("w", layer, 0, units[0]) if is_source else Address("w", layer, units[0], 0)
        return Address("w", layer, self._only(name, layer), self._only(name, layer - 1))

    def _only(self, name: Written, layer: int) -> int:
        if self.layers.sizes[layer] != 1:
            raise Absent("name", f"{name} needs a unit: layer {layer} has {self.layers.sizes[layer]}.")
        return 0

    def _unit(self, text: str, environment: Environment, convention: Convention) -> int:
        found = part(text)
        assert found is not None
        letter, offset = found
        if letter and letter not in environment:
            raise Absent("name", f"The index {letter} has no value here.")
        unit = environment[letter] + offset if letter else offset - convention.first_unit
        if unit < 0:
            raise Absent("unit", f"There is no unit {text}.")
        return unit

    def written(self, address: Address, convention: Convention, style: Style) -> str:
        """Return how books write an address: its layer raised, its units lowered, or numbered through."""
        if style == "flat":
            return self._written_flat(address)
        latex = style == "latex"
        units = [address.unit] if address.source is None else [address.unit, address.source]
        if convention.from_to:
            units.reverse()
        shown = [str(unit + convention.first_unit) for unit in units]
        below = ("" if all(len(each) == 1 for each in shown) else ",").join(shown)
        base = "\\delta" if latex and address.letter == "delta" else address.letter
        if address.letter in ORDER and address.letter != "x":
            if address.letter != self.layers.reads:
                return str(address)
            base = "a"
        if address.letter in "xy":
            return f"{base}_{{{below}}}" if latex else f"{base}_{below}"
        layer = address.layer + convention.first_layer - (1 if convention.ahead and address.letter in "wb" else 0)
        return f"{base}_{{{below}}}^{{({layer})}}" if latex else f"{base}_{below}^({layer})"

    def _written_flat(self, address: Address) -> str:
        n_layers, sizes = self.layers.n_layers, self.layers.sizes
        number = address.unit + 1
        if address.letter == "w":
            assert address.source is not None
            before = sum(sizes[layer - 1] * sizes[layer] for layer in range(1, address.layer))
            return f"w{before + address.unit * sizes[address.layer - 1] + address.source + 1}"
        if address.letter in "xy":
            return f"{address.letter}{number}"
        unit = f"{'o' if address.layer == n_layers else 'h'}{number}"
        return unit if address.letter == "a" else f"{address.letter}_{unit}"

    def letters(self, name: Written) -> tuple[list[str], list[str]]:
        """Return the index letters of a name: of its layer, and of its units."""
        parsed = self.parse(name)
        if parsed is None or parsed.address is not None:
            return [], []
        layer = part(parsed.layer) if isinstance(parsed.layer, str) else None
        of_layer = [layer[0]] if layer and layer[0] not in ("", "L") else []
        return of_layer, [letter for letter, _ in filter(None, map(part, parsed.units)) if letter]

    def is_concrete(self, name: Written) -> bool:
        """Whether a name has no free index."""
        return self.letters(name) == ([], [])

    def exists(self, address: Address) -> bool:
        """Whether the network, none of its units left out, has this quantity."""
        if address.letter == "L":
            return True
        return self._has(address)


def part(text: str) -> tuple[str, int] | None:
    """Read an index: its letter, or "", and the number that stands alone or is added.

    >>> part("l+1"), part("3"), part("k")
    (('l', 1), ('', 3), ('k', 0))
    """
    match = _PART.fullmatch(text)
    if match is None or not (match[1] or match[2]) or (match[1] and match[2] and match[2][0] not in "+-"):
        return None
    return match[1] or "", int(match[2] or 0)


def _units(below: str, count: int) -> tuple[str, ...] | None:
    """Split a subscript into units; None where it is none."""
    if not below:
        return ()
    pieces = below.split(",") if "," in below else re.findall(r"[A-Za-z](?:[+-]\d+)?|\d+", below)
    if "".join(pieces) != below.replace(",", ""):
        return None
    if count == 2 and len(pieces) == 1 and pieces[0].isdigit() and len(pieces[0]) == 2:
        pieces = list(pieces[0])
    if len(pieces) > count or any(part(piece) is None for piece in pieces):
        return None
    return tuple(pieces)
