"""What happened in an execution: where each step ran, what it took, what failed."""

from __future__ import annotations

from dataclasses import dataclass

from hal.device import Span, Timing
from hal.types import ResultCode


@dataclass(frozen=True, slots=True)
class Failure:
    """A device failed with ``code`` and this sentence. ``again_on``: where the step ran again; None if nowhere."""

    device: str
    code: ResultCode
    sentence: str
    again_on: str | None


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a step: ``duration`` nanoseconds, ``start`` nanoseconds after the execution's begin.

    By the devices' clocks, simulated ones if they are, one run after another; by the wall clock for a
    device that does not say what it takes. ``spans``: if tracing was asked for; counted from the
    execution's begin as well, and with the numbers that operations have in the step.
    """

    start: int
    duration: int
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class StepReport:
    """What became of a step.

    ``device``: where its results are from; empty if there are none. ``operations``: of the subgraph that
    it belongs to. ``runs``: one, or in a loop any number. ``timing``: the device's own account, of all
    runs together, and ``seconds`` the wall clock's, of which the driver has spent ``computing`` (None where it
    does not tell). ``in_burst``: whether its results came through a burst of the device's.
    """

    device: str
    operations: tuple[int, ...]
    runs: tuple[Run, ...]
    timing: Timing
    seconds: float
    failures: tuple[Failure, ...] = ()
    computing: float | None = None
    in_burst: bool = False


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """What happened in an execution, also in one that has failed.

    ``steps``: those that were begun, in order. ``timing``: of all steps together, one after another, as
    the devices account for it; a part is None where one of them does not know. ``seconds``: the wall clock's.
    """

    steps: tuple[StepReport, ...]
    timing: Timing
    seconds: float

    @property
    def computing(self) -> float | None:
        """Seconds that the drivers have spent computing, all steps together; None where one does not tell."""
        known = [step.computing for step in self.steps if step.computing is not None]
        return sum(known) if len(known) == len(self.steps) else None

    @property
    def failures(self) -> tuple[Failure, ...]:
        """All steps' failures, in order."""
        return tuple(failure for step in self.steps for failure in step.failures)
