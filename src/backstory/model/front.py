"""What stands before a network's first layer, for one row, as stories and differences take it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.engine.reference import NUMPY
from backstory.expressions import evaluate
from backstory.functions.front import ANGLE, SCALED, WAVE
from backstory.network.front import Front
from backstory.network.parameters import Others
from backstory.story.address import Address
from backstory.story.front import FrontPart

Floats = NDArray[np.float64]


def first_values(
    front: Front, others: Others, x: Floats, held: tuple[Address, float] | None = None
) -> Mapping[str, Floats]:
    """Every quantity of a front for one row, by the letter of its address; ``out`` is what the first layer reads.

    Parameters
    ----------
    front : Front
    others : Others
    x : ndarray (n_in,)
    held : (Address, float), optional
        One quantity that is held at another number.
    """
    found: dict[str, Any] = {}

    def put(letter: str, values: Any) -> Any:
        found[letter] = np.array(values, dtype=np.float64)
        if held is not None and held[0].letter == letter:
            found[letter][held[0].indices] = held[1]
        return found[letter]

    out = put("x", x)
    if others.embedding is not None:
        own = {name: put(name, values) for name, values in others.embedding._asdict().items()}
        own["x"] = found["x"][list(front.columns), None]
        waves = put("wave", evaluate(WAVE.value, {"angle": put("angle", evaluate(ANGLE.value, own, NUMPY))}, NUMPY))
        mixed = np.einsum("ck,ckm->cm", waves, own["mix"]) + own["shift"]
        sources = map(front.source, range(front.n_out))
        out = put("e", [found["x"][c] if m is None else mixed[e, m] for c, e, m in sources])
    if others.scale is not None:
        out = put("s", evaluate(SCALED.value, {"scale": put("scale", others.scale), "column": out}, NUMPY))
    return {**found, "out": out}


def front_part(front: Front, others: Others, x: Floats) -> FrontPart:
    """A front with the values of one row."""
    values = first_values(front, others, x)
    return replace(front_formulas(front), value=lambda address: float(values[address.letter][address.indices]))


def front_formulas(front: Front) -> FrontPart:
    """A front without values."""
    embedding = front.embedding
    return FrontPart(
        columns=front.columns,
        starts=front.starts,
        frequencies=0 if embedding is None else embedding.frequencies,
        mixtures=0 if embedding is None else embedding.width - 1,
        scaling=front.scaling,
    )
