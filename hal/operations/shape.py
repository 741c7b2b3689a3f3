"""Operations from a shape to a tensor, and from a tensor to its shape."""

from __future__ import annotations

import numpy as np

from hal.model import Dimensions
from hal.operations.declaration import (
    Arguments,
    Array,
    Declaration,
    Parameter,
    following,
    int32_tensor,
    integers,
    only,
    same,
    tensor,
)
from hal.types import FeatureLevel, OperandType, OperationType


def _fill_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    return (tuple(integers(a, "shape")),)


def _fill(a: Arguments) -> tuple[Array, ...]:
    """FILL: a tensor of the shape given, with the value everywhere."""
    (dimensions,) = _fill_dimensions(a)
    return (np.full(dimensions, a.value, a.results[0].type.dtype),)


def _rank_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    return ((),)


def _rank(a: Arguments) -> tuple[Array, ...]:
    """RANK: how many dimensions the input has."""
    return (np.array(a.input.ndim),)


_FILLED = {
    OperandType.FLOAT16: frozenset({OperandType.TENSOR_FLOAT16}),
    OperandType.FLOAT32: frozenset({OperandType.TENSOR_FLOAT32}),
    OperandType.INT32: frozenset({OperandType.TENSOR_INT32}),
}

FILL = Declaration(
    OperationType.FILL,
    FeatureLevel.LEVEL_4,
    dict.fromkeys(_FILLED, FeatureLevel.LEVEL_4),
    forms=((int32_tensor("shape", 1), Parameter("value", same)),),
    outputs=(tensor("output", accepts=following(_FILLED)),),
    dimensions=_fill_dimensions,
    reference=_fill,
    data_input=1,
    stored=True,
)

RANK = Declaration(
    OperationType.RANK,
    FeatureLevel.LEVEL_4,
    {operand_type: FeatureLevel.LEVEL_4 for operand_type in OperandType if operand_type.is_tensor},
    forms=((tensor("input"),),),
    outputs=(Parameter("output", only(OperandType.INT32)),),
    dimensions=_rank_dimensions,
    reference=_rank,
    stored=True,
)
