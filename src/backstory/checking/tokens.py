r"""From the text of an equation to tokens: ASCII, Unicode and LaTeX in one spelling, each token with its place.

`\frac`, `\partial`, `\sum`, `\hat` and the like become tokens; spacing, `\left` and `\right` vanish; Greek letters are
spelled out; lowered and raised digits become `_` and `^`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal, TypeAlias

from backstory.errors import ExpressionError
from backstory.expressions.symbols import ACCENTS, GREEK
from backstory.expressions.tree import Span

MAX_CHARACTERS = 2_000

Kind: TypeAlias = Literal["number", "word", "operator", "end"]

_NUMBER = re.compile(r"(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_ADDRESS = re.compile(
    r"(d?)(w|b|z|a|x|y|s|e|alpha|scale|\\?delta|δ)(\d*)\[\s*(\d+)\s*(?:(?:->|→|\\to)\s*(\d+)\s*)?\]", re.ASCII
)
_FRONT_ADDRESS = re.compile(r"(d?)(frequency|phase|angle|wave|shift|mix)\[\s*(\d+(?:\s*,\s*\d+)+)\s*\]", re.ASCII)
_COMMAND = re.compile(r"\\(?:[A-Za-z]+|.)", re.DOTALL)
_GROUP = re.compile(r"\s*\{([^{}]*)\}")
_TEXT_COMMANDS = {"mathrm", "text", "mathit", "operatorname", "mathbf", "boldsymbol", "textrm", "mathsf", "bm", "vec"}
_ACCENT_COMMANDS = {"hat": "hat", "widehat": "hat", "bar": "bar", "overline": "bar", "tilde": "tilde"}
_IGNORED = {"left", "right", "quad", "qquad", "displaystyle", "big", "Big", "bigl", "bigr", "limits", "nolimits"}
_IGNORED |= {",", ";", ":", "!", " ", "\\"}
_COMMANDS = {
    **dict.fromkeys(("frac", "dfrac", "tfrac"), "frac"),
    **dict.fromkeys(("cdot", "times", "ast"), "*"),
    **dict.fromkeys(("odot", "circ"), "⊙"),
    **dict.fromkeys(("top", "intercal", "mathsf T"), "T"),
    **dict.fromkeys(("leftarrow", "gets"), "←"),
    "partial": "∂",
    "sum": "sum",
    "prime": "'",
    "div": "/",
    "{": "(",
    "}": ")",
    "lvert": "|",
    "rvert": "|",
    "mid": "|",
    "vert": "|",
}
_SIGNS = {
    "**": "^",
    ":=": "←",
    "<-": "←",
    ".*": "⊙",
    ".T": "T",
    "==": "=",
    "−": "-",
    "–": "-",
    "·": "*",
    "×": "*",
    "⋅": "*",
    "∗": "*",
    "÷": "/",
    "∘": "⊙",
    "⊙": "⊙",
    "∂": "∂",
    "∑": "sum",
    "Σ": "sum",
    "′": "'",
    "’": "'",
    "ᵀ": "T",
    "←": "←",
    **{sign: sign for sign in "+-*/^_=()[]{}'|,@:"},
}
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉ⱼₖₗᵢₙₒₕₓₐ", "0123456789jklinohxa", strict=True))
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹ˡᴸ⁽⁾⁺⁻", "0123456789lL()+-", strict=True))
_FRACTIONS = {"½": "0.5", "¼": "0.25", "¾": "0.75"}
_FUNCTIONS = {"exp", "log", "ln", "sin", "cos", "tan", "tanh", "sinh", "cosh", "max", "min", "sqrt"}
_INVISIBLE = {"$", "&", "~"}
_VARIANTS = {"varphi": "phi", "varepsilon": "epsilon", "vartheta": "theta", "nabla": "nabla"}
_GREEK_WORDS = {*GREEK.values(), *_VARIANTS}


@dataclass(frozen=True)
class Token:
    """One word of an equation: its kind, its text in one spelling, its place, and whether a space stands before it."""

    kind: Kind
    text: str
    span: Span


def tokens(text: str) -> list[Token]:
    r"""Split an equation into tokens, the last one of kind "end".

    Raises
    ------
    ExpressionError
        At what begins no token, with a hint.

    Examples
    --------
    >>> [token.text for token in tokens(r"\frac{\partial L}{\partial w_1}")]
    ['frac', '{', '∂', 'L', '}', '{', '∂', 'w', '_', '1', '}', '']
    >>> [token.text for token in tokens("∂L/∂w₁ = ŷ·x²")]
    ['∂', 'L', '/', '∂', 'w', '_', '{', '1', '}', '=', 'yhat', '*', 'x', '^', '{', '2', '}', '']
    """
    if len(text) > MAX_CHARACTERS:
        problem = f"An equation must have at most {MAX_CHARACTERS:,} characters. Got {len(text):,}."
        raise ExpressionError(problem, text, MAX_CHARACTERS, "Check its terms one by one.")
    found: list[Token] = []
    position = 0
    while position < len(text):
        position = _read(text, position, found)
    return [*found, Token("end", "", (len(text), len(text)))]


def _read(text: str, at: int, found: list[Token]) -> int:
    """Read what begins at a place; return where the next begins."""
    character = text[at]
    if character.isspace() or character in _INVISIBLE:
        return at + 1
    if match := _ADDRESS.match(text, at):
        return _address(match, found)
    if match := _FRONT_ADDRESS.match(text, at):
        found.append(Token("word", re.sub(r"\s", "", match[0]), match.span()))
        return match.end()
    if match := _NUMBER.match(text, at):
        found.append(Token("number", match[0], match.span()))
        return match.end()
    if character == "\\":
        return _command(text, at, found)
    if match := _WORD.match(text, at):
        return _word(text, match, found)
    if character in _LOWERED or character in _RAISED:
        return _script(text, at, found)
    if character in _FRACTIONS:
        found.append(Token("number", _FRACTIONS[character], (at, at + 1)))
        return at + 1
    for sign, spelled in _SIGNS.items():
        if text.startswith(sign, at):
            found.append(Token("operator", spelled, (at, at + len(sign))))
            return at + len(sign)
    return _letter(text, at, found)


def _address(match: re.Match[str], found: list[Token]) -> int:
    """Read the address of a quantity of a network of layers, w1[2->0], as one word; a d before it stays."""
    letter = "delta" if match[2] in ("δ", "\\delta") else match[2]
    units = match[4] if match[5] is None else f"{match[4]}->{match[5]}"
    found.append(Token("word", f"{match[1]}{letter}{match[3]}[{units}]", match.span()))
    return match.end()


def _word(text: str, match: re.Match[str], found: list[Token]) -> int:
    """Read a word of Latin letters; one with a combining accent gets the accent's name."""
    end = match.end()
    if end < len(text) and text[end] in ACCENTS:
        found.append(Token("word", match[0] + ACCENTS[text[end]], (match.start(), end + 1)))
        return end + 1
    kind: Kind = "operator" if match[0] == "sum" and text[end : end + 1] in ("_", "(") else "word"
    found.append(Token(kind, match[0], match.span()))
    return end


