"""``backstory train``: a table in, a model file out, and an honest word on how good it is."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backstory.cli.figures import figures
from backstory.cli.report import console, pairs, plural
from backstory.data.files import format_of, read
from backstory.data.frame import Frame, listed
from backstory.data.table import Table
from backstory.errors import ConfigurationError, DataError, DivergenceError
from backstory.model.network import Network
from backstory.training.callbacks import EarlyStopping
from backstory.training.history import History
from backstory.training.optimizers import AdamW
from backstory.training.schedules import Cosine

FEWEST_ROWS = 10
STEPS = 6000
"""About how many steps a run takes at most, unless the table is so large that a few epochs take more."""


@dataclass(frozen=True)
class Recipe:
    """How a table of n rows is trained on: AdamW, its rate rising for an epoch and then falling along a cosine to 0.

    Rate and decay are those that did best, over 21 splits of 15 small and middling tables, among rates of 0.001 to
    0.02 and decays of 0 to 1.

    Examples
    --------
    >>> Recipe.of(n=150)
    Recipe(batch_size=16, epochs=200, patience=66, learning_rate=0.01, weight_decay=0.1)
    """

    batch_size: int
    epochs: int
    patience: int
    learning_rate: float = 0.01
    weight_decay: float = 0.1

    @classmethod
    def of(cls, n: int, batch_size: int | None = None, epochs: int | None = None) -> Recipe:
        """The recipe for n training rows; what the user chose stays."""
        if batch_size is None:
            batch_size = min(max(2 ** round(math.log2(max(n, 1) / 64)), 16), 256)
        if epochs is None:
            epochs = min(max(STEPS * batch_size // n, 20), 200)
        return cls(batch_size, epochs, patience=max(epochs // 3, 5))

    def optimizer(self, n: int) -> AdamW:
        """The optimizer for n training rows."""
        rate = Cosine(self.learning_rate, warmup=-(-n // self.batch_size))
        return AdamW(rate, weight_decay=self.weight_decay)


def run(
    data: Path,
    target: str | None,
    out: Path,
    hidden: str | None,
    epochs: int | None,
    batch_size: int | None,
    seed: int,
    threads: int | None,
) -> None:
    """Train and save; raises BackstoryError or OSError before anything is written."""
    units = hidden_units(hidden)
    require_place(out)
    if target is None and format_of(data)[0] != "npz":
        raise ConfigurationError("train must be told which column to predict. Got no --target; add --target COLUMN.")
    frame = read(data, target)
    target = "y" if target is None else target
    if len(frame) < FEWEST_ROWS:
        raise DataError(
            f"{frame.name} must have at least {FEWEST_ROWS} rows to train on and to validate with. Got {len(frame)}."
        )
    table = Table.fit(frame, target)
    rest, held = split(table.targets(frame), seed, classes=table.kind == "classes")
    table = Table.fit(frame, target, rest)  # means and scales of the training rows only
    X, y = table.inputs(frame).astype(np.float32), table.targets(frame)
    net = network(table, units, seed)
    say = console()
    say.print(pairs(opening(frame, table, net, len(rest), len(held), seed)))
    plan = Recipe.of(len(rest), batch_size, epochs)
    try:
        history = net.fit(
            X[rest],
            y[rest],
            optimizer=plan.optimizer(len(rest)),
            batch_size=plan.batch_size,
            epochs=plan.epochs,
            validation=(X[held], y[held]),
            early_stopping=EarlyStopping(plan.patience),
            threads=threads,
        )
    except DivergenceError as error:
        raise error.counted_in(rest) from None
    net.save(out)
    say.print(pairs([("training", course(history, plan), "")]))
    say.print(f"\nOn the {plural(len(held), 'row')} held out:")
    found = figures(table, net.predict(X[held], threads=threads), y[held])
    say.print(pairs((f"  {figure.name}", figure.text, figure.remark) for figure in found))
    say.print("The best epoch was chosen by these rows, so expect a little less on others.")
    say.print(f"\nSaved {out}. Measure it on other rows: backstory evaluate {out} DATA", markup=False)


def hidden_units(text: str | None) -> list[int]:
    """The sizes of the hidden layers.

    >>> hidden_units("64,32")
    [64, 32]
    """
    if text is None:
        return [64, 64]
    sizes = text.replace(" ", "").split(",")
    if not all(size.isascii() and size.isdigit() and int(size) > 0 for size in sizes):
        raise ConfigurationError(f"--hidden must be integers >= 1 with commas between, such as 64,64. Got {text!r}.")
    return [int(size) for size in sizes]


def require_place(out: Path) -> None:
    """Raise before training what would only be found out after it: that the model cannot be written."""
    folder = out.resolve().parent
    if out.is_dir():
        raise IsADirectoryError(f"--out must be a file. {str(out)!r} is a folder; name a file in it.")
    if not folder.is_dir():
        raise FileNotFoundError(f"--out must be in a folder that exists. There is no {str(folder)!r}; make it first.")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"--out must be in a folder one may write to. {str(folder)!r} is read-only.")


def split(y: NDArray[np.generic], seed: int, classes: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(rows to train on, rows held out), both sorted, with targets spread alike: a fifth of few rows, a tenth of many.

    The rows, shuffled and then sorted by target, give every so many-th; no class is held out whole.
    """
    n = len(y)
    count = max(1, round(n * min(0.2, max(0.1, 500 / n))))
    order = np.random.default_rng([seed, n]).permutation(n)
    order = order[np.argsort(y[order], kind="stable")]
    held = order[(np.arange(count) * 2 + 1) * n // (2 * count)]
    rest = np.setdiff1d(order, held)
    if classes:
        whole = ~np.isin(y[held], y[rest])
        rest, held = np.union1d(rest, held[whole]), held[~whole]
    return rest.astype(np.int64), np.sort(held).astype(np.int64)


def network(table: Table, hidden: list[int], seed: int) -> Network:
    """The network for a table: softmax and cross-entropy for classes, a linear output and squares for a number."""
    if table.classes is None:
        sizes, output, loss = [len(table.input_names), *hidden, 1], "identity", "half_squared_error"
    else:
        sizes, output, loss = [len(table.input_names), *hidden, len(table.classes)], "softmax", "cross_entropy"
    net = Network(sizes, hidden="relu", output=output, loss=loss, seed=seed, dtype="float32")
    net.table = table
    net.classes = None if table.classes is None else list(table.classes)
    return net


def opening(frame: Frame, table: Table, net: Network, rest: int, held: int, seed: int) -> list[tuple[str, str, str]]:
    """What is about to happen, as name and value."""
    if table.classes is None:
        aim = f"{table.target}: a number, as {table.aim.reason}"
    else:
        aim = f"{table.target}: {plural(len(table.classes), 'class')}, as {table.aim.reason}: {listed(table.classes)}"
    shape = "-".join(map(str, net.spec.sizes))
    return [
        (
            "table",
            f"{frame.name.strip(chr(39))}: {plural(len(frame), 'row')}, {plural(len(table.columns), 'input column')}",
            "",
        ),
        ("target", aim, ""),
        ("network", f"{shape}, relu, {net.spec.output.name}, {net.spec.loss.name}, float32", ""),
        ("rows", f"{rest:,} to train on, {held:,} held out for validation (seed {seed})", ""),
    ]


def course(history: History, plan: Recipe) -> str:
    """How training went, in a line."""
    best = "" if history.best_epoch is None else f", epoch {history.best_epoch + 1} was best and is kept"
    count = plural(len(history), "epoch")
    return f"{count} of at most {plan.epochs} in {history.seconds[-1]:.2g} s, batches of {plan.batch_size}{best}"
