"""A story as data for printers: its parts in order, each a few blocks of words, equations and tables.

Every printer is a view of these. What stands in a block is a formula, a number or words; never the way it is written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

from backstory.expressions import Expr, Name, Number, Partial, substitute, to_text
from backstory.story.chain import Chain, rounded, shown
from backstory.story.graph import Path
from backstory.story.stale import NEW, STALE_END, stale_beginning, stale_rows

if TYPE_CHECKING:
    from backstory.story.story import Batch, Factor, Story

_MOST_OUTPUTS = 4
_MOST_ROWS = 12
"""How many rows of a batch the table shows: those that push most."""
_NAME = r"(?:[\w\[\]()']|->)+"
_FORMULA = re.compile(rf"∂({_NAME})/∂({_NAME})|[^\W\d_]+\d*\[\d+(?:->\d+)?\]⁺?")


@dataclass(frozen=True)
class Equation:
    """left = right = right …; a float is printed to six digits.

    `faces` says of each right side of a derivation what it is: "symbols", "formulas", "numbers" or "result".
    """

    left: Expr
    rights: tuple[Expr | float, ...]
    remark: str = ""
    faces: tuple[str, ...] = ()


Words: TypeAlias = tuple[str | Expr | float | Equation, ...]
"""Plain words with formulas, numbers and equations between them."""


Cell: TypeAlias = str | Expr | float
"""What stands in a table."""


@dataclass(frozen=True)
class Paragraph:
    """A sentence or two."""

    words: Words


@dataclass(frozen=True)
class Ways:
    """Paths, with what each gives and its share."""

    paths: tuple[Path, ...]


@dataclass(frozen=True)
class Reasons:
    """Local derivatives, each with its kind and the formula it comes from."""

    factors: tuple[Factor, ...]


@dataclass(frozen=True)
class Table:
    """A table; the first row is its head, the first column says what each row is."""

    rows: tuple[tuple[Cell, ...], ...]


Block: TypeAlias = Equation | Paragraph | Ways | Reasons | Table


@dataclass(frozen=True)
class Section:
    """One part of a story.

    Attributes
    ----------
    key : str
        By which it is asked for.
    title : str
        Empty for the question itself.
    blocks : tuple of Block
    """

    key: str
    title: str
    blocks: tuple[Block, ...] = field(repr=False)


def sections(story: Story, without: Collection[str] = (), only: Collection[str] | None = None) -> tuple[Section, ...]:
    """Return the parts of a story that have something to say, in order: all, or those of some keys, but for others."""
    nothing_to_derive = story.path_count == 0 or story.by == story.of
    found = []
    for title, part in PARTS:
        if part.__name__ in without or (only is not None and part.__name__ not in only):
            continue
        if not nothing_to_derive or part in (question, notes):
            blocks = tuple(part(story))
            if blocks:
                found.append(Section(part.__name__, title, blocks))
    return tuple(found)


def question(story: Story) -> Iterator[Block]:
    """What is asked, and the answer."""
    yield Equation(story.symbol, (story.value,))
    yield Paragraph(("How ", Name(story.of), " changes when ", Name(story.by), " is moved and nothing else is."))


def paths(story: Story) -> Iterator[Block]:
    """All paths, or the strongest, with what each gives and its share."""
    listed, count = story.paths, story.path_count
    if len(listed) < count:
        share = percent(sum(path.share for path in listed))
        strongest = f"the {len(listed)} strongest of {counted(count)}"
        yield Paragraph((f"{strongest}; they carry {share} of all paths' absolute sum",))
    yield Ways(listed)


def chain(story: Story) -> Iterator[Block]:
    """The chain rule in symbols, formulas and numbers."""
    yield _derived(Partial(story.told, story.by), story.chain)


def factors(story: Story) -> Iterator[Block]:
    """Each local derivative, its kind and its reason."""
    yield Reasons(story.factors)


def deltas(story: Story) -> Iterator[Block]:
    """The same sum, grouped as backpropagation computes it."""
    for delta in story.deltas:
        yield _derived(Name(delta.name), delta.chain)
    if story.by_deltas is not None and not (story.deltas and story.deltas[-1].of == story.by):
        yield _derived(Partial(story.told, story.by), story.by_deltas)


def penalty(story: Story) -> Iterator[Block]:
    """The penalty's own term."""
    if (term := story.penalty) is None:
        return
    yield Paragraph(("the penalty of this weight is ", _few_digits(term.formula)))
    yield Paragraph(("its derivative ", Equation(_few_digits(term.slope), (term.value,)), " is added, once per batch:"))
    data = Number(float(shown(story.value - term.value)))
    yield Equation(story.symbol, (data + Number(float(shown(term.value))), story.value))


