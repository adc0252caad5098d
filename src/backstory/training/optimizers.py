"""The optimizers: one row each, its update written as formulas for one parameter w with gradient g.

The reference engine evaluates the formulas, explanations print them, and the native engine holds the one permitted
second writing. Names the formulas may use are listed in `backstory.engine.contract.UpdateRule`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from functools import cache
from numbers import Real
from typing import ClassVar

from backstory.engine.contract import UpdateRule
from backstory.errors import ConfigurationError
from backstory.expressions import parse_assignments
from backstory.training.schedules import ConstantRate, Schedule, count, fraction, not_negative, positive

_parse = cache(parse_assignments)


@dataclass(frozen=True)
class Optimizer:
    """What all optimizers share: a learning rate, which may be a schedule, and an update rule.

    Parameters
    ----------
    learning_rate : float > 0, or a schedule
        For example ``0.1`` or ``Cosine(1e-3, warmup=100)``.
    """

    learning_rate: float | Schedule = 1e-3

    formulas: ClassVar[str] = ""
    slots: ClassVar[dict[str, float]] = {}
    whole_gradient: ClassVar[bool] = False
    paper: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if isinstance(self.learning_rate, float | int) or not isinstance(self.learning_rate, Schedule):
            positive(type(self).__name__, learning_rate=self.learning_rate)
        self.check()

    def check(self) -> None:
        """Raise ConfigurationError for a field outside its domain."""

    @property
    def schedule(self) -> Schedule:
        """The learning rate as a schedule."""
        rate = self.learning_rate
        if isinstance(rate, float | int) or not isinstance(rate, Schedule):
            return ConstantRate(float(rate))
        return rate

    @property
    def decay_schedule(self) -> Schedule | None:
        """The schedule of the weight decay, where it follows one."""
        decay = getattr(self, "weight_decay", 0.0)
        return None if isinstance(decay, float | int) or not isinstance(decay, Schedule) else decay

    def rule(self) -> UpdateRule:
        """The update as the engines see it; a weight decay on a schedule as the rate that this is built around."""
        given = {part.name: getattr(self, part.name) for part in fields(self) if part.name != "learning_rate"}
        decay = self.decay_schedule
        constants = {
            name: float(decay.rate if decay is not None and name == "weight_decay" else value)
            for name, value in given.items()
        }
        return UpdateRule(
            name=type(self).__name__.lower(),
            assignments=_parse(self.rule_text()),
            constants=constants,
            slots=self.rule_slots(),
            weight_decay=constants.get("weight_decay", 0.0),
            whole_gradient=self.whole_gradient,
        )

    def rule_text(self) -> str:
        """The formulas in force, one ``name = formula`` per line."""
        return self.formulas

    def rule_slots(self) -> dict[str, float]:
        """The state arrays in force with their initial values."""
        return dict(self.slots)


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent, plain, with momentum, or with Nesterov's momentum: ``w <- w - learning_rate * g``.

    Parameters
    ----------
    learning_rate : float > 0, or a schedule
    momentum : float in [0, 1)
        ``m <- momentum * m + g`` takes the place of g.
    nesterov : bool
        ``g + momentum * m`` takes the place of m.
    weight_decay : float >= 0, or a schedule
        Decoupled: weights (not biases) shrink by learning_rate * weight_decay of themselves.

    References
    ----------
    Rumelhart, Hinton & Williams, Nature 323 (1986), equations 8-9; Sutskever et al., ICML 2013 (Nesterov), in the form
    that PyTorch uses, where the rate multiplies the momentum too.

    Examples
    --------
    >>> SGD(0.5).rule().name
    'sgd'
    """

    learning_rate: float | Schedule = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float | Schedule = 0.0
    paper: ClassVar[str] = "Rumelhart, Hinton & Williams 1986, eq. 8-9; Sutskever et al. 2013"

    def check(self) -> None:
        fraction("SGD", momentum=self.momentum)
        _decay("SGD", self.weight_decay)
        if self.nesterov and not self.momentum:
            raise ConfigurationError("SGD with nesterov=True needs momentum > 0. Got momentum=0; try momentum=0.9.")

    def rule_slots(self) -> dict[str, float]:
        return {"m": 0.0} if self.momentum else {}

    def rule_text(self) -> str:
        shrink = "w = w - learning_rate*decay*w\n"
        if not self.momentum:
            return shrink + "w = w - learning_rate*g"
        direction = "g + momentum*m" if self.nesterov else "m"
        return f"m = momentum*m + g\n{shrink}w = w - learning_rate*({direction})"


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Each parameter's rate falls with the sum of its squared gradients.

    Parameters
    ----------
    learning_rate : float > 0, or a schedule
    epsilon : float > 0

    References
    ----------
    Duchi, Hazan & Singer, JMLR 12 (2011), the diagonal form; epsilon outside the root as in PyTorch.
    """

    learning_rate: float | Schedule = 0.01
    epsilon: float = 1e-10
    formulas: ClassVar[str] = "v = v + g^2\nw = w - learning_rate*g/(sqrt(v) + epsilon)"
    slots: ClassVar[dict[str, float]] = {"v": 0.0}
    paper: ClassVar[str] = "Duchi, Hazan & Singer 2011"

    def check(self) -> None:
        positive("Adagrad", epsilon=self.epsilon)


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """The gradient divided by the root of its running mean square.

    Parameters
    ----------
    learning_rate : float > 0, or a schedule
    rho : float in [0, 1)
        Memory of the mean square.
    epsilon : float > 0
    momentum : float in [0, 1)

    References
    ----------
    Tieleman & Hinton, Coursera "Neural networks for machine learning", lecture 6.5 (2012).
    """

    learning_rate: float | Schedule = 1e-3
    rho: float = 0.9
    epsilon: float = 1e-8
    momentum: float = 0.0
    paper: ClassVar[str] = "Tieleman & Hinton 2012, lecture 6.5"

    def check(self) -> None:
        fraction("RMSProp", rho=self.rho, momentum=self.momentum)
        positive("RMSProp", epsilon=self.epsilon)

    def rule_slots(self) -> dict[str, float]:
        return {"v": 0.0, "m": 0.0} if self.momentum else {"v": 0.0}

    def rule_text(self) -> str:
        mean_square = "v = rho*v + (1 - rho)*g^2\n"
        if not self.momentum:
            return mean_square + "w = w - learning_rate*(g/(sqrt(v) + epsilon))"
        return mean_square + "m = momentum*m + g/(sqrt(v) + epsilon)\nw = w - learning_rate*m"


def _decay(owner: str, value: float | Schedule) -> None:
    """Raise ConfigurationError unless a weight decay is a finite number >= 0, or a schedule."""
    if isinstance(value, float | int) or not isinstance(value, Schedule):
        not_negative(owner, weight_decay=value)


_MEANS = "m = beta1*m + (1 - beta1)*g\nv = beta2*v + (1 - beta2)*g^2\n"
_ADAM = _MEANS + "w = w - learning_rate*(m/(1 - beta1^t))/(sqrt(v/(1 - beta2^t)) + epsilon)"
_ADAM_HAT = _MEANS + "w = w - learning_rate*sqrt(1 - beta2^t)/(1 - beta1^t)*m/(sqrt(v) + epsilon)"


@dataclass(frozen=True)
class Adam(Optimizer):
    """Running means of the gradient and of its square, corrected for their start at zero.

    Parameters
    ----------
    learning_rate : float > 0, or a schedule
    beta1, beta2 : float in [0, 1)
        Memory of the two means.
    epsilon : float > 0
    epsilon_hat : bool
        Epsilon is added to the root of v as it is, before v is corrected, as scikit-learn and TensorFlow do; the paper
        calls it epsilon hat there. It is as if epsilon were larger by 1 / sqrt(1 - beta2^t) at step t.

    References
    ----------
    Kingma & Ba, "Adam", ICLR 2015, algorithm 1; the end of section 2 for `epsilon_hat`.

    Examples
    --------
    >>> print(Adam(epsilon_hat=True).rule_text().splitlines()[-1])
    w = w - learning_rate*sqrt(1 - beta2^t)/(1 - beta1^t)*m/(sqrt(v) + epsilon)
    """

    learning_rate: float | Schedule = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    epsilon_hat: bool = field(default=False, kw_only=True)
    formulas: ClassVar[str] = _ADAM
    slots: ClassVar[dict[str, float]] = {"m": 0.0, "v": 0.0}
    paper: ClassVar[str] = "Kingma & Ba 2015, algorithm 1"

    def check(self) -> None:
        fraction(type(self).__name__, beta1=self.beta1, beta2=self.beta2)
        positive(type(self).__name__, epsilon=self.epsilon)

    def rule_text(self) -> str:
        return self.formulas.replace(_ADAM, _ADAM_HAT) if self.epsilon_hat else self.formulas


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay: weights (not biases) first shrink by learning_rate * weight_decay.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon, epsilon_hat
        As for `Adam`.
    weight_decay : float >= 0, or a schedule
        For example ``FlatCos(0.02)``.

    References
    ----------
    Loshchilov & Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2, with the decay multiplied by
    the learning rate as in PyTorch.
    """

    weight_decay: float | Schedule = 0.01
    formulas: ClassVar[str] = "w = w - learning_rate*decay*w\n" + _ADAM
    paper: ClassVar[str] = "Loshchilov & Hutter 2019, algorithm 2"

    def check(self) -> None:
        super().check()
        _decay("AdamW", self.weight_decay)


