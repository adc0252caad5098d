"""The general formulas of one layer of a network: by indices for all its units, and as matrices in both layouts.

Indices stand in addresses in the place of numbers: ``w1[k->j]`` leads from unit k of the layer before to unit j; where
rows are summed, ``delta1[n,j]`` is that of row n. What is printed is what `LayerEquation.at` evaluates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Any

from backstory.expressions import Call, Expr, Mul, Name, Number, Partial, simplify, substitute, to_latex, to_text
from backstory.functions import SIMPLEX
from backstory.functions.activation import Activation, written_out
from backstory.functions.loss import Loss
from backstory.functions.penalties import Penalty
from backstory.functions.rows import constants
from backstory.story import latex, text
from backstory.story.page import Block, Equation, Paragraph, Section, Table

_BRACKETS = re.compile(r"\[([^\]]*)\]")


@dataclass(frozen=True)
class LayerEquation:
    """One formula for all values of its indices.

    Attributes
    ----------
    key : {"z", "a", "slope", "delta", "weight", "bias", "update"}
    left, right : Expr
        A sum over an index is a call such as ``Σ_k(...)``.
    general : Expr or None
        The same in words of the textbook, with f' for the slope, where it differs.
    ranges : mapping of str to int
        How many values each index takes, from 0 on; n, the row, is not among them.
    """

    key: str
    left: Expr
    right: Expr
    ranges: Mapping[str, int]
    general: Expr | None = None

    def at(self, n_rows: int = 1, **indices: int) -> Expr:
        """Return the right side for one value of each index, its sums written out, its names plain addresses.

        Parameters
        ----------
        n_rows : int
            How many rows a sum over n has.
        **indices : int
            Of all indices that the left side has.
        """
        return self._written_out(self.right, {**self.ranges, "n": n_rows}, indices)

    def _written_out(self, expr: Expr, ranges: Mapping[str, int], indices: Mapping[str, int]) -> Expr:
        if isinstance(expr, Name):
            return Number(ranges["n"]) if expr.id == "N" else Name(_with(expr.id, indices))
        if isinstance(expr, Call) and expr.function.startswith("Σ_"):
            index = expr.function[2:]
            (body,) = expr.args
            terms = (self._written_out(body, ranges, {**indices, index: value}) for value in range(ranges[index]))
            return reduce(lambda left, right: left + right, terms)
        return expr.with_children(*(self._written_out(child, ranges, indices) for child in expr.children))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: key, both sides as text and LaTeX, the indices' ranges."""
        return {
            "key": self.key,
            "text": f"{to_text(self.left)} = {to_text(self.right)}",
            "latex": f"{to_latex(self.left)} = {to_latex(self.right)}",
            "general": None if self.general is None else to_text(self.general),
            "ranges": dict(self.ranges),
        }


@dataclass(frozen=True)
class MatrixEquation:
    """One formula of whole matrices, in both layouts.

    Attributes
    ----------
    key : {"z", "a", "delta", "weight", "bias"}
    left : Expr
    rows_first, columns_first : Expr
        Where a row of X is a sample and Z = X W, and where a column is and Z = W X. ``matmul``, ``transposed`` and
        ``hadamard`` (element by element) are calls.
    shapes : str, str
        Of the left side, N being the number of samples.
    """

    key: str
    left: Expr
    rows_first: Expr
    columns_first: Expr
    shapes: tuple[str, str]


