"""`python -m benchmarks.fuzz`: the checker on texts that are no equations, or hardly: none may crash it or take long.

The figures stand in docs/proofs.md.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import backstory as bs
from backstory.checking.tokens import MAX_CHARACTERS

NETWORK = Path(__file__).resolve().parent.parent / "examples" / "two-two-two.txt"
EQUATIONS = (
    "dL/dw1 = dh1/dw1*do2/dh1*dL/do2 + dh1/dw1*do1/dh1*dL/do1",
    r"\frac{\partial L}{\partial w_1} = x_1 h_1 (1-h_1) \left( w_5 (o_1-y_1) o_1 (1-o_1) + w_7 \delta_{o2}\right)",
    "∂L/∂w₅ = (o₁ − y₁)·σ'(z_o1)·h₁",
    "sigma'(z) = e^{-z}/(1 + e^{-z})^2",
    "w1 := w1 - eta*dL/dw1",
    "L = 1/2*((o1 - y1)^2 + (o2 - y2)^2)",
    "delta_h1 = (w5*delta_o1 + w7*delta_o2)*f'(z_h1)",
    r"\delta_j^{(l)} = \sum_k w_{kj}^{(l+1)} \delta_k^{(l+1)} \odot f'(z_j^{(l)})",
)
SIGNS = [
    *"+-*/^_=(){}[]'|,@ 0123456789.eE",
    "\\frac",
    "\\partial ",
    "\\sum_",
    "∂",
    "δ",
    "Σ",
    "ᵀ",
    "²",
    "₁",
    "ŷ",
    "\n",
    "\0",
]
WORDS = [
    "w1",
    "h1",
    "o1",
    "L",
    "dL",
    "dw1",
    "sigma",
    "f'",
    "delta_",
    "sum_j",
    "x1",
    "y2",
    "9^9",
    "1e308",
    "exp",
    "log",
    "eta",
    "f",
    "e",
    "deta",
]


def random_bytes(generator: random.Random) -> str:
    """Any bytes at all, read as Latin letters."""
    return bytes(generator.randrange(256) for _ in range(generator.randrange(120))).decode("latin-1")


def random_letters(generator: random.Random) -> str:
    """Any characters of Unicode."""
    return "".join(chr(generator.randrange(1, 0x2FFF)) for _ in range(generator.randrange(60)))


def mangled(generator: random.Random) -> str:
    """An equation with a few characters lost, doubled, moved or put in."""
    text = list(generator.choice(EQUATIONS))
    for _ in range(generator.randint(1, 6)):
        at = generator.randrange(len(text) + 1)
        change = generator.randrange(4)
        if change == 0:
            del text[at : at + generator.randint(1, 5)]
        elif change == 1:
            text[at:at] = text[at : at + generator.randint(1, 20)]
        else:
            text.insert(at, generator.choice(SIGNS if change == 2 else WORDS))
    return "".join(text)


def shuffled(generator: random.Random) -> str:
    """Words and signs in any order."""
    return "dL/dw1 = " + " ".join(generator.choice([*SIGNS, *WORDS, *WORDS]) for _ in range(generator.randint(1, 60)))


def nested(generator: random.Random) -> str:
    """Parentheses, signs, fractions and functions within each other, up to the longest text."""
    opening, closing = generator.choice(
        [("(", ")"), ("-", ""), ("\\frac{", "}{2}"), ("exp(", ")"), ("{", "}"), ("(1+", ")")]
    )
    depth = generator.choice((10, 50, 70, 300, 1_000))
    return f"dL/dw1 = {opening * depth}w5{closing * depth}"


def huge(generator: random.Random) -> str:
    """Numbers and powers out of all proportion."""
    power = generator.choice(
        ("9^9^9", "9^99999999", "h1^64^64", "(9^64)^64", "10^(10^(10))", "1e308*1e308", "e^(e^(e^(e^9)))")
    )
    digits = "9" * generator.choice((5, 300, 1_900))
    return generator.choice(
        (f"dL/dw1 = {power}", f"dL/dw1 = {digits}*x1", f"dL/dw1 = x1^{digits}", f"dL/dw1 = h1*{power} - {power}")
    )


def long(generator: random.Random) -> str:
    """As many terms and factors as fit."""
    pattern = generator.choice(
        ("+x1", "*(h1+w5*o1)", "+dL/do1*do1/dh1*dh1/dw1", "*h1", "-w5*(o1-y1)", "*(w5*x1+w6*x2)", "/h1", "^2")
    )
    return ("dL/dw1 = x1" + pattern * MAX_CHARACTERS)[
        : generator.choice((200, 1_000, MAX_CHARACTERS, MAX_CHARACTERS + 50))
    ]


KINDS: tuple[Callable[[random.Random], str], ...] = (
    random_bytes,
    random_letters,
    mangled,
    mangled,
    mangled,
    shuffled,
    nested,
    huge,
    long,
)


def texts(count: int, seed: int = 0) -> Iterator[tuple[str, str]]:
    """So many texts, each with what kind it is."""
    generator = random.Random(seed)
    for index in range(count):
        kind = KINDS[index % len(KINDS)]
        yield kind.__name__, kind(generator)


@dataclass(frozen=True)
class Fuzzed:
    """What came of it: by kind the statuses, the longest time, and the text that took it; and what was raised."""

    statuses: dict[str, Counter[str]]
    longest: float
    slowest: str
    median: float
    crashes: tuple[tuple[str, str], ...]


def fuzz(count: int, seed: int = 0) -> Fuzzed:
    """Judge so many texts."""
    formulas = bs.Formulas.read(NETWORK)
    formulas.check(EQUATIONS[0])  # what is worked out once is not any text's time
    statuses: dict[str, Counter[str]] = {}
    seconds: list[tuple[float, str]] = []
    crashes: list[tuple[str, str]] = []
    for kind, text in texts(count, seed):
        start = time.process_time()  # what others do on the machine is no text's time
        try:
            verdict = formulas.check(text)
            str(verdict), verdict.to_dict(), verdict.steps
            status: str = verdict.status
        except Exception as error:
            crashes.append((text, repr(error)))
            status = "raised"
        seconds.append((time.process_time() - start, text))
        statuses.setdefault(kind, Counter())[status] += 1
    longest, slowest = max(seconds)
    return Fuzzed(statuses, longest, slowest, statistics.median(time for time, _ in seconds), tuple(crashes))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    found = fuzz(options.count, options.seed)
    print("| kind | texts | raised | unreadable | wrong | other |\n|---|---|---|---|---|---|")
    for kind, statuses in found.statuses.items():
        total, known = statuses.total(), [statuses[name] for name in ("raised", "unreadable", "wrong")]
        print(f"| {kind.replace('_', ' ')} | {total:,} | " + " | ".join(map(str, [*known, total - sum(known)])) + " |")
    print(f"\nRaised: {len(found.crashes)}. Longest: {1e3 * found.longest:.0f} ms; median {1e3 * found.median:.2f} ms.")
    print(f"The text that took longest: {found.slowest[:200]!r}")
    for text, error in found.crashes[:20]:
        print(f"{error}: {text[:200]!r}")


if __name__ == "__main__":
    main()
