"""Changes of type."""

from __future__ import annotations

import numpy as np

from hal.model import Dimensions
from hal.operations.declaration import UP_TO_4, Arguments, Array, Declaration, following, only, tensor
from hal.types import FeatureLevel, OperandType, OperationType


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    return (a.input.shape,)


def _cast(a: Arguments) -> tuple[Array, ...]:
    """CAST: out = in as the output's type counts, without scales and zero points.

    To integers the fraction is cut off, what lies beyond the type becomes its least or greatest
    value, and NaN, which NNAPI leaves open, becomes 0.
    """
    dtype = a.results[0].type.dtype
    if not np.issubdtype(dtype, np.integer):
        return (a.input.astype(dtype),)
    limits = np.iinfo(dtype)
    whole = np.nan_to_num(np.trunc(a.input.astype(np.float64)))  # float64 holds every 32-bit integer
    return (np.clip(whole, limits.min, limits.max).astype(dtype),)


def _unchanged(a: Arguments) -> tuple[Array, ...]:
    """QUANTIZE: out = in / scale + zero point, rounded, halves away from zero, and kept within the output's type.

    DEQUANTIZE: out = (in - zero point) * scale. Both are the same real number, stored otherwise.
    """
    return (a.input,)


_FLOATS = frozenset({OperandType.TENSOR_FLOAT16, OperandType.TENSOR_FLOAT32})
_CONVERTIBLE = _FLOATS | {OperandType.TENSOR_INT32, OperandType.TENSOR_QUANT8_ASYMM}

CAST = Declaration(
    OperationType.CAST,
    FeatureLevel.LEVEL_3,
    {
        **dict.fromkeys(_CONVERTIBLE, FeatureLevel.LEVEL_3),
        OperandType.TENSOR_BOOL8: FeatureLevel.LEVEL_4,
        OperandType.TENSOR_QUANT16_ASYMM: FeatureLevel.LEVEL_4,
        OperandType.TENSOR_QUANT16_SYMM: FeatureLevel.LEVEL_4,
        OperandType.TENSOR_QUANT8_ASYMM_SIGNED: FeatureLevel.LEVEL_4,
        OperandType.TENSOR_QUANT8_SYMM: FeatureLevel.LEVEL_4,
    },
    forms=((tensor("input"),),),
    outputs=(tensor("output", accepts=following(dict.fromkeys(_CONVERTIBLE, _CONVERTIBLE))),),
    dimensions=_dimensions,
    reference=_cast,
    stored=True,
)

QUANTIZE = Declaration(
    OperationType.QUANTIZE,
    FeatureLevel.LEVEL_3,
    dict.fromkeys(_FLOATS, FeatureLevel.LEVEL_3),
    forms=((tensor("input"),),),
    outputs=(tensor("output", accepts=only(OperandType.TENSOR_QUANT8_ASYMM, OperandType.TENSOR_QUANT8_ASYMM_SIGNED)),),
    dimensions=_dimensions,
    reference=_unchanged,
)

DEQUANTIZE = Declaration(
    OperationType.DEQUANTIZE,
    FeatureLevel.LEVEL_1,
    {
        OperandType.TENSOR_QUANT8_ASYMM: FeatureLevel.LEVEL_1,
        OperandType.TENSOR_QUANT8_ASYMM_SIGNED: FeatureLevel.LEVEL_4,
        OperandType.TENSOR_QUANT8_SYMM: FeatureLevel.LEVEL_3,
        OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL: FeatureLevel.LEVEL_3,
    },
    forms=((tensor("input", *UP_TO_4),),),
    outputs=(tensor("output", *UP_TO_4, accepts=only(*_FLOATS)),),
    dimensions=_dimensions,
    reference=_unchanged,
)
