"""scikit-learn's `MLPClassifier` and `MLPRegressor` as a network, and their words for its parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from backstory.errors import ConfigurationError
from backstory.functions import Loss, Penalty
from backstory.functions import activation as find_activation
from backstory.functions import loss as find_loss
from backstory.interop.chain import Apply, Dense, trained
from backstory.interop.trained import Trained

HIDDEN = {"identity": "identity", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
"""scikit-learn's name of a hidden activation -> the row's."""
OUTPUTS = {"identity": "identity", "logistic": "sigmoid", "softmax": "softmax", "exp": "exp"}
"""Its `out_activation_` -> the row's name."""
HALF_MEAN = Loss("half_mean_squared_error", "1/2*(a - y)^2/n_out", derivative="(a - y)/n_out")
"""Its loss for several outputs: half the mean over them."""


def is_scikit(subject: Any) -> bool:
    """Whether it is one of scikit-learn's networks, asked without loading scikit-learn."""
    names = {(each.__module__.partition(".")[0], each.__name__) for each in type(subject).__mro__}
    return ("sklearn", "BaseMultilayerPerceptron") in names


def loss_of(out_activation: str, n_out: int) -> Loss:
    """The loss that an estimator with such outputs reports."""
    if out_activation == "identity":
        return find_loss("half_squared_error") if n_out == 1 else HALF_MEAN
    return find_loss({"logistic": "binary_cross_entropy", "softmax": "cross_entropy", "exp": "poisson"}[out_activation])


def from_scikit(estimator: Any, *, loss: str | Loss | None = None, penalty: Penalty | None = None) -> Trained:
    """Read a fitted estimator; see `backstory.from_sklearn`."""
    if not is_scikit(estimator):
        raise ConfigurationError(
            "from_sklearn takes scikit-learn's MLPClassifier or MLPRegressor (of a pipeline its last step: "
            f"pipeline[-1]). Got {type(estimator).__name__}."
        )
    if not hasattr(estimator, "coefs_"):
        raise ConfigurationError(f"from_sklearn takes a fitted estimator. Call fit of this {type(estimator).__name__}.")
    steps: list[Dense | Apply] = []
    arrays = list(zip(estimator.coefs_, estimator.intercepts_, strict=True))
    for index, (W, b) in enumerate(arrays):
        name = OUTPUTS[estimator.out_activation_] if index == len(arrays) - 1 else HIDDEN[estimator.activation]
        steps += [Dense(f"coefs_[{index}]", np.asarray(W), np.asarray(b)), Apply(name, find_activation(name))]
    own = loss_of(estimator.out_activation_, arrays[-1][0].shape[1])
    classes = tuple(np.asarray(estimator.classes_).tolist()) if hasattr(estimator, "classes_") else None
    return trained(steps, loss=own if loss is None else loss, penalty=penalty, classes=classes)
