"""The slope of a function of one variable at 0, by differences over a sweep of steps, with an honest error.

Central differences over steps that shrink by 4 are extrapolated to step 0 (Richardson); the entry with the least error
is taken, where the error counts how much the entry moved, the rounding of the function's values (measured, not assumed)
and the part of the one-sided slopes' difference that no curvature explains, which is a kink.

References
----------
Ridders, Advances in Engineering Software 4 (1982); Moré & Wild, SIAM J. Sci. Comput. 33 (2011), algorithm ECnoise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Function = Callable[[float], float]
FIRST_STEP = 0.0873
"""In units of the parameter's own scale; no round number, so that it is no multiple of a period."""
RATIO = 4.0
MOST_STEPS = 14
MOST_DIVISIONS = 30
"""How often the step is divided at most, where the larger ones leave the domain."""
NOISE_SCALES = (1e-10, 1e-7, 1e-5, 1e-3)
EPSILON = float(np.finfo(np.float64).eps)
_POINTS = 8
_LEVELS = 3


@dataclass(frozen=True)
class Trial:
    """One step of a sweep.

    Attributes
    ----------
    step : float
    left, right : float
        The one-sided slopes (f(0) - f(-step))/step and (f(step) - f(0))/step.
    """

    step: float
    left: float
    right: float

    @property
    def central(self) -> float:
        """The central difference."""
        return 0.5 * (self.left + self.right)


@dataclass(frozen=True)
class Slope:
    """What a sweep found.

    Attributes
    ----------
    value : float
        NaN where nothing could be computed.
    error : float
        How far off it may be; infinite where nothing could be computed.
    left, right : float
        The one-sided slopes at the step that was taken.
    jump : float
        By how much they differ at step 0, curvature taken away.
    jump_error : float
    trials : tuple of Trial
    """

    value: float
    error: float
    left: float
    right: float
    jump: float
    jump_error: float
    trials: tuple[Trial, ...]

    @property
    def kink(self) -> bool:
        """Whether the one-sided slopes differ by more than their errors."""
        return abs(self.jump) > max(10 * self.jump_error, 1e-6 * max(abs(self.left), abs(self.right)))

    def scaled(self, factor: float) -> Slope:
        """Return the same slope in other units: of f(t factor) where this is of f(t)."""
        if not math.isfinite(factor):
            return self
        trials = tuple(Trial(each.step / factor, each.left * factor, each.right * factor) for each in self.trials)
        size = abs(factor)
        return Slope(
            self.value * factor,
            self.error * size,
            self.left * factor,
            self.right * factor,
            self.jump * factor,
            self.jump_error * size,
            trials,
        )


def deviation(values: NDArray[Any]) -> Any:
    """Estimate the rounding in values of a smooth function at equal distances, along the first axis.

    High differences of a smooth function at close points vanish; what is left is its rounding.

    >>> float(deviation(np.linspace(0.0, 1.0, 8))) < 1e-15
    True
    """
    found: Any = math.inf
    differences, factor = np.asarray(values, dtype=np.float64), 1.0
    for order in range(1, len(values) - 2):
        differences = np.diff(differences, axis=0)
        factor *= order / (2.0 * (2.0 * order - 1.0))  # (k!)^2/(2k)!, built up from k-1
        if order >= 3:
            found = np.minimum(found, np.sqrt(factor * np.mean(differences * differences, axis=0)))
    return found


def measured_noise(functions: Sequence[Function], value: float, grain: float = 0.0) -> float:
    """Measure the rounding of a function's values near 0: its standard deviation.

    It is looked for at several distances, as what rounds to float32 inside does not change at all at the small ones;
    and along several lines, as a kink close by shows on one of them and rounding on all. The point itself, which is
    where a kink is likeliest, is left out.

    Parameters
    ----------
    functions : sequence of callables
        The same function along several lines through one point.
    value : float
        At that point.
    grain : float
        Relative rounding that is there in any case.
    """
    most = max(EPSILON, grain) * abs(value)
    for scale in NOISE_SCALES:
        found, told = [], False
        for function in functions:
            values = np.array([function(scale * (place + _POINTS)) for place in range(_POINTS)])
            finite = bool(np.isfinite(values).all())
            found.append(float(deviation(values)) if finite else 0.0)
            told = told or (finite and len(np.unique(values)) == _POINTS)
        most = max(most, min(found))
        if told and scale >= NOISE_SCALES[1]:
            break  # no grain hides between these points, and at longer distances a curve would look like noise
    return most


