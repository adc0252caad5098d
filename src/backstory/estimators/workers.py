"""How many threads a fit may use beside others of its kind, so that parallel searches do not fight for processors."""

from __future__ import annotations

import multiprocessing
import threading
from typing import Any


def fair_threads(threads: Any) -> int | None:
    """The argument; by default one for a task that joblib runs beside others, else what the machine allows (None).

    Worker processes of joblib's loky backend, of Dask and of Ray have OMP_NUM_THREADS set to their share, which the
    engine goes by. Where nothing is set, as in threads of one process and in pools of `multiprocessing`, it is 1.
    """
    if threads is not None:
        return threads  # type: ignore[no-any-return]  # Network checks it
    if multiprocessing.current_process().daemon:
        return 1
    if threading.current_thread() is threading.main_thread():
        return None
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend()
    return 1 if (backend.nesting_level or 0) > 0 else None