@dataclass(frozen=True)
class Lion(Optimizer):
    """The sign of an interpolated momentum: every parameter moves by the same amount.

    Parameters
    ----------
    learning_rate : float > 0, or a schedule
    beta1, beta2 : float in [0, 1)
    weight_decay : float >= 0, or a schedule
        Decoupled, weights only.

    References
    ----------
    Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023, algorithm 2.
    """

    learning_rate: float | Schedule = 1e-4
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float | Schedule = 0.0
    formulas: ClassVar[str] = """\
w = w - learning_rate*(sign(beta1*m + (1 - beta1)*g) + decay*w)
m = beta2*m + (1 - beta2)*g"""
    slots: ClassVar[dict[str, float]] = {"m": 0.0}
    paper: ClassVar[str] = "Chen et al. 2023, algorithm 2"

    def check(self) -> None:
        fraction("Lion", beta1=self.beta1, beta2=self.beta2)
        _decay("Lion", self.weight_decay)


@dataclass(frozen=True)
class Rprop(Optimizer):
    """Resilient propagation (iRprop-): a step size per parameter, grown while the gradient keeps its sign.

    Meant for full batches; on mini-batches the sign of the gradient is noise.

    Parameters
    ----------
    learning_rate : float > 0
        The step every parameter starts with; of a schedule, the rate it is built around.
    eta_minus : float in (0, 1)
    eta_plus : float > 1
    step_min, step_max : float > 0

    References
    ----------
    Riedmiller & Braun, ICNN 1993; Igel & Huesken 2000 (iRprop-: after a change of sign the parameter rests one step).
    """

    learning_rate: float | Schedule = 0.01
    eta_minus: float = 0.5
    eta_plus: float = 1.2
    step_min: float = 1e-6
    step_max: float = 50.0
    formulas: ClassVar[str] = """\
k = sign(g)*sign(p)
s = where(k > 0, min(s*eta_plus, step_max), where(k < 0, max(s*eta_minus, step_min), s))
q = where(k < 0, 0, g)
w = w - sign(q)*s
p = q"""
    slots: ClassVar[dict[str, float]] = {"p": 0.0, "s": math.nan}
    paper: ClassVar[str] = "Riedmiller & Braun 1993; Igel & Huesken 2000"

    def check(self) -> None:
        positive(
            "Rprop", eta_minus=self.eta_minus, eta_plus=self.eta_plus, step_min=self.step_min, step_max=self.step_max
        )
        if self.step_min > self.step_max:
            raise ConfigurationError(f"Rprop needs step_min <= step_max. Got {self.step_min!r} and {self.step_max!r}.")
        if not self.eta_minus < 1 < self.eta_plus:
            raise ConfigurationError(
                f"Rprop needs eta_minus < 1 < eta_plus. Got {self.eta_minus!r} and {self.eta_plus!r}."
            )

    def rule_slots(self) -> dict[str, float]:
        return {"p": 0.0, "s": float(self.schedule.rate)}


