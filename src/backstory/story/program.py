"""Networks written as formulas: the reader of their language, and their values. Knows nothing of derivatives.

::

    # a comment                          up to the end of the line
    parameters: p1 p2                    replaces the rule that leaves called w, b or theta are parameters
    samples: x t                         then a row of numbers per line, up to an empty line
    x = 0.5                              a leaf: a number, or an expression of numbers
    h = sigmoid(w1*x + b)                a formula in other names, in any order
    L = 1/2*(t - y)^2                    the last one is the loss; over samples it takes their mean(...) or sum(...)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter

from backstory.errors import ExpressionError, nearest
from backstory.expressions import ARITIES, CONSTANTS, MATH, Call, Expr, Name, evaluate, names, parse, walk
from backstory.functions.activation import Activation, callable_rows

AGGREGATES = ("mean", "sum")
"""What a loss may take over the samples."""

_NAME = re.compile(r"[^\W\d]\w*")
_PARAMETER = re.compile(r"(w|b|theta|θ)(_?[\d₀-₉]+|_\w+)*")
_ALIASES = {"sigma": "sigmoid", "σ": "sigmoid", "logistic": "sigmoid", "ln": "log"}


@dataclass(frozen=True)
class Program:
    """A network as formulas, each in terms of the ones before it.

    Attributes
    ----------
    text : str
        What was read.
    leaves : mapping of str to float
        Names that stand for numbers, in the order of the text.
    formulas : dict of str to Expr
        Names that stand for formulas, each after those it uses; a mean or sum over the samples is a formula of its own,
        called for example ``mean(L_n)``.
    parameters : tuple of str
        The leaves that training changes.
    samples : mapping of str to tuple of float
        The columns of the table of samples; empty where there is none.
    loss : str
        The last formula of the text.
    hidden : frozenset of str
        Formulas that the text does not name: weighted sums inside an activation, the loss of one sample, its mean.
    rows : mapping of str to Activation
        The activations that formulas may call.
    """

    text: str
    leaves: Mapping[str, float]
    formulas: dict[str, Expr]
    parameters: tuple[str, ...]
    samples: Mapping[str, tuple[float, ...]]
    loss: str
    hidden: frozenset[str]
    rows: Mapping[str, Activation] = field(repr=False)

    @property
    def n_samples(self) -> int:
        """How many samples there are; 0 where the formulas stand for one."""
        return len(next(iter(self.samples.values()), ()))

    @cached_property
    def of_a_sample(self) -> frozenset[str]:
        """The names whose value differs from sample to sample."""
        return _of_a_sample(self.formulas, self.samples)

    @cached_property
    def uses(self) -> Mapping[str, tuple[str, ...]]:
        """The names that each formula uses, in the order in which it names them."""
        own = {*self.leaves, *self.samples, *self.formulas}
        return {
            name: tuple(dict.fromkeys(each.id for each in walk(tree) if isinstance(each, Name) and each.id in own))
            for name, tree in self.formulas.items()
        }

    @cached_property
    def users(self) -> Mapping[str, tuple[str, ...]]:
        """The formulas that use each name."""
        found: dict[str, list[str]] = {name: [] for name in (*self.leaves, *self.samples, *self.formulas)}
        for name, used in self.uses.items():
            for each in used:
                found[each].append(name)
        return {name: tuple(users) for name, users in found.items()}

    @cached_property
    def functions(self) -> Mapping[str, Callable[..., float]]:
        """How to compute every function with floats."""
        return {**MATH, **{name: _computed(row) for name, row in self.rows.items()}}

    def values(
        self, leaves: Mapping[str, float], held: tuple[str, float] | None = None
    ) -> tuple[dict[str, float], list[dict[str, float]]]:
        """Compute every formula.

        Parameters
        ----------
        leaves : mapping of str to float
            The value of each leaf.
        held : (str, float), optional
            A formula whose value is not computed but given.

        Returns
        -------
        dict
            The value of each name that is the same for all samples.
        list of dict
            By sample, the value of each name that is not.
        """
        shared = dict(leaves)
        rows: list[dict[str, float]] = [
            {name: column[i] for name, column in self.samples.items()} for i in range(self.n_samples)
        ]
        for name, formula in self.formulas.items():
            if held is not None and name == held[0]:
                for place in rows if name in self.of_a_sample else [shared]:
                    place[name] = held[1]
            elif name in self.of_a_sample:
                for row in rows:
                    row[name] = float(evaluate(formula, {**shared, **row}, self.functions))
            elif (inner := aggregated(formula)) is not None:
                total = sum(row[inner] for row in rows)
                shared[name] = total / len(rows) if formula.function == "mean" else total  # type: ignore[attr-defined]
            else:
                shared[name] = float(evaluate(formula, shared, self.functions))
        return shared, rows


def aggregated(formula: Expr) -> str | None:
    """Return the name of one sample's quantity that a formula is the mean or sum of, or None for other formulas."""
    if isinstance(formula, Call) and formula.function in AGGREGATES and isinstance(formula.args[0], Name):
        return formula.args[0].id
    return None


