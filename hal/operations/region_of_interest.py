"""Operations that look at regions of a feature map, or find points in them."""

from __future__ import annotations

import math

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.boxes import batch_indexes, check_corners, check_lengths, check_regions, lengths
from hal.operations.declaration import (
    Arguments,
    Array,
    Declaration,
    TensorSpec,
    boolean,
    floating_and_quant8,
    int32,
    int32_tensor,
    real,
    tensor,
)
from hal.operations.layout import check_not_empty, from_nhwc, nhwc_shape, place, to_nhwc
from hal.operations.quantization import check_output_as_input
from hal.types import FeatureLevel, OperandType, OperationType

_REGIONS = (
    tensor("input", 4),
    lengths("rois", 2),
    int32_tensor("batches", 1),
    int32("output_height", minimum=1),
    int32("output_width", minimum=1),
    real("height_ratio"),
    real("width_ratio"),
)
_NCHW = boolean("nchw")


def _dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    check_not_empty("input", a.input.shape)
    regions = check_regions(a)
    for name, ratio in (("height", a.height_ratio), ("width", a.width_ratio)):
        if not ratio > 0:
            raise BadDataError(f"its {name} ratio is {ratio}; it must be above 0")
    _, _, _, channels = nhwc_shape(a.input.shape, a.nchw)
    return (place(regions, a.output_height, a.output_width, channels, a.nchw),)


def _regions(a: Arguments, image: Array) -> Array:
    """The regions in pixels of ``image``, in float32, whose rounding may decide which pixels belong to them."""
    check_corners("region", a.rois)
    _, height, width, _ = image.shape
    pixels: Array = (a.rois / ([a.width_ratio, a.height_ratio] * 2)).astype(np.float32)
    outside = np.flatnonzero(~((pixels >= 0) & (pixels <= [width, height] * 2)).all(axis=1))
    if outside.size:
        raise BadDataError(
            f"its region {outside[0]} is {a.rois[outside[0]].tolist()}, or {pixels[outside[0]].tolist()} in pixels of "
            f"the input; it must lie within its height {height} and width {width}"
        )
    return pixels


def _roi_align(a: Arguments) -> tuple[Array, ...]:
    """ROI_ALIGN: each region in bins, and of each bin the mean of points spread evenly over it.

    out[n, i, j, c] = mean over p, q of in[batch, y, x, c], where y = y1 + (i + (p + 0.5) / samples) * bin
    with bin = max(y2 - y1, 1) / out height, and x likewise; between pixels, in is a mix of the
    neighbours as in RESIZE_BILINEAR. Without a number of samples it is ceil(bin).
    """
    image = to_nhwc(a.input, a.nchw)
    result = np.zeros((len(a.rois), a.output_height, a.output_width, image.shape[3]))
    batches = batch_indexes(a, image.shape[0])
    for region, ((left, top, right, bottom), batch) in enumerate(zip(_regions(a, image), batches)):
        rows = _sampled(image[batch], 0, top, bottom, a.output_height, a.height_samples)
        result[region] = _sampled(rows, 1, left, right, a.output_width, a.width_samples)
    return (from_nhwc(result, a.nchw),)


def _sampled(image: Array, axis: int, start: np.float32, end: np.float32, bins: int, samples: int) -> Array:
    size = image.shape[axis]
    reach = max(end - start, np.float32(1)) / np.float32(bins)
    samples = samples or math.ceil(reach)
    points = start + (np.arange(bins * samples) + 0.5) * (float(reach) / samples)
    low = np.floor(points).astype(int).clip(max=size - 1)
    high = (low + 1).clip(max=size - 1)
    fraction = np.expand_dims(np.where(low < high, points - low, 0), tuple(range(1, image.ndim - axis)))
    values = np.take(image, low, axis) * (1 - fraction) + np.take(image, high, axis) * fraction
    by_bin = (*image.shape[:axis], bins, samples, *image.shape[axis + 1 :])
    return np.asarray(values.reshape(by_bin).mean(axis=axis + 1))


def _roi_pooling(a: Arguments) -> tuple[Array, ...]:
    """ROI_POOLING: each region, rounded to whole pixels, in bins, and of each bin the maximum; 0 of an empty one.

    out[n, i, j, c] = max over y, x of in[batch, y, x, c],
        y from floor(y1 + i * bin) to ceil(y1 + (i + 1) * bin), without it,
        with bin = (y2 - y1 + 1) / out height, and x likewise
    """
    image = to_nhwc(a.input, a.nchw)
    result = np.zeros((len(a.rois), a.output_height, a.output_width, image.shape[3]))
    whole = np.floor(_regions(a, image) + 0.5).astype(int).tolist()
    batches = batch_indexes(a, image.shape[0])
    for region, ((left, top, right, bottom), batch) in enumerate(zip(whole, batches)):
        rows = _strongest(image[batch], 0, top, bottom, a.output_height)
        result[region] = _strongest(rows, 1, left, right, a.output_width)
    return (from_nhwc(result, a.nchw),)


def _strongest(image: Array, axis: int, first: int, last: int, bins: int) -> Array:
    reach = last - first + 1
    windows = []
    for number in range(bins):
        begin, end = first + reach * number // bins, first - (-reach * (number + 1) // bins)
        covered = (*(slice(None),) * axis, slice(begin, end))
        window = image[covered]
        windows.append(window.max(axis=axis) if window.shape[axis] else np.zeros_like(image.take(0, axis=axis)))
    return np.stack(windows, axis=axis)


