"""CONV_2D, GROUPED_CONV_2D and DEPTHWISE_CONV_2D."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from drivers.engine.abi import (
    Anyx3,
    Anyx5,
    F32x1,
    F32x2,
    F32x3,
    F32x4,
    F32x5,
    I8x4,
    I8x5,
    I32x1,
    I32x2,
    I32x3,
    Kernel,
    generic,
    helper,
    kernel,
    multiply_add,
)
from drivers.engine.lowering import Builder, lowers
from drivers.engine.program import Tensor
from drivers.kernels import tiled, tiled_quant8
from drivers.kernels.fused import bounds, clamped
from drivers.kernels.layout import nhwc_input, nhwc_output
from drivers.kernels.products import FLOAT_AND_QUANT8, add_products, requantize, rescaling, weights_in_order
from hal.operations.convolution import conv_axes
from hal.operations.declaration import Arguments, TensorSpec
from hal.operations.window import Axis
from hal.types import OperandType, OperationType


@helper
def _convolve(sums, image, weights, bias, y, x, dilation_y, dilation_x, zero):
    """One pixel of CONV_2D or GROUPED_CONV_2D; the filter's first tap is at row ``y`` and column ``x``."""
    for group in range(sums.shape[0]):
        totals = sums[group]
        for o in range(len(totals)):
            totals[o] = bias[group, o]
        for r in range(weights.shape[1]):
            row = y + r * dilation_y
            if row < 0 or row >= image.shape[0]:
                continue
            for s in range(weights.shape[2]):
                column = x + s * dilation_x
                if column < 0 or column >= image.shape[1]:
                    continue
                add_products(totals, image[row, column, group], weights[group, r, s], zero)