def _letter(text: str, at: int, found: list[Token]) -> int:
    """Read a letter beyond ASCII: Greek, or with an accent."""
    apart = unicodedata.normalize("NFD", text[at])
    word = "nabla" if text[at] == "∇" else GREEK.get(text[at])
    if word is None and len(apart) == 2 and apart[0].isascii() and apart[1] in ACCENTS:
        word = apart[0] + ACCENTS[apart[1]]
    if word is None:
        hint = "An equation holds names, numbers, derivatives such as dL/dw1, + - * / ^ ( ) and functions."
        raise ExpressionError(f"Cannot read {text[at]!r} in an equation.", text, at, hint)
    found.append(Token("word", word, (at, at + 1)))
    return at + 1


def _script(text: str, at: int, found: list[Token]) -> int:
    """Read lowered or raised characters: a subscript or a power."""
    table, sign = (_LOWERED, "_") if text[at] in _LOWERED else (_RAISED, "^")
    end = at
    while end < len(text) and text[end] in table:
        end += 1
    found.append(Token("operator", sign, (at, at + 1)))
    inner = "".join(table[character] for character in text[at:end])
    found.append(Token("operator", "{", (at, at + 1)))
    found += [Token(token.kind, token.text, (at + token.span[0], at + token.span[1])) for token in tokens(inner)[:-1]]
    found.append(Token("operator", "}", (end - 1, end)))
    return end


def _command(text: str, at: int, found: list[Token]) -> int:
    """Read a LaTeX command."""
    match = _COMMAND.match(text, at)
    if match is None:
        raise ExpressionError("A '\\' begins no command here.", text, at, "Write \\frac, \\partial, \\sigma …")
    name, end = match[0][1:], match.end()
    if name in _IGNORED:
        return end
    if name in _COMMANDS:
        found.append(Token("operator", _COMMANDS[name], (at, end)))
    elif name in _FUNCTIONS:
        found.append(Token("word", name, (at, end)))
    elif name in _GREEK_WORDS:
        found.append(Token("word", _VARIANTS.get(name, name), (at, end)))
    elif name in _TEXT_COMMANDS or name in _ACCENT_COMMANDS:
        group = _GROUP.match(text, end) or re.compile(r"\s*(\\?[A-Za-z]+)").match(text, end)
        if group is None:
            raise ExpressionError(f"\\{name} needs an argument.", text, at, f"Write \\{name}{{y}}.")
        inner, _, rest = group[1].replace(r"\_", "_").strip().lstrip("\\").partition("_")
        if not inner.isalnum():
            raise ExpressionError(f"Cannot read the argument of \\{name}.", text, end, "It should be one name.")
        found.append(Token("word", inner + _ACCENT_COMMANDS.get(name, ""), (at, group.end())))
        if rest:
            found.append(Token("operator", "_", (group.end() - 1, group.end())))
            found.append(Token("word", rest.strip("{}"), (group.end() - 1, group.end())))
        return group.end()
    else:
        known = ["frac", "partial", "sum", "sigma", "delta", "cdot", "odot", "hat", "mathrm"]
        hint = f"Known commands: {', '.join(chr(92) + each for each in known)}, Greek letters …"
        raise ExpressionError(f"Unknown command {match[0]!r}.", text, at, hint)
    return end
