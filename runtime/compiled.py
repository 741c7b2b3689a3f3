"""The short way: compile a model, then run it on lists of arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hal.device import Argument, Bytes, Device, DeviceInfo, Progress, Request, Timing
from hal.errors import BadDataError, OutputInsufficientSizeError, UnexpectedNullError
from hal.model import Dimensions, Operand
from hal.operand_rules import described, merge
from hal.types import OperandType, PreferenceCode
from hal.validation import validate_input
from runtime.closing import Closing
from runtime.compilation import Compilation
from runtime.execution import DEFAULT_LOOP_TIMEOUT
from runtime.model import Model
from runtime.plan import Plan
from runtime.report import ExecutionReport
from runtime.running import Running
from runtime.telemetry import Mode
from runtime.values import Array, Value, as_array, as_bytes

if TYPE_CHECKING:
    from runtime.bursts import Bursts
    from runtime.compiled_burst import CompiledBurst


@dataclass(frozen=True, slots=True)
class ArgumentSpec:
    """An input or output of a model.

    In ``dimensions``, a 0 is unknown; () is a scalar's, or a tensor's of unknown rank. ``scale`` and
    ``zero_point`` are those of quantised values: real = (stored - zero_point) * scale.
    """

    type: OperandType
    dimensions: Dimensions
    scale: float
    zero_point: int

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of its arrays."""
        return self.type.dtype


class CompiledModel(Closing):
    """A model on its devices, as a function from arrays to arrays. Safe to use from several threads.

    ``compilation``: the model's.
    """

    def __init__(self, compilation: Compilation) -> None:
        main = compilation.model.main
        self.compilation = compilation
        self.inputs = [_spec(f"input {i}", main.operands[index]) for i, index in enumerate(main.inputs)]
        self.outputs = [_spec(f"output {i}", main.operands[index]) for i, index in enumerate(main.outputs)]
        self._learnt: tuple[list[Dimensions], Sequence[Dimensions]] | None = None

    @property
    def devices(self) -> list[DeviceInfo]:
        """The devices that execute the model, in the order in which it needs them."""
        return [device.info for device in self.compilation.plan.devices]

    @property
    def plan(self) -> Plan:
        """Which of them executes which operations."""
        return self.compilation.plan

    def run(self, inputs: Sequence[Value | None]) -> list[Array]:
        """Execute the model; returns one new array for each output.

        ``inputs``: for each input an array of its dtype and dimensions (for a scalar, a number), or
        None for an optional one that is left out. Raises ``BadDataError`` for inputs that don't fit,
        ``BadStateError`` after ``close``, and what the device raises.
        """
        return self.execute(inputs, Request((), ()))[0]

    def run_timed(self, inputs: Sequence[Value | None]) -> tuple[list[Array], Timing]:
        """As ``run``; returns also how long the devices say it took."""
        outputs, running = self.execute(inputs, Request((), (), measure=True))
        return outputs, running.timing

    def run_reported(
        self, inputs: Sequence[Value | None], *, trace: bool = False
    ) -> tuple[list[Array], ExecutionReport]:
        """As ``run``; returns also what happened; with ``trace``, what each part of the devices did when."""
        outputs, running = self.execute(inputs, Request((), (), measure=True, trace=trace))
        return outputs, running.report()

    def burst(self) -> CompiledBurst:
        """Begin many executions, one after the other, that cost little beyond what the devices compute.

        with compiled.burst() as burst:
            for image in images:
                outputs = burst.run([image])
        """
        from runtime.compiled_burst import CompiledBurst  # it runs compiled models

        return CompiledBurst(self)

    def close(self) -> None:
        """Give back what the model holds on its devices."""
        self.compilation.close()

    def execute(
        self,
        inputs: Sequence[Value | None],
        asked: Request,
        mode: Mode = Mode.SYNC,
        bursts: Bursts | None = None,
    ) -> tuple[list[Array], Running]:
        """As ``run``, with what ``asked`` says beside inputs and outputs; returns also what has happened."""
        prepared = self.compilation.prepared
        arguments = self._arguments(inputs)

        def executed(buffers: Sequence[Bytes]) -> tuple[Running, Sequence[Dimensions]]:
            outputs = [Argument(buffer) for buffer in buffers]
            request = replace(asked, inputs=arguments, outputs=outputs, loop_timeout=DEFAULT_LOOP_TIMEOUT)
            running = Running(request, mode, bursts)
            return running, prepared.run(running, request).output_dimensions

        given = [argument.dimensions for argument in arguments]
        learnt = self._learnt
        dimensions = learnt[1] if learnt and learnt[0] == given else [spec.dimensions for spec in self.outputs]
        try:
            buffers = self._buffers(dimensions)
            running, actual = executed(buffers)
        except OutputInsufficientSizeError as error:
            buffers = self._buffers(error.dimensions)
            running, actual = executed(buffers)
        self._learnt = given, actual
        return [_array(*output) for output in zip(self.outputs, buffers, actual)], running

    def _arguments(self, inputs: Sequence[Value | None]) -> list[Argument]:
        if inputs is None:
            raise UnexpectedNullError("there must be a list of inputs")
        if not isinstance(inputs, Sequence) or isinstance(inputs, (str, bytes, bytearray, memoryview)):
            raise BadDataError(f"the inputs are given as {type(inputs).__name__}; they must be a list of arrays")
        if len(inputs) != len(self.inputs):
            raise BadDataError(f"{len(inputs)} inputs are given; the model has {len(self.inputs)}")
        return [self._argument(index, spec, value) for index, (spec, value) in enumerate(zip(self.inputs, inputs))]

    def _argument(self, index: int, spec: ArgumentSpec, value: Value | None) -> Argument:
        if value is None:
            argument = Argument(None)
            validate_input(self.compilation.model, index, argument)
            return argument
        array = as_array(value, spec.type, f"input {index}")
        fits = spec.type.is_tensor == bool(array.shape) and merge(spec.dimensions, array.shape) is not None
        if not fits or 0 in array.shape:
            raise BadDataError(f"input {index} has shape {list(array.shape)}; it must be {_wanted(spec)}")
        return Argument(as_bytes(np.ascontiguousarray(array)), None, array.shape)

    def _buffers(self, dimensions: Sequence[Dimensions]) -> list[Bytes]:
        """New room for the outputs; none for those whose dimensions are unknown."""
        return [np.empty(_size(spec, sizes), np.uint8) for spec, sizes in zip(self.outputs, dimensions)]


