"""A driver in Python: a device that takes ADD of float32 tensors, and nothing else.

Run it with ``python docs/examples/adder.py unix:/tmp/adder.sock``, then in another terminal
``NNHAL_DEVICES=cpu,adder=unix:/tmp/adder.sock nnhal devices``.
"""

import sys
from collections.abc import Sequence

import numpy as np

from drivers.sdk import serve
from hal import reference
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
    Support,
)
from hal.model import Model, Operand, Operation
from hal.types import DeviceType, FeatureLevel, OperandType, OperationType, PreferenceCode

SLOW = Performance(exec_time=2.0, power_usage=0.5)
NEVER = Performance(exec_time=float("inf"), power_usage=float("inf"))


class Adder(Device):
    """What a driver must answer. Models and requests arrive validated."""

    @property
    def info(self) -> DeviceInfo:
        """A name that is unique on the machine, and what NNAPI tells applications."""
        return DeviceInfo("adder", "1.0", DeviceType.ACCELERATOR, FeatureLevel.LEVEL_1)

    def capabilities(self) -> Capabilities:
        """Twice the CPU's time for half of its power, in float32 only."""
        return Capabilities({OperandType.TENSOR_FLOAT32: SLOW}, NEVER, NEVER, NEVER, NEVER)

    def supported_operations(
        self, model: Model, preference: PreferenceCode = PreferenceCode.FAST_SINGLE_ANSWER
    ) -> list[Support]:
        """Only additions of float32; a refusal says what would be right."""
        operands = model.main.operands
        return [
            Support("" if _is_addition(operation, operands) else "the adder takes ADD of TENSOR_FLOAT32 only")
            for operation in model.main.operations
        ]

    def prepare_model(self, model: Model, options: PrepareOptions, progress: Progress) -> PreparedModel:
        """Here a real driver compiles; whatever takes long it tells ``progress``."""
        return Additions(model)

    # The SDK adds the queue, device memory and fenced executions. A device that keeps what it prepares
    # says in DeviceInfo in how many files, fills PrepareOptions.cache, and has prepare_from_cache.


def _is_addition(operation: Operation, operands: Sequence[Operand]) -> bool:
    return operation.type == OperationType.ADD and operands[operation.inputs[0]].type == OperandType.TENSOR_FLOAT32


class Additions(PreparedModel):
    """A model of additions, ready to execute."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def execute(self, request: Request) -> ExecutionResult:
        """Read the inputs where they are, write the outputs where they go."""
        main = self._model.main
        inputs = [
            argument.data.view(np.float32).reshape(argument.dimensions or main.operands[index].dimensions)
            for argument, index in zip(request.inputs, main.inputs)
            if argument.data is not None
        ]
        outputs = reference.run(self._model, inputs)
        for argument, output in zip(request.outputs, outputs):
            if argument.data is not None:
                argument.data[: output.nbytes] = output.reshape(-1).view(np.uint8)
        return ExecutionResult(tuple(output.shape for output in outputs))

    def close(self) -> None:
        """Nothing to give back."""


if __name__ == "__main__":
    serve(Adder(), sys.argv[1])
