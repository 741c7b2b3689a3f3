"""Images resized."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.declaration import (
    NCHW,
    Arguments,
    Array,
    Declaration,
    Parameter,
    boolean,
    floating_and_quant8,
    int32,
    optional,
    real,
    tensor,
)
from hal.operations.layout import check_not_empty, from_nhwc, nhwc_shape, place, to_nhwc
from hal.operations.quantization import check_output_as_input
from hal.types import FeatureLevel, OperandType, OperationType

_CENTERS = (
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
    check_not_empty("input", a.input.shape, first=1)
    batches, _, _, channels = nhwc_shape(a.input.shape, a.nchw)
    return (place(batches, *resized(a), channels, a.nchw),)


def sources(size: int, out_size: int, align_corners: bool, half_pixel_centers: bool) -> Array:
    """Where in the input, in elements from the first one's, the value of each output element is taken, float64."""
    scale = (size - 1) / (out_size - 1) if align_corners and out_size > 1 else size / out_size
    places: Array = np.arange(out_size, dtype=np.float64)
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


def nearest(size: int, out_size: int, align_corners: bool, half_pixel_centers: bool) -> Array:
    """The input element that each output element is taken from, as indexes.

    In float32 as Android and LiteRT compute it: where a place falls on the border of two elements, the
    rounding decides.
    """
    scale = np.float32((size - 1) / (out_size - 1) if align_corners and out_size > 1 else size / out_size)
    places = np.arange(out_size, dtype=np.float32) + np.float32(0.5 if half_pixel_centers else 0)
    chosen: Array = np.floor((places * scale).astype(np.float64) + (0.5 if align_corners else 0)).astype(int)
    return chosen.clip(max=size - 1)


def _resize_nearest_neighbor(a: Arguments) -> tuple[Array, ...]:
    """RESIZE_NEAREST_NEIGHBOR: out[i] = in[floor(i * size / new size)] along each axis.

    With align_corners in[round(i * (size - 1) / (new size - 1))], with half_pixel_centers
    in[floor((i + 0.5) * size / new size)].
    """
    image = to_nhwc(a.input, a.nchw)
    for axis, out_size in enumerate(resized(a), start=1):
        image = np.take(image, nearest(image.shape[axis], out_size, a.align_corners, a.half_pixel_centers), axis)
    return (from_nhwc(image, a.nchw),)


def _declaration(
    operation_type: OperationType,
    types: Mapping[OperandType, FeatureLevel],
    layout: Parameter,
    reference: Callable[[Arguments], tuple[Array, ...]],
    stored: bool,
) -> Declaration:
    return Declaration(
        operation_type,
        types[OperandType.TENSOR_FLOAT32],
        types,
        forms=(
            (
                tensor("input", 4),
                int32("output_width", minimum=1),
                int32("output_height", minimum=1),
                layout,
                *_CENTERS,
            ),
            (
                tensor("input", 4),
                real("scale_width", since=FeatureLevel.LEVEL_3),
                real("scale_height", since=FeatureLevel.LEVEL_3),
                layout,
                *_CENTERS,
            ),
        ),
        outputs=(tensor("output", 4),),
        dimensions=_dimensions,
        reference=reference,
        stored=stored,
        check=check_output_as_input,
    )


RESIZE_BILINEAR = _declaration(
    OperationType.RESIZE_BILINEAR,
    {**floating_and_quant8(FeatureLevel.LEVEL_3), OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_1},
    layout=NCHW,
    reference=_resize_bilinear,
    stored=False,
)

RESIZE_NEAREST_NEIGHBOR = _declaration(
    OperationType.RESIZE_NEAREST_NEIGHBOR,
    floating_and_quant8(FeatureLevel.LEVEL_3),
    layout=boolean("nchw"),
    reference=_resize_nearest_neighbor,
    stored=True,
)
