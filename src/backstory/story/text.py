"""A story as a page of plain text, at most 80 columns wide where formulas allow it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from backstory.expressions import Number, Partial, to_text
from backstory.story.chain import Chain, shown
from backstory.story.costs import Operations
from backstory.story.stale import NEW, STALE_END, stale_beginning, stale_rows

if TYPE_CHECKING:
    from backstory.story.compare import Comparison
    from backstory.story.story import Batch, Story

WIDTH = 80
_MOST_OUTPUTS = 4
_MOST_ROWS = 12
"""How many rows of a batch the table shows: those that push most."""

Section = Callable[["Story"], Iterator[str]]


def page(story: Story) -> str:
    """Return the whole story."""
    parts = [("", question)] if story.path_count == 0 or story.by == story.of else list(SECTIONS)
    if len(parts) == 1:
        parts.append(("Notes", remarks))
    blocks = []
    for title, section in parts:
        lines = list(section(story))
        if lines:
            blocks.append("\n".join([title, *(("  " + line).rstrip() for line in lines)] if title else lines))
    return "\n\n".join(blocks)


def question(story: Story) -> Iterator[str]:
    """What is asked, and the answer."""
    yield f"{to_text(story.symbol)} = {shown(story.value)}"
    yield ""
    yield from _sentence(f"How {story.of} changes when {story.by} is moved and nothing else is.", 0)


def paths(story: Story) -> Iterator[str]:
    """All paths, or the strongest, with what each gives and its share."""
    listed, count = story.paths, story.path_count
    if len(listed) < count:
        carried = sum(path.share for path in listed)
        yield f"the {len(listed)} strongest of {_count(count)}; they carry {carried:.1%} of all paths' absolute sum"
    for path in listed:
        yield from _line(" → ".join(path.nodes), f"{shown(path.value):>12}  {path.share:6.1%}")


def derivation(story: Story) -> Iterator[str]:
    """The chain rule in symbols, formulas and numbers."""
    yield from _chain(to_text(Partial(story.told, story.by)), story.chain)


def factors(story: Story) -> Iterator[str]:
    """Each local derivative, its kind and its reason."""
    for factor in story.factors:
        local, number = to_text(factor.formula), shown(factor.number)
        same = "" if local == number else f" = {number}"
        yield from _line(f"{to_text(factor.symbol)} = {local}{same}", f"[{factor.kind}]")
        yield from _wrapped(f"because {factor.target} = ", to_text(factor.definition, times=" * "), "    ")


def deltas(story: Story) -> Iterator[str]:
    """The same sum, grouped as backpropagation computes it."""
    for delta in story.deltas:
        yield from _chain(delta.name, delta.chain)
    if story.by_deltas is not None and not (story.deltas and story.deltas[-1].of == story.by):
        yield from _chain(to_text(Partial(story.told, story.by)), story.by_deltas)


def penalty(story: Story) -> Iterator[str]:
    """The penalty's own term."""
    if story.penalty is None:
        return
    term = story.penalty
    yield f"the penalty of this weight is {to_text(term.formula)}"
    yield f"its derivative {to_text(term.slope)} = {shown(term.value)} is added, once per batch:"
    data = Number(float(shown(story.value - term.value)))
    total = to_text(data + Number(float(shown(term.value))))
    yield f"∂{story.of}/∂{story.by} = {total} = {shown(story.value)}"


def batch(story: Story) -> Iterator[str]:
    """What each row gives."""
    if story.batch is None:
        return
    rows = story.batch
    n = len(rows.gradients)
    order = sorted(range(n), key=lambda row: -abs(rows.gradients[row]))[:_MOST_ROWS]
    yield from _sentence(_joined(story, rows), 2)
    yield ""
    header = f"∂{rows.loss}/∂{story.by}"
    yield f"{'row':>6}  {header:>14}"
    for row in sorted(order):
        yield f"{row:>6}  {shown(rows.gradients[row]):>14}{'   told above' if row == rows.row else ''}"
    if n > len(order):
        yield f"   ...  {n - len(order)} more, each with less"


