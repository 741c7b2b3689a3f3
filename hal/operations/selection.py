"""A choice between two tensors, element by element."""

from __future__ import annotations

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.declaration import Arguments, Array, Declaration, only, tensor
from hal.types import FeatureLevel, OperandType, OperationType


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    if not a.condition.shape == a.input0.shape == a.input1.shape:
        raise BadDataError(
            f"its condition is {list(a.condition.shape)} and its inputs are {list(a.input0.shape)} "
            f"and {list(a.input1.shape)}; all three must have the same dimensions"
        )
    return (a.input0.shape,)


def _select(a: Arguments) -> tuple[Array, ...]:
    """SELECT: out = in0 where the condition is true, in1 elsewhere."""
    return (np.where(a.condition, a.input0, a.input1),)


SELECT = Declaration(
    OperationType.SELECT,
    FeatureLevel.LEVEL_3,
    {
        OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_3,
        OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_3,
        OperandType.TENSOR_INT32: FeatureLevel.LEVEL_3,
        OperandType.TENSOR_QUANT8_ASYMM: FeatureLevel.LEVEL_3,
        OperandType.TENSOR_QUANT8_ASYMM_SIGNED: FeatureLevel.LEVEL_4,
    },
    forms=((tensor("condition", accepts=only(OperandType.TENSOR_BOOL8)), tensor("input0"), tensor("input1")),),
    outputs=(tensor("output"),),
    dimensions=_dimensions,
    reference=_select,
    data_input=1,
)
