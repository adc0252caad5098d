"""Embeddings, learned scales and parametric activations as PyTorch modules, by the formulas of functions/front.py.

The classes are made when they are first asked for, as PyTorch is loaded only then.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from backstory.expressions import evaluate
from backstory.functions.front import ANGLE, BLENDED, SCALED, WAVE


@cache
def part_classes() -> tuple[Any, Any]:
    """``Front(front, embedding, scale)`` and ``Blended(f, alpha)``, both a ``torch.nn.Module``."""
    import torch

    elementary = {"cos": torch.cos}

    def parameter(array: Any) -> Any:
        return torch.nn.Parameter(torch.from_numpy(array.copy()))

    class Front(torch.nn.Module):  # type: ignore[misc, unused-ignore]  # PyTorch may be missing where this is checked
        """What the columns go through before the first layer."""

        def __init__(self, front: Any, embedding: Any, scale: Any) -> None:
            super().__init__()
            self.columns = list(front.columns)
            sources = [front.source(output) for output in range(front.n_out)]
            mixtures = 0 if embedding is None else embedding.mix.shape[2]
            self.order = [c if m is None else front.n_in + e * mixtures + m for c, e, m in sources]
            for name in () if embedding is None else embedding._fields:
                setattr(self, name, parameter(getattr(embedding, name)))
            self.scale = None if scale is None else parameter(scale)

        def forward(self, x: Any) -> Any:
            """(n, n_in) to (n, n_front)."""
            if self.columns:
                here = {"x": x[:, self.columns, None], "frequency": self.frequency, "phase": self.phase}
                here["angle"] = evaluate(ANGLE.value, here, elementary)
                waves = evaluate(WAVE.value, here, elementary)
                mixed = torch.einsum("nck,ckm->ncm", waves, self.mix) + self.shift  # type: ignore[operator, unused-ignore]
                x = torch.cat([x, mixed.flatten(1)], dim=1)[:, self.order]
            return x if self.scale is None else evaluate(SCALED.value, {"scale": self.scale, "column": x}, elementary)

    class Blended(torch.nn.Module):  # type: ignore[misc, unused-ignore]  # likewise
        """A parametric activation."""

        def __init__(self, f: Any, alpha: Any) -> None:
            super().__init__()
            self.f, self.alpha = f, parameter(alpha)

        def forward(self, z: Any) -> Any:
            """(n, units) to the same."""
            return evaluate(BLENDED.value, {"alpha": self.alpha, "z": z, "f": self.f(z)}, elementary)

    for made, name in ((Front, "Front"), (Blended, "Blended")):
        made.__module__, made.__qualname__ = __name__, name
    return Front, Blended


def __getattr__(name: str) -> Any:
    """The classes, where pickle looks for them."""
    if name in ("Front", "Blended"):
        return part_classes()[("Front", "Blended").index(name)]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
