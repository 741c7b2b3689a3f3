"""Convolutions over two spatial axes."""

from __future__ import annotations

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.activation import activated
from hal.operations.declaration import (
    ACTIVATION,
    NCHW,
    PADDING,
    Arguments,
    Array,
    Declaration,
    TensorSpec,
    floating_and_quant8,
    following,
    int32,
    optional,
    tensor,
)
from hal.operations.layout import check_not_empty, from_nhwc, nhwc_shape, place, to_nhwc
from hal.operations.quantization import check_bias
from hal.operations.window import PADDINGS, STRIDES, Axis, taps, window_axes
from hal.types import FeatureLevel, OperandType, OperationType

_QUANT8 = (OperandType.TENSOR_QUANT8_ASYMM, OperandType.TENSOR_QUANT8_ASYMM_SIGNED)

BIAS = tensor("bias", 1, accepts=following({each: frozenset({OperandType.TENSOR_INT32}) for each in _QUANT8}))
OPERANDS = (
    tensor("input", 4),
    tensor(
        "filter",
        4,
        accepts=following({each: frozenset({each, OperandType.TENSOR_QUANT8_SYMM_PER_CHANNEL}) for each in _QUANT8}),
    ),
    BIAS,
)
_LAYOUT_AND_DILATIONS = (
    NCHW,
    optional(int32("dilation_width", minimum=1), default=1, since=FeatureLevel.LEVEL_3, with_next=True),
    optional(int32("dilation_height", minimum=1), default=1, since=FeatureLevel.LEVEL_3),
)
_MULTIPLIER = int32("depth_multiplier", minimum=1)


def conv_axes(a: Arguments) -> tuple[Axis, Axis]:
    """Vertical and horizontal walk of CONV_2D's, DEPTHWISE_CONV_2D's or GROUPED_CONV_2D's filter."""
    _, height, width, _ = nhwc_shape(a.input.shape, a.nchw)
    return window_axes(a, height, width, a.filter.shape[1], a.filter.shape[2])


def conv_dimensions(a: Arguments, out_channels: int) -> tuple[Dimensions, ...]:
    """Those of the output, once the convolution's operands are known to fit each other."""
    vertical, horizontal = conv_axes(a)
    return (place(a.input.shape[0], vertical.output, horizontal.output, out_channels, a.nchw),)


def check_full_filter(a: Arguments, groups: int = 1) -> None:
    """Refuse a filter [out, rows, columns, in] and a bias that do not fit the input's channels.

    ``groups``: how many parts the input's channels are in; the filter sees one of them.
    """
    out_channels, _, _, in_channels = a.filter.shape
    _, _, _, channels = nhwc_shape(a.input.shape, a.nchw)
    _check_not_empty(a)
    if channels != in_channels * groups:
        times = f" in each of {groups} groups" if groups > 1 else ""
        raise BadDataError(f"its input has {channels} channels and its filter takes {in_channels}{times}")
    _check_bias_length(a, out_channels)


