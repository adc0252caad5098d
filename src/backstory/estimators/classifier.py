"""`MLPClassifier`: classes in, probabilities out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels

from backstory.errors import ConfigurationError, DataError
from backstory.estimators.base import BaseMLP, is_stochastic
from backstory.functions import Loss
from backstory.training.trainer import Data

Array = NDArray[Any]


class MLPClassifier(ClassifierMixin, BaseMLP):  # type: ignore[misc]  # scikit-learn is untyped
    """A multi-layer perceptron for classes: cross-entropy, minimized by SGD, Adam or L-BFGS.

    Every parameter of scikit-learn 1.9's class is here with its name, meaning and default; those after `max_fun` are
    additions. The same `random_state` gives the same first weights and the same held-out rows as there, but another
    order of the rows in each epoch.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int >= 1, or int
        Units of each hidden layer; ``()`` makes a linear model.
    activation : {"identity", "logistic", "tanh", "relu"}
        Of the hidden layers.
    solver : {"adam", "sgd", "lbfgs"}
    alpha : float >= 0
        Strength of scikit-learn's L2 penalty: the loss of a batch carries alpha/2 times all squared weights, divided by
        the batch's rows (by the sum of their sample weights), also where the last batch of an epoch is shorter. Its
        effect therefore depends on the batch size. For a penalty that does not depend on batches, see `penalty`.
    batch_size : int >= 1, or "auto"
        Rows per step; "auto" is 200, at most all rows. Not used by L-BFGS.
    learning_rate : {"constant", "invscaling", "adaptive"}
        For SGD. "invscaling": ``learning_rate_init / (t_ + 1)**power_t`` from epoch to epoch. "adaptive": a fifth
        whenever nothing has improved for `n_iter_no_change` epochs, down to 1e-6.
    learning_rate_init : float > 0
    power_t : float >= 0
    max_iter : int >= 1
        Epochs at most; iterations of L-BFGS.
    shuffle : bool
        Whether each epoch draws a new order of the rows.
    random_state : int, RandomState or None
        For first weights, order, held-out rows and dropout.
    tol : float >= 0
        Training ends when loss (or score) has not improved by `tol` for more than `n_iter_no_change` epochs in a row;
        L-BFGS ends when the largest component of the gradient falls below it.
    verbose : bool or int
        Whether each epoch prints a line.
    warm_start : bool
        Whether `fit` goes on from the present weights.
    momentum : float in [0, 1)
        For SGD. Scikit-learn also allows 1, with which nothing converges.
    nesterovs_momentum : bool
    early_stopping : bool
        Hold `validation_fraction` of the rows out, watch their score instead of the loss, keep the best weights.
    validation_fraction : float in [0, 1)
    beta_1, beta_2 : float in [0, 1)
        For Adam.
    epsilon : float > 0
        For Adam, added to the root of the corrected second moment, as in the paper's algorithm 1; scikit-learn adds it
        before the correction.
    n_iter_no_change : int >= 1, or infinity
    max_fun : int >= 1
        Evaluations of the loss, at most, by L-BFGS.
    dropout : float in [0, 1), or one per hidden layer
        The share of hidden units left out of each row of each step.
    penalty : Penalty or str, optional
        Takes the place of `alpha`: for example ``L2(1e-4)``, which adds 1e-4/2 times all squared weights to the loss
        whatever the batch size.
    threads : int, optional
        At most so many; by default as many as the machine allows. The result is the same for any number.
    class_weight : dict of class to weight, or "balanced", optional
        Multiplies the sample weights; "balanced" gives each class the same sum.

    Attributes
    ----------
    network_ : Network
        The fitted network, with everything that a `Network` can do.
    classes_ : ndarray (n_classes,)
    coefs_, intercepts_ : list of ndarray
        Weights (n_in, n_out) and biases (n_out,) of each layer, views of the network's.
    loss_, loss_curve_ : float, list of float
        The loss of the last epoch, and of each: the batches' losses as they were met, plus the penalty at the epoch's
        end. L-BFGS keeps no curve.
    best_loss_ : float or None
        The least of the curve; None with early stopping.
    validation_scores_, best_validation_score_ : list of float, float; or None
        Accuracy on the held-out rows after each epoch, with early stopping.
    n_iter_, t_ : int
        Epochs of the last fit; rows visited in all.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X has names.
    n_layers_, n_outputs_, out_activation_
        Layers with inputs and outputs; outputs; scikit-learn's name of their activation.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier((16,), solver="lbfgs", random_state=0, tol=1e-3).fit(X, y)
    >>> classifier.score(X, y) > 0.97
    True
    """

    _y_rules = {"multi_output": True}  # noqa: RUF012 - scikit-learn's words to itself

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 1e-4,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: Any = 0.0,
        penalty: Any = None,
        threads: int | None = None,
        class_weight: Any = None,
    ) -> None:
        self._keep(locals())

    def _data(self, X: Array, y: Array, sample_weight: Any, goes_on: bool, incremental: bool) -> Data:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        self._learn_classes(y, goes_on, incremental)
        weight = self._weights(sample_weight, X)
        if self.class_weight is not None:
            by_class = compute_sample_weight(self.class_weight, y)
            weight = self._weights(by_class if weight is None else weight * by_class, X)
        if self._labels.y_type_ == "multiclass":
            return Data(X, np.searchsorted(self.classes_, y), weight)
        return Data(X, self._labels.transform(y).astype(X.dtype), weight)

    def _learn_classes(self, y: Array, goes_on: bool, incremental: bool) -> None:
        """Take the classes from y, or make sure that y has none but the known ones."""
        if incremental and isinstance(self.class_weight, str):
            raise ConfigurationError(
                "class_weight='balanced' cannot be used with partial_fit, which sees some rows only. "
                "Pass a dict, for example from sklearn.utils.class_weight.compute_class_weight."
            )
        if not goes_on and not incremental:
            self._labels = LabelBinarizer().fit(y)
            self.classes_ = self._labels.classes_
            return
        found = unique_labels(y)
        if self.warm_start and not incremental and set(found) != set(self.classes_):
            raise DataError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes_}, `y` has {found}."
            )
        if len(np.setdiff1d(found, self.classes_)):
            raise DataError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {found}. "
                "Name all classes in the first call of partial_fit."
            )

    @available_if(is_stochastic)  # type: ignore[untyped-decorator]  # scikit-learn is untyped
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> MLPClassifier:
        """Train for one epoch on the given rows, going on from where training stopped.

        Parameters
        ----------
        X : array_like or sparse matrix (n, n_features)
        y : array_like (n,), or (n, n_labels) of 0 and 1
        sample_weight : array_like (n,), optional
        classes : array_like (n_classes,)
            All classes there will ever be; needed in the first call.

        Returns
        -------
        self
        """
        if not hasattr(self, "classes_"):
            if classes is None:
                raise DataError(
                    "classes must be passed on the first call to partial_fit, as later rows may have others. "
                    "For example np.unique(all_y)."
                )
            self._labels = LabelBinarizer().fit(y if type_of_target(y).startswith("multilabel") else classes)
            self.classes_ = self._labels.classes_
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise DataError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {self.classes_!r}. "
                "Leave it out, or make a new estimator."
            )
        self._fit(X, y, sample_weight, incremental=True)
        return self

    def predict(self, X: Any) -> Array:
        """The most probable class of each row (n,); for several labels at once 0 and 1 (n, n_labels)."""
        outputs = self._outputs(X)
        return np.asarray(self._labels.inverse_transform(outputs))

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, in the order of `classes_`, (n, n_classes)."""
        outputs = self._outputs(X)
        return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of `predict_proba`, (n, n_classes)."""
        with np.errstate(divide="ignore"):  # a probability may have rounded to 0
            return np.log(self.predict_proba(X))

    def _head(self, y: Array) -> tuple[int, str, str | Loss]:
        if y.ndim == 1:
            return len(self.classes_), "softmax", "cross_entropy"
        return y.shape[1], "sigmoid", "binary_cross_entropy"

    def _strata(self, y: Array) -> Array | None:
        return y > 0.5 if y.ndim == 2 and y.shape[1] == 1 else None

    def _outputs_score(self, y: Array, outputs: Array, sample_weight: Array | None) -> float:
        right = outputs.argmax(axis=1) == y if y.ndim == 1 else ((outputs > 0.5) == (y > 0.5)).all(axis=1)
        return float(np.average(right, weights=sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