@dataclass(frozen=True)
class LayerStory:
    """The general formulas of one layer; made by `Network.explain_layer`.

    Attributes
    ----------
    layer : int
        1 ... L.
    sizes : tuple of int
        n_0 ... n_L.
    activation : Activation
    loss : Loss
    penalty : Penalty or None
    reduction : {"mean", "sum"}
    biases : bool
    """

    layer: int
    sizes: tuple[int, ...]
    activation: Activation
    loss: Loss = field(repr=False)
    penalty: Penalty | None = field(repr=False)
    reduction: str = field(repr=False)
    biases: bool = field(repr=False)

    @property
    def is_output(self) -> bool:
        """Whether it is the last layer."""
        return self.layer == len(self.sizes) - 1

    @cached_property
    def equations(self) -> tuple[LayerEquation, ...]:
        """The index formulas, forwards and then backwards."""
        return tuple(self._equations())

    def equation(self, key: str) -> LayerEquation:
        """Return one of the index formulas.

        Raises
        ------
        KeyError
            The layer has none of that key.
        """
        for each in self.equations:
            if each.key == key:
                return each
        raise KeyError(key)

    @cached_property
    def matrices(self) -> tuple[MatrixEquation, ...]:
        """The formulas of whole matrices."""
        return tuple(self._matrices())

    @cached_property
    def shapes(self) -> tuple[tuple[str, str, str], ...]:
        """Each matrix with its shape where samples are rows (X W), and where they are columns (W X)."""
        n_in, n_out, layer = self.sizes[self.layer - 1], self.sizes[self.layer], self.layer
        names = [(self._before, n_in, "N"), (f"Z{layer}", n_out, "N"), (f"A{layer}", n_out, "N")]
        names += [(f"Δ{layer}", n_out, "N"), (f"W{layer}", n_out, str(n_in))]
        if not self.is_output:
            after = self.sizes[layer + 1]
            names += [(f"Δ{layer + 1}", after, "N"), (f"W{layer + 1}", after, str(n_out))]
        rows = [(name, f"({other}, {size})", f"({size}, {other})") for name, size, other in names]
        return (*rows, (f"b{layer}", f"({n_out},)", f"({n_out}, 1)")) if self.biases else tuple(rows)

    # -- by indices

    def _name(self, letter: str, place: str, layer: int | None = None) -> Name:
        layer = self.layer if layer is None else layer
        return Name(f"x[{place}]" if letter == "a" and layer == 0 else f"{letter}{layer}[{place}]")

    def _equations(self) -> Iterator[LayerEquation]:
        n_in, n_out, row = self.sizes[self.layer - 1], self.sizes[self.layer], self.activation
        here, before = {"j": n_out}, {"j": n_out, "k": n_in}
        z, a = self._name("z", "j"), self._name("a", "j")
        weighted: Expr = _sum("k", self._name("w", "k->j") * self._name("a", "k", self.layer - 1))
        yield LayerEquation("z", z, weighted + self._name("b", "j") if self.biases else weighted, before)
        if row.couples:
            shares = Call("exp", (z,)) / _sum("k", Call("exp", (self._name("z", "k"),)))
            yield LayerEquation("a", a, shares, {"j": n_out, "k": n_out})
        else:
            yield LayerEquation("a", a, substitute(self._formula, {"z": z}), here, Call(row.name, (z,)))
            yield LayerEquation("slope", Call("f'", (z,)), self._slope("j"), here)
        yield self._delta_equation()
        yield from self._gradients(before)

    @cached_property
    def _formula(self) -> Expr:
        """The activation as textbooks write it, in z."""
        row = self.activation
        return simplify(written_out(row.name, substitute(row.expression, constants(row.parameters))))

    def _slope(self, place: str) -> Expr:
        return substitute(self.activation.slope, {"z": self._name("z", place), "a": self._name("a", place)})

    def _delta_equation(self) -> LayerEquation:
        n_out, delta = self.sizes[self.layer], self._name("delta", "j")
        if not self.is_output:
            back = _sum("k", self._name("w", "j->k", self.layer + 1) * self._name("delta", "k", self.layer + 1))
            general = Call("f'", (self._name("z", "j"),)) * back
            ranges = {"j": n_out, "k": self.sizes[self.layer + 1]}
            return LayerEquation("delta", delta, _product(self._slope("j"), back), ranges, general)
        fused = self.fused_slope
        if fused is not None:
            return LayerEquation("delta", delta, self._of_output(fused, "j"), {"j": n_out})
        slope = self.loss.slope(self.sizes[-1])
        own = self._of_output(slope, "j")
        if self.activation.couples:
            others = _sum("k", self._name("a", "k") * self._of_output(slope, "k"))
            return LayerEquation("delta", delta, self._name("a", "j") * (own - others), {"j": n_out, "k": n_out})
        general = Partial("L", f"a{self.layer}[j]") * Call("f'", (self._name("z", "j"),))
        return LayerEquation("delta", delta, _product(own, self._slope("j")), {"j": n_out}, general)

    @property
    def fused_slope(self) -> Expr | None:
        """∂L/∂z of an output where loss and activation come to one simple formula in a and y, else None."""
        fused = self.loss.fused_with(self.activation, self.sizes[-1]) if self.is_output else None
        if fused is None or (fused.rowwise and self.loss.targets is not SIMPLEX):
            return None
        return simplify(substitute(fused.slope, {"sum_y": Number(1)}))

    def _of_output(self, expr: Expr, place: str) -> Expr:
        names = {"a": self._name("a", place), "z": self._name("z", place), "y": Name(f"y[{place}]")}
        return substitute(expr, names)

    def _gradients(self, ranges: Mapping[str, int]) -> Iterator[LayerEquation]:
        delta = self._name("delta", "n,j")
        share = _mean if self.reduction == "mean" else _same
        weight = f"w{self.layer}[k->j]"
        gradient = share(_sum("n", delta * self._name("a", "n,k", self.layer - 1)))
        if self.penalty is not None:
            gradient = gradient + substitute(self.penalty.slope, {"w": Name(weight)})
        yield LayerEquation("weight", Partial("L", weight), gradient, ranges)
        if self.biases:
            bias = f"b{self.layer}[j]"
            yield LayerEquation("bias", Partial("L", bias), share(_sum("n", delta)), {"j": ranges["j"]})
        step = Name(weight) - Name("η") * Partial("L", weight)
        yield LayerEquation("update", Name(weight + "⁺"), step, ranges)

    # -- as matrices

    @property
    def _before(self) -> str:
        return "X" if self.layer == 1 else f"A{self.layer - 1}"

    def _matrices(self) -> Iterator[MatrixEquation]:
        layer, before, size = self.layer, Name(self._before), self.sizes[self.layer]
        Z, A, W, D = (Name(f"{letter}{layer}") for letter in "ZAWΔ")
        bias = Name(f"b{layer}")
        of_rows = (f"(N, {size})", f"({size}, N)")
        forward: tuple[Expr, Expr] = (_matmul(before, W), _matmul(W, before))
        if self.biases:
            forward = forward[0] + bias, forward[1] + bias
        yield MatrixEquation("z", Z, *forward, of_rows)
        yield MatrixEquation("a", A, Call("f", (Z,)), Call("f", (Z,)), of_rows)
        slope = Call("f'", (Z,))
        if not self.is_output:
            W_after, D_after = Name(f"W{layer + 1}"), Name(f"Δ{layer + 1}")
            back = _matmul(D_after, _transposed(W_after)), _matmul(_transposed(W_after), D_after)
            yield MatrixEquation("delta", D, _hadamard(back[0], slope), _hadamard(back[1], slope), of_rows)
        elif self.fused_slope is not None:
            together = substitute(self.fused_slope, {"a": A, "y": Name("Y")})
            yield MatrixEquation("delta", D, together, together, of_rows)
        elif not self.activation.couples:
            product = _hadamard(Call("L'", (A,)), slope)
            yield MatrixEquation("delta", D, product, product, of_rows)
        share = _mean if self.reduction == "mean" else _same
        n_in = self.sizes[layer - 1]
        gradients = (share(_matmul(_transposed(before), D)), share(_matmul(D, _transposed(before))))
        if self.penalty is not None:
            term = substitute(self.penalty.slope, {"w": W})
            gradients = gradients[0] + term, gradients[1] + term
        yield MatrixEquation("weight", Partial("L", W.id), *gradients, (f"({n_in}, {size})", f"({size}, {n_in})"))
        if self.biases:
            total = share(_sum("n", D))
            yield MatrixEquation("bias", Partial("L", bias.id), total, total, (f"({size},)", f"({size}, 1)"))

    # -- as a page

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The formulas as data, of which text and LaTeX are views."""
        sections: list[Section] = [Section("layer", "", tuple(self._head()))]
        forward = tuple(_shown(each) for each in self.equations if each.key in ("z", "a", "slope", "delta"))
        backward = tuple(_shown(each) for each in self.equations if each.key in ("weight", "bias", "update"))
        sections += [Section("row", "For each row", forward), Section("rows", "Over N rows", backward)]
        sections += [Section("shapes", "Shapes", tuple(self._shape_table()))]
        for key, title, part in (("xw", "Samples as rows, X W", 0), ("wx", "Samples as columns, W X", 1)):
            lines = tuple(
                Equation(each.left, ((each.rows_first, each.columns_first)[part],), each.shapes[part].strip("()"))
                for each in self.matrices
            )
            sections.append(Section(key, title, lines))
        return tuple(sections)

    def _head(self) -> Iterator[Block]:
        last = len(self.sizes) - 1
        n_in, n_out = self.sizes[self.layer - 1], self.sizes[self.layer]
        place = "the output" if self.is_output else "hidden"
        yield Paragraph(
            (f"Layer {self.layer} of {last}, {place}: {n_out} units, {self.activation}, from {n_in} units before.",)
        )
        loss = str(self.loss) if any(value for _, value in self.loss.parameters) else self.loss.name
        after = "" if self.is_output else f" (in delta of the layer after, 0 to {self.sizes[self.layer + 1] - 1})"
        yield Paragraph(
            (
                *(Name("j"), f" is a unit of this layer, 0 to {n_out - 1}; "),
                *(Name("k"), f" one of the layer before, 0 to {n_in - 1}{after}. "),
                *(Name("L"), f" is the {loss.replace('_', ' ')}, over ", Name("N"), f" rows their {self.reduction}; "),
                *(Name("η"), " the learning rate."),
            )
        )

    def _shape_table(self) -> Iterator[Block]:
        rows: list[tuple[str | Expr | float, ...]] = [("", "samples as rows, X W", "samples as columns, W X")]
        rows += [(Name(name), first, second) for name, first, second in self.shapes]
        yield Table(tuple(rows))

    def to_text(self) -> str:
        """Return the formulas as a page of plain text, as ``print`` shows it."""
        return text.page(self.sections)

    def to_latex(self) -> str:
        """Return the formulas as a fragment of LaTeX that needs amsmath."""
        return latex.page(self.sections)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: ``layer``, ``sizes``, ``equations``, ``matrices``, ``shapes``."""
        return {
            "layer": self.layer,
            "sizes": list(self.sizes),
            "equations": [each.to_dict() for each in self.equations],
            "matrices": [
                {
                    "key": each.key,
                    "x W": f"{to_text(each.left)} = {to_text(each.rows_first)}",
                    "W x": f"{to_text(each.left)} = {to_text(each.columns_first)}",
                    "shapes": list(each.shapes),
                }
                for each in self.matrices
            ],
            "shapes": [{"name": name, "x W": first, "W x": second} for name, first, second in self.shapes],
        }

    def __str__(self) -> str:
        return self.to_text()


