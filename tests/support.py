"""Models made of plain values, for tests of every layer."""

from __future__ import annotations

import numpy as np

from hal.device import Argument, PrepareOptions, Request
from hal.model import Lifetime, Model, Operand, Operation, Subgraph
from hal.operations import DECLARATIONS
from hal.types import OperandType

FLOAT = OperandType.TENSOR_FLOAT32
_TENSORS = {"f": FLOAT, "i": OperandType.TENSOR_INT32}
_SCALARS = {"f": OperandType.FLOAT32, "i": OperandType.INT32, "b": OperandType.BOOL}


class Input(np.ndarray):
    """Marks an array as a model's input: ``values.view(Input)``."""


def constant(value) -> Operand:
    array = np.asarray(value)
    operand_type = (_TENSORS if array.ndim else _SCALARS)[array.dtype.kind]
    array = array.astype(operand_type.dtype)
    return Operand(operand_type, array.shape, lifetime=Lifetime.CONSTANT_COPY, value=array)


def single(operation_type, *arguments):
    """A model of one operation, and the values of its inputs (the arguments of type ``Input``)."""
    operands, inputs = [], []
    for argument in arguments:
        if isinstance(argument, Input):
            inputs.append(len(operands))
            operands.append(Operand(FLOAT, argument.shape, lifetime=Lifetime.SUBGRAPH_INPUT))
        else:
            operands.append(constant(argument))
    declaration = DECLARATIONS[operation_type]
    dimensions = declaration.infer(declaration.bind(operands))
    outputs = tuple(range(len(operands), len(operands) + len(dimensions)))
    operation = Operation(operation_type, tuple(range(len(operands))), outputs)
    operands += [Operand(FLOAT, each, lifetime=Lifetime.SUBGRAPH_OUTPUT) for each in dimensions]
    main = Subgraph(tuple(operands), (operation,), tuple(inputs), outputs)
    return Model(main), [np.asarray(argument) for argument in arguments if isinstance(argument, Input)]


def raw(array):
    """An array's own bytes, as a request has them."""
    return array.reshape(-1).view(np.uint8)


def execute(prepared, inputs, output_shapes, dtype=np.float32):
    """The outputs of one execution."""
    outputs = [np.zeros(shape, dtype) for shape in output_shapes]
    request = Request(
        [Argument(raw(np.ascontiguousarray(each)), None, each.shape) for each in inputs],
        [Argument(raw(each)) for each in outputs],
    )
    prepared.execute(request)
    return outputs


def prepare(device, model):
    """Prepare without options."""
    return device.prepare_model(model, PrepareOptions(), lambda activity, done, total: None)
