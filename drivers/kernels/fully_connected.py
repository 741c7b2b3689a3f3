"""FULLY_CONNECTED."""

from __future__ import annotations

import numpy as np

from drivers.engine.abi import F32x1, F32x2, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.kernels.fused import bounds, clamped
from hal.operations.declaration import Arguments
from hal.types import OperationType


@kernel
def fully_connected(
    x: F32x2, weights: F32x2, bias: F32x1, out: F32x2, low: float, high: float, begin: int, end: int
) -> None:
    """FULLY_CONNECTED. A unit of work is an output unit, for all batches."""
    least, most = np.float32(low), np.float32(high)
    for unit in range(begin, end):
        row = weights[unit]
        for batch in range(x.shape[0]):
            values = x[batch]
            total = np.float32(0)
            for i in range(len(row)):
                total += values[i] * row[i]
            out[batch, unit] = clamped(total + bias[unit], least, most)


@lowers(OperationType.FULLY_CONNECTED)
def _lower_fully_connected(builder: Builder, arguments: Arguments) -> None:
    out, weights = builder.output(), builder.input(1)
    x = builder.input(0).viewed(out.shape[0], weights.shape[1])
    limits = bounds(arguments.activation)
    builder.emit(fully_connected, x, weights, builder.input(2), out, *limits, work=weights.shape[0])
