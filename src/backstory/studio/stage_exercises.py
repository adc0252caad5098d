"""Exercises about the network of layers on the stage: a derivative to write in its deltas, or a slip to find."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from backstory.checking.verdict import Finding
from backstory.errors import ConfigurationError
from backstory.story.address import Address
from backstory.story.page import counted

if TYPE_CHECKING:
    from backstory.network.spec import Spec
    from backstory.story.story import Story
    from backstory.studio.subject import NetworkSubject

MOST_TERMS = 3
"""Units of the next layer whose deltas are written out."""
_TRIES = 50


def gradient(by: Address) -> str:
    """Return what the derivative of the loss by a parameter is, in the delta of its own unit."""
    right = [*_input(by), f"delta{by.layer}[{by.unit}]"]
    return f"dL/d{by} = {'*'.join(right)}"


def factors(spec: Spec, by: Address) -> list[str]:
    """Return the same as factors, a delta of a hidden layer being worked out from those of the next."""
    layer, unit = by.layer, by.unit
    if layer == spec.n_layers or spec.sizes[layer + 1] > MOST_TERMS:
        return [*_input(by), f"delta{layer}[{unit}]"]
    terms = [f"w{layer + 1}[{unit}->{to}]*delta{layer + 1}[{to}]" for to in range(spec.sizes[layer + 1])]
    back = [f"({' + '.join(terms)})"] if len(terms) > 1 else terms[0].split("*")
    return [*_input(by), f"da{layer}[{unit}]/dz{layer}[{unit}]", *back]


def slips(spec: Spec, by: Address) -> Iterator[str]:
    """Go through the right sides of equations with one mistake each."""
    right = factors(spec, by)
    for place in range(len(right)):
        if len(right) > 1:
            yield "*".join(right[:place] + right[place + 1 :])
    yield "*".join(["-" + right[0], *right[1:]])
    for place, factor in enumerate(right):
        for other in _others(spec, by, factor):
            yield "*".join([*right[:place], other, *right[place + 1 :]])


def chosen(kind: str, seed: int, subject: NetworkSubject, row: int) -> tuple[str, str, str, Finding | None]:
    """Choose an exercise: what is asked, its left side, the solution, and the mistake that is to be found.

    Raises
    ------
    ConfigurationError
        There is none whose solution is judged right.
    """
    spec, generator = subject.net.spec, random.Random(seed)
    for _ in range(_TRIES):
        by = _parameter(spec, generator)
        solution = gradient(by)
        left = f"dL/d{by}"
        if not subject.check(solution, row).ok:
            continue
        if kind == "gradient":
            return left, left, solution, None
        wrong = f"{left} = {generator.choice([*slips(spec, by)])}"
        verdict = subject.check(wrong, row)
        if verdict.status == "wrong" and verdict.findings:
            return wrong, left, solution, verdict.findings[0]
    raise ConfigurationError("No exercise was found for the network on the stage. Choose a random network.")


def hints(story: Story, solution: str) -> list[str]:
    """Return what helps to write a derivative, the vaguest first."""
    ways = [" → ".join(_seen(path.nodes)) for path in story.paths]
    count = "One path leads" if story.path_count == 1 else f"{counted(story.path_count)} paths lead"
    delta = solution.rpartition("delta")[2]
    ahead = f"Every path goes through z{delta}: delta{delta} is how the loss changes with it."
    return [f"{count} from {story.by} to {story.of}.", "\n".join(ways), ahead]


def _seen(nodes: Sequence[str]) -> list[str]:
    """Leave out the weighted sums of units that are named themselves."""
    return [name for name, after in zip_longest(nodes, nodes[1:]) if not (name[0] == "z" and after == f"a{name[1:]}")]


def described(spec: Spec, row: int) -> str:
    """Return the network in a sentence."""
    rows = ", ".join(each.name for each in spec.activations)
    return f"The network on the stage, {'-'.join(map(str, spec.sizes))}: {rows}; loss: {spec.loss.name}; sample {row}."


def _parameter(spec: Spec, generator: random.Random) -> Address:
    layer = generator.randrange(spec.n_layers) + 1
    unit = generator.randrange(spec.sizes[layer])
    is_bias = spec.biases and generator.random() < 0.2
    return (
        Address("b", layer, unit) if is_bias else Address("w", layer, unit, generator.randrange(spec.sizes[layer - 1]))
    )


def _input(by: Address) -> list[str]:
    """Return what a weight multiplies; a bias nothing."""
    if by.source is None:
        return []
    return [f"x[{by.source}]" if by.layer == 1 else f"a{by.layer - 1}[{by.source}]"]


def _others(spec: Spec, by: Address, factor: str) -> Iterator[str]:
    """Go through what stands for a factor by mistake: the same of another unit, or of the other end of the weight."""
    if factor in _input(by):
        size, name = spec.sizes[by.layer - 1], factor.partition("[")[0]
        yield from (f"{name}[{unit}]" for unit in range(size) if unit != by.source)
        yield f"a{by.layer}[{by.unit}]"
    elif factor.startswith("delta"):
        name, _, _ = factor.partition("[")
        size = spec.sizes[int(name.removeprefix("delta"))]
        yield from (f"{name}[{unit}]" for unit in range(size) if f"{name}[{unit}]" != factor)
