"""The steps of a plan, ready to run: a model on a device, and on the CPU when the device fails."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hal.device import Argument, Cost, ExecutionResult, Progress, Request
from hal.errors import (
    BadDataError,
    DeadObjectError,
    MissedDeadlinePersistentError,
    MissedDeadlineTransientError,
    NnapiError,
    OpFailedError,
    OutputInsufficientSizeError,
)
from hal.fence import Fence
from hal.model import Operand
from runtime.plan import Step
from runtime.rooms import DeviceRoom, Room
from runtime.running import Running, StepRecord
from runtime.worker import Worker, value_bytes

_log = logging.getLogger(__name__)  # errors are logged as text: a record with one would keep the memory of its frames

_LEFT_OUT = Argument(None)

_LATE = (MissedDeadlineTransientError, MissedDeadlinePersistentError)


class EmptyValueError(OpFailedError):
    """A value without elements would have to go from one step to another, which requests can't express."""


class PreparedStep(ABC):
    """A step that can run. Safe to use from several threads."""

    step: Step

    @property
    @abstractmethod
    def cost(self) -> Cost | None:
        """What one run is expected to take; None where a device does not know."""

    @property
    @abstractmethod
    def stops_writing(self) -> bool:
        """Whether nobody writes to what the step was given any more once ``run`` has returned."""

    @abstractmethod
    def run(
        self, running: Running, values: Mapping[int, Argument], rooms: Sequence[Room | None], *, final: bool
    ) -> list[Argument]:
        """Compute the step's outputs into ``rooms``, None for one that nobody wants; returns them.

        ``values``: of the subgraph's operands so far. A room that is too small is renewed, unless this
        is the ``final`` step: then ``OutputInsufficientSizeError`` has the step's outputs' dimensions.
        """

    @abstractmethod
    def close(self) -> None:
        """Give back what it holds on devices."""


