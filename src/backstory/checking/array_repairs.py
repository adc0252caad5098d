"""Small changes of an equation about whole layers: transposing, reversing a product, ⊙ for a product and back."""

from __future__ import annotations

import re
from collections.abc import Iterator

from backstory.checking.equation import Applied, Elementwise, MatrixProduct, Transposed, Written
from backstory.checking.index_repairs import Repair, index_repairs
from backstory.checking.indexed_names import IndexedNames
from backstory.checking.instances import names_in
from backstory.expressions import Expr, Mul, walk
from backstory.expressions.tree import Span


def array_repairs(text: str, left: Expr, right: Expr, spelling: IndexedNames) -> Iterator[Repair]:
    """Yield the changes of the right side, the most telling first.

    Parameters
    ----------
    text : str
        The whole equation.
    left, right : Expr
        Its sides, as read, with their spans.
    spelling : IndexedNames
    """
    repairs = _ArrayRepairs(text, right, spelling)
    yield from repairs.transposed()
    yield from repairs.reversed()
    yield from repairs.joined()
    yield from index_repairs(text, left, right, spelling, ())
    yield from repairs.slopes(left)
    yield from repairs.pairs()


class _ArrayRepairs:
    def __init__(self, text: str, right: Expr, spelling: IndexedNames) -> None:
        self.text, self.right, self.spelling = text, right, spelling
        self.latex = "\\" in text

    def shown(self, node: Expr) -> str:
        return self.text[slice(*outer(self.text, node))]

    def put(self, node: Expr, new: str) -> str:
        start, end = outer(self.text, node)
        return self.text[:start] + new + self.text[end:]

    def transposed(self) -> Iterator[Repair]:
        """Transpose one factor, or leave a transpose out."""
        for node in walk(self.right):
            if isinstance(node, Transposed) and node.matrix.span:
                bare = self.shown(node.matrix)
                message = f"{self.shown(node)} must not be transposed."
                yield Repair("wrong_shape", node.span or (0, 0), message, self.put(node, bare))
        for node in self.matrices():
            new = self.transpose(node)
            message = f"It should be {new}, with rows and columns exchanged."
            yield Repair("wrong_shape", node.span or (0, 0), message, self.put(node, new))

    def matrices(self) -> list[Expr]:
        inside = {id(node.matrix) for node in walk(self.right) if isinstance(node, Transposed)}
        found = [node for node in walk(self.right) if isinstance(node, Written) and id(node) not in inside]
        arguments = {id(node.arg) for node in walk(self.right) if isinstance(node, Applied)}
        return [node for node in found if id(node) not in arguments and self.spelling.parse(node) is not None]

    def transpose(self, node: Expr) -> str:
        shown = self.shown(node)
        sign = "^T" if "{" not in self.text else "^{T}" if "^{T}" in self.text else "^T"
        return f"({shown}){sign}" if "^" in shown or not shown.isalnum() else f"{shown}{sign}"

    def reversed(self) -> Iterator[Repair]:
        """Exchange the two factors of a product."""
        for node in walk(self.right):
            if isinstance(node, Mul | MatrixProduct):
                one, other = outer(self.text, node.left), outer(self.text, node.right)
                between = self.text[one[1] : other[0]]
                new = self.text[slice(*other)] + (between or " ") + self.text[slice(*one)]
                message = f"The factors stand in the wrong order: it should be {new}."
                text = self.text[: one[0]] + new + self.text[other[1] :]
                yield Repair("wrong_shape", node.span or (0, 0), message, text)

    def joined(self) -> Iterator[Repair]:
        """Multiply entry by entry in place of a product of matrices, or the other way round."""
        for node in walk(self.right):
            if isinstance(node, Mul | MatrixProduct | Elementwise):
                one, other = outer(self.text, node.left), outer(self.text, node.right)
                is_each = isinstance(node, Elementwise)
                sign = " " if is_each else " \\odot " if self.latex else " ⊙ "
                name = "the product of matrices" if is_each else "⊙, entry by entry"
                message = f"The product that belongs here is {name}."
                text = self.text[: one[1]] + sign + self.text[other[0] :]
                yield Repair("wrong_shape", node.span or (0, 0), message, text)

    def slopes(self, left: Expr) -> Iterator[Repair]:
        """Multiply by the derivative of the activation."""
        start, end = outer(self.text, self.right)
        names = [name for name in [*names_in(left), *names_in(self.right)] if name.above]
        for above in dict.fromkeys(name.above for name in names):
            slope = f"f'(z^{{({above})}})" if self.latex else f"f'(z^({above}))"
            sign = " \\odot " if self.latex else " ⊙ "
            text = f"{self.text[:start]}({self.text[start:end]}){sign}{slope}{self.text[end:]}"
            yield Repair("missing_factor", (start, end), f"The factor {slope} is missing.", text)

    def pairs(self) -> Iterator[Repair]:
        """Reverse a product and transpose one of its factors."""
        for node in walk(self.right):
            if isinstance(node, Mul | MatrixProduct):
                one, other = outer(self.text, node.left), outer(self.text, node.right)
                first, second = self.text[slice(*one)], self.text[slice(*other)]
                between = self.text[one[1] : other[0]] or " "
                for new in (f"({second})^T{between}{first}", f"{second}{between}({first})^T"):
                    message = f"It should be {new}."
                    text = self.text[: one[0]] + new + self.text[other[1] :]
                    yield Repair("wrong_shape", node.span or (0, 0), message, text)


def outer(text: str, node: Expr) -> Span:
    """Return a part's place with the parentheses around it, which its own place leaves out."""
    start, end = node.span or (0, 0)
    inside = text[start:end]
    missing = inside.count("(") - inside.count(")")
    while missing > 0 and (match := re.match(r"\s*(?:\\right)?\)", text[end:])):
        end, missing = end + match.end(), missing - 1
    while missing < 0 and (match := re.search(r"(?:\\left)?\(\s*$", text[:start])):
        start, missing = match.start(), missing + 1
    before, after = re.search(r"(?:\\left)?\(\s*$", text[:start]), re.match(r"\s*(?:\\right)?\)", text[end:])
    if before and after and not isinstance(node, Written) and not re.search(r"[A-Za-z']\s*$", text[: before.start()]):
        return before.start(), end + after.end()
    return start, end
