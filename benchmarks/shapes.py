"""What the page says about sweeps, rows and memory."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.memory import SLACK, Weighed
from benchmarks.report import duration, figure
from benchmarks.sweeps import FALL, GROWTH, GROWTH_SMALL, NOISE, SMALL, RowsSwept, Swept

RULE = f"""\
From one width, batch or depth to the next, a step's time may grow to {GROWTH:g} × (up to {SMALL} to {GROWTH_SMALL:g} ×)
and fall to {FALL:g} ×, and two threads may not be slower than one (called so from {NOISE:g} × on, as timing one thing
twice differs by that much). Neighbors are timed in turn; each figure is the median of the ratios within the rounds.
What seems to break the rule is timed again, up to three times, with longer samples; what does so each time is told.

| a step's time over the | compared | grows at most | falls at most | two threads to one, at most | breaks |
|---|---|---|---|---|---|
"""


def sweeps_section(found: Sequence[Swept], rows: RowsSwept, charts: Sequence[str]) -> str:
    """The rule, a table of the worst ratios, everything that breaks it, and the charts."""
    table = "\n".join(sweep_row(swept) for swept in found)
    broken = [f"- {s.sweep.title}; {f.text}, {figure(f.ratio)} ×" for s in found for f in s.findings]
    said = "\n".join(["What breaks the rule:", "", *broken]) if broken else "Nothing breaks the rule."
    titles = [f"A step's time over the {swept.sweep.title}" for swept in found]
    pictures = "\n\n".join(f"![{title}]({path})" for title, path in zip(titles, charts, strict=False))
    return f"{RULE}{table}\n\n{said}\n\n{pictures}\n\n{rows_table(rows)}\n\n![Time over rows]({charts[-1]})"


def sweep_row(swept: Swept) -> str:
    """One sweep: the extremes with where they are."""
    most = max(swept.growth, key=lambda pair: swept.growth[pair])
    least = min(swept.growth, key=lambda pair: swept.growth[pair])
    above = {pair: ratio for pair, ratio in swept.growth.items() if pair[2] > SMALL} or swept.growth
    large = max(above, key=lambda pair: above[pair])
    grows = f"{figure(swept.growth[most])} × ({place(most)})"
    if large != most:
        grows += f"; above {SMALL} {figure(above[large])} × ({place(large)})"
    falls = f"{figure(swept.growth[least])} × ({place(least)})"
    second = "–"
    if swept.second_thread:
        slowest = max(swept.second_thread, key=lambda point: swept.second_thread[point])
        second = f"{figure(swept.second_thread[slowest])} × (at {slowest:,})"
    pairs = f"{len(swept.growth):,} pairs"
    return f"| {swept.sweep.title} | {pairs} | {grows} | {falls} | {second} | {len(swept.findings)} |"


def place(pair: tuple[int, int, int]) -> str:
    threads, before, after = pair
    return f"{before:,} to {after:,}, {threads} thread{'s' * (threads > 1)}"


def rows_table(found: RowsSwept) -> str:
    """Cost over rows: it is linear where the time for a row stays the same."""
    lines = [
        "Cost grows with the rows as it should: 8-64-64-1, an epoch in batches of 200 with Adam, and a prediction.",
        "",
        "| rows | an epoch | for a row | a prediction | for a row |",
        "|---|---|---|---|---|",
    ]
    for rows, epoch, prediction in zip(found.rows, found.epoch, found.prediction, strict=True):
        each = f"{duration(epoch)} | {duration(epoch / rows)} | {duration(prediction)} | {duration(prediction / rows)}"
        lines.append(f"| {rows:,} | {each} |")
    return "\n".join(lines)


MEMORY_RULE = f"""\
The most memory that a call took beyond what was there before it (data and parameters), each in a fresh process that
had trained a small network before. Allowed are one batch's activations, the optimizer's state, two packed copies of the
weights, and one copy each of the last good and (if kept) the best weights, in float32; a shuffled order of the rows
takes 8 bytes a row. {SLACK >> 20} MB more is what the process itself may take for stacks and code. The calls with a
million rows show that data in the right dtype and layout is not copied.
"""


def memory_section(found: Sequence[Weighed]) -> str:
    """Peak memory beside what is allowed."""
    lines = [MEMORY_RULE, "| call | data | found | allowed | within? |", "|---|---|---|---|---|"]
    for weighed in found:
        work = weighed.case.work
        data = megabytes(4 * work.rows * work.sizes[0])
        judged = ("yes" if weighed.keeps else "**no**") if weighed.case.parts else "–"
        allowed = megabytes(weighed.case.allowed) if weighed.case.parts else "not asked"
        lines.append(f"| {weighed.case.name} | {data} | {megabytes(weighed.found)} | {allowed} | {judged} |")
    return "\n".join(lines)


def megabytes(size: int) -> str:
    return f"{figure(size / 2**20)} MB" if size else "0"
