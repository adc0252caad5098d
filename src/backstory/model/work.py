"""`Work`: a table made ready to be trained on, whether it is in memory or read in blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from backstory.data.frame import Frame
from backstory.data.parts import Parts
from backstory.data.rows import Rows
from backstory.data.table import Table
from backstory.distributed.shards import Shards
from backstory.errors import DivergenceError
from backstory.model.network import Network
from backstory.model.recipe import Plan, Recipe, Tabular, TabularPlan
from backstory.training.history import History

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Work:
    """A table made ready to be trained on, and the network that will be.

    Parameters
    ----------
    frame : Frame
        The table.
    validation : Frame
        The rows that tell when to stop.
    parts : Parts
        Which rows of the table are for what.
    table : Table
        The encoding, learned from the rows to train on.
    plan : Plan or TabularPlan
        How they will be trained on.
    recipe : Recipe or Tabular
        What plan and network follow.
    net : Network
    rows : Rows, optional
        Those to train on, where they are read in blocks; `frame` then has those that the encoding was learned from.
    """

    frame: Frame
    validation: Frame
    parts: Parts
    table: Table
    plan: Plan | TabularPlan
    recipe: Recipe | Tabular
    net: Network
    rows: Rows | None = None

    @property
    def trained(self) -> int:
        """How many rows are trained on."""
        if self.rows is None:
            return len(self.parts.train)
        return len(self.rows) - (0 if self.rows.which is None else len(self.validation))

    def learned(self) -> Frame:
        """The rows to train on that this process has, where they are not read in blocks."""
        return self.frame.take(self.parts.train)

    def run(
        self,
        threads: int | None = None,
        callbacks: Any = (),
        progress: bool | None = None,
        checkpoint: Any = None,
        resume: bool = False,
        shards: int | Shards | None = None,
    ) -> History:
        """Train the network, and keep its best epoch.

        Raises
        ------
        DivergenceError
            A number became NaN or infinite; the row is one of the table's.
        """
        held = self._encoded(self.validation)
        first = (self.rows,) if self.rows is not None else self._encoded(self.learned())
        if isinstance(self.recipe, Tabular) and self.recipe.standardize_units:
            self.net.standardize_units(first[0])
        try:
            return self.net.fit(
                *first,
                optimizer=self.plan.optimizer,
                batch_size=self.plan.batch_size,
                epochs=self.plan.epochs,
                validation=held,
                early_stopping=self.plan.early_stopping,
                dropout=self.plan.dropout,
                rates=self.plan.rates,
                decays=self.plan.decays,
                threads=threads,
                callbacks=callbacks,
                progress=progress,
                checkpoint=checkpoint,
                resume=resume,
                shards=shards,
            )
        except DivergenceError as error:
            raise error if self.rows is not None else error.counted_in(self.parts.train) from None

    def _encoded(self, frame: Frame) -> tuple[Array, Array]:
        return self.table.inputs(frame, "float32"), self.table.targets(frame)


def network(table: Table, recipe: Recipe | Tabular, seed: int) -> Network:
    """The network for a table: softmax and cross-entropy for classes, a linear output and squares for a number."""
    n_out, output = (1, "identity") if table.classes is None else (len(table.classes), "softmax")
    sizes = [len(table.input_names), *recipe.hidden, n_out]
    parts = recipe.parts(table.classes is not None)
    if parts.get("embedding") is not None:
        parts["embedding"] = replace(parts["embedding"], columns=table.numbers) if table.numbers else None
    net = Network(sizes, output=output, seed=seed, dtype="float32", **parts)
    net.table = table
    net.classes = None if table.classes is None else list(table.classes)
    return net
