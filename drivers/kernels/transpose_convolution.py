"""TRANSPOSE_CONV_2D."""

from __future__ import annotations

import numpy as np

from drivers.engine.abi import Anyx5, F32x1, F32x4, F32x5, I8x4, I32x1, I32x2, generic, helper, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.kernels.convolution import Convolution, emit_convolution, weights_by_group
from drivers.kernels.fused import clamped
from drivers.kernels.products import FLOAT_AND_QUANT8, add_products, requantize
from hal.operations.declaration import Arguments
from hal.operations.layout import nhwc_shape
from hal.operations.transpose_convolution import transpose_axes
from hal.types import OperationType


@helper
def _gather(sums, image, weights, bias, y, x, stride_y, stride_x, zero):
    """One pixel of TRANSPOSE_CONV_2D, at row ``y`` and column ``x`` of the padded output.

    It gathers the inputs whose windows reach it.
    """
    for o in range(len(sums)):
        sums[o] = bias[o]
    for r in range(weights.shape[1]):
        i, between = (y - r) // stride_y, (y - r) % stride_y
        if between != 0 or i < 0 or i >= image.shape[0]:
            continue
        for s in range(weights.shape[2]):
            j, between = (x - s) // stride_x, (x - s) % stride_x
            if between == 0 and 0 <= j < image.shape[1]:
                add_products(sums, image[i, j], weights[0, r, s], zero)


@kernel
def transpose_conv_2d(
    x: F32x4,
    weights: F32x5,
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
    """TRANSPOSE_CONV_2D with weights as [1, row, column, input channel, output channel].

    A unit of work is a row of the output. Sums grow in the output itself.
    """
    least, most = np.float32(low), np.float32(high)
    for line in range(begin, end):
        batch, y = line // out.shape[1], line % out.shape[1]
        for column in range(out.shape[2]):
            sums = out[batch, y, column]
            _gather(sums, x[batch], weights, bias, y + top, column + left, stride_y, stride_x, np.float32(0))
            for o in range(len(sums)):
                sums[o] = clamped(sums[o], least, most)


@generic
def transpose_conv_2d_quant8(
    x: I8x4,
    weights: Anyx5,
    bias: I32x1,
    sums: I32x2,
    mantissas: I32x1,
    exponents: I32x1,
    out: I8x4,
    stride_y: int,
    stride_x: int,
    top: int,
    left: int,
    zero: int,
    out_zero: int,
    low: int,
    high: int,
    begin: int,
    end: int,
) -> None:
    """``transpose_conv_2d`` of 8-bit values; ``sums`` has a row for each unit of work."""
    for line in range(begin, end):
        batch, y = line // out.shape[1], line % out.shape[1]
        for column in range(out.shape[2]):
            _gather(sums[line], x[batch], weights, bias, y + top, column + left, stride_y, stride_x, zero)
            requantize(sums[line], out[batch, y, column], mantissas, exponents, out_zero, low, high)


@lowers(OperationType.TRANSPOSE_CONV_2D, data=FLOAT_AND_QUANT8)
def _lower_transpose_conv_2d(builder: Builder, arguments: Arguments) -> None:
    weights = weights_by_group(builder, arguments.filter, groups=1)
    _, height, width, _ = nhwc_shape(arguments.input.shape, arguments.nchw)
    _, rows, columns, depth = arguments.filter.dimensions
    vertical, horizontal = transpose_axes(arguments, height, width, rows, columns)
    geometry = vertical.stride, horizontal.stride, vertical.before, horizontal.before
    products = -(-rows // vertical.stride) * -(-columns // horizontal.stride) * depth
    channels = (depth,), (weights.shape[4],)
    convolution = Convolution(transpose_conv_2d, transpose_conv_2d_quant8, geometry, channels, products)
    emit_convolution(builder, arguments, weights, convolution)
