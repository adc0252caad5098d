"""From a story to the scalar graph of its network: all of it where it is small, else what the question reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backstory.errors import ConfigurationError
from backstory.story.formula_graph import FormulaGraph
from backstory.story.network_graph import NetworkGraph
from backstory.story.program import aggregated
from backstory.story.scalar import Link, Quantity, ScalarGraph
from backstory.story.scalar_layers import of_layers, refuse_many

if TYPE_CHECKING:
    from backstory.story.story import Story


def scalar_graph(story: Story) -> ScalarGraph:
    r"""Return the scalar graph of a story's network, for the one row that the story tells.

    Formulas are taken whole, as far as they lead to what is differentiated. Over samples that is the loss of one
    sample. Of a network of layers with more than 400 weights it is the part between the two quantities of the question;
    what all others add there stands as numbers.

    Parameters
    ----------
    story : Story

    Raises
    ------
    ConfigurationError
        There are more than 20,000 edges, no path in a network too large to be taken whole, or the formulas take more
        than one mean or sum over their samples.

    Examples
    --------
    >>> from backstory import Formulas
    >>> graph = scalar_graph(Formulas.read("x = 2\nw = 3\nL = (w*x)^2").explain("w"))
    >>> for operation in graph.to_dict()["operations"]:
    ...     print(*operation)
    leaf 2.0
    leaf 3.0
    mul 1 0
    constant 2.0
    pow 2 3
    add 4
    pow 0 3
    mul 1 6
    mul 3 7
    mul 2 1
    mul 3 9
    """
    graph = story.graph
    if isinstance(graph, FormulaGraph):
        return _of_formulas(story, graph).pruned()
    assert isinstance(graph, NetworkGraph)
    return of_layers(graph, story.told, story.by).pruned()


def _of_formulas(story: Story, graph: FormulaGraph) -> ScalarGraph:
    program, of = graph.program, _of_one_sample(graph, story.told)
    if _of_one_sample(graph, story.by) != story.by:
        raise ConfigurationError(f"A figure shows one sample, and {story.by} goes over all of them. Ask for another.")
    leading = {*graph.totals(of), *graph.totals(story.by), of, story.by}
    quantities = [
        Quantity(name, graph.node_kind(name), value, graph.definition(name))
        for name, value in graph.values.items()
        if name in leading
    ]
    links = [
        Link(source, target, graph.local(source, target), graph.edge_kind(source, target))
        for target in program.formulas
        if target in leading
        for source in program.uses[target]
    ]
    refuse_many(len(links))
    return ScalarGraph(of, story.by, tuple(quantities), tuple(links), program.rows)


def _of_one_sample(graph: FormulaGraph, name: str) -> str:
    """Return a name, or where it goes over all samples the one that is joined over them."""
    formulas = graph.program.formulas
    joins = [join for join in formulas if aggregated(formulas[join]) is not None and graph.between(join, name)]
    if len(joins) > 1:
        raise ConfigurationError(
            f"A figure shows one sample, so {name} may take one mean or sum over the samples. "
            f"Got {len(joins)}: {', '.join(joins)}."
        )
    return (aggregated(formulas[joins[0]]) or name) if joins else name
