r"""From the tokens of an equation to its tree, by recursive descent; every refusal names the place.

::

    equation  = sum {("=" | "←") sum}
    sum       = ["-" | "+"] product {("+" | "-") product}
    product   = unary {["*" | "/" | "⊙" | "@"] unary}         nothing between two factors is a product
    unary     = ("-" | "+") unary | postfix
    postfix   = atom {"^" power | "T"}
    atom      = number | fraction | derivative | "Σ" "_" index product | name | function "(" sum ")" | "(" sum ")"
    derivative = differential "/" differential ["|" "_" names]  binds tighter than everything else
    differential = ("d" | "∂") name
    name      = word {"_" subscript | "^" layer}

Which words are names is the network's business: `dw1` is a differential where `w1` is a name and `dw1` is none, and a
word that is no name may be several written together, `w5h1`.
"""

from __future__ import annotations

from typing import Any, Protocol

from backstory.checking.equation import (
    Applied,
    Elementwise,
    Equation,
    MatrixProduct,
    Ratio,
    SumOver,
    Transposed,
    Written,
)
from backstory.checking.tokens import Token, tokens
from backstory.errors import ExpressionError
from backstory.expressions import Add, Call, Div, Expr, Mul, Neg, Number, Pow, Sub
from backstory.expressions.tree import Span

MAX_DEPTH = 60
MAX_EXPONENT = 64
MOST_NUMBER = 1e100
_INDICES = set("jklinmpq")
_ELEMENTARY = {"exp", "log", "ln", "sin", "cos", "tan", "tanh", "sinh", "cosh", "sqrt", "abs", "sign"}


