"""Notations of books and libraries, one row each: letters, order of indices, first numbers, constants of the losses.

A row says only what its source says; what lies between two of them is worked out from the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import Literal, TypeAlias

from backstory.errors import ConfigurationError, unknown
from backstory.story.address import Address, read_address

Joined: TypeAlias = Literal["sum", "mean", ""]
"""How losses are joined; "" where a source leaves it open, as it tells of one row only."""
Family: TypeAlias = Literal["squared_error", "binary_cross_entropy", "cross_entropy"]


@dataclass(frozen=True)
class Constants:
    """What stands before the terms of a loss.

    Attributes
    ----------
    outputs, rows : {"sum", "mean", ""}
        How the outputs of a row are joined, and the rows of a batch.
    half : bool
        Of a squared error: whether there is a ½.
    """

    outputs: Joined
    rows: Joined
    half: bool | None = None

    def of_a_row(self, n_outputs: int) -> Fraction:
        """Return the slope's constant: k in k(a - y), or in k(a - y)/(a(1 - a)) and -ky/a of the entropies."""
        return Fraction(2 if self.half is False else 1, n_outputs if self.outputs == "mean" else 1)

    def of_the_rows(self, n_rows: int) -> Fraction:
        """Return what each row's gradient is multiplied by."""
        return Fraction(1, n_rows if self.rows == "mean" else 1)


@dataclass(frozen=True)
class Strength:
    """How an L2 penalty is written: letter·Σw², with a ½ before it, divided by the number of rows.

    Attributes
    ----------
    letter : str
    half, over_rows : bool
    """

    letter: str
    half: bool
    over_rows: bool = False

    def __str__(self) -> str:
        below = {(True, True): "/(2n)", (True, False): "/2", (False, True): "/n", (False, False): ""}
        return f"{self.letter}{below[self.half, self.over_rows]}·Σw²"

    def of(self, slope: float, n_rows: int) -> float:
        """Return the strength that gives slope·w as the derivative by w."""
        return slope * (1 if self.half else 0.5) * (n_rows if self.over_rows else 1)


@dataclass(frozen=True)
class Convention:
    """One notation.

    Attributes
    ----------
    name : str
    source : str
        The book, edition and place, or the library and version, that the row was read in.
    names : mapping of str to str
        By letter ("w", "b", "z", "a", "x", "y", "delta"; "output" for the last a, "L" and "L_n" for the losses) how a
        quantity is written, in {l} (the layer), {j} (a unit, of a weight the one it leads to), {k} (of a weight, where
        it comes from), {sub}, {jk} and {j0} (subscripts of j, of j and k, of j and 0), {flat} (a weight's number in the
        whole network) and {unit} (h1, h2, o1). What is not there keeps its name.
    products : {"W x", "x W"}
        Which way weights are multiplied; so W is (n_out, n_in), or (n_in, n_out).
    first_unit, first_layer, first_weights : int
        The numbers of the first unit, of the first layer with weights, and of its weights.
    delta : {"z", "a"}
        What δ is the derivative of the loss by: a weighted sum, or an activation.
    losses : mapping of Family to Constants
    l2 : Strength, optional
    remark : str
        What else is worth knowing.
    """

    name: str
    source: str
    names: Mapping[str, str] = field(repr=False)
    products: Literal["W x", "x W"]
    first_unit: int
    first_layer: int
    first_weights: int
    losses: Mapping[Family, Constants]
    l2: Strength | None = None
    delta: Literal["z", "a"] = "z"
    remark: str = ""

    def namer(self, sizes: tuple[int, ...]) -> Callable[[str], str]:
        """Return the function from an address such as ``w1[2->0]`` to what stands for it here.

        Parameters
        ----------
        sizes : tuple of int
            n_0 ... n_L.

        Examples
        --------
        >>> name = convention("nielsen").namer((3, 2, 1))
        >>> name("w1[2->0]"), name("delta2[0]"), name("L")
        ('w^2_13', 'δ^3_1', 'C')
        """

        @lru_cache(maxsize=1 << 14)
        def name(id: str) -> str:
            plain = id.rstrip("⁺")
            address = read_address(plain)
            return (self._written(address, sizes) if address else self.names.get(plain, plain)) + id[len(plain) :]

        return name

    def _written(self, address: Address, sizes: tuple[int, ...]) -> str:
        letter = address.letter
        if letter == "a" and address.layer == len(sizes) - 1 and "output" in self.names:
            letter = "output"
        if letter not in self.names:
            return str(address)
        first = self.first_weights if letter in ("w", "b") else self.first_layer
        j, k = address.unit + self.first_unit, (address.source or 0) + self.first_unit
        return self.names[letter].format(
            l=address.layer - 1 + first,
            j=j,
            k=k,
            sub=_below(j),
            jk=_below(j, k),
            j0=_below(j, 0),
            **_flat(address, sizes),
        )


