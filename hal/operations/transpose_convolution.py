"""The convolution turned around: from a convolution's output back to its input's size."""

from __future__ import annotations

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.activation import activated
from hal.operations.convolution import OPERANDS, check_full_filter, check_full_filter_scales, only_bias
from hal.operations.declaration import (
    ACTIVATION,
    PADDING,
    Arguments,
    Array,
    Declaration,
    boolean,
    floating_and_quant8,
    int32,
    int32_tensor,
    integers,
    tensor,
)
from hal.operations.layout import from_nhwc, nhwc_shape, place, to_nhwc
from hal.operations.window import STRIDES, Axis, explicit_padding, implicit_padding, taps
from hal.types import FeatureLevel, OperationType

_PADDINGS = (
    int32("padding_left", minimum=0),
    # Negative, it makes the output larger: with strides above 1 several output sizes have the same input size.
    int32("padding_right"),
    int32("padding_top", minimum=0),
    int32("padding_bottom"),
)
_NCHW = boolean("nchw")


def transpose_axes(a: Arguments, height: int, width: int, filter_height: int, filter_width: int) -> tuple[Axis, Axis]:
    """The walk, over the *output*, of the convolution that TRANSPOSE_CONV_2D turns around.

    With implicit padding the output's size is given, and the padding follows from it; with explicit
    padding it is the other way round. Raises ``BadDataError`` when output and input do not fit.
    """
    return _axis(a, "height", height, filter_height), _axis(a, "width", width, filter_width)


def _axes(a: Arguments) -> tuple[Axis, Axis]:
    _, height, width, _ = nhwc_shape(a.input.shape, a.nchw)
    return transpose_axes(a, height, width, a.filter.shape[1], a.filter.shape[2])


def _axis(a: Arguments, name: str, size: int, window: int) -> Axis:
    stride = getattr(a, f"stride_{name}")
    if hasattr(a, "padding"):
        _, out_height, out_width, _ = nhwc_shape(_output_shape(a), a.nchw)
        out_size = out_height if name == "height" else out_width
        before, after = implicit_padding(a.padding, out_size, window, stride, dilation=1)
    else:
        before, after = explicit_padding(a, name)
        out_size = (size - 1) * stride + window - before - after
    if out_size < 1:
        raise BadDataError(f"its output would have a {name} of {out_size}; it must be at least 1")
    axis = Axis(out_size, window, stride, 1, before, after)
    if axis.output != size:
        raise BadDataError(
            f"an output with a {name} of {out_size} needs an input with a {name} of {axis.output}; it is {size}"
        )
    return axis


def _output_shape(a: Arguments) -> Dimensions:
    shape = integers(a, "output_shape")
    if len(shape) != 4:
        raise BadDataError(f"its output shape has {len(shape)} values; it must have 4")
    return tuple(shape)


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    check_full_filter(a)
    vertical, horizontal = _axes(a)
    dimensions = place(a.input.shape[0], vertical.input, horizontal.input, a.filter.shape[0], a.nchw)
    if hasattr(a, "padding") and dimensions != _output_shape(a):
        raise BadDataError(
            f"its output shape is {list(_output_shape(a))}; "
            f"its input's batches and its filter's channels make it {list(dimensions)}"
        )
    return (dimensions,)


def _transpose_conv_2d(a: Arguments) -> tuple[Array, ...]:
    """TRANSPOSE_CONV_2D: each input value, times the filter, is added to the window of the output it stands for.

    out[b, i * stride + r - before, j * stride + s - before, o] +=
        sum over c of in[b, i, j, c] * filter[o, r, s, c], from out = bias[o] on
    """
    image = to_nhwc(a.input, a.nchw)
    vertical, horizontal = _axes(a)
    result = only_bias(a, vertical.input, horizontal.input, a.filter.shape[0])
    for tap in taps(vertical, horizontal):
        result[tap.pixels] += image[tap.places] @ a.filter[:, tap.row, tap.column].T
    return (from_nhwc(activated(result, a.activation), a.nchw),)


TRANSPOSE_CONV_2D = Declaration(
    OperationType.TRANSPOSE_CONV_2D,
    FeatureLevel.LEVEL_3,
    floating_and_quant8(FeatureLevel.LEVEL_3),
    forms=(
        (*OPERANDS, *_PADDINGS, *STRIDES, ACTIVATION, _NCHW),
        (*OPERANDS, int32_tensor("output_shape", 1), PADDING, *STRIDES, ACTIVATION, _NCHW),
    ),
    outputs=(tensor("output", 4),),
    dimensions=_dimensions,
    reference=_transpose_conv_2d,
    check=check_full_filter_scales,
)
