"""A graph as plain data that any language can compute with: elementary operations, one by one.

It is what a page without a server carries: forward values, local derivatives, total derivatives and paths all follow
from it with one small function per kind of operation. No activation and no rule of differentiation is left in it; they
arrive as the operations that their rows' stable forms and slopes consist of.

==========  ===========================================================================================================
key         what it holds
==========  ===========================================================================================================
schema      1; raised when a key changes its meaning or goes
of, by      what is differentiated, and by what: names of quantities
operations  in order, each a list: ``["leaf", value]``, ``["constant", value]``, or a kind and the places of what it
            takes, all of them before it: ``["mul", 3, 7]``. The kinds are those of `KINDS`; `add` takes one or more
            and adds them from left to right, a comparison gives 1 or 0, `where` takes one first
quantities  name, kind, at (the place of the operation that gives its value); in order, each after those it depends on
edges       source, target (places in `quantities`), local (the place of ∂target/∂source in `operations`), kind
==========  ===========================================================================================================

The operation of a quantity is its own: whoever computes forward may hold the quantity at another value there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from backstory.expressions import CONSTANTS, ELEMENTARY, Add, Call, Compare, Div, Expr, Mul, Name, Neg, Number, Pow, Sub
from backstory.expressions import names as names_of
from backstory.functions.activation import Activation
from backstory.story.graph import EdgeKind, NodeKind

SCHEMA = 1

_OPERATORS: dict[type[Expr], str] = {Add: "add", Sub: "sub", Mul: "mul", Div: "div", Pow: "pow", Neg: "neg"}

KINDS = ("leaf", "constant", *_OPERATORS.values(), *ELEMENTARY, ">", ">=", "<", "<=")
"""All kinds of operations."""


@dataclass(frozen=True)
class Quantity:
    """A named value.

    Attributes
    ----------
    name : str
    kind : NodeKind
    value : float
        Of a leaf; of others it is computed.
    formula : Expr, optional
        By which it is computed from quantities before it; none for a leaf.
    helpers : mapping of str to Expr
        What other names in the formula stand for; each may use those before it.
    """

    name: str
    kind: NodeKind
    value: float
    formula: Expr | None = None
    helpers: Mapping[str, Expr] = field(default_factory=dict)

    @property
    def uses(self) -> frozenset[str]:
        """The names in its formula and its helpers."""
        return frozenset().union(
            *map(names_of, self.helpers.values()), *([names_of(self.formula)] if self.formula else [])
        )


@dataclass(frozen=True)
class Link:
    """An edge, with the local derivative as a formula in quantities."""

    source: str
    target: str
    local: Expr
    kind: EdgeKind


@dataclass(frozen=True)
class ScalarGraph:
    """Quantities, each after those it depends on, and the edges between them.

    Attributes
    ----------
    of, by : str
    quantities : tuple of Quantity
    links : tuple of Link
    rows : mapping of str to Activation
        What formulas may call besides elementary functions.
    """

    of: str
    by: str
    quantities: tuple[Quantity, ...]
    links: tuple[Link, ...]
    rows: Mapping[str, Activation] = field(default_factory=dict, repr=False)

    @property
    def leaves(self) -> frozenset[str]:
        """The quantities that are given."""
        return frozenset(quantity.name for quantity in self.quantities if quantity.formula is None)

    def pruned(self) -> ScalarGraph:
        """Return the part that `of` and `by` depend on, and what the local derivatives there need."""
        locals_of: dict[str, list[Link]] = {}
        for link in self.links:
            locals_of.setdefault(link.target, []).append(link)
        by_name = {quantity.name: quantity for quantity in self.quantities}
        kept: set[str] = set()
        pending = {self.of, self.by} & set(by_name)
        while pending:
            name = pending.pop()
            kept.add(name)
            used = by_name[name].uses.union(*(names_of(link.local) for link in locals_of.get(name, ())))
            pending |= (used & set(by_name)) - kept
        return ScalarGraph(
            self.of,
            self.by,
            tuple(quantity for quantity in self.quantities if quantity.name in kept),
            tuple(link for link in self.links if link.source in kept and link.target in kept),
            self.rows,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as data for JSON; the module says what stands where."""
        tape = _Tape(self.rows)
        at: dict[str, int] = {}
        for quantity in self.quantities:
            at[quantity.name] = tape.quantity(quantity, at)
        place = {quantity.name: number for number, quantity in enumerate(self.quantities)}
        return {
            "schema": SCHEMA,
            "of": self.of,
            "by": self.by,
            "quantities": [
                {"name": quantity.name, "kind": quantity.kind, "at": at[quantity.name]} for quantity in self.quantities
            ],
            "edges": [
                {
                    "source": place[link.source],
                    "target": place[link.target],
                    "local": tape.add(link.local, at),
                    "kind": link.kind,
                }
                for link in self.links
            ],
            "operations": tape.operations,
        }


class _Tape:
    """Writes expressions down as operations, the same operation on the same values only once."""

    def __init__(self, rows: Mapping[str, Activation]) -> None:
        self.rows = rows
        self.operations: list[list[str | float]] = []
        self._places: dict[tuple[str, ...], int] = {}

    def quantity(self, quantity: Quantity, at: Mapping[str, int]) -> int:
        """Write a quantity down; its last operation is used for nothing else, so that it may be held."""
        if quantity.formula is None:
            return self._put("leaf", quantity.value)
        here = dict(at)
        for name, helper in quantity.helpers.items():
            here[name] = self.add(helper, here)
        return self._put("add", self.add(quantity.formula, here))

    def add(self, expr: Expr, at: Mapping[str, int]) -> int:
        """Write an expression down; return the place of its value."""
        match expr:
            case Number(value):
                return self._once("constant", float(value))
            case Name(id):
                return at[id] if id in at else self._once("constant", CONSTANTS[id])
            case Add():
                return self._once("add", *[self.add(term, at) for term in _terms(expr)])
            case Call(function, (argument,)) if function in self.rows:
                return self.add(self.rows[function].value, {"z": self.add(argument, at)})
        kind = (
            expr.function
            if isinstance(expr, Call)
            else expr.op
            if isinstance(expr, Compare)
            else _OPERATORS[type(expr)]
        )
        return self._once(kind, *[self.add(child, at) for child in expr.children])

    def _once(self, kind: str, *inputs: float) -> int:
        key = (kind, *map(repr, inputs))
        if key not in self._places:
            self._places[key] = self._put(kind, *inputs)
        return self._places[key]

    def _put(self, kind: str, *inputs: float) -> int:
        self.operations.append([kind, *inputs])
        return len(self.operations) - 1


def _terms(expr: Expr) -> Iterable[Expr]:
    """Go through the terms of a sum, however long."""
    found: list[Expr] = []
    while isinstance(expr, Add):
        found.append(expr.right)
        expr = expr.left
    return reversed([*found, expr])
