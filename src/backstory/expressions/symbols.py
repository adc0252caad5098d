"""How a name is set in mathematics: its letter, what stands below and above, an accent; for LaTeX and MathML alike.

What a name looks like says how it is set: `w12` and `w_12` have 12 below, `n_out` has a word there, the address
``w1[2->0]`` of a network's weight has its layer above and the units it leads to and comes from below; so has a name in
the letters of a book, `w^2_13` or `W^(1)_{10,3}`. Names of code such as ``linear1.weight[0,2]`` are set as they are.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace

_ADDRESS = re.compile(r"([^\W\d_]+)(\d*)\[((?:[a-z],)?(?:\d+|[a-z]))(?:->(\d+|[a-z]))?\](⁺?)")
_OF_A_BOOK = re.compile(r"([^\W\d_]+)(?:\^(\d+|\(\d+\)|\[\d+\]))?_(?:(\d+)|\{(\d+(?:,\d+)*)\})")
_OF_CODE = re.compile(r"[^\W\d]\w*(?:\.\w+|\[[^\]]+\])+")
_CALL = re.compile(r"(\w+)\((.+)\)")
_WITH_PLACE = re.compile(r"([^\W\d_]+)_(.+)|([^\W\d_]+?)(\d+)")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_LOWERED_END = re.compile("[₀-₉]+$")

_GREEK_WORDS = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
    "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
GREEK = dict(zip("αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ", _GREEK_WORDS.split(), strict=True))
"""Greek letter -> its name."""
LETTERS = {word: letter for letter, word in GREEK.items()}
"""Name of a Greek letter -> the letter."""
ACCENTS = {"\u0302": "hat", "\u0303": "tilde", "\u0304": "bar", "\u0307": "dot", "\u0308": "ddot", "\u0301": "acute"}
"""Combining accent -> its name in mathematics."""


@dataclass(frozen=True)
class Symbol:
    """A name taken apart.

    Attributes
    ----------
    base : str
        A letter or a word; Greek as the letter.
    below : tuple of Symbol
        Subscripts, to stand side by side with commas between.
    above : str
    accent : str
        A combining character of `ACCENTS`, or none.
    argument : Symbol, optional
        Of what is written as a function, such as mean(L_n).
    """

    base: str
    below: tuple[Symbol, ...] = ()
    above: str = ""
    accent: str = ""
    argument: Symbol | None = None


def read_symbol(name: str) -> Symbol:
    """Take a name apart.

    Examples
    --------
    >>> weight = read_symbol("w1[2->0]")
    >>> weight.base, [each.base for each in weight.below], weight.above
    ('w', ['0', '2'], '(1)')
    >>> read_symbol("delta").base, read_symbol("w₁").below[0].base
    ('δ', '1')
    """
    if match := _ADDRESS.fullmatch(name):
        letter, layer, first, second, after = match.groups()
        units = tuple(first.split(",")) if second is None else (second, first)  # of a weight as textbooks: to, from
        above = (f"({layer})" if layer else "") + after.replace("⁺", "+")
        return replace(_word(letter), below=tuple(Symbol(each) for each in units), above=above)
    if match := _OF_A_BOOK.fullmatch(name):
        letter, above, side_by_side, listed = match.groups()
        below = (side_by_side,) if side_by_side else listed.split(",")
        return replace(_word(letter), below=tuple(map(Symbol, below)), above=above or "")
    if _OF_CODE.fullmatch(name):
        return Symbol(name)
    if match := _CALL.fullmatch(name):
        return replace(_word(match[1]), argument=read_symbol(match[2]))
    plain = name.rstrip("'")
    above = "′" * (len(name) - len(plain))
    if match := _LOWERED_END.search(plain):
        plain = f"{plain[: match.start()]}_{match[0].translate(_LOWERED)}"
    if match := _WITH_PLACE.fullmatch(plain):
        word, place = match[1] or match[3], match[2] or match[4]
        return replace(_word(word), below=(read_symbol(place),), above=above)
    return replace(_word(plain), above=above)


def _word(word: str) -> Symbol:
    """Return a letter or word; one letter with an accent as the letter and the accent."""
    if word in LETTERS:
        return Symbol(LETTERS[word])
    apart = unicodedata.normalize("NFD", word)
    if len(apart) == 2 and apart[1] in ACCENTS:
        return Symbol(apart[0], accent=apart[1])
    if word.endswith("hat") and len(word) == 4:
        return Symbol(word[0], accent="\u0302")
    return Symbol(word)
