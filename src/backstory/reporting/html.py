"""A report as one HTML file that needs nothing else: charts as SVG, no script, light or dark, readable on a phone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from backstory.data.wording import listed
from backstory.drawing import page
from backstory.reporting import drawn
from backstory.reporting.terminal import plural

if TYPE_CHECKING:
    from backstory.reporting.report import TableReport

STYLE = f"""{page.STYLE}
.backstory .number {{ text-align: right; }}
.backstory .soft, .backstory td.remark {{ color: var(--soft); font-size: .9rem; }}
.backstory td.right {{ background: color-mix(in srgb, #2da44e calc(var(--share) * 60%), transparent); }}
.backstory td.wrong {{ background: color-mix(in srgb, #e5484d calc(var(--share) * 60%), transparent); }}
.backstory .confusion td, .backstory .confusion th {{ padding: .35rem .7rem; }}
.backstory svg {{ max-width: 100%; height: auto; }}
.backstory svg text {{ font: 12px system-ui, sans-serif; fill: var(--soft); }}
.backstory svg .grid {{ stroke: var(--rule); stroke-width: 1; }}
@media (max-width: 40rem) {{ .backstory svg text {{ font-size: 16px; }} }}
"""

ENDED = {
    "epochs": "all that were planned",
    "early stopping": "ended by early stopping",
    "callback": "ended by a callback",
    "interrupted": "interrupted",
    "converged": "ended as it had converged",
}
"""What `History.stopped` means."""

MOST_CLASSES = 40
"""Of more classes the confusion table is left out."""


def document(report: TableReport) -> str:
    """The whole file."""
    return page.whole(f"{report.table.target}: report of a training run", body(report))


def body(report: TableReport) -> str:
    """The report as an element with its own style, for a page or a notebook."""
    lead = report.figures[0]
    lines = [
        f'<main class="backstory">\n<style>{STYLE}</style>',
        f"<h1>Predicting {escape(report.table.target)}: {escape(lead.name)} {lead.text}</h1>",
        f'<p class="soft">On {report.rows:,} {escape(report.measured)}. Network {escape(report.network)}.</p>',
        *_sections(report),
        "</main>",
    ]
    return "\n".join([*lines, ""])


def _sections(report: TableReport) -> Iterator[str]:
    yield _section("Figures", _figures(report))
    yield _section("Data", *_data(report))
    if report.history is not None and len(report.history):
        yield _section("Course", _figure(drawn.course(report.history)), _course(report))
    if report.confusion is not None and len(report.confusion) <= MOST_CLASSES:
        yield _section("Confusion", _confusion(report))
    yield _section("Calibration", *_calibration(report))
    yield _section("What it goes by", *_importance(report))
    yield _section("Gradient flow", *_flow(report))


def _section(title: str, *parts: str) -> str:
    return "\n".join([f"<section>\n<h2>{escape(title)}</h2>", *parts, "</section>"])


def _figure(svg: str) -> str:
    return f"<figure>\n{svg}</figure>"


def _words(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], kinds: Sequence[str]) -> str:
    """A table of texts; `kinds` are the classes of its columns."""
    named = [f' class="{kind}"' if kind else "" for kind in kinds]
    titles = "".join(f'<th scope="col"{kind}>{escape(title)}</th>' for title, kind in zip(head, named, strict=False))
    top = f"<thead><tr>{titles}</tr></thead>" if head else ""
    lines = ("".join(f"<td{kind}>{escape(cell)}</td>" for cell, kind in zip(row, named, strict=True)) for row in rows)
    inside = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f"<div><table>{top}\n<tbody>{inside}</tbody></table></div>"


def _figures(report: TableReport) -> str:
    rows = [(figure.name, figure.text, figure.remark) for figure in report.figures]
    return _table((), rows, ("", "number", "remark"))


def _data(report: TableReport) -> Iterator[str]:
    seen, table = report.seen, report.table
    if seen is not None:
        test = f", {seen.test:,} kept for the test" if seen.test else ""
        yield _words(
            f"{seen.name}: {seen.train:,} rows to train on, {seen.validation:,} held out to tell when to stop{test} "
            f"({seen.origin})."
        )
    kind = "a number" if table.classes is None else f"{plural(len(table.classes), 'class')} ({listed(table.classes)})"
    yield _words(f"The target {table.target} is {kind}, as {table.aim.reason}.")
    rows = [(column.name, column.kind, column.detail) for column in table.columns]
    rows += [(column.name, "left out", column.reason) for column in table.left_out]
    yield _table(("column", "kind", "what is known of it"), rows, ("", "", "remark"))


def _course(report: TableReport) -> str:
    history = report.history
    assert history is not None
    best = "" if history.best_epoch is None else f"; the weights of epoch {history.best_epoch + 1} are kept"
    return _words(f"{plural(len(history), 'epoch')} in {history.seconds[-1]:.2g} s, {ENDED[history.stopped]}{best}.")


def _confusion(report: TableReport) -> str:
    counts, labels = report.confusion, report.table.classes
    assert counts is not None
    assert labels is not None
    head = "".join(f'<th scope="col" class="number">{escape(str(label))}</th>' for label in labels)
    rows = []
    for true, row in enumerate(counts):
        shares = row / max(int(row.sum()), 1)
        kinds = ["right" if true == guess else "wrong" for guess in range(len(row))]
        cells = "".join(
            f'<td class="number {kind}" style="--share: {share:.3f}">{count:,}</td>'
            for count, share, kind in zip(row, shares, kinds, strict=True)
        )
        rows.append(f'<tr><th scope="row">{escape(str(labels[true]))}</th>{cells}</tr>')
    top = f'<thead><tr><th scope="col">true \\ predicted</th>{head}</tr></thead>'
    inside = "\n".join(rows)
    return f'<div><table class="confusion">{top}\n<tbody>{inside}</tbody></table></div>'


def _calibration(report: TableReport) -> Iterator[str]:
    found, share = report.calibration, report.table.classes is not None
    if share:
        yield _words(
            f"Expected calibration error {found.error:.4f}: so far, on average over the rows, is the share of right "
            "answers from the probability that was given."
        )
    else:
        yield _words("Rows sorted by what was predicted, in tenths: the mean predicted beside the mean true.")
    yield _figure(drawn.calibration(found, share))
    head = ("rows", "mean probability", "share right") if share else ("rows", "mean predicted", "mean true")
    form = "{:.3f}" if share else "{:.5g}"
    rows = [(f"{each.rows:,}", form.format(each.said), form.format(each.found)) for each in found.bins]
    yield _table(head, rows, ("number",) * 3)


def _importance(report: TableReport) -> Iterator[str]:
    score = "R²" if report.table.classes is None else "accuracy"
    yield _words(
        f"How much the {score} falls when a column's values are shuffled among the rows; the thin line is the standard "
        "deviation over the shuffles. Of columns that say the same, each may seem to matter little."
    )
    yield _figure(drawn.importance(report.importance))


def _flow(report: TableReport) -> Iterator[str]:
    flow = report.flow
    yield _words(flow.sentence)
    rows = [
        (
            str(layer.layer),
            layer.activation,
            f"{layer.delta:.3g}",
            f"{layer.gradient:.3g}",
            str(len(layer.dead_units)),
            str(len(layer.saturated_units)),
        )
        for layer in reversed(flow.layers)
    ]
    yield _table(("layer", "activation", "|δ|", "|∂L/∂W|", "dead", "saturated"), rows, ("", "", *["number"] * 4))