class UnknownName(ExpressionError):
    """A name that the network does not have.

    Parameters
    ----------
    problem, text : str
    span : (int, int)
        Where the name stands.
    nearest : str
        The name that may have been meant; may be empty.
    """

    def __init__(self, problem: str, text: str, span: Span, nearest: str) -> None:
        super().__init__(problem, text, span[0])
        self.span, self.nearest = span, nearest

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by what it was made from."""
        return type(self), (self.problem, self.text, self.span, self.nearest)


class Vocabulary(Protocol):
    """What a reader asks about words."""

    def known(self, name: Written) -> bool:
        """Whether a name means something in this network, for some values of its free indices."""

    def function(self, word: str) -> bool:
        """Whether a word is a function where an argument in parentheses follows."""

    @property
    def samples(self) -> bool:
        """Whether sum(…) and mean(…) run over samples."""

    def has_layer(self, word: str) -> bool:
        """Whether a bare number raised behind a word is a layer, not a power."""

    def nearest(self, name: Written) -> str | None:
        """Return the name of the network that is spelled most like this one."""


def read_equation(text: str, vocabulary: Vocabulary) -> Equation:
    """Read an equation.

    Raises
    ------
    ExpressionError
        With the place, a caret and a hint.
    """
    return _Reader(text, vocabulary).equation()


class _Reader:
    """One reading of one text; each method reads one rule and leaves the next token current."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.text = text
        self.vocabulary = vocabulary
        self.tokens = tokens(text)
        self.index = 0
        self.depth = 0

    # -- tokens

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def at_end(self) -> bool:
        return self.index == len(self.tokens) - 1

    def peek(self, ahead: int = 1) -> Token:
        return self.tokens[min(self.index + ahead, len(self.tokens) - 1)]

    def at(self, *operators: str) -> bool:
        return self.token.kind == "operator" and self.token.text in operators

    def take(self) -> Token:
        token = self.token
        self.index = min(self.index + 1, len(self.tokens) - 1)
        return token

    @property
    def end(self) -> int:
        return self.tokens[self.index - 1].span[1]

    def error(self, problem: str, at: int | None = None, hint: str = "") -> ExpressionError:
        return ExpressionError(problem, self.text, self.token.span[0] if at is None else at, hint)

    def expect(self, operator: str, hint: str = "") -> Token:
        if not self.at(operator):
            raise self.error(f"Expected {operator!r}, got {self.described()}.", hint=hint)
        return self.take()

    def described(self) -> str:
        return "the end of the equation" if self.token.kind == "end" else repr(self.token.text)

    # -- equation, sum, product

    def equation(self) -> Equation:
        if self.token.kind == "end":
            raise self.error("The equation is empty.", hint="Write one such as dL/dw1 = dL/dh1 * dh1/dw1.")
        sides, is_update = [self.sum()], False
        while self.at("=", "←"):
            is_update |= self.take().text == "←"
            sides.append(self.sum())
        if not self.at_end():
            if self.at(")", "]", "}"):
                raise self.error(f"This {self.token.text!r} closes nothing.")
            raise self.error(f"Expected an operator or the end, got {self.described()}.")
        if len(sides) < 2:
            raise self.error("There is no '='.", len(self.text), "Write what it is said to equal: dL/dw1 = …")
        return Equation(self.text, tuple(sides), is_update)

    def sum(self) -> Expr:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"Parentheses may be nested at most {MAX_DEPTH} deep.")
        start = self.token.span[0]
        sign = self.take().text if self.at("-", "+") else ""
        node = self.product()
        if sign == "-":
            node = Neg(node, span=(start, self.end))
        while self.at("-", "+"):
            kind = Add if self.take().text == "+" else Sub
            right = self.product()
            node = kind(node, right, span=(start, self.end))
        self.depth -= 1
        return node

    def product(self) -> Expr:
        start = self.token.span[0]
        node = self.unary()
        while True:
            if self.at("*", "/", "⊙", "@"):
                kind = {"*": Mul, "/": Div, "⊙": Elementwise, "@": MatrixProduct}[self.take().text]
                node = kind(node, self.unary(), span=(start, self.end))
            elif self.begins_factor():
                right = self.postfix()
                node = Mul(node, right, span=(start, self.end))
            else:
                return node

    def begins_factor(self) -> bool:
        """Whether the next token may begin a factor that is written right behind another."""
        return self.token.kind in ("number", "word") or self.at("(", "[", "{", "frac", "∂", "sum")

    def unary(self) -> Expr:
        if self.at("-", "+"):
            token = self.take()
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise self.error(f"Signs and parentheses may be nested at most {MAX_DEPTH} deep.")
            operand = self.unary()
            self.depth -= 1
            return Neg(operand, span=(token.span[0], self.end)) if token.text == "-" else operand
        return self.postfix()

    def postfix(self) -> Expr:
        start = self.token.span[0]
        node = self.atom()
        while True:
            if self.at("T") or (self.at("'") and isinstance(node, Written)):
                self.take()
                node = Transposed(node, span=(start, self.end))
            elif self.at("^") and self.raised_transpose():
                node = Transposed(node, span=(start, self.end))
            elif self.at("^"):
                self.take()
                node = Pow(node, self.exponent(), span=(start, self.end))
            else:
                return node

    def raised_transpose(self) -> bool:
        r"""Read ^T, ^{T} or a raised \top, if that stands here."""
        braced = self.peek().text == "{"
        inner = self.peek(2) if braced else self.peek()
        if inner.text not in ("T", "t") or (braced and self.peek(3).text != "}"):
            return False
        self.index += 4 if braced else 2
        return True

    def exponent(self) -> Expr:
        at = self.token.span[0]
        if self.at("{", "("):
            close = {"{": "}", "(": ")"}[self.take().text]
            node = self.sum()
            self.expect(close)
        else:
            node = self.unary()
        if isinstance(node, Number) and abs(float(node.value)) > MAX_EXPONENT:
            raise self.error(f"An exponent must be at most {MAX_EXPONENT}. Got {node.value}.", at)
        if isinstance(node, Pow):
            raise self.error("A power of a power is not read here.", at, "Write it with parentheses and one exponent.")
        return node

    # -- atoms

    def atom(self) -> Expr:
        token = self.token
        if token.kind == "number":
            self.take()
            if not float(token.text) <= MOST_NUMBER:
                raise self.error(f"A number must be at most {MOST_NUMBER:g}.", token.span[0])
            return Number(int(token.text) if token.text.isdigit() else float(token.text), span=token.span)
        if self.at("frac"):
            return self.fraction()
        if self.at("∂"):
            return self.derivative()
        if self.at("sum"):
            return self.summation()
        if token.text == "nabla":
            return self.nabla()
        if token.kind == "word":
            return self.derivative() if self.begins_differential() else self.word()
        if self.at("(", "[", "{"):
            close = {"(": ")", "[": "]", "{": "}"}[self.take().text]
            node = self.sum()
            self.expect(close, hint=f"The {token.text!r} at position {token.span[0]} is still open.")
            return node
        raise self.error(f"Expected a quantity, got {self.described()}.")

    def fraction(self) -> Expr:
        r"""Read \frac{…}{…}: a derivative, an operator before its quantity, or a quotient."""
        start = self.take().span[0]
        if self.token.kind == "number" and self.token.text.isdigit() and len(self.token.text) < 3:
            return self.short_fraction(start)
        self.expect("{", hint="Write \\frac{…}{…}.")
        if self.begins_differential():
            return self.fraction_of_differentials(start)
        top = self.sum()
        self.expect("}")
        self.expect("{")
        bottom = self.sum()
        self.expect("}")
        return Div(top, bottom, span=(start, self.end))

    def short_fraction(self, start: int) -> Expr:
        r"""Read \frac12 or \frac1N."""
        token = self.take()
        top, rest = Number(int(token.text[0]), span=token.span), token.text[1:]
        bottom = Number(int(rest), span=token.span) if rest else self.atom()
        return Div(top, bottom, span=(start, self.end))

    def fraction_of_differentials(self, start: int) -> Expr:
        of = self.differential(may_be_bare=True)
        self.expect("}")
        self.expect("{")
        by = self.differential()
        self.expect("}")
        assert by is not None
        if of is None:
            of = self.name()
        return self.ratio(of, by, start)

    def derivative(self) -> Expr:
        start = self.token.span[0]
        of = self.differential(may_be_bare=True)
        if not self.at("/"):
            raise self.error(
                "A differential stands alone here.", start, "Derivatives are ratios of two, such as dL/dw1 or ∂L/∂w1."
            )
        self.take()
        closed = self.at("(")
        if closed:
            self.take()
        by = self.differential()
        if closed:
            self.expect(")")
        assert by is not None
        if of is None:
            of = self.name()
        return self.ratio(of, by, start)

    def nabla(self) -> Expr:
        """Read ∇_a C: the derivatives of C by all units of a layer, the last unless another is named."""
        start = self.take().span[0]
        self.expect("_", hint="Write what it is the derivative by: \\nabla_a C.")
        by, _, above = self.group().partition("^")
        name = Written(by, "", above or "L", span=(start, self.end))
        return self.ratio(self.name(), self.checked(name), start)

    def ratio(self, of: Written, by: Written, start: int) -> Expr:
        if not self.vocabulary.known(by):
            at = by.span[0] if by.span else start
            raise self.error(f"{str(by)!r} is a function; nothing is differentiated by it.", at)
        if self.vocabulary.function(of.base) and not self.vocabulary.known(of):
            return Applied(of, by, 1, span=(start, self.end))
        held: list[Written] = []
        if self.at("|"):
            self.take()
            self.expect("_", hint="Write what is held fixed below the bar: |_h.")
            braced = self.at("{", "(")
            if braced:
                self.take()
            held.append(self.name())
            while self.at(","):
                self.take()
                held.append(self.name())
            if braced:
                self.take()
        return Ratio(of, by, tuple(held), span=(start, self.end))

    def begins_differential(self) -> bool:
        """Whether a differential begins here: ∂, a d before a name, or a word that is d and a name."""
        if self.at("∂"):
            return True
        token = self.token
        if token.kind != "word" or not token.text.startswith("d"):
            return False
        if token.text == "d":
            after = self.peek()
            return after.kind == "word" or after.text in ("/", "(", "}")
        whole, rest = self.index, None
        saved = self.tokens[whole]
        if self.vocabulary.known(self._peeked_name(saved.text)):
            return False
        rest = self._peeked_name(saved.text[1:])
        slash = self._after_name()
        return self.vocabulary.known(rest) or (
            slash.text in ("/", "}") and (self.vocabulary.function(rest.base) or rest.base != "elta")
        )

    def _peeked_name(self, word: str) -> Written:
        """Return the name that begins here, with another first word; takes no tokens."""
        index = self.index
        self.index += 1
        try:
            below, above, _ = self.scripts(word)
        except ExpressionError:
            below, above = "", ""
        self.index = index
        return Written(word, below, above)

    def _after_name(self) -> Token:
        """Return the token after the name that begins here; takes no tokens."""
        index = self.index
        self.index += 1
        try:
            self.scripts(self.tokens[index].text[1:])
            return self.token
        except ExpressionError:
            return self.tokens[-1]
        finally:
            self.index = index

    def differential(self, may_be_bare: bool = False) -> Written | None:
        """Read d or ∂ and a name; a bare one, as in ∂/∂w L, is None where that may be."""
        start = self.token.span[0]
        if self.at("∂") or self.token.text == "d":
            self.take()
            if may_be_bare and (self.at("/") or self.at("}")):
                return None
            if self.at("^"):
                raise self.error("Second derivatives are not judged here.", start)
            closed = self.at("(")
            if closed:
                self.take()
            name = self.name()
            if closed:
                self.expect(")")
            return name
        if self.token.kind == "word" and self.token.text.startswith("d") and len(self.token.text) > 1:
            token = self.take()
            below, above, _ = self.scripts(token.text[1:])
            return self.checked(Written(token.text[1:], below, above, span=(start + 1, self.end)))
        raise self.error(f"Expected a differential, got {self.described()}.", hint="For example dw1 or ∂w1.")

    def summation(self) -> Expr:
        start = self.take().span[0]
        index = ""
        if self.at("_"):
            self.take()
            index = self.group().split("=")[0].split("∈")[0]
            if self.at("^"):
                self.take()
                self.group()
        elif self.vocabulary.samples:
            index = "n"
        if not index:
            raise self.error("What is the sum over?", start, "Write sum_j, \\sum_j or sum_{j=1}^{n}.")
        body = self.product()
        return SumOver(index, body, span=(start, self.end))

    # -- names

    def word(self) -> Expr:
        """Read a name, a function with its argument, or several names written together."""
        start = self.token.span[0]
        word = self.take().text
        if word == "mean" and self.vocabulary.samples and self.at("("):
            total = SumOver("n", self.postfix(), span=(start, self.end))
            return Div(total, Written("N", span=(start, start + len(word))), span=(start, self.end))
        below, above, primes = self.scripts(word)
        if above.endswith("T") and len(above) > 1:
            name = self.checked(Written(word, below, above[:-1], span=(start, self.end)))
            return Transposed(name, span=(start, self.end))
        if below and self.vocabulary.function(f"{word}_{below}"):
            word, below = f"{word}_{below}", ""
        name = Written(word, below, above, span=(start, self.end))
        if primes and self.at("("):
            return self.applied(name, primes, start)
        if primes and self.vocabulary.known(name):
            return Transposed(name, span=(start, self.end))
        if self.at("(") and self.vocabulary.function(word) and not self.vocabulary.known(name):
            return self.applied(name, 0, start)
        if (word in _ELEMENTARY or self.vocabulary.function(word)) and not self.vocabulary.known(name):
            hint = f"Write its argument in parentheses: {word}(…)."
            raise self.error(f"{str(name)!r} is a function.", start, hint)
        plain_and_unknown = not below and not above and not self.vocabulary.known(name)
        if plain_and_unknown and (several := self.together(word, start)) is not None:
            return several
        return self.checked(name)

    def applied(self, name: Written, primes: int, start: int) -> Expr:
        self.take()
        arg = self.sum()
        self.expect(")", hint=f"The '(' of {name}( is still open.")
        while self.at("'"):
            self.take()
            primes += 1
        if not self.vocabulary.function(name.base):
            raise self.error(f"{str(name)!r} is not a function.", start, f"If you mean the product, write {name}*(…).")
        if primes == 0 and name.base in _ELEMENTARY and not name.above:
            function = "log" if name.base == "ln" else name.base
            return Call(function, (arg,), span=(start, self.end))
        return Applied(name, arg, primes, span=(start, self.end))

    def together(self, word: str, start: int) -> Expr | None:
        """Read w5h1 as w5*h1 where each part is a name and there is one way to cut the word."""
        ways = self.cuts(word)
        if len(ways) != 1 or len(ways[0]) < 2:
            return None
        node: Expr | None = None
        at = start
        for part in ways[0]:
            name = Written(part, span=(at, at + len(part)))
            at += len(part)
            node = name if node is None else Mul(node, name, span=(start, at))
        return node

    def cuts(self, word: str) -> list[list[str]]:
        """Return the ways to cut a word into names that are known; only the first few."""
        if not word:
            return [[]]
        if len(word) > 24:
            return []
        found: list[list[str]] = []
        for length in range(len(word), 0, -1):
            if word[:length][-1:].isalpha() and word[length : length + 1].isdigit():
                continue  # a digit belongs to the letter before it
            if word[:length][-1:].isdigit() and word[length : length + 1].isdigit():
                continue
            if self.vocabulary.known(Written(word[:length])):
                found += [[word[:length], *rest] for rest in self.cuts(word[length:])]
            if len(found) > 1:
                break
        return found

    def name(self) -> Written:
        if self.token.kind != "word":
            raise self.error(f"Expected a name, got {self.described()}.")
        start = self.token.span[0]
        word = self.take().text
        below, above, _ = self.scripts(word)
        return self.checked(Written(word, below, above, span=(start, self.end)))

    def checked(self, name: Written) -> Written:
        """Return a name that the network knows, or a function's."""
        if self.vocabulary.known(name) or self.vocabulary.function(name.base):
            return name
        guess = self.vocabulary.nearest(name)
        asked = f" Did you mean {guess!r}?" if guess else ""
        span = name.span or (self.token.span[0], self.token.span[0] + 1)
        raise UnknownName(f"Unknown name {str(name)!r}.{asked}", self.text, span, guess or "")

    def scripts(self, word: str) -> tuple[str, str, int]:
        """Read subscript, layer and primes after a word, in any order; a raised number is left to be a power."""
        below, above, primes = "", "", 0
        while True:
            if self.at("_"):  # a second one goes on with a name of its own: delta_a1_2 is the delta of a1_2
                self.take()
                below += "_" * bool(below) + self.group()
            elif self.at("^") and not above and self.is_layer(word):
                self.take()
                above = self.group()
            elif self.at("'"):
                self.take()
                primes += 1
            elif self.at("^") and self.peek().text == "'":
                self.index += 2
                primes += 1
            elif self.at("^") and self.peek().text == "{" and self.peek(2).text == "'":
                self.index += 4
                primes += 1
            else:
                return below, above, primes

    def is_layer(self, word: str) -> bool:
        """Whether what is raised here is a layer: in brackets, or an l or L with or without a number added."""
        first = self.peek()
        if self.vocabulary.has_layer(word) and (first.text.isdigit() or first.text in _INDICES):
            return True
        if first.text == "{":
            inner = self.peek(2)
            if self.vocabulary.has_layer(word) and inner.text.isdigit() and self.peek(3).text == "}":
                return True
            return inner.text in ("(", "[") or inner.text in ("l", "L")
        if first.text in ("(", "["):
            close = {"(": ")", "[": "]"}[first.text]
            inside = [self.peek(2 + each) for each in range(4)]
            for count, token in enumerate(inside):
                if token.text == close:
                    is_index = inside[0].text.isdigit() or inside[0].text in _INDICES
                    return (0 < count <= 3 and inside[0].text in ("l", "L")) or (count == 1 and is_index)
            return False
        return first.text in ("l", "L")

    def group(self) -> str:
        """Read what stands below or above: one token, or a group in braces or brackets, spaces and brackets dropped."""
        opening = {"{": "}", "(": ")", "[": "]"}
        if self.token.text not in opening or self.token.kind != "operator":
            if self.token.kind == "end" or (self.token.kind == "operator" and self.token.text not in ("T",)):
                raise self.error(f"Expected an index, got {self.described()}.")
            return self.take().text
        depth = 0
        parts: list[str] = []
        while True:
            if self.at_end():
                raise self.error("A brace is still open.")
            token = self.take()
            if token.text in opening and token.kind == "operator":
                depth += 1
            elif token.text in opening.values() and token.kind == "operator":
                depth -= 1
                if depth == 0:
                    return "".join(parts)
            else:
                parts.append(token.text)
