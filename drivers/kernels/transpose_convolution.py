"""TRANSPOSE_CONV_2D."""

from __future__ import annotations

import numpy as np

from drivers.engine.abi import Anyx5, F32x1, F32x4, F32x5, I8x4, I32x1, I32x2, generic, helper, kernel
from drivers.engine.lowering import Builder, lowers
from drivers.kernels import tiled_quant8
from drivers.kernels.convolution import Convolution, emit_convolution, weights_by_group
from drivers.kernels.fused import bounds, clamped
from drivers.kernels.layout import nhwc_input, nhwc_output
from drivers.kernels.products import FLOAT_AND_QUANT8, add_products, requantize
from drivers.kernels.strided import View, emit_move, whole
from drivers.kernels.tiled import emit_matrix_products
from hal.operations.declaration import Arguments, Array
from hal.operations.layout import nhwc_shape
from hal.operations.transpose_convolution import transpose_axes
from hal.operations.window import Axis
from hal.types import OperandType, OperationType


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
    _, height, width, _ = nhwc_shape(arguments.input.shape, arguments.nchw)
    _, rows, columns, depth = arguments.filter.dimensions
    vertical, horizontal = transpose_axes(arguments, height, width, rows, columns)
    if _is_side_by_side(vertical, height) and _is_side_by_side(horizontal, width):
        if arguments.data_type is not OperandType.TENSOR_FLOAT32:
            fits = tiled_quant8.fits_matrix_products(builder, arguments.filter)
        else:
            fits = builder.is_constant(1)
        if fits:
            _emit_side_by_side(builder, arguments)
            return
    weights = weights_by_group(builder, arguments.filter, groups=1)
    geometry = vertical.stride, horizontal.stride, vertical.before, horizontal.before
    products = -(-rows // vertical.stride) * -(-columns // horizontal.stride) * depth
    channels = (depth,), (weights.shape[4],)
    convolution = Convolution(transpose_conv_2d, transpose_conv_2d_quant8, geometry, channels, products)
    emit_convolution(builder, arguments, weights, convolution)


def _is_side_by_side(axis: Axis, size: int) -> bool:
    """Whether ``size`` pixels' windows are side by side, and the output is all that they cover."""
    return axis.window == axis.stride and axis.before == 0 and axis.input == size * axis.stride


def _by_window(filters: Array) -> Array:
    """A filter [out, row, column, in] as [row and column and out, in]."""
    return filters.transpose(1, 2, 0, 3).reshape(-1, filters.shape[3])


def _by_pixel(filters: Array) -> Array:
    """A filter [out, row, column, in] as [in, row and column and out]."""
    return _by_window(filters).T


def _emit_side_by_side(builder: Builder, arguments: Arguments) -> None:
    """Emit it where windows don't overlap: products give each input pixel's window, which then takes its place."""
    channels, rows, columns, _ = arguments.filter.dimensions
    image = nhwc_input(builder, arguments.nchw)
    batches, height, width, depth = image.shape
    windows = builder.temporary(batches * height * width, rows * columns * channels, dtype=image.dtype)
    pixels = image.viewed(batches * height * width, depth)
    if image.dtype == "int8":
        tiled_quant8.emit_matrix_products(builder, arguments, arguments.filter, pixels, windows, _by_window)
    else:
        biases = builder.temporary(rows * columns, channels)
        emit_move(builder, View(builder.bias(), biases.shape, (0, 1)), whole(biases))
        emit_matrix_products(builder, pixels, biases.flat, windows, bounds(arguments.activation), _by_pixel)
    with nhwc_output(builder, arguments.nchw) as out:
        placed = whole(windows, batches, height, width, rows, columns, channels).transposed((0, 1, 3, 2, 4, 5))
        emit_move(builder, placed, whole(out, *placed.shape))
