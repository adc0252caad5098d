"""What all printers of expressions share: rules as a table, parentheses where needed, places where a line may break."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from backstory.expressions.tree import Binary, Call, Compare, Expr, Name, Neg, Number, Partial, Scalar

FREE, SUM, PRODUCT, POWER, ATOM = range(-1, 4)
"""How tightly a piece binds; FREE is a place that needs no parentheses, such as a numerator."""

OPEN, CLOSE, SUM_BREAK, PRODUCT_BREAK = "\ue000\ue001\ue002\ue003"
"""Marks in what a printer writes: parentheses, and the places before + and - and before a factor where a line may end.

They are of Unicode's private use; those of a name are replaced, so that no name can play a mark.
"""
_HARMLESS = str.maketrans(dict.fromkeys((OPEN, CLOSE, SUM_BREAK, PRODUCT_BREAK), "\ufffd"))

Bound = tuple[str, int]
"""What is printed, and how tightly it binds."""


@dataclass(frozen=True)
class Rule:
    """How an operator is written: a pattern, how tightly it binds, how tightly what stands left and right must.

    `whole` says that no line may end within it.
    """

    pattern: str
    binding: int
    left: int
    right: int = FREE
    whole: bool = False


@dataclass(frozen=True)
class Printer:
    """Prints expressions; a notation is a table of rules and four functions.

    Attributes
    ----------
    rules : mapping from the class of a node to its rule
        Of the operators and `Neg`.
    number, name : callable
        From a value or a name to what is printed and how tightly that binds.
    partial, call : callable
        From what the two names, or the function's name and its arguments, are printed as.
    relations : mapping of str to str
        How comparisons are written.
    parentheses : str, str
    link : callable, optional
        From source, target and what is printed to the same, so marked that it can be found as a factor of that edge.
    """

    rules: Mapping[type[Expr], Rule]
    number: Callable[[Scalar], Bound]
    name: Callable[[str], Bound]
    partial: Callable[[str, str], Bound]
    call: Callable[[str, tuple[Expr, ...], Printer], Bound]
    relations: Mapping[str, str]
    parentheses: tuple[str, str] = ("(", ")")
    link: Callable[[str, str, str], str] | None = None

    def __call__(self, expr: Expr) -> str:
        """Return an expression on one line."""
        return self.unmarked(self.marked(expr)[0])

    def unmarked(self, text: str) -> str:
        """Put parentheses for their marks and nothing for the others."""
        for mark, shown in zip((OPEN, CLOSE, SUM_BREAK, PRODUCT_BREAK), (*self.parentheses, "", ""), strict=True):
            text = text.replace(mark, shown)
        return text

    def within(self, expr: Expr, at_least: int) -> str:
        """Return a part, in parentheses where it binds less tightly than its place asks; on one line where enclosed."""
        text, binding = self.marked(expr)
        if at_least == FREE:
            return self.unmarked(text)
        return text if binding >= at_least else f"{OPEN}{text}{CLOSE}"

    def marked(self, expr: Expr) -> Bound:
        """Return an expression with its marks, and how tightly it binds."""
        text, binding = self.printed(expr)
        edge = (expr.by, expr.of) if isinstance(expr, Partial) else expr.edge
        if self.link is None or edge is None:
            return text, binding
        source, target = (name.translate(_HARMLESS) for name in edge)
        return self.link(source, target, self.unmarked(text)), binding

    def printed(self, expr: Expr) -> Bound:
        match expr:
            case Number(value):
                return self.number(value)
            case Name(id):
                return self.name(id.translate(_HARMLESS))
            case Partial(of, by):
                return self.partial(*(self.unmarked(self.name(each.translate(_HARMLESS))[0]) for each in (of, by)))
            case Call(function, args):
                return self.call(function.translate(_HARMLESS), args, self)
            case Neg(operand):
                rule = self.rules[Neg]
                return rule.pattern.format(self.within(operand, rule.left)), rule.binding
            case Compare(op, left, right):
                return self.operator(self.rules[Compare], left, right, self.relations[op])
            case Binary(left, right):
                return self.operator(self.rules[type(expr)], left, right)
        raise TypeError(f"A {type(expr).__name__} cannot be printed.")

    def operator(self, rule: Rule, left: Expr, right: Expr, sign: str = "") -> Bound:
        """Return what an operator's rule makes of its two sides."""
        text = rule.pattern.format(self.within(left, rule.left), self.within(right, rule.right), sign)
        return self.unmarked(text) if rule.whole else text, rule.binding

    def lines(self, expr: Expr, room: float, width: Callable[[str], float] = len) -> list[str]:
        """Return an expression on as many lines as it takes; each still with the marks of its parentheses.

        Parameters
        ----------
        expr : Expr
        room : float
            How wide a line may be.
        width : callable
            How wide a piece is.
        """
        return broken(self.marked(expr)[0], room, width)


def broken(marked: str, room: float, width: Callable[[str], float] = len) -> list[str]:
    """Break lines where parentheses are least deep, before sums rather than factors, and as late as fits."""
    pieces = list(_pieces(marked))
    lines: list[str] = []
    start = 0
    while start < len(pieces):
        end, used, best = start, 0.0, (1 << 30, True)
        for place in range(start, len(pieces)):
            text, rank = pieces[place]
            if place > start and rank <= best:
                end, best = place, rank
            used += width(text)
            if used > room and end > start:
                break
        else:
            end = len(pieces)
        lines.append("".join(text for text, _ in pieces[start:end]).rstrip())
        start = end
    return lines


def _pieces(marked: str) -> Iterator[tuple[str, tuple[int, bool]]]:
    """Go through what stands between the places for breaks, with the rank of the place before each."""
    depth, rank, start = 0, (0, False), 0
    for place, character in enumerate(marked):
        depth += (character == OPEN) - (character == CLOSE)
        if character in (SUM_BREAK, PRODUCT_BREAK):
            yield marked[start:place], rank
            start, rank = place + 1, (depth, character == PRODUCT_BREAK)
    yield marked[start:], rank
