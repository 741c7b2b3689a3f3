"""Executing a compiled model: inputs and outputs, computing, and what came of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from enum import Enum

import numpy as np

from hal.device import Argument, ExecutionResult, Request
from hal.errors import BadDataError, BadStateError, OutputInsufficientSizeError, UnexpectedNullError
from hal.model import Dimensions, Operand
from hal.operand_rules import described, value_size
from hal.types import DurationCode, OperandType
from hal.validation import validate_input, validate_output
from runtime.compilation import Compilation
from runtime.event import Event
from runtime.memory import Memory
from runtime.values import Buffer, Value, as_array, as_bytes, as_integers, as_seconds

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
        self._memories: list[Memory] = []  # shared only as long as somebody holds them
        self._measure = False
        self._reusable = False
        self._timeout = 0.0
        self._loop_timeout = DEFAULT_LOOP_TIMEOUT
        self._lock = threading.Lock()
        self._state = _State.PREPARATION
        self._result: ExecutionResult | None = None
        self._output_dimensions: tuple[Dimensions, ...] | None = None

    def set_input(self, index: int, value: Value | None, dimensions: Sequence[int] | None = None) -> None:
        """Give input ``index``; None leaves an optional one out.

        ``value``: a C-contiguous array of the operand's dtype, its bytes, or for a scalar a number.
        ``dimensions``: where the model leaves them open; by default the array's shape.
        """
        self._require_preparation()
        _require_index("input", index, self._inputs)
        argument = self._argument(f"input {index}", self._input_operands[index], value, dimensions)
        validate_input(self._model, index, argument)
        self._set(self._inputs, "input", index, argument)

    def set_input_from_memory(
        self, index: int, memory: Memory, offset: int, length: int, dimensions: Sequence[int] | None = None
    ) -> None:
        """Give input ``index`` as ``length`` bytes from ``offset`` of ``memory``."""
        self._require_preparation()
        _require_index("input", index, self._inputs)
        argument = _memory_argument(f"input {index}", memory, offset, length, dimensions)
        validate_input(self._model, index, argument)
        self._set(self._inputs, "input", index, argument)
        self._memories.append(memory)

    def set_output(self, index: int, value: Buffer | None, dimensions: Sequence[int] | None = None) -> None:
        """Say where output ``index`` goes; None does without an optional one.

        ``value``: a writable C-contiguous array of the operand's dtype, or a writable buffer of bytes.
        Where all dimensions are known, it must have just as many bytes as they need. Otherwise,
        computing raises ``OutputInsufficientSizeError`` if the output does not fit, and fills the
        beginning if it does.
        """
        self._require_preparation()
        _require_index("output", index, self._outputs)
        if value is not None and not isinstance(value, (np.ndarray, bytearray, memoryview)):
            raise BadDataError(f"output {index} is given as {type(value).__name__}; it must be an array to write to")
        argument = self._argument(f"output {index}", self._output_operands[index], value, dimensions)
        self._check_output(index, argument)
        self._set(self._outputs, "output", index, argument)

    def set_output_from_memory(
        self, index: int, memory: Memory, offset: int, length: int, dimensions: Sequence[int] | None = None
    ) -> None:
        """Say that output ``index`` goes to ``length`` bytes from ``offset`` of ``memory``."""
        self._require_preparation()
        _require_index("output", index, self._outputs)
        argument = _memory_argument(f"output {index}", memory, offset, length, dimensions)
        self._check_output(index, argument)
        self._set(self._outputs, "output", index, argument)
        self._memories.append(memory)

    def set_measure_timing(self, measure: bool) -> None:
        """Ask for durations. ``BadDataError`` unless the compilation is for exactly one named device."""
        self._require_one_device("timing")
        self._require_preparation()
        self._measure = bool(measure)

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

    def compute(self) -> None:
        """Compute the outputs and return when they are there.

        Raises ``BadDataError`` when an input or output has not been set,
        ``OutputInsufficientSizeError`` when an output does not fit, and what the device raises.
        """
        self._run(self._start())

    def start_compute(self) -> Event:
        """Begin to compute the outputs; the event's ``wait`` raises what ``compute`` would."""
        request = self._start()
        return Event(lambda: self._run(request))

    def get_output_operand_rank(self, index: int) -> int:
        """The rank of output ``index``, once computed, also where it did not fit; 0 for a scalar."""
        return len(self._actual_dimensions(index))

    def get_output_operand_dimensions(self, index: int) -> Dimensions:
        """The dimensions of output ``index``, once computed; where it did not fit, those that it needs."""
        dimensions = self._actual_dimensions(index)
        if not dimensions:
            raise BadDataError(f"output {index} is a scalar; it has no dimensions")
        return dimensions

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

    def _argument(self, what: str, operand: Operand, value: Value | None, dimensions: Sequence[int] | None) -> Argument:
        """``value`` as a request has it, not yet anywhere in shared memory."""
        if value is None:
            return Argument(None)
        if not isinstance(operand.type, OperandType):
            raise BadDataError(f"{what} is {described(operand.type)}; it must be given in a memory")
        array = as_array(value, operand.type, what)
        if not array.flags.c_contiguous:
            raise BadDataError(f"{what} is given as an array that is not C-contiguous; it must be")
        sizes = _sizes(what, dimensions)
        if dimensions is None and isinstance(value, np.ndarray) and value_size(operand, operand.dimensions) is None:
            sizes = array.shape
        return Argument(as_bytes(array), None, sizes)

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
            self._result = self._output_dimensions = None
        try:
            return Request(
                _all_set("input", self._inputs),
                _all_set("output", self._outputs),
                self._measure,
                self._timeout or None,
                self._loop_timeout,
            )
        except BadDataError:
            self._state = _State.COMPLETED
            raise

    def _run(self, request: Request) -> None:
        try:
            self._result = self._compilation.prepared.execute(request)
            self._output_dimensions = self._result.output_dimensions
        except OutputInsufficientSizeError as error:
            self._output_dimensions = error.dimensions
            raise
        finally:
            self._state = _State.COMPLETED


def _require_index(kind: str, index: int, arguments: Sequence[object]) -> None:
    if not isinstance(index, (int, np.integer)) or not 0 <= index < len(arguments):
        raise BadDataError(f"there is no {kind} {index}; the model has {len(arguments)}")


def _all_set(kind: str, arguments: Sequence[Argument | None]) -> list[Argument]:
    for index, argument in enumerate(arguments):
        if argument is None:
            raise BadDataError(f"{kind} {index} has not been set")
    return [argument for argument in arguments if argument is not None]


def _memory_argument(what: str, memory: Memory, offset: int, length: int, dimensions: Sequence[int] | None) -> Argument:
    if memory is None:
        raise UnexpectedNullError(f"{what} must be given in a memory")
    data, location = memory.part(offset, length)
    return Argument(data, location, _sizes(what, dimensions))


def _sizes(what: str, dimensions: Sequence[int] | None) -> Dimensions:
    return () if dimensions is None else as_integers(dimensions, f"the dimensions of {what}")
