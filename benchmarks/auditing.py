"""How often an audit is right: thousands of right gradients, and mistakes planted in random networks.

    python -m benchmarks.auditing [--correct 2000] [--mutants 1200] [--seed 0] [--show]

The gradients are written here, in plain NumPy, apart from the library's own.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count as numbers
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

import backstory as bs

Array = NDArray[Any]
Random = np.random.Generator
Pair = tuple[Callable[[Array], Array], Callable[[Array], Array]]

FUNCTIONS: dict[str, Pair] = {
    "sine": (np.sin, np.cos),
    "tanh": (np.tanh, lambda u: 1 - np.tanh(u) ** 2),
    "square": (lambda u: u * u, lambda u: 2 * u),
    "cube": (lambda u: u**3, lambda u: 3 * u * u),
    "root": (lambda u: np.sqrt(1 + u * u), lambda u: u / np.sqrt(1 + u * u)),
    "logarithm": (lambda u: np.log1p(u * u), lambda u: 2 * u / (1 + u * u)),
    "exponential": (lambda u: np.exp(u / 3), lambda u: np.exp(u / 3) / 3),
    "arctangent": (np.arctan, lambda u: 1 / (1 + u * u)),
    "relu": (lambda u: np.maximum(u, 0), lambda u: (u > 0) * 1.0),
    "absolute": (np.abs, np.sign),
    "wave": (lambda u: np.sin(25 * u), lambda u: 25 * np.cos(25 * u)),
}
HIDDEN = ("tanh", "sine", "arctangent", "relu")


def function_case(random: Random) -> bs.Report:
    """The sum of a random function of a random linear map, in float64 or float32, at points of any size."""
    name = str(random.choice(list(FUNCTIONS)))
    value, slope = FUNCTIONS[name]
    n, m = int(random.integers(1, 9)), int(random.integers(1, 6))
    size = 10.0 ** random.integers(-4, 5)
    kind = random.choice(["float64", "float32 point", "float32 throughout"])
    dtype = np.float64 if kind == "float64" else np.float32
    A = (random.normal(size=(m, n)) / size).astype(dtype)
    at = (random.normal(size=n) * size).astype(dtype)
    weights = random.normal(size=m).astype(dtype)

    def seen(x: Array) -> Array:
        return np.asarray(x, dtype=np.float32) if kind == "float32 throughout" else x

    return bs.audit(
        lambda x: weights @ value(A @ seen(x)).astype(A.dtype if kind == "float32 throughout" else None),
        lambda x: A.T @ (weights * slope(A @ seen(x))).astype(A.dtype if kind == "float32 throughout" else None),
        at,
    )


def network_case(random: Random) -> bs.Report:
    """A random `Network`, its own gradients."""
    from backstory.functions import ACTIVATIONS

    hidden = str(random.choice([name for name, row in ACTIVATIONS.items() if not row.couples]))
    output, loss = [
        ("identity", "half_squared_error"),
        ("softmax", "cross_entropy"),
        ("sigmoid", "binary_cross_entropy"),
        ("tanh", "squared_error"),
    ][int(random.integers(4))]
    sizes = [int(random.integers(1, 6)), *random.integers(1, 7, size=random.integers(1, 4)).tolist(), 3]
    penalty = [None, bs.L2(0.01), bs.L1(0.01)][int(random.integers(3))]
    dtype = str(random.choice(["float32", "float64"]))
    net = bs.Network(
        sizes, hidden=hidden, output=output, loss=loss, penalty=penalty, dtype=dtype, seed=int(random.integers(1 << 30))
    )
    for bias in net.biases:
        bias[:] = random.normal(size=len(bias)) * 0.3
    n = int(random.integers(1, 20))
    y: Array = np.eye(3)[random.integers(0, 3, n)] if output != "identity" else random.normal(size=(n, 3))
    X = random.normal(size=(n, sizes[0]))
    if not all(
        np.isfinite(each).all() for each in net.activations(X)
    ):  # exp of exp of exp: infinite within, and no gradient is right
        return network_case(random)
    return bs.audit(net, X, y)


def scikit_case(random: Random) -> bs.Report:
    """A classifier, or a regressor with one output, of scikit-learn."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    options = {
        "hidden_layer_sizes": tuple(random.integers(2, 8, size=random.integers(1, 3)).tolist()),
        "activation": str(random.choice(["relu", "tanh", "logistic", "identity"])),
        "alpha": float(random.choice([0, 1e-4, 0.1])),
        "random_state": int(random.integers(1 << 30)),
    }
    X = random.normal(size=(int(random.integers(9, 30)), int(random.integers(1, 6))))
    if random.integers(2):
        classes = np.arange(len(X)) % int(random.integers(2, 4))
        return bs.audit(MLPClassifier(**options), X, classes)
    return bs.audit(MLPRegressor(**options), X, random.normal(size=len(X)))


