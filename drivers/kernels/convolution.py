"""CONV_2D and DEPTHWISE_CONV_2D."""

from __future__ import annotations

import math

import numpy as np

from drivers.engine.abi import F32x1, F32x3, F32x4, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.kernels.fused import bounds, clamped
from drivers.kernels.layout import nhwc_input, nhwc_output, permuted
from hal.operations.convolution import conv_axes
from hal.operations.declaration import Arguments
from hal.types import OperationType


@kernel
def conv_2d(
    x: F32x4,
    weights: F32x4,
    bias: F32x1,
    out: F32x4,
    stride_y: int,
    stride_x: int,
    dilation_y: int,
    dilation_x: int,
    top: int,
    left: int,
    low: float,
    high: float,
    begin: int,
    end: int,
) -> None:
    """CONV_2D with weights as [row, column, input channel, output channel].

    A unit of work is a row of the output. Sums grow in the output itself, four input channels at a
    time, so that the innermost loop is a vector of output channels.
    """
    least, most = np.float32(low), np.float32(high)
    depth = x.shape[3]
    by_four = depth - depth % 4
    for line in range(begin, end):
        batch, i = line // out.shape[1], line % out.shape[1]
        for j in range(out.shape[2]):
            sums = out[batch, i, j]
            for o in range(len(sums)):
                sums[o] = bias[o]
            for r in range(weights.shape[0]):
                y = i * stride_y - top + r * dilation_y
                if y < 0 or y >= x.shape[1]:
                    continue
                for s in range(weights.shape[1]):
                    column = j * stride_x - left + s * dilation_x
                    if column < 0 or column >= x.shape[2]:
                        continue
                    pixel = x[batch, y, column]
                    taps = weights[r, s]
                    for c in range(0, by_four, 4):
                        p0, p1, p2, p3 = pixel[c], pixel[c + 1], pixel[c + 2], pixel[c + 3]
                        for o in range(len(sums)):
                            total = sums[o] + p0 * taps[c, o]
                            total += p1 * taps[c + 1, o]
                            total += p2 * taps[c + 2, o]
                            sums[o] = total + p3 * taps[c + 3, o]
                    for c in range(by_four, depth):
                        p0 = pixel[c]
                        for o in range(len(sums)):
                            sums[o] += p0 * taps[c, o]
            for o in range(len(sums)):
                sums[o] = clamped(sums[o], least, most)


@kernel
def depthwise_conv_2d(
    x: F32x4,
    weights: F32x3,
    bias: F32x1,
    out: F32x4,
    multiplier: int,
    stride_y: int,
    stride_x: int,
    dilation_y: int,
    dilation_x: int,
    top: int,
    left: int,
    low: float,
    high: float,
    begin: int,
    end: int,
) -> None:
    """DEPTHWISE_CONV_2D with weights as [row, column, output channel].

    A unit of work is a row of the output. Taps are added column by column, as LiteRT adds them.
    """
    least, most = np.float32(low), np.float32(high)
    for line in range(begin, end):
        batch, i = line // out.shape[1], line % out.shape[1]
        for j in range(out.shape[2]):
            sums = out[batch, i, j]
            for o in range(len(sums)):
                sums[o] = bias[o]
            for s in range(weights.shape[1]):
                column = j * stride_x - left + s * dilation_x
                if column < 0 or column >= x.shape[2]:
                    continue
                for r in range(weights.shape[0]):
                    y = i * stride_y - top + r * dilation_y
                    if y < 0 or y >= x.shape[1]:
                        continue
                    pixel = x[batch, y, column]
                    taps = weights[r, s]
                    if multiplier == 1:
                        for o in range(len(sums)):
                            sums[o] += pixel[o] * taps[o]
                    else:
                        for o in range(len(sums)):
                            sums[o] += pixel[o // multiplier] * taps[o]
            for o in range(len(sums)):
                sums[o] = clamped(sums[o], least, most)


@lowers(OperationType.CONV_2D)
def _lower_conv_2d(builder: Builder, arguments: Arguments) -> None:
    weights = permuted(builder, 1, (1, 2, 3, 0))
    x = nhwc_input(builder, arguments.nchw)
    vertical, horizontal = conv_axes(arguments)
    with nhwc_output(builder, arguments.nchw) as out:
        builder.emit(
            conv_2d,
            x,
            weights,
            builder.input(2),
            out,
            vertical.stride,
            horizontal.stride,
            vertical.dilation,
            horizontal.dilation,
            vertical.before,
            horizontal.before,
            *bounds(arguments.activation),
            work=out.shape[0] * out.shape[1],
            operations=math.prod(out.shape) * math.prod(weights.shape[:3]),
        )


@lowers(OperationType.DEPTHWISE_CONV_2D)
def _lower_depthwise_conv_2d(builder: Builder, arguments: Arguments) -> None:
    weights = builder.input(1).viewed(*arguments.filter.dimensions[1:])
    x = nhwc_input(builder, arguments.nchw)
    vertical, horizontal = conv_axes(arguments)
    with nhwc_output(builder, arguments.nchw) as out:
        builder.emit(
            depthwise_conv_2d,
            x,
            weights,
            builder.input(2),
            out,
            arguments.depth_multiplier,
            vertical.stride,
            horizontal.stride,
            vertical.dilation,
            horizontal.dilation,
            vertical.before,
            horizontal.before,
            *bounds(arguments.activation),
            work=out.shape[0] * out.shape[1],
            operations=math.prod(out.shape) * math.prod(weights.shape[:2]),
        )
