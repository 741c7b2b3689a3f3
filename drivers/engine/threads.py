"""The threads that commands run on: ``NNHAL_CPU_THREADS`` of them, by default one a core up to 4."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from drivers.engine import native
from hal.errors import BadDataError

_DEFAULT_MOST = 4


def count() -> int:
    """How many threads an execution uses; ``BadDataError`` when NNHAL_CPU_THREADS is not a number from 1 to 256."""
    text = os.environ.get("NNHAL_CPU_THREADS")
    if text is None:
        return min(len(os.sched_getaffinity(0)), _DEFAULT_MOST)
    if not text.isdecimal() or not 1 <= int(text) <= 256:
        raise BadDataError(f"NNHAL_CPU_THREADS is '{text}'; it must be a whole number from 1 to 256")
    return int(text)


class Threads:
    """The calling thread and ``number`` - 1 others, which sleep between jobs. ``address``: of the walker's pool."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._pool = np.zeros(8, np.int64)
        self.address = self._pool.ctypes.data
        self._run = native.function("drivers.engine.walker", "run", 3)
        serve = native.function("drivers.engine.walker", "serve", 3) if number > 1 else None
        for index in range(1, number):
            # The thread holds the pool's words: it looks at them for as long as the process lives.
            threading.Thread(target=_serve, args=(serve, self._pool, index, number), daemon=True).start()

    def run(self, job: int) -> None:
        """Walk the job at this address: on all threads, or on the caller's alone while others use them."""
        self._run(self.address, job, self.number)


def _serve(serve: Callable[[int, int, int], int], pool: NDArray[np.int64], index: int, number: int) -> None:
    serve(pool.ctypes.data, index, number)