def collapsed(story: Story) -> Iterator[str]:
    """The Jacobian of softmax, and how it comes to p - y with cross-entropy."""
    found = story.collapse
    if found is None:
        return
    n, loss = len(found.outputs), story.told
    yield "softmax couples all outputs: ∂p_j/∂z_k = p_j*((j = k) - p_k) for outputs p;"
    yield f"with ∂{loss}/∂p_j = -y_j/p_j the sum over j is ∂{loss}/∂z_k = p_k - y_k,"
    yield "as the y sum to 1"
    if n <= _MOST_OUTPUTS:
        yield ""
        yield f"{'∂p_j/∂z_k':>10}" + "".join(f"{f'j = {j}':>11}" for j in range(n)) + f"{f'∂{loss}/∂z_k':>12}"
        for k, (row, result) in enumerate(zip(found.jacobian, found.results, strict=True)):
            yield f"{f'k = {k}':>10}" + "".join(f"{value:>11.5g}" for value in row) + f"{result:>12.5g}"
        yield f"{f'∂{loss}/∂p_j':>10}" + "".join(f"{value:>11.5g}" for value in found.loss_slopes)


def nudged(story: Story) -> Iterator[str]:
    """The nudge test."""
    test = story.nudge
    if test is None:
        return
    yield f"{'h':>10}  {'true change':>14}  {'h·gradient':>14}  {'error':>12}"
    for trial in test.trials:
        yield f"{shown(trial.h):>10}  {shown(trial.change):>14}  {shown(trial.promised):>14}  {trial.error:>12.3g}"
    yield from _sentence(test.sentence, 2)


def update(story: Story) -> Iterator[str]:
    """The update under an optimizer."""
    if story.update is None:
        return
    yield story.update.optimizer
    for line in story.update.lines:
        yield from _wrapped(f"{line.name} = ", to_text(line.formula, times=" * "), "")
        yield from _wrapped(" " * len(line.name) + " = ", to_text(line.numbers, times=" * "), "")
        yield f"{' ' * len(line.name)} = {shown(line.value)}"
    yield f"{story.by}: {shown(story.update.old)} → {story.update.new:.9g}"


def stale(story: Story) -> Iterator[str]:
    """The step taken with weights already updated, beside the right one."""
    found = story.stale
    if found is None:
        return
    yield from _sentence(stale_beginning(found), 2)
    if found.used and len(story.paths) == story.path_count:
        new = {weight.name for weight in found.used}
        chain = found.story.chain
        left = to_text(Partial(story.told, story.by))
        yield ""
        yield from _wrapped("", to_text(chain.formulas, times=" * ", name=lambda name: name + NEW * (name in new)), "")
        yield from _wrapped("  = ", to_text(chain.numbers, times=" * "), "")
        yield f"  = {shown(chain.value)}, where {left} = {shown(story.chain.value)}"
    yield ""
    yield f"{'':<24}{'gradient descent':>24}{'with updated weights':>24}"
    for name, right, wrong in stale_rows(story, found):
        yield f"{name:<24}{right:>24.9g}{wrong:>24.9g}"
    yield ""
    yield from _sentence(STALE_END, 2)


def cost(story: Story) -> Iterator[str]:
    """How many operations it takes, in three ways."""
    table = story.costs
    yield f"{'':<26}{'additions':>17}{'products':>17}{'divisions':>17}"
    rows: Sequence[tuple[str, Operations]] = (
        ("path by path", table.path_by_path),
        ("with stored products", table.stored),
        ("… and reciprocals", table.reciprocals),
    )
    for name, operations in rows:
        numbers = (operations.additions, operations.multiplications, operations.divisions)
        yield f"{name:<26}" + "".join(f"{_count(number):>17}" for number in numbers)


def remarks(story: Story) -> Iterator[str]:
    """What else is worth knowing."""
    for note in story.notes:
        yield from _sentence(note, 2)


SECTIONS: tuple[tuple[str, Section], ...] = (
    ("", question),
    ("Paths", paths),
    ("Chain rule", derivation),
    ("Each factor", factors),
    ("By deltas", deltas),
    ("Penalty", penalty),
    ("Rows", batch),
    ("Softmax with cross-entropy", collapsed),
    ("Nudge test", nudged),
    ("Update", update),
    ("Weights already updated", stale),
    ("Cost", cost),
    ("Notes", remarks),
)
"""The parts of a story, in order: title and how it is written."""


