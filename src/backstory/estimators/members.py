"""Ensembles: the mean of several networks, each trained from a seed of its own on a thread of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sklearn.base import clone
from sklearn.utils import check_random_state

from backstory.errors import ConfigurationError
from backstory.estimators.workers import fair_threads
from backstory.model.network import read_threads

_OWN = ("n_features_in_", "feature_names_in_")


def fit_members(estimator: Any, X: Any, y: Any, sample_weight: Any, own: tuple[Any, Any, Any]) -> None:
    """Fit the networks of an estimator with several members; what is kept of each epoch is the first one's.

    Each member has first weights, orders and held-out rows of its own, drawn from `random_state`. The result is the
    same for any number of threads.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
    X, y, sample_weight
        As for its `fit`.
    own : tuple
        A validation set of the user's own, or None three times.

    Raises
    ------
    ConfigurationError
        With warm_start, as members begin anew.
    """
    if estimator.warm_start:
        raise ConfigurationError(
            f"warm_start goes on with one network. Got members={estimator.members}; set members=1."
        )
    rows, y = estimator._validated(X, y, reset=True)
    estimator._data(rows, y, sample_weight, False, False)  # learns the classes, or the targets' scale
    own = own if own[0] is None or own[1] is None else _encoded(estimator, own, rows.dtype)
    given = {"members": 1, "encode": False, "threads": 1, "embedding": estimator._embedded()}
    given |= {"bounded": False} if hasattr(estimator, "bounded") else {}
    seeds = check_random_state(estimator.random_state).randint(2**31 - 1, size=estimator.members)
    members = [clone(estimator).set_params(**given, random_state=int(seed)) for seed in seeds]
    named = dict(zip(("X_val", "y_val", "sample_weight_val"), own, strict=True))
    workers = min(len(members), read_threads(fair_threads(estimator.threads)))
    with ThreadPoolExecutor(workers) as pool:
        runs = [pool.submit(member.fit, rows, estimator._for_members(y), sample_weight, **named) for member in members]
        try:
            fitted = [run.result() for run in runs]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    _keep(estimator, fitted)


def _encoded(estimator: Any, own: tuple[Any, Any, Any], dtype: Any) -> tuple[Any, Any, Any]:
    rows, y = estimator._validated(own[0], own[1], reset=False, dtype=dtype)
    return rows, estimator._for_members(y), own[2]


def _keep(estimator: Any, fitted: list[Any]) -> None:
    """Give the estimator its members' networks, and the record of the first."""
    parameters = estimator.get_params(deep=False)
    for name, value in vars(fitted[0]).items():
        if name not in parameters and name not in _OWN and not name.startswith("_aim"):
            setattr(estimator, name, value)
    estimator.networks_ = tuple(member.network_ for member in fitted)
    estimator._give_table()
