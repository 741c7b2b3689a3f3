"""From photographs to MediaPipe's face models and back: crops, boxes, landmarks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

Array = NDArray[Any]

DETECTION_SIZE = 128
"""Width and height of face_detection_short_range's input."""

LANDMARK_SIZE = 192
"""Width and height of face_landmark's input."""

_GRIDS = ((16, 2), (8, 6))  # cells along each side and anchors in each, for strides 8 and 3 times 16
_KEYPOINTS = 6
_MIN_SCORE = 0.5
_MAX_LOGIT = 100.0
_MIN_OVERLAP = 0.3
_FACE_MARGIN = 1.5


@dataclass(frozen=True, slots=True)
class Region:
    """A square of a photo: centre and side in pixels, turned clockwise by ``angle`` radians."""

    x: float
    y: float
    side: float
    angle: float = 0.0

    def to_photo(self, points: Array) -> Array:
        """Photo pixels of ``points`` [..., 2], whose (0, 0) and (1, 1) are corners of the region."""
        across, down = np.moveaxis((points - 0.5) * self.side, -1, 0)
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return np.stack([self.x + cos * across - sin * down, self.y + sin * across + cos * down], axis=-1)

    def crop(self, photo: Image, size: int, low: float, high: float) -> Array:
        """The region's pixels as float32 [1, size, size, 3] from ``low`` to ``high``; black beyond the photo."""
        from PIL.Image import Resampling, Transform

        finer = max(1, math.ceil(self.side / size))  # sample each pixel and average, lest a big photo aliases
        origin, right, below = self.to_photo(np.array([[0, 0], [1, 0], [0, 1]])).tolist()
        steps = [(corner[axis] - origin[axis]) / (size * finer) for axis in (0, 1) for corner in (right, below)]
        matrix = (steps[0], steps[1], origin[0], steps[2], steps[3], origin[1])
        sampled = photo.convert("RGB").transform(
            (size * finer, size * finer), Transform.AFFINE, matrix, Resampling.BILINEAR
        )
        pixels = np.asarray(sampled.reduce(finer), np.float32) / 255
        return (pixels * (high - low) + low)[None]


@dataclass(frozen=True, slots=True)
class Face:
    """A detected face, in photo pixels.

    ``box``: left, top, right, bottom. ``keypoints``: [6, 2], the eye on the left of the photo first,
    then the other, nose, mouth, ears. ``score``: from 0 to 1.
    """

    score: float
    box: tuple[float, float, float, float]
    keypoints: Array

    def landmark_region(self) -> Region:
        """Where face_landmark looks: the box made square and half as big again, along the line of the eyes."""
        left, top, right, bottom = self.box
        across, down = self.keypoints[1] - self.keypoints[0]
        side = _FACE_MARGIN * max(right - left, bottom - top)
        return Region((left + right) / 2, (top + bottom) / 2, side, math.atan2(down, across))


def whole(photo: Image) -> Region:
    """The smallest upright square around a photo."""
    return Region(photo.width / 2, photo.height / 2, max(photo.width, photo.height))


def anchors() -> Array:
    """Centres of face_detection_short_range's 896 anchors, [896, 2], in parts of the input's size.

    MediaPipe's SSD anchors of fixed size: row by row, all of a cell's one after the other.
    """
    grids = []
    for cells, repeats in _GRIDS:
        centres = (np.arange(cells) + 0.5) / cells
        x, y = np.meshgrid(centres, centres)
        grids.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), repeats, axis=0))
    return np.concatenate(grids)


def decode_faces(regressors: Array, logits: Array, region: Region) -> list[Face]:
    """The faces that face_detection_short_range found in the crop of ``region``, the surest first.

    ``regressors``: [1, 896, 16], for each anchor the box's centre, width and height and 6 keypoints,
    in input pixels from the anchor. ``logits``: [1, 896, 1]. Boxes that overlap become one, their
    mean weighted by score, as in MediaPipe.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits.reshape(-1).astype(np.float64), -_MAX_LOGIT, _MAX_LOGIT)))
    raw = regressors.reshape(scores.size, 2 + _KEYPOINTS, 2).astype(np.float64) / DETECTION_SIZE
    likely = np.flatnonzero(scores >= _MIN_SCORE)
    likely = likely[np.argsort(-scores[likely], kind="stable")]
    scores, centres = scores[likely], anchors()[likely]
    middle, half = raw[likely, 0] + centres, raw[likely, 1] / 2
    points = np.concatenate(
        [np.stack([middle - half, middle + half], axis=1), raw[likely, 2:] + centres[:, None]], axis=1
    )
    faces = []
    while scores.size:
        same = _overlap(points[0, :2], points[:, :2]) > _MIN_OVERLAP
        same[0] = True
        merged = region.to_photo(np.average(points[same], axis=0, weights=scores[same]))
        (left, top), (right, bottom) = merged[:2].tolist()
        faces.append(Face(float(scores[0]), (left, top, right, bottom), merged[2:]))
        points, scores = points[~same], scores[~same]
    return faces


def decode_landmarks(landmarks: Array, logit: Array, region: Region) -> tuple[Array, float]:
    """face_landmark's 468 landmarks in photo pixels, [468, 2], and the score that a face is there.

    ``landmarks``: [1, 1, 1, 1404], x, y and depth of each in input pixels. ``logit``: [1, 1, 1, 1].
    """
    points = landmarks.reshape(-1, 3)[:, :2].astype(np.float64) / LANDMARK_SIZE
    return region.to_photo(points), float(1 / (1 + np.exp(-logit.astype(np.float64).item())))


def _overlap(corners: Array, others: Array) -> Array:
    """Intersection over union of a box, [[left, top], [right, bottom]], with each of ``others`` [n, 2, 2]."""
    size = np.minimum(corners[1], others[:, 1]) - np.maximum(corners[0], others[:, 0])
    intersection = np.prod(np.maximum(size, 0), axis=-1)
    union = np.prod(corners[1] - corners[0]) + np.prod(others[:, 1] - others[:, 0], axis=-1) - intersection
    return intersection / np.maximum(union, np.finfo(np.float64).tiny)
