"""TRANSPOSE_CONV_2D."""

from __future__ import annotations

import math

import numpy as np

from drivers.engine.abi import F32x1, F32x4, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.kernels.fused import bounds, clamped
from drivers.kernels.layout import nhwc_input, nhwc_output, permuted
from hal.operations.declaration import Arguments
from hal.operations.transpose_convolution import transpose_axes
from hal.types import OperationType


@kernel
def transpose_conv_2d(
    x: F32x4,
    weights: F32x4,
    bias: F32x1,
    out: F32x4,
    stride_y: int,
    stride_x: int,
    top: int,
    left: int,
    low: float,
    high: float,
    begin: int,
    end: int,
) -> None:
    """TRANSPOSE_CONV_2D with weights as [row, column, input channel, output channel].

    A unit of work is a row of the output; each output gathers the inputs whose windows reach it.
    """
    least, most = np.float32(low), np.float32(high)
    for line in range(begin, end):
        batch, y = line // out.shape[1], line % out.shape[1]
        for column in range(out.shape[2]):
            sums = out[batch, y, column]
            for o in range(len(sums)):
                sums[o] = bias[o]
            for r in range(weights.shape[0]):
                i, between_y = (y + top - r) // stride_y, (y + top - r) % stride_y
                if between_y != 0 or i < 0 or i >= x.shape[1]:
                    continue
                for s in range(weights.shape[1]):
                    j, between_x = (column + left - s) // stride_x, (column + left - s) % stride_x
                    if between_x != 0 or j < 0 or j >= x.shape[2]:
                        continue
                    for c in range(x.shape[3]):
                        for o in range(len(sums)):
                            sums[o] += x[batch, i, j, c] * weights[r, s, c, o]
            for o in range(len(sums)):
                sums[o] = clamped(sums[o], least, most)


@lowers(OperationType.TRANSPOSE_CONV_2D)
def _lower_transpose_conv_2d(builder: Builder, arguments: Arguments) -> None:
    weights = permuted(builder, 1, (1, 2, 3, 0))
    x = nhwc_input(builder, arguments.nchw)
    vertical, horizontal = transpose_axes(arguments, x.shape[1], x.shape[2], weights.shape[0], weights.shape[1])
    with nhwc_output(builder, arguments.nchw) as out:
        builder.emit(
            transpose_conv_2d,
            x,
            weights,
            builder.input(2),
            out,
            vertical.stride,
            horizontal.stride,
            vertical.before,
            horizontal.before,
            *bounds(arguments.activation),
            work=out.shape[0] * out.shape[1],
            operations=math.prod(x.shape) * math.prod(weights.shape) // weights.shape[2],
        )
