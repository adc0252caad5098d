"""What a judgment consists of: a status, at most three findings, and the two numbers side by side at a point."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Status: TypeAlias = Literal["right", "right_here_only", "right_in_convention", "right_in_part", "wrong", "unreadable"]
Kind: TypeAlias = Literal[
    "independent",
    "unrelated",
    "upside_down",
    "missing_path",
    "double_path",
    "missing_factor",
    "extra_factor",
    "repeated_factor",
    "wrong_factor",
    "wrong_argument",
    "wrong_layer",
    "wrong_index",
    "missing_sum",
    "missing_term",
    "extra_term",
    "wrong_sign",
    "wrong_scale",
    "not_differentiated",
    "broken_chain",
    "wrong_shape",
    "wrong_definition",
    "unreadable",
    "unknown_name",
]

MOST_FINDINGS = 3
_WIDTH = 80
_HEADLINES: dict[Status, str] = {
    "right": "Right.",
    "right_here_only": "Right for this network only, not in general.",
    "right_in_convention": "Right in another convention.",
    "right_in_part": "Right in part.",
    "wrong": "Wrong.",
    "unreadable": "Not readable.",
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes
    ----------
    kind : str
    span : (int, int)
        The place in the text of the equation.
    message : str
        What is wrong and why, in the names of the one who wrote it.
    fix : str
        The whole equation, mended; empty where that is not known.
    hint : str
        Where to look, without saying what is wrong there: the first step of teaching.
    nearest : str
        Of an unknown name the one that may have been meant; may be empty.
    """

    kind: Kind
    span: tuple[int, int]
    message: str
    fix: str = ""
    hint: str = ""
    nearest: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        found = {"kind": self.kind, "span": list(self.span), "message": self.message, "fix": self.fix}
        return found | ({"nearest": self.nearest} if self.nearest else {})


