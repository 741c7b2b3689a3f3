"""Normalizations: values brought to a common measure, taken from those around them."""

from __future__ import annotations

import numpy as np

from hal.model import Dimensions
from hal.operations.axis import from_first
from hal.operations.declaration import (
    UP_TO_4,
    Arguments,
    Array,
    Declaration,
    TensorSpec,
    boolean,
    int32,
    optional,
    real,
    tensor,
)
from hal.operations.quantization import check_quantization
from hal.types import FeatureLevel, OperandType, OperationType


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    return (a.input.shape,)


def _along_axis_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    from_first(a.axis, len(a.input.shape))
    return (a.input.shape,)


def _check_l2_normalization(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    check_quantization("output", outputs[0], 1 / 128, asymmetric=128, signed=0)


def _l2_normalization(a: Arguments) -> tuple[Array, ...]:
    """L2_NORMALIZATION: out = in / (the sum of in^2 along the axis)^(1/2); 0 where that is 0."""
    length = np.sqrt(np.sum(a.input**2, a.axis, keepdims=True))
    return (np.divide(a.input, length, out=np.zeros_like(a.input), where=length != 0),)


def _local_response_normalization(a: Arguments) -> tuple[Array, ...]:
    """LOCAL_RESPONSE_NORMALIZATION: out = in / (bias + alpha * sum)^beta.

    sum[i] = the sum of in^2 along the axis from i - radius to i + radius, as far as the input goes.
    """
    values = np.moveaxis(a.input, a.axis, -1)
    squares = values**2
    sums = squares.copy()
    for distance in range(1, min(a.radius + 1, squares.shape[-1])):
        sums[..., distance:] += squares[..., :-distance]
        sums[..., :-distance] += squares[..., distance:]
    return (np.moveaxis(values / (a.bias + a.alpha * sums) ** a.beta, -1, a.axis),)


def _instance_normalization(a: Arguments) -> tuple[Array, ...]:
    """INSTANCE_NORMALIZATION: out = (in - mean) * gamma / (variance + epsilon)^(1/2) + beta.

    Mean and variance are those of each channel of each batch, over the spatial axes.
    """
    if a.input.size == 0:
        return (a.input,)
    spatial = (2, 3) if a.nchw else (1, 2)
    mean = np.mean(a.input, spatial, keepdims=True)
    variance = np.mean((a.input - mean) ** 2, spatial, keepdims=True)
    return ((a.input - mean) * a.gamma / np.sqrt(variance + a.epsilon) + a.beta,)


_AXIS = optional(int32("axis"), default=-1, since=FeatureLevel.LEVEL_3)

L2_NORMALIZATION = Declaration(
    OperationType.L2_NORMALIZATION,
    FeatureLevel.LEVEL_1,
    {
        OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_3,
        OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_1,
        OperandType.TENSOR_QUANT8_ASYMM: FeatureLevel.LEVEL_3,
        OperandType.TENSOR_QUANT8_ASYMM_SIGNED: FeatureLevel.LEVEL_4,
    },
    forms=((tensor("input", *UP_TO_4), _AXIS),),
    outputs=(tensor("output", *UP_TO_4),),
    dimensions=_along_axis_dimensions,
    reference=_l2_normalization,
    check=_check_l2_normalization,
)

LOCAL_RESPONSE_NORMALIZATION = Declaration(
    OperationType.LOCAL_RESPONSE_NORMALIZATION,
    FeatureLevel.LEVEL_1,
    {
        OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_3,
        OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_1,
    },
    forms=(
        (
            tensor("input", *UP_TO_4),
            int32("radius", minimum=0),
            real("bias"),  # NNAPI says that it must not be 0; Android's own conformance cases have it 0
            real("alpha"),
            real("beta"),
            _AXIS,
        ),
    ),
    outputs=(tensor("output", *UP_TO_4),),
    dimensions=_along_axis_dimensions,
    reference=_local_response_normalization,
)

INSTANCE_NORMALIZATION = Declaration(
    OperationType.INSTANCE_NORMALIZATION,
    FeatureLevel.LEVEL_3,
    {
        OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_3,
        OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_3,
    },
    forms=((tensor("input", 4), real("gamma"), real("beta"), real("epsilon"), boolean("nchw")),),
    outputs=(tensor("output", 4),),
    dimensions=_dimensions,
    reference=_instance_normalization,
)