def _below(*numbers: int) -> str:
    """Return a subscript: side by side where each is one digit, else in braces with commas."""
    if all(number < 10 for number in numbers):
        return "".join(map(str, numbers))
    return "{" + ",".join(map(str, numbers)) + "}"


def _flat(address: Address, sizes: tuple[int, ...]) -> dict[str, str]:
    """Return what a notation without layers counts by: all weights, and all hidden units, from 1 on."""
    layer, last = address.layer or (len(sizes) - 1 if address.letter == "y" else 0), len(sizes) - 1
    before = sum(n_in * n_out for n_in, n_out in pairwise(sizes[:layer])) if layer else 0
    hidden = sum(sizes[1:layer]) if 0 < layer < last else 0
    number = before + address.unit * sizes[layer - 1] + (address.source or 0) + 1
    return {"flat": str(number), "unit": f"{'o' if layer == last else 'h'}{hidden + address.unit + 1}"}


def _losses(
    squared: Constants | None, binary: Constants | None, classes: Constants | None
) -> Mapping[Family, Constants]:
    rows: dict[Family, Constants | None] = {
        "squared_error": squared,
        "binary_cross_entropy": binary,
        "cross_entropy": classes,
    }
    return MappingProxyType({family: row for family, row in rows.items() if row is not None})


_SUM, _MEAN = Constants("sum", "sum"), Constants("sum", "mean")
_MEAN_OF_ALL = Constants("mean", "mean")