def _few_digits(formula: Expr) -> Expr:
    """A formula with its numbers as results are printed: alpha divided by rows has sixteen digits."""
    if isinstance(formula, Number):
        return rounded(float(formula.value))
    return formula.with_children(*map(_few_digits, formula.children)) if formula.children else formula


def batch(story: Story) -> Iterator[Block]:
    """What each row gives."""
    if (rows := story.batch) is None:
        return
    n = len(rows.gradients)
    order = sorted(range(n), key=lambda row: -abs(rows.gradients[row]))[:_MOST_ROWS]
    yield Paragraph(_joined(story, rows))
    slope = Partial(rows.loss, story.by)
    yield Table(
        (
            ("row", slope, ""),
            *((str(row), rows.gradients[row], "told above" if row == rows.row else "") for row in sorted(order)),
        )
    )
    if n > len(order):
        yield Paragraph((f"and {n - len(order)} more rows, each with less",))


def softmax(story: Story) -> Iterator[Block]:
    """The Jacobian of softmax, and how it comes to p - y with cross-entropy."""
    if (found := story.collapse) is None:
        return
    p_j, p_k, y_j, y_k = (Name(name) for name in ("p_j", "p_k", "y_j", "y_k"))
    loss, same = story.told, Name("[j = k]")
    yield Paragraph(
        (
            "softmax couples all outputs: ",
            Equation(Partial("p_j", "z_k"), (p_j * (same - p_k),)),
            ", p being the outputs and ",
            same,
            " 1 where j is k, else 0; with ",
            Equation(Partial(loss, "p_j"), (-(y_j / p_j),)),
            " the sum over j is ",
            Equation(Partial(loss, "z_k"), (p_k - y_k,)),
            ", as the y sum to 1",
        )
    )
    n = len(found.outputs)
    if n > _MOST_OUTPUTS:
        return
    head: tuple[Cell, ...] = (Partial("p_j", "z_k"), *(f"j = {j}" for j in range(n)), Partial(loss, "z_k"))
    body: list[tuple[Cell, ...]] = [
        (f"k = {k}", *map(_short, (*found.jacobian[k], found.results[k]))) for k in range(n)
    ]
    yield Table((head, *body, (Partial(loss, "p_j"), *map(_short, found.loss_slopes), "")))


def nudge(story: Story) -> Iterator[Block]:
    """The nudge test."""
    if (test := story.nudge) is None:
        return
    yield Table(
        (
            ("h", "true change", "h·gradient", "error"),
            *((trial.h, trial.change, trial.promised, float(f"{trial.error:.3g}")) for trial in test.trials),
        )
    )
    yield Paragraph((test.sentence,))


def update(story: Story) -> Iterator[Block]:
    """The update under an optimizer."""
    if (told := story.update) is None:
        return
    yield Paragraph((told.optimizer,))
    for line in told.lines:
        faces = _once(formulas=line.formula, numbers=line.numbers, result=line.value)
        yield Equation(Name(line.name), tuple(faces.values()))
    yield Paragraph((Name(story.by), ": ", told.old, " → ", _long(told.new)))


def stale(story: Story) -> Iterator[Block]:
    """The step taken with weights already updated, beside the right one."""
    if (found := story.stale) is None:
        return
    yield Paragraph(with_formulas(stale_beginning(found)))
    if found.used and len(story.paths) == story.path_count:
        new: dict[str, Expr] = {weight.name: Name(weight.name + NEW) for weight in found.used}
        slip = found.story.chain
        yield Equation(Name("slip"), (substitute(slip.formulas, new), slip.numbers, slip.value))
        yield Paragraph(("where ", Equation(Partial(story.told, story.by), (story.chain.value,))))
    rows: list[tuple[Cell, ...]] = [("", "gradient descent", "with updated weights")]
    rows += [(name, _long(right), _long(wrong)) for name, right, wrong in stale_rows(story, found)]
    yield Table(tuple(rows))
    yield Paragraph((STALE_END,))


