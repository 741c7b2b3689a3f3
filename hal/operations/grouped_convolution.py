"""The convolution whose filters each see one group of the input's channels."""

from __future__ import annotations

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.activation import activated
from hal.operations.convolution import (
    OPERANDS,
    check_full_filter,
    check_full_filter_scales,
    conv_axes,
    conv_dimensions,
    only_bias,
)
from hal.operations.declaration import (
    ACTIVATION,
    PADDING,
    Arguments,
    Array,
    Declaration,
    boolean,
    floating_and_quant8,
    int32,
    tensor,
)
from hal.operations.layout import from_nhwc, to_nhwc
from hal.operations.window import PADDINGS, STRIDES, taps
from hal.types import FeatureLevel, OperationType

_PARAMETERS = (*STRIDES, int32("groups", minimum=1), ACTIVATION, boolean("nchw"))


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    out_channels = a.filter.shape[0]
    if out_channels % a.groups != 0:
        raise BadDataError(
            f"its filter has {out_channels} output channels; they must be a multiple of {a.groups} groups"
        )
    check_full_filter(a, a.groups)
    return conv_dimensions(a, out_channels)


def _grouped_conv_2d(a: Arguments) -> tuple[Array, ...]:
    """GROUPED_CONV_2D: the channels in groups, a convolution of each group by itself.

    out[b, i, j, g * multiplier + m] = bias[g * multiplier + m] +
        sum over r, s, c of in[b, i * stride + r, j * stride + s, g * depth + c]
                            * filter[g * multiplier + m, r, s, c]

    where multiplier and depth are the numbers of output and input channels in a group
    """
    image = to_nhwc(a.input, a.nchw)
    image = image.reshape(*image.shape[:3], a.groups, a.filter.shape[3])
    filters = a.filter.reshape(a.groups, -1, *a.filter.shape[1:])
    vertical, horizontal = conv_axes(a)
    sums = only_bias(a, vertical.output, horizontal.output, a.filter.shape[0])
    by_group = sums.reshape(*sums.shape[:3], a.groups, filters.shape[1])  # a view: what is added here is added there
    for tap in taps(vertical, horizontal):
        by_group[tap.places] += np.einsum("bijgc,gmc->bijgm", image[tap.pixels], filters[:, :, tap.row, tap.column])
    return (from_nhwc(activated(sums, a.activation), a.nchw),)


GROUPED_CONV_2D = Declaration(
    OperationType.GROUPED_CONV_2D,
    FeatureLevel.LEVEL_3,
    floating_and_quant8(FeatureLevel.LEVEL_3),
    forms=((*OPERANDS, *PADDINGS, *_PARAMETERS), (*OPERANDS, PADDING, *_PARAMETERS)),
    outputs=(tensor("output", 4),),
    dimensions=_dimensions,
    reference=_grouped_conv_2d,
    check=check_full_filter_scales,
)
