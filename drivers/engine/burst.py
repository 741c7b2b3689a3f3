"""A burst's requests as jobs, which machine code answers without Python."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from drivers.engine import native
from drivers.engine.block import (
    BARRED,
    BEARABLE,
    COUNT,
    CROWD,
    ENDED,
    HOLDERS,
    JOBS,
    LEAST_BEARABLE,
    OUTCOME,
    POOL,
    REQUESTS,
    RESULTS,
    SERVED,
    SPIN,
    THREADS,
    TIMES,
    UNTIL,
    URGENT,
    WANTED,
    WORDS,
)
from drivers.engine.executable import Array
from drivers.engine.program import Frame, Program
from drivers.engine.threads import Threads
from hal.rings import FORMS, Ring

_SPIN = 200_000
"""Nanoseconds to look for the next request before the core, and the device, are given to others."""


class Jobs:
    """The forms of a burst's requests that are one program each.

    ``words``: those that are not 0 when the burst has ended, while others wait for the device, and while some of them
    may not be kept waiting; how many hold the device's ``slots``; not 0 while jobs may not run.
    """

    def __init__(
        self,
        rings: tuple[Ring, Ring],
        words: tuple[NDArray[np.int64], ...],
        slots: int,
        threads: Threads,
    ) -> None:
        self._jobs = np.zeros(FORMS, np.int64)
        self._kept = rings, words, threads  # the block has their addresses
        self._answer = native.function("drivers.engine.exchange", "answer", 1)
        self._arranged: dict[int, tuple[Frame, list[Array]]] = {}
        self._arenas: dict[Program, Frame] = {}
        block = np.zeros(WORDS, np.int64)
        block[REQUESTS], block[RESULTS] = (ring.address for ring in rings)
        for word, each in zip((ENDED, WANTED, URGENT, HOLDERS, BARRED), words, strict=True):
            block[word] = each.ctypes.data
        block[JOBS], block[CROWD] = self._jobs.ctypes.data, max(2, slots - threads.number + 2)
        block[POOL], block[THREADS] = threads.address, threads.number
        block[SPIN], block[BEARABLE] = _SPIN, LEAST_BEARABLE
        self._address: int = block.ctypes.data
        self._block = block.data

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

    def answer(self, served: int, until: float) -> tuple[int, int, list[tuple[float, float]]]:
        """Answer the requests after ``served`` that have jobs, as long as the next one comes soon, and jobs may run.

        ``until``: by ``time.monotonic``; from then on, only while nobody waits for the device. Returns the number
        of the last request that was answered, the outcome (``drivers.engine.block``), and when each of the jobs
        that it has run began and ended, by the same clock.
        """
        block = self._block
        block[SERVED], block[UNTIL] = served, int(until * 1e9)
        self._answer(self._address)
        begins = range(TIMES, TIMES + 2 * block[COUNT], 2)
        return block[SERVED], block[OUTCOME], [(block[begin] / 1e9, block[begin + 1] / 1e9) for begin in begins]

    def close(self) -> None:
        """Give back the programs' arenas; there are no jobs any more."""
        self._jobs[:] = 0
        self._arranged.clear()
        for program, frame in self._arenas.items():
            program.give_back(frame)
        self._arenas.clear()
