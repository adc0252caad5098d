"""The best of every library: Markdown tables and a chart of accuracy against time; said in figures, reached or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from backstory.drawing.charts import COLORS, Log, document, dot, grid_line, text
from benchmarks.accuracy.best import Result
from benchmarks.accuracy.rivals import OURS, RIVALS, SEVERAL, THEIRS
from benchmarks.accuracy.tables import CHOSEN_ON, TABLES
from benchmarks.report import duration

Found = Mapping[str, Mapping[str, Mapping[int, Result]]]
"""Table -> contender -> split -> result."""

CHOSEN = {set.name for set in CHOSEN_ON}
ALLOWED = 1.03
"""How far above RealMLP's error ours may be on any table."""
NAME = (150.0, 14.0)
"""How wide and how high a name in the chart may be."""


def splits(found: Found, table: str, *contenders: str) -> list[int]:
    """The splits of a table that all of these contenders were measured on."""
    each = [set(found.get(table, {}).get(name, {})) for name in contenders]
    return sorted(set.intersection(*each))


def ratios(found: Found, name: str) -> dict[str, float]:
    """Table -> the mean error of a contender over RealMLP's, over the splits that both have."""
    every = {}
    for table in found:
        shared = splits(found, table, name, THEIRS)
        if shared:
            mine, theirs = (np.mean([found[table][each][split].error for split in shared]) for each in (name, THEIRS))
            every[table] = float(mine / theirs)
    return every


def ranks(found: Found) -> dict[str, float]:
    """The mean rank of each contender among those that were measured on the same split."""
    every: dict[str, list[float]] = {}
    for table, by_name in found.items():
        for split in splits(found, table, OURS, THEIRS):
            names = [name for name in by_name if split in by_name[name]]
            errors = np.array([by_name[name][split].error for name in names])
            for name, error in zip(names, errors, strict=True):
                place = 1 + (errors < error).sum() + ((errors == error).sum() - 1) / 2
                every.setdefault(name, []).append(float(place))
    return {name: float(np.mean(places)) for name, places in every.items()}


def geometric(values: list[float]) -> float:
    """Their geometric mean."""
    return float(np.exp(np.mean(np.log(values))))


def seconds(found: Found, name: str) -> float:
    """The geometric mean of the seconds of a fit, over what RealMLP was measured on too."""
    shared = [(table, split) for table in found for split in splits(found, table, name, THEIRS)]
    return geometric([found[table][name][split].seconds for table, split in shared])


def markdown(found: Found) -> str:
    """Both tables and what follows from them."""
    return "\n".join([*_summary(found), "", *_by_table(found), "", *_verdicts(found), ""])


def _summary(found: Found) -> list[str]:
    head = ["contender", "tables", "mean rank", "error over RealMLP-TD's", "of tables that played no part", "seconds"]
    rows, places = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"], ranks(found)
    for name in RIVALS:
        every = ratios(found, name)
        if not every:
            continue
        rest = [value for table, value in every.items() if table not in CHOSEN]
        place = f"{places[name]:.2f}" if name in places else ""
        cells = [name, f"{len(every)}", place, f"{geometric(list(every.values())):.3f}"]
        cells += [f"{geometric(rest):.3f}" if rest else "", f"{seconds(found, name):.2g}"]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def alike(found: Found) -> Found:
    """Only the splits that both we and RealMLP were measured on, and of the others who have all of these."""
    every: dict[str, dict[str, dict[int, Result]]] = {}
    for table, by_name in found.items():
        shared = splits(found, table, OURS, THEIRS)
        every[table] = {
            name: {split: results[split] for split in shared}
            for name, results in by_name.items()
            if shared and set(shared) <= set(results)
        }
    return every


def _by_table(found: Found) -> list[str]:
    found = alike(found)
    names = [name for name in RIVALS if any(name in each for each in found.values())]
    rows = [f"| table | splits | measure | {' | '.join(names)} |", f"|{'---|' * (3 + len(names))}"]
    for set in TABLES:
        by_name = found.get(set.name, {})
        if THEIRS not in by_name:
            continue
        means = {name: float(np.mean([each.error for each in by_name[name].values()])) for name in by_name}
        cells = [_cell(means.get(name), min(means.values())) for name in names]
        measure = "share wrong" if set.task == "classes" else "RMSE"
        label = set.name if set.name in CHOSEN else f"{set.name} ◦"
        rows.append(f"| {label} | {len(by_name[THEIRS])} | {measure} | {' | '.join(cells)} |")
    return rows


def _cell(value: float | None, least: float) -> str:
    if value is None:
        return ""
    return f"**{value:.4g}**" if value == least else f"{value:.4g}"


def _verdicts(found: Found) -> list[str]:
    said = []
    for name in (OURS, SEVERAL):
        every = ratios(found, name)
        if not every:
            continue
        counted = sum(len(splits(found, table, name, THEIRS)) for table in every)
        mean = geometric(list(every.values()))
        far = ", ".join(f"{table} ({100 * (each - 1):.0f} %)" for table, each in every.items() if each > ALLOWED)
        quicker = seconds(found, THEIRS) / seconds(found, name)
        said.append(
            f"- {name}, {counted} splits of {len(every)} tables: the geometric mean of the errors is {mean:.3f} of "
            "RealMLP-TD's "
            f"({'reached' if mean <= 1 else 'not reached'}); worse than it by more than 3 % on "
            f"{f'{far} (not reached)' if far else 'no table (reached)'}; a fit takes 1/{quicker:.0f} of its time."
        )
    return said


def chart(found: Found, width: int = 760) -> str:
    """The error over RealMLP's against the seconds of a fit, both geometric means, as SVG; of who did most tables."""
    known = {name: ratios(found, name) for name in RIVALS}
    most = 0.9 * max(len(each) for each in known.values())
    points = {
        name: (seconds(found, name), geometric(list(each.values())))
        for name, each in known.items()
        if len(each) >= most
    }
    left, right, top, bottom = 70.0, width - 190.0, 60.0, 360.0
    times, errors = zip(*points.values(), strict=True)
    along, up = (
        Log(min(times) / 2, max(times) * 2, left, right),
        Log(min(errors) / 1.05, max(errors) * 1.05, bottom, top),
    )
    parts = [text(left, 44, "error over RealMLP-TD's: lower is better")]
    for value in along.powers():
        x = along.at(value)
        parts += [grid_line(x, top, x, bottom), text(x, bottom + 18, duration(value), "middle")]
    for value in (level for level in (0.9, 1.0, 1.25, 1.5, 2.0, 3.0) if min(errors) / 1.05 <= level <= max(errors)):
        parts += [
            grid_line(left, up.at(value), right, up.at(value)),
            text(left - 8, up.at(value) + 4, f"{value:g}", "end"),
        ]
    dots = {name: (along.at(x), up.at(y)) for name, (x, y) in points.items()}
    for place, (name, (x, y)) in enumerate(dots.items()):
        parts += [dot(x, y, COLORS[place % len(COLORS)], 6), text(x + 10, y + _lowered(x, y, dots.values()), name)]
    parts.append(text((left + right) / 2, bottom + 40, "seconds of a fit, geometric mean", "middle"))
    return document(width, 420, "Accuracy against time on tables", parts)


def _lowered(x: float, y: float, dots: Iterable[tuple[float, float]]) -> float:
    """How far below its dot a name's line stands: beside it, or above or below where another name is near."""
    near = [(v, u) for u, v in dots if (u, v) != (x, y) and abs(u - x) < NAME[0] and abs(v - y) < NAME[1]]
    if not near:
        return 4.0
    return -10.0 if (y, x) < min(near) else 20.0
