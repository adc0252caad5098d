"""The table of losses: one row each, their public constructors, and which output each fits.

An output that rounding has driven to 0 or 1 is moved inside by 1e-38 and 1e-16 before its logarithm is taken: the loss
stays finite, and so does its slope in float32. The fused forms need no such help, being computed from z.
"""

from __future__ import annotations

from collections.abc import Mapping

from backstory.errors import ConfigurationError
from backstory.functions.activation import Activation
from backstory.functions.activations import ACTIVATIONS
from backstory.functions.domains import NOT_NEGATIVE, POSITIVE, PROBABILITY, REALS, SIMPLEX, UNIT, Domain, Values
from backstory.functions.loss import Fused, Loss, builtin, register
from backstory.functions.rows import look_up

_ROWS = (
    Loss("half_squared_error", "1/2*(a - y)^2", derivative="a - y", note="Half the sum over the outputs."),
    Loss("squared_error", "(a - y)^2", derivative="2*(a - y)", note="The sum over the outputs."),
    Loss("mean_squared_error", "(a - y)^2/n_out", derivative="2*(a - y)/n_out", note="The mean over the outputs."),
    Loss(
        "absolute_error",
        "abs(a - y)",
        derivative="sign(a - y)",
        kinks=("y",),
        note="The sum over the outputs. The slope at a = y is 0.",
    ),
    Loss(
        "mean_absolute_error",
        "abs(a - y)/n_out",
        derivative="sign(a - y)/n_out",
        kinks=("y",),
        note="The mean over the outputs. The slope at a = y is 0.",
    ),
    Loss(
        "huber",
        "where(abs(a - y) <= delta, (a - y)^2/2, delta*(abs(a - y) - delta/2))",
        derivative="max(-delta, min(delta, a - y))",
        parameters=(("delta", 1.0),),
        bounds=(("delta", "(0, inf)"),),
        paper="Huber 1964, Annals of Mathematical Statistics 35, 73",
        note="The sum over the outputs.",
    ),
    Loss(
        "log_cosh",
        "log(cosh(a - y))",
        stable="where(abs(a - y) < 1, log1p(2*sinh(min(abs(a - y), 1)/2)^2), "
        "abs(a - y) + log1p(exp(-2*abs(a - y))) - log(2))",
        derivative="tanh(a - y)",
        note="The sum over the outputs.",
    ),
    Loss(
        "quantile",
        "max(q*(y - a), (q - 1)*(y - a))",
        derivative="where(a > y, 1 - q, where(a < y, -q, 0))",
        parameters=(("q", 0.5),),
        bounds=(("q", "(0, 1)"),),
        kinks=("y",),
        paper="Koenker & Bassett 1978, Econometrica 46, 33",
        note="The sum over the outputs. The slope at a = y is 0.",
    ),
    Loss(
        "poisson",
        "a - y*log(a)",
        stable="a - y*log(max(a, 1e-38))",
        derivative="1 - y/max(a, 1e-38)",
        domain=POSITIVE,
        targets=NOT_NEGATIVE,
        fused={
            "exp": Fused("exp(z) - y*z", "a - y"),
            "softplus": Fused(
                "softplus(z) - y*where(z < -40, z, log(softplus(max(z, -40))))",
                "-expm1(-a) - y*where(a > 1e-300, -expm1(-a)/max(a, 1e-300), 1)",
            ),
            "sigmoid": Fused("sigmoid(z) + y*softplus(-z)", "(a - y)*(1 - a)"),
        },
        paper="Nelder & Wedderburn 1972, JRSS A 135, 370",
        note="Counts: the negative log-likelihood without log(y!), so below 0 at times; the sum over the outputs.",
    ),
    Loss(
        "binary_cross_entropy",
        "-(y*log(a) + (1 - y)*log(1 - a))",
        stable="-(y*log(max(a, 1e-38)) + (1 - y)*log1p(-min(a, 0.9999999999999999)))",
        derivative="(1 - y)/max(1 - a, 1e-16) - y/max(a, 1e-38)",
        domain=PROBABILITY,
        targets=UNIT,
        parameters=(("label_smoothing", 0.0),),
        bounds=(("label_smoothing", "[0, 1)"),),
        target="y*(1 - label_smoothing) + label_smoothing/2",
        fused={"sigmoid": Fused("max(z, 0) - y*z + log1p(exp(-abs(z)))", "a - y")},
        paper="Good 1952, JRSS B 14, 107; label smoothing: Szegedy et al. 2016, CVPR, section 7",
        classification=True,
        note="The sum over the outputs, each a class of its own.",
    ),
    Loss(
        "cross_entropy",
        "-y*log(a)",
        stable="-y*log(max(a, 1e-38))",
        derivative="-y/max(a, 1e-38)",
        domain=SIMPLEX,
        targets=SIMPLEX,
        parameters=(("label_smoothing", 0.0),),
        bounds=(("label_smoothing", "[0, 1)"),),
        target="y*(1 - label_smoothing) + label_smoothing/n_out",
        fused={"softmax": Fused("y*(logsumexp_z - z)", "sum_y*a - y", rowwise=True)},
        paper="Bridle 1990, NATO ASI F68, 227; label smoothing: Szegedy et al. 2016, CVPR, section 7",
        classification=True,
        note="The sum over the outputs, classes that exclude one another.",
    ),
    Loss(
        "hinge",
        "max(1 - y*a, 0)",
        derivative="where(y*a < 1, -y, 0)",
        targets=Values((-1.0, 1.0)),
        kinks=("1/y",),
        paper="Cortes & Vapnik 1995, Machine Learning 20, 273",
        classification=True,
        note="The sum over the outputs; targets are -1 and 1. The slope at y*a = 1 is 0.",
    ),
)

