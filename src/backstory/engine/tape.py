"""Formulas compiled for the native engine: an expression becomes a list of instructions over blocks of numbers.

Equal subexpressions are computed once, forms that cancel or overflow are replaced by functions that do not (1 + erf(x)
by erfc(-x), 1/(1 + exp(-x)) by sigmoid(x)), functions that begin with the same exponential share it, and temporaries
share their memory. What the instructions do is in `native/include/backstory/tape.hpp`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from backstory.expressions import CONSTANTS, MATH, Add, Call, Compare, Div, Expr, Mul, Name, Neg, Number, Pow, Sub

Instruction: TypeAlias = tuple[str, int, int, int, int]
"""Operation, slot written, and up to three slots read (0 where there are fewer)."""

_EXPONENTIAL = frozenset({"sigmoid", "softplus", "tanh_softplus"})
"""Functions of z that begin with exp(-|z|), and have a part that is given it."""

_WITH_SLOPE = frozenset({"gelu"})
"""Functions of z with an instruction for their slope, which is right to the last places where it changes its sign."""

MAX_PRODUCT_POWER = 64
"""Whole exponents up to here become products; the C library computes the others."""


@dataclass(frozen=True)
class Tape:
    """Instructions over slots, which are numbered: inputs, outputs, constants, temporaries.

    Parameters
    ----------
    n_inputs, n_outputs, n_temporaries : int
    constants : tuple of float
    instructions : tuple of Instruction
        In the order in which they run. The first output is written only after the last read of an input, so that it may
        lie in an input's memory.
    """

    n_inputs: int
    n_outputs: int
    n_temporaries: int
    constants: tuple[float, ...]
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True)
class Node:
    """One value of a graph: an operation on earlier values, an input (its number is `value`) or a constant."""

    operation: str
    operands: tuple[int, ...] = ()
    value: float = 0.0


class Graph:
    """Expressions over common inputs, taken apart into values that are each computed once.

    Parameters
    ----------
    inputs : sequence of str
        Their names in expressions.
    exact_constants : bool
        Whether a sum with a number that float32 cannot hold adds what it holds and then the rest, so that a tape in
        float32 is right where the sum cancels.

    Examples
    --------
    >>> from backstory.expressions import parse
    >>> graph = Graph(["z"])
    >>> graph.tape([graph.value(parse("exp(-z)/(2 + exp(-z))"))]).instructions
    (('neg', 3, 0, 0, 0), ('exp', 3, 3, 0, 0), ('add', 4, 2, 3, 0), ('div', 1, 3, 4, 0))
    """

    def __init__(self, inputs: Sequence[str], exact_constants: bool = False) -> None:
        self.exact_constants = exact_constants
        self.nodes: list[Node] = []
        self._numbers: dict[Node, int] = {}
        self._lowered: dict[int, tuple[Expr, int]] = {}
        self.names = {name: self._intern(Node("input", value=float(i))) for i, name in enumerate(inputs)}

    def value(self, expr: Expr, names: Mapping[str, int] | None = None) -> int:
        """Return the number of the node that computes an expression.

        Parameters
        ----------
        expr : Expr
            In the inputs' names and `names`, of elementary functions.
        names : mapping of str to int
            Nodes that further names stand for.
        """
        if names is None:
            return self._value(expr, self.names)
        self._lowered = {}  # what was lowered before may have meant something else by the same name
        result = self._value(expr, {**self.names, **names})
        self._lowered = {}
        return result

    def constant(self, value: float) -> int:
        """Return the node of a number."""
        return self._intern(Node("constant", value=value + 0.0))  # + 0.0: -0 is 0, so that equal numbers are one node

    def apply(self, operation: str, *operands: int) -> int:
        """Return the node of an operation on nodes, or of something equal that is better to compute."""
        values = [self.nodes[i].value for i in operands if self.nodes[i].operation == "constant"]
        if len(values) == len(operands) and operation in _FOLD:
            folded = _FOLD[operation](*values)
            if math.isfinite(folded):
                return self.constant(folded)
        rule = _RULES.get(operation)
        better = rule(self, *operands) if rule else None
        return self.node(operation, *operands) if better is None else better

    def node(self, operation: str, *operands: int) -> int:
        """Return the node of an operation on nodes, as it is."""
        return self._intern(Node(operation, operands))

    def slope(self, node: int) -> int | None:
        """Return the node of the slope of a node that is a function of z alone whose slope has an instruction too."""
        of_z = self.nodes[node].operation in _WITH_SLOPE and self.nodes[node].operands == (self.names["z"],)
        return self.apply(f"{self.nodes[node].operation}_slope", self.names["z"]) if of_z else None

    def tape(self, outputs: Sequence[int]) -> Tape:
        """Return the instructions that compute some nodes."""
        return _Schedule(self, outputs).tape()

    def is_constant(self, node: int, value: float) -> bool:
        """Say whether a node is that number."""
        return self.nodes[node] == Node("constant", value=value)

    def operands(self, node: int, operation: str) -> tuple[int, ...] | None:
        """Return the operands of a node if it is of that operation."""
        return self.nodes[node].operands if self.nodes[node].operation == operation else None

    def one_plus(self, node: int) -> int | None:
        """Return x if a node is 1 + x or x + 1."""
        left, right = self.operands(node, "add") or (node, node)
        if left == right:
            return None
        return right if self.is_constant(left, 1.0) else left if self.is_constant(right, 1.0) else None

    def one_plus_exp(self, node: int) -> int | None:
        """Return x if a node is 1 + exp(x) or exp(x) + 1."""
        inner = self.one_plus(node)
        power = None if inner is None else self.operands(inner, "exp")
        return power[0] if power else None

    def scaled(self, node: int) -> tuple[float, int] | None:
        """Return c and x if a node is c*x or x*c with a constant c and an x that is none."""
        left, right = self.operands(node, "mul") or (node, node)
        if left == right:
            return None
        for one, other in ((left, right), (right, left)):
            if self.nodes[one].operation == "constant":
                return self.nodes[one].value, other
        return None

    def _intern(self, node: Node) -> int:
        if node not in self._numbers:
            self._numbers[node] = len(self.nodes)
            self.nodes.append(node)
        return self._numbers[node]

    def _value(self, expr: Expr, names: Mapping[str, int]) -> int:
        """Lower an expression once per object: substituted trees share theirs, and would be exponentially large."""
        if id(expr) not in self._lowered:
            self._lowered[id(expr)] = (expr, self._lower(expr, names))  # holds on to expr, so that its id stays its own
        return self._lowered[id(expr)][1]

    def _lower(self, expr: Expr, names: Mapping[str, int]) -> int:
        if isinstance(expr, Number):
            return self.constant(float(expr.value))
        if isinstance(expr, Name):
            return names[expr.id] if expr.id in names else self.constant(CONSTANTS[expr.id])
        if isinstance(expr, Pow):
            return self._power(self._value(expr.left, names), self._value(expr.right, names))
        operands = [self._value(child, names) for child in expr.children]
        if isinstance(expr, Call):
            return self.apply(expr.function, *operands)
        if isinstance(expr, Compare):
            return self.apply(expr.op, *operands)
        return self.apply(_OPERATORS[type(expr)], *operands)

    def _power(self, base: int, exponent: int) -> int:
        """Return base ^ exponent, by products and square roots where that is exact enough."""
        node = self.nodes[exponent]
        power = abs(node.value)
        if node.operation != "constant" or not (power == 0.5 or (power.is_integer() and power <= MAX_PRODUCT_POWER)):
            return self.apply("pow", base, exponent)
        result = self.apply("sqrt", base) if power == 0.5 else self._product(base, int(power))
        return self.apply("div", self.constant(1.0), result) if node.value < 0 else result

    def _product(self, base: int, count: int) -> int:
        """Return base ^ count for a count >= 0 by squaring."""
        if count == 0:
            return self.constant(1.0)
        if count == 1:
            return base
        half = self._product(base, count // 2)
        square = self.apply("mul", half, half)
        return self.apply("mul", square, base) if count % 2 else square


class _Schedule:
    """Puts the nodes that some outputs need into an order, and their values into slots."""

    def __init__(self, graph: Graph, outputs: Sequence[int]) -> None:
        self.graph = graph
        self.outputs = list(outputs)
        self.nodes = dict(enumerate(graph.nodes))
        self._share_exponentials()
        self._fuse()
        self.order = self._postorder()
        self.n_inputs = len(graph.names)

    def tape(self) -> Tape:
        """Assign slots in order; a temporary is free again after the last instruction that reads it."""
        constants = [node for node in self._used() if self.nodes[node].operation == "constant"]
        first_constant = self.n_inputs + len(self.outputs)
        first_temporary = first_constant + len(constants)
        slots = {node: first_constant + i for i, node in enumerate(constants)}
        slots |= {i: int(node.value) for i, node in self.nodes.items() if node.operation == "input"}
        direct = self._direct_outputs()
        last_read = {operand: i for i, node in enumerate(self.order) for operand in self.nodes[node].operands}
        last_read |= {node: len(self.order) for node in self.outputs}
        free: list[int] = []
        n_temporaries = 0
        instructions: list[Instruction] = []
        for i, number in enumerate(self.order):
            node = self.nodes[number]
            read = [slots[operand] for operand in node.operands]
            free += {s for s in read if s >= first_temporary and self._dies(s, slots, last_read, i)}
            if number in direct:
                slots[number] = direct[number]
            else:
                if not free:
                    free.append(first_temporary + n_temporaries)
                    n_temporaries += 1
                slots[number] = free.pop()
            a, b, c = (*read, 0, 0, 0)[:3]
            instructions.append((node.operation, slots[number], a, b, c))
        for j, number in reversed(list(enumerate(self.outputs))):  # the first output last: it may overwrite an input
            if slots[number] != self.n_inputs + j:
                instructions.append(("copy", self.n_inputs + j, slots[number], 0, 0))
        values = tuple(self.nodes[node].value for node in constants)
        return Tape(self.n_inputs, len(self.outputs), n_temporaries, values, tuple(instructions))

    def _dies(self, slot: int, slots: Mapping[int, int], last_read: Mapping[int, int], i: int) -> bool:
        """Say whether no instruction after the i-th reads the value that is in a slot now."""
        return all(last_read[operand] <= i for operand in self.nodes[self.order[i]].operands if slots[operand] == slot)

    def _direct_outputs(self) -> dict[int, int]:
        """Return the nodes that may be written where an output wants them, instead of being copied at the end."""
        inputs = {i for i, node in self.nodes.items() if node.operation == "input"}
        reads = [i for i, number in enumerate(self.order) if inputs.intersection(self.nodes[number].operands)]
        direct: dict[int, int] = {}
        for j, number in enumerate(self.outputs):
            computed = number in self.order
            in_time = j > 0 or (computed and self.order.index(number) >= max(reads, default=0))
            copied_later = any(output in inputs for output in self.outputs) and j == 0
            if computed and in_time and number not in direct and not copied_later:
                direct[number] = self.n_inputs + j
        return direct

    def _share_exponentials(self) -> None:
        """Compute exp(-|z|) once where several functions that begin with it are used: sigmoid(z) and softplus(-z)."""
        users: dict[int, list[int]] = {}
        for number in self._used():
            if self.nodes[number].operation in _EXPONENTIAL:
                (z,) = self.nodes[number].operands
                users.setdefault(min(z, self.graph.apply("neg", z)), []).append(number)
        self.nodes = dict(enumerate(self.graph.nodes))
        for z, numbers in users.items():
            if len(numbers) > 1:
                self._share_exponential(self._new(Node("exp_minus_abs", (z,))), numbers)

    def _share_exponential(self, power: int, numbers: Sequence[int]) -> None:
        """Give the functions of z and -z in `numbers` the node of exp(-|z|)."""
        sigmoids = [
            (*self.nodes[number].operands, number) for number in numbers if self.nodes[number].operation == "sigmoid"
        ]
        z, first = min(sigmoids, default=(0, 0))
        for number in numbers:
            node = self.nodes[number]
            if node.operation == "sigmoid" and number != first:
                self.nodes[number] = Node("sigmoid_complement", (z, power, first))
            else:
                self.nodes[number] = Node(f"{node.operation}_part", (*node.operands, power))

    def _new(self, node: Node) -> int:
        number = len(self.nodes)
        self.nodes[number] = node
        return number

    def _fuse(self) -> None:
        """Join a product that is used once with the sum it goes into: one instruction, rounded once."""
        uses: dict[int, int] = {}
        for number in [*self.outputs, *(o for node in self._used() for o in self.nodes[node].operands)]:
            uses[number] = uses.get(number, 0) + 1
        for number in self._used():
            node = self.nodes[number]
            if node.operation not in ("add", "sub"):
                continue
            left, right = node.operands
            for product, other, is_left in ((left, right, True), (right, left, False)):
                factors = self._factors(product)
                if factors is not None and uses[product] == 1:
                    operation = "muladd" if node.operation == "add" else "mulsub" if is_left else "submul"
                    self.nodes[number] = Node(operation, (*factors, other))
                    break

    def _factors(self, number: int) -> tuple[int, int] | None:
        node = self.nodes[number]
        if node.operation == "mul":
            return node.operands[0], node.operands[1]
        return (node.operands[0], node.operands[0]) if node.operation == "square" else None

    def _used(self) -> list[int]:
        """Return the nodes that the outputs need, in the order of their numbers: operands come first."""
        used, pending = set(self.outputs), list(self.outputs)
        while pending:
            for operand in self.nodes[pending.pop()].operands:
                if operand not in used:
                    used.add(operand)
                    pending.append(operand)
        return sorted(used)

    def _postorder(self) -> list[int]:
        """Return the operations in an order that keeps few temporaries alive: depth first, the first output last."""
        order: dict[int, None] = {}
        pending = [(number, False) for number in self.outputs]
        while pending:
            number, ready = pending.pop()
            node = self.nodes[number]
            if number in order or node.operation in ("input", "constant"):
                continue
            if ready:
                order[number] = None
            else:
                pending.append((number, True))
                pending.extend((operand, False) for operand in reversed(node.operands))
        return list(order)


def _better_add(graph: Graph, left: int, right: int) -> int | None:
    for one, other in ((left, right), (right, left)):
        erf = graph.operands(other, "erf")
        if graph.is_constant(one, 1.0) and erf:
            return graph.apply("erfc", graph.apply("neg", *erf))
        negated = graph.operands(other, "neg")
        if negated:
            return graph.apply("sub", one, *negated)
        high, softplus = graph.operands(one, "max"), graph.operands(other, "softplus")
        if high and graph.is_constant(high[1], 0.0) and softplus == (_minus_abs(graph, high[0]),):
            return graph.apply("softplus", high[0])  # max(z, 0) + log(1 + exp(-abs(z)))
        if graph.exact_constants and graph.nodes[one].operation == "constant":
            held = _as_float32(graph.nodes[one].value)
            if held != graph.nodes[one].value:
                most, rest = graph.apply("add", other, graph.constant(held)), graph.nodes[one].value - held
                return graph.node("add", most, graph.constant(rest))
    return None


def _minus_abs(graph: Graph, node: int) -> int:
    return graph.apply("neg", graph.apply("abs", node))


def _better_sub(graph: Graph, left: int, right: int) -> int | None:
    exp, negated = graph.operands(left, "exp"), graph.operands(right, "neg")
    if exp and graph.is_constant(right, 1.0):
        return graph.apply("expm1", *exp)
    if graph.is_constant(left, 1.0):
        return _one_minus(graph, right)
    for sigmoid in (node for node in graph.operands(left, "mul") or () if graph.is_constant(right, 1.0)):
        of = graph.operands(sigmoid, "sigmoid")
        if of and left == graph.apply("mul", graph.constant(2.0), sigmoid):
            return graph.apply("tanh", graph.apply("mul", graph.constant(0.5), *of))
    return graph.apply("add", left, *negated) if negated else None


def _one_minus(graph: Graph, node: int) -> int | None:
    """Return 1 - node where there is a form that does not cancel."""
    erf, sigmoid, square = (graph.operands(node, name) for name in ("erf", "sigmoid", "square"))
    if erf:
        return graph.apply("erfc", *erf)
    if sigmoid:
        return graph.apply("sigmoid", graph.apply("neg", *sigmoid))
    if square and graph.operands(square[0], "tanh"):
        one, tanh = graph.constant(1.0), square[0]
        return graph.apply("mul", graph.apply("sub", one, tanh), graph.apply("add", one, tanh))
    negated = graph.operands(node, "neg")
    return graph.apply("add", graph.constant(1.0), *negated) if negated else None


def _better_mul(graph: Graph, left: int, right: int) -> int | None:
    for one, other in ((left, right), (right, left)):
        if graph.is_constant(one, 1.0):
            return other
        if graph.is_constant(one, -1.0):
            return graph.apply("neg", other)
        scaled = graph.scaled(other)
        if scaled and graph.nodes[one].operation == "constant":
            product = graph.nodes[one].value * scaled[0]
            if _is_power_of_two(scaled[0]) or (_is_power_of_two(graph.nodes[one].value) and abs(product) < 1e300):
                return graph.apply("mul", graph.constant(product), scaled[1])
    return graph.apply("square", left) if left == right else _gelu(graph, left, right)


def _gelu(graph: Graph, left: int, right: int) -> int | None:
    """Return left*right where it is z*erfc(-z/sqrt(2))/2, in any order of its factors."""
    factors = [part for node in (left, right) for part in graph.operands(node, "mul") or (node,)]
    tails = [factor for factor in factors if graph.operands(factor, "erfc")]
    half = graph.constant(0.5)
    if len(factors) != 3 or len(tails) != 1 or half not in factors:
        return None
    z = next(factor for factor in factors if factor not in (half, *tails))
    scaled = graph.apply("neg", graph.apply("div", z, graph.constant(math.sqrt(2.0))))
    return graph.apply("gelu", z) if graph.operands(tails[0], "erfc") == (scaled,) else None


def _better_div(graph: Graph, left: int, right: int) -> int | None:
    node = graph.nodes[right]
    if node.operation == "constant" and _is_power_of_two(node.value):
        return graph.apply("mul", left, graph.constant(1.0 / node.value))
    if graph.is_constant(left, 1.0):
        return graph.apply("reciprocal", right)
    square = graph.operands(right, "square")
    if square and graph.one_plus_exp(square[0]) is not None:
        return graph.apply("div", graph.apply("div", left, square[0]), square[0])
    power = graph.one_plus_exp(right)
    return _quotient(graph, left, right) if power is None else _over_one_plus_exp(graph, left, power)


def _over_one_plus_exp(graph: Graph, left: int, power: int) -> int:
    """Return left/(1 + exp(power)) by functions that neither overflow nor cancel."""
    exp = graph.apply("exp", power)
    if left == exp:
        return graph.apply("sigmoid", power)
    factors = graph.operands(left, "mul")
    if factors and exp in factors:
        other = factors[factors[0] == exp]
        return graph.apply("mul", other, graph.apply("sigmoid", power))
    # exp(min(z, 0))/(1 + exp(-abs(z))), the stable form of sigmoid.
    negative = graph.operands(left, "exp")
    low = graph.operands(negative[0], "min") if negative else None
    if low and graph.is_constant(low[1], 0.0) and power == _minus_abs(graph, low[0]):
        return graph.apply("sigmoid", low[0])
    half = graph.apply("mul", graph.constant(0.5), power)
    if left == graph.apply("expm1", power):
        return graph.apply("tanh", half)
    if left == graph.apply("sub", graph.constant(1.0), exp):
        return graph.apply("tanh", graph.apply("neg", half))
    return graph.apply("mul", left, graph.apply("sigmoid", graph.apply("neg", power)))


def _quotient(graph: Graph, left: int, right: int) -> int | None:
    """Return left/right where it is (exp(z) - exp(-z))/(exp(z) + exp(-z)), the textbook's tanh, or sinh/cosh."""
    top, bottom = graph.operands(left, "sub"), graph.operands(right, "add")
    sinh, cosh = graph.operands(left, "sinh"), graph.operands(right, "cosh")
    if sinh and sinh == cosh:
        return graph.apply("tanh", *sinh)
    powers = [graph.operands(node, "exp") for node in top or ()]
    if not (top and bottom and set(top) == set(bottom) and all(powers)):
        return None
    (z,), (minus_z,) = powers[0] or (0,), powers[1] or (0,)
    return graph.apply("tanh", z) if graph.apply("neg", z) == minus_z else None


