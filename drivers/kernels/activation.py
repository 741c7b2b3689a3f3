"""RELU, RELU1, RELU6, LOGISTIC, TANH, ELU, HARD_SWISH in float32; ``tables`` has the 8-bit ones."""

from __future__ import annotations

import numpy as np

from drivers.engine.abi import helper
from drivers.engine.lowering import Builder, lowers
from drivers.kernels.exponential import exponential, exponential_less_1, hyperbolic_tangent, sigmoid
from drivers.kernels.fused import bounds, clamped
from drivers.kernels.pointwise import emit_mapping, mapping
from hal.operations.declaration import Arguments
from hal.types import FuseCode, OperationType


@helper
def _clamped(x, low, high):
    return clamped(x, np.float32(low), np.float32(high))


@helper
def _logistic(x):
    return sigmoid(x)


@helper
def _tanh(x):
    return hyperbolic_tangent(x)


@helper
def _elu(x, alpha):
    zero = np.float32(0)
    near, far = exponential_less_1(x), exponential(x) - np.float32(1)
    curve = np.float32(alpha) * (near if x < zero else far)
    return (zero if x < zero else x) + (zero if curve > zero else curve)


@helper
def _hard_swish(x):
    return x * clamped(x + np.float32(3), np.float32(0), np.float32(6)) * np.float32(1 / 6)


clamp = mapping("clamp", _clamped, float, float)
logistic = mapping("logistic", _logistic)
tanh = mapping("tanh", _tanh)
elu = mapping("elu", _elu, float)
hard_swish = mapping("hard_swish", _hard_swish)


@lowers(OperationType.RELU, OperationType.RELU1, OperationType.RELU6)
def _lower_relu(builder: Builder, arguments: Arguments) -> None:
    emit_mapping(builder, clamp, *bounds(FuseCode[builder.type.name]))


_KERNELS = {OperationType.LOGISTIC: logistic, OperationType.TANH: tanh, OperationType.HARD_SWISH: hard_swish}


@lowers(*_KERNELS)
def _lower_activation(builder: Builder, arguments: Arguments) -> None:
    emit_mapping(builder, _KERNELS[builder.type])


@lowers(OperationType.ELU)
def _lower_elu(builder: Builder, arguments: Arguments) -> None:
    emit_mapping(builder, elu, arguments.alpha)
