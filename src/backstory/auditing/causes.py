"""What is wrong with a gradient: each known mistake predicts a gradient, and the first that fits is it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from backstory.auditing.measure import TIMES_ERROR, Measured
from backstory.auditing.problem import Block, Floats, Indices

LARGEST_DENOMINATOR = 12
MOST_NAMED = 4
"""Up to how many wrong parameters are named one by one."""
_MOST_MIRRORED = 24


@dataclass(frozen=True)
class Cause:
    """A kind, the sentence about it, and the ratio where one explains it."""

    kind: str
    sentence: str
    ratio: float | None = None


@dataclass(frozen=True)
class Evidence:
    """The measured derivatives that no kink spoils: places, claimed, true and by how much a prediction may be off."""

    measured: Measured
    places: Indices
    claimed: Floats
    true: Floats
    errors: Floats
    wrong: NDArray[np.bool_]

    @classmethod
    def of(cls, measured: Measured) -> Evidence:
        """Collect them from what was measured."""
        places = np.array(
            [each for each in measured.places if not measured.found[each].kink and measured.resolved(each)],
            dtype=np.int64,
        )
        wrong = np.array([not measured.agrees(each) for each in places], dtype=bool)
        return cls(measured, places, measured.claimed[places], measured.true(places), measured.errors(places), wrong)

    def part(self, chosen: NDArray[np.bool_]) -> Evidence:
        """Keep some of them."""
        return Evidence(
            self.measured,
            self.places[chosen],
            self.claimed[chosen],
            self.true[chosen],
            self.errors[chosen],
            self.wrong[chosen],
        )

    def within(self, block: Block) -> NDArray[np.bool_]:
        """Which of them belong to an array."""
        return (self.places >= block.start) & (self.places < block.start + block.size)

    def fits(self, predicted: Floats, factor: float = 1.0) -> bool:
        """Whether a prediction is what was claimed; `factor` is how much it enlarges the true one's error."""
        size = np.maximum(np.abs(self.claimed), np.abs(predicted))
        slack = self.measured.slack[self.places]
        allowed = TIMES_ERROR * self.errors * max(1.0, abs(factor)) + 10 * self.measured.tolerance * size
        return bool(
            len(predicted) and np.all(np.abs(self.claimed - predicted) <= allowed + slack * max(1.0, abs(factor)))
        )

    def ratio(self, given: Floats | None = None) -> float:
        """The factor by which the true ones come closest to the claimed (or given) ones."""
        claimed = self.claimed if given is None else given
        total = float(self.true @ self.true)
        return float(claimed @ self.true) / total if total else math.nan


def diagnose(measured: Measured) -> Cause:
    """Name the mistake in a gradient that is wrong."""
    evidence = Evidence.of(measured)
    for hypothesis in HYPOTHESES:
        if (cause := hypothesis(evidence)) is not None:
            return cause
    return unexplained(evidence)


def turned(evidence: Evidence) -> Cause | None:
    """Arrays of the transposed shape whose numbers are right once they are turned."""
    names = evidence.measured.problem.turned
    if not names or evidence.wrong.any():
        return None
    return Cause(
        "transposed",
        f"The derivatives by {listed(names)} have the transposed shape. Their numbers are right; return the transpose.",
    )


def zero(evidence: Evidence) -> Cause | None:
    """All 0."""
    if np.any(evidence.measured.claimed):
        return None
    return Cause(
        "zero",
        "The gradient is 0 for every parameter, though the loss changes with them. Look for a result that is never "
        "stored, or a value cut off from the parameters before it was differentiated.",
        0.0,
    )


def constant(evidence: Evidence) -> Cause | None:
    """One factor for all."""
    ratio = evidence.ratio()
    if len(evidence.places) < 2 or not math.isfinite(ratio) or not evidence.fits(ratio * evidence.true, ratio):
        return constant_apart_from_penalty(evidence)
    return scale(evidence, ratio, "")


