"""`Story`: where one gradient comes from. Each part can be asked for by itself; printers are views of the parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from backstory.errors import unknown
from backstory.expressions import Expr, Name, Partial, evaluate
from backstory.story import data, html, latex, mathml, python, text
from backstory.story.chain import Chain, chain
from backstory.story.costs import Costs, costs
from backstory.story.graph import EdgeKind, Graph, Path
from backstory.story.network_graph import NetworkGraph
from backstory.story.notes import notes
from backstory.story.nudge import Nudge, nudge
from backstory.story.page import PARTS, Section, sections
from backstory.story.picture import Picture, picture

if TYPE_CHECKING:
    from backstory.story.conventions import Convention
    from backstory.story.retelling import Retelling
    from backstory.story.stale import Stale

MOST_LISTED = 12
"""Up to how many paths, factors and deltas are all shown."""
STRONGEST = 5
"""How many paths are shown where there are more."""


@dataclass(frozen=True)
class Factor:
    """One local derivative and its reason.

    Attributes
    ----------
    source, target : str
        It is ∂target/∂source.
    definition : Expr
        The formula of the target, of a long sum the part that matters: the reason.
    formula : Expr
        The derivative of that formula.
    number : float
    kind : str
        Which kind of factor it is: "input", "weight", "activation derivative", "loss derivative", "average" (over the
        samples), "constant", or "derivative" of another function.
    """

    source: str
    target: str
    definition: Expr
    formula: Expr
    number: float
    kind: EdgeKind

    @property
    def symbol(self) -> Partial:
        """∂target/∂source."""
        return Partial(self.target, self.source)


@dataclass(frozen=True)
class Delta:
    """The derivative of the loss by one weighted sum, in terms of the deltas after it: delta = f'(z)·Σ w·delta.

    Attributes
    ----------
    name : str
        For example δ_h1, or delta1[0].
    of : str
        The weighted sum whose delta it is.
    chain : Chain
    """

    name: str
    of: str
    chain: Chain


@dataclass(frozen=True)
class PenaltyTerm:
    """The penalty's own, additive part of a gradient.

    Attributes
    ----------
    formula, slope : Expr
        The penalty of this one weight, and its derivative by it.
    value : float
        The derivative's.
    """

    formula: Expr
    slope: Expr
    value: float


@dataclass(frozen=True)
class Batch:
    """The rows of a batch and what each gives to the gradient.

    Attributes
    ----------
    loss : str
        The loss of one row.
    combine : {"mean", "sum", ""}
        How the rows' losses make the batch's; empty where a formula of its own joins them.
    gradients : tuple of float
        Of each row's own loss.
    factor : float
        What each is multiplied by in the batch's gradient: one over the number of rows for a mean.
    rest : float
        The part that comes through no row, such as a penalty written into the formulas.
    row : int
        The row that the story tells.
    """

    loss: str
    combine: str
    gradients: tuple[float, ...]
    factor: float
    rest: float
    row: int

    @property
    def value(self) -> float:
        """The gradient of the whole batch."""
        return self.factor * sum(self.gradients) + self.rest


@dataclass(frozen=True)
class Line:
    """One line of an optimizer's rule: what it sets, by which formula, with which numbers, to which value."""

    name: str
    formula: Expr
    numbers: Expr
    value: float


@dataclass(frozen=True)
class Update:
    """What an optimizer makes of a gradient: from gradient over its state to the new value.

    Attributes
    ----------
    optimizer : str
    lines : tuple of Line
    old, new : float
        The parameter before and after.
    """

    optimizer: str
    lines: tuple[Line, ...]
    old: float
    new: float


