"""Checkpoints: the whole state of a training run in one file; a run that was killed goes on as if it had not been.

A file is written beside its place, flushed to the disk and moved there whole; it carries a checksum. The newest whole
one wins. A folder belongs to one run at a time, which holds its lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backstory.errors import CheckpointError, ConfigurationError
from backstory.network.file import write_whole
from backstory.training.history import Epoch
from backstory.training.schedules import count, positive

if TYPE_CHECKING:
    from backstory.training.trainer import Trainer

Array = NDArray[Any]
FORMAT = 1
"""Version of the files; a reader refuses newer ones."""
SUFFIX = ".checkpoint"
LOCK = ".lock"
_SECONDS_AT_ONCE = 0.5
"""Steps are taken in pieces of about so long, so that the time is looked at now and then."""


@dataclass(frozen=True)
class Checkpoint:
    """Where and when `fit` saves its state: at the end of every epoch, and in between as often as is asked for.

    A file holds weights, the optimizer's state, the position in the epoch, the history and the best weights. Orders of
    rows and dropout masks are drawn from seed, epoch and step alone, so no generator has a state to be kept; what
    callbacks keep for themselves is not saved. A run that goes on with ``fit(..., checkpoint=..., resume=True)`` ends
    with the same bits as one that was never interrupted.

    Parameters
    ----------
    directory : path
        Made where there is none. One run at a time may use it.
    every_steps : int >= 1, optional
        Also after so many steps, counted from the beginning of the run.
    every_seconds : float > 0
        And when so much time has gone by since the last.
    keep : int >= 1
        So many files are kept, older ones are removed.

    Examples
    --------
    >>> Checkpoint("run1", every_seconds=60.0)
    Checkpoint(directory='run1', every_steps=None, every_seconds=60.0, keep=3)
    """

    directory: str | os.PathLike[str]
    every_steps: int | None = None
    every_seconds: float = 30.0
    keep: int = 3

    def __post_init__(self) -> None:
        if not isinstance(self.directory, str | os.PathLike):
            raise ConfigurationError(f"The 'directory' of Checkpoint must be a path. Got {self.directory!r}.")
        count("Checkpoint", keep=self.keep)
        if self.every_steps is not None:
            count("Checkpoint", every_steps=self.every_steps)
        positive("Checkpoint", every_seconds=self.every_seconds)


def read_checkpoint(value: Any, resume: bool) -> Checkpoint | None:
    """None, a folder, or a Checkpoint.

    Raises
    ------
    ConfigurationError
        It is none of these, or there is nothing to resume from.
    """
    if value is None:
        if resume:
            raise ConfigurationError("resume=True needs a folder to go on from. Give checkpoint='folder' with it.")
        return None
    return value if isinstance(value, Checkpoint) else Checkpoint(value)


class Keeper:
    """The checkpoints of one run while it runs; a context that holds the folder's lock.

    Parameters
    ----------
    plan : Checkpoint
    trainer : Trainer
        Whose state is saved and put back; its options say whether the run goes on from the newest whole file. This is
        its `keeper` while entered.
    """

    def __init__(self, plan: Checkpoint, trainer: Trainer) -> None:
        self.plan, self.trainer, self.resume = plan, trainer, trainer.options.resume
        self.folder = Path(plan.directory)
        self.saved_at = time.monotonic()
        self.seconds_per_step = 0.0
        self._saved_steps = -1

    def __enter__(self) -> Keeper:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = open(self.folder / LOCK, "a+")
        except OSError as error:
            raise CheckpointError(
                f"Checkpoints must go into a folder one may write to. {str(self.folder)!r}: {error.strerror}."
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise CheckpointError(
                f"One run at a time may save into {str(self.folder)!r}, and another process does. "
                "Wait for it, or choose another folder."
            ) from None
        try:
            self._begin()
        except BaseException:
            self._lock.close()
            raise
        self.trainer.keeper = self
        return self

    def __exit__(self, *_: object) -> None:
        self.trainer.keeper = None
        self._lock.close()

    def _begin(self) -> None:
        """Go on from the newest whole file, or make sure that there is none that would be lost."""
        for leftover in self.folder.glob(f".*{SUFFIX}.*.part"):
            leftover.unlink(missing_ok=True)  # what a killed process was writing
        found = self.newest()
        if not self.resume and found is not None:
            raise CheckpointError(
                f"{str(self.folder)!r} holds checkpoints of a run, the last of step {found[0]['steps_done']:,}. "
                "Go on from it with resume=True (on the command line --resume), or choose another folder."
            )
        if self.resume and found is not None:
            put_back(self.trainer, *found)
            self._saved_steps = self.trainer.steps_done

    def files(self) -> list[Path]:
        """Return the files, newest first."""
        return sorted(self.folder.glob(f"*{SUFFIX}"), reverse=True)

    def newest(self) -> tuple[dict[str, Any], dict[str, Array]] | None:
        """Return the newest whole checkpoint; what is torn is passed over with a warning."""
        for path in self.files():
            try:
                return read(path)
            except CheckpointError as error:
                warnings.warn(f"{error} An older checkpoint is used, where there is one.", stacklevel=2)
        return None

    def steps_at_once(self) -> int:
        """Return how many steps may be taken before it is asked again whether to save."""
        by_time = max(1, int(_SECONDS_AT_ONCE / self.seconds_per_step)) if self.seconds_per_step else 1
        every = self.plan.every_steps
        return by_time if every is None else min(by_time, every - self.trainer.steps_done % every)

    def took(self, steps: int, seconds: float) -> None:
        """Note how long steps took."""
        if steps:
            self.seconds_per_step = max(seconds / steps, 1e-9)

    def after_steps(self) -> None:
        """Save, where it is due within an epoch."""
        every = self.plan.every_steps
        due = every is not None and self.trainer.steps_done % every == 0
        if due or time.monotonic() - self.saved_at >= self.plan.every_seconds:
            self.save()

    def save(self) -> None:
        """Write the state as it is, and remove the oldest files.

        Raises
        ------
        CheckpointError
            It cannot be written; older files are as they were.
        """
        if self._saved_steps == self.trainer.steps_done and self.trainer.history.stopped == "epochs":
            return
        path = self.folder / f"step-{self.trainer.steps_done:015d}{SUFFIX}"
        try:
            write_whole(path, written(*taken(self.trainer)))
        except OSError as error:
            raise CheckpointError(
                f"The checkpoint {str(path)!r} could not be written: {error.strerror}. Training stopped; the one "
                "before it is whole. Make room, and go on with resume=True."
            ) from error
        self.saved_at, self._saved_steps = time.monotonic(), self.trainer.steps_done
        for old in self.files()[self.plan.keep :]:
            old.unlink(missing_ok=True)


def run_of(trainer: Trainer) -> dict[str, Any]:
    """Return what makes a run the run it is, as plain data by name."""
    o, optimizer = trainer.options, trainer.memory.optimizer
    found: dict[str, Any] = {
        "network": trainer.spec.to_dict(),
        "seed": o.seed,
        "optimizer": repr(optimizer),
        "batch_size": o.batch_size,
        "shuffle": o.shuffle,
        "dropout": list(o.dropout),
        "dropout_schedule": repr(o.dropout_schedule),
        "clip": [o.clip_norm, o.clip_value],
        "freeze": list(o.frozen),
        "rates": list(o.rates),
        "decays": list(o.decays),
        "penalty_rows": o.penalty_rows,
        "early_stopping": repr(o.early_stopping),
        "rows": len(trainer.data),
        "shards": trainer.shards,
        "data": trainer.data.digest(),
        "validation": None if trainer.validation is None else trainer.validation.digest(),
    }
    schedules = optimizer.schedule, optimizer.decay_schedule, o.dropout_schedule
    if any(schedule is not None and schedule.planned for schedule in schedules):
        found["epochs"] = o.epochs
    return found


_FIGURES = [field.name for field in fields(Epoch) if field.name not in ("metrics", "gradient_norm")]


def taken(trainer: Trainer) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return a trainer's state: plain data, and arrays by name."""
    memory, history, position = trainer.memory, trainer.history, trainer.position
    head = {
        "run": run_of(trainer),
        "steps_done": trainer.steps_done,
        "first_step": trainer.first_step,
        "seconds": time.perf_counter() - trainer.started,
        "memory": {"steps": memory.steps, "epochs": memory.epochs},
        "position": position.steps,
        "stopped": history.stopped,
        "best": None if trainer.best is None else list(trainer.best[:2]),
    }
    arrays = {"parameters": trainer.parameters, "watched": np.asarray(memory.watched, dtype=np.float64)}
    arrays |= {f"state.{name}": values for name, values in memory.state.items()}
    arrays |= {f"history.{name}": history._column(name) for name in _FIGURES}
    arrays |= {f"metric.{name}": values for name, values in history.metrics.items()}
    arrays["history.gradient_norm"] = history.gradient_norm
    for name in ("losses", "norms", "penalties"):
        pieces = getattr(position, name)
        if pieces:
            arrays[f"position.{name}"] = np.concatenate(pieces)
    if trainer.best is not None:
        arrays["best"] = trainer.best[2]
    return head, arrays


