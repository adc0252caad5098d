"""A trained network as Python source that imports `math` and nothing else."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable, Iterator
from typing import Any

from numpy.typing import NDArray

from backstory.data.columns import Number
from backstory.data.frame import MISSING
from backstory.expressions import to_guarded_python, to_python, to_text
from backstory.functions import ACTIVATIONS, Activation
from backstory.functions.front import ANGLE, BLENDED, SCALED, WAVE, written
from backstory.interop.encoding import PRESSED, codes, inputs, scaled
from backstory.interop.trained import Trained

Array = NDArray[Any]

_WIDTH = 110
_TAKEN = {
    *dir(builtins),
    *keyword.kwlist,
    "math",
    "predict",
    "encode",
    "row",
    "value",
    "each",
    "missing",
    *"abcfmoswxyzW",
}
_SOFTMAX = '''\
def {name}(z):
    """Positive numbers whose sum is 1: exp(z) / sum of exp(z)."""
    largest = max(z)
    powers = [_exp(each - largest) for each in z]
    total = sum(powers)
    return [power / total for power in powers]
'''


_RAW = """\
def _text(value):
    text = str(value).strip()
    if text in MISSING:
        return None
    if isinstance(value, str):
        return text
    if text in ("True", "False"):
        return text.lower()
    return str(int(value)) if float(value).is_integer() else text


def _number(value):
    return math.nan if _text(value) is None else float(value)


def _pressed(z, limit):
    return {pressed}
