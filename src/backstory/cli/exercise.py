"""``backstory exercise``: a derivative to write or a mistake to find, answered at the keyboard or on a worksheet."""

from __future__ import annotations

import random
from pathlib import Path

from rich.console import Console

from backstory.checking.exercises import Exercise, Kind, exercise, exercises
from backstory.checking.worksheets import to_latex, to_markdown
from backstory.errors import ConfigurationError
from backstory.model.formulas import Formulas
from backstory.reporting.terminal import console, plural

FORMS = {".md": to_markdown, ".tex": to_latex}


def run(network: Path | None, kind: Kind | None, seed: int | None, worksheet: int | None, out: Path | None) -> int:
    """Ask one exercise, or write a worksheet; return the exit code: 0 solved or written, 1 not solved."""
    if (worksheet is None) != (out is None):
        raise ConfigurationError("--worksheet N and -o FILE go together. Got only one of them; add the other.")
    if out is not None and out.suffix not in FORMS:
        raise ConfigurationError(f"A worksheet must be a .md or .tex file. Got {str(out)!r}; rename it.")
    program = None if network is None else Formulas.read(network).program
    first = random.randrange(10_000) if seed is None else seed
    if worksheet is None or out is None:
        return ask(exercise(first, kind, program), first)
    made = exercises(worksheet, first, kind, program)
    out.write_text(FORMS[out.suffix](made, first), encoding="utf-8")
    console().print(f"{plural(len(made), 'exercise')} with solutions in {out}, from seed {first}.", markup=False)
    return 0


def ask(made: Exercise, seed: int) -> int:
    """Show an exercise and judge what is typed, until it is right or given up."""
    say = console()
    for text in (made.network, "", made.question, f"(seed {seed}; ? for help, ! for the solution)", ""):
        say.print(text, markup=False)
    steps: list[str] = []
    while (answer := typed(f"{made.left} = ")) is not None:
        if answer == "!":
            tell_solution(made, say)
            return 1
        if answer == "?":
            say.print(steps.pop(0) if steps else "Write an answer first, or ! for the solution.", markup=False)
            continue
        if not answer:
            continue
        verdict = made.check(answer)
        if verdict.ok:
            say.print("Right.", markup=False)
            return 0
        first, *steps = verdict.steps if verdict.status != "unreadable" else (verdict.findings[0].message,)
        say.print(f"Not yet. {first}", markup=False)
    return 1


def typed(prompt: str) -> str | None:
    """Return the next line, or None where the input ends."""
    try:
        return input(prompt).strip()
    except EOFError:
        print()
        return None


def tell_solution(made: Exercise, say: Console) -> None:
    """Show a right equation, and what was wrong with the one that was asked about."""
    say.print(made.solution, markup=False)
    if made.mistake is not None:
        say.print(made.mistake.message, markup=False)