def _product(left: Expr, right: Expr) -> Expr:
    """Return a product without parentheses between its factors; one alone where the other is 1."""
    if left == Number(1):
        return right
    if isinstance(right, Mul):
        return _product(_product(left, right.left), right.right)
    return left if right == Number(1) else left * right


def _shown(equation: LayerEquation) -> Equation:
    rights = (equation.right,) if equation.general is None else (equation.general, equation.right)
    return Equation(equation.left, tuple(dict.fromkeys(rights)))


def _with(name: str, indices: Mapping[str, int]) -> str:
    """Put numbers for the indices in a name's brackets."""

    def put(match: re.Match[str]) -> str:
        return "[" + re.sub(r"[a-z]", lambda index: str(indices[index[0]]), match[1]) + "]"

    return _BRACKETS.sub(put, name)


def _sum(index: str, body: Expr) -> Expr:
    return Call(f"Σ_{index}", (body,))


def _matmul(left: Expr, right: Expr) -> Expr:
    return Call("matmul", (left, right))


def _hadamard(left: Expr, right: Expr) -> Expr:
    return Call("hadamard", (left, right))


def _transposed(expr: Expr) -> Expr:
    return Call("transposed", (expr,))


def _same(total: Expr) -> Expr:
    return total


def _mean(total: Expr) -> Expr:
    return Number(1) / Name("N") * total
