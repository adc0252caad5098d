"""Print docs/rules.md, the page of all rules: every activation, loss, penalty and initializer.

Run ``python scripts/rules_page.py > docs/rules.md`` after changing a row; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator

from backstory.expressions import Expr, to_latex, to_text
from backstory.functions import (
    ACTIVATIONS,
    INITIALIZERS,
    LOSSES,
    PENALTIES,
    Activation,
    Initializer,
    Loss,
    Penalty,
    fitting_outputs,
)
from backstory.functions.rows import shortest

HEAD = """# The rules

Every function backstory knows, as its row in `src/backstory/functions` states it: both engines, the explanations and
this page are made from these rows. In the formulas z is what goes into a unit, a = f(z) what comes out, y the target,
w a weight; n_out is the number of outputs, and n_in and n_out in an initializer are those of the layer.
Where a row has a form for computing, it is the same function written so that it neither overflows nor cancels.
"""

MEANING = {
    "uniform": "the limit of a uniform distribution, from -limit to limit",
    "normal": "the standard deviation of a normal distribution around 0",
    "orthogonal": "the length of the columns or rows, whichever are fewer, all at right angles",
    "constant": "the value of every weight",
}


def main() -> None:
    """Print the page."""
    print("\n".join(page()))


def page() -> Iterator[str]:
    """Give the page line by line."""
    yield HEAD
    yield "## Activations\n"
    for activation in ACTIVATIONS.values():
        yield from section(activation.name, activation.expression, activation_facts(activation))
    yield "## Losses\n"
    yield "Each is summed over the outputs of a row; how rows are put together is the network's `reduction`.\n"
    for loss in LOSSES.values():
        yield from section(loss.name, loss.expression, loss_facts(loss))
    yield "## Penalties\n"
    yield "Each is summed over all weights, biases excluded, and added once per batch, whatever its size.\n"
    for penalty in PENALTIES.values():
        yield from section(penalty.name, penalty.expression, penalty_facts(penalty))
    yield "## Initializers\n"
    for initializer in INITIALIZERS.values():
        yield from section(initializer.name, initializer.expression, initializer_facts(initializer))


def section(name: str, formula: Expr, facts: Iterator[tuple[str, str]]) -> Iterator[str]:
    """Give one row: its name, its formula set as mathematics, and what else it says."""
    yield f"### {name}\n"
    yield f"```math\n{to_latex(formula)}\n```\n"
    for label, fact in facts:
        if fact:
            yield f"- {label}: {fact}"
    yield ""


def code(text: str) -> str:
    """Return a formula as code; nothing for nothing."""
    return f"`{text}`" if text else ""


def parameters(row: Activation | Loss | Penalty | Initializer) -> str:
    """Return a row's parameters with their usual values and bounds."""
    bounds = dict(row.bounds) if isinstance(row, Activation | Loss) else {}
    return ", ".join(
        f"{name} = {shortest(value)}" + (f" in {bounds[name]}" if name in bounds else "")
        for name, value in row.parameters
    )


def activation_facts(row: Activation) -> Iterator[tuple[str, str]]:
    """Give what a row of an activation says besides its formula."""
    yield "formula", code(row.formula)
    yield "computed as", code(row.stable)
    yield "derivative", code(row.derivative)
    yield "values", str(row.range)
    yield "parameters", parameters(row)
    yield "no derivative at", ", ".join(f"z = {kink:g}" for kink in row.kinks)
    yield "weights begin as", row.initializer
    yield "note", row.note
    yield "source", row.paper


def loss_facts(row: Loss) -> Iterator[tuple[str, str]]:
    """Give what a row of a loss says besides its formula."""
    fitting = fitting_outputs(row)
    yield "formula", code(row.formula)
    yield "computed as", code(row.stable)
    yield "derivative by a", code(row.derivative)
    yield "defined for outputs", str(row.domain)
    yield "output activations that fit", "all" if len(fitting) == len(ACTIVATIONS) else ", ".join(fitting)
    yield "targets", str(row.targets)
    yield "in place of y", code(row.target if row.target != "y" else "")
    yield "parameters", parameters(row)
    for output, fused in row.fused.items():
        yield f"with {output} in one", f"{code(fused.value)}, derivative by z {code(fused.slope)}"
    yield "no derivative at", ", ".join(f"a = {kink}" for kink in row.kinks)
    yield "note", row.note
    yield "source", row.paper


def penalty_facts(row: Penalty) -> Iterator[tuple[str, str]]:
    """Give what a row of a penalty says besides its formula."""
    yield "formula", code(row.formula)
    yield "derivative with these parameters", code(to_text(row.slope))
    yield "parameters", parameters(row)
    yield "source", row.paper


def initializer_facts(row: Initializer) -> Iterator[tuple[str, str]]:
    """Give what a row of an initializer says besides its formula."""
    yield "formula", code(row.formula)
    yield "what it is", MEANING[row.distribution]
    yield "parameters", parameters(row)
    yield "source", row.paper


if __name__ == "__main__":
    main()
