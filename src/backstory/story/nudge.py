"""The nudge test: what a gradient promises against what the loss does when the quantity really moves.

By Taylor, L(w + h) - L(w) = h·∂L/∂w + h²/2·∂²L/∂w² + …, so what is left after h·∂L/∂w falls fourfold when h halves.
Where it does not, there is a reason, and it can be told: rounding, no second derivative, or a kink within reach.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Verdict: TypeAlias = Literal["fourfold", "eightfold", "straight", "kink", "rounding"]

_STARTS = (0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4)
"""Nudges to begin with, in parts of the quantity's size: the first that gives a clear answer is shown."""

SENTENCES: dict[Verdict, str] = {
    "fourfold": "The error falls fourfold when h halves, as h²/2·∂²L/∂w² does: the gradient is right.",
    "eightfold": "The error falls eightfold when h halves: the second derivative vanishes here, the gradient is right.",
    "straight": "The error is at rounding level: along this quantity the loss is straight, its second derivative "
    "vanishes, and the gradient is right.",
    "kink": "The error does not fall fourfold: the loss has a kink (no derivative) within reach of the nudge.",
    "rounding": "The error is at rounding level and cannot fall: the loss hardly changes, and floats hold no more.",
}


@dataclass(frozen=True)
class Trial:
    """One nudge by h: the true change of the loss, the change that the gradient promises, and what is left."""

    h: float
    change: float
    promised: float

    @property
    def error(self) -> float:
        """What the gradient did not foresee."""
        return self.change - self.promised


@dataclass(frozen=True)
class Nudge:
    """Three nudges, by h, h/2 and h/4, and what they show.

    Attributes
    ----------
    trials : tuple of Trial
    verdict : {"fourfold", "eightfold", "straight", "kink", "rounding"}
    """

    trials: tuple[Trial, ...]
    verdict: Verdict

    @property
    def sentence(self) -> str:
        """What the test shows, in words."""
        return SENTENCES[self.verdict]


def nudge(loss: Callable[[float], float], value: float, gradient: float) -> Nudge:
    """Move a quantity by h, h/2 and h/4 and compare.

    Parameters
    ----------
    loss : callable
        The loss as a function of the quantity, all others held.
    value : float
        Where the quantity stands.
    gradient : float
        The derivative that is put to the test.

    Examples
    --------
    >>> test = nudge(lambda w: (3 * w - 1) ** 2, 1.0, 12.0)
    >>> test.verdict, [round(trial.error, 6) for trial in test.trials]
    ('fourfold', [0.09, 0.0225, 0.005625])
    """
    scale = max(abs(value), 1.0)
    tried: list[Nudge] = []
    for start in _STARTS:
        tried.append(nudge_by(loss, value, gradient, start * scale))
        if tried[-1].verdict in ("fourfold", "eightfold"):
            return tried[-1]
    straight = next((test for test in tried if test.verdict == "straight"), None)
    return straight or next((test for test in tried if test.verdict == "kink"), tried[-1])


def nudge_by(loss: Callable[[float], float], value: float, gradient: float, h: float) -> Nudge:
    """Move a quantity by a given h, and by h/2 and h/4, and compare.

    Parameters
    ----------
    loss, value, gradient
        As for `nudge`.
    h : float
        Not 0, and large enough that `value` + `h`/4 is another number than `value`.

    Examples
    --------
    >>> nudge_by(lambda w: w**3, 0.0, 0.0, 0.1).verdict
    'eightfold'
    """
    here = loss(value)
    trials = tuple(Trial(each, loss(value + each) - here, each * gradient) for each in _halves(h, value))
    level = 16 * math.ulp(max(abs(here), abs(here + trials[0].change), abs(trials[0].promised)))
    return Nudge(trials, _verdict(trials, level))


def _halves(h: float, value: float) -> tuple[float, float, float]:
    """Return h, h/2 and h/4 as they really arrive at w + h."""
    return tuple((value + part) - value for part in (h, h / 2, h / 4))  # type: ignore[return-value]


def _verdict(trials: tuple[Trial, ...], level: float) -> Verdict:
    errors = [abs(trial.error) for trial in trials]
    if errors[0] <= level:
        return "straight" if abs(trials[0].change) > 1e3 * level or trials[0].promised == 0 else "rounding"
    if errors[2] <= 4 * level:
        return "rounding"
    ratios = errors[0] / errors[1], errors[1] / errors[2]
    if all(3.4 < ratio < 4.6 for ratio in ratios) and 3.7 < ratios[1] < 4.3:
        return "fourfold"
    if all(7.0 < ratio < 9.0 for ratio in ratios):
        return "eightfold"
    return "kink"
