"""What operations on boxes and regions are given.

Scores are all different, and thresholds are numbers that overlaps of boxes do not come near to by
accident: which boxes are chosen must not depend on rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from hal.model import Operand
from hal.types import OperandType
from hal.types import OperationType as O
from tools.conformance.generated.draw import Array, Draw, Given, given
from tools.conformance.generated.reduction import distinct

_SIZE = 32.0
"""Pixels of the images that boxes are in: coordinates in steps of 1/8 are exact in every type."""

_QUANT8 = (OperandType.TENSOR_QUANT8_ASYMM, OperandType.TENSOR_QUANT8_ASYMM_SIGNED)


def _lengths(draw: Draw, values: Array, *, is_constant: bool = False) -> Given:
    """Coordinates or sizes in pixels: of the data type, in eighths of a pixel where that is quantised."""
    if draw.data_type in (*_QUANT8, OperandType.TENSOR_QUANT16_ASYMM):
        operand = Operand(OperandType.TENSOR_QUANT16_ASYMM, (), 0.125)
        return given(operand, np.rint(values * 8).astype(np.uint16), is_constant=is_constant)
    return given(Operand(draw.data_type), values.astype(draw.data_type.dtype), is_constant=is_constant)


def _boxes(draw: Draw, count: int, width: float = _SIZE, height: float = _SIZE) -> Array:
    """Boxes [count, 4] of x1, y1, x2, y2 in eighths of a pixel, each at least a pixel wide and high."""
    corners = []
    for size in (width, height):
        start = draw.random.uniform(0, size - 1, count)
        end = start + 1 + draw.random.random(count) * (size - 1 - start)
        corners.append(np.stack([start, end], axis=1))
    boxes = np.stack([corners[0][:, 0], corners[1][:, 0], corners[0][:, 1], corners[1][:, 1]], axis=1)
    return np.floor(boxes * 8) / 8


def _batches(draw: Draw, count: int, batches: int) -> Given:
    """The batch of each box, in order."""
    return draw.integers(np.sort(draw.random.integers(0, batches, count)), is_constant=draw.chance())


def _scores(draw: Draw, shape: tuple[int, ...]) -> Given:
    """Different numbers between 0 and 1."""
    drawn = distinct(draw, shape)
    if draw.data_type.has_scale:
        return drawn
    order = np.argsort(np.argsort(drawn.value.ravel() if drawn.value is not None else []))
    return draw.holding(((order + 1) / (order.size + 1)).reshape(shape), drawn.operand)


def _axis_aligned_bbox_transform(draw: Draw) -> list[Given]:
    count, classes, batches = draw.whole(1, 6), draw.whole(1, 4), draw.whole(1, 3)
    delta_type = draw.choice(_QUANT8) if draw.data_type.has_scale else draw.data_type
    deltas = draw.tensor((count, 4 * classes), -0.5, 0.5, data_type=delta_type)
    images = draw.random.integers(int(_SIZE), 2 * int(_SIZE), (batches, 2)).astype(np.float64)
    rois = _lengths(draw, _boxes(draw, count))
    return [rois, deltas, _batches(draw, count, batches), _lengths(draw, images)]


def _box_with_nms_limit(draw: Draw) -> list[Given]:
    count, classes, batches = draw.whole(1, 12), draw.whole(2, 5), draw.whole(1, 2)
    boxes = np.concatenate([_boxes(draw, count) for _ in range(classes)], axis=1)
    kernel = draw.whole(0, 2) if draw.data_type is OperandType.TENSOR_FLOAT32 else 0
    return [
        _scores(draw, (count, classes)),
        _lengths(draw, boxes),
        _batches(draw, count, batches),
        draw.real(0.2171),
        draw.scalar(draw.choice((-1, 1, 3, 20))),
        draw.scalar(kernel),
        draw.real(0.3719),
        draw.real(0.5),
        draw.real(0.1131),
    ]


def _generate_proposals(draw: Draw) -> list[Given]:
    nchw, batches, height, width, count = (
        draw.chance(),
        draw.whole(1, 2),
        draw.whole(1, 4),
        draw.whole(1, 4),
        draw.whole(1, 3),
    )
    anchor_type = OperandType.TENSOR_QUANT16_SYMM if draw.data_type.has_scale else draw.data_type
    boxes = _boxes(draw, count, 16, 16)
    anchors = draw.holding(boxes, Operand(anchor_type, (), 0.125 if anchor_type.has_scale else 0.0))

    def shape(channels: int) -> tuple[int, ...]:
        return (batches, channels, height, width) if nchw else (batches, height, width, channels)

    return [
        _scores(draw, shape(count)),
        draw.tensor(shape(4 * count), -0.5, 0.5),
        anchors,
        _lengths(draw, draw.random.integers(12, 32, (batches, 2)).astype(np.float64)),
        draw.real(4.0),
        draw.real(4.0),
        draw.scalar(draw.choice((-1, 5, 100))),
        draw.scalar(draw.choice((-1, 3, 100))),
        draw.real(0.3719),
        draw.real(1.0937),
        draw.scalar(nchw),
    ]


def _detection_postprocessing(draw: Draw) -> list[Given]:
    batches, count, classes = draw.whole(1, 2), draw.whole(1, 8), draw.whole(2, 5)
    sizes = draw.random.uniform(0.1, 0.5, (count, 2))
    anchors = np.concatenate([draw.random.uniform(0.2, 0.8, (count, 2)), sizes], axis=1)
    return [
        _scores(draw, (batches, count, classes)),
        draw.tensor((batches, count, draw.whole(4, 6)), -1, 1),
        draw.holding(anchors, Operand(draw.data_type)),
        *(draw.real(scale) for scale in (10.0, 10.0, 5.0, 5.0)),
        draw.scalar(draw.chance()),
        draw.scalar(draw.whole(1, 6)),
        draw.scalar(draw.whole(1, classes - 1)),
        draw.scalar(draw.whole(1, 6)),
        draw.real(0.2171),
        draw.real(0.3719),
        draw.scalar(draw.chance()),
    ]


def _heatmap_max_keypoint(draw: Draw) -> list[Given]:
    """Each heatmap a hill, whose top is where the parabola has it; a flat one would be all rounding."""
    nchw, count, size, keypoints = draw.chance(), draw.whole(1, 3), draw.whole(3, 8), draw.whole(1, 4)
    tops = draw.random.uniform(0, size - 1, (count, keypoints, 2, 1, 1))
    rows, columns = np.indices((size, size))
    distances = (rows - tops[:, :, 0]) ** 2 + 1.3 * (columns - tops[:, :, 1]) ** 2
    hills = 3.5 * np.exp(-distances / size)
    operand = draw.tensor((1,), 0, 4).operand
    heatmaps = draw.holding(hills if nchw else np.moveaxis(hills, 1, 3), operand)
    return [heatmaps, _lengths(draw, _boxes(draw, count)), draw.scalar(nchw)]


def _regions(draw: Draw) -> tuple[list[Given], bool]:
    """A feature map and regions of it, with the size of the result and what the coordinates are divided by."""
    nchw, ratio = draw.chance(), draw.choice((1.0, 2.0, 4.0))
    shape = draw.image(nchw, least=3)
    height, width = shape[2:] if nchw else shape[1:3]
    count = draw.whole(1, 4)
    rois = _lengths(draw, _boxes(draw, count, ratio * width, ratio * height))
    size = [draw.scalar(draw.whole(1, 4)), draw.scalar(draw.whole(1, 4))]
    batches = _batches(draw, count, shape[0])
    return [draw.tensor(shape), rois, batches, *size, draw.real(ratio), draw.real(ratio)], nchw


def _roi_pooling(draw: Draw) -> list[Given]:
    operands, nchw = _regions(draw)
    return [*operands, draw.scalar(nchw)]


def _roi_align(draw: Draw) -> list[Given]:
    operands, nchw = _regions(draw)
    draw.terms = 16
    return [*operands, draw.scalar(draw.whole(0, 3)), draw.scalar(draw.whole(0, 3)), draw.scalar(nchw)]


GENERATORS: Mapping[O, Callable[[Draw], list[Given]]] = {
    O.AXIS_ALIGNED_BBOX_TRANSFORM: _axis_aligned_bbox_transform,
    O.BOX_WITH_NMS_LIMIT: _box_with_nms_limit,
    O.DETECTION_POSTPROCESSING: _detection_postprocessing,
    O.GENERATE_PROPOSALS: _generate_proposals,
    O.HEATMAP_MAX_KEYPOINT: _heatmap_max_keypoint,
    O.ROI_ALIGN: _roi_align,
    O.ROI_POOLING: _roi_pooling,
}
