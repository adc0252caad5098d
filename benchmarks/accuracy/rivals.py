"""The contenders for the best answers on tables: each library's best network and boosted trees, with their defaults.

What is not installed takes no part. Each gets the raw rows in the form that its own guide asks for: texts as pandas
categories, and the median where one has no place for a missing number.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd

import backstory as bs
from backstory.model.recipe import Tabular
from benchmarks.accuracy.contenders import Answers, Neighbor, raw, trees
from benchmarks.accuracy.sets import Opened, Rows

MEMBERS = 8

Fit = Callable[[Opened, Rows, Rows, int], Answers]


@dataclass(frozen=True)
class Rival:
    """Who takes part: what is called, the distribution whose version its results hang on, and what it needs."""

    fit: Fit
    distribution: str
    needs: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """Of the distribution; of ours, what it trains by."""
        if self.distribution != "backstory":
            return metadata.version(self.distribution)
        return hashlib.sha256(repr(Tabular()).encode()).hexdigest()[:12]

    @property
    def there(self) -> bool:
        """Whether it can be run here."""
        return all(find_spec(name) is not None for name in self.needs)


def threads() -> int:
    """How many threads each contender may use, as the command line said."""
    return int(os.environ.get("OMP_NUM_THREADS", "1"))


def frames(table: Opened, *, filled: bool) -> pd.DataFrame:
    """The inputs, texts as categories; numbers missing are their median where `filled`."""
    X, texts, numbers = raw(table)
    X = X.astype(dict.fromkeys(texts, str)).astype(dict.fromkeys(texts, "category"))
    return X.assign(**{name: X[name].fillna(X[name].median()) for name in numbers}) if filled else X


def encoded(table: Opened) -> tuple[Any, Callable[[Any], Answers]]:
    """The target as libraries take it (classes as integers), and what makes answers of theirs."""
    if table.set.task == "number":
        return table.labels.astype(np.float64), lambda found: np.asarray(found, dtype=np.float64).reshape(-1)
    classes, y = np.unique(table.labels, return_inverse=True)
    return y, lambda found: classes[np.asarray(found).astype(np.int64).reshape(-1)]


def of_pytabkit(name: str) -> Fit:
    """A class of pytabkit (RealMLP_TD, TabM_D), which holds a fifth of the training rows out for itself."""

    def fit(table: Opened, train: Rows, test: Rows, seed: int) -> Answers:
        import pytabkit

        kind = getattr(pytabkit, f"{name}_{'Classifier' if table.set.task == 'classes' else 'Regressor'}")
        X, (y, answers) = frames(table, filled=True), encoded(table)
        model = kind(random_state=seed, device="cpu", n_threads=threads(), verbosity=0)
        return answers(model.fit(X.iloc[train], y[train]).predict(X.iloc[test]))

    return fit


def lightgbm(table: Opened, train: Rows, test: Rows, seed: int) -> Answers:
    """LightGBM's defaults, told of the categories."""
    import lightgbm

    kind = lightgbm.LGBMClassifier if table.set.task == "classes" else lightgbm.LGBMRegressor
    X, (y, answers) = frames(table, filled=False), encoded(table)
    X.columns = [f"x{place}" for place in range(X.shape[1])]  # it refuses some characters in names
    model = kind(random_state=seed, n_jobs=threads(), verbose=-1)
    return answers(model.fit(X.iloc[train], y[train]).predict(X.iloc[test]))


def catboost(table: Opened, train: Rows, test: Rows, seed: int) -> Answers:
    """CatBoost's defaults, told of the categories."""
    import catboost

    kind = catboost.CatBoostClassifier if table.set.task == "classes" else catboost.CatBoostRegressor
    X, (y, answers) = frames(table, filled=False), encoded(table)
    texts = list(X.select_dtypes("category").columns)
    model = kind(random_seed=seed, thread_count=threads(), verbose=False, allow_writing_files=False, cat_features=texts)
    return answers(model.fit(X.iloc[train], y[train]).predict(X.iloc[test]))


def ours(members: int) -> Fit:
    """`MLPClassifier.tabular()` or `MLPRegressor.tabular()`, the mean of so many networks, on the raw columns."""

    def fit(table: Opened, train: Rows, test: Rows, seed: int) -> Answers:
        kind = bs.MLPClassifier if table.set.task == "classes" else bs.MLPRegressor
        (X, *_), (y, answers) = raw(table), encoded(table)
        model = kind.tabular(members=members, random_state=seed, threads=threads())
        return answers(model.fit(X.iloc[train], y[train]).predict(X.iloc[test]))

    return fit


OURS, SEVERAL, THEIRS = "backstory", "backstory × 8", "RealMLP-TD"
RIVALS: Mapping[str, Rival] = {
    OURS: Rival(ours(1), "backstory"),
    SEVERAL: Rival(ours(MEMBERS), "backstory"),
    THEIRS: Rival(of_pytabkit("RealMLP_TD"), "pytabkit", ("pytabkit", "torch")),
    "TabM": Rival(of_pytabkit("TabM_D"), "pytabkit", ("pytabkit", "torch")),
    "CatBoost": Rival(catboost, "catboost", ("catboost",)),
    "LightGBM": Rival(lightgbm, "lightgbm", ("lightgbm",)),
    "HistGradientBoosting": Rival(trees, "scikit-learn"),
    "scikit-learn's MLP": Rival(Neighbor(standardized=True), "scikit-learn"),
}
