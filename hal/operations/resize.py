"""Images resized."""

from __future__ import annotations

import math

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.declaration import (
    FLOAT32_ONLY,
    NCHW,
    Arguments,
    Array,
    Declaration,
    boolean,
    float32,
    int32,
    optional,
    tensor,
)
from hal.operations.layout import from_nhwc, nhwc_shape, place, to_nhwc
from hal.types import FeatureLevel, OperationType

_FLAGS = (
    NCHW,
    optional(boolean("align_corners"), default=False, since=FeatureLevel.LEVEL_4),
    optional(boolean("half_pixel_centers"), default=False, since=FeatureLevel.LEVEL_4),
)


def resized(a: Arguments) -> tuple[int, int]:
    """Height and width after resizing: given, or floor(size * scale) in float32, as NNAPI computes it.

    Raises ``BadDataError`` where there would be nothing left, or where both flags are set.
    """
    if a.align_corners and a.half_pixel_centers:
        raise BadDataError("its align_corners and half_pixel_centers are both true; at most one may be")
    if hasattr(a, "output_height"):
        return a.output_height, a.output_width
    _, height, width, _ = nhwc_shape(a.input.shape, a.nchw)
    return _scaled(height, a.scale_height, "height"), _scaled(width, a.scale_width, "width")


def _scaled(size: int, scale: float, name: str) -> int:
    with np.errstate(over="ignore"):
        exact = float(np.float32(size) * np.float32(scale))
    if not 1 <= exact < math.inf:
        raise BadDataError(f"its input's {name} {size} times the scale {scale} is {exact}; it must be 1 or more")
    return math.floor(exact)


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    batches, _, _, channels = nhwc_shape(a.input.shape, a.nchw)
    return (place(batches, *resized(a), channels, a.nchw),)


def sources(size: int, out_size: int, align_corners: bool, half_pixel_centers: bool) -> Array:
    """Where in the input, in elements from the first one's, the value of each output element is taken, float64."""
    scale = (size - 1) / (out_size - 1) if align_corners and out_size > 1 else size / out_size
    places = np.arange(out_size, dtype=np.float64)
    places = (places + 0.5) * scale - 0.5 if half_pixel_centers else places * scale
    return np.clip(places, 0, size - 1)


def _resize_bilinear(a: Arguments) -> tuple[Array, ...]:
    """RESIZE_BILINEAR: along each axis, a mix of the two input elements around the place the output stands for.

    out[i] = in[low] * (1 - f) + in[low + 1] * f, where low + f = i * size / new size;
    with align_corners i * (size - 1) / (new size - 1), with half_pixel_centers (i + 0.5) * size / new size - 0.5
    """
    image = to_nhwc(a.input, a.nchw)
    for axis, out_size in enumerate(resized(a), start=1):
        size = image.shape[axis]
        places = sources(size, out_size, a.align_corners, a.half_pixel_centers)
        low = np.floor(places).astype(int)
        fraction = np.expand_dims(places - low, tuple(range(1, 4 - axis)))
        high = np.minimum(low + 1, size - 1)
        image = np.take(image, low, axis) * (1 - fraction) + np.take(image, high, axis) * fraction
    return (from_nhwc(image, a.nchw),)


RESIZE_BILINEAR = Declaration(
    OperationType.RESIZE_BILINEAR,
    FeatureLevel.LEVEL_1,
    FLOAT32_ONLY,
    forms=(
        (tensor("input", 4), int32("output_width", minimum=1), int32("output_height", minimum=1), *_FLAGS),
        (
            tensor("input", 4),
            float32("scale_width", since=FeatureLevel.LEVEL_3),
            float32("scale_height", since=FeatureLevel.LEVEL_3),
            *_FLAGS,
        ),
    ),
    outputs=(tensor("output", 4),),
    dimensions=_dimensions,
    reference=_resize_bilinear,
)