def check_full_filter_scales(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    """Refuse scales of a filter [out, rows, columns, in] and a bias that do not fit each other."""
    _check_scales(a, channel_dim=0)


def _check_depthwise_scales(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    _check_scales(a, channel_dim=3)


def _check_scales(a: Arguments, channel_dim: int) -> None:
    per_channel = a.filter.per_channel
    if per_channel is not None and per_channel.channel_dim != channel_dim:
        raise BadDataError(f"its filter has channel dimension {per_channel.channel_dim}; it must be {channel_dim}")
    check_bias(a.bias, a.input, a.filter)


def _check_not_empty(a: Arguments) -> None:
    check_not_empty("input", a.input.shape, first=1)
    check_not_empty("filter", a.filter.shape)


def _check_bias_length(a: Arguments, out_channels: int) -> None:
    if a.bias.shape[0] != out_channels:
        raise BadDataError(f"its bias has {a.bias.shape[0]} values; it must have {out_channels}, one a channel")


def _conv_2d_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    check_full_filter(a)
    return conv_dimensions(a, a.filter.shape[0])


def _depthwise_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    one, _, _, out_channels = a.filter.shape
    _, _, _, channels = nhwc_shape(a.input.shape, a.nchw)
    _check_not_empty(a)
    if one != 1:
        raise BadDataError(f"its filter's first dimension is {one}; it must be 1")
    if channels * a.depth_multiplier != out_channels:
        raise BadDataError(
            f"its filter has {out_channels} channels; it must have the input's {channels} "
            f"times the depth multiplier {a.depth_multiplier}"
        )
    _check_bias_length(a, out_channels)
    return conv_dimensions(a, out_channels)


def only_bias(a: Arguments, vertical: int, horizontal: int, out_channels: int) -> Array:
    """What the filter's products are added to: the bias, in each batch and pixel of an NHWC image.

    With a filter quantised by channel, the bias counts in the input's scale times the channel's.
    """
    result = np.empty((a.input.shape[0], vertical, horizontal, out_channels))
    result[:] = a.bias
    per_channel = a.specs.filter.per_channel
    if per_channel is not None:
        result *= a.specs.input.scale * np.array(per_channel.scales)
    return result


def _conv_2d(a: Arguments) -> tuple[Array, ...]:
    """CONV_2D: the filter at each place of the input, plus the bias.

    out[b, i, j, o] = bias[o] +
        sum over r, s, c of in[b, i * stride + r * dilation, j * stride + s * dilation, c] * filter[o, r, s, c]
    """
    image = to_nhwc(a.input, a.nchw)
    vertical, horizontal = conv_axes(a)
    result = only_bias(a, vertical.output, horizontal.output, a.filter.shape[0])
    for tap in taps(vertical, horizontal):
        result[tap.places] += image[tap.pixels] @ a.filter[:, tap.row, tap.column].T
    return (from_nhwc(activated(result, a.activation), a.nchw),)


def _depthwise_conv_2d(a: Arguments) -> tuple[Array, ...]:
    """DEPTHWISE_CONV_2D: a convolution of each channel by itself.

    out[b, i, j, c * multiplier + m] = bias[c * multiplier + m] +
        sum over r, s of in[b, i * stride + r * dilation, j * stride + s * dilation, c]
                         * filter[0, r, s, c * multiplier + m]
    """
    image = np.repeat(to_nhwc(a.input, a.nchw), a.depth_multiplier, axis=3)
    vertical, horizontal = conv_axes(a)
    result = only_bias(a, vertical.output, horizontal.output, a.filter.shape[3])
    for tap in taps(vertical, horizontal):
        result[tap.places] += image[tap.pixels] * a.filter[0, tap.row, tap.column]
    return (from_nhwc(activated(result, a.activation), a.nchw),)


CONV_2D = Declaration(
    OperationType.CONV_2D,
    FeatureLevel.LEVEL_1,
    floating_and_quant8(FeatureLevel.LEVEL_1),
    forms=(
        (*OPERANDS, *PADDINGS, *STRIDES, ACTIVATION, *_LAYOUT_AND_DILATIONS),
        (*OPERANDS, PADDING, *STRIDES, ACTIVATION, *_LAYOUT_AND_DILATIONS),
    ),
    outputs=(tensor("output", 4),),
    dimensions=_conv_2d_dimensions,
    reference=_conv_2d,
    check=check_full_filter_scales,
)

DEPTHWISE_CONV_2D = Declaration(
    OperationType.DEPTHWISE_CONV_2D,
    FeatureLevel.LEVEL_1,
    floating_and_quant8(FeatureLevel.LEVEL_1),
    forms=(
        (*OPERANDS, *PADDINGS, *STRIDES, _MULTIPLIER, ACTIVATION, *_LAYOUT_AND_DILATIONS),
        (*OPERANDS, PADDING, *STRIDES, _MULTIPLIER, ACTIVATION, *_LAYOUT_AND_DILATIONS),
    ),
    outputs=(tensor("output", 4),),
    dimensions=_depthwise_dimensions,
    reference=_depthwise_conv_2d,
    check=_check_depthwise_scales,
)
