"""Non-maximum suppression (NMS): of boxes that overlap, the one with the greatest score."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hal.operations.declaration import Array

Survivors = Callable[[Array, Array], tuple[Array, Array]]
"""From scores and overlaps with the box just chosen, to new scores and which of the boxes remain."""


def chosen_boxes(scores: Array, boxes: Array, limit: int, survivors: Survivors) -> tuple[Array, Array]:
    """Non-maximum suppression: the box of the greatest score, again and again, among those that remain.

    ``scores`` [n], ``boxes`` [n, 4] -> the indexes of at most ``limit`` boxes in the order in which they
    are chosen, and every box's score in the end.
    """
    scores = scores.copy()
    pending = np.arange(len(scores))
    chosen: list[int] = []
    while pending.size and len(chosen) < limit:
        best = pending[scores[pending].argmax()]
        chosen.append(int(best))
        pending = pending[pending != best]
        scores[pending], remaining = survivors(scores[pending], overlap(boxes[best], boxes[pending]))
        pending = pending[remaining]
    return np.array(chosen, int), scores


def overlap(box: Array, boxes: Array) -> Array:
    """Intersection over union of ``box`` [4] with each of ``boxes`` [n, 4]; 0 where neither has an area.

    Rounded to float32, the precision of the thresholds that it is compared with.
    """
    shared = (np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])).clip(min=0).prod(axis=1)
    union = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - shared
    ratio = np.divide(shared, union, out=np.zeros_like(union), where=union > 0)
    rounded: Array = ratio.astype(np.float32).astype(np.float64)
    return rounded


def hard(threshold: float) -> Survivors:
    """Only boxes that overlap less than ``threshold`` remain."""
    return lambda scores, overlaps: (scores, overlaps < threshold)


def soft(kernel: Callable[[Array], Array], least: float) -> Survivors:
    """Scores are multiplied by ``kernel`` of the overlap; boxes whose score is at least ``least`` remain."""

    def survivors(scores: Array, overlaps: Array) -> tuple[Array, Array]:
        scores = scores * kernel(overlaps)
        return scores, scores >= least

    return survivors


def best_first(scores: Array) -> Array:
    """The indexes of ``scores`` [n] from the greatest on; of equal ones, the first comes first."""
    return np.argsort(-scores, kind="stable")


def chosen_by_class(
    scores: Array, boxes: Array, least: float, limit: int, survivors: Survivors
) -> tuple[Array, Array, Array]:
    """Non-maximum suppression of each class but the first, the background, among scores of at least ``least``.

    ``scores`` [n, classes], ``boxes`` [n, classes, 4] -> row, class and score in the end of each box
    chosen, class by class; at most ``limit`` of a class.
    """
    found = []
    for number in range(1, scores.shape[1]):
        rows = np.flatnonzero(scores[:, number] >= least)
        chosen, lowered = chosen_boxes(scores[rows, number], boxes[rows, number], limit, survivors)
        found.append((rows[chosen], np.full(len(chosen), number), lowered[chosen]))
    rows, classes, values = (np.concatenate(each) for each in zip(*found))
    return rows, classes, values
