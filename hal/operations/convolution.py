"""Convolutions over two spatial axes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.activation import activated
from hal.operations.declaration import (
    ACTIVATION,
    FLOAT32_ONLY,
    NCHW,
    PADDING,
    Arguments,
    Array,
    Declaration,
    int32,
    optional,
    tensor,
)
from hal.operations.layout import from_nhwc, nhwc_shape, place, to_nhwc
from hal.operations.window import PADDINGS, STRIDES, Axis, window_axes
from hal.types import FeatureLevel, OperationType

OPERANDS = (tensor("input", 4), tensor("filter", 4), tensor("bias", 1))
_LAYOUT_AND_DILATIONS = (
    NCHW,
    optional(int32("dilation_width", minimum=1), default=1, since=FeatureLevel.LEVEL_3, with_next=True),
    optional(int32("dilation_height", minimum=1), default=1, since=FeatureLevel.LEVEL_3),
)
_MULTIPLIER = int32("depth_multiplier", minimum=1)


def conv_axes(a: Arguments) -> tuple[Axis, Axis]:
    """Vertical and horizontal walk of CONV_2D's or DEPTHWISE_CONV_2D's filter."""
    _, height, width, _ = nhwc_shape(a.input.shape, a.nchw)
    return window_axes(a, height, width, a.filter.shape[1], a.filter.shape[2])


def check_full_filter(a: Arguments) -> None:
    """Refuse a filter [out, rows, columns, in] and a bias that do not fit the input's channels."""
    out_channels, _, _, in_channels = a.filter.shape
    _, _, _, channels = nhwc_shape(a.input.shape, a.nchw)
    if channels != in_channels:
        raise BadDataError(f"its input has {channels} channels and its filter takes {in_channels}")
    _check_bias(a, out_channels)


def _check_bias(a: Arguments, out_channels: int) -> None:
    if a.bias.shape[0] != out_channels:
        raise BadDataError(f"its bias has {a.bias.shape[0]} values; it must have {out_channels}, one a channel")


def _dimensions(a: Arguments, out_channels: int) -> tuple[Dimensions, ...]:
    vertical, horizontal = conv_axes(a)
    return (place(a.input.shape[0], vertical.output, horizontal.output, out_channels, a.nchw),)


def _conv_2d_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    check_full_filter(a)
    return _dimensions(a, a.filter.shape[0])


def _depthwise_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    one, _, _, out_channels = a.filter.shape
    _, _, _, channels = nhwc_shape(a.input.shape, a.nchw)
    if one != 1:
        raise BadDataError(f"its filter's first dimension is {one}; it must be 1")
    if channels * a.depth_multiplier != out_channels:
        raise BadDataError(
            f"its filter has {out_channels} channels; it must have the input's {channels} "
            f"times the depth multiplier {a.depth_multiplier}"
        )
    _check_bias(a, out_channels)
    return _dimensions(a, out_channels)


def _taps(a: Arguments, image: Array) -> Iterator[tuple[int, int, Array]]:
    """Each place (row, column) in the filter, with what it lies on in an NHWC ``image`` wherever the filter stops."""
    vertical, horizontal = conv_axes(a)
    for row in range(vertical.window):
        rows = _seen(image, 1, vertical, row)
        for column in range(horizontal.window):
            yield row, column, _seen(rows, 2, horizontal, column)


def _seen(image: Array, dimension: int, axis: Axis, tap: int) -> Array:
    inside = axis.inside(tap)
    values = np.take(image, np.where(inside, axis.reached(tap), 0), axis=dimension)
    return np.where(np.expand_dims(inside, tuple(range(1, image.ndim - dimension))), values, 0.0)


def _conv_2d(a: Arguments) -> tuple[Array, ...]:
    """CONV_2D: the filter at each place of the input, plus the bias.

    out[b, i, j, o] = bias[o] +
        sum over r, s, c of in[b, i * stride + r * dilation, j * stride + s * dilation, c] * filter[o, r, s, c]
    """
    image = to_nhwc(a.input, a.nchw)
    result = a.bias + sum(values @ a.filter[:, row, column].T for row, column, values in _taps(a, image))
    return (from_nhwc(activated(result, a.activation), a.nchw),)


def _depthwise_conv_2d(a: Arguments) -> tuple[Array, ...]:
    """DEPTHWISE_CONV_2D: a convolution of each channel by itself.

    out[b, i, j, c * multiplier + m] = bias[c * multiplier + m] +
        sum over r, s of in[b, i * stride + r * dilation, j * stride + s * dilation, c]
                         * filter[0, r, s, c * multiplier + m]
    """
    image = np.repeat(to_nhwc(a.input, a.nchw), a.depth_multiplier, axis=3)
    result = a.bias + sum(values * a.filter[0, row, column] for row, column, values in _taps(a, image))
    return (from_nhwc(activated(result, a.activation), a.nchw),)


CONV_2D = Declaration(
    OperationType.CONV_2D,
    FeatureLevel.LEVEL_1,
    FLOAT32_ONLY,
    forms=(
        (*OPERANDS, *PADDINGS, *STRIDES, ACTIVATION, *_LAYOUT_AND_DILATIONS),
        (*OPERANDS, PADDING, *STRIDES, ACTIVATION, *_LAYOUT_AND_DILATIONS),
    ),
    outputs=(tensor("output", 4),),
    dimensions=_conv_2d_dimensions,
    reference=_conv_2d,
)

DEPTHWISE_CONV_2D = Declaration(
    OperationType.DEPTHWISE_CONV_2D,
    FeatureLevel.LEVEL_1,
    FLOAT32_ONLY,
    forms=(
        (*OPERANDS, *PADDINGS, *STRIDES, _MULTIPLIER, ACTIVATION, *_LAYOUT_AND_DILATIONS),
        (*OPERANDS, PADDING, *STRIDES, _MULTIPLIER, ACTIVATION, *_LAYOUT_AND_DILATIONS),
    ),
    outputs=(tensor("output", 4),),
    dimensions=_depthwise_dimensions,
    reference=_depthwise_conv_2d,
)