def constant_apart_from_penalty(evidence: Evidence) -> Cause | None:
    """One factor for all that does not come from the penalty, where that is known."""
    penalty = evidence.measured.problem.penalty
    if penalty is None or not np.any(penalty) or len(evidence.places) < 2:
        return None
    here = penalty[evidence.places]
    data = evidence.true - here
    total = float(data @ data)
    ratio = float((evidence.claimed - here) @ data) / total if total else math.nan
    if not math.isfinite(ratio) or abs(ratio - 1) < 1e-6 or not evidence.fits(ratio * data + here, ratio):
        return None
    return scale(evidence, ratio, " The penalty's part is right; it is the data's part that has the factor.")


def scale(evidence: Evidence, ratio: float, more: str) -> Cause:
    """Say what a constant factor may be."""
    exact, meaning = rational(ratio, evidence.measured.problem.sizes)
    if exact == -1:
        return Cause(
            "sign", f"Every derivative has the wrong sign: it is -1 times the true one.{more} Negate it.", -1.0
        )
    what = _worth(ratio, exact)
    every = "Every derivative" if evidence.wrong.all() else "Every derivative that is not 0"
    return Cause(
        "scale",
        f"{every} is {what} times that of the loss.{more} {meaning}",
        float(exact) if exact is not None else ratio,
    )


def _worth(ratio: float, exact: Fraction | None) -> str:
    if exact is None:
        return f"{ratio:.6g}"
    return str(exact) if exact.denominator == 1 else f"{exact} ({float(exact):.6g})"


def rational(ratio: float, sizes: Mapping[str, int]) -> tuple[Fraction | None, str]:
    """Read a factor as a fraction, and say what it may come from.

    Parameters
    ----------
    ratio : float
    sizes : mapping of str to int
        Counts it may be made of.

    Examples
    --------
    >>> rational(3.0000001, {"outputs": 3})[0]
    Fraction(3, 1)
    """
    counts = dict(sizes)
    exact: Fraction | None = None
    if math.isfinite(ratio) and ratio:
        for top in (LARGEST_DENOMINATOR, *counts.values(), *(2 * each for each in counts.values())):
            near = Fraction(ratio).limit_denominator(top) if abs(ratio) < 1e6 else Fraction(round(ratio))
            if near and abs(float(near) / ratio - 1) < 1e-5:
                exact = near
                break
    size = abs(exact) if exact is not None else None
    named = [name for name, count in counts.items() if count > 1 and size == count]
    inverse = [name for name, count in counts.items() if count > 1 and size == Fraction(1, count)]
    sign = "Its sign is wrong too. " if ratio < 0 else ""
    if named:
        text = f"{size} is the number of {' and of '.join(named)}: the loss takes a mean over them, the gradient a sum."
    elif inverse:
        text = (
            f"{size} is 1 over the number of {' and of '.join(inverse)}: the gradient divides by it, the loss does not."
        )
    elif size == 2:
        text = "The loss has a ½ (or a mean over two) that the gradient forgot, or a term is counted twice."
    elif size == Fraction(1, 2):
        text = "The gradient lacks the 2 of a square, or has a ½ that the loss has not."
    elif size is not None and size.denominator == 1:
        text = f"Look for a mean over {size} of something in the loss that is a sum in the gradient."
    elif size is not None and size.numerator == 1:
        text = f"Look for a division by {size.denominator} in the gradient that the loss has not."
    else:
        text = "Look for a constant that only one of loss and gradient has."
    return exact, f"{sign}{text}"


def structural(evidence: Evidence) -> Cause | None:
    """What a known mistake in backpropagation would have given, where the network is known."""
    problem = evidence.measured.problem
    if problem.alternatives is None:
        return None
    for each in problem.alternatives():
        predicted = each.gradient[evidence.places]
        if evidence.fits(predicted) and not np.array_equal(predicted, evidence.true):
            return Cause(each.kind, each.cause)
    return None


def located(evidence: Evidence) -> Cause | None:
    """The part whose backward pass is wrong by itself."""
    problem = evidence.measured.problem
    found = problem.locate() if problem.locate is not None else None
    return None if found is None else Cause(*found)


