"""Which quantity of a network a written name means: its own name, or what books call it.

`w_1`, `w_{1}` and `w₁` are `w1`; `net_h1`, `z_h1` and `in_h1` are the weighted sum of the unit h1, `out_h1` and `a_h1`
its value; `delta_h1` is the derivative of the loss by its weighted sum; L, C, E, J are the loss where nothing else is
called so.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

from backstory.checking.equation import Applied, Written
from backstory.errors import nearest
from backstory.expressions import ELEMENTARY, Call, Name, substitute, to_text
from backstory.expressions.symbols import ACCENTS, GREEK
from backstory.story.program import Program

LOSSES = {"L", "C", "E", "J", "Loss", "loss", "cost", "Cost", "Etotal", "Ltotal", "E_total", "L_total", "C0", "C_0"}
_SUM_WORDS = {"net", "z", "in", "s"}
_VALUE_WORDS = {"out", "a", "y", "o"}
GENERIC = {"f", "g", "phi", "h", "activation"}
"""Words for "the activation of the unit whose weighted sum this is"."""
_FUNCTION_ALIASES = {"sigma": "sigmoid", "logistic": "sigmoid", "S": "sigmoid", "ReLU": "relu", "Tanh": "tanh"}
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


@dataclass(frozen=True)
class Meaning:
    """What a written name stands for.

    Attributes
    ----------
    node : str
        A quantity of the network.
    is_delta : bool
        Whether the derivative of the loss by that quantity is meant.
    """

    node: str
    is_delta: bool = False


def squeezed(name: str) -> str:
    """Return a name as one word: no underscores or braces, lowered digits as digits, Greek and accents spelled out."""
    apart = unicodedata.normalize("NFD", name.translate(_LOWERED))
    return re.sub(r"[_{}\s,]", "", "".join(GREEK.get(sign, ACCENTS.get(sign, sign)) for sign in apart))


class Names:
    """What judgments ask about the names of a network; the kinds of networks differ in `meaning`."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def meaning(self, name: Written) -> Meaning | None:
        """Return what a name stands for, or None where it stands for nothing here."""
        raise NotImplementedError

    def sum_of(self, unit: str) -> str | None:
        """Return the weighted sum that a unit's activation takes."""
        formula = self.program.formulas.get(unit)
        if isinstance(formula, Call) and len(formula.args) == 1 and isinstance(formula.args[0], Name):
            return formula.args[0].id
        return None

    @property
    def loss_text(self) -> str:
        """The formula of the loss."""
        formulas = self.program.formulas
        hidden = {name: formulas[name] for name in self.program.hidden if name in formulas}
        shown = formulas[self.program.loss]
        while (written := substitute(shown, hidden)) != shown:
            shown = written
        return f"{self.program.loss} = {to_text(shown)}"

    def value_of(self, weighted_sum: str) -> str:
        """Return the unit that takes a weighted sum, or the sum itself where several quantities take it."""
        users = self.program.users.get(weighted_sum, ())
        return users[0] if len(users) == 1 else weighted_sum

    def unit_taking(self, node: Applied) -> tuple[str, str] | None:
        """Return the weighted sum and the value of the unit whose own activation is applied to its sum.

        None where the function is called by its own name, or is not applied to a weighted sum.
        """
        return None

    def known(self, name: Written) -> bool:
        """Whether a name means something."""
        return self.meaning(name) is not None

    @cached_property
    def activations(self) -> frozenset[str]:
        """The functions that the formulas call."""
        return frozenset(tree.function for tree in self.program.formulas.values() if isinstance(tree, Call))

    def function(self, word: str) -> bool:
        """Whether a word is a function."""
        return self.row_name(word) is not None or word in ELEMENTARY or word == "ln" or word in GENERIC

    @property
    def samples(self) -> bool:
        """Whether sum(…) and mean(…) run over samples."""
        return False

    def has_layer(self, word: str) -> bool:
        """Whether a bare number raised behind a word is a layer: it is a power."""
        return False

    def row_name(self, word: str) -> str | None:
        """Return the name of the activation that a word stands for; None for others, and for f, which depends."""
        word = _FUNCTION_ALIASES.get(word, word)
        return word if word in self.program.rows or word == "tanh" else None

    def nearest(self, name: Written) -> str | None:
        """Return the name that is spelled most like this one."""
        program = self.program
        return nearest(name.base + name.below, [*program.leaves, *program.samples, *program.formulas])


class FlatNames(Names):
    """The names of a network written as formulas."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        own = [*program.leaves, *program.samples, *program.formulas]
        self.own = {squeezed(name): name for name in reversed(own)}
        self._known: dict[Written, Meaning | None] = {}

    def meaning(self, name: Written) -> Meaning | None:
        """Return what a name stands for, or None where it stands for nothing here."""
        if name not in self._known:
            self._known[name] = self._meaning(name)
        return self._known[name]

    def _meaning(self, name: Written) -> Meaning | None:
        if name.above:
            return None
        plain = squeezed(name.base + name.below)
        if plain in self.own:
            return Meaning(self.own[plain])
        if name.base == "delta" and name.below:
            node = self._unit(name.below) or self._unit(f"z{name.below}") or self._unit(f"a{name.below}")
            return None if node is None else Meaning(self.sum_of(node) or node, is_delta=True)
        if name.base in _SUM_WORDS and name.below and (unit := self._unit(name.below)) is not None:
            found = self.sum_of(unit)
            return None if found is None else Meaning(found)
        if name.base in _VALUE_WORDS and name.below and (unit := self._unit(name.below)) is not None:
            return Meaning(unit)
        if plain in LOSSES or f"{name.base}_{name.below}" in LOSSES:
            return Meaning(self.program.loss)
        return None

    def _unit(self, word: str) -> str | None:
        return self.own.get(squeezed(word))
