"""FULLY_CONNECTED."""

from __future__ import annotations

import numpy as np

from drivers.engine.abi import F32x1, F32x2, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.kernels.fused import bounds, clamped
from drivers.kernels.layout import permuted
from hal.operations.declaration import Arguments
from hal.types import OperationType


@kernel
def fully_connected(
    x: F32x2, weights: F32x2, bias: F32x1, out: F32x2, low: float, high: float, begin: int, end: int
) -> None:
    """FULLY_CONNECTED with weights as [input, unit]. A unit of work is an output unit, for all batches."""
    least, most = np.float32(low), np.float32(high)
    for batch in range(x.shape[0]):
        sums = out[batch]
        for unit in range(begin, end):
            sums[unit] = bias[unit]
        for i in range(x.shape[1]):
            value, row = x[batch, i], weights[i]
            for unit in range(begin, end):
                sums[unit] += value * row[unit]
        for unit in range(begin, end):
            sums[unit] = clamped(sums[unit], least, most)


@lowers(OperationType.FULLY_CONNECTED)
def _lower_fully_connected(builder: Builder, arguments: Arguments) -> None:
    out, weights = builder.output(), permuted(builder, 1, (1, 0))
    x = builder.input(0).viewed(out.shape[0], weights.shape[0])
    limits = bounds(arguments.activation)
    builder.emit(
        fully_connected,
        x,
        weights,
        builder.input(2),
        out,
        *limits,
        work=weights.shape[1],
        operations=x.shape[0] * weights.shape[0] * weights.shape[1],
    )