def sweep(
    function: Function,
    value: float,
    noise: float,
    *,
    enough: float = 0.0,
    first: float = FIRST_STEP,
    steps: int = MOST_STEPS,
) -> Slope:
    """Find the slope of a function at 0.

    Parameters
    ----------
    function : callable
        Of a step t; NaN where it cannot be computed.
    value : float
        Its value at 0.
    noise : float
        The rounding of its values.
    enough : float
        Stop as soon as the error is no larger.
    first : float
        The largest step.
    steps : int
        How many steps at most.

    Examples
    --------
    >>> found = sweep(math.exp, 1.0, measured_noise([math.exp], 1.0))
    >>> abs(found.value - 1.0) < found.error < 1e-9
    True
    """
    trials: list[Trial] = []
    central: list[list[float]] = []
    jumps: list[list[float]] = []
    best: Slope | None = None
    step = first * RATIO
    while len(trials) < steps and step > first * RATIO**-MOST_DIVISIONS:
        step /= RATIO
        above, below = function(step), function(-step)
        if not (math.isfinite(above) and math.isfinite(below)):
            central, jumps = [], []  # what was beyond the domain says nothing about what is within
            continue
        trials.append(Trial(step, (value - below) / step, (above - value) / step))
        central.append(_extrapolated(central, trials[-1].central, (16.0, 256.0, 4096.0)))
        jumps.append(_extrapolated(jumps, trials[-1].right - trials[-1].left, (4.0, 64.0)))
        if len(central) < 3:
            continue
        rounding = 2 * max(noise, EPSILON * max(abs(above), abs(below))) / step
        found = _entry(central, jumps, rounding, trials)
        if best is None or found.error < best.error:
            best = found
        if best.error <= enough:
            break
    if best is None:
        return Slope(math.nan, math.inf, math.nan, math.nan, 0.0, math.inf, tuple(trials))
    return Slope(best.value, best.error, best.left, best.right, best.jump, best.jump_error, tuple(trials))


def _extrapolated(rows: list[list[float]], first: float, powers: Sequence[float]) -> list[float]:
    """Return a new row of Richardson's table: each entry takes one more power of the step away."""
    row = [first]
    if rows:
        for before, power in zip(rows[-1], powers, strict=False):
            row.append(row[-1] + (row[-1] - before) / (power - 1.0))
    return row


def _entry(central: list[list[float]], jumps: list[list[float]], rounding: float, trials: list[Trial]) -> Slope:
    """Return the best entry of the newest row of the table."""
    row, before = central[-1], central[-2]
    jump = jumps[-1][-1]
    moved = max(abs(jumps[-1][-1] - jumps[-1][-2]), abs(jumps[-1][-2] - jumps[-2][-2]))
    best, least = row[0], abs(row[0] - before[0])
    for level in range(1, min(len(row), _LEVELS + 1)):
        change = max(abs(row[level] - row[level - 1]), abs(row[level] - before[level - 1]))
        if change < least:
            best, least = row[level], change
    newest = trials[-1]
    error = least + rounding + abs(jump)
    return Slope(best, error, newest.left, newest.right, jump, moved + 4 * rounding, ())


def complex_slope(function: Callable[[complex], Any]) -> float:
    """Return the slope at 0 by a complex step: the imaginary part of f(ih)/h, exact to rounding for analytic f.

    NaN where the function takes no complex numbers.

    References
    ----------
    Squire & Trapp, SIAM Review 40 (1998).
    """
    step = 1e-30
    try:
        found = complex(function(1j * step))
    except Exception:  # whatever a function does with numbers that it was not written for
        return math.nan
    slope = found.imag / step
    return slope if math.isfinite(slope) else math.nan