@dataclass(frozen=True)
class WrittenTerm:
    """One term of the right side, multiplied out where its sums hold paths.

    Attributes
    ----------
    text : str
        As it was written.
    span : (int, int)
        Its place in the text of the equation.
    status : {"right", "wrong"}
        "wrong" too where it counts a path that another term counts already.
    paths : tuple of tuple of str
        The paths that it stands for, or is meant to; each as the quantities along it. None where that is not known.
    """

    text: str
    span: tuple[int, int]
    status: Literal["right", "wrong"]
    paths: tuple[tuple[str, ...], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        paths = [list(path) for path in self.paths]
        return {"text": self.text, "span": list(self.span), "status": self.status, "paths": paths}


@dataclass(frozen=True)
class Numbers:
    """Both sides at one point.

    Attributes
    ----------
    at : mapping of str to float
        The leaves.
    left, right : float
        What the two sides come to.
    terms : tuple of (str, float, float or None)
        By term of the right side: its text, its number, and the number it should have where that is known.
    """

    at: Mapping[str, float]
    left: float
    right: float
    terms: tuple[tuple[str, float, float | None], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        terms = [{"term": text, "yours": yours, "true": true} for text, yours, true in self.terms]
        return {"at": dict(self.at), "left": self.left, "right": self.right, "terms": terms}


@dataclass(frozen=True)
class Verdict:
    """Whether an equation is right, and if not, what is wrong with it.

    Attributes
    ----------
    text : str
        The equation.
    status : str
        "right", "right_here_only", "right_in_convention", "right_in_part", "wrong" or "unreadable".
    findings : tuple of Finding
        At most three, the most telling first; none where it is right.
    reading : str
        How derivative factors were read: "total", or "partial" where only partials of each quantity's own formula make
        it right.
    numbers : Numbers, optional
        Both sides at a point where they differ.
    terms : tuple of WrittenTerm
        The terms of the right side of a derivative, each with its paths; empty for other equations, for those with free
        indices or whole layers, and where there are too many paths.
    missing : tuple of tuple of str
        The paths that no term covers.
    """

    text: str
    status: Status
    findings: tuple[Finding, ...] = ()
    reading: str = "total"
    numbers: Numbers | None = field(default=None, repr=False)
    terms: tuple[WrittenTerm, ...] = field(default=(), repr=False)
    missing: tuple[tuple[str, ...], ...] = field(default=(), repr=False)

    @property
    def ok(self) -> bool:
        """Whether it is right, with nothing to be said against it."""
        return self.status == "right"

    @property
    def steps(self) -> tuple[str, ...]:
        """The first finding, told step by step: a hint, where, what, and the mended equation where that is known."""
        if not self.findings:
            return ("It is right.",)
        finding = self.findings[0]
        hint = finding.hint or _HINTS.get(finding.kind, "It cannot be read.")
        where = "\n".join(["Look here:", *_marked(self.text, finding.span)])
        fix = (f"Mended: {finding.fix}",) if finding.fix else ()
        return hint, where, textwrap.fill(finding.message, _WIDTH), *fix

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: the schema of `backstory check --format json`."""
        return {
            "equation": self.text,
            "status": self.status,
            "ok": self.ok,
            "reading": self.reading,
            "findings": [finding.to_dict() for finding in self.findings],
            "numbers": None if self.numbers is None else self.numbers.to_dict(),
            "terms": [term.to_dict() for term in self.terms],
            "missing": [list(path) for path in self.missing],
        }

    def __str__(self) -> str:
        lines = [_HEADLINES[self.status]]
        if self.status == "right" and self.reading == "partial":
            lines[0] += " Its derivatives are partials of each quantity's own formula."
        for finding in self.findings:
            lines += ["", *_marked(self.text, finding.span), *textwrap.wrap(finding.message, _WIDTH)]
            if finding.fix:
                lines.append(f"Mended: {finding.fix}")
        if self.numbers is not None and self.status not in ("right", "unreadable"):
            lines += ["", *_side_by_side(self.numbers)]
        return "\n".join(lines)


_HINTS: dict[str, str] = {
    "independent": "One of your factors differentiates something that is given, not computed.",
    "unrelated": "One of your factors joins two quantities that have nothing to do with each other.",
    "upside_down": "One of your factors stands the wrong way round.",
    "missing_path": "Follow every arrow from the weight to the loss: do your terms cover them all?",
    "double_path": "Is there an arrow that you count twice?",
    "missing_factor": "Somewhere your chain jumps over a link.",
    "extra_factor": "There is one factor too many.",
    "repeated_factor": "One factor stands there twice.",
    "wrong_factor": "One factor is not the derivative it should be.",
    "wrong_argument": "Look at what a derivative is taken at.",
    "wrong_layer": "Look at the layer of each factor.",
    "wrong_index": "Look at the indices of the weights.",
    "missing_sum": "How many units does this one feed?",
    "missing_term": "Something that depends on the weight is left out.",
    "extra_term": "One term does not belong there.",
    "wrong_sign": "Check the signs.",
    "wrong_scale": "Check the constants.",
    "not_differentiated": "Did you differentiate?",
    "broken_chain": "Do your factors form one chain?",
    "wrong_shape": "Write the shape of every matrix below it.",
    "wrong_definition": "Compare it with the network's own formula.",
}


def _marked(text: str, span: tuple[int, int]) -> list[str]:
    """Return the equation with the place underlined, cut to one line around it."""
    start, end = span
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", start)
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    start, end = start - line_start, min(end - line_start, len(line))
    room = _WIDTH - 4
    left = 0 if len(line) <= room else max(0, min(start - room // 4, len(line) - room))
    shown = line[left : left + room]
    under = " " * (start - left) + "^" * max(1, min(end, left + room) - start)
    return ["  " + shown, "  " + under]


def _side_by_side(numbers: Numbers) -> list[str]:
    given = [f"{name} = {value:.4g}" for name, value in numbers.at.items()]
    at = ", ".join(given[:8]) + (", …" if len(given) > 8 else "")
    lines = textwrap.wrap(f"With {at}:", _WIDTH, subsequent_indent="  ")
    lines.append(f"  your right side is {numbers.right:.6g}, the left side {numbers.left:.6g}")
    for text, yours, true in numbers.terms if len(numbers.terms) > 1 else ():
        shown = text if len(text) <= 40 else text[:37] + "..."
        lines.append(f"  {shown:<40} {yours:>12.6g}" + ("" if true is None else f"   should be {true:.6g}"))
    return lines
