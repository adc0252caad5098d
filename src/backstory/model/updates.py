"""What an optimizer would make of one gradient, formula by formula, for a story to print."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backstory.expressions import Expr, evaluate, names, substitute
from backstory.story.chain import rounded
from backstory.story.story import Line, Update
from backstory.training.optimizers import Optimizer
from backstory.training.schedules import Plan


def rate_at(optimizer: Optimizer, step: int) -> float:
    """Return the learning rate of a step, counted from 0."""
    return float(optimizer.schedule.rates(np.array([step]), Plan(None, 1))[0])


def told_update(
    optimizer: Optimizer,
    state: Mapping[str, float],
    step: int,
    value: float,
    gradient: float,
    loss: float,
    whole: Mapping[str, float],
    is_weight: bool,
) -> Update:
    """Evaluate an optimizer's formulas for one parameter and keep every line.

    Parameters
    ----------
    optimizer : Optimizer
    state : mapping of str to float
        The parameter's own slots, such as momentum.
    step : int
        Steps taken before this one.
    value, gradient, loss : float
        Of the parameter; the loss is that of the batch.
    whole : mapping of str to float
        `gradient_norm_squared` and `gradient_max` of all parameters, which some rules use.
    is_weight : bool
        Weights decay, biases do not.
    """
    rule = optimizer.rule()
    values: dict[str, float] = {
        **rule.constants,
        **{name: state.get(name, start) for name, start in rule.slots.items()},
        "w": value,
        "g": gradient,
        "t": float(step + 1),
        "learning_rate": rate_at(optimizer, step),
        "decay": rule.weight_decay if is_weight else 0.0,
        "loss": loss,
        **whole,
    }
    lines: list[Line] = []
    for name, formula in rule.assignments:
        numbers: dict[str, Expr] = {each: rounded(values[each]) for each in names(formula) if each in values}
        found = float(evaluate(formula, values))
        if found != values.get(name) or name != "w":
            lines.append(Line(name, formula, substitute(formula, numbers), found))
        values[name] = found
    return Update(repr(optimizer), tuple(lines), value, values["w"])