class DeviceStep(PreparedStep):
    """A step on one device. ``fallback``: where it runs when that fails; None for nowhere."""

    def __init__(self, step: Step, worker: Worker, fallback: Worker | None) -> None:
        self.step = step
        self._worker = worker
        self._fallback = fallback
        assert step.model is not None
        main = step.model.main
        self._outputs: list[Operand] = [main.operands[index] for index in main.outputs]

    def prepare(self, progress: Progress, timeout: float | None) -> None:
        """Prepare the model on its device, or else where the step falls back to."""
        try:
            self._worker.prepare(progress, timeout)
        except NnapiError as error:
            fallback = self._fallback
            if fallback is None or fallback.device is self._worker.device or isinstance(error, _LATE):
                raise
            _log.warning("a step is prepared on '%s' instead of '%s': %s", fallback.name, self.step.name, str(error))
            fallback.prepare(progress, timeout)
            self._worker = fallback
            self.step = replace(self.step, device=fallback.device, name=fallback.name, moved=str(error))

    @property
    def cost(self) -> Cost | None:
        """See ``PreparedStep``."""
        return self._worker.cost

    @property
    def stops_writing(self) -> bool:
        """See ``PreparedStep``."""
        return self._fallback is None or self._worker.dies_when_given_up

    def run(
        self, running: Running, values: Mapping[int, Argument], rooms: Sequence[Room | None], *, final: bool
    ) -> list[Argument]:
        """See ``PreparedStep``."""
        inputs = [values[index] for index in self.step.inputs]
        if any(0 in argument.dimensions for argument in inputs):
            raise EmptyValueError(f"the step on '{self._worker.name}' would get a value without elements")
        record = running.record(self.step)
        try:
            return self._on(self._worker, running, record, inputs, rooms, final=final)
        except OutputInsufficientSizeError:
            raise
        except NnapiError as error:
            running.tainted = True
            fallback = None if _on_device(inputs, rooms) else self._fallback_after(error)
            record.failed(self._worker.name, error, None if fallback is None else fallback.name)
            if fallback is None:
                raise
            _log.warning("a step runs again on '%s': %s", fallback.name, str(error))
        try:
            _renew(rooms)
            return self._on(fallback, running, record, inputs, rooms, final=final)
        except DeadObjectError as error:  # it was prepared on a driver that has died since
            record.failed(fallback.name, error, fallback.name)
            _renew(rooms)
            fallback.revive()
            return self._on(fallback, running, record, inputs, rooms, final=final)

    @property
    def worker(self) -> Worker:
        """Who executes the step."""
        return self._worker

    @property
    def runs_nowhere_else(self) -> bool:
        """Whether a failure on its device is final."""
        return self._fallback is None

    def run_fenced(
        self, running: Running, request: Request, wait_for: Sequence[Fence], fence: Fence, duration: float | None
    ) -> ExecutionResult:
        """Execute a request as it is, of a step that is all of its model; the driver waits and signals."""
        record = running.record(self.step)
        start = time.perf_counter()
        try:
            asked = running.request(request.inputs, request.outputs)
            result = self._worker.execute_fenced(asked, wait_for, fence, duration)
        except NnapiError as error:
            record.failed(self._worker.name, error, None)
            raise
        record.done(self._worker.name, result, time.perf_counter() - start)
        return result

    def close(self) -> None:
        """See ``PreparedStep``."""
        self._worker.close()
        if self._fallback is not None:
            self._fallback.close()

    def _fallback_after(self, error: NnapiError) -> Worker | None:
        """Where the step runs after its device has raised this; None for nowhere."""
        fallback = self._fallback
        if fallback is None or isinstance(error, _LATE):
            return None
        if fallback.device is self._worker.device and isinstance(error, BadDataError):
            return None  # it would say the same of the same arguments
        return fallback

    def _on(
        self,
        worker: Worker,
        running: Running,
        record: StepRecord,
        inputs: Sequence[Argument],
        rooms: Sequence[Room | None],
        *,
        final: bool,
    ) -> list[Argument]:
        start = time.perf_counter()
        for _ in range(len(rooms) + 1):  # a device may tell what it needs for one output at a time
            outputs = [_LEFT_OUT if room is None else room.argument() for room in rooms]
            try:
                result = worker.execute(running.request(inputs, outputs), running.bursts)
                break
            except OutputInsufficientSizeError as error:
                self._make_room(worker, rooms, error, final=final)
        else:
            raise OpFailedError(f"the device '{worker.name}' wants ever more room for its outputs")
        record.done(worker.name, result, time.perf_counter() - start)
        return [
            Argument(None, None, dimensions)
            if room is None
            else room.filled(value_bytes(operand.type, dimensions, room.data.size), dimensions)
            for operand, room, dimensions in zip(self._outputs, rooms, result.output_dimensions)
        ]

    def _make_room(
        self, worker: Worker, rooms: Sequence[Room | None], error: OutputInsufficientSizeError, *, final: bool
    ) -> None:
        """Renew the rooms that are too small; raise where the caller must do that, and where none is."""
        sizes = worker.needed(error.dimensions)
        small = [(room, size) for room, size in zip(rooms, sizes or ()) if room is not None and size > room.capacity]
        if not small and not (final and self._fallback is None):
            raise OpFailedError(f"the device '{worker.name}' wants more room for outputs that fit") from error
        if final:
            raise error
        for room, size in small:
            room.renew(size)


def _on_device(inputs: Sequence[Argument], rooms: Sequence[Room | None]) -> bool:
    """Whether memory on the device is read or written, which is nowhere else."""
    return any(each.memory is not None for each in inputs) or any(isinstance(each, DeviceRoom) for each in rooms)


def _renew(rooms: Sequence[Room | None]) -> None:
    """Be elsewhere: who has failed may still write there."""
    for room in rooms:
        if room is not None:
            room.renew(room.data.size)
