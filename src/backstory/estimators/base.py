"""What both estimators share: from validated arrays to a trained `Network`, and scikit-learn's fitted attributes."""

from __future__ import annotations

import dataclasses
import os
from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from backstory.data.arrays import row_weights
from backstory.errors import ConfigurationError, DataError, DivergenceError
from backstory.estimators import translation
from backstory.estimators.asking import Asking
from backstory.estimators.encoding import Encoding
from backstory.estimators.fitting import Fitting, warn
from backstory.estimators.heads import Head
from backstory.estimators.members import fit_members
from backstory.estimators.parameters import check_parameters
from backstory.estimators.rows import dense_parts
from backstory.estimators.workers import fair_threads
from backstory.interop.from_scikit import OUTPUTS
from backstory.model.network import Network
from backstory.training.trainer import Data

Array = NDArray[Any]

NAMES = {row: name for name, row in OUTPUTS.items()}
"""The row of an output activation -> scikit-learn's name, as in `out_activation_`."""


class NotFiniteError(DivergenceError, ValueError):
    """A `DivergenceError` that is a ValueError too, as what scikit-learn's own estimators raise is."""

    @classmethod
    def of(cls, error: DivergenceError) -> NotFiniteError:
        """The same news, opened by scikit-learn's sentence."""
        place = {name: getattr(error, name) for name in ("step", "epoch", "layer", "row", "quantity", "history")}
        return cls(
            "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
            f"preprocessed. {error}",
            **place,
        )