@dataclass(frozen=True)
class Collapse:
    """How softmax and cross-entropy taken together come to p - y.

    Attributes
    ----------
    outputs : tuple of str
        p_j.
    loss_slopes : tuple of float
        ∂L/∂p_j.
    jacobian : tuple of tuple of float
        ∂p_j/∂z_k: row k holds all j.
    results : tuple of float
        ∂L/∂z_k = sum over j of ∂L/∂p_j ∂p_j/∂z_k.
    """

    outputs: tuple[str, ...]
    loss_slopes: tuple[float, ...]
    jacobian: tuple[tuple[float, ...], ...]
    results: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Story:
    """Where one derivative comes from.

    Attributes
    ----------
    graph : Graph
        Of the one row that the story tells.
    of, by : str
        It is ∂of/∂by.
    loss_at : callable, optional
        `of` as a function of the value of `by`, over the whole batch and with the penalty.
    penalty : PenaltyTerm, optional
    batch : Batch, optional
        Where there is more than one row.
    update : Update, optional
    stale : Stale, optional
        The same step taken with weights already updated, where that was asked for.
    retelling : Retelling, optional
        Where the story is told in the notation of a book or a library.
    remarks : tuple of str
        What its teller adds to the notes.
    """

    graph: Graph = field(repr=False)
    of: str
    by: str
    loss_at: Callable[[float], float] | None = field(default=None, repr=False)
    penalty: PenaltyTerm | None = field(default=None, repr=False)
    batch: Batch | None = field(default=None, repr=False)
    update: Update | None = field(default=None, repr=False)
    stale: Stale | None = field(default=None, repr=False)
    retelling: Retelling | None = field(default=None, repr=False)
    remarks: tuple[str, ...] = field(default=(), repr=False)

    @property
    def symbol(self) -> Partial:
        """∂of/∂by."""
        return Partial(self.of, self.by)

    @property
    def told(self) -> str:
        """What the paths lead to: the loss of the row that is told, or `of` itself where there is one row."""
        return self.of if self.batch is None else self.batch.loss

    @cached_property
    def value(self) -> float:
        """The derivative, over all rows and with the penalty."""
        data = self.graph.derivative(self.by, self.of) if self.batch is None else self.batch.value
        return data + (self.penalty.value if self.penalty else 0.0)

    @cached_property
    def path_count(self) -> int:
        """How many paths lead from `by` to `of` in one row: an exact integer, however large."""
        return self.graph.count_paths(self.by, self.told)

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """All paths where there are at most 12, else the strongest; strongest first."""
        k = self.path_count if self.path_count <= MOST_LISTED else STRONGEST
        return tuple(self.graph.strongest(self.by, self.told, k))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The quantities on the way, in order; where there are many, those on the paths shown."""
        there = self.graph.between(self.by, self.told)
        if len(there) <= 3 * MOST_LISTED:
            return tuple(there)
        shown = {name for path in self.paths for name in path.nodes}
        return tuple(name for name in there if name in shown)

    @cached_property
    def factors(self) -> tuple[Factor, ...]:
        """Each local derivative with its reason: on all paths, or on the strongest where there are more than 12."""
        shown = self.paths if self.path_count <= MOST_LISTED else self.paths[:1]
        pairs = dict.fromkeys(pair for path in shown for pair in pairwise(path.nodes))
        return tuple(self._factor(source, target) for source, target in pairs)

    @cached_property
    def chain(self) -> Chain:
        """The chain rule, factored as backpropagation factors it, in symbols, formulas and numbers.

        Where there are more than 12 paths it ends at the first fork, and `deltas` go on from there.
        """
        if self.path_count <= MOST_LISTED:
            return chain(self.graph, self.by, self.told)
        return chain(self.graph, self.by, self.told, self._at_a_fork)

    @cached_property
    def deltas(self) -> tuple[Delta, ...]:
        """The same sum grouped as backpropagation computes it: the delta of each weighted sum, last layer first."""
        if self.graph.node_kind(self.told) != "loss":
            return ()
        sums = [name for name in self.names if self._has_delta(name) and name != self.told]
        return tuple(Delta(delta_name(name), name, self._delta(name)) for name in reversed(sums[:MOST_LISTED]))

    @cached_property
    def by_deltas(self) -> Chain | None:
        """The gradient in terms of the deltas it needs, or None where no weighted sum lies between."""
        return chain(self.graph, self.by, self.told, self._as_delta) if self.deltas else None

    @cached_property
    def collapse(self) -> Collapse | None:
        """The Jacobian of a softmax on the way to its cross-entropy, or None for other outputs."""
        graph = self.graph
        return collapse(graph) if isinstance(graph, NetworkGraph) and graph.collapsed and graph.couples else None

    @cached_property
    def nudge(self) -> Nudge | None:
        """The nudge test: true change against h·gradient for h, h/2, h/4."""
        return None if self.loss_at is None else nudge(self.loss_at, self.graph.values[self.by], self.value)

    @cached_property
    def costs(self) -> Costs:
        """How many additions, multiplications and divisions it takes."""
        return costs(self.graph, self.by, self.told)

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What is worth knowing about this gradient: why it is zero or small, conventions at kinks, shared uses."""
        said = self.retelling.remarks if self.retelling else ()
        return (*self.remarks, *said, *notes(self.graph, self.by, self.told, self.paths))

    def _factor(self, source: str, target: str) -> Factor:
        definition = self.graph.definition(target, around=source)
        assert definition is not None
        edge = self.graph.edge(source, target)
        return Factor(
            source,
            target,
            definition,
            self.graph.local(source, target),
            edge.number,
            self.graph.edge_kind(source, target),
        )

    def _delta(self, name: str) -> Chain:
        """Return the delta of one weighted sum in terms of those after it; only the strongest where there are many."""
        return chain(self.graph, name, self.told, self._as_delta)

    def _as_delta(self, name: str) -> Expr | None:
        return Name(delta_name(name)) if self._has_delta(name) else None

    def _has_delta(self, name: str) -> bool:
        of_activations = self.retelling is not None and self.retelling.convention.delta == "a"
        return self.graph.node_kind(name) == ("activation" if of_activations else "sum")

    def _at_a_fork(self, name: str) -> Expr | None:
        forks = len(self.graph.out.get(name, ())) > 1
        return Partial(self.told, name) if forks else None

    def in_convention(self, convention: str | Convention) -> Story:
        """Return the same story in the notation of a book or a library: its letters, and the constants of its loss.

        The loss is the convention's, with its ½ and its means, so `value` is the original's times a constant; the notes
        say which, and why. Addresses such as ``w1[2->0]`` stay what stories are asked by. Formulas keep their names.

        Parameters
        ----------
        convention : str or Convention
            "nielsen", "bishop", "goodfellow", "ufldl", "mazur", "scikit-learn", "pytorch", "keras" or "jax"; or a row
            of one's own, see `backstory.story.conventions.Convention`.

        Raises
        ------
        ConfigurationError
            An unknown name.

        Examples
        --------
        >>> from backstory import Network
        >>> net = Network([1, 1], loss="squared_error", initializer="zeros", seed=0)
        >>> story = net.explain("w1[0->0]", [2.0], [1.0])
        >>> bishop = story.in_convention("bishop")
        >>> story.value, bishop.value, bishop.notes[1]
        (-4.0, -2.0, 'Your gradient is twice this one because your loss has no ½.')
        >>> bishop.named("w1[0->0]")
        'w^(1)_11'
        """
        from backstory.story.conventions import convention as row
        from backstory.story.retelling import retold

        return retold(self.retelling.original if self.retelling else self, row(convention))

    @cached_property
    def named(self) -> Callable[[str], str]:
        """From a name of the story to how it is written: in the letters of its convention, where it has one."""
        if self.retelling is None or not isinstance(self.graph, NetworkGraph):
            return str
        return self.retelling.convention.namer(tuple(self.graph.row.sizes))

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """The story's parts as data, in order; printers are views of them."""
        return sections(self)

    def chosen(self, keys: Sequence[str]) -> tuple[Section, ...]:
        """Return the parts of those keys, or all where there are none.

        Raises
        ------
        ConfigurationError
            No story has a part of that name.
        """
        known = [part.__name__ for _, part in PARTS]
        for key in keys:
            if key not in known:
                raise unknown("part of a story", key, known)
        return tuple(section for section in self.sections if not keys or section.key in keys)

    def to_text(self, *parts: str) -> str:
        """Return the story as a page of plain text, as ``print(story)`` shows it.

        Parameters
        ----------
        *parts : str
            Only these: "question", "paths", "chain", "factors", "deltas", "penalty", "batch", "softmax", "nudge",
            "update", "stale", "cost", "notes".
        """
        return text.page(self.chosen(parts), self.named)

    def to_latex(self, *parts: str) -> str:
        r"""Return the story as a fragment of LaTeX that needs amsmath and fits the lines of an article.

        Parameters
        ----------
        *parts : str
            Only these; see `to_text`.
        """
        return latex.page(self.chosen(parts), self.named)

    def to_mathml(self, *parts: str) -> str:
        """Return the story as a fragment of HTML with its formulas in MathML, broken into lines.

        Parameters
        ----------
        *parts : str
            Only these; see `to_text`.
        """
        return mathml.page(self.chosen(parts), self.named)

    def to_html(self, *parts: str) -> str:
        """Return the story as an HTML file that needs nothing else, with a picture of the network.

        Parameters
        ----------
        *parts : str
            Only these; see `to_text`.
        """
        return html.document(self.symbol, self.chosen(parts), self.picture, self.named)

    def to_dict(self) -> dict[str, Any]:
        """Return the story as plain data for JSON; `backstory.story.data` says what stands where."""
        return data.data(self)

    def to_python(self) -> str:
        """Return a Python program that computes the gradient again with plain arithmetic and prints it.

        Of large networks it has the quantities on the way; what others add to them stands there as numbers.
        """
        return python.source(self)

    @cached_property
    def picture(self) -> Picture | None:
        """The network with the paths lit, as data."""
        return picture(self)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """Return what a notebook shows."""
        return {
            "text/plain": self.to_text(),
            "text/latex": self.to_latex(),
            "text/html": html.body(self.symbol, self.sections, self.picture, self.named),
        }

    def __str__(self) -> str:
        return self.to_text()


