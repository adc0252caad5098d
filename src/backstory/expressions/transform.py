"""Questions and changes that need no rules: which names occur, how large a tree is, one name or call for another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from backstory.expressions.tree import Call, Expr, Name


def walk(expr: Expr) -> Iterator[Expr]:
    """Go through all nodes, a node before what is below it, from left to right."""
    pending = [expr]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(reversed(node.children))


def names(expr: Expr) -> frozenset[str]:
    """Return the names that occur, `pi` and `e` among them where they do.

    >>> from backstory.expressions import parse
    >>> sorted(names(parse("exp(-z)*y + pi")))
    ['pi', 'y', 'z']
    """
    return frozenset(node.id for node in walk(expr) if isinstance(node, Name))


def size(expr: Expr) -> int:
    """Return the number of nodes.

    >>> from backstory.expressions import parse
    >>> size(parse("z + 1"))
    3
    """
    return sum(1 for _ in walk(expr))


def substitute(expr: Expr, replacements: Mapping[str, Expr]) -> Expr:
    """Put expressions for names, all at once.

    >>> from backstory.expressions import parse, to_text
    >>> to_text(substitute(parse("a*(1 - a)"), {"a": parse("z + 1")}))
    '(z + 1)*(1 - (z + 1))'
    """
    if isinstance(expr, Name):
        return replacements.get(expr.id, expr)
    if not expr.children:
        return expr
    return expr.with_children(*(substitute(child, replacements) for child in expr.children))


def expand_calls(expr: Expr, definitions: Mapping[str, Callable[[Expr], Expr]]) -> Expr:
    """Put what a function of one argument stands for in place of its calls, innermost first.

    Parameters
    ----------
    expr : Expr
    definitions : mapping of str to callable
        From the argument of a call to the expression that replaces the call.
    """
    if not expr.children:
        return expr
    node = expr.with_children(*(expand_calls(child, definitions) for child in expr.children))
    if isinstance(node, Call) and node.function in definitions:
        return definitions[node.function](node.args[0])
    return node
