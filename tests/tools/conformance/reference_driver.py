"""A driver that computes with ``hal.reference``, in this process or as one of its own.

``python -m tests.tools.conformance.reference_driver ADDRESS`` serves it.
"""

import math
import sys

import numpy as np

from drivers.sdk.server import serve
from hal import reference
from hal.device import (
    Capabilities,
    Device,
    DeviceInfo,
    ExecutionResult,
    Performance,
    PreparedModel,
    Support,
)
from hal.errors import OutputInsufficientSizeError
from hal.types import DeviceType, FeatureLevel, OperandType, PreferenceCode


class ReferenceDevice(Device):
    @property
    def info(self):
        return DeviceInfo("reference", "1", DeviceType.CPU, FeatureLevel.LEVEL_8)

    def capabilities(self):
        one = Performance(1.0, 1.0)
        return Capabilities({OperandType.TENSOR_FLOAT32: one}, one, one, one, one)

    def supported_operations(self, model, preference=PreferenceCode.FAST_SINGLE_ANSWER):
        return [Support()] * len(model.main.operations)

    def prepare_model(self, model, options, progress):
        return self.prepared(model)

    def prepared(self, model):
        return ReferencePreparedModel(model)


class ReferencePreparedModel(PreparedModel):
    def __init__(self, model):
        self._model = model
        main = model.main
        self._inputs = [main.operands[index] for index in main.inputs]

    def execute(self, request):
        values = [
            None
            if argument.data is None
            else argument.data.view(operand.type.dtype).reshape(argument.dimensions or operand.dimensions)
            for argument, operand in zip(request.inputs, self._inputs)
        ]
        outputs = self.outputs(values)
        dimensions = tuple(output.shape for output in outputs)
        for argument, output in zip(request.outputs, outputs):
            if argument.data is not None and argument.data.size < output.nbytes:
                raise OutputInsufficientSizeError("an output does not fit", dimensions=dimensions)
        for argument, output in zip(request.outputs, outputs):
            if argument.data is not None:
                size = math.prod(output.shape) * output.itemsize
                argument.data[:size] = np.ascontiguousarray(output).reshape(-1).view(np.uint8)
        return ExecutionResult(dimensions)

    def outputs(self, values):
        return reference.run(self._model, values)

    def close(self):
        pass


if __name__ == "__main__":
    serve(ReferenceDevice(), sys.argv[1], ready=lambda address: print(address, flush=True))
