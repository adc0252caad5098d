"""What a user may hang into training: functions called per epoch or every n steps, and early stopping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backstory.errors import ConfigurationError
from backstory.training.history import History
from backstory.training.schedules import count, not_negative


@dataclass(frozen=True)
class Event:
    """What a callback is told. `network` has its present weights; what the callback writes into them counts.

    Attributes
    ----------
    network : Network
    epoch : int
        Epochs finished in this `fit`.
    step : int
        Steps taken in this `fit`.
    history : History
        The finished epochs.
    loss : float
        The last batch's data loss before its update.
    """

    network: Any
    epoch: int
    step: int
    history: History
    loss: float


Function = Callable[[Event], object]


@dataclass(frozen=True)
class EveryEpoch:
    """Call a function at the end of every epoch; training stops when it returns True.

    Parameters
    ----------
    function : callable taking an Event
    ahead : callable () -> int >= 1, optional
        How many epochs are certain to follow, whatever the function says to them. They may be trained together, which
        is faster; the function is then called for each of them afterwards, when the network has the weights of the
        last, and only what it returns for the last counts.
    """

    function: Function
    ahead: Callable[[], int] | None = None


@dataclass(frozen=True)
class EverySteps:
    """Call a function after every n steps, counted over the whole fit; training stops when it returns True.

    Parameters
    ----------
    n : int >= 1
    function : callable taking an Event
    """

    n: int
    function: Function

    def __post_init__(self) -> None:
        count("EverySteps", n=self.n)


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the watched loss has not improved for `patience` epochs, and keep the best epoch's weights.

    The watched loss is the validation loss where there is a validation set, else the training loss.

    Parameters
    ----------
    patience : int >= 1, or None
        Epochs without improvement after which training stops. None: never; all epochs are trained, the best is kept.
    min_delta : float >= 0
        What counts as an improvement: a loss below the best by more than this.
    metric : str, optional
        Watch the fit's metric of this name on the validation set instead, which is to rise, such as "accuracy". Of
        epochs with the same value the one with the lower validation loss is better.

    References
    ----------
    Prechelt, "Early stopping - but when?", 1998.
    """

    patience: int | None = 10
    min_delta: float = 0.0
    metric: str | None = None

    def __post_init__(self) -> None:
        if self.patience is not None:
            count("EarlyStopping", patience=self.patience)
        not_negative("EarlyStopping", min_delta=self.min_delta)
        if self.metric is not None and not isinstance(self.metric, str):
            raise ConfigurationError(
                f"The 'metric' parameter of EarlyStopping must be a metric's name or None. Got {self.metric!r}."
            )


def read_callbacks(callbacks: Any) -> tuple[list[EveryEpoch], list[EverySteps]]:
    """Sort callbacks by when they are called; a plain function is called every epoch."""
    per_epoch: list[EveryEpoch] = []
    per_steps: list[EverySteps] = []
    for callback in callbacks if isinstance(callbacks, list | tuple) else [callbacks]:
        if isinstance(callback, EverySteps):
            per_steps.append(callback)
        elif isinstance(callback, EveryEpoch):
            per_epoch.append(callback)
        elif callable(callback):
            per_epoch.append(EveryEpoch(callback))
        else:
            raise ConfigurationError(
                "Each callback must be a function of an Event, EveryEpoch(function) or EverySteps(n, function). "
                f"Got {callback!r}."
            )
    return per_epoch, per_steps


def read_early_stopping(value: Any) -> EarlyStopping | None:
    """None, True (the defaults), a patience, or an EarlyStopping."""
    if value is None or value is False:
        return None
    if value is True:
        return EarlyStopping()
    return value if isinstance(value, EarlyStopping) else EarlyStopping(patience=value)
