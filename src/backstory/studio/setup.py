"""The setup: what a person chose, read and checked; and the network and optimizer that come of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from backstory.errors import ConfigurationError, unknown
from backstory.functions import ACTIVATIONS, L2, LOSSES
from backstory.functions.losses import fitting_outputs
from backstory.model.network import Network
from backstory.story.conventions import CONVENTIONS
from backstory.studio.presets import PRESETS
from backstory.studio.samples import Samples
from backstory.training.optimizers import OPTIMIZERS, Optimizer
from backstory.training.schedules import Exponential, InverseTime, Schedule

State = dict[str, Any]
MOST_UNITS, MOST_LAYERS, MOST_PARAMETERS = 4096, 20, 2_000_000
"""Of a network in the studio."""
MOST_TEXT = 20_000
"""Characters of formulas."""

DEFAULT: State = {
    "preset": "", "formulas": "", "table": None, "sizes": [], "hidden": [], "output": "identity",
    "loss": "half_squared_error", "optimizer": "sgd", "rate": 0.1, "schedule": "constant", "decay": 0.95,
    "batch_size": 32, "seed": 0, "l2": 0.0, "dropout": 0.0, "row": 0, "convention": "",
}  # fmt: skip

SCHEDULES: dict[str, Callable[[float, float], float | Schedule]] = {
    "constant": lambda rate, decay: rate,
    "exponential": Exponential,
    "inverse_time": InverseTime,
}
"""By name, from the rate and the decay by epoch."""
STEPWISE = {name: row for name, row in OPTIMIZERS.items() if issubclass(row, Optimizer)}


def options() -> State:
    """Return what can be chosen."""
    elementwise = sorted(name for name, row in ACTIVATIONS.items() if not row.couples)
    return {
        "presets": [{"name": row.name, "title": row.title, "about": row.about} for row in PRESETS.values()],
        "hidden": elementwise,
        "outputs": sorted(ACTIVATIONS),
        "losses": {name: list(fitting_outputs(LOSSES[name])) for name in sorted(LOSSES)},
        "optimizers": list(STEPWISE),
        "schedules": list(SCHEDULES),
        "conventions": list(CONVENTIONS),
    }


def preset(name: str) -> State:
    """Return the setup of a preset."""
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    chosen = PRESETS[name]
    return {**DEFAULT, **chosen.setup, "preset": name, "formulas": chosen.formulas}


def changed(setup: State, changes: Mapping[str, Any]) -> State:
    """Return a setup with some entries changed.

    Raises
    ------
    ConfigurationError
        An unknown entry, or a value outside its domain.
    """
    for name in changes:
        if name not in _READERS:
            raise unknown("entry of the setup", str(name), _READERS)
    return {**setup, **{name: _READERS[name](name, value) for name, value in changes.items()}}


def for_samples(samples: Samples) -> State:
    """Return the usual network for some rows: one hidden layer of 8."""
    n_out = samples.outputs[0]
    fitting = {"output": "identity", "loss": "half_squared_error"}
    if samples.classes:
        fitting = {"output": "sigmoid", "loss": "binary_cross_entropy"}
        if n_out > 1:
            fitting = {"output": "softmax", "loss": "cross_entropy"}
    sizes = [samples.X.shape[1], 8, n_out]
    return {**DEFAULT, "sizes": sizes, "hidden": ["tanh"], **fitting, "optimizer": "adam", "rate": 0.01}


def optimizer(setup: State) -> Optimizer:
    """Return the optimizer with its rate."""
    if setup["optimizer"] not in STEPWISE:
        raise unknown("optimizer", setup["optimizer"], STEPWISE)
    if setup["schedule"] not in SCHEDULES:
        raise unknown("schedule", setup["schedule"], SCHEDULES)
    made = STEPWISE[setup["optimizer"]](SCHEDULES[setup["schedule"]](setup["rate"], setup["decay"]))
    assert isinstance(made, Optimizer)
    return made


def network(setup: State) -> Network:
    """Return the network with its first weights."""
    sizes = setup["sizes"]
    n_parameters = sum((n_in + 1) * n_out for n_in, n_out in pairwise(sizes))
    if n_parameters > MOST_PARAMETERS:
        raise ConfigurationError(
            f"A network in the studio must have at most {MOST_PARAMETERS:,} parameters. Got {n_parameters:,}; "
            "choose fewer units."
        )
    return Network(
        sizes,
        hidden=setup["hidden"],
        output=setup["output"],
        loss=setup["loss"],
        penalty=L2(setup["l2"]) if setup["l2"] else None,
        seed=setup["seed"],
    )


def _whole(low: int, high: int) -> Callable[[str, Any], int]:
    def read(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value or value % 1:
            value = None
        if value is None or not low <= value <= high:
            raise ConfigurationError(f"{name} must be a whole number from {low} to {high:,}. Got {value!r}.")
        return int(value)

    return read


def _number(low: float, high: float, open_low: bool = False) -> Callable[[str, Any], float]:
    def read(name: str, value: Any) -> float:
        given = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
        if not low <= given <= high or (open_low and given == low):
            bound = f"above {low:g}" if open_low else f"from {low:g}"
            raise ConfigurationError(f"{name} must be a number {bound} to {high:g}. Got {value!r}.")
        return float(given)

    return read


def _text(most: int) -> Callable[[str, Any], str]:
    def read(name: str, value: Any) -> str:
        if not isinstance(value, str) or len(value) > most:
            raise ConfigurationError(f"{name} must be a text of at most {most:,} characters. Got {value!r:.60}.")
        return value

    return read


def _units(name: str, value: Any) -> list[int]:
    if not isinstance(value, list) or not 2 <= len(value) <= MOST_LAYERS + 1:
        raise ConfigurationError(f"{name} must list the units of 2 to {MOST_LAYERS + 1} layers. Got {value!r:.60}.")
    return [_whole(1, MOST_UNITS)("The units of a layer", units) for units in value]


def _names(name: str, value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) > MOST_LAYERS:
        raise ConfigurationError(f"{name} must list an activation for each hidden layer. Got {value!r:.60}.")
    return [_text(60)("An activation", each) for each in value]


def _table(name: str, value: Any) -> State | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not all(isinstance(value.get(key), str) for key in ("name", "target", "digest")):
        raise ConfigurationError("table must say the table's name, target and digest, or be null.")
    return {key: value[key] for key in ("name", "target", "digest")}


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "preset": _text(60),
    "formulas": _text(MOST_TEXT),
    "table": _table,
    "sizes": _units,
    "hidden": _names,
    "output": _text(60),
    "loss": _text(60),
    "optimizer": _text(60),
    "rate": _number(0, 1e6, open_low=True),
    "schedule": _text(60),
    "decay": _number(0, 1e3, open_low=True),
    "batch_size": _whole(1, 1_000_000),
    "seed": _whole(0, 2**53),
    "l2": _number(0, 1e6),
    "dropout": _number(0, 0.95),
    "row": _whole(0, 10**9),
    "convention": _text(60),
}
"""How each entry is read; what names mean is checked where they are used."""