def cost(story: Story) -> Iterator[Block]:
    """How many operations it takes, in three ways."""
    ways = (
        ("path by path", story.costs.path_by_path),
        ("with stored products", story.costs.stored),
        ("… and reciprocals", story.costs.reciprocals),
    )
    rows = ((name, counted(way.additions), counted(way.multiplications), counted(way.divisions)) for name, way in ways)
    yield Table((("", "additions", "products", "divisions"), *rows))


def notes(story: Story) -> Iterator[Block]:
    """What else is worth knowing."""
    for note in story.notes:
        yield Paragraph(with_formulas(note))


PARTS: tuple[tuple[str, Callable[[Story], Iterator[Block]]], ...] = (
    ("", question),
    ("Paths", paths),
    ("Chain rule", chain),
    ("Each factor", factors),
    ("By deltas", deltas),
    ("Penalty", penalty),
    ("Rows", batch),
    ("Softmax with cross-entropy", softmax),
    ("Nudge test", nudge),
    ("Update", update),
    ("Weights already updated", stale),
    ("Cost", cost),
    ("Notes", notes),
)
"""The parts of a story, in order: title and what is in it; the name of the function is its key."""


def with_formulas(text: str) -> Words:
    """Return a sentence with the derivatives and addresses in it as formulas.

    >>> with_formulas("small as ∂h/∂z = 0.1: flat at z1[0]")
    ('small as ', Partial(of='h', by='z'), ' = 0.1: flat at ', Name(id='z1[0]'))
    """
    found: list[str | Expr | float | Equation] = []
    start = 0
    for match in _FORMULA.finditer(text):
        found += [text[start : match.start()], Partial(match[1], match[2]) if match[1] else Name(match[0])]
        start = match.end()
    return tuple(piece for piece in (*found, text[start:]) if piece != "")


def percent(share: float) -> str:
    """Return a share in percent.

    >>> percent(0.2561), percent(0.0), percent(1e-9)
    ('25.6%', '0.0%', '<0.1%')
    """
    return "<0.1%" if 0 < share < 0.0005 else f"{share:.1%}"


def counted(number: int) -> str:
    """Return a count; a huge one in four digits.

    >>> counted(1234), counted(10**20)
    ('1,234', 'about 1.000e20')
    """
    return f"{number:,}" if number < 10**9 else f"about {number:.3e}".replace("e+", "e")


def _joined(story: Story, rows: Batch) -> Words:
    """Say how the rows' gradients make the batch's."""
    rest: Words = (", plus ", rows.rest, " that goes through no row (a penalty)") if rows.rest else ()
    times = "" if rows.factor == 1 else f"{Fraction(rows.factor).limit_denominator(10**6)} times "
    how = "the mean" if rows.combine == "mean" else f"{times}the sum"
    own = Partial(rows.loss, story.by)
    return (story.symbol, f" is {how} of the {len(rows.gradients)} rows' ", own, *rest, ".")


def _derived(left: Expr, chain: Chain) -> Equation:
    """Return symbols, formulas, numbers and result, what is the same only once."""
    remark = "the numbers above are rounded" if chain.rounded else ""
    faces = _once(symbols=chain.symbols, formulas=chain.formulas, numbers=chain.numbers, result=chain.value)
    return Equation(left, tuple(faces.values()), remark, tuple(faces))


def _once(**faces: Expr | float) -> dict[str, Expr | float]:
    """Leave out what would be printed twice, the last time or before."""
    texts = [shown(value) if isinstance(value, float | int) else to_text(value) for value in faces.values()]
    return {face: value for place, (face, value) in enumerate(faces.items()) if texts[place] not in texts[:place]}


def _long(value: float) -> Number | float:
    """Return a number to nine digits."""
    return Number(float(f"{value:.9g}")) if math.isfinite(value) else value


def _short(value: float) -> float:
    """Return a number to five digits, so that a row of them fits."""
    return float(f"{value:.5g}") + 0.0
