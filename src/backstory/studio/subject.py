"""What the studio shows, trains and questions: formulas, or a network with its rows; both answer the same calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from backstory.checking.verdict import Verdict
from backstory.errors import unknown
from backstory.model.formulas import Formulas
from backstory.model.formulas import Saved as FormulasSaved
from backstory.model.network import Network
from backstory.model.stories import Rows, read_rows
from backstory.story.address import Address, read_address
from backstory.story.graph import Graph
from backstory.story.network_graph import network_graph
from backstory.story.story import Story
from backstory.studio.drawing import Drawing, Kept, formulas_drawing, network_drawing
from backstory.studio.numbers import Slopes
from backstory.studio.samples import Samples
from backstory.training.metrics import default_metrics
from backstory.training.optimizers import Optimizer
from backstory.training.walk import Saved as WalkSaved

Array = NDArray[Any]


Saved = FormulasSaved | WalkSaved
MOST_WORK, LEAST_MEASURED = 20_000_000, 100
"""Rows times parameters that figures may be taken over (about 4 ms), and rows that they are taken over anyway."""
_SLOWER = 4
"""How many times as long the search for stuck units takes, which is done on so many times fewer rows."""


@dataclass(frozen=True)
class Figures:
    """How training is going, at one step; None where there is no such figure, or no finite one.

    Attributes
    ----------
    loss, validation : float
        Over the rows learned from, and over those held out.
    accuracy, validation_accuracy : float
    norms : list of float
        Of the gradient of each layer's parameters, over the rows learned from.
    """

    loss: float | None
    norms: list[float | None]
    validation: float | None = None
    accuracy: float | None = None
    validation_accuracy: float | None = None


class Subject(Protocol):
    """The one thing on the stage."""

    kind: str
    rows: int
    """How many samples there are to look at; at least 1."""
    steps_per_epoch: int

    @property
    def steps(self) -> int:
        """Updates taken since the beginning."""

    def drawing(self, kept: Kept | None = None) -> Drawing:
        """Return the picture; of a large network the units in `kept` are seen, or those that were before."""

    def graph(self, row: int, by: str | None = None) -> Graph:
        """Return the scalar graph of one sample: whole, or as far as a unit reaches."""

    def slopes(self, row: int) -> Slopes:
        """Return all parameters with their gradients, and the loss as a function of each."""

    def numbers(self, row: int) -> dict[str, Any]:
        """Return the values: nodes, deltas (by node), parameters, gradients (by address) of one row, and its loss."""

    def loss(self) -> float:
        """Return the loss over all rows."""

    def set(self, address: str, value: float) -> None:
        """Give a parameter a value."""

    def explain(self, quantity: str, row: int, whole: bool = False) -> Story:
        """Tell a gradient of one row, or of all that are learned from with one of them told."""

    def check(self, equation: str, row: int) -> Verdict:
        """Judge an equation."""

    def take(self, steps: int) -> None:
        """Take so many steps of training.

        Raises
        ------
        DivergenceError
            The next step would make a number NaN or infinite; all before it were taken.
        """

    def batch(self) -> list[int]:
        """Return the samples of the next step, in their order."""

    def save(self) -> Saved:
        """Remember all that later steps depend on."""

    def restore(self, saved: Saved) -> None:
        """Go back to what `save` remembered."""

    def figures(self) -> Figures:
        """Return how training is going."""

    def stuck(self) -> list[dict[str, Any]]:
        """Return by layer the units that are dead and saturated over the rows that are learned from."""


class FormulasSubject:
    """A network written as formulas."""

    kind = "formulas"

    def __init__(self, text: str, optimizer: Optimizer) -> None:
        self.formulas = Formulas.read(text)
        self.optimizer = optimizer
        self.rows = max(self.formulas.program.n_samples, 1)
        self.steps, self.steps_per_epoch = 0, 1

    def drawing(self, kept: Kept | None = None) -> Drawing:
        return formulas_drawing(self.formulas.graph(0))

    def graph(self, row: int, by: str | None = None) -> Graph:
        graph = self.formulas.graph(row)
        if by is not None and by not in graph.values:
            raise unknown("quantity", by, graph.values)
        return graph

    def slopes(self, row: int) -> Slopes:
        formulas, names = self.formulas, list(self.formulas.parameters)
        gradients = formulas.gradients
        losses = [formulas.explain(name).loss_at for name in names]

        def loss_at(place: int, value: float) -> float:
            moved = losses[place]
            assert moved is not None
            return moved(value)

        return Slopes(
            formulas.loss,
            self.loss(),
            np.array([formulas.parameters[name] for name in names]),
            np.array([gradients[name] for name in names]),
            names.__getitem__,
            loss_at,
        )

    def numbers(self, row: int) -> dict[str, Any]:
        graph = self.formulas.graph(row)
        totals = graph.totals(self.formulas.loss)
        leaves = self.formulas.parameters
        return {
            "nodes": dict(graph.values),
            "deltas": dict(totals),
            "parameters": leaves,
            "gradients": {name: totals.get(name, 0.0) for name in leaves},
            "loss": graph.values[self.formulas.loss],
        }

    def loss(self) -> float:
        return float(self.formulas.values[self.formulas.loss])

    def set(self, address: str, value: float) -> None:
        self.formulas.set(**{address: value})

    def explain(self, quantity: str, row: int, whole: bool = False) -> Story:
        story = self.formulas.explain(quantity, row=row, optimizer=self.optimizer)
        if whole or story.batch is None:
            return story
        return self.formulas.explain(f"d{story.batch.loss}/d{story.by}", row=row)

    def check(self, equation: str, row: int) -> Verdict:
        return self.formulas.check(equation)

    def take(self, steps: int) -> None:
        for _ in range(steps):
            self.formulas.step(self.optimizer)
            self.steps += 1

    def batch(self) -> list[int]:
        return list(range(self.rows))

    def save(self) -> FormulasSaved:
        return self.formulas.save()

    def restore(self, saved: Saved) -> None:
        assert isinstance(saved, FormulasSaved)
        self.formulas.restore(saved)
        self.steps = saved.steps

    def figures(self) -> Figures:
        gradients = np.array([*self.formulas.gradients.values()])
        return Figures(finite(self.loss()), [finite(np.linalg.norm(gradients))])

    def stuck(self) -> list[dict[str, Any]]:
        return []


class NetworkSubject:
    """A network with its rows."""

    kind = "network"

    def __init__(
        self, net: Network, samples: Samples, optimizer: Optimizer, batch_size: int, dropout: float = 0.0
    ) -> None:
        self.net, self.samples, self.optimizer = net, samples, optimizer
        self.X, self.y = samples.X, samples.targets(net.spec.loss, net.spec.n_out)
        self.rows, n = len(samples), samples.trained
        self._learned, self._held_out = self._measured(0, n), self._measured(n, self.rows)
        self.walk = net.walk(self.X[:n], self.y[:n], optimizer=optimizer, batch_size=batch_size, dropout=dropout)
        self.steps_per_epoch = self.walk.steps_per_epoch
        self._kept: Kept | None = None

    @property
    def steps(self) -> int:
        return self.walk.steps

    @property
    def measured(self) -> int:
        """Over how many of the rows that are learned from figures are taken."""
        return len(self._learned[0])

    def rows_measured(self, first: int, end: int, work: int = MOST_WORK) -> slice | Array:
        """Return rows that figures are taken over: all of these, or of a large network as many as a moment allows."""
        most = max(LEAST_MEASURED, work // self.net.spec.n_parameters)
        return np.linspace(first, end - 1, most).astype(int) if end - first > most else slice(first, end)

    def _measured(self, first: int, end: int) -> tuple[Array, Array]:
        rows = self.rows_measured(first, end)
        return self.X[rows], self.y[rows]

    def drawing(self, kept: Kept | None = None) -> Drawing:
        self._kept = kept or self._kept
        return network_drawing(self.net, self._kept, self.samples.inputs)

    def graph(self, row: int, by: str | None = None) -> Graph:
        values = self._row(row).row(0)
        address = None if by is None else read_address(by)
        if address is None or address.layer == 0:
            return network_graph(values, "x[0]")
        return network_graph(values, str(Address("z", address.layer, address.unit)))

    def slopes(self, row: int) -> Slopes:
        rows = self._row(row)
        values = rows.parameters
        loss, gradients = rows.engine.loss_and_gradient(values, rows.X, rows.y)
        layout = [(name, start, shape) for name, start, shape in self.net.spec.layout]

        def name(place: int) -> str:
            letters, start, shape = next(each for each in reversed(layout) if each[1] <= place)
            source, unit = divmod(place - start, shape[-1])
            return str(Address(letters[0], int(letters[1:]), unit, source if letters[0] == "w" else None))

        def loss_at(place: int, value: float) -> float:
            moved = values.copy()
            moved[place] = value
            return rows.engine.loss(moved, rows.X, rows.y)

        return Slopes(f"the loss of sample {row}", loss, values, gradients, name, loss_at)

    def _row(self, row: int) -> Rows:
        return read_rows(self.net, self.X[row : row + 1], self.y[row : row + 1])

    def given(self, row: int) -> dict[str, float]:
        """Return a sample's inputs and targets by address."""
        rows = self._row(row)
        sides = {"x": rows.X[0].tolist(), "y": rows.y[0].tolist()}
        return {f"{letter}[{unit}]": value for letter, values in sides.items() for unit, value in enumerate(values)}

    def numbers(self, row: int) -> dict[str, Any]:
        net, x, y = self.net, self.X[row : row + 1], self.y[row : row + 1]
        drawing = self.drawing()
        activations, deltas = [x, *net.activations(x)], net.deltas(x, y)
        gradients = net.gradients(x, y)
        aims = self._row(row).y[0]
        nodes, by_node = (
            {"L": gradients.loss} | {each["name"]: _aim(aims, each["name"]) for each in drawing.targets},
            {},
        )
        for column in drawing.columns[:-1]:
            for name in column["nodes"]:
                address = read_address(name)
                assert address is not None
                nodes[name] = float(activations[address.layer][0, address.unit])
                if address.layer:
                    by_node[name] = float(deltas[address.layer - 1][0, address.unit])
        addresses = [each["address"] for each in (*drawing.lines, *drawing.biases) if each["address"]]
        return {
            "nodes": nodes,
            "deltas": by_node,
            "parameters": {name: float(_place(net, name)) for name in addresses},
            "gradients": {name: float(_place(gradients, name)) for name in addresses},
            "loss": gradients.loss,
        }

    def loss(self) -> float:
        return self.net.loss(*self._learned)

    def set(self, address: str, value: float) -> None:
        arrays, index = _array(self.net, address)
        arrays[index] = value

    def explain(self, quantity: str, row: int, whole: bool = False) -> Story:
        n = self.samples.trained
        if whole and n > 1:
            told = row if row < n else None
            return self.net.explain(quantity, self.X[:n], self.y[:n], row=told, optimizer=self.optimizer)
        return self.net.explain(quantity, self.X[row : row + 1], self.y[row : row + 1], optimizer=self.optimizer)

    def check(self, equation: str, row: int) -> Verdict:
        return self.net.check(equation, self.X[row], self.y[row])

    def take(self, steps: int) -> None:
        self.walk.take(steps)

    def batch(self) -> list[int]:
        return self.walk.batch().tolist()  # type: ignore[no-any-return]  # the rows are whole numbers

    def save(self) -> WalkSaved:
        return self.walk.save()

    def restore(self, saved: Saved) -> None:
        assert isinstance(saved, WalkSaved)
        self.walk.restore(saved)

    def figures(self) -> Figures:
        gradients = self.net.gradients(*self._learned)
        biases = gradients.biases or [np.zeros(0)] * len(gradients.weights)
        with np.errstate(over="ignore"):
            layers = zip(gradients.weights, biases, strict=True)
            norms = [np.sqrt(_squared(W) + _squared(b)) for W, b in layers]
        held_out = self.net.loss(*self._held_out) if self.samples.held_out else None
        return Figures(
            finite(gradients.loss),
            [finite(norm) for norm in norms],
            finite(held_out),
            self._accuracy(*self._learned),
            self._accuracy(*self._held_out),
        )

    def _accuracy(self, X: Array, y: Array) -> float | None:
        """Return the share of rows whose class is predicted; None for numbers, or without rows."""
        metric = default_metrics(self.net.spec.loss).get("accuracy")
        if metric is None or not len(X):
            return None
        return metric(y if y.ndim == 1 and self.net.spec.n_out > 1 else y.reshape(len(y), -1), self.net.predict(X))

    def stuck(self) -> list[dict[str, Any]]:
        rows = self.rows_measured(0, self.samples.trained, MOST_WORK // _SLOWER)
        return [
            {
                "layer": layer.layer,
                "activation": layer.activation,
                "units": len(layer.dead),
                "dead": layer.dead_units,
                "saturated": layer.saturated_units,
            }
            for layer in self.net.gradient_flow(self.X[rows], self.y[rows]).layers
        ]


def _squared(values: Array) -> float:
    """Return the sum of squares, without BLAS, whose threads would spin on for longer than this takes."""
    return float(np.square(values, dtype=np.float64).sum())


def finite(value: Any) -> float | None:
    """Return a number that JSON can hold, or None."""
    return float(value) if value is not None and np.isfinite(value) else None


def _aim(aims: Array, name: str) -> float:
    """Return the target that an address names."""
    address = read_address(name)
    assert address is not None
    return float(aims[address.unit])


def _array(holder: Any, address: str) -> tuple[Array, tuple[int, ...]]:
    """Return the array that a parameter lives in, and its place there."""
    read = read_address(address)
    assert read is not None
    if read.letter == "w":
        assert read.source is not None
        return holder.weights[read.layer - 1], (read.source, read.unit)
    return holder.biases[read.layer - 1], (read.unit,)


def _place(holder: Any, address: str) -> np.floating[Any]:
    arrays, index = _array(holder, address)
    return arrays[index]  # type: ignore[no-any-return]