class NoMutantError(Exception):
    """A mistake that changes nothing."""


@dataclass
class Perceptron:
    """A network in plain NumPy, and its gradient with a slip on request.

    Layers are ``z = a W + b``; the loss is half the mean over rows of the summed squared error, plus a penalty.
    """

    hidden: str
    W: list[Array]
    b: list[Array]
    X: Array
    y: Array
    penalty: float = 0.0

    @classmethod
    def draw(cls, random: Random, *, square: bool = False, penalty: float = 0.0, hidden: str = "") -> Perceptron:
        """A random one with two or three hidden layers."""
        width = int(random.integers(2, 6))
        inner = [width] * 3 if square else random.integers(2, 6, size=random.integers(2, 4)).tolist()
        sizes = [int(random.integers(2, 5)), *inner, int(random.integers(2, 4))]
        n = int(random.integers(5, 14))
        return cls(
            hidden or str(random.choice(HIDDEN)),
            [random.normal(size=pair) / np.sqrt(pair[0]) for pair in pairwise(sizes)],
            [random.normal(size=size) * 0.3 for size in sizes[1:]],
            random.normal(size=(n, sizes[0])),
            random.normal(size=(n, sizes[-1])),
            penalty,
        )

    @property
    def at(self) -> list[Array]:
        """w1, b1, w2, b2, ..."""
        return [each for pair in zip(self.W, self.b, strict=True) for each in pair]

    def forward(self, at: list[Array]) -> tuple[list[Array], list[Array]]:
        """z of every layer, and a of every layer, inputs first."""
        value, _ = FUNCTIONS[self.hidden]
        z, a = [], [self.X]
        for layer in range(len(self.W)):
            z.append(a[-1] @ at[2 * layer] + at[2 * layer + 1])
            a.append(z[-1] if layer == len(self.W) - 1 else value(z[-1]))
        return z, a

    def loss(self, at: list[Array]) -> float:
        """The loss."""
        _, a = self.forward(at)
        squares = sum(float((W * W).sum()) for W in at[::2])
        return float(0.5 * ((a[-1] - self.y) ** 2).sum() / len(self.X) + 0.5 * self.penalty * squares)

    def gradient(
        self, at: list[Array], *, skip: int = 0, rate: float = 0.0, output: bool = False, penalty: bool = True
    ) -> list[Array]:
        """Its derivatives; without f' in layer `skip`, through weights updated at `rate`, or of the summed outputs."""
        _, slope = FUNCTIONS[self.hidden]
        z, a = self.forward(at)
        dz = np.ones_like(self.y) if output else (a[-1] - self.y) / len(self.X)
        found: list[Array] = []
        for layer in range(len(self.W), 0, -1):
            dW = a[layer - 1].T @ dz + (self.penalty * at[2 * layer - 2] if penalty and not output else 0.0)
            found = [dW, dz.sum(axis=0), *found]
            if layer > 1:
                dz = dz @ (at[2 * layer - 2] - rate * dW).T
                dz = dz if layer - 1 == skip else dz * slope(z[layer - 2])
        return found

    def network(self) -> bs.Network:
        """The same as a `Network`, whose structure an audit knows."""
        rows = {
            "sine": bs.Activation("sine", "sin(z)"),
            "arctangent": bs.Activation("arctangent", "arctan(z)"),
        }
        sizes = [self.X.shape[1], *(W.shape[1] for W in self.W)]
        penalty = bs.L2(self.penalty) if self.penalty else None
        net = bs.Network(sizes, hidden=rows.get(self.hidden, self.hidden), penalty=penalty, seed=0)
        for mine, theirs in zip(net.weights + net.biases, self.W + self.b, strict=True):
            mine[:] = theirs
        return net

    def audited(self, gradient: Callable[[list[Array]], list[Array]], *, known: bool) -> bs.Report:
        """Audit a gradient, with the structure known or as two functions.

        Raises
        ------
        NoMutantError
            It is the right one: of a layer whose units are dead, the transpose is the same.
        """
        flat, right = (np.concatenate([each.ravel() for each in f(self.at)]) for f in (gradient, self.gradient))
        if gradient != self.gradient and np.abs(flat - right).max() < 1e-3 * np.abs(right).max():
            raise NoMutantError
        if not known:
            return bs.audit(self.loss, gradient, self.at)
        return bs.audit(
            self.network(),
            self.X,
            self.y,
            gradient=lambda net: gradient(
                [each for pair in zip(net.weights, net.biases, strict=True) for each in pair]
            ),
        )


