"""Who takes part: each is trained on some rows of a frame and says what the target of others is."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import backstory as bs
from backstory.model.recipe import Recipe, Tabular
from benchmarks.accuracy.sets import Opened, Rows

Answers = NDArray[Any]
Contender = Callable[[Opened, Rows, Rows, int], Answers]
"""(table, rows to train on, rows to measure on, seed) -> what is answered for the latter."""


@dataclass(frozen=True)
class Ours:
    """`bs.train` on the raw columns, as it comes or by the plain recipe; one thread."""

    recipe: Recipe | Tabular

    def __call__(self, table: Opened, train: Rows, test: Rows, seed: int) -> Answers:
        set, plain = table.set, isinstance(self.recipe, Recipe)
        rows = table.frame.take(train)
        net = bs.train(rows, set.target, task=set.task, seed=seed, plain=plain, threads=1, progress=False)
        assert net.table is not None
        asked = table.frame.take(test)
        return net.table.answers(net.predict(net.table.inputs(asked), threads=1))


@dataclass(frozen=True)
class Neighbor:
    """scikit-learn's MLP with its defaults: categories one-hot, medians filled in, numbers standardized or raw."""

    standardized: bool

    def __call__(self, table: Opened, train: Rows, test: Rows, seed: int) -> Answers:
        from sklearn.compose import make_column_transformer
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.impute import SimpleImputer
        from sklearn.neural_network import MLPClassifier, MLPRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        X, texts, numbers = raw(table)
        scaled = StandardScaler() if self.standardized else "passthrough"
        encoder = make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
            (make_pipeline(SimpleImputer(strategy="median"), scaled), numbers),
        )
        estimator = MLPClassifier if table.set.task == "classes" else MLPRegressor
        model = make_pipeline(encoder, estimator(random_state=seed))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # its defaults end after 200 epochs
            warnings.simplefilter("ignore", RuntimeWarning)  # unstandardized inputs overflow in places
            model.fit(X.iloc[train], table.labels[train])
        return np.asarray(model.predict(X.iloc[test]))


def trees(table: Opened, train: Rows, test: Rows, seed: int) -> Answers:
    """scikit-learn's gradient-boosted trees with their defaults, told which columns are categories."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    X, texts, _ = raw(table)
    X = X.astype(dict.fromkeys(texts, "category"))
    boosting = HistGradientBoostingClassifier if table.set.task == "classes" else HistGradientBoostingRegressor
    model = boosting(random_state=seed, categorical_features="from_dtype")
    return np.asarray(model.fit(X.iloc[train], table.labels[train]).predict(X.iloc[test]))


def raw(table: Opened) -> tuple[Any, list[str], list[str]]:
    """The inputs as a pandas frame, and which of its columns hold texts and which numbers."""
    X = table.frame.data.to_pandas().drop(columns=table.set.target)
    texts = list(X.select_dtypes(exclude="number").columns)
    return X, texts, [name for name in X if name not in texts]


CONTENDERS: Mapping[str, Contender] = {
    "backstory": Ours(Tabular()),
    "backstory, plain": Ours(Recipe()),
    "MLP, standardized": Neighbor(standardized=True),
    "MLP, raw": Neighbor(standardized=False),
    "HistGradientBoosting": trees,
}
