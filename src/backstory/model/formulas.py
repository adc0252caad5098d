"""`Formulas`: a network written as formulas in its owner's own names; explained, trained and checked like any other."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from backstory.checking.batches import judge_of
from backstory.checking.judge import Judge
from backstory.checking.verdict import Verdict
from backstory.errors import ConfigurationError, DataError, DivergenceError, unknown
from backstory.functions import Activation
from backstory.model.network import read_optimizer
from backstory.model.updates import STALE_OF_WHAT, require_stepwise, told_update
from backstory.story.formula_graph import Derivatives, FormulaGraph, formula_graph
from backstory.story.program import Program, aggregated, read_program
from backstory.story.quantity import read_quantity
from backstory.story.stale import Stale, Updated, stale_sweep
from backstory.story.story import Batch, Story, Update, strongest_row
from backstory.training.optimizers import LBFGS, SGD, Optimizer
from backstory.training.schedules import count


@dataclasses.dataclass(frozen=True)
class Saved:
    """Where training was: all that later steps depend on."""

    leaves: dict[str, float]
    optimizer: Optimizer | None
    state: dict[str, dict[str, float]]
    steps: int


class Formulas:
    r"""A network written as formulas; made by `Formulas.read`.

    Examples
    --------
    >>> f = Formulas.read("x = 2\nt = 3\nw = 0.5\ny = w*x\nL = (y - t)^2")
    >>> f.loss, f.values["L"], f.gradient("w")
    ('L', 4.0, -8.0)
    >>> f.explain("dL/dw").path_count
    1
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._leaves = dict(program.leaves)
        self._optimizer: Optimizer | None = None
        self._state: dict[str, dict[str, float]] = {}
        self._steps = 0

    @classmethod
    def read(cls, source: str | os.PathLike[str], functions: Iterable[Activation] = ()) -> Formulas:
        """Read formulas from a file, or from the text itself.

        Parameters
        ----------
        source : str or path
            A str with a line break or '=' is the text; anything else is a path.
        functions : activations of one's own, such as ``bs.Activation("sine", "sin(2*z)")``, that formulas may call

        Raises
        ------
        ExpressionError
            With line, column, a caret and the nearest known name.
        FileNotFoundError
            There is no such file.
        """
        if isinstance(source, str) and ("\n" in source or "=" in source):
            return cls(read_program(source, functions))
        try:
            text = Path(source).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            raise DataError(f"{os.fspath(source)!r} is not a text file in UTF-8.") from None
        return cls(read_program(text, functions))

    @property
    def loss(self) -> str:
        """The name of the last formula."""
        return self.program.loss

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters and their present values."""
        return {name: self._leaves[name] for name in self.program.parameters}

    def set(self, **leaves: float) -> None:
        """Give parameters and other leaves new values.

        Raises
        ------
        ConfigurationError
            For a name that is no leaf, or a value that is no finite number.
        """
        for name, value in leaves.items():
            if name not in self._leaves:
                raise unknown("leaf", name, self._leaves)
            if not np.isfinite(value):
                raise ConfigurationError(f"{name!r} must be a finite number. Got {value!r}.")
        self._leaves.update({name: float(value) for name, value in leaves.items()})

    @property
    def values(self) -> dict[str, Any]:
        """The value of every name; of what differs from sample to sample, a list with one value per sample."""
        shared, rows = self.program.values(self._leaves)
        found: dict[str, Any] = {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}
        return {name: value for name, value in (found | shared).items() if name not in self.program.hidden}

    def depends(self, of: str, by: str) -> bool:
        r"""Whether one quantity depends on another.

        Examples
        --------
        >>> f = Formulas.read("w7 = 2\nh1 = 3\no2 = w7*h1\nL = o2^2")
        >>> f.depends("o2", "h1"), f.depends("w7", "h1")
        (True, False)
        """
        self._require(of)
        self._require(by)
        return bool(self.graph(0).between(by, of))

    def gradient(self, by: str) -> float:
        """The derivative of the loss by one leaf or formula.

        Raises
        ------
        ConfigurationError
            There is no such name, or it differs from sample to sample.
        """
        self._require(by)
        if by in self.program.of_a_sample:
            raise ConfigurationError(f"{by!r} differs from sample to sample. Use explain, which tells one sample.")
        return self._gradients().get(by, 0.0)

    @property
    def gradients(self) -> dict[str, float]:
        """The derivative of the loss by each parameter."""
        found = self._gradients()
        return {name: found.get(name, 0.0) for name in self.program.parameters}

    def explain(
        self,
        quantity: str,
        *,
        row: int | None = None,
        optimizer: Optimizer | str | None = None,
        stale: bool = False,
    ) -> Story:
        r"""Tell where one derivative comes from.

        Parameters
        ----------
        quantity : str
            ``"dL/dw1"``, ``"do2/dh1"``, or only ``"w1"`` for the derivative of the loss by it.
        row : int, optional
            Which sample is told; by default the one that pushes most.
        optimizer : Optimizer, optional
            What the update is told for; by default the one that `fit` or `step` used last.
        stale : bool
            Tell the step of a parameter both ways: by gradient descent, and as several published examples take it,
            with deltas that go through weights already updated. Needs an optimizer.

        Raises
        ------
        ExpressionError
            The quantity cannot be read, or has an unknown name.
        ConfigurationError
            `stale` without an optimizer, or of something other than the loss by a parameter.

        Examples
        --------
        >>> f = Formulas.read("x = 1\nt = 0\nw1 = 1\nw2 = 2\nh = w1*x\ny = w2*h\nL = 1/2*(y - t)^2")
        >>> story = f.explain("w1", optimizer=SGD(0.1), stale=True)
        >>> round(story.value, 6), round(story.stale.value, 6)      # w2 is 2 before the step and 1.8 after it
        (4.0, 3.6)
        """
        of, by = read_quantity(quantity, self.loss, self._known)
        n = self.program.n_samples
        if row is not None and not 0 <= row < max(n, 1):
            raise ConfigurationError(f"row= must be one of the samples 0 to {max(n, 1) - 1}. Got {row!r}.")
        batch = self._batch(by, row) if n and of == self.loss and by not in self.program.of_a_sample else None
        graph = self.graph(batch.row if batch else row or 0)
        moves_one_row = by in self.program.of_a_sample and of not in self.program.of_a_sample
        story = Story(
            graph,
            of,
            by,
            loss_at=None if moves_one_row else lambda value: self._value_at(by, value, of, row or 0),
            batch=batch,
            update=self._told_update(by, optimizer) if of == self.loss and by in self.program.parameters else None,
        )
        return dataclasses.replace(story, stale=self._stale(story, optimizer)) if stale else story

    def check(self, equation: str) -> Verdict:
        r"""Judge an equation about these formulas: is it right, and if not, which factor is wrong.

        Parameters
        ----------
        equation : str
            ASCII, Unicode or LaTeX, such as ``dL/dw1 = dL/dh1*dh1/dw1``: a gradient, a delta, a formula, a function's
            derivative, an update. It is judged over all values of the leaves.

        Returns
        -------
        Verdict
            Never raises on text: what cannot be read has the status "unreadable".

        Examples
        --------
        >>> f = Formulas.read("x = 2\nt = 3\nw = 0.5\ny = w*x\nL = (y - t)^2")
        >>> f.check("dL/dw = 2*(y - t)*x").ok
        True
        >>> f.check("dL/dw = (y - t)*x").findings[0].kind
        'wrong_scale'
        """
        return self._judge.check(equation)

    @cached_property
    def _judge(self) -> Judge:
        return judge_of(self.program, self._leaves)

    def step(self, optimizer: Optimizer | str | None = None) -> float:
        """Take one training step.

        Parameters
        ----------
        optimizer : Optimizer, optional
            By default the last one used, with its state, or else ``SGD(0.01)``.

        Returns
        -------
        float
            The loss before the step.

        Raises
        ------
        DivergenceError
            The step would have made a number NaN or infinite; the parameters stay as they were.
        """
        chosen = self._chosen(optimizer or self._optimizer or SGD())
        if chosen != self._optimizer:
            self._state, self._steps = {name: {} for name in self.program.parameters}, 0
        self._optimizer = chosen
        loss = float(self.program.values(self._leaves)[0][self.loss])
        gradients = self.gradients
        new: dict[str, float] = {}
        states: dict[str, dict[str, float]] = {}
        for name, gradient in gradients.items():
            told = self._update(name, gradient, loss, gradients, chosen)
            new[name], slots = told.new, chosen.rule().slots
            kept = {line.name: line.value for line in told.lines if line.name in slots}
            states[name] = {**slots, **self._state.get(name, {}), **kept}
        if bad := next((name for name, value in new.items() if not np.isfinite(value)), None):
            raise DivergenceError(
                f"Step {self._steps + 1} would make {bad} = {new[bad]}; it was not taken. Try a smaller learning rate.",
                step=self._steps + 1,
                epoch=1,
                layer=0,
                row=-1,
                quantity="weight",
            )
        self._leaves.update(new)
        self._state, self._steps = states, self._steps + 1
        return loss

    def fit(self, *, optimizer: Optimizer | str = SGD(), steps: int = 100) -> list[float]:  # noqa: B008 - frozen
        """Train on all samples at once.

        Parameters
        ----------
        optimizer : Optimizer
            Its state is kept while equal optimizers are given.
        steps : int >= 1

        Returns
        -------
        list of float
            The loss before each step.
        """
        count("fit", steps=steps)
        return [self.step(optimizer) for _ in range(steps)]

    def save(self) -> Saved:
        """Remember the leaves' values and the optimizer's state."""
        return Saved(dict(self._leaves), self._optimizer, dict(self._state), self._steps)

    def restore(self, saved: Saved) -> None:
        """Go back to what `save` remembered."""
        self._leaves.update(saved.leaves)
        self._optimizer, self._state, self._steps = saved.optimizer, dict(saved.state), saved.steps

    def __repr__(self) -> str:
        samples = f", {self.program.n_samples} samples" if self.program.samples else ""
        return f"<Formulas: {self.loss} of {', '.join(self.program.parameters) or 'no parameters'}{samples}>"

    @cached_property
    def _derivatives(self) -> Derivatives:
        return Derivatives(self.program)

    def _known(self, name: str) -> bool:
        return name in self.program.formulas or name in self._leaves or name in self.program.samples

    def _require(self, name: str) -> None:
        if not self._known(name):
            raise unknown("name", name, [*self._leaves, *self.program.samples, *self.program.formulas])

    def graph(self, row: int | None = None) -> FormulaGraph:
        """The graph of all quantities, for one sample where there are several."""
        shared, rows = self.program.values(self._leaves)
        return formula_graph(self.program, shared, rows[row] if rows and row is not None else None, self._derivatives)

    def _gradients(self) -> dict[str, float]:
        """The derivative of the loss by every name that is the same for all samples."""
        if not self.program.n_samples:
            return dict(self.graph(None).totals(self.loss))
        direct, graphs = self._by_rows()
        without = direct.totals(self.loss)
        found = dict(without)
        for graph in graphs:
            for name, value in graph.totals(self.loss).items():
                if name not in self.program.of_a_sample:
                    found[name] = found.get(name, 0.0) + value - without.get(name, 0.0)
        return found

    def _by_rows(self) -> tuple[FormulaGraph, list[FormulaGraph]]:
        """The graph of what is the same for all samples, and that of each sample."""
        shared, rows = self.program.values(self._leaves)
        graphs = [formula_graph(self.program, shared, row, self._derivatives) for row in rows]
        return formula_graph(self.program, shared, None, self._derivatives), graphs

    def _batch(self, by: str, row: int | None) -> Batch:
        """What each sample gives to the derivative of the loss by a name."""
        return self._batch_of(by, row, *self._by_rows())

    def _batch_of(self, by: str, row: int | None, direct: FormulaGraph, graphs: Sequence[FormulaGraph]) -> Batch:
        rest = direct.derivative(by, self.loss)
        joined = [name for name, formula in self.program.formulas.items() if aggregated(formula) is not None]
        if len(joined) != 1:
            gradients = tuple(graph.derivative(by, self.loss) - rest for graph in graphs)
            return Batch(self.loss, "", gradients, 1.0, rest, strongest_row(gradients) if row is None else row)
        formula = self.program.formulas[joined[0]]
        inner = aggregated(formula)
        assert inner is not None
        gradients = tuple(graph.derivative(by, inner) for graph in graphs)
        outer = direct.derivative(joined[0], self.loss)
        combine = formula.function if outer == 1 else ""  # type: ignore[attr-defined]  # aggregated: it is a call
        share = 1 / len(graphs) if formula.function == "mean" else 1.0  # type: ignore[attr-defined]
        return Batch(inner, combine, gradients, outer * share, rest, strongest_row(gradients) if row is None else row)

    def _value_at(self, name: str, value: float, of: str, row: int) -> float:
        """What a quantity is when another is given another value."""
        leaves = {**self._leaves, name: value} if name in self._leaves else self._leaves
        shared, rows = self.program.values(leaves, held=(name, value))
        return float(shared[of] if of in shared else rows[row][of])

    def _stale(self, story: Story, optimizer: Optimizer | str | None) -> Stale:
        """The step of all parameters both ways, the asked one told."""
        used = optimizer or self._optimizer
        if story.by not in self.program.parameters or story.of != self.loss:
            raise ConfigurationError(STALE_OF_WHAT)
        chosen = require_stepwise(None if used is None else self._chosen(used))
        shared, rows = self.program.values(self._leaves)
        loss, gradients = float(shared[self.loss]), self.gradients

        def told(name: str, gradient: float) -> Update:
            return self._update(name, gradient, loss, gradients, chosen)

        sweep = stale_sweep(self.program, shared, rows, self._derivatives, lambda name, g: told(name, g).new)
        row = story.batch.row if story.batch else 0
        graph = sweep.graphs[row]
        twin = dataclasses.replace(
            story,
            graph=graph,
            batch=self._batch_of(story.by, row, sweep.direct, sweep.graphs) if story.batch else None,
            update=told(story.by, sweep.gradients[story.by]),
            loss_at=None,
        )
        return Stale(
            twin,
            tuple(
                Updated(name, self._leaves[name], sweep.new[name])
                for name in sweep.used_on(graph, story.by, story.told)
            ),
            self.loss,
            self._loss_at({name: told(name, gradient).new for name, gradient in gradients.items()}),
            self._loss_at(sweep.new),
        )

    def _loss_at(self, leaves: Mapping[str, float]) -> float:
        return float(self.program.values({**self._leaves, **leaves})[0][self.loss])

    def _chosen(self, optimizer: Optimizer | str) -> Optimizer:
        chosen = read_optimizer(optimizer)
        if isinstance(chosen, LBFGS):
            raise ConfigurationError("LBFGS takes no single steps, as it searches along lines. Use SGD, or Adam.")
        return chosen

    def _told_update(self, name: str, optimizer: Optimizer | str | None) -> Update | None:
        if optimizer is None and self._optimizer is None:
            return None
        chosen = self._chosen(optimizer or self._optimizer or SGD())
        gradients = self.gradients
        loss = float(self.program.values(self._leaves)[0][self.loss])
        return self._update(name, gradients[name], loss, gradients, chosen)

    def _update(
        self, name: str, gradient: float, loss: float, gradients: Mapping[str, float], optimizer: Optimizer
    ) -> Update:
        same = optimizer == self._optimizer
        whole = {
            "gradient_norm_squared": sum(value**2 for value in gradients.values()),
            "gradient_max": max(abs(value) for value in gradients.values()),
        }
        state = self._state.get(name, {}) if same else {}
        is_weight = not name.startswith("b")
        steps = self._steps if same else 0
        return told_update(optimizer, state, steps, self._leaves[name], gradient, loss, whole, is_weight)