@kernel
def conv_2d(
    x: F32x5,
    weights: F32x5,
    bias: F32x2,
    out: F32x5,
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
    """CONV_2D and GROUPED_CONV_2D with weights as [group, row, column, input channel, output channel].

    The channels of all other arrays are [group, channel]. A unit of work is a row of the output. Sums
    grow in the output itself.
    """
    least, most = np.float32(low), np.float32(high)
    for line in range(begin, end):
        batch, i = line // out.shape[1], line % out.shape[1]
        for j in range(out.shape[2]):
            y, column = i * stride_y - top, j * stride_x - left
            sums = out[batch, i, j]
            _convolve(sums, x[batch], weights, bias, y, column, dilation_y, dilation_x, np.float32(0))
            for group in range(sums.shape[0]):
                for o in range(sums.shape[1]):
                    sums[group, o] = clamped(sums[group, o], least, most)


@generic
def conv_2d_quant8(
    x: I8x5,
    weights: Anyx5,
    bias: I32x2,
    sums: I32x3,
    mantissas: I32x2,
    exponents: I32x2,
    out: I8x5,
    stride_y: int,
    stride_x: int,
    dilation_y: int,
    dilation_x: int,
    top: int,
    left: int,
    zero: int,
    out_zero: int,
    low: int,
    high: int,
    begin: int,
    end: int,
) -> None:
    """``conv_2d`` of 8-bit values; ``sums`` has a row for each unit of work."""
    for line in range(begin, end):
        batch, i = line // out.shape[1], line % out.shape[1]
        for j in range(out.shape[2]):
            y, column = i * stride_y - top, j * stride_x - left
            totals = sums[line]
            _convolve(totals, x[batch], weights, bias, y, column, dilation_y, dilation_x, zero)
            for group in range(totals.shape[0]):
                requantize(
                    totals[group], out[batch, i, j, group], mantissas[group], exponents[group], out_zero, low, high
                )


@helper
def _convolve_depthwise(sums, image, weights, bias, multiplier, y, x, dilation_y, dilation_x, zero):
    """One pixel of DEPTHWISE_CONV_2D. Taps are added column by column, as LiteRT adds them."""
    for o in range(len(sums)):
        sums[o] = bias[o]
    for s in range(weights.shape[1]):
        column = x + s * dilation_x
        if column < 0 or column >= image.shape[1]:
            continue
        for r in range(weights.shape[0]):
            row = y + r * dilation_y
            if row < 0 or row >= image.shape[0]:
                continue
            pixel = image[row, column]
            taps = weights[r, s]
            if multiplier == 1:
                for o in range(len(sums)):
                    sums[o] = multiply_add(sums[o], pixel[o] - zero, taps[o])
            else:
                for o in range(len(sums)):
                    sums[o] = multiply_add(sums[o], pixel[o // multiplier] - zero, taps[o])


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
    """DEPTHWISE_CONV_2D with weights as [row, column, output channel]. A unit of work is a row of the output."""
    least, most = np.float32(low), np.float32(high)
    for line in range(begin, end):
        batch, i = line // out.shape[1], line % out.shape[1]
        for j in range(out.shape[2]):
            sums = out[batch, i, j]
            _convolve_depthwise(
                sums,
                x[batch],
                weights,
                bias,
                multiplier,
                i * stride_y - top,
                j * stride_x - left,
                dilation_y,
                dilation_x,
                np.float32(0),
            )
            for o in range(len(sums)):
                sums[o] = clamped(sums[o], least, most)


@generic
def depthwise_conv_2d_quant8(
    x: I8x4,
    weights: Anyx3,
    bias: I32x1,
    sums: I32x2,
    mantissas: I32x1,
    exponents: I32x1,
    out: I8x4,
    multiplier: int,
    stride_y: int,
    stride_x: int,
    dilation_y: int,
    dilation_x: int,
    top: int,
    left: int,
    zero: int,
    out_zero: int,
    low: int,
    high: int,
    begin: int,
    end: int,
) -> None:
    """``depthwise_conv_2d`` of 8-bit values; ``sums`` has a row for each unit of work."""
    for line in range(begin, end):
        batch, i = line // out.shape[1], line % out.shape[1]
        for j in range(out.shape[2]):
            _convolve_depthwise(
                sums[line],
                x[batch],
                weights,
                bias,
                multiplier,
                i * stride_y - top,
                j * stride_x - left,
                dilation_y,
                dilation_x,
                zero,
            )
            requantize(sums[line], out[batch, i, j], mantissas, exponents, out_zero, low, high)


@dataclass(frozen=True, slots=True)
class Convolution:
    """One of the convolutions, for ``emit_convolution``.

    ``in_float32``, ``in_quant8``: its kernels, the latter by the type of the weights; ``geometry``:
    what they take after their arrays; ``channels``: the dimensions that they see an image's channels
    in, of the input and of the output; ``products``: how many a value of the output is the sum of.
    """

    in_float32: Kernel
    in_quant8: Mapping[str, Kernel]
    geometry: tuple[int, ...]
    channels: tuple[tuple[int, ...], tuple[int, ...]]
    products: int


def emit_convolution(builder: Builder, arguments: Arguments, weights: Tensor, convolution: Convolution) -> None:
    """Emit a convolution of the operation's input with ``weights``, plus its bias."""
    in_channels, out_channels = convolution.channels
    image, bias = nhwc_input(builder, arguments.nchw), builder.bias().viewed(*out_channels)
    image = image.viewed(*image.shape[:3], *in_channels)
    with nhwc_output(builder, arguments.nchw) as nhwc:
        out = nhwc.viewed(*nhwc.shape[:3], *out_channels)
        work = out.shape[0] * out.shape[1]
        operations = math.prod(out.shape) * convolution.products
        if out.dtype == "float32":
            values = *convolution.geometry, *bounds(arguments.activation)
            builder.emit(convolution.in_float32, image, weights, bias, out, *values, work=work, operations=operations)
            return
        sums = builder.temporary(work, *out_channels, dtype="int32")
        filters = arguments.filter
        scales = [filters.scale] * nhwc.shape[3] if filters.per_channel is None else filters.per_channel.scales
        mantissas, exponents, *result = rescaling(
            builder, [arguments.input.scale * scale for scale in scales], arguments.activation
        )
        builder.emit(
            convolution.in_quant8[weights.dtype],
            image,
            weights,
            bias,
            sums,
            mantissas.viewed(*out_channels),
            exponents.viewed(*out_channels),
            out,
            *convolution.geometry,
            arguments.input.zero_point,
            *result,
            work=work,
            operations=operations,
        )


def weights_by_group(builder: Builder, filters: TensorSpec, groups: int) -> Tensor:
    """The filter [out, rows, columns, in] as [group, row, column, in, out in a group]."""
    out_channels, rows, columns, depth = filters.dimensions
    width = out_channels // groups
    by_tap = weights_in_order(builder, 1, filters, (0, 2, 3, 1), (groups, width, rows * columns, depth))
    return by_tap.viewed(groups, rows, columns, depth, width)


@lowers(OperationType.CONV_2D, OperationType.GROUPED_CONV_2D, data=FLOAT_AND_QUANT8)
def _lower_conv_2d(builder: Builder, arguments: Arguments) -> None:
    tiles = _tiles(arguments)
    if tiles.fits_product_tiles(builder, arguments):
        tiles.emit_product_tiles(builder, arguments)
        return
    weights = weights_by_group(builder, arguments.filter, getattr(arguments, "groups", 1))
    groups, rows, columns, depth, width = weights.shape
    geometry = _walk(*conv_axes(arguments))
    channels = (groups, depth), (groups, width)
    convolution = Convolution(conv_2d, conv_2d_quant8, geometry, channels, rows * columns * depth)
    emit_convolution(builder, arguments, weights, convolution)


@lowers(OperationType.DEPTHWISE_CONV_2D, data=FLOAT_AND_QUANT8)
def _lower_depthwise_conv_2d(builder: Builder, arguments: Arguments) -> None:
    tiles = _tiles(arguments)
    if tiles.fits_tap_tiles(builder, arguments):
        tiles.emit_tap_tiles(builder, arguments)
        return
    rows, columns, out_channels = arguments.filter.dimensions[1:]
    weights = weights_in_order(builder, 1, arguments.filter, (0, 1, 2), (rows, columns, out_channels))
    multiplier = arguments.depth_multiplier
    geometry = multiplier, *_walk(*conv_axes(arguments))
    channels = (out_channels // multiplier,), (out_channels,)
    convolution = Convolution(depthwise_conv_2d, depthwise_conv_2d_quant8, geometry, channels, rows * columns)
    emit_convolution(builder, arguments, weights, convolution)


def _walk(vertical: Axis, horizontal: Axis) -> tuple[int, ...]:
    return (
        vertical.stride,
        horizontal.stride,
        vertical.dilation,
        horizontal.dilation,
        vertical.before,
        horizontal.before,
    )


def _tiles(arguments: Arguments) -> ModuleType:
    """Whose tiles are for the operation's data."""
    return tiled if arguments.data_type is OperandType.TENSOR_FLOAT32 else tiled_quant8
