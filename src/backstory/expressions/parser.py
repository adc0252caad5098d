"""From text to expression tree, by recursive descent; every refusal names the place and what was expected.

::

    sum       = ["-" | "+"] product {("+" | "-") product}
    product   = factor {("*" | "/") factor}
    factor    = ("-" | "+") factor | power
    power     = atom ["^" factor]                      right-associative; -z^2 is -(z^2)
    atom      = number | name | name "(" argument {"," argument} ")" | "(" sum ")"
    condition = sum (">" | ">=" | "<" | "<=") sum       the first argument of where

A text is at most 2,000 characters long, its tree at most 200 deep, a number in an exponent at most 1,000: whoever sends
a formula cannot make reading it slow.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import cast

from backstory.errors import ExpressionError, nearest
from backstory.expressions.elementary import ARITIES, CONSTANTS
from backstory.expressions.lexer import Token, tokens
from backstory.expressions.tree import Add, Call, Compare, Comparison, Div, Expr, Mul, Name, Neg, Number, Pow, Sub

MAX_CHARACTERS = 2_000
MAX_DEPTH = 200
MAX_NESTING = 50
MAX_EXPONENT = 1_000

_COMPARISONS = (">", ">=", "<", "<=")


def parse(text: str, functions: Mapping[str, int] = ARITIES, allowed: Collection[str] | None = None) -> Expr:
    """Read one formula.

    Parameters
    ----------
    text : str
        For example ``"log(1 + (a - y)^2)"``; ``**`` and ``^`` both mean power.
    functions : mapping of str to int
        The functions that may be called and how many arguments each takes; the elementary ones unless given.
    allowed : collection of str, optional
        The names the formula may use besides pi and e; all names unless given.

    Returns
    -------
    Expr
        Its nodes carry the `span` of text they came from.

    Raises
    ------
    ExpressionError
        With the place, a caret and a hint.

    Examples
    --------
    >>> parse("-z^2")
    Neg(operand=Pow(left=Name(id='z'), right=Number(value=2)))
    >>> parse("sine(z)")
    Traceback (most recent call last):
    ...
    backstory.errors.ExpressionError: Unknown function 'sine'. Did you mean 'sin'?
      sine(z)
      ^
    Known functions: exp, log, log1p, ...
    """
    if not isinstance(text, str):
        raise TypeError(f"A formula must be a str. Got {type(text).__name__} instead.")
    if len(text) > MAX_CHARACTERS:
        problem = f"A formula must have at most {MAX_CHARACTERS:,} characters. Got {len(text):,}."
        raise ExpressionError(problem, text, MAX_CHARACTERS, "Split it into several formulas.")
    return _Parser(text, functions, allowed).formula()


def parse_assignments(text: str, functions: Mapping[str, int] = ARITIES) -> tuple[tuple[str, Expr], ...]:
    r"""Read lines ``name = formula``, in order; empty lines and what follows a ``#`` are skipped.

    >>> parse_assignments("v = v + g^2\nw = w - g/sqrt(v)")[1][0]
    'w'
    """
    found: list[tuple[str, Expr]] = []
    for line in text.splitlines():
        statement = line.split("#", 1)[0].strip()
        if not statement:
            continue
        name, equals, formula = (part.strip() for part in statement.partition("="))
        if not equals or not name.isidentifier():
            raise ExpressionError("Expected a line of the form 'name = formula'.", statement, 0)
        try:
            found.append((name, parse(formula, functions)))
        except ExpressionError as error:
            offset = len(statement) - len(formula)
            raise ExpressionError(error.problem, statement, error.position + offset, error.hint) from None
    return tuple(found)


class _Parser:
    """One reading of one text; each method reads one rule of the grammar and leaves the next token current."""

    def __init__(self, text: str, functions: Mapping[str, int], allowed: Collection[str] | None) -> None:
        self.text = text
        self.functions = functions
        self.allowed = allowed
        self.tokens = tokens(text)
        self.index = 0
        self.nesting = 0
        self.depths: dict[int, int] = {}

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def at(self, *operators: str) -> bool:
        return self.token.kind == "operator" and self.token.text in operators

    def take(self) -> Token:
        token = self.token
        self.index += 1
        return token

    def error(self, problem: str, position: int | None = None, hint: str = "") -> ExpressionError:
        return ExpressionError(problem, self.text, self.token.span[0] if position is None else position, hint)

    def expect(self, operator: str, hint: str = "") -> Token:
        if not self.at(operator):
            raise self.error(f"Expected {operator!r}, got {self.described()}.", hint=hint)
        return self.take()

    def described(self) -> str:
        return "the end of the formula" if self.token.kind == "end" else repr(self.token.text)

    def noted(self, node: Expr) -> Expr:
        """Note how deep a new node is; refuse it where that is too deep for safe recursion."""
        depth = 1 + max((self.depths.get(id(child), 1) for child in node.children), default=0)
        if depth > MAX_DEPTH:
            start = node.span[0] if node.span else 0
            raise self.error(
                f"A formula may be at most {MAX_DEPTH} operations deep.", start, "Split it into several formulas."
            )
        self.depths[id(node)] = depth
        return node

    def formula(self) -> Expr:
        if len(self.tokens) == 1:
            raise self.error("The formula is empty.", hint="Write one such as sin(2*z).")
        node = self.sum()
        if self.at(*_COMPARISONS):
            raise self.error(
                "A comparison may only stand as the first argument of where.", hint="Write where(z > 0, z, 0)."
            )
        if self.token.kind != "end":
            raise self.unexpected()
        return node

    def unexpected(self) -> ExpressionError:
        """Name what stands where an operator or the end should be."""
        if self.at(")"):
            return self.error("This ')' closes nothing.")
        if self.at(","):
            return self.error("A ',' may only stand between the arguments of a function.")
        before = self.text[slice(*self.tokens[self.index - 1].span)]
        hint = f"If you mean the product, write {before}*{self.token.text}."
        return self.error(f"Expected an operator before {self.described()}.", hint=hint)

    def sum(self) -> Expr:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise self.error(f"Parentheses may be nested at most {MAX_NESTING} deep.")
        start = self.token.span[0]
        sign = self.take().text if self.at("-", "+") else ""
        node = self.product()
        if sign == "-":
            node = self.noted(Neg(node, span=(start, self.end)))
        while self.at("+", "-"):
            kind = Add if self.take().text == "+" else Sub
            right = self.product()
            node = self.noted(kind(node, right, span=(start, self.end)))
        self.nesting -= 1
        return node

    @property
    def end(self) -> int:
        """Where the token just taken ends."""
        return self.tokens[self.index - 1].span[1]

    def product(self) -> Expr:
        start = self.token.span[0]
        node = self.factor()
        while self.at("*", "/"):
            kind = Mul if self.take().text == "*" else Div
            right = self.factor()
            node = self.noted(kind(node, right, span=(start, self.end)))
        return node

    def factor(self) -> Expr:
        starts: list[int] = []
        while self.at("-", "+"):
            token = self.take()
            if token.text == "-":
                starts.append(token.span[0])
        node = self.power()
        for start in reversed(starts):
            node = self.noted(Neg(node, span=(start, self.end)))
        return node

    def power(self) -> Expr:
        start = self.token.span[0]
        base = self.atom()
        if not self.at("^"):
            return base
        self.take()
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise self.error(f"Powers may be nested at most {MAX_NESTING} deep.")
        at = self.token.span[0]
        exponent = self.factor()
        self.nesting -= 1
        if isinstance(exponent, Number) and abs(float(exponent.value)) > MAX_EXPONENT:
            raise self.error(f"An exponent must be at most {MAX_EXPONENT:,}. Got {exponent.value}.", at)
        return self.noted(Pow(base, exponent, span=(start, self.end)))

    def atom(self) -> Expr:
        token = self.token
        if token.kind == "number":
            self.take()
            return Number(_value(token.text), span=token.span)
        if token.kind == "name":
            self.take()
            return self.call(token) if self.at("(") else self.name(token)
        if self.at("("):
            self.take()
            node = self.sum()
            self.expect(")", hint=f"The '(' at position {token.span[0]} is still open.")
            return node
        raise self.error(f"Expected a number, a name or '(', got {self.described()}.")

    def name(self, token: Token) -> Expr:
        """Read a name that is not called."""
        if token.text in self.functions and (self.allowed is not None and token.text not in self.allowed):
            hint = f"Write {token.text}(...)."
            raise self.error(f"The function {token.text!r} needs its arguments in parentheses.", token.span[0], hint)
        if self.allowed is not None and token.text not in self.allowed and token.text not in CONSTANTS:
            known = [*self.allowed, *CONSTANTS]
            guess = nearest(token.text, known)
            asked = f" Did you mean {guess!r}?" if guess else ""
            raise self.error(f"Unknown name {token.text!r}.{asked}", token.span[0], f"Known names: {', '.join(known)}.")
        return Name(token.text, span=token.span)

    def call(self, token: Token) -> Expr:
        """Read a call; the current token is its '('."""
        name, start = token.text, token.span[0]
        if name not in self.functions:
            raise self.unknown_function(token)
        self.take()
        args: list[Expr] = []
        if not self.at(")"):
            args.append(self.condition() if name == "where" else self.argument())
            while self.at(","):
                self.take()
                args.append(self.argument())
        self.expect(")", hint=f"The '(' of {name}( is still open.")
        arity = self.functions[name]
        if len(args) != arity:
            plural = "" if arity == 1 else "s"
            raise self.error(f"{name} takes {arity} argument{plural}. Got {len(args)}.", start)
        return self.noted(Call(name, tuple(args), span=(start, self.end)))

    def unknown_function(self, token: Token) -> ExpressionError:
        name, start = token.text, token.span[0]
        if (self.allowed is not None and name in self.allowed) or name in CONSTANTS:
            return self.error(f"{name!r} is not a function.", start, f"If you mean the product, write {name}*(...).")
        guess = nearest(name, self.functions)
        asked = f" Did you mean {guess!r}?" if guess else ""
        return self.error(f"Unknown function {name!r}.{asked}", start, f"Known functions: {', '.join(self.functions)}.")

    def argument(self) -> Expr:
        node = self.sum()
        if self.at(*_COMPARISONS):
            raise self.error(
                "A comparison may only stand as the first argument of where.", hint="Write where(z > 0, z, 0)."
            )
        return node

    def condition(self) -> Expr:
        """Read the first argument of where."""
        start = self.token.span[0]
        left = self.sum()
        if not self.at(*_COMPARISONS):
            hint = "Write where(z > 0, z, 0)."
            raise self.error(f"Expected a comparison (>, >=, <, <=), got {self.described()}.", hint=hint)
        op = cast(Comparison, self.take().text)
        right = self.sum()
        return self.noted(Compare(op, left, right, span=(start, self.end)))


def _value(word: str) -> int | float:
    """Return the value of a number word: exact where it is written as an integer."""
    return int(word) if word.isdigit() else float(word)
