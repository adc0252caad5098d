"""What a contender is: something that trains a task, epoch after epoch, from where it stands."""

from __future__ import annotations

from typing import ClassVar

from benchmarks.works import Array, Task, Work

Parameters = list[tuple[Array, Array]]
"""Weights (n_in, n_out) and biases (n_out,) of each layer."""


class Contender:
    """A library's best way to do the work.

    A subclass makes everything ready in its constructor, from the task's first weights (what it compiles there is timed
    as `compile_seconds`); `train` is what is timed.
    """

    name: ClassVar[str]
    package: ClassVar[str]
    """What must be installed, as it is imported."""
    ours: ClassVar[bool] = False
    compile_seconds: float = 0.0

    def __init__(self, task: Task, threads: int) -> None:
        raise NotImplementedError

    @classmethod
    def cannot(cls, work: Work) -> str:
        """Why it cannot do this work; empty if it can."""
        return ""

    def train(self, epochs: int) -> None:
        """Visit all rows so many times, in the order given, and return when that is done."""
        raise NotImplementedError

    def parameters(self) -> Parameters:
        """The parameters as they are now."""
        raise NotImplementedError