@dataclass(frozen=True)
class Polyak(Optimizer):
    """The step that would reach the least possible loss if the loss were linear: rate = (L - minimum) / |g|^2.

    It is the many-parameter form of the quotient rule (see `Quotient`).

    Parameters
    ----------
    learning_rate : float > 0, or a schedule
        Scale on the step; 1 is Polyak's own.
    minimum : float
        The least value that the loss can take.
    max_rate : float > 0
        The rate never exceeds it.

    References
    ----------
    Polyak, "Minimization of unsmooth functionals", 1969, equation 4; the bound as in Loizou et al., AISTATS 2021.
    """

    learning_rate: float | Schedule = 1.0
    minimum: float = 0.0
    max_rate: float = 1.0
    formulas: ClassVar[str] = """\
rate = where(gradient_norm_squared > 0, learning_rate*(loss - minimum)/gradient_norm_squared, 0)
w = w - min(rate, max_rate)*g"""
    whole_gradient: ClassVar[bool] = True
    paper: ClassVar[str] = "Polyak 1969, eq. 4; Loizou et al. 2021"

    def check(self) -> None:
        positive("Polyak", max_rate=self.max_rate)
        if not (isinstance(self.minimum, Real) and math.isfinite(self.minimum)):
            raise ConfigurationError(
                f"The 'minimum' parameter of Polyak must be a finite number. Got {self.minimum!r}."
            )