def _check_roi_align(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    check_lengths("rois", a.rois)


def _check_roi_pooling(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    check_lengths("rois", a.rois)
    check_output_as_input(a, outputs)


def _heatmap_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    number, height, width, keypoints = nhwc_shape(a.heatmaps.shape, a.nchw)
    if height != width or height < 2:
        raise BadDataError(f"its heatmaps are {height} x {width}; both sizes must be the same, and at least 2")
    if a.boxes.shape != (number, 4):
        raise BadDataError(f"its boxes are {list(a.boxes.shape)}; they must be {[number, 4]}, 4 coordinates a heatmap")
    return (number, keypoints), (number, keypoints, 2)


def _heatmap_max_keypoint(a: Arguments) -> tuple[Array, ...]:
    """HEATMAP_MAX_KEYPOINT: the maximum of a parabola through the greatest value of each heatmap and its neighbours.

    With g the gradient and H the second derivatives there, as differences of neighbours (mirrored at
    the border): d = -g / H, shortened to 1.5 along its longer axis; the score is
    value + g * d + d * H * d / 2, and the keypoint (place + d + 0.5) / size, stretched over the box.
    """
    check_corners("box", a.boxes)
    heatmaps = np.moveaxis(to_nhwc(a.heatmaps, a.nchw), 3, 1)
    number, keypoints, size, _ = heatmaps.shape
    row, column = np.divmod(heatmaps.reshape(number, keypoints, size * size).argmax(axis=2), size)
    rows, columns = _neighbours(row, size), _neighbours(column, size)
    chosen = np.arange(number)[:, None, None, None], np.arange(keypoints)[:, None, None]
    places = (*chosen, rows[..., :, None], columns[..., None, :])
    grid = heatmaps[places]
    score, x, y = _parabola_maximum(grid, 1e-3 if a.data_type is OperandType.TENSOR_FLOAT16 else 1e-5)
    relative = np.stack([column + x + 0.5, row + y + 0.5], axis=-1) / size
    start, end = a.boxes[:, None, :2], a.boxes[:, None, 2:]
    return score, start + relative * (end - start)


def _neighbours(places: Array, size: int) -> Array:
    """The index before each of ``places``, itself, and the one after, mirrored where there is none."""
    indexes = places[..., None] + np.arange(-1, 2)
    return np.where(indexes < 0, 1, np.where(indexes < size, indexes, size - 2))


def _parabola_maximum(grid: Array, flat: float) -> tuple[Array, Array, Array]:
    """The extreme value near the middle of each [3, 3] grid, and how far right of it and below it that is.

    Where the parabola is flat to within ``flat``, it is the middle.
    """
    middle, left, right = grid[..., 1, 1], grid[..., 1, 0], grid[..., 1, 2]
    above, below = grid[..., 0, 1], grid[..., 2, 1]
    slope_x, slope_y = (right - left) / 2, (below - above) / 2
    curve_x, curve_y = left - 2 * middle + right, above - 2 * middle + below
    twist = (grid[..., 2, 2] - grid[..., 2, 0] - grid[..., 0, 2] + grid[..., 0, 0]) / 4
    determinant = curve_x * curve_y - twist**2
    x = (twist * slope_y - curve_y * slope_x) / determinant
    y = (twist * slope_x - curve_x * slope_y) / determinant
    shortened = 1.5 / np.maximum(np.maximum(np.abs(x), np.abs(y)), 1.5)
    is_flat = np.abs(determinant) < flat * (1 + curve_x * curve_y)
    x, y = np.where(is_flat, 0, x * shortened), np.where(is_flat, 0, y * shortened)
    score = middle + slope_x * x + slope_y * y + (curve_x * x**2 + 2 * twist * x * y + curve_y * y**2) / 2
    return score, x, y


def _check_heatmap(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    check_lengths("boxes", a.boxes)
    check_lengths("keypoints", outputs[1])


ROI_ALIGN = Declaration(
    OperationType.ROI_ALIGN,
    FeatureLevel.LEVEL_3,
    floating_and_quant8(FeatureLevel.LEVEL_3),
    forms=((*_REGIONS, int32("height_samples", minimum=0), int32("width_samples", minimum=0), _NCHW),),
    outputs=(tensor("output", 4),),
    dimensions=_dimensions,
    reference=_roi_align,
    check=_check_roi_align,
)

ROI_POOLING = Declaration(
    OperationType.ROI_POOLING,
    FeatureLevel.LEVEL_3,
    floating_and_quant8(FeatureLevel.LEVEL_3),
    forms=((*_REGIONS, _NCHW),),
    outputs=(tensor("output", 4),),
    dimensions=_dimensions,
    reference=_roi_pooling,
    check=_check_roi_pooling,
)

HEATMAP_MAX_KEYPOINT = Declaration(
    OperationType.HEATMAP_MAX_KEYPOINT,
    FeatureLevel.LEVEL_3,
    floating_and_quant8(FeatureLevel.LEVEL_3),
    forms=((tensor("heatmaps", 4), lengths("boxes", 2), _NCHW),),
    outputs=(tensor("scores", 2), lengths("keypoints", 3)),
    dimensions=_heatmap_dimensions,
    reference=_heatmap_max_keypoint,
    check=_check_heatmap,
)
