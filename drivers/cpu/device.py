"""The CPU device: every operation that has a kernel, in float32, at the machine's full precision."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from drivers import kernels  # noqa: F401 -- registers the lowerings
from drivers.engine.lowering import Weights, lower, supports
from drivers.engine.program import Program
from drivers.engine.threads import Threads, count
from hal.device import (
    Capabilities,
    Device,
    DeviceInfo,
    ExecutionResult,
    Performance,
    PreparedModel,
    PrepareOptions,
    Progress,
    Request,
    Timing,
)
from hal.errors import BadDataError, OutputInsufficientSizeError
from hal.model import Dimensions, Model, is_fully_specified
from hal.types import DeviceType, FeatureLevel, OperandType

_PROGRAMS_KEPT = 8
"""Programs of one model that are kept, for inputs of different dimensions."""

_REFERENCE = Performance(exec_time=1.0, power_usage=1.0)


class CpuDevice(Device):
    """The device that the others' performance is measured against."""

    def __init__(self) -> None:
        self._threads = Threads(count())

    @property
    def info(self) -> DeviceInfo:
        """The device called "cpu"."""
        return DeviceInfo("cpu", "1", DeviceType.CPU, FeatureLevel.LEVEL_8)

    def capabilities(self) -> Capabilities:
        """Ones for float32, by definition of the ratios."""
        performance = {OperandType.TENSOR_FLOAT32: _REFERENCE, OperandType.FLOAT32: _REFERENCE}
        return Capabilities(performance, _REFERENCE, _REFERENCE, _REFERENCE, _REFERENCE)

    def supported_operations(self, model: Model) -> list[bool]:
        """Those with a kernel, over float32 data and constant parameters."""
        return [supports(model, operation) for operation in model.main.operations]

    def prepare_model(self, model: Model, options: PrepareOptions, progress: Progress) -> PreparedModel:
        """Lower the model, now if its inputs' dimensions are known, else at its first execution."""
        unsupported = [index for index, supported in enumerate(self.supported_operations(model)) if not supported]
        if unsupported:
            raise BadDataError(f"the device does not support operations {unsupported}", operation=unsupported[0])
        return _CpuPreparedModel(model, self._threads, progress)


class _CpuPreparedModel(PreparedModel):
    def __init__(self, model: Model, threads: Threads, progress: Progress) -> None:
        self._model = model
        self._threads = threads
        self._weights = Weights()
        self._programs: OrderedDict[tuple[Dimensions, ...], tuple[Program, tuple[Dimensions, ...]]] = OrderedDict()
        self._lock = threading.Lock()
        self._inputs = [model.main.operands[index] for index in model.main.inputs]
        dimensions = tuple(operand.dimensions for operand in self._inputs)
        if all(is_fully_specified(each) for each in dimensions):
            self._program(dimensions, progress)

    def execute(self, request: Request) -> ExecutionResult:
        """Run the program for the dimensions of the request's inputs."""
        start = time.perf_counter_ns()
        dimensions = tuple(
            argument.dimensions or operand.dimensions for argument, operand in zip(request.inputs, self._inputs)
        )
        program, output_dimensions = self._program(dimensions)
        _check_outputs(request, output_dimensions)
        arguments = [argument.data for argument in (*request.inputs, *request.outputs) if argument.data is not None]
        computing = time.perf_counter_ns()
        program.run(arguments, self._threads)
        end = time.perf_counter_ns()
        timing = Timing(end - computing, end - start) if request.measure else Timing()
        return ExecutionResult(output_dimensions, timing)

    def close(self) -> None:
        """Forget the programs; an execution under way keeps its own until it ends."""
        with self._lock:
            self._programs.clear()

    def _program(
        self, dimensions: tuple[Dimensions, ...], progress: Progress = lambda activity, done, total: None
    ) -> tuple[Program, tuple[Dimensions, ...]]:
        with self._lock:
            if dimensions in self._programs:
                self._programs.move_to_end(dimensions)
                return self._programs[dimensions]
            made = lower(
                self._model,
                dimensions,
                self._weights,
                lambda done, total: progress("compiling kernels", done, total),
            )
            self._programs[dimensions] = made
            if len(self._programs) > _PROGRAMS_KEPT:
                self._programs.popitem(last=False)
            return made


def _check_outputs(request: Request, dimensions: tuple[Dimensions, ...]) -> None:
    for index, (argument, needed) in enumerate(zip(request.outputs, dimensions)):
        size = 4
        for dimension in needed:
            size *= dimension
        assert argument.data is not None
        if argument.data.size < size:
            raise OutputInsufficientSizeError(
                f"output {index} needs {size} bytes for {list(needed)}, and its buffer has {argument.data.size}",
                dimensions=dimensions,
            )
