"""``backstory check``: whether an equation about a network is right, and if not, which factor is wrong."""

from __future__ import annotations

import json
from pathlib import Path

from backstory.checking.verdict import Verdict
from backstory.model.formulas import Formulas
from backstory.model.network import load
from backstory.reporting.terminal import console

MODEL_SUFFIX = ".safetensors"


def run(network: Path, equation: str, form: str, teach: bool) -> int:
    """Print a verdict, or tell it step by step; return the exit code."""
    checked = load(network) if network.suffix == MODEL_SUFFIX else Formulas.read(network)
    verdict = checked.check(equation)
    if form == "json":
        print(json.dumps(verdict.to_dict()))
    elif teach:
        tell_in_steps(verdict)
    else:
        console().print(str(verdict), markup=False)
    return exit_code(verdict)


def exit_code(verdict: Verdict) -> int:
    """Return 0 for right, 2 for unreadable, 1 for everything else."""
    return 0 if verdict.ok else 2 if verdict.status == "unreadable" else 1


def tell_in_steps(verdict: Verdict) -> None:
    """Show a hint, where, what and the mended equation, one at a time at Enter; ends where the input ends."""
    say = console()
    for step, text in enumerate(verdict.steps):
        if step and not asked_for_more():
            return
        say.print(text, markup=False)


def asked_for_more() -> bool:
    """Wait for Enter; return whether it came before the input ended or something else was typed."""
    try:
        return input("Enter for more, q to try again: ").strip() == ""
    except EOFError:
        print()
        return False
