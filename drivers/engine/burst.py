"""A burst's requests as jobs, which machine code answers without Python."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from drivers.engine import native
from drivers.engine.block import (
    ANSWERED,
    BARRED,
    BEGIN,
    ENDED,
    JOBS,
    OUTCOME,
    POOL,
    REQUESTS,
    RESULTS,
    SERVED,
    SPIN,
    THREADS,
    WANTED,
    WORDS,
)
from drivers.engine.executable import Array
from drivers.engine.program import Frame, Program
from drivers.engine.threads import Threads
from hal.rings import FORMS, Ring

_SPIN = 100_000
"""Nanoseconds to look for the next request before the core, and the device, are given to others."""


class Jobs:
    """The forms of a burst's requests that are one program each.

    ``ended``, ``wanted``, ``barred``: words that are not 0 when the burst has ended, while others wait for the
    device, and while jobs may not run.
    """

    def __init__(
        self,
        rings: tuple[Ring, Ring],
        ended: NDArray[np.int64],
        wanted: NDArray[np.int64],
        barred: NDArray[np.int64],
        threads: Threads,
    ) -> None:
        self._jobs = np.zeros(FORMS, np.int64)
        self._kept = rings, ended, wanted, barred, threads  # the block has their addresses
        self._answer = native.function("drivers.engine.exchange", "answer", 1)
        self._arranged: dict[int, tuple[Frame, list[Array]]] = {}
        self._arenas: dict[Program, Frame] = {}
        block = np.zeros(WORDS, np.int64)
        block[REQUESTS], block[RESULTS] = (ring.address for ring in rings)
        block[ENDED], block[WANTED] = ended.ctypes.data, wanted.ctypes.data
        block[JOBS], block[BARRED] = self._jobs.ctypes.data, barred.ctypes.data
        block[POOL], block[THREADS] = threads.address, threads.number
        block[SPIN] = _SPIN
        self._address: int = block.ctypes.data
        self._block = memoryview(block)  # type: ignore[arg-type]

    def arrange(self, form: int, program: Program, arguments: list[Array]) -> None:
        """Have requests of a form run ``program`` on these arguments."""
        if program not in self._arenas:
            self._arenas[program] = program.take()
        frame = program.frame(self._arenas[program].memory)
        frame.bind(arguments)
        self._arranged[form] = frame, arguments
        self._jobs[form] = frame.job

    def forget(self, form: int) -> None:
        """Have requests of a form run nothing here."""
        self._jobs[form] = 0
        self._arranged.pop(form, None)

    def answer(self, served: int) -> tuple[int, float] | None:
        """Wait briefly for the request after ``served``, and answer it if it has a job, and that may run.

        Returns the number of the request that it has answered, and when it began to (``time.monotonic``);
        None where it has answered none.
        """
        block = self._block
        block[SERVED] = served
        self._answer(self._address)
        if block[OUTCOME] != ANSWERED:
            return None
        return block[SERVED], block[BEGIN] / 1e9

    def close(self) -> None:
        """Give back the programs' arenas; there are no jobs any more."""
        self._jobs[:] = 0
        self._arranged.clear()
        for program, frame in self._arenas.items():
            program.give_back(frame)
        self._arenas.clear()
