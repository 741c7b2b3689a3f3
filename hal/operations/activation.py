"""Functions of one value: what an operation may end with, and the same as operations of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from hal.model import Dimensions
from hal.operations.declaration import UP_TO_4, Arguments, Array, Declaration, TensorSpec, real, tensor
from hal.operations.quantization import check_output_as_input, check_quantization
from hal.types import FeatureLevel, FuseCode, OperandType, OperationType

FUSED_BOUNDS: Mapping[int, tuple[float, float]] = {
    FuseCode.RELU: (0.0, np.inf),
    FuseCode.RELU1: (-1.0, 1.0),
    FuseCode.RELU6: (0.0, 6.0),
}
"""The least and greatest result of each ``FuseCode`` that bounds it."""


def activated(values: Array, activation: int) -> Array:
    """``values`` after the fused ``activation``, a ``FuseCode``."""
    if activation == FuseCode.NONE:
        return values
    return np.clip(values, *FUSED_BOUNDS[activation])


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    return (a.input.shape,)


def _check_logistic(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    check_quantization("output", outputs[0], 1 / 256, asymmetric=0, signed=-128)


def _check_tanh(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    check_quantization("output", outputs[0], 1 / 128, asymmetric=128, signed=0)


def _relu(a: Arguments) -> tuple[Array, ...]:
    """RELU: out = max(0, in)."""
    return (activated(a.input, FuseCode.RELU),)


def _relu1(a: Arguments) -> tuple[Array, ...]:
    """RELU1: out = min(1, max(-1, in))."""
    return (activated(a.input, FuseCode.RELU1),)


def _relu6(a: Arguments) -> tuple[Array, ...]:
    """RELU6: out = min(6, max(0, in))."""
    return (activated(a.input, FuseCode.RELU6),)


def _logistic(a: Arguments) -> tuple[Array, ...]:
    """LOGISTIC: out = 1 / (1 + e^-in)."""
    return (1 / (1 + np.exp(-a.input)),)


def _tanh(a: Arguments) -> tuple[Array, ...]:
    """TANH: out = tanh(in)."""
    return (np.tanh(a.input),)


def _elu(a: Arguments) -> tuple[Array, ...]:
    """ELU: out = max(0, in) + min(0, alpha * (e^in - 1))."""
    return (np.maximum(0, a.input) + np.minimum(0, a.alpha * np.expm1(a.input)),)


def _hard_swish(a: Arguments) -> tuple[Array, ...]:
    """HARD_SWISH: out = in * max(0, min(6, in + 3)) / 6."""
    return (a.input * np.clip(a.input + 3, 0, 6) / 6,)


_RELU_AND_LOGISTIC = {
    OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_3,
    OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_1,
    OperandType.TENSOR_QUANT8_ASYMM: FeatureLevel.LEVEL_1,
    OperandType.TENSOR_QUANT8_ASYMM_SIGNED: FeatureLevel.LEVEL_4,
}
_TANH = {**_RELU_AND_LOGISTIC, OperandType.TENSOR_QUANT8_ASYMM: FeatureLevel.LEVEL_3}
_ELU = {
    OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_4,
    OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_4,
}
_HARD_SWISH = {
    **_ELU,
    OperandType.TENSOR_QUANT8_ASYMM: FeatureLevel.LEVEL_4,
    OperandType.TENSOR_QUANT8_ASYMM_SIGNED: FeatureLevel.LEVEL_4,
}


def _declaration(
    operation_type: OperationType,
    types: Mapping[OperandType, FeatureLevel],
    reference: Callable[[Arguments], tuple[Array, ...]],
    check: Callable[[Arguments, tuple[TensorSpec, ...]], None],
) -> Declaration:
    return Declaration(
        operation_type,
        FeatureLevel.LEVEL_1,
        types,
        forms=((tensor("input", *UP_TO_4),),),
        outputs=(tensor("output", *UP_TO_4),),
        dimensions=_dimensions,
        reference=reference,
        check=check,
    )


RELU = _declaration(OperationType.RELU, _RELU_AND_LOGISTIC, _relu, check_output_as_input)
RELU1 = _declaration(OperationType.RELU1, _RELU_AND_LOGISTIC, _relu1, check_output_as_input)
RELU6 = _declaration(OperationType.RELU6, _RELU_AND_LOGISTIC, _relu6, check_output_as_input)
LOGISTIC = _declaration(OperationType.LOGISTIC, _RELU_AND_LOGISTIC, _logistic, _check_logistic)
TANH = _declaration(OperationType.TANH, _TANH, _tanh, _check_tanh)

ELU = Declaration(
    OperationType.ELU,
    FeatureLevel.LEVEL_4,
    _ELU,
    forms=((tensor("input"), real("alpha")),),
    outputs=(tensor("output"),),
    dimensions=_dimensions,
    reference=_elu,
)

HARD_SWISH = Declaration(
    OperationType.HARD_SWISH,
    FeatureLevel.LEVEL_4,
    _HARD_SWISH,
    forms=((tensor("input"),),),
    outputs=(tensor("output"),),
    dimensions=_dimensions,
    reference=_hard_swish,
)
