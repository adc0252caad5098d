"""An activation for which PyTorch has no module, as a module that computes the row's formula.

The class is made when it is first asked for, as PyTorch is loaded only then.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from backstory.expressions import ARITIES, evaluate


@cache
def formula_class() -> Any:
    """``Formula(row)``, a ``torch.nn.Module``: a = f(z) by a row's formula, differentiated by PyTorch."""
    import torch

    elementary = {name: getattr(torch, name) for name in ARITIES} | {"max": torch.maximum, "min": torch.minimum}

    class Formula(torch.nn.Module):  # type: ignore[misc, unused-ignore]  # PyTorch may be missing where this is checked
        """A row of one unit as a module."""

        def __init__(self, row: Any) -> None:
            super().__init__()
            self.row = row

        def forward(self, z: Any) -> Any:
            """The values, of the shape and dtype of z."""

            def tensor(value: Any) -> Any:
                given = isinstance(value, torch.Tensor)
                return value if given else torch.as_tensor(value, dtype=z.dtype, device=z.device)

            def of_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
                return lambda *values: function(*map(tensor, values))

            functions = {name: of_tensors(function) for name, function in elementary.items()}
            return tensor(evaluate(self.row.value, {"z": z}, functions)).expand_as(z)

        def extra_repr(self) -> str:
            return f"{self.row}: {self.row.formula}"

    Formula.__module__, Formula.__qualname__ = __name__, "Formula"
    return Formula


def __getattr__(name: str) -> Any:
    """``Formula``, where pickle looks for it."""
    if name == "Formula":
        return formula_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
