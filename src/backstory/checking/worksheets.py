"""Exercises on paper: a worksheet with its solutions behind it, in Markdown or LaTeX."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from backstory.checking.exercises import Exercise
from backstory.checking.spelling import Spelling
from backstory.expressions.symbols import GREEK

_WIDTH = 74
"""Characters of a line of typewriter text on the page."""
_LATEX = Spelling("latex", r"\cdot", sigma="sigma")
_HEAD = r"""\documentclass[11pt]{article}
\usepackage[T1]{fontenc}
\usepackage[margin=25mm]{geometry}
\usepackage{amsmath}
\setlength{\parindent}{0pt}
\raggedright
\begin{document}
"""


def to_markdown(exercises: Sequence[Exercise], seed: int) -> str:
    """Return a worksheet in Markdown."""
    lines = [f"# Backpropagation: {_count(exercises)}", "", f"Made from seed {seed}; the solutions are at the end.", ""]
    for number, each in enumerate(exercises, start=1):
        lines += [f"## Exercise {number}", "", "```", each.network.strip(), "```", "", _task(each), ""]
        lines += ["", f"`{each.asked}`", ""] if each.kind == "spot" else [f"`{each.asked} = `", ""]
    lines += ["# Solutions", ""]
    for number, each in enumerate(exercises, start=1):
        lines += [f"{number}. `{each.solution}`"]
        if each.mistake is not None:
            lines += ["", f"   {each.mistake.message}"]
        lines += [""]
    return "\n".join(lines).replace("\n\n\n", "\n\n")


def to_latex(exercises: Sequence[Exercise], seed: int) -> str:
    """Return a worksheet as a whole LaTeX document."""
    lines = [_HEAD + rf"\section*{{Backpropagation: {_count(exercises)}}}"]
    lines += [rf"Made from seed {seed}; the solutions are at the end.", ""]
    for number, each in enumerate(exercises, start=1):
        lines += [rf"\subsection*{{Exercise {number}}}", r"\begin{verbatim}", _wrapped(each.network), r"\end{verbatim}"]
        lines += [_task(each), "", r"\medskip", _math(each, each.asked), ""]
    lines += [r"\newpage", r"\section*{Solutions}"]
    for number, each in enumerate(exercises, start=1):
        lines += [r"\medskip", rf"\textbf{{{number}.}} {_math(each, each.solution)}", ""]
        if each.mistake is not None:
            lines += [_escaped(each.mistake.message), ""]
    text = "\n".join([*lines, r"\end{document}", ""])
    return text.replace(r"\begin{document}", _declared(text) + r"\begin{document}", 1)


def _wrapped(network: str) -> str:
    """Return formulas in lines that fit a page."""
    return "\n".join(textwrap.fill(line, _WIDTH, subsequent_indent="    ") for line in network.splitlines())


def _escaped(text: str) -> str:
    """Return plain text as LaTeX."""
    text = text.replace("\\", r"\textbackslash ")
    for sign in "{}_&%$#":
        text = text.replace(sign, "\\" + sign)
    return text.replace("^", r"\^{}").replace("~", r"\~{}")


def _declared(text: str) -> str:
    """Return the declarations of the signs beyond ASCII that a text holds."""
    known = {**{letter: f"\\{word}" for letter, word in GREEK.items()}, "→": r"\to", "·": r"\cdot", "…": r"\dots"}
    used = sorted({sign for sign in text if ord(sign) > 127})
    lines = [rf"\DeclareUnicodeCharacter{{{ord(sign):04X}}}{{\ensuremath{{{known.get(sign, '?')}}}}}" for sign in used]
    return "".join(line + "\n" for line in lines)


def _count(exercises: Sequence[Exercise]) -> str:
    return "one exercise" if len(exercises) == 1 else f"{len(exercises)} exercises"


def _task(exercise: Exercise) -> str:
    if exercise.kind == "spot":
        return "There is a mistake in this equation. Find it, and write the equation as it should be."
    return "Work out this derivative:"


def _math(exercise: Exercise, text: str) -> str:
    """Return an equation, or the left side of one, set as mathematics that may be broken over lines."""
    sides = exercise.sides(text if "=" in text else f"{text} = 0")
    shown = " = ".join(_LATEX.text(side) for side in sides) if "=" in text else f"{_LATEX.text(sides[0])} ="
    return f"$\\displaystyle {shown}$".replace(r"\left(", "(").replace(r"\right)", ")")