def transposed(evidence: Evidence) -> Cause | None:
    """Square arrays that are the transpose of the true ones, or arrays filled in the transposed order."""
    problem = evidence.measured.problem
    names = []
    for block in problem.blocks:
        here = evidence.within(block)
        part = evidence.part(here)
        if not part.wrong.any():
            continue
        if len(block.shape) != 2 or min(block.shape) < 2:
            return None
        mirrored = _mirrored(part, block)
        if mirrored is None:
            return None
        names.append(block.name)
    if not names:
        return None
    return Cause(
        "transposed",
        f"The derivatives by {listed(names)} are those of the transpose: entry [i, j] holds what belongs to [j, i]. "
        "Transpose the result, or swap the factors of the product, (A B)^T = B^T A^T.",
    )


def _mirrored(part: Evidence, block: Block) -> bool | None:
    """Whether a block holds its true transpose; measures what is needed for that."""
    measured = part.measured
    rows, columns = block.shape
    inside = part.places - block.start
    for mirror in (
        (inside % columns) * columns + inside // columns if rows == columns else None,  # G[i, j] = T[j, i]
        (inside % rows) * columns + inside // rows if rows != columns else None,  # G.ravel() = T.T.ravel()
    ):
        if mirror is None:
            continue
        wanted = np.flatnonzero(part.wrong)[:_MOST_MIRRORED]
        small = part.part(np.isin(np.arange(len(part.places)), wanted))
        if len(measured.places) == len(measured.claimed):
            small, wanted = part, np.arange(len(part.places))
        slopes = [measured.measure(int(block.start + mirror[each])) for each in wanted]
        if small.fits(np.array([slope.value for slope in slopes])) and len(wanted) > 1:
            return True
    return None


def penalty(evidence: Evidence) -> Cause | None:
    """A difference that is proportional to the parameters, or to their signs."""
    problem = evidence.measured.problem
    matrices = np.array([len(problem.block_of(place).shape) >= 2 for place in evidence.places], dtype=bool)
    at = problem.at[evidence.places]
    everywhere = np.ones(len(at), dtype=bool)
    for where in (matrices, everywhere):
        for form, shape in (("squared weights", at), ("absolute weights", np.sign(at))):
            part = np.where(where, shape, 0.0)
            total = float(part @ part)
            if np.count_nonzero(part) < 3 or not total or len(np.unique(np.abs(part[part != 0]))) < 2 <= len(at):
                continue
            share = float((evidence.claimed - evidence.true) @ part) / total
            if share and evidence.fits(evidence.true + share * part):
                return _penalty_cause(evidence, form, share)
    return None


def _penalty_cause(evidence: Evidence, form: str, share: float) -> Cause:
    problem = evidence.measured.problem
    term = f"{abs(share):.6g}{'/2' if form == 'squared weights' else ''} times the sum of the {form}"
    if share < 0:
        what = "the weights" if form == "squared weights" else "their signs"
        return Cause(
            "missing_penalty",
            f"The penalty is missing: the difference is proportional to the weights, as if the loss had {term} and the "
            f"gradient had not. Add {abs(share):.6g} times {what}.",
        )
    known = problem.penalty
    if known is not None and np.any(known):
        return Cause("extra_penalty", f"The penalty is counted more than once: the gradient has {term} too much.")
    return Cause(
        "extra_penalty",
        f"The gradient has a penalty that the loss has not: it is that of the loss plus {term}. Add it to the loss, or "
        "leave it out of the gradient.",
    )


