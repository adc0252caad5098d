"""The end of the network: which loss, how many outputs, and which activation they have, for a kind of target."""

from __future__ import annotations

from typing import Any, NamedTuple

from backstory.errors import ConfigurationError
from backstory.functions import ACTIVATIONS, Activation, Interval, Loss, Values
from backstory.functions import activation as find_activation
from backstory.functions import loss as find_loss
from backstory.functions.domains import SIMPLEX, UNIT
from backstory.interop.from_scikit import HIDDEN, loss_of


class Head(NamedTuple):
    """What a network ends in."""

    n_out: int
    output: Activation
    loss: Loss


def activation_of(given: Any) -> Activation:
    """The activation of a name, scikit-learn's or the row's, or the object itself."""
    return find_activation(HIDDEN.get(given, given) if isinstance(given, str) else given)


def row_of_loss(given: Any, n_out: int = 1) -> Loss:
    """The row of a loss; "squared_error" is scikit-learn's, half the mean over the outputs."""
    if isinstance(given, str) and given == "squared_error":
        return loss_of("identity", n_out)
    return find_loss(given)


def head_for_numbers(loss: Any, output: Any, n_out: int) -> Head:
    """The head of a regressor; without an output activation, the plainest that the loss is defined for."""
    row = row_of_loss(loss, n_out)
    if output is not None:
        return Head(n_out, activation_of(output), row)
    fitting = (name for name in ("identity", "exp", "sigmoid", "softmax") if row.domain.holds(ACTIVATIONS[name].range))
    return Head(n_out, ACTIVATIONS[next(fitting, "identity")], row)


def head_for_classes(loss: Any, output: Any, kind: str, n_classes: int) -> Head:
    """The head of a classifier.

    Parameters
    ----------
    loss : str or Loss
        "log_loss" is cross-entropy, for several classes that exclude one another, else binary cross-entropy.
    output : str, Activation or None
    kind : {"binary", "multiclass", "multilabel-indicator"}
    n_classes : int

    Raises
    ------
    ConfigurationError
        The loss needs classes that exclude one another, and these are labels.
    """
    several = kind == "multiclass"
    if isinstance(loss, str) and loss == "log_loss":
        loss = "cross_entropy" if several else "binary_cross_entropy"
    n_out = 1 if kind == "binary" else n_classes
    row = row_of_loss(loss, n_out)
    if row.domain is SIMPLEX:
        if kind.startswith("multilabel"):
            raise ConfigurationError(
                f"The loss {row.name!r} is for classes that exclude one another, and y has several labels in a row. "
                "Use 'log_loss' or BinaryCrossEntropy()."
            )
        several, n_out = True, max(2, n_classes)
    if output is not None:
        return Head(n_out, activation_of(output), row)
    if isinstance(row.targets, Values):
        return Head(n_out, ACTIVATIONS["identity"], row)
    each_alone = row.name == "binary_cross_entropy" or not several
    return Head(n_out, ACTIVATIONS["sigmoid" if each_alone else "softmax"], row)


def gives_probabilities(loss: Any, output: Any) -> bool:
    """Whether a classifier's outputs are probabilities: not for targets of -1 and 1, nor outputs outside [0, 1]."""
    try:
        row = None if loss == "log_loss" else row_of_loss(loss)
        given = None if output is None else activation_of(output)
    except ConfigurationError:
        return True  # fit says what is wrong
    if row is not None and isinstance(row.targets, Values):
        return False
    return given is None or given.range is SIMPLEX or (isinstance(given.range, Interval) and UNIT.holds(given.range))