@dataclass(frozen=True)
class Quotient(Optimizer):
    """The quotient rule ``dw = -learning_rate * C / g``, wherever |g| > floor * max|g|; other parameters rest.

    A learner's text states the update as cost divided by the product of the downstream factors, without the minus that
    makes the cost fall. With one parameter it is a Newton step towards zero cost, not gradient descent; with n
    parameters each step alone would remove the whole cost, so together they overshoot n-fold. `Polyak` is the cure.

    Parameters
    ----------
    learning_rate : float > 0, or a schedule
        1 aims at zero cost when there is one parameter.
    floor : float in [0, 1)
        Guards against division by (almost) zero.

    Examples
    --------
    >>> Quotient(0.1).rule().whole_gradient
    True
    """

    learning_rate: float | Schedule = 0.1
    floor: float = 1e-8
    formulas: ClassVar[str] = "w = w - where(abs(g) > floor*gradient_max, learning_rate*loss/g, 0)"
    whole_gradient: ClassVar[bool] = True
    paper: ClassVar[str] = "the quotient form of the update in a learner's text"

    def check(self) -> None:
        fraction("Quotient", floor=self.floor)


@dataclass(frozen=True)
class LBFGS:
    """Limited-memory BFGS on the whole data set, by SciPy's L-BFGS-B; one epoch is one iteration with a line search.

    Parameters
    ----------
    memory : int >= 1
        Pairs of past steps and gradient changes kept.
    tolerance : float >= 0
        Stops when the largest gradient component falls below it.
    max_evaluations : int >= 1
        Bound on evaluations of loss and gradient.
    least_reduction : float >= 0
        Stops when an iteration lowers the loss by less than this share of it.

    References
    ----------
    Liu & Nocedal, Math. Programming 45 (1989); Zhu, Byrd, Lu & Nocedal, ACM TOMS 23 (1997), algorithm 778.
    """

    memory: int = 10
    tolerance: float = 1e-5
    max_evaluations: int = 15000
    least_reduction: float = 64 * 2.0**-52
    paper: ClassVar[str] = "Liu & Nocedal 1989; Zhu, Byrd, Lu & Nocedal 1997"

    def __post_init__(self) -> None:
        count("LBFGS", memory=self.memory, max_evaluations=self.max_evaluations)
        not_negative("LBFGS", tolerance=self.tolerance, least_reduction=self.least_reduction)


OPTIMIZERS: dict[str, type[Optimizer] | type[LBFGS]] = {
    "sgd": SGD,
    "adagrad": Adagrad,
    "rmsprop": RMSProp,
    "adam": Adam,
    "adamw": AdamW,
    "lion": Lion,
    "rprop": Rprop,
    "polyak": Polyak,
    "quotient": Quotient,
    "lbfgs": LBFGS,
}
"""Optimizers by the name that the command line takes."""