def collapse(graph: NetworkGraph) -> Collapse:
    """Work out the two factors that a collapsed graph takes as one."""
    row = graph.row
    a, n_out = row.a[-1], row.sizes[-1]
    slope = row.loss.slope(n_out)
    slopes = tuple(float(evaluate(slope, {"a": p, "y": y})) for p, y in zip(a, row.y, strict=True))
    jacobian = tuple(tuple(a[j] * ((j == k) - a[k]) for j in range(n_out)) for k in range(n_out))
    together = graph.fused_slope
    results = tuple(float(evaluate(together, {"a": p, "y": y})) for p, y in zip(a, row.y, strict=True))
    return Collapse(tuple(f"a{row.n_layers}[{j}]" for j in range(n_out)), slopes, jacobian, results)


def delta_name(name: str) -> str:
    """Return what the derivative of the loss by a weighted sum is called: δ_h1 for z_h1, delta1[0] for z1[0].

    Examples
    --------
    >>> delta_name("z_h1"), delta_name("z1[0]"), delta_name("net_o1")
    ('δ_h1', 'delta1[0]', 'δ_o1')
    """
    for start in ("z_", "net_"):
        if name.startswith(start) and len(name) > len(start):
            return "δ_" + name[len(start) :]
    return "delta" + name[1:] if name.startswith("z") and "[" in name else f"δ_{name}"


def strongest_row(gradients: Sequence[float]) -> int:
    """Return the row whose gradient is largest in absolute value."""
    return max(range(len(gradients)), key=lambda row: abs(gradients[row]))
