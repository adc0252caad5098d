"""What an audit found, as data and as a page of 80 columns."""

from __future__ import annotations

import textwrap
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from backstory.auditing.slopes import Trial

Verdict: TypeAlias = Literal["pass", "fail", "inconclusive"]
WIDTH = 80


@dataclass(frozen=True)
class Derivative:
    """One parameter's derivative, claimed and measured.

    Attributes
    ----------
    name : str
    claimed : float
    true : float
        Measured from values of the loss.
    error : float
        How far off `true` may be.
    """

    name: str
    claimed: float
    true: float
    error: float

    @property
    def ratio(self) -> float | None:
        """Claimed divided by true; None where the true one is 0 within its error."""
        return self.claimed / self.true if abs(self.true) > 2 * self.error else None


@dataclass(frozen=True)
class Report:
    """The verdict on a gradient; prints as a page.

    Attributes
    ----------
    verdict : {"pass", "fail", "inconclusive"}
    kind : str or None
        None for "pass". Of a failure: "scale", "sign", "zero", "transposed", "one_layer", "earlier_layers",
        "one_parameter", "some_parameters", "missing_penalty", "extra_penalty", "missing_activation_derivative",
        "extra_activation_derivative", "wrong_argument", "wrong_function", "not_a_gradient", "stale_weights",
        "accumulated", "not_finite". Inconclusive: "kink", "rounding", "step", "not_deterministic", "not_finite".
    ratio : float or None
        Claimed divided by true, where that is the same for all derivatives concerned.
    cause : str
        What it is and what to do, in a sentence or two.
    worst : tuple of Derivative
        The parameters that are furthest off, or least certain, the first the worst.
    subject : str
        What was audited.
    loss : float
        At the point of the audit.
    parameters, measured, agreeing : int
        How many there are, were measured one by one, and agree.
    evaluations : int
        How often the loss was called.
    agreement : float
        The largest difference between claimed and measured derivatives that counts as agreement here, as a share of the
        largest derivative: how sharp the audit was.
    arrays : tuple of (str, int, int)
        By array its name, how many of its measured derivatives agree, and how many were measured.
    trials : tuple of Trial
        The sweep of steps of the worst parameter: one-sided and central differences.
    """

    verdict: Verdict
    kind: str | None
    ratio: float | None
    cause: str
    worst: tuple[Derivative, ...]
    subject: str
    loss: float
    parameters: int
    measured: int
    agreeing: int
    evaluations: int
    agreement: float
    arrays: tuple[tuple[str, int, int], ...] = ()
    trials: tuple[Trial, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the verdict is "pass"."""
        return self.verdict == "pass"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; what is not finite becomes None."""
        found = asdict(self) | {"ok": self.ok}
        for derivative, row in zip(self.worst, found["worst"], strict=True):
            row["ratio"] = derivative.ratio
        found["arrays"] = [
            {"name": name, "agreeing": agreeing, "measured": measured} for name, agreeing, measured in self.arrays
        ]
        plain: dict[str, Any] = _finite(found)
        return plain

    def __str__(self) -> str:
        heading = f"{self.verdict.upper()}: {self.subject}"
        parts = [_wrapped(heading), _wrapped(self.cause, "  "), self._figures()]
        if self.worst:
            parts += ["", *self._table()]
        if self.trials and self.verdict != "pass":
            parts += ["", *self._sweep()]
        return "\n".join(parts)

    def _figures(self) -> str:
        checked = f"{self.agreeing} of {self.measured} derivatives measured agree"
        if self.measured < self.parameters:
            checked += f", of {self.parameters} parameters"
        text = f"{checked}; loss {self.loss:.9g}, called {self.evaluations} times"
        if self.verdict == "pass":
            text += f"; a difference of {self.agreement:.1g} of the largest derivative would have been seen"
        lines = [_wrapped(f"{text}.", "  ")]
        bad = [f"{name} {agreeing}/{measured}" for name, agreeing, measured in self.arrays if agreeing < measured]
        rest = ", the others all" if len(bad) < len(self.arrays) else ""
        if self.verdict != "pass" and len(self.arrays) > 1 and bad:
            lines.append(_wrapped(f"agreeing by array: {', '.join(bad)}{rest}.", "  "))
        return "\n".join(lines)

    def _table(self) -> list[str]:
        title = {"pass": "closest to a difference", "fail": "worst", "inconclusive": "least certain"}[self.verdict]
        lines = [f"  {title:<24}{'claimed':>15}{'measured':>15}{'±':>10}{'ratio':>11}"]
        for each in self.worst:
            ratio = "" if each.ratio is None else f"{each.ratio:.6g}"
            name = each.name if len(each.name) <= 23 else f"...{each.name[-20:]}"
            lines.append(f"  {name:<24}{each.claimed:>15.8g}{each.true:>15.8g}{each.error:>10.1g}{ratio:>11}")
        return lines

    def _sweep(self) -> list[str]:
        lines = [f"  {'step for ' + self.worst[0].name:<24.24}{'left slope':>15}{'right slope':>15}{'central':>15}"]
        trials = self.trials if len(self.trials) <= 7 else self.trials[::2]
        return lines + [
            f"  {each.step:<24.2g}{each.left:>15.8g}{each.right:>15.8g}{each.central:>15.8g}" for each in trials
        ]


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent or "  ", break_on_hyphens=False)


def _finite(value: Any) -> Any:
    """Return data in which no number is NaN or infinite, as JSON knows none."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if isinstance(value, float):
        return value if value - value == 0 else None
    return value