def one_parameter(evidence: Evidence) -> Cause | None:
    """A single wrong one."""
    if evidence.wrong.sum() != 1 or len(evidence.wrong) < 3:
        return None
    measured = evidence.measured
    place = int(evidence.places[evidence.wrong][0])
    if any(
        _wrong_without(measured, block, claimed, slope.value, slope.error, place)
        for block, claimed, slope in measured.probes
    ):
        return None
    name, slope = measured.problem.entry(place), measured.found[place]
    claimed = measured.claimed[place]
    ratio = evidence.part(evidence.wrong).ratio()
    return Cause(
        "one_parameter",
        f"Only the derivative by {name} is wrong: {claimed:.8g} instead of {slope.value:.8g}. Every other one that was "
        "measured agrees. Look for an index that is off at an edge, or an entry overwritten afterwards.",
        ratio if math.isfinite(ratio) else None,
    )


def few_parameters(evidence: Evidence) -> Cause | None:
    """A few wrong ones among many right ones of the same arrays."""
    problem, wrong = evidence.measured.problem, evidence.places[evidence.wrong]
    if not 2 <= len(wrong) <= MOST_NAMED:
        return None
    for block in problem.blocks:
        part = evidence.part(evidence.within(block))
        if part.wrong.sum() > 0.25 * np.count_nonzero(part.claimed):  # 0 agrees whatever is done to an array
            return None
    names = listed([problem.entry(int(place)) for place in wrong])
    return Cause(
        "some_parameters",
        f"Only the derivatives by {names} are wrong; the {len(evidence.places) - len(wrong)} others that were measured "
        "agree. Look for what these have in common: an index at an edge, or entries overwritten afterwards.",
    )


def _wrong_without(measured: Measured, block: Block, claimed: float, true: float, error: float, place: int) -> bool:
    """Whether a block's probe disagrees even when one parameter's part is taken away; the sign in it is not kept."""
    gap = abs(measured.claimed[place] - measured.found[place].value) * measured.scales[place]
    if not block.start <= place < block.start + block.size:
        gap = 0.0
    rest = abs(abs(claimed - true) - gap)
    allowed = 2 * TIMES_ERROR * error + 10 * measured.tolerance * max(abs(claimed), abs(true), gap)
    return bool(rest > allowed + float(np.sqrt(np.sum((measured.slack * measured.scales)[block.here] ** 2))))


def by_layer(evidence: Evidence) -> Cause | None:
    """Some layers only: one, or all up to one."""
    layers = dict.fromkeys(block.layer for block in evidence.measured.problem.blocks if block.size)
    if len(layers) < 2:
        return None
    parts = {layer: evidence.part(_of_layer(evidence, layer)) for layer in layers}
    bad = [layer for layer, part in parts.items() if part.wrong.any()]
    if len(bad) == len(layers) or not bad:
        return each_its_own(parts)
    names = list(layers)
    if len(bad) == 1:
        return _one_layer(parts[bad[0]], bad[0])
    if names[: len(bad)] == bad:
        last, next_one = bad[-1], names[len(bad)]
        return Cause(
            "earlier_layers",
            f"The derivatives by {last} and everything before it are wrong, those by {next_one} and later are "
            f"right. So the slip is in what is handed back from {next_one} to {last}: the activation's derivative "
            f"there, or the weights that it goes back through.{_more_can_be_told(evidence)}",
        )
    return None


def _more_can_be_told(evidence: Evidence) -> str:
    """Say how the slip itself would be named, where two functions hide the network."""
    problem = evidence.measured.problem
    if problem.alternatives is not None or problem.locate is not None:
        return ""
    return " Rebuilt as a bs.Network, bs.audit(network, X, y, gradient=...) names the slip itself."


def _of_layer(evidence: Evidence, layer: str) -> NDArray[np.bool_]:
    found = np.zeros(len(evidence.places), dtype=bool)
    for block in evidence.measured.problem.blocks:
        if block.layer == layer:
            found |= evidence.within(block)
    return found


