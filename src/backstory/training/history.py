"""What happened while training, epoch by epoch, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame


@dataclass(slots=True)
class Epoch:
    """One epoch's figures; `validation_loss` is NaN and `metrics` empty without a validation set."""

    loss: float
    validation_loss: float
    metrics: dict[str, float]
    gradient_norm: NDArray[np.float64]  # (L,)
    learning_rate: float
    seconds: float


@dataclass
class History:
    """The record of one call of `fit`; every array has one entry per epoch.

    Attributes
    ----------
    epochs : list of Epoch
        The figures by epoch. For L-BFGS an epoch is an iteration.
    best_epoch : int or None
        The epoch (from 0) whose weights early stopping kept.
    stopped : str
        Why training ended: ``"epochs"``, ``"early stopping"``, ``"callback"``, ``"interrupted"`` or ``"converged"``.
    resumed : int or None
        The step of the checkpoint that the run went on from.

    Examples
    --------
    >>> record = History([Epoch(0.5, float("nan"), {}, np.ones(2), 0.1, 0.01)])
    >>> record.loss.tolist(), record.gradient_norm.shape
    ([0.5], (1, 2))
    """

    epochs: list[Epoch] = field(default_factory=list)
    best_epoch: int | None = None
    stopped: str = "epochs"
    resumed: int | None = None

    def __len__(self) -> int:
        return len(self.epochs)

    def _column(self, name: str) -> NDArray[np.float64]:
        return np.array([getattr(epoch, name) for epoch in self.epochs], dtype=np.float64)

    @property
    def loss(self) -> NDArray[np.float64]:
        """Training loss (epochs,): the batches' losses as they were met, plus the penalty at the epoch's end."""
        return self._column("loss")

    @property
    def validation_loss(self) -> NDArray[np.float64]:
        """Loss on the validation set at each epoch's end (epochs,), penalty included; NaN without such a set."""
        return self._column("validation_loss")

    @property
    def metrics(self) -> dict[str, NDArray[np.float64]]:
        """Validation metrics by name, each (epochs,)."""
        names = self.epochs[0].metrics if self.epochs else {}
        return {name: np.array([epoch.metrics[name] for epoch in self.epochs]) for name in names}

    @property
    def gradient_norm(self) -> NDArray[np.float64]:
        """Norm of each layer's gradient in the epoch's last batch, (epochs, L), before clipping."""
        return np.array([epoch.gradient_norm for epoch in self.epochs], dtype=np.float64)

    @property
    def learning_rate(self) -> NDArray[np.float64]:
        """Learning rate of the epoch's last step, (epochs,)."""
        return self._column("learning_rate")

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Seconds since training began, at each epoch's end; interpolated where one call took several epochs."""
        return self._column("seconds")

    def to_frame(self) -> DataFrame:
        """A pandas frame, one row per epoch.

        Raises
        ------
        ImportError
            pandas is not installed.
        """
        import pandas

        columns: dict[str, Any] = {
            "loss": self.loss,
            "validation_loss": self.validation_loss,
            **self.metrics,
            "learning_rate": self.learning_rate,
            "seconds": self.seconds,
        }
        norms = self.gradient_norm.reshape(len(self), -1)
        columns |= {f"gradient_norm_{layer + 1}": norms[:, layer] for layer in range(norms.shape[1])}
        return pandas.DataFrame(columns, index=pandas.RangeIndex(1, len(self) + 1, name="epoch"))

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw the loss curves on a logarithmic scale (extra ``plot``).

        Parameters
        ----------
        axes : matplotlib Axes, optional
            Drawn into; a new figure without.
        """
        if axes is None:
            from matplotlib import pyplot

            axes = pyplot.figure().add_subplot()
        epochs = np.arange(1, len(self) + 1)
        axes.plot(epochs, self.loss, label="training")
        if np.isfinite(self.validation_loss).any():
            axes.plot(epochs, self.validation_loss, label="validation")
        if self.best_epoch is not None:
            axes.axvline(self.best_epoch + 1, color="gray", linestyle=":", label="best epoch")
        if len(self) and (self.loss > 0).all():
            axes.set_yscale("log")
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")
        axes.legend()
        return axes

    def __repr__(self) -> str:
        if not self.epochs:
            return "History(no epochs)"
        last = self.epochs[-1]
        parts = [f"{len(self)} epochs", f"loss {last.loss:.6g}"]
        if np.isfinite(last.validation_loss):
            parts.append(f"validation loss {last.validation_loss:.6g}")
        parts += [f"{name} {value:.6g}" for name, value in last.metrics.items()]
        return f"History({', '.join(parts)}, {last.seconds:.3g} s, ended by {self.stopped})"
