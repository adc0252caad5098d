"""The names of a network of layers where every quantity is called by its address."""

from __future__ import annotations

from backstory.checking.equation import Applied, Written
from backstory.checking.indexed_names import GENERIC_FUNCTIONS
from backstory.checking.layers import Layers
from backstory.checking.names import Meaning, Names
from backstory.expressions import Call, Mul, Name, Pow, substitute, to_text
from backstory.story.address import read_address
from backstory.story.program import Program


class AddressNames(Names):
    """The names of a network of layers whose equations have been put in terms of addresses."""

    def __init__(self, program: Program, layers: Layers) -> None:
        super().__init__(program)
        self.layers = layers

    @property
    def loss_text(self) -> str:
        """The formula of the loss, for any number of outputs."""
        loss = self.layers.loss
        formula = substitute(loss.expression, {"a": Name("a_j"), "y": Name("y_j")})
        inner = to_text(formula)
        return f"L = sum_j {inner}" if isinstance(formula, Mul | Pow | Call) else f"L = sum_j ({inner})"

    def meaning(self, name: Written) -> Meaning | None:
        """Return what an address stands for."""
        if name.base == self.program.loss and not name.below:
            return Meaning(name.base)
        address = read_address(name.base)
        if address is None or name.below:
            return None
        if address.letter == "delta":
            node = f"z{address.layer}[{address.unit}]"
            return Meaning(node, is_delta=True) if node in self.program.formulas else None
        node = str(address)
        return Meaning(node) if node in self.program.users else None

    def sum_of(self, unit: str) -> str | None:
        """Return the weighted sum of a unit."""
        address = read_address(unit)
        return f"z{address.layer}[{address.unit}]" if address is not None and address.letter == "a" else None

    def value_of(self, weighted_sum: str) -> str:
        """Return the value of the unit whose sum this is."""
        return "a" + weighted_sum[1:]

    def unit_taking(self, node: Applied) -> tuple[str, str] | None:
        """Return sum and value of the unit where a layer's activation is applied to one of its sums."""
        if node.function.base not in GENERIC_FUNCTIONS or not isinstance(node.arg, Written):
            return None
        address = read_address(node.arg.base)
        if address is None or address.letter != "z":
            return None
        return node.arg.base, self.value_of(node.arg.base)

    def function(self, word: str) -> bool:
        """Whether a word is a function."""
        return word in GENERIC_FUNCTIONS or super().function(word)