def compile_model(
    model: Model,
    devices: Sequence[str | Device] | None = None,
    preference: PreferenceCode = PreferenceCode.FAST_SINGLE_ANSWER,
    progress: Progress | None = None,
) -> CompiledModel:
    """Compile a finished model for ``devices``, each operation where ``Compilation`` puts it; None: all devices.

    ``progress`` is told what is being done, how many parts of it are done, and of how many. Raises
    what ``Compilation`` and its ``finish`` raise.
    """
    compilation = Compilation(model, devices)
    compilation.set_preference(preference)
    compilation.finish(progress)
    return CompiledModel(compilation)


def _spec(what: str, operand: Operand) -> ArgumentSpec:
    if not isinstance(operand.type, OperandType):
        raise BadDataError(
            f"{what} is {described(operand.type)}, whose arrays are unknown; an Execution takes its bytes"
        )
    return ArgumentSpec(operand.type, operand.dimensions, operand.scale, operand.zero_point)


def _size(spec: ArgumentSpec, dimensions: Dimensions) -> int:
    """Bytes of an output; 0 where its dimensions are unknown, and where there are no elements."""
    if spec.type.is_tensor and not dimensions:
        return 0
    return math.prod(dimensions) * spec.dtype.itemsize


def _array(spec: ArgumentSpec, buffer: Bytes, dimensions: Dimensions) -> Array:
    return buffer[: _size(spec, dimensions)].view(spec.dtype).reshape(dimensions)


def _shape(dimensions: Dimensions) -> str:
    return f"[{', '.join(str(size) if size else '?' for size in dimensions)}]"


def _wanted(spec: ArgumentSpec) -> str:
    if not spec.type.is_tensor:
        return "[], a scalar"
    if not spec.dimensions:
        return "of at least 1 dimension, each at least 1"
    unknown = ", with any size of at least 1 for each ?" if 0 in spec.dimensions else ""
    return _shape(spec.dimensions) + unknown
