"""What an optimizer would make of one gradient, formula by formula, for a story to print."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from backstory.engine.reference import NUMPY
from backstory.errors import ConfigurationError
from backstory.expressions import Expr, evaluate, names, substitute
from backstory.story.chain import rounded
from backstory.story.story import Line, Update
from backstory.training.optimizers import Optimizer
from backstory.training.schedules import Plan, shares


def rate_at(optimizer: Optimizer, step: int) -> float:
    """Return the learning rate of a step, counted from 0; of a schedule laid out anew for every fit, its base."""
    if optimizer.schedule.planned:
        return optimizer.schedule.rate
    return float(optimizer.schedule.rates(np.array([step]), Plan(None, 1))[0])


def decay_at(optimizer: Optimizer, step: int) -> float:
    """Return the weight decay of a step, as `rate_at` does the learning rate."""
    schedule, decay = optimizer.decay_schedule, optimizer.rule().weight_decay
    if schedule is None or schedule.planned:
        return decay
    return decay * float(shares(schedule, np.array([step]), Plan(None, 1), "weight_decay")[0])


STALE_OF_WHAT = "stale=True tells a step: ask for the loss by a weight or a bias, such as dL/dw1."


def require_stepwise(optimizer: Optimizer | None) -> Optimizer:
    """Return the optimizer with which a step can be taken one layer after the other, as ``stale=True`` shows it.

    Raises
    ------
    ConfigurationError
        There is none, or it needs all gradients at once.
    """
    if optimizer is None:
        raise ConfigurationError("stale=True tells a step: give an optimizer, such as optimizer=SGD(0.5).")
    if optimizer.rule().whole_gradient:
        raise ConfigurationError(
            f"{type(optimizer).__name__} needs the gradients of all parameters before it changes one, so it takes no "
            "step with weights already updated. Use SGD, or Adam."
        )
    return optimizer


def updated(
    optimizer: Optimizer, state: Mapping[str, Any], step: int, values: Any, gradients: Any, are_weights: bool
) -> Any:
    """Return many parameters after a step of an optimizer that looks at one gradient at a time.

    Parameters
    ----------
    optimizer : Optimizer
    state : mapping of str to ndarray (n,)
    step : int
        Steps taken before this one.
    values, gradients : ndarray (n,)
    are_weights : bool
        Weights decay, biases do not.
    """
    found = _known(optimizer, state, step, values, gradients, are_weights)
    for name, formula in optimizer.rule().assignments:
        found[name] = evaluate(formula, found, NUMPY)
    return found["w"]


def _known(
    optimizer: Optimizer, state: Mapping[str, Any], step: int, value: Any, gradient: Any, is_weight: bool
) -> dict[str, Any]:
    """Return what an optimizer's formulas name, but for what the whole gradient and the loss are."""
    rule = optimizer.rule()
    return {
        **rule.constants,
        **{name: state.get(name, start) for name, start in rule.slots.items()},
        "w": value,
        "g": gradient,
        "t": float(step + 1),
        "learning_rate": rate_at(optimizer, step),
        "decay": decay_at(optimizer, step) if is_weight else 0.0,
    }


def told_update(
    optimizer: Optimizer,
    state: Mapping[str, float],
    step: int,
    value: float,
    gradient: float,
    loss: float,
    whole: Mapping[str, float],
    is_weight: bool,
    factors: tuple[float, float] | None = None,
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
    factors : (float, float), optional
        What the parameter's rate is multiplied by, and its decay whether or not it is a weight.
    """
    values = {**_known(optimizer, state, step, value, gradient, is_weight), "loss": loss, **whole}
    if factors is not None:
        values["learning_rate"] *= factors[0]
        values["decay"] = optimizer.rule().weight_decay * factors[1]
    lines: list[Line] = []
    for name, formula in optimizer.rule().assignments:
        numbers: dict[str, Expr] = {each: rounded(values[each]) for each in names(formula) if each in values}
        found = float(evaluate(formula, values))
        if found != values.get(name) or name != "w":
            lines.append(Line(name, formula, substitute(formula, numbers), found))
        values[name] = found
    return Update(repr(optimizer), tuple(lines), value, values["w"])