def perceptron_case(random: Random) -> bs.Report:
    """A network in plain NumPy with the right gradient, in float64 or from a float32 point."""
    one = Perceptron.draw(random, penalty=float(random.choice([0.0, 0.01])))
    if random.integers(2):
        return one.audited(one.gradient, known=bool(random.integers(2)))
    return bs.audit(one.loss, one.gradient, [each.astype(np.float32) for each in one.at])


CORRECT = (function_case, network_case, scikit_case, perceptron_case)
Mutant = Callable[[Random, bool], bs.Report]


def _scale(random: Random, known: bool) -> bs.Report:
    one = Perceptron.draw(random)
    n, k = one.y.shape
    ratio = float(random.choice([0.5, 2.0, n, 1 / n, k, 1 / k]))
    return one.audited(lambda at: [ratio * each for each in one.gradient(at)], known=known)


def _sign(random: Random, known: bool) -> bs.Report:
    one = Perceptron.draw(random)
    return one.audited(lambda at: [-each for each in one.gradient(at)], known=known)


def _transposed(random: Random, known: bool) -> bs.Report:
    one = Perceptron.draw(random, square=True)
    place = int(random.choice([2, 4]))
    return one.audited(lambda at: _with(one.gradient(at), place, lambda g: g.T), known=known)


def _one_layer(random: Random, known: bool) -> bs.Report:
    one = Perceptron.draw(random)
    place, factor = 2 * int(random.integers(len(one.W))), random.uniform(0.2, 0.8)
    return one.audited(lambda at: _with(one.gradient(at), place, lambda g: factor * g), known=known)


def _one_parameter(random: Random, known: bool) -> bs.Report:
    one = Perceptron.draw(random)
    place = int(random.integers(len(one.at)))
    size = one.at[place].size
    entry = int(random.integers(size))

    def spoiled(g: Array) -> Array:
        g = g.copy()
        g.flat[entry] += 0.05
        return g

    return one.audited(lambda at: _with(one.gradient(at), place, spoiled), known=known)


def _missing_penalty(random: Random, known: bool) -> bs.Report:
    one = Perceptron.draw(random, penalty=float(random.choice([1e-3, 0.1])))
    return one.audited(lambda at: one.gradient(at, penalty=False), known=known)


def _missing_activation(random: Random, known: bool) -> bs.Report:
    one = Perceptron.draw(random)
    layer = int(random.integers(1, len(one.W)))
    return one.audited(lambda at: one.gradient(at, skip=layer), known=known)