class BaseMLP(Encoding, Asking, Fitting):
    """The shared part; a subclass says what targets, outputs, loss and score are.

    `network_` is the fitted `Network`; `coefs_` and `intercepts_` are its weights and biases.
    """

    network_: Network
    networks_: tuple[Network, ...]
    _y_rules: dict[str, Any]

    @classmethod
    def tabular(cls, **parameters: Any) -> Any:
        """Make an estimator with the parameters of the recipe for tables; see `backstory.model.recipe.Tabular`.

        Raw columns are encoded (numbers by median and quartiles, texts one-hot, missing values named as such), a fifth
        of the rows is held out, and of all epochs the best is kept; where there are at most 4000 rows, a second
        training on all of them follows.

        Parameters
        ----------
        **parameters
            Take the place of the recipe's: ``tabular(members=8, random_state=0)``.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from backstory import MLPClassifier
        >>> X, y = load_iris(return_X_y=True, as_frame=True)
        >>> classifier = MLPClassifier.tabular(max_iter=64, random_state=0).fit(X, y)
        >>> classifier.score(X, y) > 0.95, classifier.table_.features[0]
        (True, 'sepal length (cm)')
        """
        from backstory.estimators.tabular import tabular_parameters

        return cls(**{**tabular_parameters(cls), **parameters})

    def _keep(self, given: dict[str, Any]) -> None:
        """Keep the arguments of `__init__` under their names, untouched, as scikit-learn asks."""
        for name, value in given.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        format: str | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        """Write the fitted network for other programs: ONNX, C, Python and others; see `Network.export`.

        A classifier's ONNX graph gives "label" and "probabilities" as `predict` and `predict_proba` do, where outputs
        are probabilities of single classes. Rows are given as `fit` takes them, but dense.
        """
        from backstory.interop.export import export

        self._require_exportable()
        trained = dataclasses.replace(self._fitted("export")._exported(dtype), classes=self._exported_classes())
        export(trained, path, format, name)

    def _exported_classes(self) -> tuple[Any, ...] | None:
        """What outputs stand for, where `Network.export` reads them as this estimator does."""
        return None

    @property
    def coefs_(self) -> list[Array]:
        """The weights, one (n_in, n_out) per layer: views, which may be written into."""
        return list(self._fitted("coefs_").weights)

    @property
    def intercepts_(self) -> list[Array]:
        """The biases, one (n_out,) per layer: views, which may be written into."""
        return list(self._fitted("intercepts_").biases)

    @property
    def n_layers_(self) -> int:
        """Layers, inputs and outputs counted."""
        return len(self._fitted("n_layers_").spec.sizes)

    @property
    def n_outputs_(self) -> int:
        """Outputs of the network: one for two classes."""
        return self._fitted("n_outputs_").spec.n_out

    @property
    def out_activation_(self) -> str:
        """Scikit-learn's name of the output activation."""
        name = self._fitted("out_activation_").spec.output.name
        return NAMES.get(name, name)

    def _fitted(self, attribute: str) -> Network:
        if "network_" not in vars(self):
            raise AttributeError(f"{type(self).__name__} has {attribute!r} once it is fitted; call fit first.")
        return self.network_

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Any:
        """Train on all rows until convergence, or for `max_iter` epochs.

        Parameters
        ----------
        X : array_like, frame or sparse matrix (n, n_features)
            Trained on in its own dtype, float32 or float64. The engine has no sparse form: sparse rows are made dense,
            all of them, for as long as training lasts (`predict` takes them part by part).
        y : array_like (n,) or (n, n_outputs)
        sample_weight : array_like (n,), optional
        X_val, y_val : as X and y, optional
            A validation set of your own, under the names that scikit-learn's HistGradientBoosting gives it: loss and
            score are taken on it after each epoch. With `early_stopping` it is watched in place of held-out rows.
        sample_weight_val : array_like (n_val,), optional
            Of its rows, which `class_weight` leaves alone.

        Returns
        -------
        self

        Raises
        ------
        ConfigurationError, DataError
            A parameter outside its domain, or rows that do not fit; both are ValueErrors.
        DivergenceError
            A number became NaN or infinite; also a ValueError. The last good weights stay. With early stopping the
            best epoch's weights are kept instead, and a ConvergenceWarning says so.

        Warns
        -----
        ConvergenceWarning
            `max_iter` was reached first.
        """
        check_parameters(self)
        own = (X_val, y_val, sample_weight_val)
        if self.members > 1:
            fit_members(self, X, y, sample_weight, own)
        else:
            self._fit(X, y, sample_weight, own, incremental=False)
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any, own: tuple[Any, Any, Any], *, incremental: bool) -> None:
        check_parameters(self)
        if incremental and self.members > 1:
            raise ConfigurationError(
                f"partial_fit trains one network. Got members={self.members}; set members=1, or use fit."
            )
        if incremental and self.early_stopping and vars(self).get("_ended", False):
            warn(
                "Early stopping has ended training, and the best weights are kept: partial_fit changes nothing any "
                "more. Set early_stopping=False to go on.",
                ConvergenceWarning,
            )
            return
        old = self.network_ if "network_" in vars(self) and (self.warm_start or incremental) else None
        X, y = self._validated(X, y, reset=old is None)
        data = self._data(X, y, sample_weight, old is not None, incremental)
        validation = self._own_validation(*own, dtype=data.X.dtype)
        goes_on = incremental and old is not None and old._memory.optimizer is not None
        random = None if goes_on else check_random_state(self.random_state)
        network = translation.network(self, data, self._head(data.y), random, old, keeps_state=incremental)
        self.networks_ = (network,)
        self._give_table()
        if old is None:
            self.t_ = 0
        self.n_iter_, self._ended = 0, False
        try:
            if translation.is_lbfgs(self):
                self._train_at_once(network, data, validation)
            else:
                self._train_by_epochs(network, data, validation, random, old is None, incremental)
        except DivergenceError as error:
            raise NotFiniteError.of(error) from error

    def _own_validation(self, X: Any, y: Any, sample_weight: Any, *, dtype: Any) -> Data | None:
        """The validation set that was given, as the network takes it."""
        if X is None and y is None and sample_weight is None:
            return None
        if X is None or y is None:
            given = [name for name, value in (("X_val", X), ("y_val", y)) if value is not None]
            raise DataError(
                "A validation set is X_val and y_val together, with or without sample_weight_val. "
                f"Got {given[0] if given else 'sample_weight_val'} alone."
            )
        X, y = self._validated(X, y, reset=False, dtype=dtype)
        return Data(X, self._targets(y, dtype), self._weights(sample_weight, X))

    def _audited(self, X: Any, y: Any, sample_weight: Any) -> tuple[Network, Array, Array, Array | None]:
        """A network and its rows as `audit` asks for them: the fitted one, or one with the first weights of `fit`."""
        fitted = "network_" in vars(self)
        check_parameters(self)
        twin = self if fitted else clone(self)
        X, y = twin._validated(X, y, reset=not fitted, dtype=np.float64)
        data = twin._data(X, y, sample_weight, fitted, False)
        old = self.network_ if fitted else None
        random = None if fitted else check_random_state(self.random_state)
        network = translation.network(twin, data, twin._head(data.y), random, old, keeps_state=False)
        return network, data.X, data.y, data.sample_weight

    def _outputs(self, X: Any) -> Array:
        """The network's outputs for raw rows, the mean of all members'."""
        check_is_fitted(self)
        X, threads = self._validated_rows(X), fair_threads(self.threads)
        parts = [mean([net.predict(part, threads=threads) for net in self.networks_]) for part in dense_parts(X)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _give_table(self) -> None:
        """Let networks know the encoding, where a `Table` says all of what they are given and give."""
        aim = self._aim() if self.encode else None
        if aim is None:
            return
        self.table_ = dataclasses.replace(self.table_, aim=aim)
        for net in self.networks_:
            if net.spec.n_out == (1 if aim.classes is None else len(aim.classes)):
                net.table, net.classes = self.table_, None if aim.classes is None else list(aim.classes)

    def _require_exportable(self) -> None:
        """Raise where the network alone is not what `predict` computes."""
        net = self._fitted("export")
        if len(self.networks_) > 1:
            raise ConfigurationError(
                f"export writes one network, and this estimator is the mean of {len(self.networks_)}. Export each of "
                "networks_, or fit with members=1."
            )
        if net.table is None and (self.encode or vars(self).get("bounded", False)):
            raise ConfigurationError(
                "export writes encoded columns where there is one target, and for classes an output each. Use "
                "loss=CrossEntropy() for two classes, an estimator per target, or network_.export for the network."
            )

    def _weights(self, sample_weight: Any, X: Array) -> Array | None:
        return None if sample_weight is None else row_weights(sample_weight, len(X), X.dtype.name)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @abstractmethod
    def _data(self, X: Array, y: Array, sample_weight: Any, goes_on: bool, incremental: bool) -> Data:
        """The rows as the network takes them."""

    @abstractmethod
    def _for_members(self, y: Array) -> Array:
        """Targets as the members of an ensemble take them, which encode nothing."""

    @abstractmethod
    def _targets(self, y: Array, dtype: Any) -> Array:
        """Targets as the network takes them, of validated ones."""

    @abstractmethod
    def _head(self, y: Array) -> Head:
        """The end of the network, for targets as it takes them."""


def mean(outputs: list[Array]) -> Array:
    """The mean of several networks' outputs; of one as they are."""
    if len(outputs) == 1:
        return outputs[0]
    return np.asarray(np.mean(outputs, axis=0, dtype=np.float64)).astype(outputs[0].dtype)


def is_stochastic(estimator: Any) -> bool:
    """Whether `partial_fit` exists: L-BFGS has no single steps.

    Raises
    ------
    AttributeError
        The solver is L-BFGS.
    """
    if translation.is_lbfgs(estimator):
        raise AttributeError("partial_fit is only available for stochastic optimizers. lbfgs is not stochastic.")
    return True
