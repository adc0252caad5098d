"""From a table to a trained network and an honest word on how good it is: in Python, then the same by commands.

    python examples/train_on_a_table.py [TABLE] [FOLDER]

TABLE has the columns of Adult, one named split (train, test) among them; by default it is 2,000 rows of Adult, which
lie beside this script. The model, the report and the predictions are written to FOLDER, by default a new one.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import backstory as bs

TABLE = Path(__file__).parent / "data" / "adult-sample.csv.gz"
TARGET = "income"


def in_python(table: Path, folder: Path) -> bs.Network:
    """Train, report, save."""
    rows = pd.read_csv(table)
    test = rows[rows["split"] == "test"]
    net = bs.train(
        rows, TARGET, seed=0
    )  # it finds the column split by its words, and leaves the rows of the test alone
    print(f"How the columns became {net.spec.n_in} inputs:\n\n{net.table}\n")

    report = bs.report(net, test)
    print(report)
    (folder / "report.html").write_text(report.to_html(), encoding="utf-8")
    net.save(folder / "income.safetensors")

    # Every number of the report can be had by hand, too: predict takes the raw columns, one probability per class.
    answers = np.array(net.classes)[net.predict(test).argmax(axis=1)]
    print(f"\naccuracy by hand: {np.mean(answers == test[TARGET]):.4f}\n")
    return net


def by_commands(table: Path, folder: Path) -> None:
    """Do the same without a line of Python."""
    model = folder / "by-command.safetensors"
    backstory("train", table, "--target", TARGET, "--seed", 0, "--out", model, "--report", folder / "by-command.html")
    backstory("evaluate", model, table, "--part", "test")
    backstory("predict", model, table, "--out", folder / "predictions.csv")


def backstory(*words: object) -> None:
    """Run a command, and show it."""
    print("$ backstory", *words, flush=True)
    subprocess.run([sys.executable, "-m", "backstory", *map(str, words)], check=True)
    print(flush=True)


def main(table: Path, folder: Path) -> None:
    """Train by both doors, and compare what came through them."""
    folder.mkdir(parents=True, exist_ok=True)
    net = in_python(table, folder)
    by_commands(table, folder)
    same = np.array_equal(bs.load(folder / "by-command.safetensors").parameters, net.parameters)
    print(f"Both doors lead to {'the same network, to the bit' if same else 'different networks'}.")
    print(f"Written to {folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}.")


if __name__ == "__main__":
    given = [Path(word) for word in sys.argv[1:]]
    main(*given, *[TABLE, Path(tempfile.mkdtemp(prefix="backstory-"))][len(given) :])
