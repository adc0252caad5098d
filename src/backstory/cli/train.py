"""``backstory train``: a table in, a model file out, and an honest word on how good it is."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backstory.cli.sharing import Sharing
from backstory.data.files import FORMATS
from backstory.errors import ConfigurationError
from backstory.interop.export import ENDINGS
from backstory.model.recipe import Plan, TabularPlan
from backstory.reporting.report import Seen, described, of_work
from backstory.reporting.terminal import console, pairs, plural
from backstory.reporting.text import opening, results
from backstory.training.checkpoints import Checkpoint
from backstory.training.history import History

TERMINATED = 128 + signal.SIGTERM
"""Exit code after SIGTERM, as shells count it."""


@dataclass(frozen=True)
class Saving:
    """Where the state of the run is saved, how often, and whether it goes on from there."""

    folder: Path | None = None
    every_steps: int | None = None
    resume: bool = False

    def checkpoint(self) -> Checkpoint | None:
        """Return what `fit` takes; raises ConfigurationError for options that need --checkpoint."""
        if self.folder is not None:
            return Checkpoint(self.folder, every_steps=self.every_steps)
        for option, given in (("--resume", self.resume), ("--checkpoint-every", self.every_steps is not None)):
            if given:
                raise ConfigurationError(f"{option} needs a folder of checkpoints. Add --checkpoint DIR.")
        return None

    def said(self, history: History) -> str:
        """Say where the run began, if it was to go on from somewhere."""
        if not self.resume:
            return ""
        if history.resumed is None:
            return f"; begun anew, as {self.folder} held no checkpoint"
        return f"; gone on from step {history.resumed:,}"


def run(
    data: Path,
    target: str | None,
    out: Path,
    task: str | None,
    drop: str | None,
    split: str | None,
    validation: Path | None,
    hidden: str | None,
    plain: bool,
    epochs: int | None,
    batch_size: int | None,
    seed: int,
    threads: int | None,
    page: Path | None,
    saving: Saving,
    stream: bool | None,
    cache: Path | None,
    sharing: Sharing,
) -> None:
    """Train and save; raises BackstoryError or OSError before anything is written."""
    checkpoint, units = sharing.alike(lambda: (saving.checkpoint(), None if hidden is None else hidden_units(hidden)))
    sharing.check(lambda: require_places(out, page))
    work = sharing.prepared(
        data,
        target,
        task=task,
        drop=names(drop),
        split=split,
        validation=validation,
        hidden=units,
        plain=plain,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        stream=stream,
        cache=cache,
    )
    say = console()
    say.print(pairs([*opening(Seen.by(work), work.table, described(work.net)), *sharing.said()]))
    with stopped_well(saving):
        history = work.run(threads, checkpoint=checkpoint, resume=saving.resume, shards=sharing.of(work))
    if not sharing.speaks:
        return
    work.net.save(out)
    say.print(pairs([("training", course(history, work.plan) + saving.said(history), "")]))
    found = of_work(work, threads=threads)
    if page is not None:
        page.write_text(found.to_html(), encoding="utf-8")
    for part in results(found):
        say.print(part)
    if not len(work.parts.test):
        say.print("\nThe best epoch was chosen by these rows, so expect a little less on others.")
    say.print(f"\nSaved {out}. Measure it on other rows: backstory evaluate {out} DATA", markup=False)
    if page is not None:
        say.print(f"Wrote the report to {page}.", markup=False)


@contextmanager
def stopped_well(saving: Saving) -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does: after a whole step, its state saved where there is a folder for it."""

    def terminate(*_: object) -> None:
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if saving.folder is not None:
            print(f"The state of the run is in {saving.folder}; go on with --resume.", file=sys.stderr)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


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


def require_model_name(out: Path) -> None:
    """Raise where a model file would be named as what it is not, or take the place of a table."""
    ending = out.suffix.lower()
    if ending in ENDINGS or ending in FORMATS:
        advice = f"; write it with 'backstory export' from there, --out {out.name}" if ending in ENDINGS else ""
        raise ConfigurationError(
            f"--out must name a model file, such as {out.stem}.safetensors. Got {out.name!r}, the name of another "
            f"format{advice}."
        )


def require_places(out: Path, page: Path | None) -> None:
    """Raise before training what would only be found out after it: that model or report cannot be written."""
    require_model_name(out)
    require_place(out)
    if page is not None:
        require_place(page, "--report")


def require_place(out: Path, option: str = "--out") -> None:
    """Raise where a file cannot be written."""
    folder = out.resolve().parent
    if out.is_dir():
        raise IsADirectoryError(f"{option} must be a file. {str(out)!r} is a folder; name a file in it.")
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{option} must be in a folder that exists. There is no {str(folder)!r}; make it first."
        )
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{option} must be in a folder one may write to. {str(folder)!r} is read-only.")


def course(history: History, plan: Plan | TabularPlan) -> str:
    """How training went, in a line."""
    best = "" if history.best_epoch is None else f", epoch {history.best_epoch + 1} was best and is kept"
    count = plural(len(history), "epoch")
    return f"{count} of at most {plan.epochs} in {history.seconds[-1]:.2g} s, batches of {plan.batch_size}{best}"