_ROWS = (
    Convention(
        "nielsen",
        "Nielsen, Neural Networks and Deep Learning, 2015: chapter 2, equations 23-26 and BP1-BP4; cross-entropy and "
        "L2 in chapter 3",
        {
            "w": "w^{l}_{jk}",
            "b": "b^{l}_{sub}",
            "z": "z^{l}_{sub}",
            "a": "a^{l}_{sub}",
            "x": "x_{sub}",
            "y": "y_{sub}",
            "delta": "δ^{l}_{sub}",
            "L": "C",
            "L_n": "C_x",
        },
        "W x",
        first_unit=1,
        first_layer=2,
        first_weights=2,
        losses=_losses(Constants("sum", "mean", half=True), _MEAN, _MEAN),
        l2=Strength("λ", half=True, over_rows=True),
        remark="The input is layer 1, so the first weights are those of layer 2.",
    ),
    Convention(
        "bishop",
        "Bishop, Pattern Recognition and Machine Learning, 2006: sections 5.1-5.3 and 5.5, equations 5.2, 5.44-5.56, "
        "5.112",
        {
            "w": "w^({l})_{jk}",
            "b": "w^({l})_{j0}",
            "z": "a^({l})_{sub}",
            "a": "z^({l})_{sub}",
            "output": "y_{sub}",
            "x": "x_{sub}",
            "y": "t_{sub}",
            "delta": "δ^({l})_{sub}",
            "L": "E",
            "L_n": "E_n",
        },
        "W x",
        first_unit=1,
        first_layer=1,
        first_weights=1,
        losses=_losses(Constants("sum", "sum", half=True), _SUM, _SUM),
        l2=Strength("λ", half=True),
        remark="The weighted sum is a, the activation z; a bias is the weight from unit 0, whose value is 1.",
    ),
    Convention(
        "goodfellow",
        "Goodfellow, Bengio & Courville, Deep Learning, 2016: section 6.1, equation 6.1; section 6.5.7 "
        "(H = max{0, X W}, the penalty λΣW²)",
        {
            "w": "W^({l})_{{{k},{j}}}",
            "b": "b^({l})_{sub}",
            "z": "u^({l})_{sub}",
            "a": "h^({l})_{sub}",
            "output": "ŷ_{sub}",
            "x": "x_{sub}",
            "y": "y_{sub}",
            "L": "J",
            "L_n": "L",
        },
        "x W",
        first_unit=1,
        first_layer=1,
        first_weights=1,
        losses=_losses(Constants("sum", "mean", half=False), None, _MEAN),
        l2=Strength("λ", half=False),
        remark="Section 6.5.7 multiplies X W; other places of the book, section 6.1 among them, write W transposed x.",
    ),
    Convention(
        "ufldl",
        "Ng and others, UFLDL tutorial, Stanford, 2011: Neural Networks; Backpropagation Algorithm",
        {
            "w": "W^({l})_{jk}",
            "b": "b^({l})_{sub}",
            "z": "z^({l})_{sub}",
            "a": "a^({l})_{sub}",
            "x": "x_{sub}",
            "y": "y_{sub}",
            "delta": "δ^({l})_{sub}",
            "L": "J",
        },
        "W x",
        first_unit=1,
        first_layer=2,
        first_weights=1,
        losses=_losses(Constants("sum", "mean", half=True), None, None),
        l2=Strength("λ", half=True),
        remark="The input is layer 1, and W with the number l leads from layer l to layer l + 1.",
    ),
    Convention(
        "mazur",
        "Mazur, A Step by Step Backpropagation Example, 2015",
        {
            "w": "w{flat}",
            "b": "b_{unit}",
            "z": "net_{unit}",
            "a": "out_{unit}",
            "x": "i{j}",
            "y": "target_{unit}",
            "delta": "δ_{unit}",
            "L": "E_total",
        },
        "W x",
        first_unit=1,
        first_layer=1,
        first_weights=1,
        losses=_losses(Constants("sum", "", half=True), None, None),
        remark="All weights are counted through, unit by unit; each layer there has one bias for all its units.",
    ),
    Convention(
        "scikit-learn",
        "scikit-learn 1.9, MLPClassifier and MLPRegressor: neural_network/_multilayer_perceptron.py and _base.py",
        {
            "w": "coefs_[{l}][{k},{j}]",
            "b": "intercepts_[{l}][{j}]",
            "a": "activations[{l}][{j}]",
            "L": "loss",
        },
        "x W",
        first_unit=0,
        first_layer=1,
        first_weights=0,
        losses=_losses(Constants("sum", "mean", half=True), _MEAN, _MEAN),
        l2=Strength("alpha", half=True, over_rows=True),
        remark="The squared error that it reports is also divided by the number of outputs; its gradient is not.",
    ),
    Convention(
        "pytorch",
        "PyTorch 2.13: nn.Linear, nn.MSELoss, nn.BCELoss, nn.CrossEntropyLoss, optim.SGD",
        {"w": "linear{l}.weight[{j},{k}]", "b": "linear{l}.bias[{j}]", "L": "loss"},
        "W x",
        first_unit=0,
        first_layer=1,
        first_weights=1,
        losses=_losses(Constants("mean", "mean", half=False), _MEAN_OF_ALL, _MEAN),
        l2=Strength("weight_decay", half=True),
        remark="The weight of nn.Linear is (n_out, n_in), and x Wᵀ + b is computed. weight_decay of an optimizer adds "
        "weight_decay·w to the gradient, of biases too.",
    ),
    Convention(
        "keras",
        "Keras 3: layers.Dense, losses.MeanSquaredError, losses.BinaryCrossentropy, regularizers.L2",
        {"w": "layers[{l}].kernel[{k},{j}]", "b": "layers[{l}].bias[{j}]", "L": "loss"},
        "x W",
        first_unit=0,
        first_layer=0,
        first_weights=0,
        losses=_losses(Constants("mean", "mean", half=False), _MEAN_OF_ALL, _MEAN),
        l2=Strength("l2", half=False),
    ),
    Convention(
        "jax",
        "Flax linen.Dense and Optax l2_loss, averaged as Optax's own guide does (jnp.mean over all elements)",
        {"w": "Dense_{l}.kernel[{k},{j}]", "b": "Dense_{l}.bias[{j}]", "L": "loss"},
        "x W",
        first_unit=0,
        first_layer=0,
        first_weights=0,
        losses=_losses(Constants("mean", "mean", half=True), _MEAN_OF_ALL, _MEAN),
        l2=Strength("weight_decay", half=True),
    ),
)

