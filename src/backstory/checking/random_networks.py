"""Random networks as formulas: for exercises, and for measuring how often the checker is right."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

ACTIVATIONS = ("sigmoid", "sigmoid", "tanh", "relu", "identity", "softplus", "leaky_relu")
_HIDDEN_LETTERS = ("h", "k", "m")


@dataclass
class _Draft:
    """Lines of a network as they are written, and what the next ones need."""

    generator: random.Random
    leaves: list[str] = field(default_factory=list)
    formulas: list[str] = field(default_factory=list)
    weights: list[str] = field(default_factory=list)

    def chance(self, probability: float) -> bool:
        return self.generator.random() < probability

    def leaf(self, name: str) -> str:
        """Write a leaf with a random value; return its name."""
        value = round(self.generator.uniform(0.2, 1.4) * self.generator.choice((-1, 1)), 2)
        self.leaves.append(f"{name} = {value}")
        return name


def random_network(generator: random.Random, most_hidden: int = 3, most_units: int = 3) -> str:
    """Return the text of a network: its layers, activations, skip connections, shared biases, loss and penalty random.

    Parameters
    ----------
    generator : random.Random
    most_hidden, most_units : int >= 1
        At most so many hidden layers, and units per layer.

    Examples
    --------
    >>> print(random_network(random.Random(5), most_hidden=1, most_units=1))
    x = -0.98
    w1 = -0.5
    b11 = -0.89
    w2 = 1.3
    w3 = -0.39
    b21 = 0.37
    y = -0.2
    h1 = leaky_relu(w1*x + b11)
    yhat = softplus(w2*h1 + w3*x + b21)
    L = 1/2*(yhat - y)^2
    """
    draft = _Draft(generator)
    hidden = generator.choices(range(most_hidden + 1), [1, *(4, 3, 1)[:most_hidden]])[0]
    sizes = [generator.randint(1, most_units) for _ in range(hidden + 2)]
    style = generator.choice(("flat", "flat", "layered")) if max(sizes) > 1 else generator.choice(("flat", "chain"))
    layers = [[draft.leaf(name) for name in _names(style, 0, sizes[0], hidden)]]
    biases = generator.choice(("own", "layer", "network", "none"))
    is_named = style != "flat" or draft.chance(0.3)
    for number in range(1, hidden + 2):
        is_last = number == hidden + 1
        activation = generator.choice(ACTIVATIONS)
        units = _names(style, number, sizes[number], hidden)
        feeding = list(layers[-1])
        if number > 1 and draft.chance(0.25):  # a skip connection
            feeding.append(generator.choice(layers[generator.randrange(len(layers) - 1)]))
        for place, unit in enumerate(units):
            weighted = _weighted_sum(draft, style, number, place, feeding, biases)
            _unit(draft, style, unit, weighted, activation, is_named and not (is_last and activation == "identity"))
        layers.append(units)
    _loss(draft, style, layers[-1])
    return "\n".join([*draft.leaves, *draft.formulas])


def _names(style: str, number: int, size: int, hidden: int) -> list[str]:
    """The names of a layer's units."""
    if style == "chain":
        return ["x"] if number == 0 else [f"a{number}"]
    if style == "layered":
        return [f"a{number}_{place}" for place in range(1, size + 1)]
    if number == 0:
        return [f"x{place}" for place in range(1, size + 1)] if size > 1 else ["x"]
    if number == hidden + 1:
        return [f"o{place}" for place in range(1, size + 1)] if size > 1 else ["yhat"]
    return [f"{_HIDDEN_LETTERS[number - 1]}{place}" for place in range(1, size + 1)]


def _weighted_sum(draft: _Draft, style: str, number: int, place: int, feeding: list[str], biases: str) -> str:
    """Write the weights of a unit; return its weighted sum."""
    terms = []
    for source_place, source in enumerate(feeding, start=1):
        if style == "layered":
            weight = draft.leaf(f"w{number}_{place + 1}{source_place}")
        else:
            weight = draft.leaf(f"w{len(draft.weights) + 1}")
        draft.weights.append(weight)
        terms.append(f"{weight}*{source}")
    if biases != "none":
        own = f"b{number}_{place + 1}" if style == "layered" else f"b{number}{place + 1}"
        name = {"own": own, "layer": f"b{number}", "network": "b"}[biases]
        if not any(line.startswith(f"{name} =") for line in draft.leaves):
            draft.leaf(name)
        terms.append(name)
    return " + ".join(terms)


def _unit(draft: _Draft, style: str, unit: str, weighted: str, activation: str, is_named: bool) -> None:
    """Write the formulas of a unit."""
    if activation == "identity" and draft.chance(0.5):
        draft.formulas.append(f"{unit} = {weighted}")
    elif is_named:
        z = "z" + unit[1:] if style in ("chain", "layered") else f"z_{unit}"
        draft.formulas += [f"{z} = {weighted}", f"{unit} = {activation}({z})"]
    else:
        draft.formulas.append(f"{unit} = {activation}({weighted})")


def _loss(draft: _Draft, style: str, outputs: list[str]) -> None:
    """Write the targets and the loss."""
    letter = "y" if style != "flat" or draft.chance(0.5) else "t"
    count = len(outputs)
    targets = [draft.leaf(letter if count == 1 else f"{letter}{place}") for place in range(1, count + 1)]
    squares = []
    for output, target in zip(outputs, targets, strict=True):
        squares.append(f"({output} - {target})^2" if draft.chance(0.5) else f"({target} - {output})^2")
    whole = " + ".join(squares)
    kinds = ["half", "half", "plain"]
    kinds += ["mean"] if count > 1 else []
    are_logistic = all(any(line.startswith(f"{output} = sigmoid(") for line in draft.formulas) for output in outputs)
    kinds += ["cross_entropy"] if are_logistic else []
    kind = draft.generator.choice(kinds)
    if kind == "half":
        whole = f"1/2*({whole})" if count > 1 else f"1/2*{whole}"
    elif kind == "mean":
        whole = f"1/{count}*({whole})"
    elif kind == "cross_entropy":
        whole = " ".join(
            f"- ({target}*log({output}) + (1 - {target})*log(1 - {output}))"
            for output, target in zip(outputs, targets, strict=True)
        ).removeprefix("- ")
        whole = "-" + whole
    if draft.weights and draft.chance(0.25):
        draft.leaf("lambda")
        whole += " + lambda/2*(" + " + ".join(f"{weight}^2" for weight in draft.weights) + ")"
    draft.formulas.append(f"{'C' if style == 'layered' else draft.generator.choice('LEC')} = {whole}")
