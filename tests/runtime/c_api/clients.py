"""Models, compilations and executions by calls of C, for tests that are about something else.

Each function takes the fixture ``nn`` first, fails where a call does, and leaves the freeing to the test.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence

import numpy as np


def ok(code: int) -> None:
    """Fail unless ``code`` is ANEURALNETWORKS_NO_ERROR."""
    assert code == 0, f"result code {code}"


def operand_type(nn, type, dimensions=(), scale=0.0, zero_point=0):
    """A pointer to an ``ANeuralNetworksOperandType``, which keeps its dimensions alive."""
    sizes = nn.ffi.new("uint32_t[]", list(dimensions)) if len(dimensions) else nn.ffi.NULL
    made = nn.ffi.new("ANeuralNetworksOperandType*", [type, len(dimensions), sizes, scale, zero_point])
    _dimensions[made] = sizes
    return made


_dimensions: weakref.WeakKeyDictionary[object, object] = weakref.WeakKeyDictionary()
"""What operand types point to, for as long as they live."""


def indexes(nn, values: Sequence[int]):
    """An array of ``uint32_t``; with none, still a pointer that is not NULL."""
    return nn.ffi.new("uint32_t[]", list(values) or 1)


def new(nn, kind: str, create, *arguments):
    """What ``create(*arguments, where it goes)`` makes, an object of ``kind``, for example "Model"."""
    place = nn.ffi.new(f"ANeuralNetworks{kind}**")
    ok(create(*arguments, place))
    assert place[0] != nn.ffi.NULL
    return place[0]


def new_model(nn):
    """An empty model."""
    return new(nn, "Model", nn.lib.ANeuralNetworksModel_create)


def add_operand(nn, model, type, dimensions=(), scale=0.0, zero_point=0) -> None:
    """Add an operand."""
    ok(nn.lib.ANeuralNetworksModel_addOperand(model, operand_type(nn, type, dimensions, scale, zero_point)))


def set_scalar(nn, model, index: int, value: int) -> None:
    """Make an operand a constant INT32."""
    ok(nn.lib.ANeuralNetworksModel_setOperandValue(model, index, nn.ffi.new("int32_t*", value), 4))


def add_operation(nn, model, type, inputs, outputs) -> None:
    """Add an operation."""
    ok(
        nn.lib.ANeuralNetworksModel_addOperation(
            model, type, len(inputs), indexes(nn, inputs), len(outputs), indexes(nn, outputs)
        )
    )


def identify(nn, model, inputs, outputs) -> None:
    """Say which operands are the model's inputs and outputs."""
    ok(
        nn.lib.ANeuralNetworksModel_identifyInputsAndOutputs(
            model, len(inputs), indexes(nn, inputs), len(outputs), indexes(nn, outputs)
        )
    )


def add_model(nn, dimensions=(2, 3), *, finish=True, relu=False):
    """``output = input 0 + input 1`` of TENSOR_FLOAT32: operands 0, 1, 2 (activation) and 3."""
    lib = nn.lib
    model = new_model(nn)
    add_operand(nn, model, lib.ANEURALNETWORKS_TENSOR_FLOAT32, dimensions)
    add_operand(nn, model, lib.ANEURALNETWORKS_TENSOR_FLOAT32, dimensions)
    add_operand(nn, model, lib.ANEURALNETWORKS_INT32)
    add_operand(nn, model, lib.ANEURALNETWORKS_TENSOR_FLOAT32, dimensions)
    set_scalar(nn, model, 2, lib.ANEURALNETWORKS_FUSED_RELU if relu else lib.ANEURALNETWORKS_FUSED_NONE)
    add_operation(nn, model, lib.ANEURALNETWORKS_ADD, [0, 1, 2], [3])
    identify(nn, model, [0, 1], [3])
    if finish:
        ok(lib.ANeuralNetworksModel_finish(model))
    return model


def devices(nn) -> dict[str, object]:
    """The devices by their names."""
    count = nn.ffi.new("uint32_t*")
    ok(nn.lib.ANeuralNetworks_getDeviceCount(count))
    found = {}
    for index in range(count[0]):
        device = new(nn, "Device", nn.lib.ANeuralNetworks_getDevice, index)
        name = nn.ffi.new("char const**")
        ok(nn.lib.ANeuralNetworksDevice_getName(device, name))
        found[nn.ffi.string(name[0]).decode()] = device
    return found


def new_compilation(nn, model, names: Sequence[str] | None = None, *, finish=True):
    """A compilation for the devices ``names``; None: for all, by ``ANeuralNetworksCompilation_create``."""
    if names is None:
        made = new(nn, "Compilation", nn.lib.ANeuralNetworksCompilation_create, model)
    else:
        found = devices(nn)
        chosen = nn.ffi.new("ANeuralNetworksDevice*[]", [found[name] for name in names])
        made = new(nn, "Compilation", nn.lib.ANeuralNetworksCompilation_createForDevices, model, chosen, len(names))
    if finish:
        ok(nn.lib.ANeuralNetworksCompilation_finish(made))
    return made


def new_execution(nn, compilation):
    """An execution without inputs and outputs."""
    return new(nn, "Execution", nn.lib.ANeuralNetworksExecution_create, compilation)


def pointer(nn, array: np.ndarray):
    """Where the array's elements are; the caller keeps the array."""
    return nn.ffi.cast("void*", array.ctypes.data)


def set_input(nn, execution, index: int, array: np.ndarray, type=None) -> None:
    """Give an input; the caller keeps the array."""
    type = nn.ffi.NULL if type is None else type
    ok(nn.lib.ANeuralNetworksExecution_setInput(execution, index, type, pointer(nn, array), array.nbytes))


def set_output(nn, execution, index: int, array: np.ndarray, type=None) -> None:
    """Say where an output goes; the caller keeps the array."""
    type = nn.ffi.NULL if type is None else type
    ok(nn.lib.ANeuralNetworksExecution_setOutput(execution, index, type, pointer(nn, array), array.nbytes))