"""


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
        self.pressed, helpers = to_guarded_python(PRESSED)
        if trained.table is not None:
            self.helpers |= helpers

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
        if self.trained.labels:
            yield from constant("CLASSES", map(plain, self.trained.labels))
        for layer, (W, b, _) in enumerate(self.trained.layers, start=1):
            yield f"# Layer {layer}: for each of its {W.shape[1]} units, a weight for each of its {W.shape[0]} inputs."
            yield from constant(f"W{layer}", (row(column) for column in W.T))
            if b is not None:
                yield from constant(f"B{layer}", map(number, b))
        yield from self.other_constants()
        for source in (*self.helpers.values(), *self.sources):
            yield f"\n{source}"
        if self.trained.spec.front is not None:
            yield self.front()
        if self.trained.table is not None:
            yield from self.raw()
        yield from self.predict()

    def other_constants(self) -> Iterator[str]:
        """Parameters that are not of dense layers."""
        embedding, scale, alphas = self.trained.others
        if embedding is not None and self.trained.spec.front is not None:
            yield "# The columns that are embedded, and for each its frequencies, phases, mixtures and shifts."
            yield from constant("EMBEDDED", map(str, self.trained.spec.front.columns))
            yield from constant("FREQUENCY", map(row, embedding.frequency))
            yield from constant("PHASE", map(row, embedding.phase))
            yield from constant("MIX", (f"({', '.join(map(row, mix.T))},)" for mix in embedding.mix))
            yield from constant("SHIFT", map(row, embedding.shift))
        if scale is not None:
            yield from constant("SCALE", map(number, scale))
        for layer, alpha in enumerate(alphas, start=1):
            yield from constant(f"ALPHA{layer}", map(number, alpha))

    def front(self) -> str:
        """The function from the network's inputs to what the first layer reads."""
        wave = to_python(written(WAVE.expression, angle=ANGLE.value))
        lines = [
            "",
            "def _front(row):",
            "    out = []",
            "    for column, x in enumerate(row):",
            "        out.append(x)",
        ]
        if self.trained.others.embedding is not None:
            lines += [
                "        if column in EMBEDDED:",
                "            c = EMBEDDED.index(column)",
                f"            waves = [{wave} for frequency, phase in zip(FREQUENCY[c], PHASE[c])]",
                "            out += [sum((m * w for m, w in zip(mix, waves)), s) for mix, s in zip(MIX[c], SHIFT[c])]",
            ]
        scaled_out = f"[{to_python(SCALED.value)} for scale, column in zip(SCALE, out)]"
        lines.append(f"    return {'out' if self.trained.others.scale is None else scaled_out}")
        return "\n".join(lines) + "\n"

    def raw(self) -> Iterator[str]:
        """The encoding of raw columns: its constants, and a function."""
        table = self.trained.table
        assert table is not None
        yield ""
        yield from constant("MISSING", map(ascii, MISSING))
        for index, column in enumerate(table.columns):
            if not isinstance(column, Number):
                yield f"# {column.name!a}: the code of each text, and the inputs for each code, another and none."
                codes_, rows_ = codes(column), inputs(column)
                pairs = [f"{text!a}: {code}" for text, code in codes_.items()]
                yield from constant(f"CODES_{index}", [*pairs, f"None: {len(rows_) - 1}"], "{}")
                yield from constant(f"INPUTS_{index}", map(row, rows_))
        yield f"\n{_RAW.format(pressed=self.pressed)}"
        yield "\ndef encode(row):"
        yield '    """Return the inputs of the network, for a dict from the name of each raw column to its value."""'
        yield "    a = []"
        for index, column in enumerate(table.columns):
            name = ascii(column.name)
            if isinstance(column, Number):
                yield f"    x = _number(row[{name}])"
                yield f"    missing, x = (1.0, {number(column.fill)}) if x != x else (0.0, x)"
                z = to_python(scaled(column))
                z = z if column.limit is None else f"_pressed({z}, {number(column.limit)})"
                yield f"    a += [{z}, missing]" if column.indicator else f"    a += [{z}]"
            else:
                other = len(inputs(column)) - 2
                yield f"    a += INPUTS_{index}[CODES_{index}.get(_text(row[{name}]), {other})]"
        yield "    return a\n"

    def predict(self) -> Iterator[str]:
        """The function itself: every layer after the one before."""
        spec, table = self.trained.spec, self.trained.table
        yield "\ndef predict(row):"
        if table is None:
            yield f'    """Return a list of {self.trained.says}, for {spec.n_in} inputs."""'
            yield "    a = [float(value) for value in row]"
            yield f"    if len(a) != {spec.n_in}:"
            yield f'        raise ValueError(f"A row must have {spec.n_in} inputs. Got {{len(a)}}.")'
        else:
            what = f"Return a list of {self.trained.says}, for a dict from the name of each raw column to its value."
            yield f'    """{what}"""'
            yield "    a = encode(row)"
        if spec.front is not None:
            yield "    a = _front(a)"
        for layer, activation in enumerate(spec.activations, start=1):
            if spec.biases:
                yield f"    z = [sum((w * x for w, x in zip(W, a)), b) for W, b in zip(W{layer}, B{layer})]"
            else:
                yield f"    z = [sum(w * x for w, x in zip(W, a)) for W in W{layer}]"
            function = self.functions.get(activation)
            applied = f"{function}(z)" if activation.couples else f"[{function}(each) for each in z]"
            yield f"    a = {'z' if function is None else applied}"
            if layer <= len(self.trained.others.alphas):
                blended = to_python(BLENDED.value)
                yield f"    a = [{blended} for alpha, z, f in zip(ALPHA{layer}, z, a)]"
        if table is not None and self.trained.classes is None:
            aim = table.aim
            yield f"    a = [y * {number(aim.scale)} + {number(aim.mean)} for y in a]"
            if aim.low is not None and aim.high is not None:
                yield f"    a = [min(max(y, {number(aim.low)}), {number(aim.high)}) for y in a]"
        yield "    return a\n"


def constant(name: str, values: Iterable[str], brackets: str = "()") -> Iterator[str]:
    """A tuple by name, or a dict of pairs, over as many lines as it takes."""
    yield f"{name} = {brackets[0]}"
    line = "   "
    for value in values:
        if len(line) + len(value) + 2 > _WIDTH and line.strip():
            yield line
            line = "   "
        line += f" {value},"
    yield line
    yield f"{brackets[1]}\n"


def row(values: Array) -> str:
    """A tuple of numbers on lines of their own."""
    return f"({', '.join(map(number, values))},)"


def number(value: Any) -> str:
    """A number as it is: a float32 in as many digits as its exact value takes in float64."""
    return repr(float(value))


def plain(value: Any) -> str:
    """A label as a literal in ASCII."""
    return ascii(value.item() if hasattr(value, "item") else value)
