"""Learning rates and weight decay by group of parameters: factors, one per parameter array."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from backstory.engine.contract import UpdateRule
from backstory.errors import ConfigurationError, unknown
from backstory.network.spec import GROUPS, Spec, group_of
from backstory.training.schedules import not_negative

Factors = tuple[float, ...]

_POWERS = {"sgd": 1.0, "adam": 0.5, "adamw": 0.5, "lion": 0.5, "rmsprop": 0.5, "adagrad": 0.5}
"""Rule -> which power of the number of inputs divides the rate of weights in the neural-tangent parametrization."""


_WITHOUT_RATE = ("polyak", "quotient", "rprop")
"""Rules whose steps are not proportional to their rate."""


def read_factors(spec: Spec, given: Any, argument: str, usual: Factors = ()) -> Factors:
    """Return one factor per parameter array, from a dict of groups or arrays; empty where nothing was given.

    Parameters
    ----------
    spec : Spec
    given : dict of str to float >= 0, or None
        By group ("weights", "biases", "embedding", "scaling", "activation") or by array ("w1", "scale"), which goes
        before its group.
    argument : str
        What the argument is called.
    usual : tuple of float, optional
        What holds where nothing is said, one per parameter array; by default 1.

    Raises
    ------
    ConfigurationError
        No dict, an unknown name, or a factor that is no finite number >= 0.

    Examples
    --------
    >>> spec = Spec.of([2, 3, 1], "relu", "identity", "squared_error", scaling=True)
    >>> read_factors(spec, {"scaling": 6.0, "b1": 0.1}, "rates")
    (1.0, 0.1, 1.0, 1.0, 6.0)
    """
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{argument}= must be a dict such as {{'biases': 0.1}}. Got {given!r}.")
    names = [name for name, _, _ in spec.layout]
    known = [*dict.fromkeys(GROUPS.values()), *names]
    for name, factor in given.items():
        if name not in known:
            raise unknown(f"group of parameters in {argument}=", str(name), known)
        not_negative("fit", **{f"{argument}[{name!r}]": factor})
    if not given:
        return ()
    elsewhere = zip(names, usual or (1.0,) * len(names), strict=True)
    return tuple(float(given.get(name, given.get(group_of(name), factor))) for name, factor in elsewhere)


def factors(spec: Spec, rule: UpdateRule, rates: Factors = (), decays: Factors = ()) -> tuple[Factors, Factors]:
    """Return the factors of rate and decay of every parameter array, the parametrization's own included.

    With ``z = a V/sqrt(n_in) + b`` a step of V is a step of W = V/sqrt(n_in) at another rate: W's gradient is
    sqrt(n_in) times V's, so that gradient descent takes W's rate divided by n_in, and rules that do not depend on the
    gradient's size, such as Adam, take it divided by sqrt(n_in); their epsilon then counts in units of W's gradient.
    Weights shrink as V does: their decay is multiplied by what their rate is divided by.

    Parameters
    ----------
    rates, decays : tuple of float
        What was asked for, one per parameter array; empty: nothing.

    Returns
    -------
    rates, decays : tuple of float, empty where all is as usual

    Raises
    ------
    ConfigurationError
        Factors of the rate, or the neural-tangent parametrization, with a rule that has no such form.

    References
    ----------
    Jacot, Gabriel & Hongler, "Neural tangent kernel", NeurIPS 2018, section 2.1.
    """
    if rates and rule.name in _WITHOUT_RATE:
        raise ConfigurationError(
            f"rates= multiplies learning rates, and the steps of {rule.name} are not proportional to one. "
            "Leave it out, or use Adam or SGD."
        )
    if spec.parametrization == "standard":
        return rates, decays
    if rule.name not in _POWERS:
        known = ", ".join(sorted(_POWERS))
        raise ConfigurationError(
            f"parametrization='neural_tangent' must be trained with one of {known}. Got {rule.name}; use one of these, "
            "or the standard parametrization."
        )
    shrinks = [
        math.pow(shape[0], -_POWERS[rule.name]) if group_of(name) == "weights" else 1.0
        for name, _, shape in spec.layout
    ]
    return (
        tuple(rate * shrink for rate, shrink in zip(rates or (1.0,) * len(shrinks), shrinks, strict=True)),
        tuple(decay / shrink for decay, shrink in zip(decays or spec.usual_decays, shrinks, strict=True)),
    )
