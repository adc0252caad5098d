"""Rows of the functions tables as the native engine takes them: a hand-written functor where there is one, else tapes.

`native_activation` and `native_loss` are all that the adapter of the native engine needs; the arithmetic is in
`native/include/backstory/activation.hpp` and `loss.hpp`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from backstory.engine.tape import Graph, Tape
from backstory.errors import ConfigurationError
from backstory.expressions import parse
from backstory.functions import Activation, Loss

ELEMENTWISE = frozenset({"identity", "relu", "leaky_relu", "sigmoid", "tanh"})
"""The activations of one unit that are written by hand in C++."""

SQUARED: Mapping[str, Callable[[int], float]] = MappingProxyType(
    {
        "half_squared_error": lambda n_out: 0.5,
        "squared_error": lambda n_out: 1.0,
        "mean_squared_error": lambda n_out: 1.0 / n_out,
    }
)
"""The losses c*(a - y)^2, and their c for n_out outputs."""


def native_activation(module: Any, row: Activation, *, blended: bool = False) -> Any:
    """Return a row as a native `Activation`.

    Parameters
    ----------
    module : module
        The extension module of one instruction set.
    row : Activation
    blended : bool
        Whether it is one of two parts of a parametric activation: the sum's slope has no more places than the float's.

    Raises
    ------
    ConfigurationError
        Where a formula of the user's own is too large for a tape.
    """
    if row.couples:
        return module.Activation("softmax")
    if is_hand_written(row):
        return module.Activation(row.name, dict(row.parameters).get("slope", 0.0))
    graph = Graph(["z"])
    a = graph.value(row.value)
    exact = "z" not in row.slope_uses
    if "z" in row.slope_uses:
        own = graph.slope(a)
        slope = graph.value(row.slope, {"a": a}) if own is None else own
        exact = exact or own is not None
        twin = _hand_written_twin(graph, a, slope)
        if twin:
            return module.Activation(twin)
        tapes = {"value": graph.tape([a]), "value_and_slope": graph.tape([a, slope])}
    else:
        of_a = Graph(["a"], exact_constants=row.is_builtin)
        tapes = {"value": graph.tape([a]), "slope": of_a.tape([of_a.value(row.slope)])}
    # The library's own rows are right to the last place of float32. Those whose slope follows from a or has its own
    # instruction are so in float32 itself; the others have a slope that changes its sign, near which only double is
    # exact enough. A user's formula runs in the network's dtype, at full speed.
    built = {name: native_tape(module, tape, f"activation {row.name!r}") for name, tape in tapes.items()}
    return module.Activation("tape", precise=row.is_builtin and not exact and not blended, **built)


def _hand_written_twin(graph: Graph, a: int, slope: int) -> str | None:
    """Return the hand-written activation that a formula turns out to be: 1/(1 + exp(-z)) is sigmoid."""
    smooth = (name for name in ("sigmoid", "tanh") if a == graph.apply(name, graph.names["z"]))
    if a == graph.value(parse("max(z, 0)")) and slope == graph.value(parse("where(z > 0, 1, 0)")):
        return "relu"
    return next(smooth, None)


def native_loss(module: Any, loss: Loss, output: Activation, n_out: int) -> Any:
    """Return a loss together with its output activation as a native `Loss`.

    Parameters
    ----------
    module : module
        The extension module of one instruction set.
    loss : Loss
    output : Activation
    n_out : int >= 1

    Raises
    ------
    ConfigurationError
        Where a formula of the user's own is too large for a tape.
    """
    smoothing = dict(loss.parameters).get("label_smoothing", 0.0)
    own = f"loss {loss.name!r} after activation {output.name!r}"
    if loss.is_builtin and output.couples and loss.name == "cross_entropy":
        return module.Loss("cross_entropy", n_out, label_smoothing=smoothing)
    if output.couples:
        return module.Loss("softmax_tape", n_out, value_and_slope=native_tape(module, loss_tape(loss, n_out), own))
    if loss.is_builtin and loss.name in SQUARED and is_hand_written(output):
        scale = SQUARED[loss.name](n_out)
        return module.Loss("squared", n_out, scale=scale, activation=native_activation(module, output))
    if loss.is_builtin and loss.name == "binary_cross_entropy" and output.name == "sigmoid":
        return module.Loss("binary_cross_entropy", n_out, label_smoothing=smoothing)
    return module.Loss("tape", n_out, value_and_slope=native_tape(module, head_tape(loss, output, n_out), own))


def is_hand_written(row: Activation) -> bool:
    """Say whether an activation of one unit is written by hand in C++."""
    return row.is_builtin and row.name in ELEMENTWISE


def loss_tape(loss: Loss, n_out: int) -> Tape:
    """Return the tape (a, y) -> (loss, da) of one output."""
    graph = Graph(["a", "y"])
    return graph.tape([graph.value(loss.value(n_out)), graph.value(loss.slope(n_out))])


def head_tape(loss: Loss, output: Activation, n_out: int) -> Tape:
    """Return the tape (z, y) -> (loss, dz) of one output, in the fused form where the loss has one."""
    graph = Graph(["z", "y"])
    a = graph.value(output.value)
    form = loss.fused_with(output, n_out)
    if form is not None:
        return graph.tape([graph.value(form.value, {"a": a}), graph.value(form.slope, {"a": a})])
    value = graph.value(loss.value(n_out), {"a": a})
    da, slope = graph.value(loss.slope(n_out), {"a": a}), graph.value(output.slope, {"a": a})
    return graph.tape([value, graph.apply("mul", da, slope)])


def native_tape(module: Any, tape: Tape, owner: str) -> Any:
    """Return a tape as a native `Tape`."""
    try:
        return module.Tape(tape.n_inputs, tape.n_outputs, tape.n_temporaries, tape.constants, tape.instructions)
    except ValueError as error:
        raise ConfigurationError(f"The {owner} cannot run natively. {error}") from error
