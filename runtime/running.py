"""One execution on its way through the steps of a plan."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from hal.device import Argument, ExecutionResult, Request, Span, Timing
from hal.errors import MissedDeadlineTransientError, NnapiError
from hal.fence import Fence
from runtime import telemetry
from runtime.bursts import Bursts
from runtime.plan import Step
from runtime.report import ExecutionReport, Failure, Run, StepReport
from runtime.telemetry import Mode


class Running:
    """What the steps of one execution share: its limits, what it asks for, and what has happened so far.

    ``tainted``: whether a driver has failed, which may go on writing to the memory that it was given:
    then that memory must not be used for another execution. ``mode``: how it was asked for. ``bursts``:
    those of the burst that it is part of, if it is.
    """

    def __init__(self, request: Request, mode: Mode = Mode.SYNC, bursts: Bursts | None = None) -> None:
        self._request = request
        self._measure = request.measure or request.trace or telemetry.wanted()
        self._timeout = request.timeout
        self.mode = mode
        self.bursts = bursts
        self._begin = time.perf_counter()
        self._begun = False
        self._records: dict[int, StepRecord] = {}
        self._seconds: float | None = None
        self._now = 0
        self.loop_timeout = request.loop_timeout
        self.tainted = False

    def request(self, inputs: Sequence[Argument], outputs: Sequence[Argument]) -> Request:
        """A step's request, with the time that is left; ``MissedDeadlineTransientError`` when none is."""
        given = self._request
        timeout = self._timeout
        if timeout is not None and self._begun:
            timeout -= time.perf_counter() - self._begin
            if timeout <= 0:
                raise MissedDeadlineTransientError(f"the execution did not end within {self._timeout} s")
        self._begun = True
        return Request(inputs, outputs, self._measure, timeout, given.loop_timeout, given.trace, given.attributes)

    def wait_for(self, fences: Sequence[Fence], duration: float | None) -> None:
        """Wait for fences before the first step, and have ``duration`` seconds at most from then on.

        Raises what ``Fence.wait`` raises, with the request's timeout as the deadline.
        """
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        for fence in fences:
            fence.wait(deadline)
        if duration is not None:
            end = time.perf_counter() - self._begin + duration
            self._timeout = end if self._timeout is None else min(self._timeout, end)
        self._begun = True

    def record(self, step: Step) -> StepRecord:
        """Where to write down what becomes of ``step``; the same each time it runs."""
        record = self._records.get(id(step))
        if record is None:
            record = self._records[id(step)] = StepRecord(step, self)
        return record

    def advance(self, nanoseconds: int) -> int:
        """A run has taken so long; returns when it began, in nanoseconds from the execution's begin."""
        begin, self._now = self._now, self._now + nanoseconds
        return begin

    def end(self) -> None:
        """The execution is over."""
        self._seconds = time.perf_counter() - self._begin

    @property
    def timing(self) -> Timing:
        """All steps' together; None where one of them does not know."""
        timings = [record.timing for record in self._records.values()]
        if len(timings) == 1:
            return timings[0]
        return summed(timings)

    @property
    def spans(self) -> tuple[Span, ...]:
        """All steps' in order."""
        return tuple(span for record in self._records.values() for run in record.runs for span in run.spans)

    def report(self) -> ExecutionReport:
        """What has happened."""
        seconds = time.perf_counter() - self._begin if self._seconds is None else self._seconds
        return ExecutionReport(tuple(record.report() for record in self._records.values()), self.timing, seconds)


class StepRecord:
    """What has become of a step so far."""

    def __init__(self, step: Step, running: Running) -> None:
        self._step = step
        self._running = running
        self._device = ""
        self._seconds = 0.0
        self._computing: int | None = None
        self._in_burst = False
        self._failures: list[Failure] = []
        self.timing = Timing()
        self.runs: list[Run] = []

    def done(self, device: str, result: ExecutionResult, seconds: float) -> None:
        """The step has run on ``device``."""
        self.timing = summed([self.timing, result.timing]) if self.runs else result.timing
        taken = result.timing.in_driver
        duration = round(seconds * 1e9) if taken is None else taken
        start = self._running.advance(duration)
        spans = [replace(span, start=start + span.start, operation=self._operation(span)) for span in result.spans]
        self._in_burst = result.in_burst
        self._computing = None if result.computing is None else (self._computing or 0) + result.computing
        self.runs.append(Run(start, duration, tuple(spans)))
        self._device = device
        self._seconds += seconds

    def failed(self, device: str, error: NnapiError, again_on: str | None) -> None:
        """The step has failed on ``device``."""
        self._failures.append(Failure(device, error.code, str(error), again_on))

    def _operation(self, span: Span) -> int | None:
        """The number that a span's operation, one of the step's model, has where the step belongs to."""
        operations = self._step.operations
        return None if span.operation is None or span.operation >= len(operations) else operations[span.operation]

    def report(self) -> StepReport:
        """What has become of it."""
        return StepReport(
            self._device,
            self._step.operations,
            tuple(self.runs),
            self.timing,
            self._seconds,
            tuple(self._failures),
            None if self._computing is None else self._computing / 1e9,
            self._in_burst,
        )


def summed(timings: Sequence[Timing]) -> Timing:
    """Durations and energies one after another; None where one is unknown."""

    def sum_of(parts: Sequence[int | None]) -> int | None:
        known = [part for part in parts if part is not None]
        return sum(known) if parts and len(known) == len(parts) else None

    return Timing(
        sum_of([each.on_hardware for each in timings]),
        sum_of([each.in_driver for each in timings]),
        sum_of([each.energy for each in timings]),
    )
