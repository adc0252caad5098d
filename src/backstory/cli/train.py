"""``backstory train``: a table in, a model file out, and an honest word on how good it is."""

from __future__ import annotations

import os
from pathlib import Path

from backstory.cli.figures import figures
from backstory.cli.report import console, pairs, plural
from backstory.data.columns import KINDS
from backstory.data.frame import listed
from backstory.data.table import Table
from backstory.errors import ConfigurationError
from backstory.model.recipe import Plan
from backstory.model.tables import Work, prepare
from backstory.training.history import History


def run(
    data: Path,
    target: str | None,
    out: Path,
    task: str | None,
    drop: str | None,
    split: str | None,
    validation: Path | None,
    hidden: str | None,
    epochs: int | None,
    batch_size: int | None,
    seed: int,
    threads: int | None,
) -> None:
    """Train and save; raises BackstoryError or OSError before anything is written."""
    units = None if hidden is None else hidden_units(hidden)
    require_place(out)
    work = prepare(
        data,
        target,
        task=task,
        drop=names(drop),
        split=split,
        validation=validation,
        hidden=units,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
    )
    say = console()
    say.print(pairs(opening(work)))
    history = work.run(threads)
    work.net.save(out)
    say.print(pairs([("training", course(history, work.plan), "")]))
    say.print(f"\nOn the {plural(len(work.validation), 'row')} held out:")
    table = work.table
    found = figures(
        table, work.net.predict(table.inputs(work.validation), threads=threads), table.targets(work.validation)
    )
    say.print(pairs((f"  {figure.name}", figure.text, figure.remark) for figure in found))
    say.print("The best epoch was chosen by these rows, so expect a little less on others.")
    say.print(f"\nSaved {out}. Measure it on other rows: backstory evaluate {out} DATA", markup=False)


def names(text: str | None) -> list[str]:
    """Column names with commas between.

    >>> names("a, b"), names(None)
    (['a', 'b'], [])
    """
    return [] if text is None else [name.strip() for name in text.split(",") if name.strip()]


def hidden_units(text: str) -> list[int]:
    """The sizes of the hidden layers.

    >>> hidden_units("64,32")
    [64, 32]
    """
    sizes = text.replace(" ", "").split(",")
    if not all(size.isascii() and size.isdigit() and int(size) > 0 for size in sizes):
        raise ConfigurationError(f"--hidden must be integers >= 1 with commas between, such as 64,64. Got {text!r}.")
    return [int(size) for size in sizes]


def require_place(out: Path, option: str = "--out") -> None:
    """Raise before training what would only be found out after it: that a file cannot be written."""
    folder = out.resolve().parent
    if out.is_dir():
        raise IsADirectoryError(f"{option} must be a file. {str(out)!r} is a folder; name a file in it.")
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{option} must be in a folder that exists. There is no {str(folder)!r}; make it first."
        )
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{option} must be in a folder one may write to. {str(folder)!r} is read-only.")


def opening(work: Work) -> list[tuple[str, str, str]]:
    """What is about to happen, as name and value."""
    table, net, rows = work.table, work.net, work.parts
    if table.classes is None:
        aim = f"{table.target}: a number, as {table.aim.reason}"
    else:
        aim = f"{table.target}: {plural(len(table.classes), 'class')}, as {table.aim.reason}: {listed(table.classes)}"
    shape = "-".join(map(str, net.spec.sizes))
    used = f"{len(rows.train):,} to train on, {len(work.validation):,} held out for validation"
    test = f", {len(rows.test):,} kept for the test" if len(rows.test) else ""
    size = f"{plural(len(work.frame), 'row')}, {plural(len(table.columns), 'input column')}"
    return [
        ("table", f"{work.frame.name.strip(chr(39))}: {size}", ""),
        ("target", aim, ""),
        *kinds(table),
        ("network", f"{shape}, relu, {net.spec.output.name}, {net.spec.loss.name}, float32", ""),
        ("rows", f"{used}{test} ({rows.origin})", ""),
    ]


def kinds(table: Table) -> list[tuple[str, str, str]]:
    """The columns by kind, and those left out with their reasons."""
    by_kind = {kind: [column.name for column in table.columns if column.kind == kind] for kind in KINDS}
    lines = [(PLURALS[kind], listed(columns), "") for kind, columns in by_kind.items() if columns]
    return lines + [
        ("left out" if not place else "", f"{column.name}: {column.reason}", "")
        for place, column in enumerate(table.left_out)
    ]


PLURALS = {"number": "numbers", "yes/no": "yes/no", "category": "categories"}


def course(history: History, plan: Plan) -> str:
    """How training went, in a line."""
    best = "" if history.best_epoch is None else f", epoch {history.best_epoch + 1} was best and is kept"
    count = plural(len(history), "epoch")
    return f"{count} of at most {plan.epochs} in {history.seconds[-1]:.2g} s, batches of {plan.batch_size}{best}"
