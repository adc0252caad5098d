"""The report: Markdown from what was timed, with the machine, and with what is not claimed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.timing import Timed
from benchmarks.works import Target, Work

LIBRARIES = {"sklearn": "scikit-learn", "torch": "PyTorch", "jax": "JAX"}
"""Packages whose name is not how they are imported."""


@dataclass(frozen=True)
class Measured:
    """A work, its contenders' times, why some could not take part, and the processor's peak where it matters."""

    work: Work
    timed: Sequence[Timed]
    absent: dict[str, str]
    peak: float = math.nan
    """Multiplications and additions a second, measured in the same run."""

    @property
    def ours(self) -> Timed:
        return next(timed for timed in self.timed if timed.ours)

    def fastest(self, packages: tuple[str, ...] = ()) -> Timed | None:
        """The quickest peer of these packages, or of all."""
        peers = (timed for timed in self.timed if not timed.ours and (not packages or timed.package in packages))
        return min(peers, key=lambda timed: timed.median, default=None)

    @property
    def peak_share(self) -> float:
        """The part of the peak that our matrix products reach, if nothing else took time."""
        return self.work.flops / self.ours.median / self.peak


def ratio(ours: Timed, peer: Timed) -> str:
    """How many times as long the peer takes, with the range over the rounds."""
    if not np.isfinite(ours.median):
        return "–"
    rounds = peer.seconds / ours.seconds
    return f"{figure(peer.median / ours.median)} × ({figure(rounds.min())} to {figure(rounds.max())})"


def figure(value: float) -> str:
    """A number to three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    if math.isinf(seconds):
        return "never"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{figure(seconds / size)} {unit}"
    return f"{figure(seconds / 1e-9)} ns"


def headline(results: Sequence[Measured]) -> str:
    """The table of ratios: a line for all that is asked, and one for a fastest peer that nothing is asked about."""
    lines = [
        "| work | backstory | fastest peer | ratio (range over the rounds) | asked | reached? |",
        "|---|---|---|---|---|---|",
    ]
    for result in results:
        ours = f"{duration(result.ours.median)} per {result.work.unit}"
        said = (*asked(result), *peak_asked(result))
        lines += ["| " + " | ".join((result.work.name, ours, *words)) + " |" for words in said]
    return "\n".join(lines)


def asked(result: Measured) -> list[tuple[str, str, str, str]]:
    """(peer, ratio, asked, reached?) for each target, and for a fastest peer beside them."""
    lines = [line(result, target) for target in result.work.targets]
    fastest, meant = result.fastest(), [result.fastest(target.packages) for target in result.work.targets]
    if fastest is None:
        return [("none", "", "", "")]
    if fastest not in meant:
        lines.append((timed_peer(fastest), ratio(result.ours, fastest), "–", "–"))
    return lines


def line(result: Measured, target: Target) -> tuple[str, str, str, str]:
    """What is said about one target."""
    against = ", ".join(LIBRARIES.get(name, name) for name in target.packages)
    words = f"≥ {figure(target.ratio)} ×" + (f" {against}" if against else "")
    peer = result.fastest(target.packages)
    if peer is None:
        return "not timed", "", words, "not measured"
    reached = peer.median / result.ours.median >= target.ratio
    return timed_peer(peer), ratio(result.ours, peer), words, "yes" if reached else "**not reached**"


def timed_peer(peer: Timed) -> str:
    return f"{peer.name}: {duration(peer.median)}"


def peak_asked(result: Measured) -> list[tuple[str, str, str, str]]:
    """The same for the share of the processor's peak, where one is asked."""
    least = result.work.peak_share
    if not least:
        return []
    words = f"≥ {least:.0%} of the peak"
    if math.isnan(result.peak):
        return [("the peak: not measured", "", words, "not measured")]
    reached = "yes" if result.peak_share >= least else "**not reached**"
    return [(f"the peak: {result.peak / 1e9:,.0f} GFLOP/s", f"{result.peak_share:.0%} of it", words, reached)]


def section(result: Measured) -> str:
    """One work: every contender, quickest first."""
    work = result.work
    unit = work.unit
    lines = [
        f"### {work.name}",
        "",
        description(result),
        "",
        f"| contender | per {unit} | quartiles | to backstory | compiling | loss | off the reference |",
        "|---|---|---|---|---|---|---|",
    ]
    for timed in sorted(result.timed, key=lambda timed: timed.median):
        low, high = timed.quartiles
        compiling = f"{timed.compile_seconds:.2f} s" if timed.compile_seconds else "none"
        times = f"{duration(timed.median)} | {duration(low)} to {duration(high)}"
        ratio_to_ours = f"{figure(timed.median / result.ours.median)} ×"
        loss = "–" if math.isnan(timed.verdict.loss) else f"{timed.verdict.loss:.6f}"
        name = f"{timed.name} ({timed.note})" if timed.note else timed.name
        lines.append(f"| {name} | {times} | {ratio_to_ours} | {compiling} | {loss} | {timed.verdict.off:.0e} |")
    lines += [f"| {name} | – | – | – | – | {why} | – |" for name, why in result.absent.items()]
    return "\n".join(lines)


def description(result: Measured) -> str:
    """What is done, in a sentence or two."""
    work = result.work
    net = f"{work.output} output, {work.loss.replace('_', ' ')}"
    if work.optimizer:
        net += (
            f", {work.optimizer.capitalize() if work.optimizer == 'adam' else 'SGD'} with rate {work.learning_rate:g}"
        )
    texts = {
        "prediction": f"{work.batch:,} rows a call, NumPy in and NumPy out; {net}.",
        "gradient": f"{work.batch:,} rows a call; {net}.",
        "online": f"One row a call from Python, given as NumPy has it; {net}.",
        "estimator": f"{work.rows:,} rows, {work.epochs} epochs, everything else as scikit-learn has it by default.",
        "formula": f"`{work.formula}` as a formula, against the built-in {work.hidden}; {work.rows:,} rows; {net}.",
        "accuracy": f"{work.rows:,} rows an epoch in an order drawn once; {net}.",
    }
    text = texts.get(work.kind, f"{work.rows:,} rows, {work.steps:,} steps; {net}.")
    if work.kind == "training" and not math.isnan(result.peak):
        text += (
            f" {work.flops:,.0f} floating-point operations in a step's products: "
            f"{result.peak_share:.0%} of the peak of {result.peak / 1e9:,.0f} GFLOP/s."
        )
    return text
