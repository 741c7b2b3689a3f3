"""Operations on and to truth values: comparisons, and logic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hal.model import Dimensions
from hal.operations.declaration import Arguments, Array, Declaration, only, tensor
from hal.operations.elementwise import broadcast
from hal.types import FeatureLevel, OperandType, OperationType


def _broadcast_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    return (broadcast(a.input0.shape, a.input1.shape),)


def _equal(a: Arguments) -> tuple[Array, ...]:
    """EQUAL: out = in0 == in1."""
    return (np.equal(a.input0, a.input1),)


def _not_equal(a: Arguments) -> tuple[Array, ...]:
    """NOT_EQUAL: out = in0 != in1."""
    return (np.not_equal(a.input0, a.input1),)


def _greater(a: Arguments) -> tuple[Array, ...]:
    """GREATER: out = in0 > in1."""
    return (np.greater(a.input0, a.input1),)


def _greater_equal(a: Arguments) -> tuple[Array, ...]:
    """GREATER_EQUAL: out = in0 >= in1."""
    return (np.greater_equal(a.input0, a.input1),)


def _less(a: Arguments) -> tuple[Array, ...]:
    """LESS: out = in0 < in1."""
    return (np.less(a.input0, a.input1),)


def _less_equal(a: Arguments) -> tuple[Array, ...]:
    """LESS_EQUAL: out = in0 <= in1."""
    return (np.less_equal(a.input0, a.input1),)


def _logical_and(a: Arguments) -> tuple[Array, ...]:
    """LOGICAL_AND: out = in0 and in1."""
    return (np.logical_and(a.input0, a.input1),)


def _logical_or(a: Arguments) -> tuple[Array, ...]:
    """LOGICAL_OR: out = in0 or in1."""
    return (np.logical_or(a.input0, a.input1),)


def _logical_not(a: Arguments) -> tuple[Array, ...]:
    """LOGICAL_NOT: out = not in."""
    return (np.logical_not(a.input),)


def _logical_not_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    return (a.input.shape,)


_BOOL8 = {OperandType.TENSOR_BOOL8: FeatureLevel.LEVEL_3}
_COMPARED = {
    **_BOOL8,
    OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_3,
    OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_3,
    OperandType.TENSOR_INT32: FeatureLevel.LEVEL_3,
    OperandType.TENSOR_QUANT8_ASYMM: FeatureLevel.LEVEL_3,
    OperandType.TENSOR_QUANT8_ASYMM_SIGNED: FeatureLevel.LEVEL_4,
}
_TRUTH = (tensor("output", accepts=only(OperandType.TENSOR_BOOL8)),)


def _of_two(
    operation_type: OperationType,
    reference: Callable[[Arguments], tuple[Array, ...]],
    types: dict[OperandType, FeatureLevel] = _COMPARED,
) -> Declaration:
    return Declaration(
        operation_type,
        FeatureLevel.LEVEL_3,
        types,
        forms=((tensor("input0"), tensor("input1")),),
        outputs=_TRUTH,
        dimensions=_broadcast_dimensions,
        reference=reference,
    )


EQUAL = _of_two(OperationType.EQUAL, _equal)
NOT_EQUAL = _of_two(OperationType.NOT_EQUAL, _not_equal)
GREATER = _of_two(OperationType.GREATER, _greater)
GREATER_EQUAL = _of_two(OperationType.GREATER_EQUAL, _greater_equal)
LESS = _of_two(OperationType.LESS, _less)
LESS_EQUAL = _of_two(OperationType.LESS_EQUAL, _less_equal)
LOGICAL_AND = _of_two(OperationType.LOGICAL_AND, _logical_and, _BOOL8)
LOGICAL_OR = _of_two(OperationType.LOGICAL_OR, _logical_or, _BOOL8)

LOGICAL_NOT = Declaration(
    OperationType.LOGICAL_NOT,
    FeatureLevel.LEVEL_3,
    _BOOL8,
    forms=((tensor("input"),),),
    outputs=_TRUTH,
    dimensions=_logical_not_dimensions,
    reference=_logical_not,
)
