"""Operations called with operands of every type, and validated as a model's are."""

import numpy as np
import pytest

from hal.errors import BadDataError
from hal.model import Lifetime, Operand, Operation, PerChannelQuantization
from hal.operations import DECLARATIONS
from hal.operations.declaration import evaluate
from hal.types import OperandType
from hal.validation import validate_operation

FLOAT16, FLOAT32 = OperandType.TENSOR_FLOAT16, OperandType.TENSOR_FLOAT32
INT32 = OperandType.TENSOR_INT32
UINT8, INT8 = OperandType.TENSOR_QUANT8_ASYMM, OperandType.TENSOR_QUANT8_ASYMM_SIGNED
UINT16, INT16 = OperandType.TENSOR_QUANT16_ASYMM, OperandType.TENSOR_QUANT16_SYMM

_TENSORS = {"float16": FLOAT16, "float32": FLOAT32, "int32": INT32}
_SCALARS = {
    bool: OperandType.BOOL,
    int: OperandType.INT32,
    float: OperandType.FLOAT32,
    np.float16: OperandType.FLOAT16,
}


def stored(values, operand_type, scale=0.0, zero_point=0, per_channel=None):
    """A constant tensor of ``values`` as they are stored."""
    value = np.array(values, operand_type.dtype)
    return Operand(
        operand_type, value.shape, scale, zero_point, Lifetime.CONSTANT_COPY, value=value, per_channel=per_channel
    )


def by_channel(values, channel_dim, scales):
    """A constant TENSOR_QUANT8_SYMM_PER_CHANNEL of ``values`` as they are stored."""
    quantization = PerChannelQuantization(channel_dim, scales)
    return stored(values, OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL, per_channel=quantization)


def output(operand_type, scale=0.0, zero_point=0):
    return Operand(operand_type, scale=scale, zero_point=zero_point)


def operand(argument):
    """An array or a Python number as a constant; an operand stands for itself."""
    if isinstance(argument, Operand):
        return argument
    if isinstance(argument, np.ndarray):
        return stored(argument, _TENSORS[argument.dtype.name])
    operand_type = _SCALARS[type(argument)]
    return Operand(operand_type, lifetime=Lifetime.CONSTANT_COPY, value=np.array(argument, operand_type.dtype))


def call(operation_type, *arguments, to):
    """The outputs of an operation's reference as operands like ``to`` store them."""
    operands = [operand(argument) for argument in arguments]
    numbers = tuple(range(len(operands) + len(to)))
    operation = Operation(operation_type, numbers[: len(operands)], numbers[len(operands) :])
    validate_operation(0, operation, [*operands, *to])
    return evaluate(DECLARATIONS[operation_type], operands, [each.value for each in operands], to)


def refusal(operation_type, *arguments, to):
    """What is said of a call that is refused."""
    with pytest.raises(BadDataError) as refused:
        call(operation_type, *arguments, to=to)
    return str(refused.value).removeprefix(f"operation 0 ({operation_type.name}): ")
