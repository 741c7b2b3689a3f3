"""A driver with a vendor extension: an operand type and an operation that NNAPI does not have.

The extension is called ``com.example.signal``. Its operand type 0, COMPLEX, is a tensor of complex
numbers (two float32 each); its operation 0, FOURIER, makes one of a TENSOR_FLOAT32 with one dimension.

Run it with ``python docs/examples/extension.py unix:/tmp/signal.sock``. An application with
``NNHAL_DEVICES=cpu,signal=unix:/tmp/signal.sock`` then writes::

    spectrum = model.get_extension_operand_type("com.example.signal", 0)
    fourier = model.get_extension_operation_type("com.example.signal", 0)
"""

import sys

import numpy as np

from drivers.sdk import serve
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
)
from hal.errors import BadDataError, OutputInsufficientSizeError
from hal.model import Model, Operation
from hal.types import DeviceType, FeatureLevel, OperandType, PreferenceCode

EXTENSION = "com.example.signal"
COMPLEX = 0
FOURIER = 0


def refusal(model: Model, operation: Operation) -> str:
    """Why the device does not take an operation. Nobody else checks what belongs to an extension."""
    if model.extension_type(operation.type) != (EXTENSION, FOURIER):
        return f"the signal processor takes FOURIER of {EXTENSION} only"
    operands = model.main.operands
    inputs = [operands[index].type for index in operation.inputs]
    outputs = [model.extension_type(operands[index].type) for index in operation.outputs]
    if inputs != [OperandType.TENSOR_FLOAT32] or outputs != [(EXTENSION, COMPLEX)]:
        return "FOURIER makes one COMPLEX tensor of one TENSOR_FLOAT32"
    return ""


class SignalProcessor(Device):
    """Takes FOURIER, and names the extension that it comes from."""

    @property
    def info(self) -> DeviceInfo:
        """With the extensions that the device knows."""
        level = FeatureLevel.LEVEL_3
        return DeviceInfo("signal", "1.0", DeviceType.ACCELERATOR, level, extensions=(EXTENSION,))

    def capabilities(self) -> Capabilities:
        """NNAPI has no figures for an extension's types."""
        never = Performance(exec_time=float("inf"), power_usage=float("inf"))
        return Capabilities({}, never, never, never, never)

    def supported_operations(
        self, model: Model, preference: PreferenceCode = PreferenceCode.FAST_SINGLE_ANSWER
    ) -> list[Support]:
        """FOURIER, where its operands are right."""
        return [Support(refusal(model, operation)) for operation in model.main.operations]

    def prepare_model(self, model: Model, options: PrepareOptions, progress: Progress) -> PreparedModel:
        """Nothing to prepare."""
        for number, operation in enumerate(model.main.operations):
            reason = refusal(model, operation)
            if reason:
                raise BadDataError(reason, operation=number)
        return Transforms(model)


class Transforms(PreparedModel):
    """A model of transforms: each reads an input of the model, and writes an output."""

    def __init__(self, model: Model) -> None:
        self._main = model.main

    def execute(self, request: Request) -> ExecutionResult:
        """Values of the extension's types come and go as bytes; what they mean is the driver's to say."""
        spectra = {}
        for operation in self._main.operations:
            source = request.inputs[self._main.inputs.index(operation.inputs[0])]
            assert source.data is not None
            spectra[operation.outputs[0]] = np.fft.rfft(source.data.view(np.float32)).astype(np.complex64)
        results = [spectra[index] for index in self._main.outputs]
        dimensions = tuple(result.shape for result in results)
        if not all(map(has_room, request.outputs, results)):
            raise OutputInsufficientSizeError("an output is too small for its spectrum", dimensions=dimensions)
        for argument, result in zip(request.outputs, results):
            if argument.data is not None:
                argument.data[: result.nbytes] = result.view(np.uint8)
        return ExecutionResult(dimensions)

    def close(self) -> None:
        """Nothing to give back."""


def has_room(argument: Argument, result: np.ndarray) -> bool:
    """Whether an output is wanted and long enough; its length is the application's to choose."""
    return argument.data is None or argument.data.size >= result.nbytes


if __name__ == "__main__":
    serve(SignalProcessor(), sys.argv[1])
