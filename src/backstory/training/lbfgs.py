"""L-BFGS on the whole data set: SciPy chooses the steps, the engine supplies loss and gradient."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from backstory.engine.contract import Array, Failure
from backstory.engine.reference import free_mask, layer_norms
from backstory.errors import ConfigurationError
from backstory.training.history import Epoch, History
from backstory.training.optimizers import LBFGS
from backstory.training.trainer import Trainer, divergence


def check_options(trainer: Trainer) -> None:
    """Raise ConfigurationError for what only step-by-step optimizers can do."""
    o = trainer.options
    refused = {
        "dropout": any(o.dropout),
        "clip": o.clip_norm is not None or o.clip_value is not None,
        "EverySteps callbacks": bool(o.per_steps),
        "penalty_rows": o.penalty_rows is not None,
        "checkpoint": o.checkpoint is not None,
        "rates": bool(o.rates),
        "decays": bool(o.decays),
    }
    for name, asked in refused.items():
        if asked:
            raise ConfigurationError(
                f"LBFGS works on the whole data set with line searches, so {name} cannot be used with it. "
                "Leave it out, or use Adam or SGD."
            )


def run(trainer: Trainer, optimizer: LBFGS) -> History:
    """Minimize the trainer's loss; its parameters hold each iteration's weights as they come.

    The options must have passed `check_options`. Where a callback writes into the parameters, the search starts anew
    from what it wrote.
    """
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    options, parameters = trainer.options, trainer.parameters
    history = trainer.history
    free = free_mask(trainer.spec, options.frozen)
    started = time.perf_counter()
    latest: dict[str, Any] = {}

    def loss_and_gradient(theta: Array) -> tuple[float, Array]:
        candidate = parameters.copy()
        candidate[free] = theta
        loss, gradient = trainer.loss_and_gradient(candidate)
        latest.setdefault("first", loss)
        latest["gradient"] = gradient
        return loss, gradient[free].astype(np.float64)

    def after_iteration(intermediate_result: Any) -> None:
        with trainer.memory.turns.writing():
            parameters[free] = intermediate_result.x
        loss = float(intermediate_result.fun)
        validation_loss, metrics = trainer.validate()
        norms = np.array(layer_norms(trainer.spec, latest["gradient"]))
        seconds = time.perf_counter() - started
        trainer.note(Epoch(loss, validation_loss, metrics, norms, 1.0, seconds))
        trainer.steps_done += 1
        reached = parameters.copy()
        latest["stops"] = trainer.stops()
        latest["rewritten"] = not np.array_equal(parameters, reached)
        if latest["stops"] or latest["rewritten"]:
            raise StopIteration

    def search() -> Any:
        return minimize(
            loss_and_gradient,
            parameters[free].astype(np.float64),
            jac=True,
            method="L-BFGS-B",
            callback=after_iteration,
            options={
                "maxiter": options.epochs - len(history),
                "maxcor": optimizer.memory,
                "gtol": optimizer.tolerance,
                "ftol": optimizer.least_reduction,
                "maxfun": optimizer.max_evaluations,
            },
        )

    with threadpool_limits(limits=1, user_api="blas"):  # the same bits for any number of threads, and nobody spins
        result = search()
        while latest.pop("rewritten", False) and not latest["stops"] and len(history) < options.epochs:
            result = search()
    if not np.isfinite(latest["first"]) or not np.isfinite(result.fun):
        raise divergence(Failure(0, "loss", 0, -1), trainer.steps_done + 1, len(history) + 1, None, history)
    if history.stopped == "epochs" and result.status == 0:
        history.stopped = "converged"
    trainer.keep_best()
    return history
