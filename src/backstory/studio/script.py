"""The state as a program: Python, or commands for a shell, that builds the same network, data and training again."""

from __future__ import annotations

import inspect
from typing import Any

from backstory.studio import setup as setups
from backstory.studio.presets import PRESETS
from backstory.studio.subject import Subject

State = dict[str, Any]
Edits = list[tuple[int, str, float]]


def python(setup: State, subject: Subject, edits: Edits, step: int, quantity: str | None) -> str:
    """Return a program that ends with the same weights, and tells the same story.

    Parameters
    ----------
    setup : dict
    subject : Subject
        What was built from it.
    edits : list of (step, address, value)
        What was set by hand, in order of the steps.
    step : int
    quantity : str, optional
    """
    lines = ["import backstory as bs"]
    if setup["formulas"]:
        lines += ["", f'f = bs.Formulas.read("""\n{setup["formulas"].strip()}\n""")']
        lines += _training(setup, edits, step, "f.step(optimizer)", "f.set(**{{{address!r}: {value!r}}})", loop=True)
        lines += ["", "print(f.loss, f.values[f.loss])"]
        if quantity:
            lines.append(f"print(f.explain({quantity!r}, row={setup['row']}, optimizer=optimizer))")
        return "\n".join(lines) + "\n"
    lines += [*_samples(setup, subject), "", *_network(setup)]
    walk = f"walk = net.walk(X[:{subject.samples.trained}], y[:{subject.samples.trained}], optimizer=optimizer, "  # type: ignore[attr-defined]
    dropout = f", dropout={setup['dropout']!r}" if setup["dropout"] else ""
    begin = f"{walk}batch_size={setup['batch_size']}{dropout})"
    lines += _training(setup, edits, step, "walk.take({n})", "{parameter} = {value!r}", begin=begin)
    rows = f"X[:{subject.samples.trained}], y[:{subject.samples.trained}]"  # type: ignore[attr-defined]
    lines += ["", f'print("loss", net.loss({rows}))']
    if quantity:
        row = setup["row"]
        lines.append(f"print(net.explain({quantity!r}, X[{row}], y[{row}:{row + 1}], optimizer=optimizer))")
    return "\n".join(lines) + "\n"


def shell(setup: State, subject: Subject, edits: Edits, step: int, quantity: str | None, equation: str | None) -> str:
    """Return commands that do the same in a shell, with the command line's own where there are some for it."""
    if not setup["formulas"]:
        program = python(setup, subject, edits, step, quantity)
        return f"python - <<'END'\n{program}END\n"
    values = subject.numbers(0)["parameters"]
    text = "\n".join(_with_values(setup["formulas"].strip().splitlines(), values))
    asked = quantity or next(iter(values))
    lines = ["cat > network.txt <<'END'", text, "END", f"backstory explain network.txt {_quoted(asked)}"]
    if equation:
        lines.append(f"backstory check network.txt {_quoted(equation)}")
    return "\n".join(lines) + "\n"


def _with_values(lines: list[str], values: dict[str, float]) -> list[str]:
    """Return formulas whose parameters have the values they have now."""
    names = [line.partition("=")[0].strip() for line in lines]
    return [f"{name} = {values[name]!r}" if name in values else line for name, line in zip(names, lines, strict=True)]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _samples(setup: State, subject: Any) -> list[str]:
    """Return the lines that make X and y."""
    if setup["table"]:
        source, held_out = setup["table"], subject.samples.held_out
        binary = ".astype(float)" if subject.samples.classes and setup["sizes"][-1] == 1 else ""
        return [
            "import numpy as np",
            "from pathlib import Path",
            "from backstory.data.files import read",
            "",
            f"frame = read(Path({source['name']!r}))",
            "order = np.random.default_rng(0).permutation(len(frame))",
            f"table = bs.Table.fit(frame, {source['target']!r}, order[:-{held_out}])",
            f"X, y = table.inputs(frame)[order], table.targets(frame)[order]{binary}",
            *_signed(subject),
        ]
    data = PRESETS[setup["preset"]].data
    assert data is not None
    body = inspect.getsource(data).replace(" -> tuple[Any, Any]", "")
    return [
        "import numpy as np",
        "",
        "",
        *body.strip().splitlines(),
        "",
        "",
        f"X, y = {data.__name__}()",
        *_signed(subject),
    ]


def _signed(subject: Any) -> list[str]:
    """Return the line that makes -1 and 1 of two classes, where the loss asks for these."""
    return ["y = np.where(y == 1, 1.0, -1.0)"] if subject.samples.classes and -1.0 in subject.y else []


def _network(setup: State) -> list[str]:
    given = [f"{setup['sizes']!r}", f"hidden={setup['hidden']!r}"] if setup["hidden"] else [f"{setup['sizes']!r}"]
    given += [f"output={setup['output']!r}", f"loss={setup['loss']!r}"]
    given += [f"penalty=bs.L2({setup['l2']!r})"] if setup["l2"] else []
    return [f"net = bs.Network({', '.join(given)}, seed={setup['seed']})"]


def _training(
    setup: State, edits: Edits, step: int, take: str, edit: str, *, loop: bool = False, begin: str = ""
) -> list[str]:
    """Return the lines that train, with what was set by hand in its places."""
    optimizer = setups.optimizer(setup)
    rate, schedule = repr(setup["rate"]), optimizer.learning_rate
    if not isinstance(schedule, float):
        rate = f"bs.{type(schedule).__name__}({setup['rate']!r}, {setup['decay']!r})"
    name = type(optimizer).__name__
    lines = [f"optimizer = bs.{name}({rate})", *([begin] if begin else [])]
    at = 0
    for when, address, value in [
        *((at, address, value) for at, address, value in edits if at <= step),
        (step, "", 0.0),
    ]:
        if when > at:
            lines += [f"for _ in range({when - at}):", f"    {take}"] if loop else [take.format(n=when - at)]
            at = when
        if address:
            lines.append(edit.format(address=address, value=value, parameter=_parameter(address)))
    return lines


def _parameter(address: str) -> str:
    """Return how Python calls a parameter of a network."""
    from backstory.story.address import read_address

    read = read_address(address)
    if read is None:
        return ""
    place = f"{read.source}, {read.unit}" if read.letter == "w" else f"{read.unit}"
    return f"net.{'weights' if read.letter == 'w' else 'biases'}[{read.layer - 1}][{place}]"
