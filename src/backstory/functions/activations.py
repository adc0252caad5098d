"""The table of activations: one row each, and the constructors of those that have parameters."""

from __future__ import annotations

from collections.abc import Mapping

from backstory.functions.activation import Activation, builtin, register
from backstory.functions.domains import NOT_NEGATIVE, POSITIVE, PROBABILITY, SIMPLEX, UNIT, Interval
from backstory.functions.rows import look_up

_SELU_ALPHA = 1.6732632423543772
_SELU_SCALE = 1.0507009873554805

_ROWS = (
    Activation("identity", "z", derivative="1"),
    Activation(
        "sigmoid",
        "1/(1 + exp(-z))",
        stable="exp(min(z, 0))/(1 + exp(-abs(z)))",
        derivative="a*(1 - a)",
        range=PROBABILITY,
        paper="Verhulst 1845; in networks: Rumelhart, Hinton & Williams 1986, Nature 323, 533",
    ),
    Activation(
        "tanh",
        "tanh(z)",
        derivative="(1 - a)*(1 + a)",
        range=Interval(-1.0, 1.0),
        paper="LeCun, Bottou, Orr & Müller 1998, Efficient BackProp, section 4.4",
    ),
    Activation(
        "relu",
        "max(z, 0)",
        derivative="where(a > 0, 1, 0)",
        range=NOT_NEGATIVE,
        kinks=(0.0,),
        initializer="he_normal",
        paper="Nair & Hinton 2010, ICML; Glorot, Bordes & Bengio 2011, AISTATS",
        note="The slope at z = 0 is 0.",
    ),
    Activation(
        "leaky_relu",
        "where(z > 0, z, slope*z)",
        derivative="where(a > 0, 1, slope)",
        parameters=(("slope", 0.01),),
        bounds=(("slope", "[0, inf)"),),
        kinks=(0.0,),
        initializer="he_normal",
        paper="Maas, Hannun & Ng 2013, ICML workshop",
        note="The slope at z = 0 is that of the left side.",
    ),
    Activation(
        "elu",
        "where(z > 0, z, alpha*(exp(z) - 1))",
        stable="where(z > 0, z, alpha*expm1(min(z, 0)))",
        derivative="where(a > 0, 1, a + alpha)",
        parameters=(("alpha", 1.0),),
        bounds=(("alpha", "(0, inf)"),),
        kinks=(0.0,),
        range_text="(-alpha, inf)",
        initializer="he_normal",
        paper="Clevert, Unterthiner & Hochreiter 2016, ICLR",
        note="The slope at z = 0 is that of the left side, alpha; with alpha = 1 it is that of the right side too.",
    ),
    Activation(
        "selu",
        "where(z > 0, scale*z, scale*alpha*(exp(z) - 1))",
        stable="where(z > 0, scale*z, scale*alpha*expm1(min(z, 0)))",
        derivative="where(a > 0, scale, a + scale*alpha)",
        parameters=(("alpha", _SELU_ALPHA), ("scale", _SELU_SCALE)),
        bounds=(("alpha", "(0, inf)"), ("scale", "(0, inf)")),
        kinks=(0.0,),
        range_text="(-scale*alpha, inf)",
        initializer="lecun_normal",
        paper="Klambauer, Unterthiner, Mayr & Hochreiter 2017, NeurIPS, equation 2",
        note="The slope at z = 0 is that of the left side.",
    ),
    Activation(
        "gelu",
        "z*(1 + erf(z/sqrt(2)))/2",
        derivative="(1 + erf(z/sqrt(2)))/2 + z*exp(-z^2/2)/sqrt(2*pi)",
        range=Interval(-0.16998, low_open=False),
        initializer="he_normal",
        paper="Hendrycks & Gimpel 2016, arXiv:1606.08415, section 2",
    ),
    Activation(
        "gelu_tanh",
        "z/2*(1 + tanh(sqrt(2/pi)*(z + 0.044715*z^3)))",
        stable="z*sigmoid(2*sqrt(2/pi)*(z + 0.044715*z^3))",
        derivative="sigmoid(2*sqrt(2/pi)*(z + 0.044715*z^3))"
        "*(1 + 2*sqrt(2/pi)*(z + 0.134145*z^3)*sigmoid(-2*sqrt(2/pi)*(z + 0.044715*z^3)))",
        range=Interval(-0.17005, low_open=False),
        initializer="he_normal",
        paper="Hendrycks & Gimpel 2016, arXiv:1606.08415, section 2, the tanh approximation",
    ),
    Activation(
        "silu",
        "z*sigmoid(z)",
        derivative="sigmoid(z)*(1 + z*sigmoid(-z))",
        range=Interval(-0.27847, low_open=False),
        initializer="he_normal",
        paper="Elfwing, Uchibe & Doya 2018, Neural Networks 107; as swish: Ramachandran, Zoph & Le 2017",
    ),
    Activation(
        "mish",
        "z*tanh(softplus(z))",
        derivative="tanh(softplus(z)) + z*sigmoid(z)*(1 - tanh(softplus(z)))*(1 + tanh(softplus(z)))",
        range=Interval(-0.30885, low_open=False),
        initializer="he_normal",
        paper="Misra 2020, BMVC",
    ),
    Activation(
        "softplus",
        "log(1 + exp(z))",
        stable="max(z, 0) + log1p(exp(-abs(z)))",
        derivative="-expm1(-a)",
        range=POSITIVE,
        initializer="he_normal",
        paper="Dugas, Bengio, Bélisle, Nadeau & Garcia 2001, NeurIPS 13",
    ),
    Activation(
        "softsign",
        "z/(1 + abs(z))",
        derivative="(1 - abs(a))^2",
        range=Interval(-1.0, 1.0),
        paper="Bergstra, Desjardins, Lamblin & Bengio 2009, technical report 1337, Montréal",
    ),
    Activation(
        "hard_sigmoid",
        "max(0, min(1, z/6 + 1/2))",
        stable="max(0, min(1, (z + 3)/6))",
        derivative="where(a > 0, where(a < 1, 1/6, 0), 0)",
        range=UNIT,
        kinks=(-3.0, 3.0),
        paper="Howard et al. 2019, ICCV, Searching for MobileNetV3, section 5.2",
        note="The line has slope 1/6, as in PyTorch; other libraries once used 1/5. The slope at z = ±3 is 0.",
    ),
    Activation(
        "hard_tanh",
        "max(-1, min(1, z))",
        derivative="where(abs(a) < 1, 1, 0)",
        range=Interval(-1.0, 1.0, low_open=False, high_open=False),
        kinks=(-1.0, 1.0),
        paper="Collobert 2004, thesis, Paris VI",
        note="The slope at z = ±1 is 0.",
    ),
    Activation(
        "arctan",
        "arctan(z)",
        derivative="1/(1 + z^2)",
        range_text="(-pi/2, pi/2)",
    ),
    Activation(
        "exp",
        "exp(z)",
        derivative="a",
        range=POSITIVE,
        paper="Nelder & Wedderburn 1972, JRSS A 135: the inverse of the log link of counts",
        note="An output for counts and rates, with the loss poisson.",
    ),
    Activation(
        "softmax",
        "exp(z)/sum(exp(z))",
        derivative="diag(a) - a*a^T",
        range=SIMPLEX,
        paper="Bridle 1990, NATO ASI F68, 227",
        couples=True,
        note="For the output; the sum runs over the units of the layer, and the derivative is a matrix.",
    ),
)

ACTIVATIONS: Mapping[str, Activation] = register(_ROWS)
"""Name -> row of every activation of the library."""


def activation(value: Activation | str) -> Activation:
    """Return an activation as it is, or the one of that name with its usual parameters.

    Raises
    ------
    ConfigurationError
        For an unknown name; the message names the nearest known one.

    Examples
    --------
    >>> activation("leaky_relu")
    <Activation leaky_relu(slope=0.01): where(z > 0, z, slope*z)>
    """
    return look_up("activation", value, ACTIVATIONS, Activation)


def LeakyReLU(slope: float = 0.01) -> Activation:
    """Return leaky_relu with another slope on the left.

    Parameters
    ----------
    slope : float >= 0

    Examples
    --------
    >>> str(LeakyReLU(0.2))
    'leaky_relu(slope=0.2)'
    """
    return builtin("leaky_relu").replace(slope=slope)


def ELU(alpha: float = 1.0) -> Activation:
    """Return elu with another limit on the left, -alpha.

    Parameters
    ----------
    alpha : float > 0
    """
    return builtin("elu").replace(alpha=alpha)
