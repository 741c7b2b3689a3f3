"""The short way to a burst: a compiled model run on many lists of arrays, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np

from hal.device import Argument, PreparedModel, Request, Timing
from hal.errors import BadStateError, NnapiError
from runtime import telemetry
from runtime.burst import Burst
from runtime.bursts import Bursts
from runtime.closing import Closing
from runtime.compiled import ArgumentSpec, CompiledModel
from runtime.execution import DEFAULT_LOOP_TIMEOUT
from runtime.lending import Outputs
from runtime.remote_burst import KEPT, RemoteBurst
from runtime.report import ExecutionReport
from runtime.rooms import Stage
from runtime.running import Running
from runtime.telemetry import Mode
from runtime.values import Array, Value

_LENT = KEPT - 1
"""Runs whose outputs the application may hold before those of further ones are copied."""


class CompiledBurst(Closing):
    """Runs of a compiled model, one at a time, that cost little beyond what its devices compute.

    Where one driver has the whole model and all dimensions of its outputs are known, runs with the same
    dimensions of inputs go through the same shared memory and no message is made for them.

    Their outputs are where the device has written them, not copied, and stay as they are for as long as the
    application holds them or any view of them; a process that it forks shares them. Who holds those of 4 runs
    gets copies from further ones.
    """

    def __init__(self, compiled: CompiledModel) -> None:
        self._compiled = compiled
        self._burst = Burst(compiled.compilation)
        self._standing: _Standing | None = None
        self._running: Running | None = None
        self._may_stand = all(_is_known(spec) for spec in compiled.outputs)

    def run(self, inputs: Sequence[Value | None]) -> list[Array]:
        """See ``CompiledModel.run``. ``BadStateError`` also while another thread is in it, and after ``close``."""
        bursts = self._burst.begin()
        try:
            standing = self._standing
            if standing is not None and not telemetry.wanted():
                _ = self._compiled.compilation.prepared  # raises when it is closed
                try:
                    outputs = standing.run(inputs, self._rehearse)
                except NnapiError as error:
                    self._standing = None
                    bursts.has_failed(standing.prepared, error)
                else:
                    if outputs is not None:
                        self._running = None
                        return outputs
            return self._executed(bursts, inputs, Request((), ()))[0]
        finally:
            self._burst.end()

    def run_timed(self, inputs: Sequence[Value | None]) -> tuple[list[Array], Timing]:
        """As ``run``; returns also how long the devices say it took."""
        with self._burst.computing(self._compiled.compilation) as bursts:
            outputs, running = self._executed(bursts, inputs, Request((), (), measure=True))
            return outputs, running.timing

    def run_reported(
        self, inputs: Sequence[Value | None], *, trace: bool = False
    ) -> tuple[list[Array], ExecutionReport]:
        """As ``run``; returns also what happened, as ``CompiledModel.run_reported`` does."""
        with self._burst.computing(self._compiled.compilation) as bursts:
            outputs, running = self._executed(bursts, inputs, Request((), (), measure=True, trace=trace))
            return outputs, running.report()

    @property
    def inputs(self) -> list[Array]:
        """The arrays in shared memory that runs with inputs like the last ones' read.

        Who fills these and runs with them spares the copy of each input. Raises ``BadStateError`` before the
        first run, and where runs go another way than through one driver's memory.
        """
        if self._standing is None:
            raise BadStateError("a burst has inputs of its own after a run through a driver that has the whole model")
        return list(self._standing.inputs)

    @property
    def computing(self) -> float | None:
        """Seconds that the drivers have spent computing in the last run; None where one does not tell."""
        if self._running is None:
            return None if self._standing is None else self._standing.burst.computing / 1e9
        return self._running.report().computing

    def close(self) -> None:
        """End the burst. May be called again."""
        self._burst.close()

    def _rehearse(self) -> None:
        """Go through what the next run begins with, as far as that changes nothing now."""
        standing = self._standing
        if standing is not None and not telemetry.wanted():
            standing.free()
        with suppress(BadStateError):
            _ = self._compiled.compilation.prepared
            self._burst.begin()  # always raises: a run is going on

    def _executed(self, bursts: Bursts, inputs: Sequence[Value | None], asked: Request) -> tuple[list[Array], Running]:
        outputs, self._running = self._compiled.execute(inputs, asked, Mode.BURST, bursts)
        if self._may_stand and all(isinstance(value, np.ndarray) for value in inputs):
            self._stand(bursts, [value for value in inputs if isinstance(value, np.ndarray)], outputs)
        return outputs, self._running

    def _stand(self, bursts: Bursts, inputs: Sequence[Array], outputs: Sequence[Array]) -> None:
        """Have the next run with such inputs go the shortest way, if one driver has all of the model."""
        shapes = [each.shape for each in inputs]
        step = self._compiled.compilation.prepared.sole_step
        prepared = None if step is None else step.worker.prepared
        burst = bursts.remote(prepared)
        if prepared is None or burst is None:
            self._standing = None
        elif self._standing is None or self._standing.burst is not burst or self._standing.shapes != shapes:
            self._standing = _Standing(prepared, burst, inputs, outputs)


class _Standing:
    """A request that is repeated: inputs and outputs like these, in shared memory of its own."""

    def __init__(
        self, prepared: PreparedModel, burst: RemoteBurst, inputs: Sequence[Array], outputs: Sequence[Array]
    ) -> None:
        self.prepared = prepared
        self.burst = burst
        self.shapes = [each.shape for each in inputs]
        rooms = Stage().rooms([each.nbytes for each in inputs])
        self.inputs = [room.data.view(each.dtype).reshape(each.shape) for room, each in zip(rooms, inputs)]
        self._arguments = [Argument(room.data, room.location, each.shape) for room, each in zip(rooms, inputs)]
        self._kinds = [(each.shape, each.dtype) for each in outputs]
        self._outputs: list[Outputs | None] = [None] * KEPT

    def run(self, inputs: Sequence[Value | None], rehearse: Callable[[], object]) -> list[Array] | None:
        """The outputs; None for inputs that are not like those that it was made for."""
        if len(inputs) != len(self.inputs):
            return None
        for value, place in zip(inputs, self.inputs):
            if value is place:
                continue
            if type(value) is not np.ndarray or value.dtype != place.dtype or value.shape != place.shape:
                return None
            place[...] = value
        number = self.free()
        outputs = self._outputs[number]
        if outputs is None:
            outputs = self._outputs[number] = Outputs(self._kinds)
            self.burst.keep(Request(self._arguments, outputs.goals, loop_timeout=DEFAULT_LOOP_TIMEOUT), number)
            lent = outputs.lent()
        else:
            self.burst.ask(number)
            lent = outputs.lent()  # while the driver computes
            self.burst.finish(number, rehearse)
        return lent if number < _LENT else outputs.copies()

    def free(self) -> int:
        """The number of outputs that the application does not hold; if it holds all, of those that are copied."""
        for number in range(_LENT):
            outputs = self._outputs[number]
            if outputs is None or outputs.is_free:
                return number
            if outputs.is_lost:
                self._outputs[number] = None
                return number
        return _LENT


def _is_known(spec: ArgumentSpec) -> bool:
    return bool(spec.dimensions and all(spec.dimensions)) or not spec.type.is_tensor