def _joined(story: Story, rows: Batch) -> str:
    """Say how the rows' gradients make the batch's."""
    what, n = f"∂{story.of}/∂{story.by}", len(rows.gradients)
    rest = f", plus {shown(rows.rest)} that goes through no row (a penalty)" if rows.rest else ""
    each = f"the {n} rows' ∂{rows.loss}/∂{story.by}{rest}."
    if rows.combine == "mean":
        return f"{what} is the mean of {each}"
    times = "" if rows.factor == 1 else f"{Fraction(rows.factor).limit_denominator(10**6)} times "
    return f"{what} is {times}the sum of {each}"


def _chain(left: str, chain: Chain) -> Iterator[str]:
    """Write a chain: symbols, formulas, numbers, result, one below the other."""
    before = left
    for expr in dict.fromkeys((chain.symbols, chain.formulas, chain.numbers)):
        text = to_text(expr, times=" * ")
        yield from _wrapped(f"{before} = ", text, "")
        before = " " * len(left)
    result = shown(chain.value)
    if to_text(chain.numbers) != result:
        yield f"{before} = {result}{'   (the numbers above are rounded)' if chain.rounded else ''}"


def _line(left: str, right: str) -> Iterator[str]:
    """Put a remark at the right margin, on a line of its own where there is no room."""
    room = WIDTH - 2
    if len(left) + 2 + len(right) <= room:
        yield f"{left}{right:>{room - len(left)}}"
    else:
        yield from _wrapped("", left, "")
        yield f"{right:>{room}}"


def _sentence(text: str, indent: int) -> Iterator[str]:
    yield from textwrap.wrap(text, WIDTH - indent)


def _wrapped(before: str, text: str, indent: str) -> Iterator[str]:
    """Break a formula before an operator, where parentheses are least deep, so that lines fit."""
    first, hang = indent + before, indent + " " * len(before)
    room = max(WIDTH - 2 - len(first), 24)
    lines = []
    while len(text) > room and (cut := _cut(text, room)):
        lines.append(text[:cut].rstrip())
        text = "  " + text[cut:].lstrip()
    lines.append(text)
    yield first + lines[0]
    for line in lines[1:]:
        yield hang + line


def _cut(text: str, room: int) -> int:
    """Return where to break: before an operator within the room, of the least depth, sums first, the last of these."""
    depth, best, least = 0, 0, (1 << 30, False)
    for place, character in enumerate(text[:room]):
        depth += (character == "(") - (character == ")")
        after = text[place + 1 : place + 3]
        if character == " " and after in ("+ ", "- ", "* ", "→ ") and place > 4:
            rank = (depth, after == "* ")
            if rank <= least:
                best, least = place + 1, rank
    return best


def _count(number: int) -> str:
    return f"{number:,}" if number < 10**9 else f"about {number:.3e}".replace("e+", "e")


def comparison_page(comparison: Comparison) -> str:
    """Return two stories side by side."""
    return "\n\n".join(
        "\n".join(block) for block in (_compared(comparison), _factors(comparison), _verdict(comparison))
    )


def _compared(comparison: Comparison) -> Iterator[str]:
    """Name both values and their ratio."""
    for where, story in (("left", comparison.left), ("right", comparison.right)):
        yield f"{where:<7}{to_text(story.symbol)} = {shown(story.value)}"
    if comparison.ratio == 1:
        yield "Both are equal."
    elif comparison.ratio is not None:
        yield f"The right one is {shown(comparison.ratio)} times the left one."


def _factors(comparison: Comparison) -> Iterator[str]:
    """Every pair of factors: one line where they are the same, else two."""
    yield "Factor by factor"
    for row in comparison.rows:
        yield "  " + next(_line(f"[{row.kind}]", _DIFFERENCES[row.difference]))
        if row.left is not None and row.right is not None and not row.difference and str(row.left) == str(row.right):
            yield from _wrapped("", str(row.left), "      ")
            continue
        for where, side in (("left", row.left), ("right", row.right)):
            yield from _wrapped(f"{where:<7}", "(none)" if side is None else str(side), "      ")


_DIFFERENCES = {"": "equal", "number": "another value", "formula": "another formula", "missing": "on one side only"}


def _verdict(comparison: Comparison) -> Iterator[str]:
    yield "What differs" if comparison.first_difference else "What follows"
    for line in _sentence(comparison.sentence, 2):
        yield "  " + line
