"""Poolings over two spatial axes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

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
    tensor,
)
from hal.operations.layout import from_nhwc, nhwc_shape, place, to_nhwc
from hal.operations.window import PADDINGS, STRIDES, Axis, window_axes
from hal.types import FeatureLevel, OperationType

_FILTER = (int32("filter_width", minimum=1), int32("filter_height", minimum=1))


def pool_axes(a: Arguments) -> tuple[Axis, Axis]:
    """Vertical and horizontal walk of a pooling's window."""
    _, height, width, _ = nhwc_shape(a.input.shape, a.nchw)
    return window_axes(a, height, width, a.filter_height, a.filter_width)


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    batches, _, _, channels = nhwc_shape(a.input.shape, a.nchw)
    vertical, horizontal = pool_axes(a)
    return (place(batches, vertical.output, horizontal.output, channels, a.nchw),)


def _pooled(a: Arguments, combine: Callable[..., Array]) -> tuple[Array, ...]:
    """Each window combined into one value: first each of its columns, then the row that leaves."""
    image = to_nhwc(a.input, a.nchw)
    for dimension, axis in enumerate(pool_axes(a), start=1):
        windows = (np.take(image, axis.covered(place), axis=dimension) for place in range(axis.output))
        image = np.concatenate([combine(window, axis=dimension, keepdims=True) for window in windows], axis=dimension)
    return (from_nhwc(activated(image, a.activation), a.nchw),)


def _average_pool_2d(a: Arguments) -> tuple[Array, ...]:
    """AVERAGE_POOL_2D: the mean of each window's elements; padding is none of them.

    out[b, i, j, c] = sum over r, s of in[b, i * stride + r, j * stride + s, c] / sum over r, s of 1
    """
    return _pooled(a, np.mean)  # every column of a window has as many elements, so the mean of means is the mean


def _max_pool_2d(a: Arguments) -> tuple[Array, ...]:
    """MAX_POOL_2D: out[b, i, j, c] = max over r, s of in[b, i * stride + r, j * stride + s, c]."""
    return _pooled(a, np.max)


def _declaration(operation_type: OperationType, reference: Callable[[Arguments], tuple[Array, ...]]) -> Declaration:
    return Declaration(
        operation_type,
        FeatureLevel.LEVEL_1,
        FLOAT32_ONLY,
        forms=(
            (tensor("input", 4), *PADDINGS, *STRIDES, *_FILTER, ACTIVATION, NCHW),
            (tensor("input", 4), PADDING, *STRIDES, *_FILTER, ACTIVATION, NCHW),
        ),
        outputs=(tensor("output", 4),),
        dimensions=_dimensions,
        reference=reference,
    )


AVERAGE_POOL_2D = _declaration(OperationType.AVERAGE_POOL_2D, _average_pool_2d)
MAX_POOL_2D = _declaration(OperationType.MAX_POOL_2D, _max_pool_2d)
