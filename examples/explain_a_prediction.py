"""Why was this person predicted so? From an answer back to the columns, the weights and the rows that made them.

    python examples/explain_a_prediction.py [TABLE]

TABLE has the columns of Adult, one named split (train, test) among them; by default it is 2,000 rows of Adult, which
lie beside this script.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import backstory as bs

TABLE = Path(__file__).parent / "data" / "adult-sample.csv.gz"
TARGET = "income"


def heading(words: str) -> None:
    """Print a heading."""
    print(f"\n{words}\n{'=' * len(words)}\n")


def surest_mistake(net: bs.Network, rows: pd.DataFrame) -> int:
    """The row that is answered wrongly with the highest probability."""
    outputs, truth = net.predict(rows), net.table.targets(rows)
    wrong = outputs.argmax(axis=1) != truth
    return int(np.where(wrong, outputs.max(axis=1), 0).argmax())


def what_if(net: bs.Network, person: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The probability of the last class, were one column as most people's; the greatest change first."""
    usual = {
        name: rows[name].median() if pd.api.types.is_numeric_dtype(rows[name]) else rows[name].mode()[0]
        for name in net.table.features
    }
    changed = pd.concat([person.assign(**{name: value}) for name, value in usual.items()])
    found = pd.DataFrame(
        {"is": [person.iloc[0][name] for name in usual], "usual": usual.values(), "then": net.predict(changed)[:, -1]},
        index=list(usual),
    )
    order = (found["then"] - net.predict(person)[0, -1]).abs().sort_values(ascending=False).index
    return found.loc[order]


def steepest(net: bs.Network, X: Any, y: Any) -> str:
    """The weight of the first layer that this row would move most."""
    gradient = np.abs(net.gradients(X, y).weights[0])
    i, j = np.unravel_index(gradient.argmax(), gradient.shape)
    return f"w1[{i}->{j}]"


def main(table: Path = TABLE) -> None:
    """Ask one question after another about one network and one person."""
    rows = pd.read_csv(table)
    train, test = (rows[rows["split"] == use] for use in ("train", "test"))
    net = bs.train(rows, TARGET, seed=0, plain=True)  # of dense layers alone, whose equations can be checked
    last = net.spec.n_layers
    place = surest_mistake(net, test)
    person = test.iloc[[place]]
    X, y = net.table.inputs(person), net.table.targets(person)

    heading("The surest mistake")
    print(person.T.to_string(header=False))
    for label, probability in zip(net.classes, net.predict(person)[0], strict=True):
        print(f"probability of {label}: {probability:.4f}")

    heading("Which columns made it so")
    print(
        f"The probability of {net.classes[-1]}, {net.predict(person)[0, -1]:.4f}, were one column as most people's:\n"
    )
    print(what_if(net, person, train).head(6).to_string(float_format="{:.4g}".format))

    heading("How an input moves the answer")
    # The derivative of an output by an input; the story holds every factor, and differences confirm it.
    name = next(column.name for column in net.table.columns if column.kind == "number")
    number = net.table.input_names.index(name)
    story = net.explain(f"da{last}[{net.spec.n_out - 1}]/dx[{number}]", X, y)
    print(f"x[{number}] is {name}, in units of its spread.\n")
    print(story.to_text("paths", "nudge"))

    heading("Which weight this person would move most, and where that gradient comes from")
    weight = steepest(net, X, y)
    i = int(weight[3 : weight.index("-")])
    print(f"{weight} leads from x[{i}], which is {net.table.input_names[i]}.\n")
    print(net.explain(weight, X, y).to_text("chain", "nudge"))

    heading("Which people of the training pushed that weight most")
    pushes = net.sample_gradients(net.table.inputs(train), net.table.targets(train), weight)
    first = pushes.order[:5]
    shown = train.iloc[first][["age", "education", "occupation", "hours_per_week", TARGET]]
    print(shown.assign(gradient=pushes.gradients[first]).to_string())

    heading("Does the gradient arrive?")
    print(net.gradient_flow(net.table.inputs(train), net.table.targets(train)))

    heading("Is my equation right?")
    error = f"a{last}[0] - y[0]"
    for equation in (
        f"dL/d{weight} = delta1[{weight[weight.index('>') + 1 : -1]}]*x[{i}]",
        f"delta{last}[0] = {error}",
        f"delta{last}[0] = ({error})*a{last}[0]*(1 - a{last}[0])",
    ):
        print(f"{equation}\n\n{net.check(equation)}\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
