"""A burst on a simulated device: the engine answers what it can, and the device accounts for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.engine.burst import Jobs
from drivers.sdk.bursts import Line
from hal.device import Burst, ExecutionResult, Request

if TYPE_CHECKING:
    from drivers.simulation.device import SimulatedPreparedModel


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
        self._jobs = Jobs(rings, line.ended, line.wanted, device.faults.are_set, device.threads)

    def arrange(self, form: int, request: Request | None) -> None:
        """See ``AnswersRequests``."""
        assert self._jobs is not None
        program = None if request is None else self._prepared.only_program(request)
        if program is None:
            self._jobs.forget(form)
        else:
            self._jobs.arrange(form, *program)

    def answer(self, served: int) -> int | None:
        """See ``AnswersRequests``."""
        assert self._jobs is not None
        answered = self._jobs.answer(served)
        if answered is None:
            return None
        number, begin = answered
        self._prepared.account(begin)
        return number

    def close(self) -> None:
        """See ``Burst``."""
        if self._jobs is not None:
            self._jobs.close()
