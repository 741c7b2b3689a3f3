"""Functions of two tensors, element by element, the smaller one stretched to the larger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import zip_longest

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.activation import activated
from hal.operations.declaration import (
    ACTIVATION,
    UP_TO_4,
    Arguments,
    Array,
    Declaration,
    TensorSpec,
    tensor,
)
from hal.types import FeatureLevel, FuseCode, OperandType, OperationType


def broadcast(first: Dimensions, second: Dimensions) -> Dimensions:
    """The dimensions of two tensors combined: aligned at their last dimension, a size of 1 stretches.

    It stretches to an empty dimension, 0, as well. Raises ``BadDataError`` where two sizes differ
    and neither is 1.
    """
    pairs = list(zip_longest(reversed(first), reversed(second), fillvalue=1))
    for one, other in pairs:
        if one != other and 1 not in (one, other):
            raise BadDataError(
                f"its inputs {list(first)} and {list(second)} do not broadcast: "
                f"sizes {one} and {other} must be equal, or one of them 1"
            )
    return tuple(other if one == 1 else one for one, other in reversed(pairs))


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    return (broadcast(a.input0.shape, a.input1.shape),)


def _check_activation(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    if a.data_type is OperandType.TENSOR_INT32 and a.activation != FuseCode.NONE:
        raise BadDataError(
            f"its activation is {a.activation}; for TENSOR_INT32 it must be {FuseCode.NONE.value} (NONE)"
        )


def _check_product(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    if a.input0.type.has_scale:
        product = float(np.float32(a.input0.scale) * np.float32(a.input1.scale))
        if not outputs[0].scale > product:
            raise BadDataError(
                f"its output has scale {outputs[0].scale}; it must be above {product}, its inputs' scales multiplied"
            )


def _check_mul(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    _check_product(a, outputs)
    _check_activation(a, outputs)


def _add(a: Arguments) -> tuple[Array, ...]:
    """ADD: out = in0 + in1."""
    return (activated(a.input0 + a.input1, a.activation),)


def _sub(a: Arguments) -> tuple[Array, ...]:
    """SUB: out = in0 - in1."""
    return (activated(a.input0 - a.input1, a.activation),)


def _mul(a: Arguments) -> tuple[Array, ...]:
    """MUL: out = in0 * in1."""
    return (activated(a.input0 * a.input1, a.activation),)


def _div(a: Arguments) -> tuple[Array, ...]:
    """DIV: out = in0 / in1; of integers, the floor of it, and 0 where in1 is 0 (NNAPI leaves that open)."""
    divide = np.floor_divide if a.data_type is OperandType.TENSOR_INT32 else np.divide
    return (activated(divide(a.input0, a.input1), a.activation),)


def _maximum(a: Arguments) -> tuple[Array, ...]:
    """MAXIMUM: out = max(in0, in1)."""
    return (np.maximum(a.input0, a.input1),)


def _minimum(a: Arguments) -> tuple[Array, ...]:
    """MINIMUM: out = min(in0, in1)."""
    return (np.minimum(a.input0, a.input1),)


def _pow(a: Arguments) -> tuple[Array, ...]:
    """POW: out = base ^ exponent."""
    return (np.power(a.base, a.exponent),)


def _pow_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    return (broadcast(a.base.shape, a.exponent.shape),)


def _prelu_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    return (broadcast(a.input.shape, a.alpha.shape),)


def _prelu(a: Arguments) -> tuple[Array, ...]:
    """PRELU: out = in where in >= 0, alpha * in elsewhere."""
    return (np.where(a.input >= 0, a.input, a.alpha * a.input),)


def _arithmetic(
    operation_type: OperationType,
    types: Mapping[OperandType, FeatureLevel],
    reference: Callable[[Arguments], tuple[Array, ...]],
    check: Callable[[Arguments, tuple[TensorSpec, ...]], None] = _check_activation,
    check_at_once: Callable[[Arguments, tuple[TensorSpec, ...]], None] | None = None,
) -> Declaration:
    return Declaration(
        operation_type,
        types[OperandType.TENSOR_FLOAT32],
        types,
        forms=((tensor("input0", *UP_TO_4), tensor("input1", *UP_TO_4), ACTIVATION),),
        outputs=(tensor("output", *UP_TO_4),),
        dimensions=_dimensions,
        reference=reference,
        check=check,
        check_at_once=check_at_once,
    )


_ADD_AND_MUL = {
    OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_3,
    OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_1,
    OperandType.TENSOR_INT32: FeatureLevel.LEVEL_4,
    OperandType.TENSOR_QUANT8_ASYMM: FeatureLevel.LEVEL_1,
    OperandType.TENSOR_QUANT8_ASYMM_SIGNED: FeatureLevel.LEVEL_4,
}
_SUB = {
    OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_3,
    OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_2,
    OperandType.TENSOR_INT32: FeatureLevel.LEVEL_4,
    OperandType.TENSOR_QUANT8_ASYMM: FeatureLevel.LEVEL_3,
    OperandType.TENSOR_QUANT8_ASYMM_SIGNED: FeatureLevel.LEVEL_4,
}
_DIV = {
    OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_3,
    OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_2,
    OperandType.TENSOR_INT32: FeatureLevel.LEVEL_4,
}
_POW = {
    OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_3,
    OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_3,
}
_PRELU = {
    **_POW,
    OperandType.TENSOR_QUANT8_ASYMM: FeatureLevel.LEVEL_3,
    OperandType.TENSOR_QUANT8_ASYMM_SIGNED: FeatureLevel.LEVEL_4,
}
_EXTREMES = {**_PRELU, OperandType.TENSOR_INT32: FeatureLevel.LEVEL_3}


def _extreme(operation_type: OperationType, reference: Callable[[Arguments], tuple[Array, ...]]) -> Declaration:
    return Declaration(
        operation_type,
        FeatureLevel.LEVEL_3,
        _EXTREMES,
        forms=((tensor("input0"), tensor("input1")),),
        outputs=(tensor("output"),),
        dimensions=_dimensions,
        reference=reference,
    )


ADD = _arithmetic(OperationType.ADD, _ADD_AND_MUL, _add)
SUB = _arithmetic(OperationType.SUB, _SUB, _sub)
MUL = _arithmetic(OperationType.MUL, _ADD_AND_MUL, _mul, _check_mul, _check_product)
DIV = _arithmetic(OperationType.DIV, _DIV, _div)
MAXIMUM = _extreme(OperationType.MAXIMUM, _maximum)
MINIMUM = _extreme(OperationType.MINIMUM, _minimum)

POW = Declaration(
    OperationType.POW,
    FeatureLevel.LEVEL_3,
    _POW,
    forms=((tensor("base"), tensor("exponent")),),
    outputs=(tensor("output"),),
    dimensions=_pow_dimensions,
    reference=_pow,
)

PRELU = Declaration(
    OperationType.PRELU,
    FeatureLevel.LEVEL_3,
    _PRELU,
    forms=((tensor("input"), tensor("alpha")),),
    outputs=(tensor("output"),),
    dimensions=_prelu_dimensions,
    reference=_prelu,
)
