"""Detection: boxes, their regions, and suppression. Values decide how much there is; this is the most it can be."""

from __future__ import annotations

import math

from hal.counts.count import ROOT, TRANSCENDENTAL, Count, Shapes, counts
from hal.operations.declaration import Arguments
from hal.operations.layout import nhwc_shape
from hal.types import OperationType

_OVERLAP = 12 + ROOT
"""The intersection of two boxes over their union."""

_DECODING = 2 * TRANSCENDENTAL + 14
"""A box from its anchor and what a network says of it."""


def _sorting(number: int) -> int:
    """Compares to sort so many."""
    return number * max(number.bit_length(), 1)


def _suppression(candidates: int, kept: int) -> int:
    """Sort the candidates, then compare each with what is kept."""
    return _sorting(candidates) + candidates * min(kept, candidates) * _OVERLAP


@counts(OperationType.AXIS_ALIGNED_BBOX_TRANSFORM)
def _boxes(a: Arguments, shapes: Shapes) -> Count:
    return Count(shapes.results, shapes.results // 4 * _DECODING)


@counts(OperationType.BOX_WITH_NMS_LIMIT)
def _nms_limit(a: Arguments, shapes: Shapes) -> Count:
    """For each class but the background, all regions against each other."""
    regions, classes = a.scores.shape
    kept = regions if a.max_detections < 0 else a.max_detections
    suppression = max(classes - 1, 0) * _suppression(regions, regions)
    return Count(shapes.all_results, suppression + _sorting(regions * classes) + kept)


@counts(OperationType.DETECTION_POSTPROCESSING)
def _detection(a: Arguments, shapes: Shapes) -> Count:
    """Every anchor decoded; all classes suppressed one by one, or only each anchor's best ones."""
    batches, anchors, classes = a.scores.shape
    decoding = anchors * _DECODING
    if a.regular_nms:
        suppression = classes * _suppression(anchors, a.max_detections_per_class) + _sorting(anchors * classes)
    else:
        suppression = anchors * classes + _suppression(anchors, a.max_detections)
    return Count(shapes.all_results, batches * (decoding + suppression))


@counts(OperationType.GENERATE_PROPOSALS)
def _proposals(a: Arguments, shapes: Shapes) -> Count:
    """Every anchor at every place decoded and sorted, the best ones suppressed."""
    batches = a.scores.shape[0]
    candidates = math.prod(a.scores.shape[1:])
    considered = candidates if a.pre_nms_max <= 0 else min(a.pre_nms_max, candidates)
    kept = considered if a.post_nms_max <= 0 else a.post_nms_max
    suppression = candidates * _DECODING + _sorting(candidates) + _suppression(considered, kept)
    return Count(shapes.all_results, batches * suppression)


@counts(OperationType.HEATMAP_MAX_KEYPOINT)
def _keypoints(a: Arguments, shapes: Shapes) -> Count:
    """The largest value of each heatmap, and the quadratic surface through what is around it."""
    elements = math.prod(a.heatmaps.shape)
    return Count(elements, elements + shapes.results * (40 + ROOT))


@counts(OperationType.ROI_ALIGN)
def _roi_align(a: Arguments, shapes: Shapes) -> Count:
    """Bilinear samples for each result. With 0 samples the region's size decides: at most the whole image's."""
    _, height, width, _ = nhwc_shape(a.input.shape, a.nchw)
    vertical = a.height_samples or math.ceil(height / a.output_height)
    horizontal = a.width_samples or math.ceil(width / a.output_width)
    return Count(shapes.results, shapes.results * (vertical * horizontal * 9 + 1))


@counts(OperationType.ROI_POOLING)
def _roi_pooling(a: Arguments, shapes: Shapes) -> Count:
    """The largest value of each part of a region: at most the whole image for each region and channel."""
    _, height, width, _ = nhwc_shape(a.input.shape, a.nchw)
    parts = math.ceil(height / a.output_height) * math.ceil(width / a.output_width)
    return Count(shapes.results, shapes.results * parts)
