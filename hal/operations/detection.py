"""Bounding boxes made from anchors, and chosen among by non-maximum suppression (NMS)."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import numpy as np

from hal.errors import BadDataError
from hal.model import Dimensions
from hal.operations.boxes import (
    batch_indexes,
    check_corners,
    check_image_sizes,
    check_lengths,
    check_regions,
    lengths,
)
from hal.operations.declaration import (
    Arguments,
    Array,
    Declaration,
    TensorSpec,
    UnknownValueError,
    boolean,
    floating_and_quant8,
    following,
    int32,
    int32_tensor,
    integers,
    real,
    tensor,
)
from hal.operations.layout import nhwc_shape, place, to_nhwc
from hal.operations.quantization import check_same_quantization
from hal.operations.suppression import best_first, chosen_boxes, chosen_by_class, hard, soft
from hal.types import FeatureLevel, OperandType, OperationType

_FLOATING = {
    OperandType.TENSOR_FLOAT16: FeatureLevel.LEVEL_3,
    OperandType.TENSOR_FLOAT32: FeatureLevel.LEVEL_3,
}
_QUANT8 = frozenset({OperandType.TENSOR_QUANT8_ASYMM, OperandType.TENSOR_QUANT8_ASYMM_SIGNED})
_ANCHORS = following(dict.fromkeys(_QUANT8, frozenset({OperandType.TENSOR_QUANT16_SYMM})))


class NmsKernel(IntEnum):
    """How BOX_WITH_NMS_LIMIT lowers the score of a box that overlaps with one already chosen."""

    HARD = 0
    LINEAR = 1
    GAUSSIAN = 2


def transformed(boxes: Array, deltas: Array, images: Array) -> Array:
    """``boxes`` [n, 4] moved and stretched, for each class, and clipped to their images.

    ``deltas`` [n, classes, 4]: how far the centre moves, in widths and heights of the box, and the
    logarithms of what width and height are multiplied by. ``images`` [n, 2]: height and width. Returns
    [n, classes, 4].
    """
    size = (boxes[:, 2:] - boxes[:, :2])[:, None]
    center = ((boxes[:, :2] + boxes[:, 2:]) / 2)[:, None] + deltas[..., :2] * size
    half = size * np.exp(deltas[..., 2:]) / 2
    limits = np.concatenate([images[:, ::-1], images[:, ::-1]], axis=1)[:, None]
    corners: Array = np.concatenate([center - half, center + half], axis=-1)
    return np.clip(corners, 0, limits)


def _transform_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    regions = check_regions(a)
    rows, columns = a.deltas.shape
    if rows != regions or columns % 4 != 0 or columns == 0:
        raise BadDataError(f"its deltas are {list(a.deltas.shape)}; they must be {regions} rows of 4 for each class")
    check_image_sizes("images", a.images.shape)
    return (a.deltas.shape,)


def _axis_aligned_bbox_transform(a: Arguments) -> tuple[Array, ...]:
    """AXIS_ALIGNED_BBOX_TRANSFORM: each box moved by dx * width and dy * height, and stretched by e^dw and e^dh."""
    check_corners("box", a.rois)
    images = a.images[batch_indexes(a, len(a.images))]
    deltas = a.deltas.reshape(len(a.rois), a.deltas.shape[1] // 4, 4)
    return (transformed(a.rois, deltas, images).reshape(a.deltas.shape),)


def _check_transform(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    for name, spec in (("rois", a.rois), ("images", a.images), ("output", outputs[0])):
        check_lengths(name, spec)


def _box_with_nms_limit_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    regions, classes = a.scores.shape
    if classes < 2:
        raise BadDataError(
            f"its scores are of {classes} classes; there must be at least 2, the first is the background"
        )
    if a.rois.shape != (regions, 4 * classes):
        raise BadDataError(
            f"its rois are {list(a.rois.shape)}; for scores {[regions, classes]} they must be {[regions, 4 * classes]}"
        )
    if a.batches.shape[0] != regions:
        raise BadDataError(f"its batches have {a.batches.shape[0]} indexes; they must have {regions}, one a region")
    raise UnknownValueError("scores")


def _box_with_nms_limit(a: Arguments) -> tuple[Array, ...]:
    """BOX_WITH_NMS_LIMIT: in each batch, NMS of each class but the first, then the best of all; ordered by class.

    A box's score becomes score * kernel(overlap with a chosen box): hard, 1 where the overlap is less
    than the threshold, else 0; linear, 1 or 1 - overlap; gaussian, e^(-overlap^2 / sigma).
    """
    regions, classes = a.scores.shape
    boxes = a.rois.reshape(regions, classes, 4)
    check_corners("box", boxes.reshape(-1, 4))
    kernels: dict[int, Callable[[Array], Array]] = {
        NmsKernel.HARD: lambda overlaps: np.where(overlaps < a.iou_threshold, 1.0, 0.0),
        NmsKernel.LINEAR: lambda overlaps: np.where(overlaps < a.iou_threshold, 1.0, 1 - overlaps),
        NmsKernel.GAUSSIAN: lambda overlaps: np.exp(-(overlaps**2) / a.sigma),
    }
    survivors = soft(kernels[a.kernel], a.nms_score_threshold)
    limit = a.max_detections if a.max_detections >= 0 else a.scores.size
    found: list[tuple[Array, Array, Array]] = [(np.zeros(0, int), np.zeros(0, int), np.zeros(0))]
    batches = np.array(integers(a, "batches"), int)
    for batch in dict.fromkeys(batches.tolist()):
        members = np.flatnonzero(batches == batch)
        rows, numbers, scores = chosen_by_class(a.scores[members], boxes[members], a.score_threshold, limit, survivors)
        best = best_first(scores)[:limit]
        best = best[np.argsort(numbers[best], kind="stable")]
        found.append((members[rows[best]], numbers[best], scores[best]))
    rows, numbers, scores = (np.concatenate(each) for each in zip(*found))
    return scores, boxes[rows, numbers], numbers, batches[rows]


def _check_box_with_nms_limit(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    check_lengths("rois", a.rois)
    check_same_quantization("output scores", outputs[0], "scores", a.scores)
    check_lengths("output rois", outputs[1])


def _generate_proposals_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    batches, height, width, anchors = nhwc_shape(a.scores.shape, a.nchw)
    wanted = {
        "deltas": place(batches, height, width, 4 * anchors, a.nchw),
        "anchors": (anchors, 4),
        "images": (batches, 2),
    }
    for name, dimensions in wanted.items():
        given = getattr(a, name).shape
        if given != dimensions:
            raise BadDataError(
                f"its {name} are {list(given)}; for scores {list(a.scores.shape)} they must be {list(dimensions)}"
            )
    raise UnknownValueError("scores")


def _generate_proposals(a: Arguments) -> tuple[Array, ...]:
    """GENERATE_PROPOSALS: the anchors at every place, transformed; of those large enough, the best by hard NMS.

    The anchors of place (i, j) are moved by (j * width stride, i * height stride). Before NMS all but
    the best pre_nms_max are dropped, then those smaller than the least size, and those whose centre
    is not in the image.
    """
    check_corners("anchor", a.anchors)
    scores = to_nhwc(a.scores, a.nchw)
    batches, height, width, anchors = scores.shape
    deltas = to_nhwc(a.deltas, a.nchw).reshape(batches, height * width * anchors, 1, 4)
    scores = scores.reshape(batches, height * width * anchors)
    down, across = np.indices((height, width))
    shifts = np.stack([across * a.width_stride, down * a.height_stride] * 2, axis=-1)
    places = (shifts[:, :, None] + a.anchors).reshape(-1, 4)
    found: list[tuple[Array, Array, Array]] = [(np.zeros(0), np.zeros((0, 4)), np.zeros(0, int))]
    for batch in range(batches):
        image = a.images[batch]
        boxes = transformed(places, deltas[batch], np.broadcast_to(image, (len(places), 2)))[:, 0]
        kept: Array = np.arange(len(boxes))
        if 0 < a.pre_nms_max < len(kept):
            kept = best_first(scores[batch])[: a.pre_nms_max]
        kept = kept[_is_proposal(boxes[kept], image, a.min_size)]
        limit = a.post_nms_max if a.post_nms_max > 0 else len(kept)
        kept = kept[chosen_boxes(scores[batch, kept], boxes[kept], limit, hard(a.iou_threshold))[0]]
        found.append((scores[batch, kept], boxes[kept], np.full(len(kept), batch)))
    chosen_scores, chosen, numbers = (np.concatenate(each) for each in zip(*found))
    return chosen_scores, chosen, numbers


def _is_proposal(boxes: Array, image: Array, min_size: float) -> Array:
    size = boxes[:, 2:] - boxes[:, :2]
    center = boxes[:, :2] + size / 2
    fits: Array = (size >= min_size) & (center < image[::-1])
    return fits[:, 0] & fits[:, 1]


def _check_generate_proposals(a: Arguments, outputs: tuple[TensorSpec, ...]) -> None:
    for name, spec in (("anchors", a.anchors), ("images", a.images), ("output rois", outputs[1])):
        check_lengths(name, spec)
    check_same_quantization("output scores", outputs[0], "scores", a.scores)


def _detection_postprocessing_dimensions(a: Arguments) -> tuple[Dimensions, ...]:
    batches, anchors, classes = a.scores.shape
    if classes < 2:
        raise BadDataError(
            f"its scores are of {classes} classes; there must be at least 2, the first is the background"
        )
    if a.deltas.shape[:2] != (batches, anchors) or a.deltas.shape[2] < 4:
        raise BadDataError(
            f"its deltas are {list(a.deltas.shape)}; they must be {batches} x {anchors}, as its scores, by 4 or more"
        )
    if a.anchors.shape != (anchors, 4):
        raise BadDataError(f"its anchors are {list(a.anchors.shape)}; for its scores they must be {[anchors, 4]}")
    for name in ("scale_y", "scale_x", "scale_h", "scale_w"):
        if not getattr(a, name) > 0:
            raise BadDataError(f"its {name} is {getattr(a, name)}; it must be above 0")
    for name in ("score_threshold", "iou_threshold"):
        if not getattr(a, name) >= 0:
            raise BadDataError(f"its {name} is {getattr(a, name)}; it must be at least 0")
    name = "max_detections_per_class" if a.regular_nms else "max_classes_per_detection"
    if getattr(a, name) < 1:
        raise BadDataError(f"its {name} is {getattr(a, name)}; it must be at least 1")
    detections = a.max_detections if a.regular_nms else a.max_detections * a.max_classes_per_detection
    return (batches, detections), (batches, detections, 4), (batches, detections), (batches,)


def _detection_postprocessing(a: Arguments) -> tuple[Array, ...]:
    """DETECTION_POSTPROCESSING: the anchors transformed, and the best of them by hard NMS; zeros fill the rest.

    Centre y + h * dy / scale_y, height h * e^(dh / scale_h), and x and width likewise. The regular way
    suppresses the boxes of each class; the fast one those of all classes together, each with its
    greatest score, and gives its best classes for each box that remains.
    """
    center, size = a.anchors[:, :2], a.anchors[:, 2:]
    center = center + size * a.deltas[..., :2] / [a.scale_y, a.scale_x]
    half = size * np.exp(a.deltas[..., 2:4] / [a.scale_h, a.scale_w]) / 2
    boxes = np.concatenate([center - half, center + half], axis=-1)
    dimensions = _detection_postprocessing_dimensions(a)
    scores, chosen, labels, counts = (np.zeros(each) for each in dimensions)
    for batch in range(len(a.scores)):
        rows, classes = (_regular_nms if a.regular_nms else _fast_nms)(a, a.scores[batch], boxes[batch])
        count = len(rows)
        scores[batch, :count] = a.scores[batch, rows, classes]
        chosen[batch, :count] = boxes[batch, rows]
        labels[batch, :count] = classes if a.background_in_labels else classes - 1
        counts[batch] = count
    return scores, chosen, labels, counts


def _regular_nms(a: Arguments, scores: Array, boxes: Array) -> tuple[Array, Array]:
    """Row and class of each detection."""
    by_class = np.broadcast_to(boxes[:, None], (*scores.shape, 4))
    rows, classes, values = chosen_by_class(
        scores, by_class, a.score_threshold, a.max_detections_per_class, hard(a.iou_threshold)
    )
    best = best_first(values)[: a.max_detections]
    return rows[best], classes[best]


def _fast_nms(a: Arguments, scores: Array, boxes: Array) -> tuple[Array, Array]:
    """Row and class of each detection."""
    best = scores[:, 1:].max(axis=1)
    rows = np.flatnonzero(best >= a.score_threshold)
    rows = rows[chosen_boxes(best[rows], boxes[rows], a.max_detections, hard(a.iou_threshold))[0]]
    classes = 1 + np.argsort(-scores[rows, 1:], axis=1, kind="stable")[:, : a.max_classes_per_detection]
    return np.repeat(rows, classes.shape[1]), classes.ravel()


AXIS_ALIGNED_BBOX_TRANSFORM = Declaration(
    OperationType.AXIS_ALIGNED_BBOX_TRANSFORM,
    FeatureLevel.LEVEL_3,
    {**_FLOATING, OperandType.TENSOR_QUANT16_ASYMM: FeatureLevel.LEVEL_3},
    forms=(
        (
            tensor("rois", 2),
            tensor("deltas", 2, accepts=following({OperandType.TENSOR_QUANT16_ASYMM: _QUANT8})),
            int32_tensor("batches", 1),
            tensor("images", 2),
        ),
    ),
    outputs=(tensor("output", 2),),
    dimensions=_transform_dimensions,
    reference=_axis_aligned_bbox_transform,
    check=_check_transform,
)

BOX_WITH_NMS_LIMIT = Declaration(
    OperationType.BOX_WITH_NMS_LIMIT,
    FeatureLevel.LEVEL_3,
    floating_and_quant8(FeatureLevel.LEVEL_3),
    forms=(
        (
            tensor("scores", 2),
            lengths("rois", 2),
            int32_tensor("batches", 1),
            real("score_threshold"),
            int32("max_detections"),
            int32("kernel", choices=NmsKernel),
            real("iou_threshold"),
            real("sigma"),
            real("nms_score_threshold"),
        ),
    ),
    outputs=(tensor("scores", 1), lengths("rois", 2), int32_tensor("classes", 1), int32_tensor("batches", 1)),
    dimensions=_box_with_nms_limit_dimensions,
    reference=_box_with_nms_limit,
    check=_check_box_with_nms_limit,
)

GENERATE_PROPOSALS = Declaration(
    OperationType.GENERATE_PROPOSALS,
    FeatureLevel.LEVEL_3,
    floating_and_quant8(FeatureLevel.LEVEL_3),
    forms=(
        (
            tensor("scores", 4),
            tensor("deltas", 4),
            tensor("anchors", 2, accepts=_ANCHORS),
            lengths("images", 2),
            real("height_stride"),
            real("width_stride"),
            int32("pre_nms_max"),
            int32("post_nms_max"),
            real("iou_threshold"),
            real("min_size"),
            boolean("nchw"),
        ),
    ),
    outputs=(tensor("scores", 1), lengths("rois", 2), int32_tensor("batches", 1)),
    dimensions=_generate_proposals_dimensions,
    reference=_generate_proposals,
    check=_check_generate_proposals,
)

DETECTION_POSTPROCESSING = Declaration(
    OperationType.DETECTION_POSTPROCESSING,
    FeatureLevel.LEVEL_3,
    _FLOATING,
    forms=(
        (
            tensor("scores", 3),
            tensor("deltas", 3),
            tensor("anchors", 2),
            real("scale_y"),
            real("scale_x"),
            real("scale_h"),
            real("scale_w"),
            boolean("regular_nms"),
            int32("max_detections", minimum=1),
            int32("max_classes_per_detection"),
            int32("max_detections_per_class"),
            real("score_threshold"),
            real("iou_threshold"),
            boolean("background_in_labels"),
        ),
    ),
    outputs=(tensor("scores", 2), tensor("boxes", 3), int32_tensor("classes", 2), int32_tensor("counts", 1)),
    dimensions=_detection_postprocessing_dimensions,
    reference=_detection_postprocessing,
)
