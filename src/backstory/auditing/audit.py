"""`audit`: is a gradient the derivative of its loss, and if not, what is wrong with it?"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from backstory.auditing.causes import Cause, diagnose
from backstory.auditing.functions import from_functions
from backstory.auditing.measure import Measured, fails_beside, measure_all, prepared
from backstory.auditing.networks import from_estimator, from_network
from backstory.auditing.problem import Counted, Floats, Problem
from backstory.auditing.pytorch import from_torch, is_torch
from backstory.auditing.report import Derivative, Report, Verdict
from backstory.auditing.scikit import from_scikit
from backstory.errors import ConfigurationError
from backstory.interop.from_scikit import is_scikit
from backstory.model.network import Network

TOLERANCE = 1e-6
COMPONENTS = 400
_WORST = 5


def judge(problem: Problem, *, tolerance: float, components: int, seed: int) -> Report:
    """Judge a gradient.

    Parameters
    ----------
    problem : Problem
    tolerance : float
    components : int
        How many derivatives are measured one by one at most.
    seed : int
        Of directions and chosen parameters.
    """
    random = np.random.default_rng(seed)
    counted = Counted(problem)
    value = counted.at(problem.at)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        claimed = [problem.gradient(problem.at.copy()) for _ in range(3)]
    again = counted.at(problem.at)
    if (cause := _unsteady(problem, value, again, claimed)) is not None:
        return _report(problem, cause[0], cause[1], counted, value)
    measured = prepared(problem, claimed[0], value, counted, tolerance, random)
    measure_all(measured, components, random)
    return _verdict(measured, random)


def _unsteady(problem: Problem, value: float, again: float, claimed: list[Floats]) -> tuple[Verdict, Cause] | None:
    """What keeps a gradient from being measured: values that are not finite or change from call to call."""
    if not (np.isfinite(value) and np.isfinite(again)):
        return "inconclusive", Cause(
            "not_finite",
            f"The loss is {value} at this point. Audit where it is finite, at smaller parameters or inputs.",
        )
    first, second, third = claimed
    if abs(value - again) > (1e-5 if problem.coarse else 1e-12) * max(abs(value), abs(again)):
        return "inconclusive", Cause(
            "not_deterministic",
            f"The loss is not deterministic: the same point gave {value:.9g} and then {again:.9g}. Switch off dropout, "
            "noise and shuffling, or fix the seed inside it; or look whether a call changes the parameters.",
        )
    if not np.isfinite(first).all():
        bad = np.flatnonzero(~np.isfinite(first))
        place = int(bad[0])
        return "fail", Cause(
            "not_finite",
            f"The derivative by {problem.entry(place)} is {first[place]} ({len(bad)} are not "
            f"finite), though the loss is {value:.9g}. Look for 0/0, log(0), or an overflow in the backward pass.",
        )
    size = float(np.max(np.abs(first), initial=0.0))
    added = second - first
    if np.max(np.abs(added)) > 1e-6 * size and np.allclose(third - second, added, rtol=1e-6, atol=1e-9 * size):
        return "fail", Cause(
            "accumulated",
            "The gradient adds up: each call at the same point returns the last result plus the same again. Set it to "
            "0 before each call (zero_grad).",
        )
    if not np.allclose(first, second, rtol=1e-4, atol=1e-6 * size):
        return "inconclusive", Cause(
            "not_deterministic",
            "The gradient is not deterministic: two calls at the same point differ. Switch off dropout, noise and "
            "shuffling, or fix the seed inside it.",
        )
    return None


def _verdict(measured: Measured, random: Any) -> Report:
    places = [int(place) for place in measured.places]
    kinks = [place for place in places if measured.found[place].kink]
    blind = [place for place in places if place not in set(kinks) and not measured.resolved(place)]
    clear = [place for place in places if not measured.found[place].kink and measured.resolved(place)]
    wrong = [place for place in clear if not measured.agrees(place)]
    wrong.sort(key=lambda place: -_gap(measured, place))
    if wrong and not fails_beside(measured, wrong[:3], random):
        name = measured.problem.entry(wrong[0])
        cause = Cause(
            "kink",
            f"The derivative by {name} disagrees at this point and agrees at points beside it: some inner value "
            "sits on a kink here, such as relu at 0, where any slope is a convention. Move the parameters a little.",
        )
        return _finished(measured, "inconclusive", cause, wrong)
    probes_wrong = [
        block.name
        for block, claimed, slope in measured.probes
        if abs(claimed - slope.value) > 10 * slope.error + _probe_slack(measured, block, claimed, slope.value)
    ]
    if wrong or measured.problem.turned:
        return _finished(measured, "fail", diagnose(measured), wrong)
    if probes_wrong:
        cause = Cause(
            "rounding",
            f"Along a random direction of {probes_wrong[0]} the slopes differ, but no single derivative that was "
            f"measured does. Raise components= above {len(places)} to measure more of them.",
        )
        return _finished(measured, "inconclusive", cause, blind)
    if kinks:
        return _finished(measured, "inconclusive", _kink(measured, kinks), kinks)
    if len(blind) > 0.02 * len(places):
        return _finished(measured, "inconclusive", _blind(measured, blind), blind)
    cause = Cause("pass", "The gradient is the derivative of the loss.")
    return _finished(measured, "pass", cause, clear)


def _probe_slack(measured: Measured, block: Any, claimed: float, true: float) -> float:
    part = (measured.slack * measured.scales)[block.here]
    return measured.tolerance * max(abs(claimed), abs(true)) + float(np.sqrt(np.sum(part**2)))


def _gap(measured: Measured, place: int) -> float:
    """How far off a derivative is, in units of what is allowed, weighed by its size."""
    gap = abs(measured.claimed[place] - measured.found[place].value)
    return float(gap * measured.scales[place])


def _kink(measured: Measured, kinks: list[int]) -> Cause:
    place = kinks[0]
    slope = measured.found[place]
    low, high = sorted((slope.left, slope.right))
    claimed = measured.claimed[place]
    within = low - measured.allowed(place) <= claimed <= high + measured.allowed(place)
    where = "between them, which is as good as any" if within else "outside of both"
    return Cause(
        "kink",
        f"The loss has a kink at this point: by {measured.problem.entry(place)} its slope is {slope.left:.6g} to "
        f"the left and {slope.right:.6g} to the right; {claimed:.6g} is claimed, {where}. {len(kinks)} of "
        f"{len(measured.found)} derivatives are such. Move the parameters or inputs a little, off "
        "relu's 0 or equal maxima, and audit again.",
    )


def _blind(measured: Measured, blind: list[int]) -> Cause:
    noise = measured.noise
    relative = noise / abs(measured.value) if measured.value else noise
    if all(not np.isfinite(measured.found[place].error) for place in blind):
        return Cause(
            "step",
            "No step was small enough for the loss to stay finite on both sides of this point. Audit further away from "
            "the border of its domain, or scale the parameters.",
        )
    if relative > 1e-11 or measured.problem.coarse:
        return Cause(
            "rounding",
            f"The values of the loss are rounded at {relative:.1g} of their size, as in float32, which is too coarse "
            f"for {len(blind)} of {len(measured.found)} derivatives. Run the loss in float64, or on fewer rows.",
        )
    return Cause(
        "step",
        f"For {len(blind)} of {len(measured.found)} derivatives no step fits: large ones leave the curve, small ones "
        "drown in rounding. The loss is too rough, or too large beside its slope; scale it, or take away constants.",
    )


def _finished(measured: Measured, verdict: Verdict, cause: Cause, first: list[int]) -> Report:
    places = [int(place) for place in measured.places]
    agreeing = {
        place
        for place in places
        if not measured.found[place].kink and measured.resolved(place) and measured.agrees(place)
    }
    key = (
        (lambda place: -measured.found[place].error)
        if verdict == "inconclusive"
        else (lambda place: -_gap(measured, place))
    )
    worst = [_derivative(measured, place) for place in sorted(first, key=key)[:_WORST]]
    ordered = sorted(first, key=key)
    arrays = []
    for block in measured.problem.blocks:
        here = [place for place in places if block.start <= place < block.start + block.size]
        arrays.append((block.name, len(agreeing & set(here)), len(here)))
    largest = measured.largest
    sharp = max((measured.allowed(place) for place in agreeing), default=0.0)
    return Report(
        verdict=verdict,
        kind=None if verdict == "pass" else cause.kind,
        ratio=None if verdict == "pass" else cause.ratio,
        cause=cause.sentence,
        worst=tuple(worst),
        subject=measured.problem.subject,
        loss=measured.value,
        parameters=len(measured.claimed),
        measured=len(places),
        agreeing=len(agreeing),
        evaluations=measured.counted.calls,
        agreement=float(sharp / largest if largest else sharp),
        arrays=tuple(arrays),
        trials=measured.found[ordered[0]].trials if ordered else (),
    )


def _derivative(measured: Measured, place: int) -> Derivative:
    slope = measured.found[place]
    return Derivative(measured.problem.entry(place), float(measured.claimed[place]), slope.value, slope.error)


def _report(problem: Problem, verdict: Verdict, cause: Cause, counted: Counted, value: float) -> Report:
    """The report of an audit that ended before anything was measured."""
    return Report(
        verdict,
        cause.kind,
        cause.ratio,
        cause.sentence,
        (),
        problem.subject,
        value,
        len(problem.at),
        0,
        0,
        counted.calls,
        0.0,
    )


def audit(
    *subject: Any,
    loss: Any = None,
    gradient: Any = None,
    at: Any = None,
    sample_weight: Any = None,
    tolerance: float = TOLERANCE,
    components: int = COMPONENTS,
    seed: int = 0,
) -> Report:
    """Compare a gradient with the loss it claims to be the derivative of, and name what is wrong.

    Parameters
    ----------
    subject
        - ``audit(loss, gradient, at)``: `loss` takes an array, or a list, tuple or dict of arrays, and returns a
          number; `gradient` takes the same and returns the same structure. All three may be given by name.
        - ``audit(estimator, X, y)``: scikit-learn's ``MLPClassifier`` or ``MLPRegressor``, fitted or not: the loss that
          it reports against the gradient that it steps along. Likewise this library's estimators, and a `Network`;
          ``audit(network, X, y, gradient=...)`` audits somebody else's gradient of the network's loss: arrays for w1,
          b1, w2, b2, ..., or a function from the network to them.
        - ``audit(module, X, y, loss=torch.nn.functional.mse_loss)``: a PyTorch module, custom functions included;
          ``audit(MyFunction.apply, tensor)`` a function of tensors by itself.
    sample_weight : array_like (n,), optional
        For estimators and networks.
    tolerance : float in (0, 1)
        Share of itself by which a derivative may be off beyond the errors of measurement.
    components : int >= 1
        How many derivatives are measured one by one at most; of more parameters every array is probed along a random
        direction too.
    seed : int >= 0
        Of directions and chosen parameters; the same seed gives the same report.

    Returns
    -------
    Report
        `verdict`, `kind`, `ratio`, `cause`, `worst`; prints as a page.

    Raises
    ------
    ConfigurationError, DataError
        Arguments that cannot be audited.

    Examples
    --------
    >>> report = audit(lambda x: float((x**2).sum()), lambda x: x, np.array([1.0, -2.0, 0.5]))
    >>> report.verdict, report.kind, report.ratio
    ('fail', 'scale', 0.5)
    """
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 < tolerance < 1:
        raise ConfigurationError(f"The 'tolerance' parameter of audit must be a float in (0, 1). Got {tolerance!r}.")
    for name, value, least in (("components", components, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ConfigurationError(f"The {name!r} parameter of audit must be an integer >= {least}. Got {value!r}.")

    def judged(problem: Problem) -> Report:
        return judge(problem, tolerance=tolerance, components=components, seed=seed)

    return judged(_problem(subject, loss, gradient, at, sample_weight, judged))


def _problem(subject: tuple[Any, ...], loss: Any, gradient: Any, at: Any, sample_weight: Any, judged: Any) -> Problem:
    """What the arguments mean."""
    first = subject[0] if subject else None
    if is_torch(first) or (callable(first) and len(subject) > 1 and any(map(is_torch, _flat(subject[1])))):
        return from_torch(first, *_data(subject, most=3, least=2), loss, judged)
    if is_scikit(first):
        return from_scikit(first, *_data(subject, most=3, least=3), sample_weight)
    if isinstance(first, Network):
        return from_network(first, *_data(subject, most=3, least=3), sample_weight, gradient)
    if hasattr(first, "_audited"):
        return from_estimator(first, *_data(subject, most=3, least=3), sample_weight)
    given = {"loss": loss, "gradient": gradient, "at": at}
    free = [name for name, value in given.items() if value is None]
    if len(subject) != len(free):
        raise ConfigurationError(
            "bs.audit takes (loss, gradient, at), (estimator, X, y) or (module, X, y, loss=...). Got "
            f"{', '.join(type(each).__name__ for each in subject) or 'nothing'}."
        )
    return from_functions(**given | dict(zip(free, subject, strict=True)))


def _data(subject: tuple[Any, ...], most: int, least: int) -> tuple[Any, Any]:
    """X and y of what was given after the first argument."""
    if not least <= len(subject) <= most:
        what = "X and y" if least == most else "X, and y where the loss needs it"
        raise ConfigurationError(
            f"bs.audit needs {what} after {type(subject[0]).__name__}. Got {len(subject) - 1} more."
        )
    return subject[1], subject[2] if len(subject) > 2 else None


def _flat(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