def read_program(text: str, functions: Iterable[Activation] = ()) -> Program:
    r"""Read a network written as formulas.

    Parameters
    ----------
    text : str
    functions : activations of one's own that the formulas may call

    Raises
    ------
    ExpressionError
        With line, column, a caret and the nearest known name.

    Examples
    --------
    >>> program = read_program("x = 2\nw = 0.5\nL = (w*x - 3)^2")
    >>> program.loss, program.parameters, program.values(program.leaves)[0]["L"]
    ('L', ('w',), 4.0)
    """
    return _Reader(text, functions).program()


@dataclass(frozen=True)
class _Line:
    """A line `name = formula`: where the name and the formula begin in the text."""

    name: str
    formula: str
    name_at: int
    formula_at: int


class _Reader:
    """One reading of one text."""

    def __init__(self, text: str, functions: Iterable[Activation]) -> None:
        self.text = text
        self.rows: dict[str, Activation] = {**callable_rows(), **{row.name: row for row in functions}}
        self.lines: dict[str, _Line] = {}
        self.declared: list[tuple[str, int]] | None = None
        self.columns: dict[str, list[float]] = {}
        self.hidden: set[str] = set()

    def program(self) -> Program:
        self.split()
        if not self.lines:
            raise self.error("There are no formulas.", 0, "Write lines such as 'y = w*x + b', the loss last.")
        trees = {name: self.parsed(line) for name, line in self.lines.items()}
        constants = set(CONSTANTS) - set(self.lines) - set(self.columns)
        leaves = {name: self.number(name, tree) for name, tree in trees.items() if not names(tree) - constants}
        formulas = {name: tree for name, tree in trees.items() if name not in leaves}
        loss = next(reversed(self.lines))
        if loss in leaves:
            raise self.error(
                f"The last formula is the loss, but {loss!r} is a number.", self.lines[loss].name_at, "Put it last."
            )
        formulas = self.with_aggregates(self.ordered(formulas))
        self.check_samples(formulas, loss)
        formulas = self.with_weighted_sums(formulas, loss)
        return Program(
            text=self.text,
            leaves=leaves,
            formulas=formulas,
            parameters=self.parameters(leaves, formulas),
            samples={name: tuple(column) for name, column in self.columns.items()},
            loss=loss,
            hidden=frozenset(self.hidden),
            rows=self.rows,
        )

    def error(self, problem: str, at: int, hint: str = "") -> ExpressionError:
        """Make an error that points at a place in the whole text."""
        line = self.text.count("\n", 0, at) + 1
        column = at - (self.text.rfind("\n", 0, at) + 1) + 1
        return ExpressionError(f"Line {line}, column {column}: {problem}", self.text, at, hint)

    # -- lines

    def split(self) -> None:
        """Sort the lines into formulas, declarations and the table of samples."""
        at, in_samples = 0, False
        for raw in self.text.splitlines(keepends=True):
            line = raw.split("#", 1)[0].rstrip()
            start = at + len(line) - len(line.lstrip())
            at += len(raw)
            if not line.strip():
                in_samples = in_samples and raw.lstrip().startswith("#")
            elif in_samples:
                self.sample(line, start)
            elif match := re.match(r"\s*(parameters|samples)\s*:", line):
                found = self.declared_names(line, match.end(), start - (len(line) - len(line.lstrip())))
                if match[1] == "samples":
                    self.columns, in_samples = {name: [] for name, _ in found}, True
                else:
                    self.declared = found
            else:
                self.formula(line, start)

    def declared_names(self, line: str, after: int, line_at: int) -> list[tuple[str, int]]:
        found = [(match[0], line_at + match.start()) for match in re.compile(r"[^\s,]+").finditer(line, after)]
        for position, (name, at) in enumerate(found):
            if not _NAME.fullmatch(name):
                raise self.error(f"{name!r} is not a name.", at, "Names begin with a letter.")
            if name in (each for each, _ in found[:position]):
                raise self.error(f"{name!r} is listed twice.", at)
        if not found:
            raise self.error("Expected names after the ':'.", line_at + after - 1)
        return found

    def sample(self, line: str, start: int) -> None:
        words = [word for word in re.split(r"[\s,;]+", line.strip()) if word]
        try:
            numbers = [float(word) for word in words]
        except ValueError:
            raise self.error(
                "A sample is a row of numbers.", start, "An empty line ends the table of samples."
            ) from None
        if len(numbers) != len(self.columns):
            wanted = f"{len(self.columns)} numbers, one for each of {', '.join(self.columns)}"
            raise self.error(f"A sample must have {wanted}. Got {len(numbers)}.", start)
        if not all(abs(number) < float("inf") for number in numbers):
            raise self.error("A sample must consist of finite numbers.", start)
        for column, number in zip(self.columns.values(), numbers, strict=True):
            column.append(number)

    def formula(self, line: str, start: int) -> None:
        name, equals, formula = line.partition("=")
        if not equals or not _NAME.fullmatch(name.strip()):
            raise self.error(
                "Expected a line of the form 'name = formula'.", start, "For example h = sigmoid(w1*x + b)."
            )
        name = name.strip()
        if name in self.lines:
            raise self.error(f"{name!r} is defined twice.", start, "Every name has one formula; use another name.")
        if name in self.rows or name in ARITIES or name in AGGREGATES:
            raise self.error(f"{name!r} is the name of a function.", start, "Use another name.")
        formula_at = start + line.lstrip().index("=") + 1
        formula_at += len(formula) - len(formula.lstrip())
        self.lines[name] = _Line(name, formula.strip(), start, formula_at)

    # -- formulas

    def parsed(self, line: _Line) -> Expr:
        one = dict.fromkeys([*self.rows, *AGGREGATES, *_ALIASES], 1)
        try:
            return _without_aliases(parse(line.formula, {**ARITIES, **one}, [*self.lines, *self.columns]))
        except ExpressionError as error:
            raise self.error(error.problem, line.formula_at + error.position, _shorter(error.hint)) from None

    def number(self, name: str, tree: Expr) -> float:
        at = self.lines[name].formula_at
        try:
            value = evaluate(tree, {}, {**MATH, **{name: _computed(row) for name, row in self.rows.items()}})
        except KeyError as error:  # an aggregate, the only functions that numbers alone cannot be put into
            raise self.error(
                f"{error.args[0]!r} ranges over samples, but {name!r} is a number.", at, "Write the number itself."
            ) from None
        if not abs(value) < float("inf"):
            raise self.error(f"{name!r} is not a finite number.", at)
        return float(value)

    def ordered(self, formulas: dict[str, Expr]) -> dict[str, Expr]:
        """Put the formulas in an order in which each uses only earlier ones; as in the text where that is possible."""
        needs = {name: [each for each in formulas if each in names(tree)] for name, tree in formulas.items()}
        try:
            order = list(TopologicalSorter(needs).static_order())
        except CycleError as error:
            circle = [str(name) for name in reversed(error.args[1])]
            raise self.error(
                f"The formulas go round in a circle: {' needs '.join(circle)}.", self.lines[circle[0]].name_at
            ) from None
        return {name: formulas[name] for name in order}

    def with_aggregates(self, formulas: dict[str, Expr]) -> dict[str, Expr]:
        """Make every mean or sum over the samples a formula of its own, of a name."""
        found: dict[str, Expr] = {}
        for name, tree in formulas.items():
            before: dict[str, Expr] = {}
            tree = self.without_aggregates(tree, name, before, whole=True)
            found |= before
            found[name] = tree
        return found

    def without_aggregates(self, tree: Expr, owner: str, before: dict[str, Expr], whole: bool = False) -> Expr:
        """Replace each mean or sum below `tree` by a name; note what the names stand for in `before`."""
        if not tree.children:
            return tree
        if isinstance(tree, Call) and tree.function in AGGREGATES:
            if not self.columns:
                at = self.lines[owner].formula_at + (tree.span[0] if tree.span else 0)
                hint = "Give a table: a line 'samples: x t', then a row of numbers per line."
                raise self.error(f"{tree.function}(...) is over samples, and there are none.", at, hint)
            inner = tree.args[0]
            if not isinstance(inner, Name):
                inner = Name(self.free(f"{owner}_n"))
                before[inner.id] = self.without_aggregates(tree.args[0], owner, before)
            call = Call(tree.function, (inner,))
            if whole:
                return call
            name = f"{tree.function}({inner.id})"
            self.hidden.add(name)
            before[name] = call
            return Name(name)
        children = (self.without_aggregates(child, owner, before) for child in tree.children)
        return tree.with_children(*children)

    def free(self, wish: str) -> str:
        """Return a name that is not taken, and note that the text does not name it."""
        name = wish
        while name in self.lines or name in self.columns or name in self.hidden:
            name += "_"
        self.hidden.add(name)
        return name

    def check_samples(self, formulas: dict[str, Expr], loss: str) -> None:
        """Refuse a loss that differs from sample to sample, and a sample that depends on all the others."""
        of_a_sample = _of_a_sample(formulas, self.columns)
        if self.columns and not next(iter(self.columns.values())):
            raise self.error("The table of samples is empty.", 0, "Put a row of numbers on each line below 'samples:'.")
        for name in self.columns:
            if name in self.lines:
                raise self.error(
                    f"{name!r} is a column of the samples and has a formula too.", self.lines[name].name_at
                )
        if loss in of_a_sample:
            raise self.error(
                f"The loss {loss!r} differs from sample to sample.",
                self.lines[loss].name_at,
                f"Say how samples are joined: mean({self.lines[loss].formula}), or sum(...).",
            )
        over_all = {name for name, tree in formulas.items() if aggregated(tree) is not None}
        for name, tree in formulas.items():
            inner = aggregated(tree)
            owner = self.lines.get(name) or self.lines[loss]
            if inner is not None and inner not in of_a_sample:
                problem = f"{inner!r} does not differ from sample to sample, so it has no mean or sum over them."
                raise self.error(problem, owner.formula_at)
            reached = _reached(formulas, name) if name in of_a_sample else set()
            if reached & over_all:
                raise self.error(
                    f"{name!r} belongs to one sample and may not use a mean or sum over all of them.",
                    owner.formula_at,
                )

    def with_weighted_sums(self, formulas: dict[str, Expr], loss: str) -> dict[str, Expr]:
        """Name the argument of an activation, as in h = sigmoid(w*x + b), z_h, so that both halves can be told."""
        found: dict[str, Expr] = {}
        for name, tree in formulas.items():
            if isinstance(tree, Call) and (tree.function in self.rows or tree.function == "tanh") and name != loss:
                argument = tree.args[0]
                if not isinstance(argument, Name):
                    argument = Name(self.free(f"z_{name}"))
                    found[argument.id] = tree.args[0]
                tree = Call(tree.function, (argument,))
            found[name] = tree
        return found

    def parameters(self, leaves: Mapping[str, float], formulas: Mapping[str, Expr]) -> tuple[str, ...]:
        if self.declared is None:
            return tuple(name for name in leaves if _PARAMETER.fullmatch(name))
        for name, at in self.declared:
            if name not in leaves:
                what = "a formula" if name in formulas else "a column of the samples" if name in self.columns else ""
                guess = nearest(name, leaves)
                problem = f"The parameter {name!r} is {what or 'not defined'}."
                hint = f"Did you mean {guess!r}?" if guess and not what else "A parameter is a line 'name = number'."
                raise self.error(problem, at, hint)
        return tuple(name for name, _ in self.declared)


def _without_aliases(tree: Expr) -> Expr:
    """Call every function by the name of its row."""
    if not tree.children:
        return tree
    node = tree.with_children(*(_without_aliases(child) for child in tree.children))
    if isinstance(node, Call) and node.function in _ALIASES:
        return Call(_ALIASES[node.function], node.args, span=node.span)
    return node


def _shorter(hint: str) -> str:
    """Return a hint less the list of everything known, where it is one: in a text of formulas it would be long."""
    return "" if hint.startswith(("Known names", "Known functions")) else hint


def _computed(row: Activation) -> Callable[[float], float]:
    return lambda z: float(evaluate(row.value, {"z": z}))


def _of_a_sample(formulas: Mapping[str, Expr], columns: Collection[str]) -> frozenset[str]:
    found = set(columns)
    for name, tree in formulas.items():
        if aggregated(tree) is None and names(tree) & found:
            found.add(name)
    return frozenset(found)


def _reached(formulas: Mapping[str, Expr], name: str) -> set[str]:
    """Return all names that a formula depends on."""
    found: set[str] = set()
    pending = [name]
    while pending:
        for each in names(formulas[pending.pop()]):
            if each not in found:
                found.add(each)
                if each in formulas:
                    pending.append(each)
    return found
