"""Poolings over two spatial axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from hal.model import Dimensions
from hal.operations.activation import activated
from hal.operations.declaration import (
    ACTIVATION,
    NCHW,
    PADDING,
    Arguments,
    Array,
    Declaration,
    floating_and_quant8,
    int32,
    tensor,
)
from hal.operations.layout import check_not_empty, from_nhwc, nhwc_shape, place, to_nhwc
from hal.operations.quantization import check_output_as_input
from hal.operations.window import PADDINGS, STRIDES, Axis, window_axes
from hal.types import FeatureLevel, OperandType, OperationType

_FILTER = (int32("filter_width", minimum=1), int32("filter_height", minimum=1))


def pool_axes(a: Arguments) -> tuple[Axis, Axis]:
    """Vertical and horizontal walk of a pooling's window."""
    _, height, width, _ = nhwc_shape(a.input.shape, a.nchw)
    return window_axes(a, height, width, a.filter_height, a.filter_width)


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    check_not_empty("input", a.input.shape, first=1)
    batches, _, _, channels = nhwc_shape(a.input.shape, a.nchw)
    vertical, horizontal = pool_axes(a)
    return (place(batches, vertical.output, horizontal.output, channels, a.nchw),)


def _pooled(a: Arguments, image: Array, combine: Callable[..., Array]) -> Array:
    """Each window of ``image`` combined into one value: first each of its columns, then the row that leaves."""
    for dimension, axis in enumerate(pool_axes(a), start=1):
        before = (slice(None),) * dimension
        covered = ((*before, axis.covered(place)) for place in range(axis.output))
        windows = (image[index] for index in covered)
        image = np.concatenate([combine(window, axis=dimension, keepdims=True) for window in windows], axis=dimension)
    return image


def _finished(a: Arguments, image: Array) -> tuple[Array, ...]:
    return (from_nhwc(activated(image, a.activation), a.nchw),)


def _average_pool_2d(a: Arguments) -> tuple[Array, ...]:
    """AVERAGE_POOL_2D: the mean of each window's elements; padding is none of them.

    out[b, i, j, c] = sum over r, s of in[b, i * stride + r, j * stride + s, c] / sum over r, s of 1
    """
    # Every column of a window has as many elements, so the mean of means is the mean.
    return _finished(a, _pooled(a, to_nhwc(a.input, a.nchw), np.mean))


def _max_pool_2d(a: Arguments) -> tuple[Array, ...]:
    """MAX_POOL_2D: out[b, i, j, c] = max over r, s of in[b, i * stride + r, j * stride + s, c]."""
    return _finished(a, _pooled(a, to_nhwc(a.input, a.nchw), np.max))


def _l2_pool_2d(a: Arguments) -> tuple[Array, ...]:
    """L2_POOL_2D: the root of the mean of each window's squares; padding is none of them.

    out[b, i, j, c] = sqrt(sum over r, s of in[b, i * stride + r, j * stride + s, c] ^ 2 / sum over r, s of 1)
    """
    return _finished(a, np.sqrt(_pooled(a, np.square(to_nhwc(a.input, a.nchw)), np.mean)))


def _declaration(
    operation_type: OperationType,
    types: Mapping[OperandType, FeatureLevel],
    reference: Callable[[Arguments], tuple[Array, ...]],
) -> Declaration:
    return Declaration(
        operation_type,
        FeatureLevel.LEVEL_1,
        types,
        forms=(
            (tensor("input", 4), *PADDINGS, *STRIDES, *_FILTER, ACTIVATION, NCHW),
            (tensor("input", 4), PADDING, *STRIDES, *_FILTER, ACTIVATION, NCHW),
        ),
        outputs=(tensor("output", 4),),
        dimensions=_dimensions,
        reference=reference,
        check=check_output_as_input,
    )


_FLOATING_AND_QUANT8 = floating_and_quant8(FeatureLevel.LEVEL_1)
_FLOATING = {
    OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_3,
    OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_1,
}

AVERAGE_POOL_2D = _declaration(OperationType.AVERAGE_POOL_2D, _FLOATING_AND_QUANT8, _average_pool_2d)
MAX_POOL_2D = _declaration(OperationType.MAX_POOL_2D, _FLOATING_AND_QUANT8, _max_pool_2d)
L2_POOL_2D = _declaration(OperationType.L2_POOL_2D, _FLOATING, _l2_pool_2d)
