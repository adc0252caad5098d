"""A trained network as one C99 file that needs ``math.h`` and nothing else."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from numpy.typing import NDArray

from backstory.data.columns import Number
from backstory.data.frame import MISSING
from backstory.expressions import Call, to_c, to_text, walk
from backstory.expressions.c import DOUBLE, HELPERS, SINGLE, c_number
from backstory.functions import Activation
from backstory.functions.front import ANGLE, BLENDED, WAVE, written
from backstory.interop.c_text import c_name, c_string, comment, quoted, wrapped
from backstory.interop.encoding import PRESSED, codes, inputs, scaled
from backstory.interop.trained import Trained

Array = NDArray[Any]

_NAMES = (
    *("classes", "code", "dense", "encode", "find", "missing", "predict", "pressed", "put", "same"),
    *("front", "starts", "frequency", "phase", "mix", "shift", "scale"),
)
"""What functions and constants of the file are called, after its name."""
_SOFTMAX = """\
static void {name}(real *z, long n)
{{
    real largest = z[0], sum = 0;
    long j;
    for (j = 1; j < n; j++) largest = z[j] > largest ? z[j] : largest;
    for (j = 0; j < n; j++) {{
        z[j] = exp{s}(z[j] - largest);
        sum += z[j];
    }}
    for (j = 0; j < n; j++) z[j] /= sum;
}}
"""
_DENSE = """\
/* z = a W + b: a (n_in), W (n_in, n_out), b and z (n_out). */
static void {name}_dense(const real *a, long n_in, const real *W{b_parameter}, real *z, long n_out)
{{
    long i, j;
    for (j = 0; j < n_out; j++) z[j] = {b};
    for (i = 0; i < n_in; i++)
        for (j = 0; j < n_out; j++) z[j] += a[i] * W[i * n_out + j];
}}
"""
_LOOK_UP = """\
static int {name}_same(const char *a, const char *b)
{{
    while (*a && *a == *b) {{
        a++;
        b++;
    }}
    return *a == *b;
}}

