"""A burst on a simulated device: the engine answers what it can, and the device accounts for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.engine.block import FULL, NOTHING, OTHER
from drivers.engine.burst import Jobs
from drivers.sdk.bursts import Line, Next
from hal.device import Burst, ExecutionResult, Request

if TYPE_CHECKING:
    from drivers.simulation.device import SimulatedPreparedModel

_NEXT = {FULL: Next.MORE, NOTHING: Next.NONE, OTHER: Next.OTHER}


class SimulatedBurst(Burst):
    """Answers by itself (``drivers.sdk.bursts.AnswersRequests``) what is one program and asks for no timing.

    While the device has faults, or takes real time, each request is executed by it.
    """

    def __init__(self, prepared: SimulatedPreparedModel) -> None:
        self._prepared = prepared
        self._jobs: Jobs | None = None

    def execute(self, request: Request) -> ExecutionResult:
        """See ``Burst``."""
        return self._prepared.execute(request)

    def attach(self, line: Line) -> None:
        """See ``AnswersRequests``."""
        device = self._prepared.device
        rings = line.requests, line.results
        words = line.ended, line.wanted, line.urgent, line.holders, device.faults.are_set
        self._jobs = Jobs(rings, words, line.slots, device.threads)

    def arrange(self, form: int, request: Request | None) -> None:
        """See ``AnswersRequests``."""
        assert self._jobs is not None
        program = None if request is None else self._prepared.only_program(request)
        if program is None:
            self._jobs.forget(form)
        else:
            self._jobs.arrange(form, *program)

    def answer(self, served: int, until: float) -> tuple[int, Next]:
        """See ``AnswersRequests``."""
        assert self._jobs is not None
        served, outcome, times = self._jobs.answer(served, until)
        for begin, end in times:
            self._prepared.account(begin, end)
        return served, _NEXT[outcome]

    def close(self) -> None:
        """See ``Burst``."""
        if self._jobs is not None:
            self._jobs.close()
