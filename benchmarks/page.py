"""docs/benchmarks.md: parts between marks, each of which a run replaces, and the charts beside it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks import charts
from benchmarks.report import Measured, headline, section
from benchmarks.sweeps import RowsSwept, Swept

PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"

TEXT = """\
# Speed

Written by `make bench`. The ratio is how many times as long the fastest peer takes: above 1, backstory is ahead. What
is asked was written down before it was built; a figure that is not reached is shown like any other.

{headline}

## How it is measured

- All contenders run in the same process, on the same data, from the same first weights, with the same hyper-parameters,
  in float32 where nothing else is said, each allowed the same processors and threads. Training visits the rows in the
  given order, not shuffled, so that all compute the same numbers; only the estimators are timed shuffling, as they are
  used.
- Before anything is timed, every contender does the work once, and its numbers are compared with the reference engine's
  in float64 (the estimators' with scikit-learn's in float64); "off the reference" is the distance in parts of the way
  they went. One that does not do the same work stops the run.
- Everybody is warmed up. Compiling is apart, in its own column. Then samples are taken in turn, each after a rest, the
  order moving on by one each round; a row gives the median over the rounds and the quartiles.
- backstory is timed through its public methods, with all their checks. Peers are given their best case: batches are
  cut and put on the device beforehand, buffers are donated or bound, optimizers are the library's quickest variant,
  PyTorch predicts under `inference_mode`, and `torch.compile` gets one function from loss to optimizer as a full graph,
  which is several times as quick as compiling a module with `backward` and `torch.optim`.
- Time to an accuracy: the clock stands while the test images are looked at, after each epoch, by the same code for
  everybody. Five seeds draw first weights and an order of the rows, which stays the same from epoch to epoch.
- The peak is measured in the same run, before and after a work, by a small program that does nothing but fused
  multiply-adds (`benchmarks/peak.cpp`), with the engine's instruction set and as many threads; a step's share counts
  the operations of its matrix products only.

## What is not claimed

- Nothing about GPUs, about other kinds of layers, or about networks and batches that are not in the tables.
- Nothing about other machines: the ratio depends on the processor's vector units, memory and cores.
- Time per step is not time to a good model; that depends on the data and on the hyper-parameters.
- Validation and callbacks are left out, for everybody.
- The data are drawn from a random generator where no data set is named. Networks with 784 inputs get rows like images
  of digits, in which four in five numbers are 0, and backstory skips zeros; a row marked "inputs without zeros" shows
  what is left of the ratio where there are none to skip.

## The machine

{machine}

## No cliffs

{sweeps}

## Memory

{memory}

## Every contender

{sections}
"""


def marked(name: str, text: str) -> str:
    return f"<!-- {name}:begin -->\n{text}\n<!-- {name}:end -->"


def update(page: Path, parts: dict[str, str], text: str = TEXT) -> None:
    """Replace these parts; what the page says otherwise is always written anew, and other parts stay."""
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    kept = {}
    for name in re.findall(r"^\{(\w+)\}$", text, flags=re.MULTILINE):
        found = re.search(rf"<!-- {name}:begin -->\n(.*?)\n<!-- {name}:end -->", old, flags=re.DOTALL)
        kept[name] = marked(name, parts.get(name, found[1] if found else "Not measured yet."))
    page.write_text(text.format(**kept), encoding="utf-8")


def images(page: Path) -> Path:
    """The folder of the charts."""
    folder = page.parent / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def works_parts(results: Sequence[Measured], machine: Sequence[str], page: Path) -> dict[str, str]:
    """The parts about works; their chart is written beside the page."""
    chart = images(page) / "benchmarks.svg"
    rows = [(result.work.name, charted(result)) for result in results]
    chart.write_text(charts.dots("Time per step, call or fit (farther left is faster)", rows), encoding="utf-8")
    picture = f"![Time of every work and contender on a logarithmic axis](images/{chart.name})"
    return {
        "headline": f"{headline(results)}\n\n{picture}",
        "machine": "\n".join(f"- {line}" for line in machine),
        "sections": "\n\n".join(section(result) for result in results),
    }


def charted(result: Measured) -> dict[str, float]:
    """Seconds by contender, ours first; the same way of using a library has one name, whatever the work."""
    times = {"backstory": result.ours.median} | {timed.name: timed.median for timed in result.timed if not timed.ours}
    names = {"JAX, jitted step": "JAX, jitted", "JAX, jitted value_and_grad": "JAX, jitted"}
    names["scikit-learn, _backprop"] = "scikit-learn"
    return {names.get(name, name): seconds for name, seconds in times.items() if math.isfinite(seconds)}


def sweep_charts(found: Sequence[Swept], rows: RowsSwept, page: Path) -> list[str]:
    """Write a chart for each sweep and one for the rows; return their paths as the page names them."""
    paths = []
    for swept in found:
        curves = {f"{count} thread{'s' * (count > 1)}": times for count, times in swept.seconds.items()}
        text = charts.lines(f"Time per step: {swept.sweep.title}", swept.sweep.axis, curves)
        paths.append(saved(text, f"sweep-{swept.sweep.key}.svg", page))
    of_rows = {
        "an epoch, batch 200, Adam": dict(zip(rows.rows.tolist(), rows.epoch.tolist(), strict=True)),
        "a prediction": dict(zip(rows.rows.tolist(), rows.prediction.tolist(), strict=True)),
    }
    paths.append(saved(charts.lines("Time over rows: 8-64-64-1", "rows", of_rows), "sweep-rows.svg", page))
    return paths


def saved(text: str, name: str, page: Path) -> str:
    (images(page) / name).write_text(text, encoding="utf-8")
    return f"images/{name}"
