"""A search over networks on a cluster: scikit-learn's own, under joblib's Dask backend.

Run it with the extra ``parallel``: python examples/search.py [ADDRESS]

ADDRESS is that of a Dask scheduler (``dask scheduler`` on one machine, ``dask worker tcp://...`` on the others);
without one, two workers are started here. Under Ray it is the same search: call ``ray.util.joblib.register_ray()`` and
name the backend ``"ray"``. Every fit uses its share of its machine's processors.
"""

from __future__ import annotations

import contextlib
import sys

import joblib
from distributed import Client, LocalCluster
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from backstory import MLPClassifier

CHOICES = {
    "mlpclassifier__hidden_layer_sizes": [(8,), (32,), (16, 16)],
    "mlpclassifier__alpha": [1e-4, 1e-1],
}


def search(client: Client) -> GridSearchCV:
    """Look through the choices on the client's cluster."""
    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(
        StandardScaler(), MLPClassifier(learning_rate_init=0.01, max_iter=60, early_stopping=True, random_state=0)
    )
    found = GridSearchCV(model, CHOICES, cv=3)
    with joblib.parallel_config(backend="dask", client=client):
        return found.fit(X, y)


def main() -> None:
    """Search on the scheduler that the command line names, or on two workers of this machine's."""
    with contextlib.ExitStack() as stack:
        if len(sys.argv) > 1:
            where = sys.argv[1]
        else:
            where = stack.enter_context(LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0"))
        found = search(stack.enter_context(Client(where)))
    for choice, score in zip(found.cv_results_["params"], found.cv_results_["mean_test_score"], strict=True):
        print(f"{score:.4f}  {choice}")
    print(f"best: {found.best_params_}, accuracy {found.best_score_:.4f}")


if __name__ == "__main__":
    main()
