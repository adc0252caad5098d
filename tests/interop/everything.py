"""What every imported network must be able to do: stories, checks, the flow of gradients, training on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import backstory as bs

TOLERANCE = {"float32": 2e-6, "float64": 1e-13}


def close(ours: Any, theirs: Any, precision: str = "") -> None:
    """The same to float precision (that of their arithmetic, where it is given), relative to the largest."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype, "a float32 model is a float32 network"
    scale = max(1.0, float(np.abs(theirs).max()))
    assert float(np.abs(ours - theirs).max()) <= TOLERANCE[precision or ours.dtype.name] * scale


def can_do_everything(net: bs.Network, X: Any, y: Any) -> None:
    """Ask for a story, a check and the flow; train on, which lowers the loss."""
    story = net.explain("w1[0->0]", X, y)
    assert abs(story.value - float(net.gradients(X, y).weights[0][0, 0])) < 1e-5 * max(1.0, abs(story.value))
    assert net.check("dL/dw1[0->0] = delta1[0]*x[0]").ok
    assert len(net.gradient_flow(X, y).layers) == net.spec.n_layers
    before = net.loss(X, y)
    net.fit(X, y, epochs=30, optimizer=bs.Adam(3e-3), batch_size=10, progress=False)
    assert net.loss(X, y) < before


def survives_saving(net: bs.Network, X: Any, path: Path) -> None:
    net.save(path / "net.safetensors")
    again = bs.load(path / "net.safetensors")
    np.testing.assert_array_equal(again.predict(X), net.predict(X))
    assert (again.classes, again.folded, again.spec) == (net.classes, net.folded, net.spec)
