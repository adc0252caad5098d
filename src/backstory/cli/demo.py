"""``backstory demo``: train on real data in a few seconds, check one gradient, and tell where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from backstory.errors import BackstoryError
from backstory.model.network import Network
from backstory.reporting.figures import confusion_counts
from backstory.reporting.terminal import confusion, console
from backstory.story.page import sections
from backstory.story.text import page
from backstory.training.callbacks import Event
from backstory.training.history import History
from backstory.training.optimizers import Adam
from backstory.training.schedules import Cosine

SEED = 0
EPOCHS = 60
BATCH = 32
STEPS_H = [10.0**-power for power in range(1, 11)]
"""The h of the finite differences."""

TOLD = ("", "Paths", "Chain rule", "Nudge test", "Notes")
"""The parts of the story that are printed."""

Array = NDArray[Any]


@dataclass(frozen=True)
class Digits:
    """Pixels (n, 64) in [0, 1] and classes (n,) to train on and to test with."""

    X: Array
    y: Array
    X_test: Array
    y_test: Array


def run(engine: str = "native") -> None:
    """Print the whole demonstration; raises BackstoryError when the gradient fails its check."""
    say = console()
    digits = load_digits()
    net = Network([64, 64, 10], hidden="tanh", output="softmax", loss="cross_entropy", seed=SEED, dtype="float32")
    n, m = len(digits.y), len(digits.y_test)
    say.print(f"[bold]Handwritten digits[/] from scikit-learn: {n + m:,} images of 8 x 8 pixels,")
    say.print(f"{n:,} to train on and {m:,} to test with. Network 64-64-10, tanh, softmax, cross-")
    say.print(f"entropy: {net.spec.n_parameters:,} parameters, float32; Adam, batches of {BATCH}, seed {SEED}.\n")
    history = train(net, digits, say, engine)
    steps = len(history) * -(-n // BATCH)
    seconds = float(history.seconds[-1])
    say.print(f"\n{steps:,} steps in {seconds:.2f} s: [bold]{steps / seconds:,.0f} steps a second[/].\n")
    guesses = net.predict(digits.X_test, engine=engine).argmax(axis=1)
    right = int((guesses == digits.y_test).sum())
    say.print(f"[bold]test accuracy {right / m:.4f}[/]  ({right} of {m} images it has not seen)\n")
    say.print(confusion(range(10), confusion_counts(guesses, digits.y_test, 10)))
    say.print()
    source, unit = check_gradient(net, digits, say, engine)
    say.print()
    tell(net, digits, f"w1[{source}->{unit}]", guesses, say)


def load_digits() -> Digits:
    """The images that scikit-learn ships, a quarter of them kept for the test, classes spread alike."""
    from sklearn.datasets import load_digits as load
    from sklearn.model_selection import train_test_split

    X, y = load(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X / 16, y, test_size=0.25, random_state=SEED, stratify=y)
    return Digits(X.astype(np.float32), y, X_test.astype(np.float32), y_test)


def train(net: Network, digits: Digits, say: Console, engine: str) -> History:
    """Fit, printing a line every few epochs."""
    say.print("epoch   training loss", style="dim")

    def progress(event: Event) -> None:
        if event.epoch in (1, 2, 5) or event.epoch % 10 == 0:
            first, loss = event.history.loss[[0, -1]]
            width = max(1, round(40 * loss / first))
            say.print(f"{event.epoch:5d}   {loss:13.6f}  [blue]{'━' * width}[/]")

    return net.fit(
        digits.X,
        digits.y,
        optimizer=Adam(Cosine(3e-3)),
        batch_size=BATCH,
        epochs=EPOCHS,
        callbacks=progress,
        progress=False,
        engine=engine,
    )


def check_gradient(net: Network, digits: Digits, say: Console, engine: str) -> tuple[int, int]:
    """Compare backpropagation's derivative by one weight of layer 1 with difference quotients; return its place."""
    twin = Network([64, 64, 10], hidden="tanh", output="softmax", loss="cross_entropy", seed=SEED)
    twin.parameters[:] = net.parameters
    X, y = digits.X_test.astype(np.float64), digits.y_test
    gradient = twin.gradients(X, y, engine=engine).weights[0]
    source, unit = np.unravel_index(np.argmax(np.abs(gradient)), gradient.shape)
    exact = float(gradient[source, unit])
    say.print("[bold]Is the gradient right?[/] L is the mean loss of the test images, in float64.")
    say.print(
        f"The steepest weight of layer 1 is w1\\[{source}->{unit}], from pixel ({source // 8}, {source % 8}) "
        f"to unit {unit}.\n"
    )
    say.print(f"dL/dw by backpropagation   [bold]{exact: .15f}[/]\n")
    errors = []
    grid = Grid(box=None, padding=(0, 0, 0, 3), pad_edge=False, header_style="dim")
    for title in ("h", "(L(w+h) - L(w-h)) / 2h", "relative error"):
        grid.add_column(title, justify="right")
    for h in STEPS_H:
        quotient = central_difference(twin, X, y, (int(source), int(unit)), h, engine)
        errors.append(abs(quotient - exact) / abs(exact))
        style = "bold green" if errors[-1] < 1e-7 else ""
        grid.add_row(f"{h:.0e}", f"{quotient: .15f}", Text(f"{errors[-1]:.1e}", style=style))
    say.print(grid)
    if min(errors) > 1e-7:
        raise BackstoryError(
            f"Backpropagation and difference quotients must agree to 1e-7. "
            f"They differ by {min(errors):.1e}; please report this."
        )
    say.print(f"\nThey agree to {min(errors):.0e}. From the top the error shrinks like h² (the quotient's")
    say.print("own error), then it grows like 1/h (rounding). A wrong gradient's would stay.")
    return int(source), int(unit)


def tell(net: Network, digits: Digits, weight: str, guesses: Array, say: Console) -> None:
    """Tell where that weight's gradient comes from, for the misread image that pushes it most."""
    wrong = np.flatnonzero(guesses != digits.y_test)
    gradients = net.sample_gradients(digits.X_test[wrong], digits.y_test[wrong], weight)
    image = int(wrong[gradients.order[0]])
    story = net.explain(weight, digits.X_test[image], int(digits.y_test[image]))
    say.print(
        f"[bold]Where does it come from?[/] Test image {image} shows {digits.y_test[image]} and was read as "
        f"{guesses[image]}.\n"
        "Of all the images misread it pushes this weight most; L is its own loss.\n"
    )
    say.print(page([part for part in sections(story) if part.title in TOLD]), markup=False, highlight=False)
    say.print("\nThe rest of the story, each factor with its reason: print(net.explain(…)).")


def central_difference(
    net: Network, X: Array, y: Array, place: tuple[int, int], h: float, engine: str = "native"
) -> float:
    """(L(w+h) - L(w-h)) / 2h for the weight of layer 1 at `place`; the weight is put back."""
    weights = net.weights[0]
    before = float(weights[place])
    try:
        weights[place] = before + h
        above = net.loss(X, y, engine=engine)
        weights[place] = before - h
        return (above - net.loss(X, y, engine=engine)) / (2 * h)
    finally:
        weights[place] = before
