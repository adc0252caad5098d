"""What a fitted estimator can be asked about its gradients, in the terms of its own data: labels, names of columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from backstory.errors import DataError
from backstory.estimators.rows import dense
from backstory.model.columns import by_number, with_columns
from backstory.model.network import Network

if TYPE_CHECKING:
    from backstory.checking.verdict import Verdict
    from backstory.model.flow import GradientFlow, SampleGradients
    from backstory.story.story import Story

Array = NDArray[Any]
_OF_OUTPUTS = re.compile(r"\s*(?:d|∂)\s*[az]\d")


class Asking:
    """The questions of `Network`, asked with rows, labels and columns as `fit` takes them."""

    encode: bool
    network_: Network
    table_: Any

    def explain(
        self,
        quantity: str,
        X: Any,
        y: Any = None,
        *,
        row: int | None = None,
        optimizer: Any = None,
        stale: bool = False,
    ) -> Story:
        """Tell where one derivative comes from, in symbols, formulas and numbers: of the loss, or of a prediction.

        Parameters
        ----------
        quantity : str
            ``"w1[2->0]"`` for the loss by a weight; ``"da2[0]/dx[3]"`` for an output by an input. Where `fit` saw
            names of columns, ``x[petal length]`` is the input of that name. With two classes ``a2[0]`` is the
            probability of ``classes_[1]``; else the outputs are in the order of `classes_`.
        X : array_like or frame (n, n_features), or (n_features,) for one row
        y : array_like (n,) or (n, n_outputs), or the target of the one row, optional
            Labels or numbers, as for `fit`. Not needed for derivatives of outputs.
        row, optimizer, stale
            As for `Network.explain`.

        Returns
        -------
        Story

        Raises
        ------
        ExpressionError, ConfigurationError, DataError
            The quantity cannot be read, or there is no such weight or unit or column; y is missing.

        Examples
        --------
        >>> from backstory import MLPClassifier
        >>> X = np.array([[0.0, 1.0], [1.0, 0.0]])
        >>> classifier = MLPClassifier(3, solver="lbfgs", random_state=0).fit(X, ["no", "yes"])
        >>> classifier.explain("w1[0->2]", X, ["no", "yes"]).path_count
        1
        >>> step = X[1] + [1e-6, 0]
        >>> slope = (classifier.predict_proba([step]) - classifier.predict_proba(X[1:]))[0, 1] / 1e-6
        >>> bool(abs(classifier.explain("da2[0]/dx[0]", X[1]).value - slope) < 1e-4)
        True
        """
        if y is None and not _OF_OUTPUTS.match(quantity):
            raise DataError(
                f"explain needs y for {quantity!r}, a derivative of the loss. Give y, or ask for an output, such as "
                "'da2[0]/dx[0]'."
            )
        rows, targets = self._asked(X, y)
        names = list(self.table_.input_names if self.encode else getattr(self, "feature_names_in_", ()))
        story = self.network_.explain(
            by_number(quantity, names), rows, targets, row=row, optimizer=optimizer, stale=stale
        )
        told = story.remarks or not names  # a network with a table has told it
        return story if told else with_columns(story, names, weighted=self.network_.spec.front is None)

    def check(self, equation: str, X: Any = None, y: Any = None) -> Verdict:
        """Judge an equation about the fitted network; see `Network.check`.

        Parameters
        ----------
        equation : str
        X, y : one row and its target, as for `fit`, optional
            For which numbers are shown.
        """
        check_is_fitted(self)
        if X is None and y is None:
            return self.network_.check(equation)
        if X is None or y is None:
            raise DataError("check takes X and y together: one row and its target. Got only one of them.")
        rows, targets = self._asked(X, y)
        if len(rows) != 1:
            raise DataError(f"check shows the numbers of one row. Got {len(rows)} rows.")
        aims = np.eye(self.network_.spec.n_out)[targets] if targets.ndim == 1 else targets
        return self.network_.check(equation, rows[0], aims[0])

    def gradient_flow(self, X: Any, y: Any) -> GradientFlow:
        """Follow the gradient back through the layers; see `Network.gradient_flow`. X and y are as for `fit`."""
        rows, targets = self._asked(X, y)
        return self.network_.gradient_flow(rows, targets)

    def sample_gradients(self, X: Any, y: Any, weight: str) -> SampleGradients:
        """Say which rows push a parameter; see `Network.sample_gradients`. X and y are as for `fit`."""
        rows, targets = self._asked(X, y)
        return self.network_.sample_gradients(rows, targets, weight)

    def _asked(self, X: Any, y: Any) -> tuple[Array, Array]:
        """Rows and targets as the network takes them; without y, targets that suit its loss."""
        check_is_fitted(self)
        if not hasattr(X, "columns") and not hasattr(X, "toarray") and np.ndim(X) == 1:
            # the network checks it; a row alone has no names to compare
            rows = self._validated_rows(np.asarray(X)[None]) if self.encode else np.asarray(X, dtype=np.float64)[None]
            aims = None if y is None else np.asarray(y)[None]
        elif y is None:
            rows, aims = dense(self._validated_rows(X, np.float64)), None
        else:
            rows, aims = self._validated(X, y, reset=False, dtype=np.float64)
        if aims is not None:
            return rows, self._targets(aims, np.float64)
        of_classes = self.network_.spec.loss.name == "cross_entropy"
        return rows, np.zeros(len(rows), np.int64) if of_classes else np.ones((len(rows), self.network_.spec.n_out))

    def _validated(self, X: Any, y: Any, *, reset: bool, dtype: Any = None) -> tuple[Array, Array]:
        raise NotImplementedError

    def _validated_rows(self, X: Any, dtype: Any = None) -> Any:
        raise NotImplementedError

    def _targets(self, y: Array, dtype: Any) -> Array:
        raise NotImplementedError
