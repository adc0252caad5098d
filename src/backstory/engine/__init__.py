"""The engines: `reference` (NumPy, clear) and `native` (C++, fast), one contract, equal results."""

from __future__ import annotations

from backstory.engine.contract import Engine as Engine
from backstory.errors import unknown
from backstory.network.spec import Spec

ENGINES = ("native", "reference")


def engine(name: str, spec: Spec) -> Engine:
    """The engine of that name for a spec; raises ConfigurationError for an unknown name."""
    if name == "native":
        from backstory.engine.native import Engine as Native

        return Native(spec)
    if name == "reference":
        from backstory.engine.reference import Engine as Reference

        return Reference(spec)
    raise unknown("engine", name, ENGINES)
