"""What processes that train together share, and who of them speaks: rank 0 alone."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from backstory.distributed.communicator import on_root, standing_together, together
from backstory.distributed.fitting import read_shards
from backstory.distributed.shards import Shards
from backstory.model.tables import prepare
from backstory.model.teams import TeamWork, prepare_together
from backstory.model.work import Work

Value = TypeVar("Value")


class Sharing:
    """The processes that an MPI launcher started, and the shards they share; a process alone has them all.

    Parameters
    ----------
    shards : int >= 0, optional
        As for `Network.fit`.
    """

    def __init__(self, shards: int | None) -> None:
        self.team, self.shards = read_shards(shards)

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Let rank 0 alone say what all of them meet; what only one meets it says itself, and all end."""
        with contextlib.ExitStack() as stack:
            if self.team.rank:
                nowhere = stack.enter_context(open(os.devnull, "w"))
                stack.enter_context(contextlib.redirect_stdout(nowhere))
                stack.enter_context(contextlib.redirect_stderr(nowhere))
            try:
                with standing_together(self.team):
                    yield
            except KeyboardInterrupt:
                if not self.team.rank:
                    raise
                raise SystemExit(128 + signal.SIGINT) from None
            except Exception:
                if not self.team.rank:
                    raise
                raise SystemExit(2) from None

    @property
    def speaks(self) -> bool:
        """Whether this process prints and writes."""
        return self.team.rank == 0

    def check(self, require: Callable[[], None]) -> None:
        """Look on rank 0 whether files can be written."""
        on_root(self.team, require)

    def alike(self, function: Callable[[], Value]) -> Value:
        """Call a function that comes out the same in all processes, which then meet its errors together."""
        return together(self.team, function)

    def prepared(self, data: Path, target: str | None, **options: Any) -> Work:
        """The work of this process."""
        if not self.shards:
            return prepare(data, target, **options)
        assert isinstance(self.shards, int)
        return prepare_together(self.team, self.shards, data, target, **options)

    def of(self, work: Work) -> int | Shards:
        """What `fit` is told of shards."""
        return work.layout if isinstance(work, TeamWork) else self.shards

    def said(self) -> list[tuple[str, str, str]]:
        """Who trains, as name and value."""
        if not self.shards:
            return []
        processes = "1 process" if self.team.size == 1 else f"{self.team.size} processes"
        return [("shards", f"{self.shards}, of {processes}; the same bits for any number of them", "")]
