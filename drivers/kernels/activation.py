"""RELU, RELU1, RELU6, LOGISTIC, HARD_SWISH, PRELU."""

from __future__ import annotations

import numpy as np

from drivers.engine.abi import F32x1, helper, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.kernels.elementwise import broadcasting, emit_broadcasting
from drivers.kernels.fused import bounds, clamped
from hal.operations.declaration import Arguments
from hal.types import FuseCode, OperationType


@kernel
def clamp(x: F32x1, out: F32x1, low: float, high: float, begin: int, end: int) -> None:
    """RELU, RELU1, RELU6."""
    least, most = np.float32(low), np.float32(high)
    for i in range(begin, end):
        out[i] = clamped(x[i], least, most)


@kernel
def logistic(x: F32x1, out: F32x1, begin: int, end: int) -> None:
    """LOGISTIC: 1 / (1 + exp(-x))."""
    one = np.float32(1)
    for i in range(begin, end):
        out[i] = one / (one + np.exp(-x[i]))


@kernel
def hard_swish(x: F32x1, out: F32x1, begin: int, end: int) -> None:
    """HARD_SWISH: x * min(max(x + 3, 0), 6) / 6."""
    for i in range(begin, end):
        gate = clamped(x[i] + np.float32(3), np.float32(0), np.float32(6))
        out[i] = x[i] * gate * np.float32(1 / 6)


@helper
def _leaky(value, slope):
    return value if value >= np.float32(0) else value * slope


prelu = broadcasting("prelu", _leaky)


@lowers(OperationType.RELU, OperationType.RELU1, OperationType.RELU6)
def _lower_relu(builder: Builder, arguments: Arguments) -> None:
    low, high = bounds(FuseCode[builder.type.name])
    out = builder.output().flat
    builder.emit(clamp, builder.input(0).flat, out, low, high, work=out.shape[0])


_FLAT = {OperationType.LOGISTIC: logistic, OperationType.HARD_SWISH: hard_swish}


@lowers(*_FLAT)
def _lower_flat(builder: Builder, arguments: Arguments) -> None:
    out = builder.output().flat
    builder.emit(_FLAT[builder.type], builder.input(0).flat, out, work=out.shape[0])


@lowers(OperationType.PRELU)
def _lower_prelu(builder: Builder, arguments: Arguments) -> None:
    emit_broadcasting(builder, prelu, FuseCode.NONE)
