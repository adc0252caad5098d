"""An activation for which PyTorch has no module, as a module that computes the row's formula. Needs PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from backstory.expressions import ARITIES, evaluate
from backstory.functions import Activation

_Module: Any = torch.nn.Module
_OTHERS = {"max": torch.maximum, "min": torch.minimum}


class Formula(_Module):  # type: ignore[misc]  # PyTorch need not be installed where types are checked
    """a = f(z) by the formula of an activation's row; differentiated by PyTorch.

    Parameters
    ----------
    row : Activation
        Of one unit.
    """

    def __init__(self, row: Activation) -> None:
        super().__init__()
        self.row = row

    def forward(self, z: Any) -> Any:
        """The values, of the shape and dtype of z."""

        def tensor(value: Any) -> Any:
            return value if isinstance(value, torch.Tensor) else torch.as_tensor(value, dtype=z.dtype, device=z.device)

        def of_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
            return lambda *values: function(*map(tensor, values))

        functions = {name: of_tensors(_OTHERS.get(name) or getattr(torch, name)) for name in ARITIES}
        return tensor(evaluate(self.row.value, {"z": z}, functions)) + torch.zeros_like(z)

    def extra_repr(self) -> str:
        """What the module's text shows."""
        return f"{self.row}: {self.row.formula}"
