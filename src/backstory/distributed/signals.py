"""Signals that come while processes work together: they wait until all can be told."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Deferred:
    """A context in which SIGINT and SIGTERM, where they have a handler in Python, wait to be asked for.

    What nobody asked for is served when the context ends.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}
        self._came: list[tuple[int, FrameType | None]] = []

    def __enter__(self) -> Deferred:
        if threading.current_thread() is threading.main_thread():  # no other is told of signals
            for number in (signal.SIGINT, signal.SIGTERM):
                handler = signal.getsignal(number)
                if callable(handler):
                    self._handlers[number] = handler
                    signal.signal(number, lambda number, frame: self._came.append((number, frame)))
        return self

    def raised(self) -> BaseException | None:
        """What the handlers of the signals that came raise."""
        while self._came:
            number, frame = self._came.pop(0)
            try:
                self._handlers[number](number, frame)
            except BaseException as error:
                return error
        return None

    def __exit__(self, kind: object, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        if kind is None and (error := self.raised()) is not None:
            raise error
