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
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from backstory.data.target import Target
from backstory.data.wording import listed
from backstory.errors import ConfigurationError, DataError
from backstory.estimators.base import BaseMLP, is_stochastic
from backstory.estimators.heads import Head, gives_probabilities, head_for_classes
from backstory.functions import Values
from backstory.training.trainer import Data

Array = NDArray[Any]


def _has_probabilities(classifier: Any) -> bool:
    if not gives_probabilities(classifier.loss, classifier.output_activation):
        raise AttributeError(
            "The outputs of this loss and output activation are no probabilities; decision_function has them."
        )
    return True


def _has_decisions(classifier: Any) -> bool:
    return not gives_probabilities(classifier.loss, classifier.output_activation)


class MLPClassifier(ClassifierMixin, BaseMLP):  # type: ignore[misc]  # scikit-learn is untyped
    """A multi-layer perceptron for classes: cross-entropy, or another loss, minimized by any optimizer.

    Every parameter of scikit-learn 1.9's class is here with its name, meaning and default; those after `max_fun` are
    additions, and some take more values than there. The same `random_state` gives the same first weights and the same
    held-out rows as there, but another order of the rows in each epoch.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int >= 1, or int
        Units of each hidden layer; ``()`` makes a linear model.
    activation : str, Activation, or a list with one per hidden layer
        Scikit-learn's "identity", "logistic", "tanh" and "relu", any other of the library's ("gelu", "silu", ...), or
        an object such as ``Activation("sine", "sin(2*z)")``. All have scikit-learn's first weights (below, Notes).
    solver : str, Optimizer or LBFGS
        Scikit-learn's "adam", "sgd" and "lbfgs" go by the parameters below. Another optimizer's name ("adamw", "lion",
        "rmsprop", ...) takes its rate from `learning_rate_init`; an object, ``AdamW(Cosine(1e-3))``, takes nothing.
    alpha : float >= 0
        Strength of scikit-learn's L2 penalty: the loss of a batch carries alpha/2 times all squared weights, divided by
        the batch's rows (by the sum of their sample weights), also where the last batch of an epoch is shorter. Its
        effect therefore depends on the batch size. For a penalty that does not depend on batches, see `penalty`.
    batch_size : int >= 1, "auto" or "even"
        Rows per step; "auto" is 200, at most all rows; "even" is at most 256, all batches about the same size. Not used
        by L-BFGS.
    learning_rate : {"constant", "invscaling", "adaptive"}, or a schedule
        For "sgd". "invscaling": ``learning_rate_init / (t_ + 1)**power_t`` from epoch to epoch. "adaptive": a fifth
        whenever nothing has improved for `n_iter_no_change` epochs, down to 1e-6. A schedule such as
        ``Cosine(1e-3, warmup=100)`` takes the place of `learning_rate_init` for any solver that is a name; those laid
        out over a run end at `max_iter` epochs.
    learning_rate_init : float > 0
    power_t : float >= 0
        For "invscaling".
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
        Watch the score of a validation set instead of the training loss, and keep the best weights: of X_val where
        `fit` is given one, else of `validation_fraction` of the rows, held out. Not for L-BFGS.
    validation_fraction : float in [0, 1)
    beta_1, beta_2 : float in [0, 1)
        For Adam.
    epsilon : float > 0
        For Adam, added to the root of the second moment before that is corrected, as in scikit-learn: `Adam`'s
        `epsilon_hat`.
    n_iter_no_change : int >= 1, or infinity
        With infinity and `early_stopping` all epochs are trained and the best is kept: of those with equal scores the
        one with the least loss.
    max_fun : int >= 1
        Evaluations of the loss, at most, by L-BFGS.
    loss : str or Loss
        "log_loss" is cross-entropy (binary for two classes and for labels). Any other of the library's ("hinge",
        "squared_error", ``CrossEntropy(label_smoothing=0.1)``, ...) or one of your own: targets are 1 for a row's class
        and 0 for others (-1 for hinge).
    output_activation : str or Activation, optional
        By default the one that fits loss and classes: "softmax" for classes that exclude one another, "sigmoid" for
        two classes, for labels and with binary cross-entropy, "identity" for hinge.
    dropout : float in [0, 1), or one per hidden layer
        The share of hidden units left out of each row of each step.
    penalty : Penalty or str, optional
        Takes the place of `alpha`: for example ``L2(1e-4)``, which adds 1e-4/2 times all squared weights to the loss
        whatever the batch size.
    class_weight : dict of class to weight, or "balanced", optional
        Multiplies the sample weights; "balanced" gives each class the same sum.
    callbacks : function of an Event, EveryEpoch, EverySteps, or a list of them, optional
        Training stops when one returns True. What they write into the network's weights counts.
    progress : bool, optional
        Whether a bar is shown; None: only on a terminal and in notebooks.
    threads : int, optional
        At most so many; by default as many as the machine allows, and one where joblib, Dask or multiprocessing run
        several fits beside each other. The result is the same for any number.
    encode : bool
        Whether columns are encoded as `bs.train` encodes them (`table_` has it): numbers by median and quartiles,
        pressed smoothly into ±3, texts and yes/no one-hot, missing values named as such. X may then be a frame of mixed
        columns. Trained in float32.
    initializer : str, Initializer, or one per layer, optional
        First weights other than scikit-learn's, such as "lecun_normal"; biases then begin at 0.
    embedding, scaling, parametric, parametrization, rates, decays
        As for `Network` and its `fit`. With `encode`, ``Periodic()`` embeds the columns of numbers.
    standardize_units : bool
        Whether first weights are fitted to the rows, as `Network.standardize_units` does.
    refit : bool or int
        Whether rows held out by `early_stopping` are learned from after all: trained a second time on all rows, from
        the same first weights, for as many epochs as were best before (of those at whose end the learning rate was
        low, where it goes up and down). A number means so for at most so many rows. Curves, scores and `n_iter_` are
        those of the first time; callbacks are not called the second. Without `early_stopping`, with `X_val`, or where
        the loss of the rows held out was more than 30 % above the best epoch's by then, there is no second.
    members : int >= 1
        Networks, from seeds of their own, each on a thread of its own; what is predicted is their mean. `networks_` has
        all; `network_`, curves and questions such as `explain` are of the first.

    Attributes
    ----------
    network_ : Network
        The fitted network, with everything that a `Network` can do.
    networks_ : tuple of Network
        All members.
    table_ : Table
        The encoding of columns, with `encode`.
    classes_ : ndarray (n_classes,)
    coefs_, intercepts_ : list of ndarray
        Weights (n_in, n_out) and biases (n_out,) of each layer, views of the network's.
    loss_, loss_curve_ : float, list of float
        The loss of the last epoch, and of each: the mean of the batches' losses as they were met, by the weight of
        their rows (scikit-learn's is by their number), plus the penalty at the epoch's end. L-BFGS keeps no curve.
    best_loss_ : float or None
        The least of the curve; None with early stopping.
    validation_loss_curve_ : list of float, or None
        The loss on the validation set, penalty included, after each epoch; None where there is no such set.
    validation_scores_, best_validation_score_ : list of float, float; or None
        Accuracy there after each epoch (not for L-BFGS), and the highest.
    converged_ : bool
        Whether training ended because nothing improved, or the gradient was small, before `max_iter`.
    n_iter_, t_ : int
        Epochs of the last fit; rows visited in all.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where X has names.
    n_layers_, n_outputs_, out_activation_
        Layers with inputs and outputs; outputs; scikit-learn's name of their activation.

    Notes
    -----
    First weights and biases are uniform within sqrt(6/(n_in + n_out)), or sqrt(2/...) for logistic units, as in
    scikit-learn. A change of the rate leaves the velocity of "sgd" alone, as there; schedules and optimizer objects
    follow PyTorch's form, where the rate multiplies the velocity too.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier((16,), solver="lbfgs", random_state=0, tol=1e-3).fit(X, y)
    >>> classifier.score(X, y) > 0.97
    True

    A validation set of one's own, another loss, and where a prediction comes from:

    >>> smooth = MLPClassifier((16, 8), activation=["tanh", "gelu"], loss="squared_error", random_state=0, max_iter=500)
    >>> smooth = smooth.set_params(solver="adamw", learning_rate_init=0.02, early_stopping=True)
    >>> smooth = smooth.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    >>> smooth.best_validation_score_ > 0.9, len(smooth.validation_loss_curve_) == smooth.n_iter_
    (True, True)
    >>> smooth.explain("da3[0]/dx[2]", X[0]).value < 0  # a longer petal, less of a setosa
    True
    """

    _y_rules = {"multi_output": True}  # noqa: RUF012 - scikit-learn's words to itself

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 1e-4,
        batch_size: int | str = "auto",
        learning_rate: Any = "constant",
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
        loss: Any = "log_loss",
        output_activation: Any = None,
        dropout: Any = 0.0,
        penalty: Any = None,
        class_weight: Any = None,
        callbacks: Any = None,
        progress: bool | None = False,
        threads: int | None = None,
        encode: bool = False,
        initializer: Any = None,
        embedding: Any = None,
        scaling: bool = False,
        parametric: bool = False,
        parametrization: str = "standard",
        standardize_units: bool = False,
        rates: Any = None,
        decays: Any = None,
        refit: bool | int = False,
        members: int = 1,
    ) -> None:
        self._keep(locals())

    def _aim(self) -> Target | None:
        one_class = not self._labels.y_type_.startswith("multilabel")
        return Target("y", tuple(self.classes_.tolist())) if one_class else None

    def _for_members(self, y: Array) -> Array:
        return y

    def _data(self, X: Array, y: Array, sample_weight: Any, goes_on: bool, incremental: bool) -> Data:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        _require_classes(y)
        self._learn_classes(y, goes_on, incremental)
        weight = self._weights(sample_weight, X)
        if self.class_weight is not None:
            by_class = self._class_weights(y)
            weight = self._weights(by_class if weight is None else weight * by_class, X)
        return Data(X, self._targets(y, X.dtype), weight)

    def _targets(self, y: Array, dtype: Any) -> Array:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y)
        self._check_known(unique_labels(y))
        head = self._head(y)
        if head.loss.name == "cross_entropy":
            return np.asarray(np.searchsorted(self.classes_, y))
        if head.n_out == 2 and self._labels.y_type_ == "binary":
            marks = np.eye(2)[np.searchsorted(self.classes_, y)]
        else:
            marks = self._labels.transform(y)
        low = -1.0 if isinstance(head.loss.targets, Values) else 0.0
        return np.where(marks > 0, 1.0, low).astype(dtype)

    def _class_weights(self, y: Array) -> Array:
        """What `class_weight` multiplies each row's weight by, (n,)."""
        given = self.class_weight
        if not (isinstance(given, dict | list) or (isinstance(given, str) and given == "balanced")):
            raise ConfigurationError(
                "The 'class_weight' parameter of MLPClassifier must be 'balanced', a dict of class to weight (a list "
                f"of them for several labels), or None. Got {given!r}."
            )
        if isinstance(given, dict) and y.ndim == 1:  # rows of partial_fit need not have all classes
            known = self.classes_.tolist()
            strange = [label for label in given if label not in known]
            if strange and len(given) - len(strange) < len(known):
                raise ConfigurationError(
                    "The 'class_weight' parameter of MLPClassifier must have classes of y as its keys. "
                    f"Got {strange[0]!r}; y has {listed(known)}."
                )
            given = {label: given.get(label, 1.0) for label in known}
        return np.asarray(compute_sample_weight(given, y))

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
        self._check_known(found)

    def _check_known(self, found: Array) -> None:
        if len(np.setdiff1d(found, self.classes_)):
            raise DataError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {found}. "
                "Name all classes in the first call of partial_fit, and leave rows of others out."
            )

    @available_if(is_stochastic)  # type: ignore[untyped-decorator]  # scikit-learn is untyped
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        classes: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> MLPClassifier:
        """Train for one epoch on the given rows, going on from where training stopped.

        Parameters
        ----------
        X : array_like or sparse matrix (n, n_features)
        y : array_like (n,), or (n, n_labels) of 0 and 1
        sample_weight : array_like (n,), optional
        classes : array_like (n_classes,)
            All classes there will ever be; needed in the first call.
        X_val, y_val, sample_weight_val : as for `fit`, optional

        Returns
        -------
        self

        Notes
        -----
        With `early_stopping` a call is an epoch: after it the score is taken on X_val, or on `validation_fraction` of
        the rows given, the same ones whenever the same rows come again. Once it has not improved for more than
        `n_iter_no_change` calls, `converged_` is True, the best weights are put back, and further calls change nothing.
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
        self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), incremental=True)
        return self

    def predict(self, X: Any) -> Array:
        """The most probable class of each row (n,); for several labels at once 0 and 1 (n, n_labels)."""
        outputs = self._outputs(X)
        if self._one_of_several(outputs):
            return np.asarray(self.classes_[outputs.argmax(axis=1)])
        return np.asarray(self._labels.inverse_transform(outputs, threshold=self._threshold))

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]  # scikit-learn is untyped
    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, in the order of `classes_`, (n, n_classes).

        Not there for losses whose outputs are none, such as hinge; `decision_function` then is. Where each of several
        classes has a probability of its own (binary cross-entropy), they are divided by their sum.
        """
        outputs = self._outputs(X)
        if outputs.shape[1] == 1:
            return np.hstack([1 - outputs, outputs])
        if self._labels.y_type_ != "multiclass" or self.network_.spec.output.couples:
            return outputs
        total = outputs.sum(axis=1, keepdims=True)
        evenly = np.full_like(outputs, 1 / outputs.shape[1])
        return np.asarray(np.divide(outputs, total, out=evenly, where=total > 0))

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]  # scikit-learn is untyped
    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of `predict_proba`, (n, n_classes)."""
        with np.errstate(divide="ignore"):  # a probability may have rounded to 0
            return np.asarray(np.log(self.predict_proba(X)))

    @available_if(_has_decisions)  # type: ignore[untyped-decorator]  # scikit-learn is untyped
    def decision_function(self, X: Any) -> Array:
        """The outputs, where they are no probabilities: (n,) for two classes, else (n, n_classes)."""
        outputs = self._outputs(X)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def _exported_classes(self) -> tuple[Any, ...] | None:
        output, several = self.network_.spec.output, self._labels.y_type_ == "multiclass"
        alone = several and not output.couples  # a class has the largest of outputs that are each of its own
        known = not alone and gives_probabilities(self.loss, self.output_activation)
        return tuple(self.classes_.tolist()) if known else None

    def _head(self, y: Array) -> Head:
        return head_for_classes(self.loss, self.output_activation, self._labels.y_type_, len(self.classes_))

    def _strata(self, y: Array) -> Array | None:
        if y.ndim == 2:
            return y > 0.5 if y.shape[1] == 1 else None
        return y if len(self.classes_) == 2 else None

    @property
    def _threshold(self) -> float:
        return 0.0 if isinstance(self.network_.spec.loss.targets, Values) else 0.5

    def _one_of_several(self, outputs: Array) -> bool:
        return outputs.shape[1] > 1 and not self._labels.y_type_.startswith("multilabel")

    def _outputs_score(self, y: Array, outputs: Array, sample_weight: Array | None) -> float:
        if self._one_of_several(outputs):
            right = outputs.argmax(axis=1) == (y if y.ndim == 1 else y.argmax(axis=1))
        else:
            right = ((outputs > self._threshold) == (y > self._threshold)).all(axis=1)
        return float(np.average(right, weights=sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _require_classes(y: Array) -> None:
    """Raise DataError where y is no set of classes."""
    if type_of_target(y) == "multiclass-multioutput":
        raise DataError(
            "y must be one column of classes, or columns of 0 and 1. Got several columns of several classes; wrap the "
            "classifier in sklearn.multioutput.MultiOutputClassifier, which fits one for each."
        )
    try:
        check_classification_targets(y)
    except ValueError as error:
        raise DataError(str(error)) from None