def _one_layer(part: Evidence, layer: str) -> Cause:
    ratio = part.ratio()
    sentence = f"Only the derivatives by {layer} are wrong; all others agree."
    problem = part.measured.problem
    bad = [block.name for block in problem.blocks if block.layer == layer and part.part(part.within(block)).wrong.any()]
    if bad and bad != [layer]:
        sentence = f"Only the derivatives by {listed(bad)} are wrong; all others agree."
    part = part.part(
        np.isin(part.places, np.concatenate([part.places[part.within(b)] for b in problem.blocks if b.name in bad]))
    )
    ratio = part.ratio()
    if not np.any(part.claimed):
        return Cause("one_layer", f"{sentence} They are 0: perhaps never computed, or frozen.", 0.0)
    if len(part.places) > 1 and math.isfinite(ratio) and part.fits(ratio * part.true, ratio):
        exact, meaning = rational(ratio, problem.sizes)
        if exact == -1:
            return Cause("one_layer", f"{sentence} They have the wrong sign.", -1.0)
        return Cause("one_layer", f"{sentence} They are {_worth(ratio, exact)} times the true ones. {meaning}", ratio)
    return Cause(
        "one_layer", f"{sentence} Look at how this layer's own product is formed: which activations, which delta."
    )


def each_its_own(parts: dict[str, Evidence]) -> Cause | None:
    """A factor of its own for each layer."""
    told = []
    for layer, part in parts.items():
        ratio = part.ratio()
        if not len(part.places) or not math.isfinite(ratio) or not part.fits(ratio * part.true, ratio):
            return None
        exact, _ = rational(ratio, {})
        told.append(f"{_worth(ratio, exact)} for {layer}")
    return Cause(
        "scale",
        f"The derivatives are a constant times the true ones, another one for each layer: {', '.join(told[:6])}. A "
        "factor is lost, or taken twice, at every step back.",
    )


def unexplained(evidence: Evidence) -> Cause:
    """No known mistake: is it at least the gradient of something?"""
    measured = evidence.measured
    symmetric = is_a_gradient(measured)
    if symmetric:
        return Cause(
            "wrong_function",
            "It is the right gradient of another function: no constant and no known slip leads from one to the other. "
            "Look whether loss and gradient use the same data, the same terms and the same loss.",
        )
    if symmetric is None:
        return Cause(
            "wrong_function", "The gradient is not that of this loss, and no known slip leads from one to the other."
        )
    return Cause(
        "not_a_gradient",
        "It is the gradient of no function at all (its second derivatives are not symmetric), so a step of "
        "backpropagation is wrong: a factor missing, taken from another unit, or taken at another point.",
    )


def is_a_gradient(measured: Measured) -> bool | None:
    """Whether the claimed derivatives have symmetric derivatives of their own; None where that cannot be told."""
    problem = measured.problem
    if problem.fixed or problem.coarse or len(problem.at) < 2:
        return None
    random = np.random.default_rng(0)
    symmetric = True
    for _ in range(4):
        u, v = (measured.scales * random.choice([-1.0, 1.0], size=len(problem.at)) for _ in range(2))
        pairs = []
        for step in (1e-4, 3e-5):
            with np.errstate(all="ignore"):
                across = [
                    float((problem.gradient(problem.at + step * a) - problem.gradient(problem.at - step * a)) @ b)
                    / (2 * step)
                    for a, b in ((u, v), (v, u))
                ]
            pairs.append(across)
        (first, second), (first_again, second_again) = pairs
        size = max(abs(first), abs(second))
        error = abs(first - first_again) + abs(second - second_again) + 1e-6 * size
        if not math.isfinite(size) or error > 0.1 * size:
            return None
        symmetric = symmetric and abs(first - second) <= 10 * error
    return symmetric


def listed(names: object) -> str:
    """Join names for a sentence.

    >>> listed(["w1", "b1", "w2"])
    'w1, b1 and w2'
    """
    every = [str(name) for name in names]  # type: ignore[attr-defined]
    return every[0] if len(every) == 1 else f"{', '.join(every[:-1])} and {every[-1]}"


HYPOTHESES: tuple[Callable[[Evidence], Cause | None], ...] = (
    turned,
    zero,
    constant,
    structural,
    transposed,
    penalty,
    one_parameter,
    located,
    few_parameters,
    by_layer,
)
"""In the order in which they are tried: the simplest, and those that say most, first."""