def _output(random: Random, known: bool) -> bs.Report:
    one = Perceptron.draw(random)
    return one.audited(lambda at: one.gradient(at, output=True), known=known)


def _stale(random: Random, known: bool) -> bs.Report:
    one = Perceptron.draw(random)
    rate = float(random.choice([0.01, 0.1, 0.5]))
    if random.integers(2):
        return one.audited(lambda at: one.gradient(at, rate=rate), known=known)

    def late(at: list[Array]) -> list[Array]:
        return one.gradient([each - rate * g for each, g in zip(at, one.gradient(at), strict=True)])

    return one.audited(late, known=known)


def _with(arrays: list[Array], place: int, change: Callable[[Array], Array]) -> list[Array]:
    return [change(each) if number == place else each for number, each in enumerate(arrays)]


MUTANTS: dict[str, Mutant] = {
    "scale": _scale,
    "sign": _sign,
    "transposed": _transposed,
    "one_layer": _one_layer,
    "one_parameter": _one_parameter,
    "missing_penalty": _missing_penalty,
    "missing_activation_derivative": _missing_activation,
    "wrong_function": _output,
    "stale_weights": _stale,
}
NEED_STRUCTURE = ("missing_activation_derivative", "stale_weights")
"""Of these, two functions alone do not show enough."""


def correct(count: int, seed: int) -> Iterator[tuple[str, bs.Report]]:
    """Audits of right gradients: name of the case, and report."""
    for number in range(count):
        case = CORRECT[number % len(CORRECT)]
        with np.errstate(all="ignore"):
            yield case.__name__, case(np.random.default_rng([seed, number]))


def mutated(count: int, seed: int) -> Iterator[tuple[str, bool, bs.Report]]:
    """Audits of wrong gradients: the kind that was planted, whether the structure was known, and the report."""
    kinds = list(MUTANTS.items())
    for number in range(count):
        kind, mutant = kinds[number % len(kinds)]
        known = bool(number // len(kinds) % 2)
        for again in numbers():
            try:
                report = mutant(np.random.default_rng([seed, 1, number, again]), known)
            except NoMutantError:
                continue
            yield kind, known, report
            break


def main() -> None:
    """Run both and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--correct", type=int, default=2000)
    parser.add_argument("--mutants", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", action="store_true", help="print every report that is not as it should be")
    options = parser.parse_args()

    start = time.perf_counter()
    table: dict[str, Counter[str]] = {}
    for name, report in correct(options.correct, options.seed):
        table.setdefault(name, Counter())[report.verdict] += 1
        if options.show and report.verdict == "fail":
            print(report, end="\n\n")
    print("| right gradients | pass | inconclusive | false alarms |\n|---|---|---|---|")
    for name, counts in [*table.items(), ("all", sum(table.values(), Counter()))]:
        print(f"| {name.replace('_case', '')} | {counts['pass']} | {counts['inconclusive']} | {counts['fail']} |")
    print(f"\n{time.perf_counter() - start:.0f} s\n")

    start = time.perf_counter()
    found: dict[tuple[str, bool], Counter[str]] = {}
    for kind, known, report in mutated(options.mutants, options.seed):
        here = found.setdefault((kind, known), Counter())
        here["planted"] += 1
        here["found"] += report.verdict == "fail"
        here["named"] += report.kind == kind
        here[str(report.kind)] += 1
        if options.show and (report.verdict != "fail" or (known and report.kind != kind)):
            print(kind, known, report, end="\n\n")
    print("| planted | structure | audits | found | named | called |\n|---|---|---|---|---|---|")
    for (kind, known), counts in sorted(found.items()):
        called = ", ".join(
            f"{name} {times}" for name, times in counts.most_common() if name not in ("planted", "found", "named", kind)
        )
        shares = " | ".join(f"{counts[each] / counts['planted']:.1%}" for each in ("found", "named"))
        print(f"| {kind} | {'known' if known else 'unknown'} | {counts['planted']} | {shares} | {called} |")
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