LOSSES: Mapping[str, Loss] = register(_ROWS)
"""Name -> row of every loss of the library."""


def loss(value: Loss | str) -> Loss:
    """Return a loss as it is, or the one of that name with its usual parameters.

    Raises
    ------
    ConfigurationError
        For an unknown name; the message names the nearest known one.

    Examples
    --------
    >>> loss("huber")
    <Loss huber(delta=1): where(abs(a - y) <= delta, (a - y)^2/2, delta*(abs(a - y) - delta/2))>
    """
    return look_up("loss", value, LOSSES, Loss)


def fitting_outputs(row: Loss) -> tuple[str, ...]:
    """Return the names of the activations whose range lies in the domain of a loss.

    >>> fitting_outputs(loss("cross_entropy"))
    ('softmax',)
    """
    return tuple(name for name, each in ACTIVATIONS.items() if row.domain.holds(each.range))


def check_pair(row: Loss, output: Activation) -> None:
    """Make sure that a loss is defined for everything an output activation can give.

    Raises
    ------
    ConfigurationError
        Where it is not; the message names the outputs that fit.

    Examples
    --------
    >>> check_pair(loss("binary_cross_entropy"), ACTIVATIONS["tanh"])
    Traceback (most recent call last):
    ...
    backstory.errors.ConfigurationError: The loss 'binary_cross_entropy' is defined for outputs in (0, 1),
    but the output activation 'tanh' gives values in (-1, 1). Outputs that fit: sigmoid, softmax.
    """
    if row.domain.holds(output.range):
        return
    fitting = ", ".join(fitting_outputs(row)) or "none of the built-in ones"
    advice = (
        "" if output.is_builtin else f" If its values do lie there, say so with Activation(..., range={_text(row)})."
    )
    raise ConfigurationError(
        f"The loss {row.name!r} is defined for outputs {_where(row.domain)}, but the output activation {output.name!r} "
        f"gives values {_where(output.range)}. Outputs that fit: {fitting}.{advice}"
    )


def _text(row: Loss) -> str:
    return "SIMPLEX" if row.domain is SIMPLEX else repr(str(row.domain))


def _where(domain: Domain) -> str:
    """Complete the sentence "outputs …"."""
    if domain is SIMPLEX:
        return "that sum to 1 in each row"
    return "of any size" if domain == REALS else f"in {domain}"


def CrossEntropy(label_smoothing: float = 0.0) -> Loss:
    """Return cross_entropy with smoothed labels: y (1 - s) + s/n_out.

    Parameters
    ----------
    label_smoothing : float
        0 <= s < 1.
    """
    return builtin("cross_entropy").replace(label_smoothing=label_smoothing)


def BinaryCrossEntropy(label_smoothing: float = 0.0) -> Loss:
    """Return binary_cross_entropy with smoothed labels: y (1 - s) + s/2.

    Parameters
    ----------
    label_smoothing : float
        0 <= s < 1.
    """
    return builtin("binary_cross_entropy").replace(label_smoothing=label_smoothing)


def Huber(delta: float = 1.0) -> Loss:
    """Return huber with another border between square and line.

    Parameters
    ----------
    delta : float > 0
    """
    return builtin("huber").replace(delta=delta)


def Quantile(q: float = 0.5) -> Loss:
    """Return quantile for another quantile.

    Parameters
    ----------
    q : float
        0 < q < 1; 0.9 is the value that nine of ten targets stay below.
    """
    return builtin("quantile").replace(q=q)
