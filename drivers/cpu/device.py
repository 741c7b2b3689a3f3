"""The CPU device: every operation of NNAPI, by its kernel where it has one, else by its reference."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from drivers import kernels  # noqa: F401 -- registers the lowerings
from drivers.engine.executable import Array, Executable, Limits
from drivers.engine.threads import Threads, count
from hal.device import (
    Argument,
    Capabilities,
    Device,
    DeviceInfo,
    ExecutionResult,
    Performance,
    PreparedModel,
    PrepareOptions,
    Progress,
    Request,
    Support,
    Timing,
)
from hal.errors import BadDataError, OutputInsufficientSizeError
from hal.model import Dimensions, Model, Operand, is_fully_specified, is_tensor
from hal.operations import DECLARATIONS
from hal.operations.control_flow import DEFAULT_LOOP_TIMEOUT
from hal.types import DeviceType, FeatureLevel, OperandType, PreferenceCode

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
        """Ones for every type, by definition of the ratios."""
        return Capabilities(
            {operand_type: _REFERENCE for operand_type in OperandType if operand_type is not OperandType.MODEL},
            _REFERENCE,
            _REFERENCE,
            _REFERENCE,
            _REFERENCE,
        )

    def supported_operations(
        self, model: Model, preference: PreferenceCode = PreferenceCode.FAST_SINGLE_ANSWER
    ) -> list[Support]:
        """All of NNAPI's; no extension's."""
        known = [
            all(operation.type in DECLARATIONS for operation in subgraph.operations) for subgraph in model.referenced
        ]
        operands = model.main.operands
        taken = [
            operation.type in DECLARATIONS
            and all(known[number] for index in operation.inputs if (number := operands[index].subgraph) is not None)
            for operation in model.main.operations
        ]
        return [Support("" if each else "it is an extension's operation; the CPU takes NNAPI's only") for each in taken]

    def prepare_model(self, model: Model, options: PrepareOptions, progress: Progress) -> PreparedModel:
        """Lower the model as far as its inputs' dimensions are known, the rest when it is executed."""
        unsupported = [index for index, support in enumerate(self.supported_operations(model)) if not support.supported]
        if unsupported:
            raise BadDataError(f"the device does not support operations {unsupported}", operation=unsupported[0])
        return _CpuPreparedModel(model, self._threads, progress)


class _CpuPreparedModel(PreparedModel):
    def __init__(self, model: Model, threads: Threads, progress: Progress) -> None:
        self._inputs = [model.main.operands[index] for index in model.main.inputs]
        self._outputs = [model.main.operands[index] for index in model.main.outputs]
        self._executable = Executable(model, threads)
        if all(not is_tensor(operand) or is_fully_specified(operand.dimensions) for operand in self._inputs):
            self._executable.prepare(
                [operand.dimensions for operand in self._inputs],
                lambda done, total: progress("compiling kernels", done, total),
            )

    def execute(self, request: Request) -> ExecutionResult:
        """Run the model on the request's own memory."""
        start = time.perf_counter_ns()
        inputs = [_array(argument, operand) for argument, operand in zip(request.inputs, self._inputs)]
        too_small: list[int] = []

        def place(position: int, dimensions: Dimensions, dtype: np.dtype[Any]) -> Array:
            data = request.outputs[position].data
            size = math.prod(dimensions) * dtype.itemsize
            if data is None or data.size < size:
                if data is not None:
                    too_small.append(position)
                return np.empty(dimensions, dtype)
            return data[:size].view(dtype).reshape(dimensions)

        limits = Limits(
            None if request.timeout is None else time.monotonic() + request.timeout,
            DEFAULT_LOOP_TIMEOUT if request.loop_timeout is None else request.loop_timeout,
        )
        computing = time.perf_counter_ns()
        outputs = self._executable.run(inputs, place, limits)
        end = time.perf_counter_ns()
        dimensions = tuple(output.shape for output in outputs)
        if too_small:
            wanted = ", ".join(f"output {position} needs {outputs[position].nbytes}" for position in too_small)
            raise OutputInsufficientSizeError(f"buffers are too small: {wanted} bytes", dimensions=dimensions)
        return ExecutionResult(dimensions, Timing(end - computing, end - start) if request.measure else Timing())

    def close(self) -> None:
        """Nothing to give back but memory, which goes with the object."""


def _array(argument: Argument, operand: Operand) -> Array | None:
    if argument.data is None:
        return None
    return argument.data.view(OperandType(operand.type).dtype).reshape(argument.dimensions or operand.dimensions)
