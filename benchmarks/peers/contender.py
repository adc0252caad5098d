"""What a contender is: something that does a task's work, over and over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from benchmarks.works import Array, Task, Work


class Contender:
    """A library's best way to do the work.

    A subclass makes everything ready in its constructor, from the task's first weights (what it compiles there is timed
    as `compile_seconds`); `run` is what is timed.
    """

    name: ClassVar[str]
    package: ClassVar[str]
    """What must be installed, as it is imported."""
    ours: ClassVar[bool] = False
    slow_to_compile: ClassVar[bool] = False
    """Whether quick runs had better leave it out."""
    compile_seconds: float = 0.0

    def __init__(self, task: Task, threads: int) -> None:
        raise NotImplementedError

    @classmethod
    def cannot(cls, work: Work) -> str:
        """Why it cannot do this work; empty if it can."""
        return ""

    def run(self, times: int) -> None:
        """Do the work so often, and return when that is done.

        Training visits all rows in the order given, from where it stands; online updates likewise, a row at a time.
        """
        raise NotImplementedError

    def result(self) -> Array:
        """What it has computed, in one row of numbers that a referee can compare.

        Training: all parameters as they are now, W and b of one layer after the other. A gradient: the same of the
        gradient, then the loss. A prediction: the outputs.
        """
        raise NotImplementedError


def joined(arrays: Iterable[Any]) -> Array:
    """All numbers of all arrays, row by row, in float64."""
    return np.concatenate([np.asarray(values, dtype=np.float64).ravel() for values in arrays])


def interleaved(weights: Iterable[Any], biases: Iterable[Any]) -> Array:
    """All numbers of W1, b1, W2, b2, ..."""
    return joined(values for pair in zip(weights, biases, strict=True) for values in pair)