def put_back(trainer: Trainer, head: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Give a trainer the state that `taken` returned.

    Raises
    ------
    CheckpointError
        It is the state of another run; nothing is changed.
    """
    mine, run = json.loads(json.dumps(run_of(trainer))), head.get("run")
    unsaid = ("network", "data", "validation")  # what differs in them would be too long to say
    for name, value in sorted(run.items(), key=lambda item: item[0] in unsaid) if isinstance(run, dict) else ():
        if mine.get(name) != value:
            shown = "differ" if name in unsaid else f"was {value}, and is {mine.get(name)}"
            raise CheckpointError(
                f"A run can only go on as the run it was. The checkpoint's {name} {shown} now. "
                "Give the same arguments and data, or choose another folder."
            )
    try:
        whole = _is_state_of(trainer, head, arrays)
    except (KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise CheckpointError(
            "A checkpoint must hold the whole state of a run. This one does not, though its checksum is right; "
            "remove it to go on from an older one, or choose another folder."
        )
    memory, position = trainer.memory, trainer.position
    with memory.turns.writing():
        trainer.parameters[:] = arrays["parameters"]
    for name, values in memory.state.items():
        values[:] = arrays[f"state.{name}"]
    memory.steps, memory.epochs = head["memory"]["steps"], head["memory"]["epochs"]
    memory.watched[:] = arrays["watched"].tolist()
    trainer.steps_done, trainer.first_step = head["steps_done"], head["first_step"]
    trainer.started = time.perf_counter() - head["seconds"]
    position.steps = head["position"]
    for name in ("losses", "norms", "penalties"):
        if f"position.{name}" in arrays:
            getattr(position, name).append(arrays[f"position.{name}"])
    history = trainer.history
    history.resumed = head["steps_done"]
    history.epochs[:] = _epochs(arrays)
    history.stopped = head["stopped"] if head["stopped"] == "early stopping" else "epochs"
    if head["best"] is not None:
        trainer.best = (head["best"][0], head["best"][1], arrays["best"])


_MOST_STEPS = 1 << 53


def _is_state_of(trainer: Trainer, head: Mapping[str, Any], arrays: Mapping[str, Array]) -> bool:
    """Tell whether counts belong together, and arrays have the shapes that they must."""
    epochs, position, best = len(arrays["history.loss"]), head["position"], head["best"]
    counts = (head["steps_done"], head["first_step"], *head["memory"].values(), position)
    weights = ["parameters", *(f"state.{name}" for name in trainer.memory.state), *([] if best is None else ["best"])]
    like = dict.fromkeys(weights, (trainer.parameters.shape, trainer.parameters.dtype))
    figures = [f"history.{name}" for name in _FIGURES] + [name for name in arrays if name.startswith("metric.")]
    like |= dict.fromkeys(figures, ((epochs,), np.dtype(np.float64)))
    if position:
        like["position.losses"] = ((position,), np.dtype(np.float64))
    return (
        all(type(number) is int and 0 <= number < _MOST_STEPS for number in counts)
        and set(head["memory"]) == {"steps", "epochs"}
        and head["steps_done"] == epochs * trainer.steps_per_epoch + position
        and position < trainer.steps_per_epoch
        and len(arrays["history.gradient_norm"]) == epochs
        and arrays["watched"].ndim == 1
        and isinstance(head["stopped"], str)
        and all((arrays[name].shape, arrays[name].dtype) == wanted for name, wanted in like.items())
        and (best is None or (len(best) == 2 and type(best[1]) is int))
        and all(isinstance(number, int | float) for number in (head["seconds"], *(best or ())))
    )


def _epochs(arrays: Mapping[str, Array]) -> list[Epoch]:
    metrics = {name.partition(".")[2]: values for name, values in arrays.items() if name.startswith("metric.")}
    columns = {name: arrays[f"history.{name}"].tolist() for name in _FIGURES}
    norms = arrays["history.gradient_norm"]
    return [
        Epoch(
            **{name: values[number] for name, values in columns.items()},
            metrics={name: float(values[number]) for name, values in metrics.items()},
            gradient_norm=norms[number],
        )
        for number in range(len(norms))
    ]


def written(head: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """Return a checkpoint as the bytes of a safetensors file with its checksum in the header."""
    from safetensors.numpy import save

    content = json.dumps({"format": FORMAT, **head}, sort_keys=True)
    whole = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
    return save(whole, metadata={"checkpoint": content, "sha256": _digest(content, whole)})


def read(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """Read what `written` wrote.

    Raises
    ------
    CheckpointError
        The file is cut short, altered, or of a newer format.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - safe_open is no mapping
        head = json.loads(metadata["checkpoint"])
        is_whole = metadata["sha256"] == _digest(metadata["checkpoint"], arrays)
        is_newer = head["format"] > FORMAT
    except (SafetensorError, ValueError, OSError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{str(path)!r} is not a whole checkpoint ({type(error).__name__}).") from None
    if not is_whole:
        raise CheckpointError(f"{str(path)!r} was altered after it was saved: its checksum differs.")
    if is_newer:
        raise CheckpointError(f"{str(path)!r} is of a newer backstory; upgrade to go on from it.")
    return head, arrays


def _digest(content: str, arrays: Mapping[str, Array]) -> str:
    digest = hashlib.sha256(content.encode())
    for name in sorted(arrays):
        digest.update(name.encode() + arrays[name].tobytes())
    return digest.hexdigest()
