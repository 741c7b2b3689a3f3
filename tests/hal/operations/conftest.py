"""Operations called with plain values: arrays for constant tensors, Python numbers for scalars."""

import numpy as np
import pytest

from hal.model import Lifetime, Operand
from hal.operations import DECLARATIONS
from hal.operations.declaration import evaluate
from hal.types import OperandType

TENSORS = {"float32": OperandType.TENSOR_FLOAT32, "int32": OperandType.TENSOR_INT32}
SCALARS = {bool: OperandType.BOOL, int: OperandType.INT32, float: OperandType.FLOAT32}


def operand(argument):
    """An operand stands for itself, so that a test can leave things unknown."""
    if isinstance(argument, Operand):
        return argument
    if isinstance(argument, np.ndarray):
        operand_type = TENSORS[argument.dtype.name]
        return Operand(operand_type, argument.shape, lifetime=Lifetime.CONSTANT_COPY, value=argument)
    operand_type = SCALARS[type(argument)]
    value = np.array(argument, operand_type.dtype)
    return Operand(operand_type, lifetime=Lifetime.CONSTANT_COPY, value=value)


@pytest.fixture
def compute():
    """The first output of an operation's reference."""

    def compute(operation_type, *arguments):
        operands = [operand(argument) for argument in arguments]
        declaration = DECLARATIONS[operation_type]
        outputs = [Operand(declaration.data_type(operands)) for _ in declaration.outputs]
        return evaluate(declaration, operands, [entry.value for entry in operands], outputs)[0]

    return compute


@pytest.fixture
def infer():
    """The inferred dimensions of an operation's first output."""

    def infer(operation_type, *arguments):
        declaration = DECLARATIONS[operation_type]
        return declaration.infer(declaration.bind([operand(argument) for argument in arguments]))[0]

    return infer
