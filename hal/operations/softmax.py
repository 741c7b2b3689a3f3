"""Softmax and its logarithm, along one dimension."""

from __future__ import annotations

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.axis import from_first
from hal.operations.declaration import UP_TO_4, Arguments, Array, Declaration, TensorSpec, int32, optional, real, tensor
from hal.operations.quantization import check_quantization
from hal.types import FeatureLevel, OperandType, OperationType


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    from_first(a.axis, len(a.input.shape))
    if not a.beta > 0:
        raise BadDataError(f"its beta is {a.beta}; it must be above 0")
    return (a.input.shape,)


def _check_softmax(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    check_quantization("output", outputs[0], 1 / 256, asymmetric=0, signed=-128)


def _shifted(a: Arguments) -> Array:
    """(in - max) * beta, which is never above 0, so that its exponential can't overflow."""
    shifted: Array = (a.input - np.max(a.input, a.axis, keepdims=True, initial=-np.inf)) * a.beta
    return shifted


def _softmax(a: Arguments) -> tuple[Array, ...]:
    """SOFTMAX: out = e^((in - max) * beta) / the sum of the same; max and sum along the axis."""
    powers = np.exp(_shifted(a))
    return (powers / np.sum(powers, a.axis, keepdims=True),)


def _log_softmax(a: Arguments) -> tuple[Array, ...]:
    """LOG_SOFTMAX: out = in * beta - log(the sum of e^(in * beta) along the axis)."""
    shifted = _shifted(a)
    return (shifted - np.log(np.sum(np.exp(shifted), a.axis, keepdims=True)),)


SOFTMAX = Declaration(
    OperationType.SOFTMAX,
    FeatureLevel.LEVEL_1,
    {
        OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_3,
        OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_1,
        OperandType.TENSOR_QUANT8_ASYMM: FeatureLevel.LEVEL_1,
        OperandType.TENSOR_QUANT8_ASYMM_SIGNED: FeatureLevel.LEVEL_4,
    },
    forms=((tensor("input", *UP_TO_4), real("beta"), optional(int32("axis"), default=-1, since=FeatureLevel.LEVEL_3)),),
    outputs=(tensor("output", *UP_TO_4),),
    dimensions=_dimensions,
    reference=_softmax,
    check=_check_softmax,
)

LOG_SOFTMAX = Declaration(
    OperationType.LOG_SOFTMAX,
    FeatureLevel.LEVEL_3,
    {
        OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_3,
        OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_3,
    },
    forms=((tensor("input"), real("beta"), int32("axis")),),
    outputs=(tensor("output"),),
    dimensions=_dimensions,
    reference=_log_softmax,
)
