"""The report: Markdown from what was timed, with the machine, and with what is not claimed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.timing import Timed
from benchmarks.works import Work


@dataclass(frozen=True)
class Measured:
    """A work, its contenders' times, and why some could not take part."""

    work: Work
    timed: Sequence[Timed]
    absent: dict[str, str]

    @property
    def ours(self) -> Timed:
        return next(timed for timed in self.timed if timed.ours)

    @property
    def fastest_peer(self) -> Timed | None:
        return min((timed for timed in self.timed if not timed.ours), key=lambda timed: timed.median, default=None)


def ratio(ours: Timed, peer: Timed) -> str:
    """How many times as long the peer takes, with the range over the rounds."""
    rounds = peer.seconds / ours.seconds
    return f"{figure(peer.median / ours.median)} × ({figure(rounds.min())} to {figure(rounds.max())})"


def figure(value: float) -> str:
    """A number to three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """A time per step in the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{figure(seconds / size)} {unit}"
    return f"{figure(seconds / 1e-9)} ns"


def headline(results: Sequence[Measured]) -> str:
    """The table of ratios to the fastest peer."""
    lines = [
        "| training (float32) | backstory, per step | fastest peer | per step | ratio (range over the rounds) |",
        "|---|---|---|---|---|",
    ]
    for result in results:
        peer = result.fastest_peer
        row = [result.work.name, duration(result.ours.median)]
        row += ["none", "", ""] if peer is None else [peer.name, duration(peer.median), ratio(result.ours, peer)]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def section(result: Measured) -> str:
    """One work: every contender, quickest first."""
    work = result.work
    loss = work.loss.replace("_", " ")
    lines = [
        f"### {work.name}",
        "",
        f"{work.rows:,} rows, {work.steps:,} steps; {work.output} output, {loss}, rate {work.learning_rate:g}.",
        "",
        "| contender | per step | quartiles | to backstory | compiling | loss after one epoch | off the reference |",
        "|---|---|---|---|---|---|---|",
    ]
    for timed in sorted(result.timed, key=lambda timed: timed.median):
        low, high = timed.quartiles
        compiling = f"{timed.compile_seconds:.2f} s" if timed.compile_seconds else "none"
        times = f"{duration(timed.median)} | {duration(low)} to {duration(high)}"
        ratio_to_ours = f"{figure(timed.median / result.ours.median)} ×"
        checked = f"{timed.verdict.loss:.6f} | {timed.verdict.off:.0e}"
        lines.append(f"| {timed.name} | {times} | {ratio_to_ours} | {compiling} | {checked} |")
    lines += [f"| {name} | – | – | – | – | {why} | – |" for name, why in result.absent.items()]
    return "\n".join(lines)


TEXT = """\
# Speed

Written by `make bench`. The ratio is how many times as long the fastest peer takes: above 1, backstory is ahead.

{headline}

## How it is measured

- All contenders run in the same process, on the same data, from the same first weights, with the same hyper-parameters,
  in float32, each allowed the same {threads} processors and threads. They visit the rows in the given order, not
  shuffled, so that all compute the same numbers.
- Before anything is timed, every contender trains one epoch, and its weights and loss are compared with the reference
  engine's in float64; "off the reference" is the distance in parts of the way they went. One that does not do the same
  work stops the run.
- Everybody is warmed up. Compiling is apart, in its own column. Then samples of about {seconds:g} s are taken in turn,
  each after a rest, {repeats} rounds, the order moving on by one each round; a row gives the median over the rounds and
  the quartiles.
- backstory is timed through `Network.fit`, with all its checks and its history. Peers are given their best case:
  batches are cut and put on the device beforehand, buffers are donated, optimizers are the library's quickest variant.

## What is not claimed

- Nothing about GPUs, about other kinds of layers, or about networks and batches that are not in the table.
- Nothing about other machines: the ratio depends on the processor's vector units, memory and cores.
- Time per step is not time to a good model; that depends on the data and on the hyper-parameters.
- Shuffling, validation and callbacks are left out, for everybody.
- The data are drawn from a random generator, as time per step does not depend on them.

## The machine

{machine}

## Every contender

{sections}
"""


def markdown(results: Sequence[Measured], *, machine: Sequence[str], threads: int, repeats: int, seconds: float) -> str:
    """The whole page."""
    return TEXT.format(
        headline=headline(results),
        threads=threads,
        repeats=repeats,
        seconds=seconds,
        machine="\n".join(f"- {line}" for line in machine),
        sections="\n\n".join(section(result) for result in results),
    )
