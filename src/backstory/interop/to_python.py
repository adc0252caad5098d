"""A trained network as Python source that imports `math` and nothing else."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Iterator
from typing import Any

from numpy.typing import NDArray

from backstory.expressions import to_guarded_python, to_text
from backstory.functions import ACTIVATIONS, Activation
from backstory.interop.trained import Trained

Array = NDArray[Any]

_WIDTH = 110
_TAKEN = {*dir(builtins), *keyword.kwlist, "math", "predict", "row", "value", *"abwxzW", "each"}
_SOFTMAX = '''\
def {name}(z):
    """Positive numbers whose sum is 1: exp(z) / sum of exp(z)."""
    largest = max(z)
    powers = [_exp(each - largest) for each in z]
    total = sum(powers)
    return [power / total for power in powers]
'''


def write(trained: Trained) -> bytes:
    """The file's content."""
    return "\n".join(_Program(trained).parts()).encode("ascii")


class _Program:
    """Writes the parts of the file in order."""

    def __init__(self, trained: Trained) -> None:
        self.trained = trained
        self.functions: dict[Activation, str] = {}
        self.helpers: dict[str, str] = {}
        sources = []
        for row in dict.fromkeys(trained.spec.activations):
            if row.name != "identity":
                self.functions[row] = self._identifier(row.name)
                sources.append(self.function(row, self.functions[row]))
        self.sources = sources

    def _identifier(self, name: str) -> str:
        """A name for an activation that nothing else has; in ASCII, as the file is."""
        name = re.sub(r"\W", "_", name, flags=re.ASCII)
        if not re.match(r"[a-z]", name):  # capitals are for constants, an underscore for helpers
            name = f"f_{name}"
        while name in _TAKEN or name in self.functions.values():
            name += "_"
        return name

    def function(self, row: Activation, name: str) -> str:
        """An activation: of one unit, or of a layer."""
        if row.couples:
            self.helpers |= to_guarded_python(ACTIVATIONS["exp"].value)[1]
            return _SOFTMAX.format(name=name)
        value, helpers = to_guarded_python(row.value)
        self.helpers |= helpers
        return f"def {name}(z):\n    # {ascii(to_text(row.expression))[1:-1]}\n    return {value}\n"

    def parts(self) -> Iterator[str]:
        """The file from top to bottom."""
        yield f'"""A trained network: {ascii(self.trained.title)[1:-1]}; written by backstory."""'
        yield ""
        yield "import math\n"
        if self.trained.classes:
            yield from constant("CLASSES", map(plain, self.trained.classes))
        for layer, (W, b, _) in enumerate(self.trained.layers, start=1):
            yield f"# Layer {layer}: for each of its {W.shape[1]} units, a weight for each of its {W.shape[0]} inputs."
            yield from constant(f"W{layer}", (row(column) for column in W.T))
            if b is not None:
                yield from constant(f"B{layer}", map(number, b))
        for source in (*self.helpers.values(), *self.sources):
            yield f"\n{source}"
        yield from self.predict()

    def predict(self) -> Iterator[str]:
        """The function itself: every layer after the one before."""
        spec = self.trained.spec
        what = "the probability of each of CLASSES" if self.trained.classes else f"{spec.n_out} outputs"
        yield "\ndef predict(row):"
        yield f'    """Return {what}, a list, for {spec.n_in} inputs."""'
        yield "    a = [float(value) for value in row]"
        yield f"    if len(a) != {spec.n_in}:"
        yield f'        raise ValueError(f"A row must have {spec.n_in} inputs. Got {{len(a)}}.")'
        for layer, activation in enumerate(spec.activations, start=1):
            if spec.biases:
                yield f"    z = [sum((w * x for w, x in zip(W, a)), b) for W, b in zip(W{layer}, B{layer})]"
            else:
                yield f"    z = [sum(w * x for w, x in zip(W, a)) for W in W{layer}]"
            function = self.functions.get(activation)
            applied = f"{function}(z)" if activation.couples else f"[{function}(each) for each in z]"
            yield f"    a = {'z' if function is None else applied}"
        yield "    return a\n"


def constant(name: str, values: Iterable[str]) -> Iterator[str]:
    """A tuple by name, over as many lines as it takes."""
    yield f"{name} = ("
    line = "   "
    for value in values:
        if len(line) + len(value) + 2 > _WIDTH and line.strip():
            yield line
            line = "   "
        line += f" {value},"
    yield line
    yield ")\n"


def row(values: Array) -> str:
    """A tuple of numbers on lines of their own."""
    return f"({', '.join(map(number, values))},)"


def number(value: Any) -> str:
    """A number as it is: a float32 in as many digits as its exact value takes in float64."""
    return repr(float(value))


def plain(value: Any) -> str:
    """A label as a literal in ASCII."""
    return ascii(value.item() if hasattr(value, "item") else value)
