"""The results as a Markdown table, and how they stand to what was aimed at; said in figures, reached or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.contenders import CONTENDERS
from benchmarks.accuracy.run import Measured, Results
from benchmarks.accuracy.sets import SETS, Set

ALLOWED = 1.02
"""How far above a tuned network's error ours may be."""


@dataclass(frozen=True)
class Line:
    """One table's results."""

    set: Set
    by_contender: dict[str, list[Measured]]

    def mean(self, contender: str) -> float:
        """Over the splits."""
        return float(np.mean([measured.value for measured in self.by_contender[contender]]))

    def better(self, contender: str) -> bool:
        """Whether ours is better than a contender, in the mean over the splits."""
        ours, theirs = self.mean("backstory"), self.mean(contender)
        return ours > theirs if self.set.task == "classes" else ours < theirs

    def shown(self, contender: str) -> str:
        """Mean and, with several splits, the standard error; ours in bold where it is best of all networks."""
        values = [measured.value for measured in self.by_contender[contender]]
        percent = self.set.task == "classes"
        mean, error = np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
        text = f"{100 * mean:.2f} %" if percent else f"{mean:.4g}"
        spread = "" if len(values) == 1 else f" ± {100 * error:.2f}" if percent else f" ± {float(f'{error:.2g}'):g}"
        return text + spread


def markdown(results: Results) -> str:
    """The table and what follows from it."""
    sets = {set.name: set for set in SETS}
    lines = [Line(sets[name], found) for name, found in results.items()]
    return "\n".join([*_table(lines), "", *_verdicts(lines), ""])


def _table(lines: Sequence[Line]) -> list[str]:
    head = ["table", "rows measured", "measure", *CONTENDERS, "tuned plain MLP", "seconds of ours"]
    rows = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for line in lines:
        splits = len(line.by_contender["backstory"])
        cells = [
            line.set.name,
            f"{splits} {'split' if splits == 1 else 'splits'}",
            "accuracy" if line.set.task == "classes" else "RMSE",
            *(line.shown(name) for name in CONTENDERS),
            "" if line.set.tuned is None else f"{line.set.tuned:g}",
            f"{np.mean([measured.seconds for measured in line.by_contender['backstory']]):.1f}",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def _verdicts(lines: Sequence[Line]) -> list[str]:
    said = []
    for name in list(CONTENDERS)[1:]:
        behind = [line.set.name for line in lines if not line.better(name)]
        rest = f"; not on {', '.join(behind)}" if behind else ""
        said.append(f"- better than {name} on {len(lines) - len(behind)} of {len(lines)} tables{rest}.")
    tuned = [line for line in lines if line.set.tuned is not None]
    far = [line.set.name for line in tuned if line.mean("backstory") > ALLOWED * (line.set.tuned or 0.0)]
    rest = f"; not on {', '.join(far)}" if far else ""
    within = f"{len(tuned) - len(far)} of {len(tuned)} tables that have one{rest}"
    return [*said, f"- within 2 % of the tuned plain MLP, or better, on {within}."]
