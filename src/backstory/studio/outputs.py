"""What the network makes of its samples: a map of the plane, a fitted curve, or targets beside outputs."""

from __future__ import annotations

import base64
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backstory.studio.subject import FormulasSubject, NetworkSubject, Subject
from backstory.training.metrics import classes_of

Floats = NDArray[np.float64]

GRID = 48
"""Points of the map along each side."""
ALONG = 161
"""Points of the curve."""
MOST_POINTS = 600
"""Samples that are shown at once; of more, some spread evenly."""
MOST_INPUTS = 1024
"""Of a row's values that are shown."""


_NUMBERS = count(1)


class Outputs:
    """What is drawn beside the network, made once for each subject."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.id = next(_NUMBERS)

    def data(self) -> dict[str, Any]:
        """Return what stays as it is while training goes on, as the key `data` holds it."""
        if isinstance(self.subject, FormulasSubject):
            names = list(self.subject.formulas.program.samples)
            X = [[row[name] for name in names] for row in self._rows_of_formulas()] if names else []
            rows = self.subject.rows
            return {"id": self.id, "kind": "formulas", "rows": rows, "held_out": 0, "inputs": names, "X": X}
        assert isinstance(self.subject, NetworkSubject)
        samples = self.subject.samples
        shown = self._shown
        found: dict[str, Any] = {
            "id": self.id,
            "kind": samples.kind,
            "rows": len(samples),
            "held_out": samples.held_out,
            "measured": self.subject.measured,
            "inputs": self.input_names,
            "classes": list(samples.classes),
            "target": samples.target,
            "image": samples.image,
            "shown": shown.tolist(),
            "y": samples.y[shown].tolist(),
        }
        if samples.kind in ("plane", "curve"):
            found |= {"X": samples.X[shown].tolist(), "low": self._low.tolist(), "high": self._high.tolist()}
        return found

    @property
    def input_names(self) -> list[str]:
        """What the inputs are called."""
        assert isinstance(self.subject, NetworkSubject)
        n_in = self.subject.net.spec.n_in
        return [*self.subject.samples.inputs] or [f"x[{unit}]" for unit in range(min(n_in, MOST_INPUTS))]

    def now(self, row: int) -> dict[str, Any]:
        """Return what training changes, as the key `outputs` holds it."""
        if isinstance(self.subject, FormulasSubject):
            return {"data": self.id, "step": self.subject.steps, "row": row}
        assert isinstance(self.subject, NetworkSubject)
        samples = self.subject.samples
        x = samples.X[row]
        found = {
            "data": self.id,
            "step": self.subject.steps,
            "row": row,
            "x": x[:MOST_INPUTS].tolist(),
            "y": samples.y[row].item(),
            "outputs": plain(self.subject.net.predict(x[None])[0]),
        }
        if samples.table is not None and not samples.classes:
            raw = np.array([[found["y"]], found["outputs"]], dtype=np.float64)
            found["raw"] = plain(samples.table.restored(raw)[:, 0])
        of_kind = {"plane": self._map, "curve": self._curve}.get(samples.kind, self._agreement)
        with np.errstate(all="ignore"):
            return found | of_kind()

    def _map(self) -> dict[str, Any]:
        """Return one byte for each point of a grid, rows from the top: an output, or the likeliest class."""
        assert isinstance(self.subject, NetworkSubject)
        outputs = self.subject.net.predict(self._grid)
        if outputs.shape[1] == 1:
            low, high = self._range(outputs)
            share = (outputs[:, 0] - low) / ((high - low) or 1.0)
            return {"map": _bytes(share), "size": GRID, "from": low, "to": high}
        ahead = outputs.max(axis=1)
        return {"map": _bytes(ahead), "of": _bytes(classes_of(outputs) / 255.0), "size": GRID, "from": 0.0, "to": 1.0}

    def _range(self, outputs: Floats) -> tuple[float, float]:
        """Return what the darkest and the lightest stand for: the activation's own range where it has one."""
        assert isinstance(self.subject, NetworkSubject)
        own = self.subject.net.spec.output.range
        low, high = getattr(own, "low", -np.inf), getattr(own, "high", np.inf)
        if np.isfinite([low, high]).all():
            return float(low), float(high)
        if self.subject.samples.classes:
            return -1.0, 1.0
        return float(self.subject.samples.y.min()), float(self.subject.samples.y.max())

    def _curve(self) -> dict[str, Any]:
        assert isinstance(self.subject, NetworkSubject)
        x = np.linspace(self._low[0], self._high[0], ALONG)
        return {"curve": [x.tolist(), plain(self.subject.net.predict(x[:, None])[:, 0])]}

    def _agreement(self) -> dict[str, Any]:
        """Return how often each class is taken for each, or targets beside outputs; of rows held out, if there are."""
        assert isinstance(self.subject, NetworkSubject)
        samples, net = self.subject.samples, self.subject.net
        rows = self.subject.rows_measured(samples.trained if samples.held_out else 0, len(samples))
        outputs, y = net.predict(samples.X[rows]), samples.y[rows]
        if not samples.classes:
            shown = _spread(len(y))
            if samples.table is not None:
                return {"pairs": [plain(samples.table.restored(each).ravel()[shown]) for each in (y[:, None], outputs)]}
            return {"pairs": [y[shown].tolist(), plain(outputs[shown, 0])]}
        n = len(samples.classes)
        threshold = 0.0 if -1.0 in self.subject.y else 0.5
        counts = np.zeros((n, n), int)
        np.add.at(counts, (y, classes_of(outputs, threshold)), 1)
        return {"confusion": counts.tolist()}

    def _rows_of_formulas(self) -> list[dict[str, float]]:
        assert isinstance(self.subject, FormulasSubject)
        return [self.subject.formulas.graph(row).values for row in range(min(self.subject.rows, MOST_POINTS))]

    @cached_property
    def _shown(self) -> NDArray[np.int64]:
        assert isinstance(self.subject, NetworkSubject)
        return _spread(len(self.subject.samples))

    @cached_property
    def _low(self) -> Floats:
        return self._edges[0]

    @cached_property
    def _high(self) -> Floats:
        return self._edges[1]

    @cached_property
    def _edges(self) -> tuple[Floats, Floats]:
        """The corners of what is drawn: around all samples, with a margin."""
        assert isinstance(self.subject, NetworkSubject)
        low, high = self.subject.X.min(axis=0), self.subject.X.max(axis=0)
        margin = 0.12 * np.where(high > low, high - low, 1.0)
        return low - margin, high + margin

    @cached_property
    def _grid(self) -> Floats:
        across = np.linspace(self._low[0], self._high[0], GRID)
        up = np.linspace(self._high[1], self._low[1], GRID)
        return np.stack([values.ravel() for values in np.meshgrid(across, up)], axis=1)


def _spread(n: int) -> NDArray[np.int64]:
    """Return the rows of n that are shown."""
    return np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).round().astype(np.int64))


def plain(values: Floats) -> list[float | None]:
    """Return numbers as JSON can hold them: what is not finite is None."""
    return [value if np.isfinite(value) else None for value in values.tolist()]


def _bytes(shares: Floats) -> str:
    """Return numbers of 0 to 1 as bytes of 0 to 255 in base64."""
    return base64.b64encode((np.clip(np.nan_to_num(shares), 0, 1) * 255).round().astype(np.uint8).tobytes()).decode()
