"""Learning rates and weight decay by group of parameters: factors, one per parameter array."""

from __future__ import annotations

import math

from backstory.engine.contract import UpdateRule
from backstory.errors import ConfigurationError
from backstory.network.spec import Spec, group_of

Factors = tuple[float, ...]

_POWERS = {"sgd": 1.0, "adam": 0.5, "adamw": 0.5, "lion": 0.5, "rmsprop": 0.5, "adagrad": 0.5}
"""Rule -> which power of the number of inputs divides the rate of weights in the neural-tangent parametrization."""


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
        The neural-tangent parametrization with a rule that has no such form.

    References
    ----------
    Jacot, Gabriel & Hongler, "Neural tangent kernel", NeurIPS 2018, section 2.1.
    """
    if spec.parametrization == "standard":
        return rates, decays
    if rule.name not in _POWERS:
        known = ", ".join(sorted(_POWERS))
        raise ConfigurationError(
            f"parametrization='neural_tangent' must be trained with one of {known}. Got {rule.name}; use one of these, "
            "or the standard parametrization."
        )
    names = [name for name, _, _ in spec.layout]
    shrinks = [
        math.pow(shape[0], -_POWERS[rule.name]) if group_of(name) == "weights" else 1.0
        for name, _, shape in spec.layout
    ]
    usual_decays = decays or tuple(float(group_of(name) == "weights") for name in names)
    return (
        tuple(rate * shrink for rate, shrink in zip(rates or (1.0,) * len(names), shrinks, strict=True)),
        tuple(decay / shrink for decay, shrink in zip(usual_decays, shrinks, strict=True)),
    )