def _better_reciprocal(graph: Graph, operand: int) -> int | None:
    power = graph.one_plus_exp(operand)
    return graph.apply("sigmoid", graph.apply("neg", power)) if power is not None else None


def _better_log(graph: Graph, operand: int) -> int | None:
    inner = graph.one_plus(operand)
    return graph.apply("log1p", inner) if inner is not None else None


def _better_log1p(graph: Graph, operand: int) -> int | None:
    power = graph.operands(operand, "exp")
    return graph.apply("softplus", *power) if power else None


def _better_tanh(graph: Graph, operand: int) -> int | None:
    softplus = graph.operands(operand, "softplus")
    return graph.apply("tanh_softplus", *softplus) if softplus else None


def _better_abs(graph: Graph, operand: int) -> int | None:
    negated, scaled = graph.operands(operand, "neg"), graph.scaled(operand)
    if scaled and scaled[0] < 0:
        return graph.apply("abs", graph.apply("neg", operand))
    return graph.apply("abs", *negated) if negated else None


def _better_neg(graph: Graph, operand: int) -> int | None:
    negated, scaled = graph.operands(operand, "neg"), graph.scaled(operand)
    if scaled:
        return graph.apply("mul", graph.constant(-scaled[0]), scaled[1])
    return negated[0] if negated else None


def _as_float32(value: float) -> float:
    """Return the number of float32 nearest to one within its range, else the number itself."""
    return float(struct.unpack("f", struct.pack("f", value))[0]) if abs(value) < 3e38 else value


def _is_power_of_two(value: float) -> bool:
    """Say whether multiplying by a number is exact."""
    return abs(math.frexp(value)[0]) == 0.5 and 1e-300 < abs(value) < 1e300


_OPERATORS: dict[type[Expr], str] = {Add: "add", Sub: "sub", Mul: "mul", Div: "div", Neg: "neg"}

_RULES: dict[str, Callable[..., int | None]] = {
    "add": _better_add,
    "sub": _better_sub,
    "mul": _better_mul,
    "div": _better_div,
    "reciprocal": _better_reciprocal,
    "log": _better_log,
    "log1p": _better_log1p,
    "tanh": _better_tanh,
    "abs": _better_abs,
    "neg": _better_neg,
}

_FOLD: dict[str, Callable[..., float]] = {
    **{name: compute for name, compute in MATH.items() if name not in ("where", "max", "min")},
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b if b else math.nan,
    "neg": lambda a: -a,
}