CONVENTIONS: Mapping[str, Convention] = MappingProxyType({row.name: row for row in _ROWS})
"""Name -> row of every convention."""

_ALIASES = {"sklearn": "scikit-learn", "torch": "pytorch", "flax": "jax", "optax": "jax", "tensorflow": "keras"}


def convention(value: str | Convention) -> Convention:
    """Return a convention as it is, or the row of that name.

    Raises
    ------
    ConfigurationError
        For an unknown name; the message names the nearest known one.
    """
    if isinstance(value, Convention):
        return value
    name = str(value).lower()
    if _ALIASES.get(name, name) not in CONVENTIONS:
        raise unknown("convention", str(value), CONVENTIONS)
    return CONVENTIONS[_ALIASES.get(name, name)]


def ratio(
    a: str | Convention, b: str | Convention, loss: Family = "squared_error", *, n_outputs: int = 1, n_rows: int = 1
) -> Fraction:
    """Return what a gradient in one convention is multiplied by to be that of another.

    Parameters
    ----------
    a, b : str or Convention
    loss : {"squared_error", "binary_cross_entropy", "cross_entropy"}
    n_outputs, n_rows : int >= 1
        Of the network, and of the batch.

    Returns
    -------
    Fraction
        b's gradient divided by a's.

    Raises
    ------
    ConfigurationError
        For an unknown name, or a source that says nothing of this loss, or of several rows.

    Examples
    --------
    >>> ratio("nielsen", "pytorch", n_outputs=10), ratio("bishop", "nielsen", n_rows=32)
    (Fraction(1, 5), Fraction(1, 32))
    """
    return _constant(b, loss, n_outputs, n_rows) / _constant(a, loss, n_outputs, n_rows)


def _constant(which: str | Convention, loss: Family, n_outputs: int, n_rows: int) -> Fraction:
    row = convention(which)
    if loss not in row.losses:
        known = ", ".join(row.losses)
        raise ConfigurationError(f"The convention {row.name!r} says nothing of {loss!r}. It has: {known}.")
    if n_rows > 1 and not row.losses[loss].rows:
        raise ConfigurationError(f"The convention {row.name!r} tells of one row only. Use n_rows=1.")
    return row.losses[loss].of_a_row(n_outputs) * row.losses[loss].of_the_rows(n_rows)


def ratio_table(loss: Family = "squared_error", *, n_outputs: int = 1, n_rows: int = 1) -> str:
    """Return the constant ratios between all conventions as a table: each row's gradient divided by each column's.

    Parameters
    ----------
    loss, n_outputs, n_rows
        As for `ratio`.

    Examples
    --------
    >>> print(ratio_table("binary_cross_entropy", n_rows=4).splitlines()[1])
    nielsen               1      1/4        1        1        1        1
    """
    rows = CONVENTIONS.values()
    listed = [row for row in rows if loss in row.losses and (row.losses[loss].rows or n_rows == 1)]
    heads = [_SHORT.get(row.name, row.name) for row in listed]
    lines = [" " * 14 + "".join(f" {head:>8}" for head in heads)]
    for row in listed:
        cells = (str(ratio(other, row, loss, n_outputs=n_outputs, n_rows=n_rows)) for other in listed)
        lines.append(f"{row.name:<14}" + "".join(f" {cell:>8}" for cell in cells))
    return "\n".join(lines)


_SHORT = {"scikit-learn": "sklearn", "goodfellow": "goodfell"}
"""Heads of columns."""
