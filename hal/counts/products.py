"""Products of matrices: convolutions, fully connected layers, BATCH_MATMUL."""

from __future__ import annotations

import math
from dataclasses import replace

from hal.counts.count import Count, Matrix, Shapes, activating, counts
from hal.operations.declaration import Arguments
from hal.operations.layout import nhwc_shape
from hal.types import OperationType


def _product(matrix: Matrix, shapes: Shapes, activation: int) -> Count:
    """A product, whose results have a bias (where the sum begins: no instruction) and an activation."""
    results = shapes.results
    return Count(results, results * activating(activation), matrix.macs, matrix)


def _window(a: Arguments, shapes: Shapes) -> Matrix:
    """The window of a convolution, its rows the output's pixels."""
    batches, rows, columns, _ = nhwc_shape(shapes.outputs[0], a.nchw)
    _, height, width, channels = nhwc_shape(a.input.shape, a.nchw)
    _, filter_height, filter_width, _ = a.filter.shape
    return Matrix(
        batches * rows * columns,
        filter_height * filter_width,
        1,
        1,
        filter_height,
        filter_width,
        a.stride_height,
        a.stride_width,
        height,
        width,
        channels,
    )


@counts(OperationType.CONV_2D)
def _convolution(a: Arguments, shapes: Shapes) -> Count:
    out_channels, *taps = a.filter.shape
    return _product(replace(_window(a, shapes), inner=math.prod(taps), columns=out_channels), shapes, a.activation)


@counts(OperationType.GROUPED_CONV_2D)
def _grouped(a: Arguments, shapes: Shapes) -> Count:
    out_channels, *taps = a.filter.shape
    matrix = replace(_window(a, shapes), inner=math.prod(taps), columns=out_channels // a.groups, groups=a.groups)
    return _product(matrix, shapes, a.activation)


@counts(OperationType.DEPTHWISE_CONV_2D)
def _depthwise(a: Arguments, shapes: Shapes) -> Count:
    """Each channel by itself: as many groups, of which each sees one channel."""
    window = _window(a, shapes)
    return _product(replace(window, columns=a.depth_multiplier, groups=window.channels), shapes, a.activation)


@counts(OperationType.TRANSPOSE_CONV_2D)
def _transposed(a: Arguments, shapes: Shapes) -> Count:
    """Each of the input's pixels times the filter, added to the window of the output that it stands for."""
    out_channels, filter_height, filter_width, in_channels = a.filter.shape
    batches, height, width, _ = nhwc_shape(a.input.shape, a.nchw)
    matrix = replace(
        _window(a, shapes),
        rows=batches * height * width,
        inner=in_channels,
        columns=out_channels * filter_height * filter_width,
    )
    return _product(matrix, shapes, a.activation)


@counts(OperationType.FULLY_CONNECTED)
def _fully_connected(a: Arguments, shapes: Shapes) -> Count:
    units, size = a.weights.shape
    return _product(Matrix(shapes.outputs[0][0], size, units, channels=size), shapes, a.activation)


@counts(OperationType.BATCH_MATMUL)
def _batch_matmul(a: Arguments, shapes: Shapes) -> Count:
    *batches, rows, columns = shapes.outputs[0]
    inner = a.input0.shape[-2 if a.adjoint0 else -1]
    matrix = Matrix(rows, inner, columns, groups=math.prod(batches), channels=inner)
    return Count(shapes.results, 0, matrix.macs, matrix)
