"""How many threads a fit may use beside others of its kind, so that parallel searches do not fight for processors."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from typing import Any


def fair_threads(threads: Any) -> int | None:
    """The argument; by default 1 for a task that runs beside others in this process, else what the machine allows.

    The latter is None, and the engine's to find out: it goes by OMP_NUM_THREADS, which joblib's loky backend, Dask and
    Ray set in their worker processes to a task's share. Where nothing is set, in threads of joblib or Dask within one
    process and in pools of `multiprocessing`, it is 1.
    """
    if threads is not None:
        return threads  # type: ignore[no-any-return]  # Network checks it
    if multiprocessing.current_process().daemon:
        return 1
    if threading.current_thread() is threading.main_thread():
        return None
    return 1 if _is_task_of_joblib() or _is_task_of_dask() else None


def _is_task_of_joblib() -> bool:
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend()
    return (backend.nesting_level or 0) > 0


def _is_task_of_dask() -> bool:
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return False
    try:
        distributed.get_worker()
    except ValueError:  # this thread runs none of its tasks
        return False
    return True
