"""EQUAL, NOT_EQUAL, GREATER, GREATER_EQUAL, LESS, LESS_EQUAL."""

from __future__ import annotations

import numpy as np

from drivers.engine.abi import helper
from drivers.engine.lowering import Builder, lowers
from drivers.engine.program import Tensor
from drivers.kernels.pointwise import broadcasting, emit_broadcasting
from drivers.kernels.tables import emit_lookup, real
from hal.operations.declaration import Arguments, Array
from hal.types import OperandType, OperationType


@helper
def _compared(left, right, less, equal, greater, unordered):
    return less if left < right else (equal if left == right else (greater if left > right else unordered))


compare = broadcasting("compare", _compared, *[int] * 4, dtypes=("float32", "int32", "int8"), out_dtype="int8")

_ANSWERS = {
    OperationType.EQUAL: (0, 1, 0, 0),
    OperationType.NOT_EQUAL: (1, 0, 1, 1),
    OperationType.GREATER: (0, 0, 1, 0),
    OperationType.GREATER_EQUAL: (0, 1, 1, 0),
    OperationType.LESS: (1, 0, 0, 0),
    OperationType.LESS_EQUAL: (1, 1, 0, 0),
}
"""What each says when the left is less than the right, equal, greater, and neither as one is NaN."""


@lowers(*_ANSWERS, data=(OperandType.TENSOR_FLOAT32, OperandType.TENSOR_INT32, OperandType.TENSOR_BOOL8))
def _lower_comparison(builder: Builder, arguments: Arguments) -> None:
    emit_broadcasting(builder, compare, builder.input(0), builder.input(1), *_ANSWERS[builder.type])


@lowers(*_ANSWERS, data=(OperandType.TENSOR_QUANT8_ASYMM_SIGNED,))
def _lower_quantized_comparison(builder: Builder, arguments: Arguments) -> None:
    """Numbers quantised in two ways are compared by their places in the order of all of them: nothing is rounded."""
    left, right = builder.input(0), builder.input(1)
    numbers = np.stack([real(arguments.input0), real(arguments.input1)])
    if not np.array_equal(numbers[0], numbers[1]):
        _, places = np.unique(numbers, return_inverse=True)
        left, right = (_placed(builder, *each) for each in zip((left, right), places.reshape(2, -1)))
    emit_broadcasting(builder, compare, left, right, *_ANSWERS[builder.type])


def _placed(builder: Builder, source: Tensor, places: Array) -> Tensor:
    out = builder.temporary(*source.shape, dtype="int32")
    emit_lookup(builder, source, out, places.astype(np.int32))
    return out
