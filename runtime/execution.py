"""Executing a compiled model: inputs and outputs, computing, and what came of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import Enum

import numpy as np

from hal.device import Argument, Attribute, ExecutionResult, Request
from hal.errors import (
    BadDataError,
    BadStateError,
    NnapiError,
    OpFailedError,
    OutputInsufficientSizeError,
    UnexpectedNullError,
)
from hal.fence import Fence, FenceState
from hal.model import Dimensions, Location, Operand
from hal.operand_rules import described, merge, value_size
from hal.types import DurationCode, OperandType
from hal.validation import validate_input, validate_output
from runtime import extensions, process
from runtime.burst import Burst
from runtime.compilation import Compilation
from runtime.event import Event, ExecutionEvent
from runtime.memory import Memory, sizes
from runtime.report import ExecutionReport
from runtime.running import Running
from runtime.telemetry import Mode
from runtime.values import Buffer, Value, as_array, as_bytes, as_raw, as_seconds

DEFAULT_LOOP_TIMEOUT = 2.0
"""Seconds that each WHILE may take when nothing else is said."""

MAXIMUM_LOOP_TIMEOUT = 15.0
"""Seconds that each WHILE may take at most."""

_log = logging.getLogger(__name__)


class _State(Enum):
    PREPARATION = "is being prepared"
    COMPUTATION = "is computing"
    COMPLETED = "has been computed"


class Execution:
    """One application of a finished compilation's model to inputs.

    Inputs and outputs are set first, each once; ``compute`` or ``start_compute`` then reads the
    input arrays and writes the output arrays. It does so once, or, if the execution is reusable, as
    often as wanted with the same arrays, one computation at a time.

    Every method raises ``BadStateError`` at the wrong time, ``BadDataError`` for what does not fit the
    model, and ``UnexpectedNullError`` for None where something must be given.
    """

    def __init__(self, compilation: Compilation) -> None:
        if compilation is None:
            raise UnexpectedNullError("there must be a compilation to execute")
        _ = compilation.prepared  # raises unless the compilation is finished
        self._compilation = compilation
        self._model = compilation.model
        main = compilation.model.main
        self._input_operands = [main.operands[index] for index in main.inputs]
        self._output_operands = [main.operands[index] for index in main.outputs]
        self._inputs: list[Argument | None] = [None] * len(main.inputs)
        self._outputs: list[Argument | None] = [None] * len(main.outputs)
        self._read: dict[int, Memory] = {}  # the memories of inputs, shared only as long as somebody holds them
        self._written: dict[int, Memory] = {}
        self._padding = False
        self._measure = False
        self._attributes: tuple[Attribute, ...] = ()
        self._reusable = False
        self._timeout = 0.0
        self._loop_timeout = DEFAULT_LOOP_TIMEOUT
        self._lock = threading.Lock()
        self._state = _State.PREPARATION
        self._trace = False
        self._running: Running | None = None
        self._result: ExecutionResult | None = None
        self._output_dimensions: tuple[Dimensions, ...] | None = None

    def set_input(self, index: int, value: Value | None, dimensions: Sequence[int] | None = None) -> None:
        """Give input ``index``; None leaves an optional one out.

        ``value``: a C-contiguous array of the operand's dtype, its bytes, or for a scalar a number; for
        an extension's type, bytes or any C-contiguous array. ``dimensions``: where the model leaves them
        open; by default the array's shape, if the type is NNAPI's.
        """
        self._require_preparation()
        _require_index("input", index, self._inputs)
        operand = self._input_operands[index]
        argument = self._trimmed(operand, self._argument(f"input {index}", operand, value, dimensions))
        validate_input(self._model, index, argument)
        self._set(self._inputs, "input", index, argument)

    def set_input_from_memory(
        self, index: int, memory: Memory, offset: int, length: int, dimensions: Sequence[int] | None = None
    ) -> None:
        """Give input ``index`` as ``length`` bytes from ``offset`` of ``memory``; both 0 for one from a descriptor."""
        self._require_preparation()
        _require_index("input", index, self._inputs)
        argument = self._memory_argument("input", index, memory, (offset, length), dimensions)
        if argument.memory is None:
            argument = self._trimmed(self._input_operands[index], argument)
            validate_input(self._model, index, argument)
        self._set(self._inputs, "input", index, argument)
        self._read[index] = memory

    def set_output(self, index: int, value: Buffer | None, dimensions: Sequence[int] | None = None) -> None:
        """Say where output ``index`` goes; None does without an optional one.

        ``value``: a writable C-contiguous array of the operand's dtype (of any, for an extension's type),
        or a writable buffer of bytes.
        Where all dimensions are known, it must have just as many bytes as they need. Otherwise,
        computing raises ``OutputInsufficientSizeError`` if the output does not fit, and fills the
        beginning if it does.
        """
        self._require_preparation()
        _require_index("output", index, self._outputs)
        if value is not None and not isinstance(value, (np.ndarray, bytearray, memoryview)):
            raise BadDataError(f"output {index} is given as {type(value).__name__}; it must be an array to write to")
        operand = self._output_operands[index]
        argument = self._trimmed(operand, self._argument(f"output {index}", operand, value, dimensions))
        self._check_output(index, argument)
        self._set(self._outputs, "output", index, argument)

    def set_output_from_memory(
        self, index: int, memory: Memory, offset: int, length: int, dimensions: Sequence[int] | None = None
    ) -> None:
        """Say that output ``index`` goes to ``length`` bytes from ``offset`` of ``memory``.

        Both are 0 for a memory from a descriptor, which the output then makes its content.
        """
        self._require_preparation()
        _require_index("output", index, self._outputs)
        argument = self._memory_argument("output", index, memory, (offset, length), dimensions)
        if argument.memory is None:
            argument = self._trimmed(self._output_operands[index], argument)
            self._check_output(index, argument)
        self._set(self._outputs, "output", index, argument)
        self._written[index] = memory

    def set_measure_timing(self, measure: bool) -> None:
        """Ask for durations. ``BadDataError`` unless the compilation is for exactly one named device."""
        self._require_one_device("timing")
        self._require_preparation()
        self._measure = bool(measure)

    def set_trace(self, trace: bool) -> None:
        """Ask what each part of the devices does when; the report then has it (not NNAPI's)."""
        self._require_preparation()
        self._trace = bool(trace)

    def set_timeout(self, seconds: float) -> None:
        """Limit each computation; 0 for no limit. ``BadDataError`` as for ``set_measure_timing``."""
        self._require_one_device("a timeout")
        self._require_preparation()
        self._timeout = as_seconds(seconds, "timeout")

    def set_loop_timeout(self, seconds: float) -> None:
        """Limit each WHILE, by 2 seconds if this is not called, and never by more than 15."""
        self._require_preparation()
        self._loop_timeout = as_seconds(seconds, "loop timeout")
        if self._loop_timeout > MAXIMUM_LOOP_TIMEOUT:
            _log.warning("the loop timeout of %s seconds is cut to %s", seconds, MAXIMUM_LOOP_TIMEOUT)
            self._loop_timeout = MAXIMUM_LOOP_TIMEOUT

    def set_reusable(self, reusable: bool) -> None:
        """Say whether the execution may be computed more than once."""
        self._require_preparation()
        self._reusable = bool(reusable)

    def enable_input_and_output_padding(self, enable: bool) -> None:
        """Say whether inputs and outputs may be given more bytes than they need, the rest of which is not used.

        ``Compilation.preferred_memory_padding_for_input`` and its like tell how many are best.
        ``BadStateError`` once an input or output has been set.
        """
        self._require_preparation()
        if any(argument is not None for argument in (*self._inputs, *self._outputs)):
            raise BadStateError("an input or output has been set already; padding must be decided on before")
        self._padding = bool(enable)

    def add_extension_attribute(self, name: str, code: int, data: bytes) -> None:
        """Tell the device something that attribute ``code`` (16 bits) of vendor extension ``name`` stands for.

        ``BadDataError`` as for ``set_measure_timing``, and for an extension that no device knows or an
        attribute that has been added already.
        """
        self._require_preparation()
        self._require_one_device("an extension's attribute")
        self._attributes = extensions.with_attribute(self._attributes, name, code, data)

    def compute(self) -> None:
        """Compute the outputs and return when they are there.

        Raises ``BadDataError`` when an input or output has not been set,
        ``OutputInsufficientSizeError`` when an output does not fit, and what the device raises.
        """
        request = self._start()
        self._run(Running(request, Mode.SYNC), lambda running: self._computed(running, request))

    def burst_compute(self, burst: Burst) -> None:
        """Compute the outputs as part of a burst, and return when they are there.

        Raises ``BadDataError`` where the burst is of another compilation, ``BadStateError`` where it is
        computing another execution or is closed, and what ``compute`` raises.
        """
        if burst is None:
            raise UnexpectedNullError("there must be a burst to compute in")
        with burst.computing(self._compilation) as bursts:
            request = self._start()
            self._run(Running(request, Mode.BURST, bursts), lambda running: self._computed(running, request))

    def start_compute(self) -> Event:
        """Begin to compute the outputs; the event's ``wait`` raises what ``compute`` would."""
        request = self._start()
        running = Running(request, Mode.ASYNC)
        return ExecutionEvent(lambda: self._run(running, lambda running: self._computed(running, request)))

    def start_compute_with_dependencies(self, dependencies: Sequence[Event], duration: float = 0) -> Event:
        """Begin to compute the outputs once every event of ``dependencies`` has ended well.

        ``duration``: seconds that computing may take from then on, 0 for any; the execution's own timeout
        counts from this call. A driver that has all of the model waits by itself if all inputs and
        outputs are in memories, and nothing would run again elsewhere after a failure; otherwise this
        process waits. The event's ``wait`` raises ``OpFailedError`` when a dependency fails, else what
        ``compute`` would.

        Raises ``BadDataError`` where dimensions of outputs are open, and for a ``duration`` unless the
        compilation is for exactly one named device; ``OpFailedError`` where a dependency has failed already.
        """
        if dependencies is None or any(event is None for event in dependencies):
            raise UnexpectedNullError("the dependencies must be a list of events")
        for event in dependencies:
            if not isinstance(event, Event):
                raise BadDataError(f"{event!r} is not an event")
        limit = as_seconds(duration, "duration")
        request = self._start()
        try:
            if limit:
                self._require_one_device("a duration")
            self._require_known_outputs(request)
            for event in dependencies:
                if event.error is not None:
                    raise OpFailedError(f"what the execution depends on has failed: {event.error}")
            fence = Fence.create(process.folder())
            fences = [event.fence for event in dependencies]
        except NnapiError:
            self._state = _State.COMPLETED
            raise
        running = Running(request, Mode.FENCED)

        def work() -> None:
            try:
                self._run(running, lambda running: self._fenced(running, request, fences, fence, limit or None))
            except BaseException:
                fence.signal(FenceState.FAILED)
                raise
            fence.signal(FenceState.DONE)

        return ExecutionEvent(work, fence)

    @property
    def is_computing(self) -> bool:
        """Whether a computation has begun and has not ended (not NNAPI's)."""
        return self._state is _State.COMPUTATION

    def get_output_operand_rank(self, index: int) -> int:
        """The rank of output ``index``, once computed, also where it did not fit; 0 for a scalar."""
        return len(self._actual_dimensions(index))

    def get_output_operand_dimensions(self, index: int) -> Dimensions:
        """The dimensions of output ``index``, once computed; where it did not fit, those that it needs."""
        dimensions = self._actual_dimensions(index)
        if not dimensions:
            raise BadDataError(f"output {index} is a scalar; it has no dimensions")
        return dimensions

    def is_output_sufficient(self, index: int) -> bool:
        """Whether output ``index``, once computed, fits where it should go (NNAPI tells by a result code)."""
        dimensions = self._actual_dimensions(index)
        argument = self._outputs[index]
        size = value_size(self._output_operands[index], dimensions)
        return argument is None or argument.data is None or size is None or size <= argument.data.size

    def get_duration(self, duration: DurationCode) -> int | None:
        """Nanoseconds that the last computation took; None where the device does not know.

        Without fences, a fenced duration is the whole one. ``BadStateError`` if timing was not asked
        for or the computation has failed.
        """
        if duration not in list(DurationCode):
            raise BadDataError(f"there is no duration {duration!r}")
        self._require_completed()
        if self._result is None:
            raise BadStateError("the execution has failed; it has no durations")
        if not self._measure:
            raise BadStateError("set_measure_timing has not asked for durations")
        if duration in (DurationCode.ON_HARDWARE, DurationCode.FENCED_ON_HARDWARE):
            return self._result.timing.on_hardware
        return self._result.timing.in_driver

    @property
    def report(self) -> ExecutionReport:
        """What happened in the last computation, also if that has failed (not NNAPI's)."""
        self._require_completed()
        if self._running is None:
            raise BadStateError("the execution has failed before it began; there is nothing to report")
        return self._running.report()

    def _argument(self, what: str, operand: Operand, value: Value | None, dimensions: Sequence[int] | None) -> Argument:
        """``value`` as a request has it, not yet anywhere in shared memory."""
        _require_detail(what, operand, dimensions)
        if value is None:
            return Argument(None)
        if not isinstance(operand.type, OperandType):
            return Argument(as_raw(value, what), None, sizes(what, dimensions))
        array = as_array(value, operand.type, what)
        if not array.flags.c_contiguous:
            raise BadDataError(f"{what} is given as an array that is not C-contiguous; it must be")
        given = sizes(what, dimensions)
        if dimensions is None and isinstance(value, np.ndarray) and value_size(operand, operand.dimensions) is None:
            given = array.shape
        return Argument(as_bytes(array), None, given)

    def _check_output(self, index: int, argument: Argument) -> None:
        dimensions = validate_output(self._model, index, argument)
        operand = self._output_operands[index]
        size = value_size(operand, dimensions)
        if argument.data is not None and size is not None and argument.data.size != size:
            raise BadDataError(
                f"output {index} gets {argument.data.size} bytes; {described(operand.type, dimensions)} needs {size}"
            )

    def _set(self, arguments: list[Argument | None], kind: str, index: int, argument: Argument) -> None:
        if arguments[index] is not None:
            raise BadStateError(f"{kind} {index} has been set already")
        arguments[index] = argument

    def _require_preparation(self) -> None:
        if self._state is not _State.PREPARATION:
            raise BadStateError(f"the execution {self._state.value}; it can't be changed")

    def _require_one_device(self, what: str) -> None:
        if not self._compilation.has_one_chosen_device:
            raise BadDataError(f"{what} needs a compilation for exactly one named device")

    def _require_completed(self) -> None:
        if self._state is not _State.COMPLETED:
            raise BadStateError(f"the execution {self._state.value}; it has no results yet")

    def _actual_dimensions(self, index: int) -> Dimensions:
        self._require_completed()
        if self._output_dimensions is None:
            raise BadStateError("the execution has failed; its outputs have no dimensions")
        _require_index("output", index, self._outputs)
        return self._output_dimensions[index]

    def _start(self) -> Request:
        with self._lock:
            if self._state is _State.COMPUTATION or (self._state is _State.COMPLETED and not self._reusable):
                raise BadStateError(f"the execution {self._state.value}; it can't be computed now")
            self._state = _State.COMPUTATION
            self._result = self._output_dimensions = self._running = None
        try:
            return Request(
                _all_set("input", self._inputs),
                _all_set("output", self._outputs),
                self._measure,
                self._timeout or None,
                self._loop_timeout,
                self._trace,
                self._attributes,
            )
        except BadDataError:
            self._state = _State.COMPLETED
            raise

    def _run(self, running: Running, compute: Callable[[Running], ExecutionResult]) -> None:
        self._running = running
        try:
            self._result = self._completed(running, compute)
            self._output_dimensions = self._result.output_dimensions
            for memory in self._written.values():
                memory.written()
        except BaseException as error:
            if isinstance(error, OutputInsufficientSizeError) and len(error.dimensions) == len(self._outputs):
                self._output_dimensions = error.dimensions
            for memory in self._written.values():
                memory.lost()
            raise
        finally:
            self._state = _State.COMPLETED

    def _completed(self, running: Running, compute: Callable[[Running], ExecutionResult]) -> ExecutionResult:
        """Compute; what is found wrong meanwhile is a failure, since all that is given has been checked before."""
        try:
            return compute(running)
        except BadDataError as error:
            raise OpFailedError(str(error)) from error
        except OutputInsufficientSizeError as error:
            for index, (operand, argument, needed) in enumerate(
                zip(self._output_operands, self._outputs, error.dimensions)
            ):
                wanted = operand.dimensions if argument is None else merge(operand.dimensions, argument.dimensions)
                if merge(wanted or (), needed) is None:
                    raise OpFailedError(
                        f"output {index} is to have dimensions {list(wanted or ())}; it has {list(needed)}"
                    ) from error
            raise

    def _computed(self, running: Running, request: Request) -> ExecutionResult:
        for memory in self._read.values():
            memory.require_content()
        return self._compilation.prepared.run(running, request)

    def _fenced(
        self, running: Running, request: Request, wait_for: Sequence[Fence], fence: Fence, duration: float | None
    ) -> ExecutionResult:
        prepared = self._compilation.prepared
        if prepared.has_fences and self._is_all_in_memories(request):
            return prepared.run_fenced(running, request, wait_for, fence, duration)
        running.wait_for(wait_for, duration)
        return self._computed(running, request)

    def _is_all_in_memories(self, request: Request) -> bool:
        """Whether a driver finds all inputs and outputs, and knows which have content."""
        described = [*self._read.values(), *self._written.values()]
        arguments = (*request.inputs, *request.outputs)
        return not any(memory.is_watched for memory in described) and all(
            argument.data is None or argument.location is not None for argument in arguments
        )

    def _require_known_outputs(self, request: Request) -> None:
        for index, (operand, argument) in enumerate(zip(self._output_operands, request.outputs)):
            omitted = argument.data is None and argument.memory is None
            known = merge(operand.dimensions, argument.dimensions)
            if not omitted and isinstance(operand.type, OperandType) and value_size(operand, known or ()) is None:
                raise BadDataError(
                    f"output {index} is {described(operand.type, known or ())}; with dependencies, all dimensions of "
                    "outputs must be known"
                )

    def _memory_argument(
        self, kind: str, index: int, memory: Memory, place: tuple[int, int], dimensions: Sequence[int] | None
    ) -> Argument:
        if memory is None:
            raise UnexpectedNullError(f"{kind} {index} must be given in a memory")
        operand = (self._input_operands if kind == "input" else self._output_operands)[index]
        _require_detail(f"{kind} {index}", operand, dimensions)
        return memory.argument(self._compilation, kind, index, place, dimensions)

    def _trimmed(self, operand: Operand, argument: Argument) -> Argument:
        """The argument without what pads it, if padding is enabled."""
        size = value_size(operand, merge(operand.dimensions, argument.dimensions) or ())
        data, location = argument.data, argument.location
        if not self._padding or data is None or size is None or data.size <= size:
            return argument
        if location is not None:
            location = Location(location.region, location.offset, size)
        return replace(argument, data=data[:size], location=location)


def _require_index(kind: str, index: int, arguments: Sequence[object]) -> None:
    if not isinstance(index, (int, np.integer)) or not 0 <= index < len(arguments):
        raise BadDataError(f"there is no {kind} {index}; the model has {len(arguments)}")


def _require_detail(what: str, operand: Operand, dimensions: Sequence[int] | None) -> None:
    """Refuse given dimensions that say less than the model's."""
    known = operand.dimensions
    if dimensions is None or not known:
        return
    given = sizes(what, dimensions)
    if given == known:
        return
    if len(given) != len(known) or any(size and not told for size, told in zip(known, given)):
        raise BadDataError(
            f"{what} is given dimensions {list(given)}; they must say all that the model does: {list(known)}"
        )


def _all_set(kind: str, arguments: Sequence[Argument | None]) -> list[Argument]:
    for index, argument in enumerate(arguments):
        if argument is None:
            raise BadDataError(f"{kind} {index} has not been set")
    return [argument for argument in arguments if argument is not None]