static double {name}_find(const char *const *texts, const long *codes, long n, const char *text)
{{
    long i;
    for (i = 0; i < {missing}; i++)
        if ({name}_same({name}_missing[i], text)) return (double)NAN;
    for (i = 0; i < n; i++)
        if ({name}_same(texts[i], text)) return (double)codes[i];
    return -1;
}}
"""
_PUT = """\
/* The inputs of a code, of any other number, or of NAN: rows (n + 2, width). */
static void {name}_put(double code, const real *rows, long n, long width, real *a)
{{
    long j, row = isnan(code) ? n + 1 : n;
    if (code >= 0 && code < (double)n && code == floor(code)) row = (long)code;
    for (j = 0; j < width; j++) a[j] = rows[row * width + j];
}}
"""


def write(trained: Trained, name: str) -> bytes:
    """The file's content.

    Parameters
    ----------
    trained : Trained
    name : str
        What every name in it begins with: a C identifier.

    Raises
    ------
    ConfigurationError
        The name is none.
    """
    return "\n".join(_Program(trained, c_name(name)).parts()).encode("ascii")


class _Program:
    """Writes the parts of the file in order."""

    def __init__(self, trained: Trained, name: str) -> None:
        self.trained, self.name = trained, name
        self.suffix = SINGLE if trained.spec.dtype == "float32" else DOUBLE
        self.functions = self._function_names()
        self.columns = () if trained.table is None else trained.table.columns
        self.coded = [(i, column) for i, column in enumerate(self.columns) if not isinstance(column, Number)]

    def _function_names(self) -> dict[Activation, str]:
        """A C name for each activation that is not the identity."""
        taken = {*_NAMES, *(name for name, _, _ in HELPERS.values())}
        found: dict[Activation, str] = {}
        for row in self.trained.spec.activations:
            if row in found or row.name == "identity":
                continue
            plain = re.sub(r"\W", "_", row.name, flags=re.ASCII)
            while plain in taken or re.fullmatch(r"(w|b|alpha|codes|inputs|texts)\d+", plain):
                plain += "_"
            taken.add(plain)
            found[row] = f"{self.name}_{plain}"
        return found

    def parts(self) -> Iterator[str]:
        """The file from top to bottom."""
        yield from self.heading()
        yield "#include <math.h>\n"
        yield f"typedef {'float' if self.suffix == SINGLE else 'double'} real;\n"
        yield f"void {self.name}_predict(const double *x, double *out);"
        if self.coded:
            yield f"double {self.name}_code(int column, const char *text);"
        yield from self.labels()
        yield ""
        yield from self.parameters()
        yield from self.helpers()
        for row, function in self.functions.items():
            yield self.function(row, function)
        biases = self.trained.spec.biases
        yield _DENSE.format(
            name=self.name, b_parameter=", const real *b" if biases else "", b="b[j]" if biases else "0"
        )
        yield from self.front()
        yield from self.raw()
        yield from self.predict()

    def heading(self) -> Iterator[str]:
        """The comment that says how to call it."""
        spec, table = self.trained.spec, self.trained.table
        yield f"/* {self.name}: a trained network, {comment(self.trained.title)}; written by backstory."
        yield " *"
        yield f" *     void {self.name}_predict(const double *x, double *out);"
        yield " *"
        if table:
            yield f" * x: {len(self.columns)} numbers, as they come, NAN where one is missing:"
        else:
            yield f" * x: {spec.n_in} numbers, the inputs of the network."
        for index, column in enumerate(self.columns):
            text = "" if isinstance(column, Number) else f": {self.name}_code({index}, text)"
            yield f" *     x[{index}]  {quoted(column.name)}{text}"
        if labels := self.trained.labels:
            yield f" * out: {self.trained.says}; {self.name}_classes holds their names:"
            for index, label in enumerate(labels):
                yield f" *     {index}  {quoted(label)}"
        else:
            yield f" * out: {self.trained.says}{'' if table is None else ' ' + quoted(table.target)}."
        yield " *"
        yield " * It allocates nothing, keeps no state and may be called from many threads. Compile it with"
        yield f" *     cc -std=c99 -O2 -c {self.name}.c"
        yield " * and link with -lm."
        yield " */"
        yield ""

    def labels(self) -> Iterator[str]:
        """The classes' names, for whoever includes them."""
        if classes := self.trained.labels:
            declaration = f"const char *const {self.name}_classes[{len(classes)}]"
            yield f"extern {declaration};"
            yield ""
            yield f"{declaration} = {{"
            for label in classes:
                yield f"    {c_string(str(label))},"
            yield "};"

    def parameters(self) -> Iterator[str]:
        """Weights and biases as constant arrays."""
        for layer, (W, b, _) in enumerate(self.trained.layers, start=1):
            yield self.array(f"w{layer}", W)
            if b is not None:
                yield self.array(f"b{layer}", b)
        embedding, scale, alphas = self.trained.others
        for name, values in () if embedding is None else zip(embedding._fields, embedding, strict=True):
            yield self.array(name, values)
        if scale is not None:
            yield self.array("scale", scale)
        for layer, alpha in enumerate(alphas, start=1):
            yield self.array(f"alpha{layer}", alpha)

    def array(self, name: str, values: Array) -> str:
        """A constant array of numbers of the network's dtype."""
        numbers = [f"{value!s}{self.suffix}" for value in values.ravel()]
        lines = "\n".join(wrapped(numbers))
        shape = " x ".join(map(str, values.shape))
        return f"static const real {self.name}_{name}[{values.size}] = {{ /* {shape} */\n{lines}\n}};\n"

    def helpers(self) -> Iterator[str]:
        """What the activations need and ``math.h`` lacks."""
        rows = [row for row in self.functions if not row.couples]
        used = {node.function for row in rows for node in walk(row.value) if isinstance(node, Call)}
        for function, (name, parameters, value) in HELPERS.items():
            if function in used:
                yield f"static real {self.name}_{name}({parameters}) {{ return {value}; }}"
        if used & HELPERS.keys():
            yield ""

    def function(self, row: Activation, name: str) -> str:
        """An activation: of one unit, or of a layer."""
        title = f"/* {comment(f'{row}: {to_text(row.expression)}')} */"
        if row.couples:
            return f"{title}\n{_SOFTMAX.format(name=name, s=self.suffix)}"
        value = to_c(row.value, self.suffix, prefix=f"{self.name}_")
        return f"{title}\nstatic real {name}(real z)\n{{\n    return {value};\n}}\n"

    def front(self) -> Iterator[str]:
        """The function from the network's inputs x to what the first layer reads."""
        front, embedding, name = self.trained.spec.front, self.trained.others.embedding, self.name
        if front is None:
            return
        starts = f"{name}_starts"
        yield f"static const long {starts}[{front.n_in + 1}] = {{ {', '.join(map(str, front.starts))} }};\n"
        yield f"static void {name}_front(const real *inputs, real *out)"
        yield "{"
        yield f"    long {'c, e = 0, k, m' if embedding is not None else 'c'};"
        yield f"    for (c = 0; c < {front.n_in}; c++) {{"
        yield f"        out[{starts}[c]] = inputs[c];"
        if embedding is not None:
            k, m = embedding.mix.shape[1:]
            frequency, phase = (f"{name}_{array}[e * {k} + k]" for array in ("frequency", "phase"))
            angle = ANGLE.value
            wave = to_c(written(WAVE.expression, angle=angle), self.suffix, prefix=f"{name}_")
            yield f"        if ({starts}[c + 1] - {starts}[c] > 1) {{"
            yield f"            real x = inputs[c], *to = out + {starts}[c] + 1;"
            yield f"            for (m = 0; m < {m}; m++) to[m] = {name}_shift[e * {m} + m];"
            yield f"            for (k = 0; k < {k}; k++) {{"
            yield f"                real frequency = {frequency}, phase = {phase};"
            yield f"                real wave = {wave};"
            yield f"                for (m = 0; m < {m}; m++) to[m] += {name}_mix[(e * {k} + k) * {m} + m] * wave;"
            yield "            }"
            yield "            e++;"
            yield "        }"
        yield "    }"
        if self.trained.others.scale is not None:
            yield f"    for (c = 0; c < {front.n_out}; c++) out[c] *= {name}_scale[c];"
        yield "}\n"

    def predict(self) -> Iterator[str]:
        """The function itself: every layer after the one before."""
        name, spec = self.name, self.trained.spec
        yield f"void {name}_predict(const double *x, double *out)"
        yield "{"
        for layer, size in enumerate(spec.widths):
            yield f"    real a{layer}[{size}];"
        first = "a0" if spec.front is None else "inputs"
        if spec.front is not None:
            yield f"    real inputs[{spec.n_in}];"
        yield "    long j;"
        if self.columns:
            yield f"    {name}_encode(x, {first});"
        else:
            yield f"    for (j = 0; j < {spec.n_in}; j++) {first}[j] = (real)x[j];"
        if spec.front is not None:
            yield f"    {name}_front(inputs, a0);"
        for layer, (size_in, size_out, row) in enumerate(
            zip(spec.widths, spec.widths[1:], spec.activations, strict=False), start=1
        ):
            b = f", {name}_b{layer}" if spec.biases else ""
            yield f"    {name}_dense(a{layer - 1}, {size_in}, {name}_w{layer}{b}, a{layer}, {size_out});"
            if row.couples:
                yield f"    {self.functions[row]}(a{layer}, {size_out});"
            elif layer <= len(self.trained.others.alphas):
                z, plain = f"a{layer}[j]", self.functions.get(row)
                yield f"    for (j = 0; j < {size_out}; j++) {{"
                yield f"        real alpha = {name}_alpha{layer}[j], z = {z}, f = {f'{plain}(z)' if plain else 'z'};"
                yield f"        {z} = {to_c(BLENDED.value, self.suffix, prefix=f'{name}_')};"
                yield "    }"
            elif row in self.functions:
                yield f"    for (j = 0; j < {size_out}; j++) a{layer}[j] = {self.functions[row]}(a{layer}[j]);"
        yield f"    for (j = 0; j < {spec.n_out}; j++) out[j] = {self.restored(f'a{spec.n_layers}[j]')};"
        yield "}"
        yield ""

    def raw(self) -> Iterator[str]:
        """The encoding of raw columns."""
        name = self.name
        if not self.columns:
            return
        if self.coded:
            yield from self.texts("missing", MISSING)
            for index, column in self.coded:
                known = codes(column)
                yield from self.texts(f"texts{index}", known)
                numbers = "\n".join(wrapped(map(str, known.values())))
                yield f"static const long {name}_codes{index}[{len(known)}] = {{\n{numbers}\n}};\n"
                yield self.array(f"inputs{index}", inputs(column).astype(self.trained.spec.dtype))
            yield _LOOK_UP.format(name=name, missing=len(MISSING))
            yield from self.code()
            yield _PUT.format(name=name)
        if any(isinstance(column, Number) and column.limit is not None for column in self.columns):
            yield f"static double {name}_pressed(double z, double limit)\n{{\n    return {to_c(PRESSED)};\n}}\n"
        yield from self.encode()

    def texts(self, name: str, values: Collection[str]) -> Iterator[str]:
        """A constant array of strings."""
        yield f"static const char *const {self.name}_{name}[{len(values)}] = {{"
        yield from (f"    {c_string(text)}," for text in values)
        yield "};\n"

    def code(self) -> Iterator[str]:
        """The function from a text to what stands for it in x."""
        yield "/* What x holds for a text of that column: its code, -1 for an unknown one, NAN for a missing one. */"
        yield f"double {self.name}_code(int column, const char *text)"
        yield "{"
        yield "    switch (column) {"
        for index, column in self.coded:
            arguments = f"{self.name}_texts{index}, {self.name}_codes{index}, {len(codes(column))}, text"
            yield f"    case {index}: return {self.name}_find({arguments});"
        yield "    default: return (double)NAN;"
        yield "    }"
        yield "}\n"

    def encode(self) -> Iterator[str]:
        """The function from raw columns to the network's inputs."""
        yield f"static void {self.name}_encode(const double *x, real *a)"
        yield "{"
        if len(self.coded) < len(self.columns):
            yield "    double value;"
        at = 0
        for index, column in enumerate(self.columns):
            x = f"x[{index}]"
            if isinstance(column, Number):
                z = to_c(scaled(column, "value"))
                z = z if column.limit is None else f"{self.name}_pressed({z}, {c_number(column.limit)})"
                yield f"    value = isnan({x}) ? {c_number(column.fill)} : {x};"
                yield f"    a[{at}] = (real)({z});"
                if column.indicator:
                    yield f"    a[{at + 1}] = (real)(isnan({x}) != 0);"
            else:
                n, width = len(inputs(column)) - 2, len(column.inputs)
                yield f"    {self.name}_put({x}, {self.name}_inputs{index}, {n}, {width}, a + {at});"
            at += len(column.inputs)
        yield "}\n"

    def restored(self, value: str) -> str:
        """An output in the target's units."""
        table = self.trained.table
        value = f"(double){value}" if self.suffix == SINGLE else value
        if table is None or table.classes is not None:
            return value
        aim = table.aim
        found = f"{value} * {c_number(aim.scale)} + {c_number(aim.mean)}"
        if aim.low is None or aim.high is None:
            return found
        return f"fmin(fmax({found}, {c_number(aim.low)}), {c_number(aim.high)})"
